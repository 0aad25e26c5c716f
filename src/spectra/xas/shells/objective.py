"""Frames of χ(k) against their paths, as the batched solver and the joint fit see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.fit.expressions import Dual
from spectra.fit.solver import Evaluation
from spectra.xas.shells.equation import QUANTITIES, Contribution, Wavenumbers
from spectra.xas.shells.model import Model, Restraint
from spectra.xas.shells.space import Map

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# Frames at a time: what is worked on stays in the processor's cache. No answer depends on it.
_ROWS = 16


@dataclass(frozen=True)
class ShellsObjective:
    """Frames of χ(k), each fitted with its own parameters.

    Parameters
    ----------
    model : Model
    maps : tuple of Map
    which : int array (frames,)
        Which of the maps each frame has.
    chi : array (frames, points)
        On the whole grid; what a map does not use does not matter.
    scale : array (frames, k-weights)
        Factors on the residuals of each k-weight.
    active : bool array (frames, paths)
    variables : mapping of str to array (frames,)
    shares : tuple of float
        Factors on the squares of the restraints: 1/n if n frames have the same in common.
    rows : int array
        Which of the frames stand for the rows of the problem.
    """

    model: Model
    maps: tuple[Map, ...]
    which: IntArray
    chi: FloatArray
    scale: FloatArray
    active: BoolArray
    variables: Mapping[str, FloatArray]
    shares: tuple[float, ...]
    rows: IntArray

    def take(self, rows: IntArray) -> ShellsObjective:
        """The same objective for some of the rows."""
        return replace(self, rows=self.rows[rows])

    def vary(self, free: BoolArray) -> ShellsObjective:
        """The same: derivatives by all parameters come together."""
        return self

    def evaluate(self, theta: FloatArray) -> Evaluation:
        """Cost, gradient and Hessian at the slots (rows, P)."""
        n_rows, size = theta.shape
        cost = np.empty(n_rows)
        gradient = np.empty((n_rows, size))
        hessian = np.empty((n_rows, size, size))
        known = self.known(theta)
        # A step that leads nowhere may overflow: the solver takes it back.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for part, residual, jacobian in self.residuals(theta, known):
                cost[part] = np.matmul(residual[:, None, :], residual[:, :, None])[:, 0, 0]
                gradient[part] = np.matmul(jacobian, residual[:, :, None])[:, :, 0]
                hessian[part] = np.matmul(jacobian, jacobian.transpose(0, 2, 1))
        for misfit, slopes in self.restrained(known, n_rows, size):
            cost += misfit**2
            gradient -= misfit[:, None] * slopes
            hessian += slopes[:, :, None] * slopes[:, None, :]
        return Evaluation(theta, cost, gradient, hessian)

    def known(self, theta: FloatArray) -> dict[str, Dual]:
        """Parameters and variables of the rows."""
        some = {name: values[self.rows] for name, values in self.variables.items()}
        return self.model.known(theta, some)

    def residuals(
        self, theta: FloatArray, known: Mapping[str, Dual] | None = None
    ) -> Iterator[tuple[IntArray, FloatArray, FloatArray]]:
        """Some of the rows, what is left of their data (n, m), and ∂model/∂slots (n, P, m)."""
        known = self.known(theta) if known is None else known
        quantities = [path.evaluate(known) for path in self.model.paths]
        for part, map_ in self.parts():
            frames = self.rows[part]
            curves = self.curves(quantities, part, map_.k, theta.shape[1])
            curves[:, 0] = self.chi[frames[:, None], map_.points] - curves[:, 0]
            seen = np.matmul(curves, map_.joined)
            seen *= self.factors(frames, map_)[:, None, :]
            yield part, seen[:, 0], seen[:, 1:]

    def parts(self) -> Iterator[tuple[IntArray, Map]]:
        """Rows that have a map in common, a few at a time."""
        which = self.which[self.rows]
        for number in np.unique(which).tolist():
            same = np.flatnonzero(which == number)
            for start in range(0, len(same), _ROWS):
                yield same[start : start + _ROWS], self.maps[number]

    def factors(self, frames: IntArray, map_: Map) -> FloatArray:
        """Factors on the residuals (n, m)."""
        ranks = [m.shape[1] for m in map_.matrices]
        return np.repeat(self.scale[frames], ranks, axis=1)

    def curves(
        self,
        quantities: Sequence[Mapping[str, Dual]],
        part: IntArray,
        k: FloatArray,
        size: int,
    ) -> FloatArray:
        """χ of the model at k, and its derivatives by the slots (n, 1 + P, points)."""
        out = np.zeros((len(part), 1 + size, len(k)))
        at: dict[tuple[object, ...], Wavenumbers] = {}
        for number, (path, found) in enumerate(zip(self.model.paths, quantities, strict=True)):
            on = self.active[self.rows[part], number]
            if not on.any():
                continue
            some = [_some(found[name], part) for name in QUANTITIES]
            if not on.all():
                some[0] = some[0].map(some[0].value * on, on * 1.0)
            e0, ei, medium = some[1], some[6], path.curves.medium
            # Paths mostly have these in common.
            key = (
                id(medium),
                bool(e0.slopes),
                e0.value.tobytes(),
                bool(ei.slopes),
                ei.value.tobytes(),
            )
            if key not in at:
                at[key] = Wavenumbers(medium, k, e0, ei)
            wave = Contribution(path.curves, at[key], some)
            out[:, 0] += wave.value
            for quantity, dual in enumerate(some):
                if not dual.slopes:
                    continue
                slope = wave.slope(quantity)
                for slot, factor in dual.slopes.items():
                    out[:, 1 + slot] += np.reshape(factor, (-1, 1)) * slope
        return out

    def restrained(
        self, known: Mapping[str, Dual], n_rows: int, size: int
    ) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Misfits (rows,) of restraints, and their derivatives by the slots (rows, P)."""
        for restraint, share in zip(self.model.restraints, self.shares, strict=True):
            yield _misfit(restraint, known, float(np.sqrt(share)), (n_rows, size))


def _misfit(
    restraint: Restraint, known: Mapping[str, Dual], root: float, shape: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    found = restraint.expression.evaluate(known)
    slopes = np.zeros(shape)
    for slot, slope in found.slopes.items():
        slopes[:, slot] = root * slope / restraint.stderr
    value = np.broadcast_to(found.value, shape[:1])
    return root * (value - restraint.value) / restraint.stderr, slopes


def _some(dual: Dual, part: IntArray) -> Dual:
    """A dual number for some of the rows."""

    def cut(values: FloatArray) -> FloatArray:
        array = np.asarray(values, dtype=float)
        return array if array.ndim == 0 else array[part]

    return Dual(cut(dual.value), {k: cut(s) for k, s in dual.slopes.items()})
