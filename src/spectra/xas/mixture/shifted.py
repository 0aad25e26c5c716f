"""Mixtures of standards that may shift in energy: their curves and how they are fitted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from spectra.xas.mixture.bounded import Normal, solve_bounded
from spectra.xas.mixture.frames import Frames, row_products
from spectra.xas.mixture.standards import Standard

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

SHIFTS = ("none", "common", "each")

_ROUNDS = 50
# Shifts (eV) that change by less have settled, and no step goes further than the second.
_SETTLED, _STRIDE = 1e-7, 0.5


@dataclass(frozen=True)
class Mixture:
    """Weights (frames, standards), shifts (frames, n) in eV, and whether these settled."""

    weight: FloatArray
    shift: FloatArray
    converged: BoolArray


@dataclass(frozen=True)
class Mixing:
    """How standards mix on some energies (p,).

    Parameters
    ----------
    energy : array (points,)
    standards : tuple of Standard
    closed : bool
        Whether weights add up to one.
    shift : {"none", "common", "each"}
    limit : float
        Of the shifts (eV).
    """

    energy: FloatArray
    standards: tuple[Standard, ...]
    closed: bool
    shift: str
    limit: float

    def n_shifts(self, members: tuple[int, ...]) -> int:
        """Number of shifts that some standards have."""
        return {"none": 0, "common": 1, "each": len(members)}[self.shift]

    @cached_property
    def _splines(self) -> list[CubicSpline]:
        return [s.curve() for s in self.standards]

    @cached_property
    def still(self) -> FloatArray:
        """The standards where they were measured (points, standards)."""
        return np.stack([spline(self.energy) for spline in self._splines], axis=1)

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]:
        """Products of two standards each (points, pairs)."""
        i, j = np.triu_indices(len(self.standards))
        return i, j, np.ascontiguousarray(self.still[:, i] * self.still[:, j])

    def curves(self, shift: FloatArray, order: int = 0) -> FloatArray:
        """Shifted standards (frames, points, standards), or their slopes."""
        own = np.broadcast_to(shift, (len(shift), len(self.standards)))
        return np.stack(
            [
                spline(self.energy - own[:, j, None], order)
                for j, spline in enumerate(self._splines)
            ],
            axis=2,
        )

    def curve(self, mixture: Mixture) -> FloatArray:
        """The fitted spectra (frames, points)."""
        if self.shift == "none":
            return row_products(mixture.weight, np.ascontiguousarray(self.still.T))
        curves = self.curves(mixture.shift)
        return np.asarray(np.matmul(curves, mixture.weight[:, :, None])[:, :, 0])

    def normal(
        self,
        frames: Frames,
        mixture: Mixture,
        members: tuple[int, ...],
        weight: FloatArray | None = None,
    ) -> Normal:
        """Normal equations of weights, and of changes of the shifts, about a mixture.

        The unknowns are the weights and the *changes* of the shifts; a shift of a standard that
        has no weight has none.

        Parameters
        ----------
        weight : array (frames, points), optional
            Of the points; by default that of the frames.
        """
        w = frames.weight if weight is None else weight
        weighted = w * frames.y
        square = row_products(weighted, frames.y[:, :, None])[:, 0]
        size = len(self.standards)
        if self.shift == "none":
            i, j, pairs = self._pairs
            gram = np.empty((len(w), size, size))
            gram[:, i, j] = gram[:, j, i] = row_products(w, pairs)
            return Normal(gram, row_products(weighted, self.still), square, size, self.closed)
        curves, slopes = self.curves(mixture.shift), self.curves(mixture.shift, 1)
        present = np.isin(np.arange(size), members)
        change = -slopes * (mixture.weight * present)[:, None, :]
        if self.shift == "common":
            change = change.sum(axis=2, keepdims=True)
        design = np.concatenate([curves, change], axis=2)
        gram = np.matmul((w[:, :, None] * design).transpose(0, 2, 1), design)
        return Normal(gram, row_products(weighted, design), square, size, self.closed)

    def fit(self, frames: Frames, members: tuple[int, ...]) -> Mixture:
        """Fit some of the standards to every frame, by Gauss-Newton steps in the shifts."""
        n, size = len(frames.y), len(self.standards)
        count = {"none": 0, "common": 1, "each": size}[self.shift]
        mixture = Mixture(np.zeros((n, size)), np.zeros((n, count)), np.ones(n, bool))
        first = Mixing(self.energy, self.standards, self.closed, "none", self.limit)
        unknowns, _ = solve_bounded(first.normal(frames, mixture, members), members)
        mixture.weight[:] = unknowns[:, :size]
        going = np.flatnonzero(frames.usable) if count else np.zeros(0, np.intp)
        mixture.converged[going] = False
        for _ in range(_ROUNDS):
            if going.size == 0:
                break
            part = Mixture(mixture.weight[going], mixture.shift[going], mixture.converged[going])
            own = frames.take(going)
            unknowns, _ = solve_bounded(self.normal(own, part, members), members)
            step = np.clip(unknowns[:, size:], -_STRIDE, _STRIDE)
            shift = np.clip(part.shift + step, -self.limit, self.limit)
            mixture.weight[going] = unknowns[:, :size]
            settled = (np.abs(shift - part.shift) < _SETTLED).all(axis=1)
            mixture.shift[going] = shift
            mixture.converged[going] = settled
            going = going[~settled]
        return mixture
