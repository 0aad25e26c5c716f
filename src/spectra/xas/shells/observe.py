"""Frames as they are fitted: which can be, what they are weighted with, and their residuals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.status import Status
from spectra.xas.exafs.chi import Chi
from spectra.xas.exafs.high_r import level_by_k
from spectra.xas.frames import Verdicts
from spectra.xas.shells.model import Model
from spectra.xas.shells.objective import ShellsObjective
from spectra.xas.shells.space import Map, Ranges, make_map

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

NOISES = ("auto", "given", "high_r")
_TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Observed:
    """The frames of a block.

    Attributes
    ----------
    verdicts : Verdicts
    rows : int array
        Frames that can be fitted.
    objective : ShellsObjective
        Of these frames.
    sigma : array (rows, points)
        Standard uncertainty of each point of χ(k).
    """

    verdicts: Verdicts
    rows: IntArray
    objective: ShellsObjective
    sigma: FloatArray

    def take(self, some: IntArray) -> Observed:
        """Some of the frames that can be fitted."""
        return replace(
            self,
            rows=self.rows[some],
            objective=self.objective.take(some),
            sigma=self.sigma[some],
        )


def observe(
    block: Any,
    chi: Chi,
    model: Model,
    ranges: Ranges,
    noise: str | float,
    n_idp: float,
    shares: tuple[float, ...],
) -> Observed:
    """Judge the frames of a block and make their objective.

    Parameters
    ----------
    block : Stack or Results
    chi : Chi
        Of the block.
    model : Model
    ranges : Ranges
    noise : str or float
        One of `NOISES`, or the standard uncertainty of every point.
    n_idp : float
        Number of independent points, that the squares of residuals are scaled to.
    shares : tuple of float
        See `ShellsObjective`.
    """
    verdicts = Verdicts(block)
    finite = np.isfinite(chi.values)
    first, stop = finite.argmax(axis=1), len(chi.k) - finite[:, ::-1].argmax(axis=1)
    _judge(verdicts, chi, finite, (first, stop), ranges)
    for name in model.variables:
        unknown = np.flatnonzero(~np.isfinite(block.variables[name].values))
        verdicts.mark(
            unknown, Status.BAD_INPUT, f"its {name} is not known, which the fit depends on"
        )
    values = np.where(finite, chi.values, 0.0)
    sigma = _sigma(verdicts, chi, values, ranges, noise)
    rows = np.flatnonzero(verdicts.good)
    ends = np.stack([first[rows], stop[rows]], axis=1)
    kinds, which = np.unique(ends, axis=0, return_inverse=True)
    maps = tuple(make_map(chi.step, ranges, int(a), int(b)) for a, b in kinds.tolist())
    which = np.asarray(which.ravel(), dtype=np.intp)
    objective = ShellsObjective(
        model=model,
        maps=maps,
        which=which,
        chi=values[rows],
        scale=_scales(maps, which, sigma[rows], n_idp),
        active=active_paths(model, block.variables, len(block))[rows],
        variables={name: block.variables[name].values[rows] for name in model.variables},
        shares=shares,
        rows=np.arange(len(rows)),
    )
    return Observed(verdicts, rows, objective, sigma[rows])


def active_paths(model: Model, variables: Mapping[str, Any], n_frames: int) -> BoolArray:
    """Which paths each frame has (frames, paths)."""
    active = np.ones((n_frames, len(model.paths)), bool)
    for i, path in enumerate(model.paths):
        for name, value in path.only.items():
            active[:, i] &= np.isclose(variables[name].values, value, rtol=1e-9, atol=0.0)
    return active


def _judge(
    verdicts: Verdicts,
    chi: Chi,
    finite: BoolArray,
    ends: tuple[IntArray, IntArray],
    ranges: Ranges,
) -> None:
    """Mark frames whose χ(k) does not cover the range, has holes or says nothing."""
    low, high = (round(edge / chi.step) for edge in ranges.k)
    first, stop = ends
    none = np.flatnonzero(~finite.any(axis=1))
    verdicts.mark(none, Status.BAD_INPUT, "χ(k) has no value")
    short = np.flatnonzero((first > low) | (stop <= high))
    verdicts.mark(
        short,
        Status.BAD_INPUT,
        lambda i: (
            f"χ(k) goes from {chi.k[first[short[i]]]:g} to {chi.k[stop[short[i]] - 1]:g}, the fit "
            f"from {ranges.k[0]:g} to {ranges.k[1]:g} 1/angstrom; choose k within what was measured"
        ),
    )
    count = finite.sum(axis=1)
    holes = np.flatnonzero((count > 0) & (count < stop - first))
    verdicts.mark(
        holes,
        Status.BAD_INPUT,
        lambda i: (
            f"χ(k) is not a number at k = {_hole(chi.k, finite[holes[i]]):.4g} 1/angstrom; mend "
            "the spectrum (xas.Deglitch) or leave that part out of k"
        ),
    )
    flat = np.flatnonzero(np.abs(np.where(finite, chi.values, 0.0)).max(axis=1) == 0.0)
    verdicts.mark(flat, Status.NO_SIGNAL, "χ(k) is zero everywhere")


def _hole(k: FloatArray, finite: BoolArray) -> float:
    inside = np.flatnonzero(finite)
    gaps = np.flatnonzero(~finite[inside[0] : inside[-1]])
    return float(k[inside[0] + gaps[0]])


def _sigma(
    verdicts: Verdicts, chi: Chi, values: FloatArray, ranges: Ranges, noise: str | float
) -> FloatArray:
    """Standard uncertainty of each point (frames, points)."""
    if not isinstance(noise, str):
        return np.full(values.shape, float(noise))
    given = chi.stderr
    if noise == "given":
        return _given(verdicts, chi, ranges)
    seen = level_by_k(values, chi.k, *ranges.k)
    if noise == "high_r" or given is None:
        return seen
    inside = (chi.k >= ranges.k[0]) & (chi.k <= ranges.k[1])
    told = np.asarray((np.isfinite(given) & (given > 0))[:, inside].all(axis=1))
    return np.where(told[:, None], _filled(given), seen)


def _given(verdicts: Verdicts, chi: Chi, ranges: Ranges) -> FloatArray:
    if chi.stderr is None:
        every = np.arange(len(chi.values))
        verdicts.mark(every, Status.BAD_INPUT, 'χ(k) has no stderr; take noise = "high_r"')
        return np.ones_like(chi.values)
    inside = (chi.k >= ranges.k[0]) & (chi.k <= ranges.k[1])
    bad = ~(np.isfinite(chi.stderr) & (chi.stderr > 0))[:, inside].all(axis=1)
    verdicts.mark(
        np.flatnonzero(bad),
        Status.BAD_INPUT,
        'the stderr of χ(k) is not a positive number throughout; take noise = "high_r"',
    )
    return _filled(chi.stderr)


def _filled(stderr: FloatArray) -> FloatArray:
    """Zero where it is not told: outside the range, where windows are all but closed."""
    return np.where(np.isfinite(stderr) & (stderr > 0), stderr, 0.0)


def _scales(maps: tuple[Map, ...], which: IntArray, sigma: FloatArray, n_idp: float) -> FloatArray:
    """Factors (rows, k-weights) that make the mean square of noise n_idp in all."""
    if not maps:
        return np.ones((0, 1))
    count = len(maps[0].matrices)
    out = np.empty((len(which), count))
    for number, map_ in enumerate(maps):
        some = np.flatnonzero(which == number)
        for w, matrix in enumerate(map_.matrices):
            power = (matrix**2).sum(axis=1)
            # Not [:, points]: how its result lies in memory, and so its sum, hangs on the rows.
            variance = sigma[some[:, None], map_.points] ** 2
            mean = (variance * power).sum(axis=1) / map_.rows
            out[some, w] = np.sqrt(n_idp / (map_.rows * count) / np.maximum(mean, _TINY))
    return out
