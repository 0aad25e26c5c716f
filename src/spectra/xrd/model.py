"""Where the reflections of some phases lie, as a function of cells and corrections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xrd.aberrations import Aberration
from spectra.xrd.lattice import CellConstraint, inverse_d2

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# A cell that would leave this range of its start (relative) is not determined by its peaks.
CELL_RANGE = 0.05


@dataclass(frozen=True)
class Axis:
    """How spacings become positions: in 2θ (deg) for a wavelength, or in q (1/angstrom)."""

    wavelength: float | None

    def position(self, inverse_d2: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Position for 1/d² and its derivative by 1/d²; NaN beyond 2θ = 180°."""
        root = np.sqrt(inverse_d2)
        if self.wavelength is None:
            return 2.0 * np.pi * root, np.pi / root
        sine = 0.5 * self.wavelength * root
        sine = np.where(sine < 1.0, sine, np.nan)
        slope = 0.5 * self.wavelength / (root * np.sqrt(1.0 - sine**2))
        return np.degrees(2.0 * np.arcsin(sine)), np.degrees(slope)

    def spacing(self, position: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Spacing d for a position and its derivative by the position."""
        if self.wavelength is None:
            d = 2.0 * np.pi / position
            return d, -d / position
        theta = 0.5 * np.radians(position)
        d = 0.5 * self.wavelength / np.sin(theta)
        return d, np.radians(-0.5 * d / np.tan(theta))


@dataclass(frozen=True)
class CellModel:
    """Reflections of all phases and what they depend on.

    Attributes
    ----------
    axis : Axis
    hkl : int array (R, 3)
    phase : int array (R,)
    intensity : array (R,)
        Relative within each phase.
    constraints : tuple of CellConstraint or None
        One per phase; None for a standard whose cell is held.
    start : array (phases, 6)
    aberrations : tuple of Aberration
    radius : float
        mm
    """

    axis: Axis
    hkl: NDArray[np.int32]
    phase: IntArray
    intensity: FloatArray
    constraints: tuple[CellConstraint | None, ...]
    start: FloatArray
    aberrations: tuple[Aberration, ...]
    radius: float

    @property
    def n_cell(self) -> int:
        """Number of free cell parameters, all phases together."""
        return sum(len(c.names) for c in self.constraints if c is not None)

    @property
    def n_parameters(self) -> int:
        """Number of free parameters."""
        return self.n_cell + len(self.aberrations)

    def columns(self, phase: int) -> slice:
        """Where the cell parameters of a phase stand."""
        sizes = [0 if c is None else len(c.names) for c in self.constraints]
        first = sum(sizes[:phase])
        return slice(first, first + sizes[phase])

    def initial(self, n_frames: int) -> FloatArray:
        """Parameters (frames, P) of the start cells without corrections."""
        parts = [c.free(s) for c, s in zip(self.constraints, self.start, strict=True) if c]
        one = np.concatenate([*parts, np.zeros(len(self.aberrations))])
        return np.tile(one, (n_frames, 1))

    def limits(self) -> tuple[FloatArray, FloatArray]:
        """Bounds of the parameters (P,): cells within `CELL_RANGE` of their start."""
        free = self.initial(1)[0, : self.n_cell]
        open_ = np.full(len(self.aberrations), np.inf)
        low = np.concatenate([free * (1.0 - CELL_RANGE), -open_])
        return low, np.concatenate([free * (1.0 + CELL_RANGE), open_])

    def cells(self, theta: FloatArray) -> FloatArray:
        """Cells (frames, phases, 6) of parameters (frames, P)."""
        cells = np.tile(self.start, (len(theta), 1, 1))
        for p, constraint in enumerate(self.constraints):
            if constraint is not None:
                cells[:, p] = constraint.cell(theta[:, self.columns(p)])
        return cells

    def exchanged(self, first: int, second: int) -> IntArray:
        """Give the reflection that each one becomes if two axes (parameters) change places.

        Where there is none in the list, it is the reflection itself.
        """
        axis = {"a": 0, "b": 1, "c": 2}
        other = np.arange(len(self.hkl))
        for p, constraint in enumerate(self.constraints):
            columns = range(self.n_parameters)[self.columns(p)]
            if constraint is None or first not in columns or second not in columns:
                continue
            order = [0, 1, 2]
            one, two = (axis[constraint.names[k - columns[0]]] for k in (first, second))
            order[one], order[two] = two, one
            mine = np.flatnonzero(self.phase == p)
            where = {tuple(np.abs(self.hkl[r]).tolist()): int(r) for r in mine}
            for r in mine.tolist():
                other[r] = where.get(tuple(np.abs(self.hkl[r])[order].tolist()), r)
        return other

    def positions(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Positions (frames, R) and their derivatives (frames, R, P)."""
        cells = self.cells(theta)
        n_frames, n_reflections = len(theta), len(self.hkl)
        position = np.empty((n_frames, n_reflections))
        jacobian = np.zeros((n_frames, n_reflections, self.n_parameters))
        for p, constraint in enumerate(self.constraints):
            mine = np.flatnonzero(self.phase == p)
            value, slope = inverse_d2(self.hkl[mine], cells[:, p])
            position[:, mine], chain = self.axis.position(value)
            if constraint is not None:
                by_free = chain[:, :, None] * (slope @ constraint.matrix)
                columns = np.arange(self.n_parameters)[self.columns(p)]
                jacobian[:, mine[:, None], columns[None, :]] = by_free
        ideal = position.copy()
        stretch = np.ones_like(position)
        for k, aberration in enumerate(self.aberrations):
            size = theta[:, self.n_cell + k, None]
            shift = aberration.shift(ideal, self.radius)
            position += size * shift
            stretch += size * aberration.slope(ideal, self.radius)
            jacobian[:, :, self.n_cell + k] = shift
        jacobian[:, :, : self.n_cell] *= stretch[:, :, None]
        # Reflections beyond 2θ = 180° have no position and must not spoil the others.
        return position, np.where(np.isfinite(position)[:, :, None], jacobian, 0.0)
