"""From the parameters of some frames to the lines of one phase, each step with its derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.lineshapes import tch_parts
from spectra.xrd.aberrations import Aberration
from spectra.xrd.lattice import inverse_d2
from spectra.xrd.pattern.lines import Lines
from spectra.xrd.pattern.phase import PhaseModel
from spectra.xrd.profile.axial import AxialTerm
from spectra.xrd.profile.instrument import EmissionLine
from spectra.xrd.profile.intensity import FactorTerm, product
from spectra.xrd.profile.widths import WidthTerm, line_widths

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_DEGREES = 180.0 / np.pi
# sin θ beyond which a line is out of reach.
_REACH = 0.9995
CENTER, AREA, FWHM, ETA = range(4)


@dataclass(frozen=True)
class Term:
    """A width or a factor with the places of its parameters."""

    term: WidthTerm | FactorTerm
    columns: slice


class Slopes:
    """Derivatives of the lines by the active parameters.

    Parameters
    ----------
    place : int array (P,)
        Which of the active parameters each parameter is, or -1.
    shape : (rows, R)
    count : int
        Active parameters.
    """

    def __init__(self, place: IntArray, shape: tuple[int, int], count: int) -> None:
        self.values = np.zeros((*shape, 4, count))
        self._place = place

    def add(self, what: int, columns: slice, slopes: FloatArray) -> None:
        """Add derivatives (rows, R, n) of `what` by the parameters of some `columns`."""
        place = self._place[columns]
        for i in np.flatnonzero(place >= 0).tolist():
            self.values[:, :, what, place[i]] += slopes[..., i]

    def wanted(self, columns: slice) -> bool:
        """Whether any of the parameters is active."""
        return bool((self._place[columns] >= 0).any())


@dataclass(frozen=True)
class PhaseLines:
    """All that makes the lines of one phase at one wavelength.

    Parameters
    ----------
    phase : PhaseModel
    cell, amplitude : slice
        Places of the parameters of the cell and the strengths.
    shifts : tuple of (Aberration, column)
    radius : float
        Of the diffractometer, mm.
    widths, factors : tuple of Term
        Of instrument and phase.
    axial : AxialTerm
    divergence : slice
        Places of its two values.
    nodes : int array (R,)
        Into how many lines axial divergence splits each reflection.
    line : EmissionLine
    """

    phase: PhaseModel
    cell: slice
    amplitude: slice
    shifts: tuple[tuple[Aberration, int], ...]
    radius: float
    widths: tuple[Term, ...]
    factors: tuple[Term, ...]
    axial: AxialTerm
    divergence: slice
    nodes: IntArray
    line: EmissionLine

    @property
    def reflection(self) -> IntArray:
        """Which reflection each of the `lines` belongs to."""
        if not (self.nodes > 1).any():
            return np.arange(len(self.nodes))
        some = (np.flatnonzero(self.nodes == n) for n in np.unique(self.nodes).tolist())
        return np.concatenate([np.repeat(part, self.nodes[part[0]]) for part in some])

    def lines(self, theta: FloatArray, place: IntArray, count: int, rows: IntArray) -> Lines:
        """Lines at parameters (rows, P).

        Parameters
        ----------
        theta : array (rows, P)
        place : int array (P,)
            Which of the active parameters each is, or -1.
        count : int
            Active parameters.
        rows : int array (rows,)
            Which of the patterns the rows are.
        """
        phase = self.phase
        cell = phase.constraint.cell(theta[:, self.cell])
        q, by_cell = inverse_d2(phase.hkl, cell)
        by_cell = np.matmul(by_cell, phase.constraint.matrix)
        sine = 0.5 * self.line.wavelength * np.sqrt(q)
        reached = sine < _REACH
        sine = np.minimum(sine, _REACH)
        angle = np.degrees(2.0 * np.arcsin(sine))
        # 2θ by 1/d²: Bragg's law, sin²θ = λ²/4d².
        by_q = np.where(reached, sine / np.sqrt(1.0 - sine**2) / q * _DEGREES, 0.0)
        slopes = Slopes(place, angle.shape, count)
        by_angle = np.zeros((*angle.shape, 4))
        center = self._center(theta, angle, slopes, by_angle)
        fwhm, eta = self._widths(theta, angle, slopes, by_angle)
        area, area_by_q = self._area(theta, q, angle, reached, rows, slopes, by_angle)
        for what in range(4):
            by_q_all = by_angle[:, :, what] * by_q
            if what == AREA:
                by_q_all = by_q_all + area_by_q
            slopes.add(what, self.cell, by_q_all[..., None] * by_cell)
        lines = Lines(center, area, fwhm, eta, slopes.values)
        if not (self.nodes > 1).any():
            return lines
        return self._spread(lines, theta, angle, place, by_q, by_cell)

    def _center(
        self, theta: FloatArray, angle: FloatArray, slopes: Slopes, by_angle: FloatArray
    ) -> FloatArray:
        """Positions: Bragg angle and aberrations."""
        center = angle.copy()
        by_angle[:, :, CENTER] = 1.0
        for aberration, column in self.shifts:
            value = theta[:, column, None]
            shift = aberration.shift(angle, self.radius)
            slopes.add(CENTER, slice(column, column + 1), shift[..., None])
            if value.any():
                center += value * shift
                by_angle[:, :, CENTER] += value * aberration.slope(angle, self.radius)
        return center

    def _widths(
        self, theta: FloatArray, angle: FloatArray, slopes: Slopes, by_angle: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Width and Lorentzian share of the lines."""
        values = [theta[:, t.columns] for t in self.widths]
        terms: Sequence[WidthTerm] = [t.term for t in self.widths]  # type: ignore[misc]
        w = line_widths(terms, values, angle, self.line.wavelength, self.line.fwhm)
        (fwhm, fwhm_by), (eta, eta_by) = tch_parts(w.gamma_g, w.gamma_l)
        first = 0
        for term, own in zip(self.widths, values, strict=True):
            part = slice(first, first + own.shape[1])
            first = part.stop
            if not slopes.wanted(term.columns):
                continue
            for what, (by_g, by_l) in ((FWHM, fwhm_by), (ETA, eta_by)):
                slopes.add(
                    what,
                    term.columns,
                    by_g[..., None] * w.gamma_g_by_values[..., part]
                    + by_l[..., None] * w.gamma_l_by_values[..., part],
                )
        for what, (by_g, by_l) in ((FWHM, fwhm_by), (ETA, eta_by)):
            by_angle[:, :, what] = by_g * w.gamma_g_by_two_theta + by_l * w.gamma_l_by_two_theta
        return fwhm, eta

    def _area(
        self,
        theta: FloatArray,
        q: FloatArray,
        angle: FloatArray,
        reached: NDArray[np.bool_],
        rows: IntArray,
        slopes: Slopes,
        by_angle: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Integrated intensities, and their derivatives by 1/d² through the strengths."""
        amplitude = self.phase.amplitude
        strength, by_values, by_q = amplitude.evaluate(theta[:, self.amplitude], q, rows)
        values = [theta[:, t.columns] for t in self.factors]
        terms: Sequence[FactorTerm] = [t.term for t in self.factors]  # type: ignore[misc]
        factor = product(terms, values, angle)
        weight = self.line.weight * reached
        factors = weight * factor.value
        slopes.add(AREA, self.amplitude, factors[..., None] * by_values)
        whole = weight * strength
        first = 0
        for term, own in zip(self.factors, values, strict=True):
            part = slice(first, first + own.shape[1])
            first = part.stop
            slopes.add(AREA, term.columns, whole[..., None] * factor.by_values[..., part])
        by_angle[:, :, AREA] = whole * factor.by_two_theta
        return strength * factors, by_q * factors

    def _spread(
        self,
        lines: Lines,
        theta: FloatArray,
        angle: FloatArray,
        place: IntArray,
        by_q: FloatArray,
        by_cell: FloatArray,
    ) -> Lines:
        """Split lines by axial divergence, those that need as many nodes together."""
        parts = []
        for count in np.unique(self.nodes).tolist():
            some = np.flatnonzero(self.nodes == count)
            if count == 1:
                parts.append(lines.lines(some))
                continue
            nodes = self.axial.nodes(angle[:, some], theta[:, self.divergence], count)
            n_rows = len(theta)
            slopes = Slopes(place, (n_rows, some.size * count), lines.slopes.shape[3])
            slopes.values += np.repeat(lines.slopes[:, some], count, axis=1)
            weight = _flat(nodes.weight)
            area = np.repeat(lines.area[:, some], count, axis=1)
            slopes.values[:, :, AREA] *= weight[..., None]
            by_angle = np.repeat((by_q[..., None] * by_cell)[:, some], count, axis=1)
            for what, factor, by_values in (
                (CENTER, np.ones_like(area), nodes.shift_by_values),
                (AREA, area, nodes.weight_by_values),
            ):
                by_both = by_values.reshape(*area.shape, 2)
                slopes.add(what, self.divergence, factor[..., None] * by_both)
            moved = (
                (CENTER, _flat(nodes.shift_by_two_theta)),
                (AREA, area * _flat(nodes.weight_by_two_theta)),
            )
            for what, by_two_theta in moved:
                slopes.add(what, self.cell, by_two_theta[..., None] * by_angle)
            parts.append(
                Lines(
                    np.repeat(lines.center[:, some], count, axis=1) + _flat(nodes.shift),
                    area * weight,
                    np.repeat(lines.fwhm[:, some], count, axis=1),
                    np.repeat(lines.eta[:, some], count, axis=1),
                    slopes.values,
                )
            )
        return Lines.concatenate(parts)


def _flat(values: FloatArray) -> FloatArray:
    """Nodes of all lines, one after the other: (rows, L, K) to (rows, L·K)."""
    return values.reshape(len(values), -1)
