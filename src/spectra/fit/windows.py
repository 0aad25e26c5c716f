"""Fit groups of neighbouring peaks, each group in its own window, many windows at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.fit.coarse import bin_objective
from spectra.fit.lineshapes import Doublet, Profile, fwhm_of
from spectra.fit.losses import SQUARES, Counts
from spectra.fit.model import Model, Points
from spectra.fit.objective import SpectraObjective
from spectra.fit.solver import Solution, minimize
from spectra.status import Status

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# Points of the windows worked on together, so that memory stays flat; no answer depends on it.
_CHUNK_POINTS = 500_000
# What a rough fit may leave undone before the likelihood of the counts takes over.
_ROUGH = 1e-4
_FINE = 1e-10
_LEFT_IN_FWHM = 7.0
_MOST_BINS = 8


@dataclass(frozen=True)
class Windows:
    """Where to fit what: one row per window, K peaks in each.

    Attributes
    ----------
    frame : int array (rows,)
        Which spectrum of the block.
    center, fwhm : array (rows, K)
        Expected positions and widths, positions ascending.
    shape : array (rows, K, shape parameters besides the width)
        Expected further shape parameters.
    shape_free : bool array (rows, K)
        Whether they are varied.
    reach : array (rows, K)
        How far a centre may lie from its expected place.
    search : array (rows,)
        Half-range of common shifts that are tried before the fit (0: none).
    low, high : array (rows,)
        Ends of the window.
    """

    frame: IntArray
    center: FloatArray
    fwhm: FloatArray
    shape: FloatArray
    shape_free: BoolArray
    reach: FloatArray
    search: FloatArray
    low: FloatArray
    high: FloatArray

    def take(self, rows: IntArray) -> Windows:
        """Return some of the rows."""
        return Windows(**{k: v[rows] for k, v in vars(self).items()})


@dataclass(frozen=True)
class WindowFit:
    """Fitted windows, one row each.

    Attributes
    ----------
    theta : array (rows, P)
        Parameters in the order of ``model.names``.
    cov : array (rows, P, P)
        Covariance for the weights used, not scaled by χ²; NaN where not determined.
    at_bound : bool array (rows, P)
    chi2, dof : array (rows,)
    status : int8 array (rows,)
        Of the solver.
    present : bool array (rows, K)
        Peaks that stand in the spectrum.
    merged_with : int array (rows, K)
        Number of the peak of the window that stands for this one too, or -1.
    center, center_stderr, fwhm : array (rows, K)
    """

    theta: FloatArray
    cov: FloatArray
    at_bound: BoolArray
    chi2: FloatArray
    dof: IntArray
    status: NDArray[np.int8]
    present: BoolArray
    merged_with: IntArray
    center: FloatArray
    center_stderr: FloatArray
    fwhm: FloatArray

    def take(self, rows: IntArray) -> WindowFit:
        """Return copies of some of the rows."""
        return WindowFit(**{k: v[rows] for k, v in vars(self).items()})

    @classmethod
    def concatenate(cls, parts: Sequence[WindowFit]) -> WindowFit:
        """Put fits of the same model one below the other."""
        return cls(
            **{k: np.concatenate([getattr(p, k) for p in parts]) for k in cls.__annotations__}
        )


@dataclass(frozen=True)
class WindowFitter:
    """Settings of the fit of windows.

    Parameters
    ----------
    profile : Profile or Doublet
    degree : int
        Degree of the background in a window.
    keep : float
        Smallest area over its uncertainty of a peak that counts as present.
    merge : float
        Peaks closer than this fraction of their mean fwhm are fitted as one.
    poisson : bool
        Whether the intensities are counts: the variance is then taken from the fitted curve
        itself, which removes the bias that weights of 1/N bring at low counts.
    """

    profile: Profile | Doublet
    degree: int = 1
    keep: float = 4.0
    merge: float = 0.4
    poisson: bool = False

    def model(self, n_peaks: int) -> Model:
        """Return the model of a window with `n_peaks` peaks."""
        return Model(tuple((f"p{i + 1}_", self.profile) for i in range(n_peaks)), self.degree)

    def fit(self, x: FloatArray, y: FloatArray, sigma: FloatArray, windows: Windows) -> WindowFit:
        """Fit all windows.

        Parameters
        ----------
        x : array (points,)
        y, sigma : array (frames, points)
            Intensities (NaN: not measured) and their standard uncertainties; with `poisson`
            the latter are starting values only.
        windows : Windows

        Returns
        -------
        WindowFit
        """
        model = self.model(windows.center.shape[1])
        sizes = np.stack([_padded_sizes(x, windows), _bins(x, windows)], axis=1)
        parts, order = [], []
        for n, bins in np.unique(sizes, axis=0).tolist():
            rows = np.flatnonzero((sizes == (n, bins)).all(axis=1))
            chunk = max(1, _CHUNK_POINTS // n)
            for i in range(0, len(rows), chunk):
                some = windows.take(rows[i : i + chunk])
                cut = _cut(x, y, sigma, some, n, model)
                parts.append(self._fit_chunk(cut, bins, x, some, model))
                order.append(rows[i : i + chunk])
        return WindowFit.concatenate(parts).take(np.argsort(np.concatenate(order)))

    def _fit_chunk(
        self,
        cut: tuple[SpectraObjective, BoolArray],
        bins: int,
        x: FloatArray,
        windows: Windows,
        model: Model,
    ) -> WindowFit:
        objective, weighted = cut
        rough = bin_objective(objective, bins) if bins > 1 else objective
        start, lower, upper, free = self._start(x, windows, model)
        enough = weighted.sum(axis=1) > free.sum(axis=1)
        start = _search_shift(rough, model, start, windows)
        start = _linear_start(rough, model, start, lower)
        n_rows, n_peaks = windows.center.shape
        present = np.ones((n_rows, n_peaks), bool)
        merged_with = np.full((n_rows, n_peaks), -1)
        solution = self._solve(objective, rough, start, lower, upper, free)
        for _ in range(n_peaks):
            drop, into = self._judge(solution, windows, present, model)
            rows = np.flatnonzero((drop >= 0) & enough)
            if rows.size == 0:
                break
            present[rows, drop[rows]] = False
            merged_with[rows, drop[rows]] = into[rows]
            # From the beginning again: what the dropped peak has pushed about is no start.
            width = 2 + len(self.profile.shape_names)
            columns = drop[rows, None] * width + np.arange(width)
            free[rows[:, None], columns] = False
            start[rows, columns[:, 1]] = 0.0
            _widen_survivors(solution, start, lower, upper, rows, drop, into, width)
            fresh = self._solve(
                objective.take(rows),
                rough.take(rows),
                start[rows],
                lower[rows],
                upper[rows],
                free[rows],
            )
            solution.put(rows, fresh)
        dof = weighted.sum(axis=1) - free.sum(axis=1)
        status = np.where(enough, solution.status, Status.BAD_INPUT).astype(np.int8)
        cov = solution.covariance()
        first = self._columns(model, 0)
        return WindowFit(
            theta=solution.theta,
            cov=cov,
            at_bound=solution.at_bound,
            chi2=self._chi2(objective, solution),
            dof=dof,
            status=status,
            present=present & enough[:, None],
            merged_with=merged_with,
            center=solution.theta[:, first],
            center_stderr=np.sqrt(cov[:, first, first]),
            fwhm=self._fwhm(solution, model),
        )

    def _columns(self, model: Model, j: int) -> IntArray:
        """Columns of the j-th parameter of every peak."""
        return np.array([model.first_parameter(k) + j for k in range(len(model.peaks))])

    def _fwhm(self, solution: Solution, model: Model) -> FloatArray:
        shape = (
            solution.theta[:, self._columns(model, 2 + j)]
            for j in range(len(self.profile.shape_names))
        )
        return np.asarray(fwhm_of(self.profile, *shape))

    def _start(
        self, x: FloatArray, windows: Windows, model: Model
    ) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
        """Start, bounds and freedom of every parameter, each (rows, P)."""
        n_rows, n_peaks = windows.center.shape
        shape = (n_rows, model.n_parameters)
        start = np.zeros(shape)
        lower, upper = np.full(shape, -np.inf), np.full(shape, np.inf)
        free = np.ones(shape, bool)
        step = float(np.median(np.diff(x)))
        names = self.profile.shape_names
        # A Voigt has two widths: start with like shares of both.
        single = sum(n.startswith("fwhm") for n in names) == 1
        width_share = 1.0 if single else 0.6
        for k in range(n_peaks):
            first = model.first_parameter(k)
            center, fwhm = windows.center[:, k], windows.fwhm[:, k]
            start[:, first] = center
            lower[:, first] = center - windows.reach[:, k]
            upper[:, first] = center + windows.reach[:, k]
            lower[:, first + 1] = 0.0
            for j, name in enumerate(names):
                at = first + 2 + j
                if name.startswith("fwhm"):
                    start[:, at] = width_share * fwhm
                    lower[:, at] = np.maximum(0.25 * fwhm, 0.5 * step) if single else 1e-3 * fwhm
                    upper[:, at] = 4.0 * fwhm
                else:
                    start[:, at] = windows.shape[:, k, j - 1]
                    free[:, at] = windows.shape_free[:, k]
                    lower[:, at], upper[:, at] = self.profile.bounds[name]
        return start, lower, upper, free

    def _solve(
        self,
        objective: SpectraObjective,
        rough: SpectraObjective,
        start: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        free: BoolArray,
    ) -> Solution:
        """Minimise, first by least squares on the `rough` objective where that is another one."""
        if not self.poisson and rough is objective:
            return minimize(objective, start, lower, upper, free, tolerance=_FINE)
        near = minimize(rough, start, lower, upper, free, tolerance=_ROUGH)
        fine = replace(objective, loss=Counts()) if self.poisson else objective
        last = minimize(fine, near.theta, lower, upper, free, damping=1e-6, tolerance=_FINE)
        last.iterations[:] += near.iterations
        return last

    def _chi2(self, objective: SpectraObjective, solution: Solution) -> FloatArray:
        """Pearson's χ² for counts, whose deviance does not follow χ² where they are few."""
        if not self.poisson:
            return solution.chi2
        curve = objective.value(solution.theta)
        weight = np.where(objective.weight > 0, 1.0 / np.maximum(curve, Counts().floor), 0.0)
        return SQUARES.cost_and_information(curve, objective.y, weight)[0]

    def _judge(
        self, solution: Solution, windows: Windows, present: BoolArray, model: Model
    ) -> tuple[IntArray, IntArray]:
        """Choose the peak to drop from each row (-1: none), and into which it merged (-1: lost)."""
        n_rows, n_peaks = present.shape
        first = self._columns(model, 0)
        cov = solution.covariance()
        variance = np.einsum("rii->ri", cov)
        center, area = solution.theta[:, first], solution.theta[:, first + 1]
        fwhm = self._fwhm(solution, model)
        with np.errstate(invalid="ignore"):
            significance = area / np.sqrt(variance[:, first + 1])
        significance = np.where(np.isfinite(significance), significance, 0.0)
        loose = ~(variance[:, first] < fwhm**2) | solution.at_bound[:, first]
        failing = present & (loose | (significance < self.keep))
        # Two peaks that share an intensity both look unsure: the one that explains less goes.
        alone = area * np.sqrt(np.einsum("rii->ri", solution.hessian)[:, first + 1])
        alone = np.where(failing, alone, np.inf)
        drop = np.where(failing.any(axis=1), alone.argmin(axis=1), -1)
        into = np.full(n_rows, -1)
        if n_peaks == 1:
            return drop, into
        order = np.argsort(np.where(present, center, np.inf), axis=1, kind="stable")
        left, right = order[:, :-1], order[:, 1:]
        rows = np.arange(n_rows)[:, None]
        gap = center[rows, right] - center[rows, left]
        close = gap < self.merge * 0.5 * (fwhm[rows, left] + fwhm[rows, right])
        close &= present[rows, left] & present[rows, right]
        pair = close.argmax(axis=1)
        left, right = left[rows[:, 0], pair], right[rows[:, 0], pair]
        bigger_left = area[rows[:, 0], left] >= area[rows[:, 0], right]
        merging = close.any(axis=1)
        drop = np.where(merging, np.where(bigger_left, right, left), drop)
        into = np.where(merging, np.where(bigger_left, left, right), into)
        return drop, into


def _padded_sizes(x: FloatArray, windows: Windows) -> IntArray:
    """Points that are cut out for each window (rows,): more than it has, in steps.

    Windows of the same size are fitted together; a window's own size alone decides with how
    many points its sums are formed, and so their last bits.
    """
    inside = np.searchsorted(x, windows.high, side="right") - np.searchsorted(x, windows.low)
    # At least 32 points and an eighth: few sizes are few batches.
    step = np.exp2(np.maximum(np.floor(np.log2(np.maximum(inside, 1))) - 3.0, 5.0)).astype(int)
    return np.asarray(np.minimum(-(-np.maximum(inside, 1) // step) * step, len(x)), np.intp)


def _bins(x: FloatArray, windows: Windows) -> IntArray:
    """Points that may be averaged for the rough fit: one, or so that seven are left in a fwhm."""
    step = float(np.median(np.diff(x)))
    per_fwhm = windows.fwhm.min(axis=1) / step
    bins = np.exp2(np.floor(np.log2(np.maximum(per_fwhm / _LEFT_IN_FWHM, 1.0))))
    return np.asarray(np.minimum(bins, _MOST_BINS), np.intp)


def _cut(
    x: FloatArray, y: FloatArray, sigma: FloatArray, windows: Windows, n: int, model: Model
) -> tuple[SpectraObjective, BoolArray]:
    """Copy `n` points around each window out of its spectrum; tell which of them count."""
    first = np.clip(np.searchsorted(x, windows.low), 0, len(x) - n)
    index = first[:, None] + np.arange(n)
    xs = x[index]
    ys, sigmas = y[windows.frame[:, None], index], sigma[windows.frame[:, None], index]
    weighted = (xs >= windows.low[:, None]) & (xs <= windows.high[:, None])
    weighted &= np.isfinite(ys) & np.isfinite(sigmas) & (sigmas > 0)
    weight = np.where(weighted, 1.0 / np.where(weighted, sigmas, 1.0) ** 2, 0.0)
    ys = np.where(weighted, ys, 0.0)
    at = Points.scaled(xs, windows.low, windows.high)
    return SpectraObjective.of(model, at, ys, weight), weighted


def _widen_survivors(
    solution: Solution,
    start: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    rows: IntArray,
    drop: IntArray,
    into: IntArray,
    width: int,
) -> None:
    """Let the peak that stands for two go where either was allowed, from their centroid."""
    merged = rows[into[rows] >= 0]
    gone, kept = drop[merged] * width, into[merged] * width
    lower[merged, kept] = np.minimum(lower[merged, kept], lower[merged, gone])
    upper[merged, kept] = np.maximum(upper[merged, kept], upper[merged, gone])
    theta = solution.theta[merged]
    i = np.arange(len(merged))
    one, other = theta[i, kept + 1], theta[i, gone + 1]
    total = np.maximum(one + other, np.finfo(float).tiny)
    start[merged, kept] = (one * theta[i, kept] + other * theta[i, gone]) / total
    start[merged, kept + 1] = total


def _linear_problem(
    objective: SpectraObjective, model: Model, start: FloatArray
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Best areas and background for fixed positions and shapes, and χ² there."""
    unit = start.copy()
    areas = np.array([model.first_parameter(k) + 1 for k in range(len(model.peaks))])
    unit[:, areas] = 1.0
    linear = np.concatenate(
        [areas, np.arange(model.background_slice.start, model.background_slice.stop)]
    )
    _, jacobian = objective.residual_and_jacobian(unit)
    columns = np.ascontiguousarray(jacobian[:, linear])
    y = objective.y[objective.rows] * np.sqrt(objective.weight[objective.rows])
    normal = np.matmul(columns, columns.transpose(0, 2, 1))
    diagonal = np.einsum("rii->ri", normal)
    # A trace of ridge keeps coinciding profiles from making the matrix singular.
    diagonal += 1e-9 * diagonal + 1e-30
    right = np.matmul(columns, y[:, :, None])
    solved = np.linalg.solve(normal, right)
    misfit = y - np.matmul(solved.transpose(0, 2, 1), columns)[:, 0]
    return linear, solved[:, :, 0], np.einsum("rn,rn->r", misfit, misfit)


def _linear_start(
    objective: SpectraObjective, model: Model, start: FloatArray, lower: FloatArray
) -> FloatArray:
    linear, values, _ = _linear_problem(objective, model, start)
    best = start.copy()
    best[:, linear] = np.maximum(values, lower[:, linear])
    # A peak that starts at zero area has no slope in its position: start a little above.
    n_peaks = len(model.peaks)
    areas = best[:, linear[:n_peaks]]
    highest = areas.max(axis=1, keepdims=True)
    best[:, linear[:n_peaks]] = np.maximum(areas, 1e-3 * highest)
    return best


def _search_shift(
    objective: SpectraObjective, model: Model, start: FloatArray, windows: Windows
) -> FloatArray:
    """Try common shifts of a window's peaks in steps of half a fwhm; keep the best."""
    narrowest = windows.fwhm.min(axis=1)
    steps = np.ceil(windows.search / (0.5 * narrowest)).astype(int)
    steps = np.where(windows.search > 0.5 * narrowest, np.minimum(steps, 60), 0)
    best = start.copy()
    rows = np.flatnonzero(steps)
    if rows.size == 0:
        return best
    centers = np.array([model.first_parameter(k) for k in range(len(model.peaks))])
    lowest = np.full(len(start), np.inf)
    for i in range(-int(steps.max()), int(steps.max()) + 1):
        use = rows[np.abs(i) <= steps[rows]]
        trial = start[use].copy()
        shift = i * windows.search[use] / steps[use]
        trial[:, centers] += shift[:, None]
        _, values, chi2 = _linear_problem(objective.take(use), model, trial)
        chi2 = np.where((values[:, : len(centers)] >= 0).all(axis=1), chi2, np.inf)
        better = chi2 < lowest[use]
        lowest[use[better]] = chi2[better]
        best[use[better]] = trial[better]
    return best
