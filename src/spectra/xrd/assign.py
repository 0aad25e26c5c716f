"""Index tracked peaks: find the reflection that each track shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from spectra.xrd.lattice import inverse_d2
from spectra.xrd.model import CellModel
from spectra.xrd.refine import Observations, Refinement, Refiner

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# How far a literature cell may be off (relative, standard deviation of a mild preference),
# and the grids of common and of separate scalings of the axes that are tried.
_PREFERRED = 0.006
_COMMON = np.linspace(-0.015, 0.015, 31)
_SEPARATE = np.linspace(-0.006, 0.006, 7)
_SEEDS = 5
_STRONGEST = 40
# Exchanged axes are put back in the order of the literature unless that explains the peaks
# worse by more than this part.
_TIE = 0.01
_FURTHEST = 0.03
# Standard uncertainties by which axes must differ for their order to be known.
_SURE = 3.0


@dataclass(frozen=True)
class Assignment:
    """What `assign` found.

    Attributes
    ----------
    reflection : int array (tracks,)
        Number of the reflection, or -1.
    start : array (phases, 6)
        Cells that explain the peaks.
    ambiguous : dict of int to list of int
        Tracks for which other reflections would do as well.
    """

    reflection: IntArray
    start: FloatArray
    ambiguous: dict[int, list[int]]


def assign(model: CellModel, observed: Observations, tolerance: float) -> Assignment:
    """Index the tracks of a sequence.

    Each phase is first sought in a few frames on its own: scalings of its axes within ±1.5 %
    are scored by how much of its strong reflections meet observed peaks. From the best one
    the cells are refined in all frames, tracks and reflections are matched anew (the
    assignment of least total distance, in widths, over the frames where the track is seen,
    with a mild preference for fitting intensities), and so on until nothing changes. Where
    axes of nearly the same length could be exchanged (b and c of a nearly tetragonal cell),
    positions alone cannot tell them apart: the literature's order is kept.

    Parameters
    ----------
    model : CellModel
    observed : Observations
        All frames (or a fair sample) of the sequence.
    tolerance : float
        Largest distance of a peak from its reflection, in fwhm.
    """
    start = model.start.copy()
    for p, constraint in enumerate(model.constraints):
        if constraint is not None:
            start[p] = _seed_phase(model, observed, p)
    best = _settle(replace(model, start=start), observed, tolerance)
    for p in range(len(model.constraints)):
        exchanged = _exchange_axes(model, best, p)
        if exchanged is not None:
            other = _settle(replace(model, start=exchanged), observed, tolerance)
            best = other if other.score >= (1.0 - _TIE) * best.score else best
    best = _in_order(model, best, observed)
    return Assignment(
        best.reflection, best.start, _ambiguous(model, best.cost, best.reflection, tolerance)
    )


@dataclass(frozen=True)
class _Settled:
    """An assignment that no longer changes, and how well it explains the tracks."""

    reflection: IntArray
    start: FloatArray
    cost: FloatArray
    score: float


def _settle(model: CellModel, observed: Observations, tolerance: float) -> _Settled:
    """Match and refine in turn from the start cells."""
    reflection = np.full(observed.center.shape[1], -1, np.intp)
    theta = model.initial(len(observed.center))
    for round_ in range(8):
        wide = tolerance * (2.0, 1.5, 1.2, 1.0)[min(round_, 3)]
        cost = _costs(model, observed, theta, reflection, wide)
        fresh = _match(cost, observed, wide)
        if round_ >= 4 and (fresh == reflection).all():
            break
        reflection = fresh
        result = Refiner(model, reflection, pull_uncertainty=0.5).rough(observed)
        theta = _carry(model, observed, reflection, result)
    # A track that most frames would rather do without shows something else.
    shown = observed.found.sum(axis=0)
    reflection[result.used.sum(axis=0) < 0.5 * shown] = -1
    cost = _costs(model, observed, theta, reflection, tolerance)
    middle = np.median(model.cells(theta), axis=0)
    matched = np.flatnonzero(reflection >= 0)
    gain = 2.0 * tolerance - cost[matched, reflection[matched]]
    return _Settled(reflection, middle, cost, float(gain[np.isfinite(gain)].sum()))


def _exchange_axes(model: CellModel, settled: _Settled, p: int) -> FloatArray | None:
    """Start cells with the axes of phase `p` exchanged to be nearer to the literature's."""
    constraint = model.constraints[p]
    if constraint is None:
        return None
    literature, now = constraint.free(model.start[p]), constraint.free(settled.start[p])
    lengths = [i for i, n in enumerate(constraint.names) if n in "abc"]
    best, least = None, float(np.abs(np.log(now / literature)[lengths]).sum())
    for order in permutations(lengths):
        trial = now.copy()
        trial[lengths] = now[list(order)]
        off = np.abs(np.log(trial / literature)[lengths])
        if off.max() < _FURTHEST and off.sum() < least - 1e-9:
            best, least = trial, float(off.sum())
    if best is None:
        return None
    start = settled.start.copy()
    start[p] = constraint.cell(best)
    return start


def _in_order(model: CellModel, settled: _Settled, observed: Observations) -> _Settled:
    """Give axes of nearly the same length the literature's order, by what all frames know.

    Exchanging two axes and the indices with them explains the positions just as well. The cells
    that the tracks were matched with are too rough to tell which of the two is the longer one.
    """
    now = replace(model, start=settled.start)
    refiner = Refiner(now, settled.reflection)
    for first, second in refiner.alike():
        result = refiner.refine(observed)
        variance = result.cov[:, first, first] + result.cov[:, second, second]
        variance = variance - 2.0 * result.cov[:, first, second]
        sure = np.flatnonzero(np.isfinite(variance) & (variance > 0))
        split = (result.theta[sure, first] - result.theta[sure, second]) / variance[sure]
        known = float(split.sum() / np.sqrt((1.0 / variance[sure]).sum())) if sure.size else 0.0
        literature = model.initial(1)[0]
        if known * (literature[first] - literature[second]) >= 0.0 or abs(known) < _SURE:
            continue
        other = now.exchanged(first, second)
        seen = settled.reflection >= 0
        reflection = np.where(seen, other[np.maximum(settled.reflection, 0)], -1)
        free = now.initial(1)
        free[:, [first, second]] = free[:, [second, first]]
        cost = settled.cost[:, other]
        settled = _Settled(reflection, now.cells(free)[0], cost, settled.score)
        now = replace(model, start=settled.start)
        refiner = Refiner(now, settled.reflection)
    return settled


def _seed_phase(model: CellModel, observed: Observations, p: int) -> FloatArray:
    """Cell of phase `p` that explains the strong peaks of some frame best."""
    mine = np.flatnonzero(model.phase == p)
    strongest = mine[np.argsort(-model.intensity[mine], kind="stable")[:_STRONGEST]]
    count = observed.found.sum(axis=1)
    frames = np.unique(np.linspace(0, len(count) - 1, _SEEDS).astype(int))
    frames = np.unique([_best_near(count, f, len(count) // (2 * _SEEDS)) for f in frames])
    best, best_score = model.start[p], -np.inf
    weight = np.sqrt(model.intensity[strongest])
    single = replace(model, hkl=model.hkl[strongest], phase=model.phase[strongest])
    cells = np.array(list(_scalings(model, p)))
    change = cells[:, :3] / model.start[p, :3] - 1.0
    prior = np.exp(-0.5 * (change.mean(axis=1) / _PREFERRED) ** 2)
    prior *= np.exp(-0.5 * (np.ptp(change, axis=1) / _PREFERRED) ** 2)
    positions = np.concatenate([_positions_of(single, p, c) for c in np.array_split(cells, 8)])
    for f in frames.tolist():
        there = np.flatnonzero(observed.found[f])
        if there.size == 0:
            continue
        score = _score(positions, observed, f, there, weight) * (0.7 + 0.3 * prior)
        top = int(score.argmax())
        if score[top] > best_score:
            best, best_score = cells[top], float(score[top])
    return np.asarray(best)


def _best_near(count: IntArray, frame: int, reach: int) -> int:
    low = max(0, frame - reach)
    return low + int(count[low : frame + reach + 1].argmax())


def _scalings(model: CellModel, p: int) -> Iterator[FloatArray]:
    """Cells of phase `p` with scaled axes."""
    constraint = model.constraints[p]
    assert constraint is not None
    axes = [i for i, n in enumerate(constraint.names) if n in "abc"]
    free = constraint.free(model.start[p])
    steps = [np.zeros(1)] + [_SEPARATE] * (len(axes) - 1)
    for common in _COMMON:
        for separate in product(*steps):
            scaled = free.copy()
            for i, e in zip(axes, separate, strict=True):
                scaled[i] *= 1.0 + common + e
            yield constraint.cell(scaled)


def _positions_of(model: CellModel, p: int, cells: FloatArray) -> FloatArray:
    return model.axis.position(inverse_d2(model.hkl, cells)[0])[0]


def _score(
    positions: FloatArray, observed: Observations, f: int, there: IntArray, weight: FloatArray
) -> FloatArray:
    """Share of the strong reflections that meet a peak, for each trial cell."""
    center, fwhm = observed.center[f, there], observed.fwhm[f, there]
    low, high = center.min() - fwhm.max(), center.max() + fwhm.max()
    index = np.clip(np.searchsorted(center, positions), 1, max(len(center) - 1, 1))
    if len(center) == 1:
        nearest = np.zeros(positions.shape, int)
    else:
        left_closer = positions - center[index - 1] < center[index] - positions
        nearest = np.where(left_closer, index - 1, index)
    distance = (positions - center[nearest]) / fwhm[nearest]
    inside = (positions >= low) & (positions <= high)
    area = np.sqrt(observed.area[f, there][nearest])
    met = np.where(inside, np.exp(-0.5 * distance**2), 0.0)
    share = (met * weight).sum(axis=1) / np.maximum((inside * weight).sum(axis=1), 1e-12)
    explained = (met * weight * area).sum(axis=1)
    norm = np.sqrt((np.where(inside, weight, 0) ** 2).sum(axis=1) * observed.area[f, there].sum())
    return np.asarray(share + explained / np.maximum(norm, 1e-12))


def _costs(
    model: CellModel,
    observed: Observations,
    theta: FloatArray,
    reflection: IntArray,
    tolerance: float,
) -> FloatArray:
    """Mean distance in fwhm of every track from every reflection (tracks, R); inf: too far.

    Large distances are capped, so that a few astray frames do not decide; a median would leave
    lines that part in some frames only, as those of a nearly tetragonal cell, to the rounding.
    """
    position, _ = model.positions(theta)
    n_tracks, n_reflections = observed.center.shape[1], position.shape[1]
    cost = np.full((n_tracks, n_reflections), np.inf)
    reference = _log_scales(model, observed, reflection)
    for t in range(n_tracks):
        rows = np.flatnonzero(observed.found[:, t])
        if rows.size == 0:
            continue
        delta = observed.center[rows, t, None] - position[rows]
        off = np.minimum(np.abs(delta) / observed.fwhm[rows, t, None], 2.0 * tolerance)
        distance = off.mean(axis=0)
        strength = np.log(np.median(observed.area[rows, t])) - np.log(
            np.maximum(model.intensity, 1e-3)
        )
        mismatch = np.abs(strength - reference[model.phase])
        mismatch = np.where(np.isfinite(mismatch), np.minimum(mismatch, 5.0), 1.0)
        near = distance <= tolerance
        cost[t, near] = (distance + 0.1 * tolerance * mismatch)[near]
    return cost


def _log_scales(model: CellModel, observed: Observations, reflection: IntArray) -> FloatArray:
    """Median of log(observed/calculated intensity) of each phase; NaN while unknown."""
    scales = np.full(len(model.constraints), np.nan)
    for p in range(len(scales)):
        tracks = np.flatnonzero((reflection >= 0) & (model.phase[reflection] == p))
        values = [
            np.log(np.median(observed.area[observed.found[:, t], t]))
            - np.log(max(model.intensity[reflection[t]], 1e-3))
            for t in tracks
            if observed.found[:, t].any()
        ]
        if values:
            scales[p] = float(np.median(values))
    return scales


def _match(cost: FloatArray, observed: Observations, tolerance: float) -> IntArray:
    """Assign tracks to reflections; broken tracks may share one if never seen together."""
    n_tracks = len(cost)
    reflection = np.full(n_tracks, -1, np.intp)
    open_ = np.arange(n_tracks)
    for _ in range(3):
        table = np.where(np.isfinite(cost[open_]), cost[open_], 1e3)
        for i, t in enumerate(open_.tolist()):
            for other in np.flatnonzero(reflection >= 0).tolist():
                if (observed.found[:, t] & observed.found[:, other]).any():
                    table[i, reflection[other]] = 1e3
        rows, columns = linear_sum_assignment(table)
        good = table[rows, columns] < 2.0 * tolerance
        if not good.any():
            break
        reflection[open_[rows[good]]] = columns[good]
        open_ = np.flatnonzero(reflection < 0)
        if open_.size == 0:
            break
    return reflection


def _carry(
    model: CellModel, observed: Observations, reflection: IntArray, result: Refinement
) -> FloatArray:
    """Parameters for every frame: where a phase is not determined, those of the nearest frame."""
    theta = result.theta.copy()
    variance = np.einsum("fpp->fp", result.cov)
    for p, constraint in enumerate(model.constraints):
        columns = model.columns(p)
        tracks = (reflection >= 0) & (model.phase[np.maximum(reflection, 0)] == p)
        if constraint is None:
            continue
        enough = (result.used & tracks).sum(axis=1) > len(constraint.names)
        enough &= np.isfinite(variance[:, columns]).all(axis=1)
        near_start = np.abs(theta[:, columns] / constraint.free(model.start[p]) - 1.0) < 0.03
        good = np.flatnonzero(enough & near_start.all(axis=1))
        if good.size == 0:
            theta[:, columns] = constraint.free(model.start[p])
            continue
        frames = np.arange(len(theta))
        nearest = good[np.abs(frames[:, None] - good[None, :]).argmin(axis=1)]
        theta[:, columns] = result.theta[nearest][:, columns]
    return theta


def _ambiguous(
    model: CellModel, cost: FloatArray, reflection: IntArray, tolerance: float
) -> dict[int, list[int]]:
    """Tracks with further free reflections that are as near (within 0.2 fwhm) and as strong."""
    taken = set(reflection[reflection >= 0].tolist())
    # What coincides in any cell of the system is one line, not two.
    trial = [_distort(model, e) for e in (0.01, -0.02)]
    lines = np.concatenate([model.positions(t)[0] for t in trial])
    ambiguous = {}
    for t in np.flatnonzero(reflection >= 0).tolist():
        own = reflection[t]
        close = np.flatnonzero(cost[t] <= cost[t, own] + 0.2)
        strong = model.intensity[close] >= 0.3 * model.intensity[own]
        apart = np.abs(lines[:, close] - lines[:, [own]]).max(axis=0) > 1e-6
        others = [int(r) for r in close[strong & apart] if int(r) not in taken]
        if others:
            ambiguous[t] = others
    return ambiguous


def _distort(model: CellModel, size: float) -> FloatArray:
    """Parameters (1, P) of cells distorted as far as their system allows."""
    theta = model.initial(1)
    theta[:, : model.n_cell] *= 1.0 + size * np.arange(1, model.n_cell + 1)
    return theta
