"""Fit groups of neighbouring peaks, each group in its own window, many windows at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.fit.beside import curve_of, straight_part
from spectra.fit.breadths import fwhm_of
from spectra.fit.coarse import bin_objective
from spectra.fit.cutting import Windows, bin_sizes, cut_out, padded_sizes
from spectra.fit.doublet import Doublet
from spectra.fit.lineshapes import Profile
from spectra.fit.losses import SQUARES, Counts
from spectra.fit.model import Model
from spectra.fit.objective import SpectraObjective
from spectra.fit.quantities import Quantities, moves
from spectra.fit.solver import Solution, minimize
from spectra.fit.starting import Start, linear_start, search_shift, start_at
from spectra.status import Status

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# Points of the windows worked on together, so that memory stays flat; no answer depends on it.
_CHUNK_POINTS = 500_000
# What a rough fit may leave undone before the likelihood of the counts takes over.
_ROUGH = 1e-1
_FINE = 1e-10
# A bend below this many uncertainties of any parameter is left to the background.
_BENT = 0.02


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

    def put(self, rows: IntArray, other: WindowFit) -> None:
        """Replace the `rows` by those of `other`, which has just these."""
        for name, mine in vars(self).items():
            mine[rows] = getattr(other, name)

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
        parts, order = [], []
        for rows, n, bins in _batches(x, windows):
            some = windows.take(rows)
            cut = cut_out(x, y, sigma, some, n, model)
            parts.append(self._fit_batch(cut, bins, x, some, model))
            order.append(rows)
        return WindowFit.concatenate(parts).take(np.argsort(np.concatenate(order)))

    def refit(
        self,
        x: FloatArray,
        y: FloatArray,
        sigma: FloatArray,
        windows: Windows,
        fitted: WindowFit,
        others: FloatArray,
        before: FloatArray,
    ) -> WindowFit:
        """Fit windows again beside other peaks, whose tails run through them.

        A window through which they run so straight that no parameter of a peak would move by
        more than 2 % of its uncertainty keeps its peaks and gets another background.

        Parameters
        ----------
        x, y, sigma, windows
            As in `fit`.
        fitted : WindowFit
            What is known of the windows.
        others : array (rows, N, 2 + shape parameters)
            Centre, area and shape of the peaks beside each window; area 0 for none.
        before : array (rows, N, 2 + shape parameters)
            The same as `fitted` was found with.

        Returns
        -------
        WindowFit
            Its background is what is left without the tails.
        """
        model = self.model(windows.center.shape[1])
        out = fitted.take(np.arange(len(others)))
        changed = (others != before).any(axis=(1, 2))
        for batch, n, _ in _batches(x, windows):
            rows = batch[changed[batch]]
            if rows.size == 0:
                continue
            some = windows.take(rows)
            objective, weighted = cut_out(x, y, sigma, some, n, model)
            beside = curve_of(self.profile, objective.at.x, others[rows])
            change = beside - curve_of(self.profile, objective.at.x, before[rows])
            straight, bent = straight_part(objective, change, self.degree)
            fit = out.take(rows)
            fit.theta[:, model.background_slice] -= straight
            again = np.flatnonzero(bent > _BENT**2)
            if again.size:
                own = replace(objective, beside=beside).take(again), weighted[again]
                start = start_at(x, some.take(again), model)
                fit.put(again, self._refit_batch(own, start, fit.take(again), model))
            out.put(rows, fit)
        return out

    def tell(
        self,
        x: FloatArray,
        y: FloatArray,
        sigma: FloatArray,
        windows: Windows,
        fit: WindowFit,
        others: FloatArray,
    ) -> Quantities:
        """Tell positions, areas, widths, heights and backgrounds of fitted peaks.

        Parameters
        ----------
        x, y, sigma, windows, fit, others
            As they were given to `refit` last, and its answer.
        """
        model = self.model(windows.center.shape[1])
        told = Quantities.of(model, windows, fit.theta, fit.cov)
        blurred = told.blurred(fit.present)
        for batch, n, _ in _batches(x, windows):
            rows = batch[blurred[batch]]
            if rows.size:
                some = windows.take(rows)
                objective, _ = cut_out(x, y, sigma, some, n, model)
                beside = curve_of(self.profile, objective.at.x, others[rows])
                loss = Counts() if self.poisson else SQUARES
                objective = replace(objective, beside=beside, loss=loss)
                parameters = fit.theta[rows], fit.cov[rows]
                told.move[rows] = moves(objective, model, some, *parameters)
        return told

    def _fit_batch(
        self,
        cut: tuple[SpectraObjective, BoolArray],
        bins: int,
        x: FloatArray,
        windows: Windows,
        model: Model,
    ) -> WindowFit:
        objective, weighted = cut
        rough = bin_objective(objective, bins) if bins > 1 else objective
        start = start_at(x, windows, model)
        theta = search_shift(rough, model, start.theta, windows)
        start = replace(start, theta=linear_start(rough, model, theta, start.lower))
        n_rows, n_peaks = windows.center.shape
        present = np.ones((n_rows, n_peaks), bool)
        merged_with = np.full((n_rows, n_peaks), -1)
        ladder = self._ladder(objective, rough, bins)
        solution = self._solve(ladder, start)
        enough = weighted.sum(axis=1) > start.free.sum(axis=1)
        self._weed(solution, ladder, start, present, merged_with, enough, model)
        return self._window_fit(solution, cut, start, present, merged_with, enough, model)

    def _refit_batch(
        self,
        cut: tuple[SpectraObjective, BoolArray],
        start: Start,
        before: WindowFit,
        model: Model,
    ) -> WindowFit:
        objective, weighted = cut
        start = replace(start, theta=before.theta)
        present, merged_with = before.present, before.merged_with
        width = 2 + len(self.profile.shape_names)
        rows, gone = np.nonzero(merged_with >= 0)
        # One after the other: several may have merged into the same.
        for one, other in zip(rows[:, None], gone[:, None], strict=True):
            start.widen(one, other, merged_with[one, other], width)
        enough = weighted.sum(axis=1) > start.free.sum(axis=1)
        for k in range(present.shape[1]):
            absent = np.flatnonzero(~present[:, k] & enough)
            start.drop(absent, np.full(absent.size, k), width)
        solution = self._solve_near(objective, start)
        self._weed(solution, (objective,), start, present, merged_with, enough, model)
        return self._window_fit(solution, cut, start, present, merged_with, enough, model)

    def _weed(
        self,
        solution: Solution,
        ladder: tuple[SpectraObjective, ...],
        start: Start,
        present: BoolArray,
        merged_with: IntArray,
        enough: BoolArray,
        model: Model,
    ) -> None:
        """Drop peaks that are not there, one after the other, and fit the others again."""
        width = 2 + len(self.profile.shape_names)
        for _ in range(len(model.peaks)):
            drop, into = self._judge(solution, present, model)
            rows = np.flatnonzero((drop >= 0) & enough)
            if rows.size == 0:
                return
            present[rows, drop[rows]] = False
            merged_with[rows, drop[rows]] = into[rows]
            # From the beginning again: what the dropped peak has pushed about is no start.
            start.drop(rows, drop[rows], width)
            merged = rows[into[rows] >= 0]
            pairs = drop[merged], into[merged], width
            start.widen(merged, *pairs)
            start.to_centroid(solution.theta, merged, *pairs)
            fresh = self._solve(tuple(o.take(rows) for o in ladder), start.take(rows))
            solution.put(rows, fresh)

    def _window_fit(
        self,
        solution: Solution,
        cut: tuple[SpectraObjective, BoolArray],
        start: Start,
        present: BoolArray,
        merged_with: IntArray,
        enough: BoolArray,
        model: Model,
    ) -> WindowFit:
        objective, weighted = cut
        cov = solution.covariance()
        first = self._columns(model, 0)
        return WindowFit(
            theta=solution.theta,
            cov=cov,
            at_bound=solution.at_bound,
            chi2=self._chi2(objective, solution),
            dof=weighted.sum(axis=1) - start.free.sum(axis=1),
            status=np.where(enough, solution.status, Status.BAD_INPUT).astype(np.int8),
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

    def _ladder(
        self, objective: SpectraObjective, rough: SpectraObjective, bins: int
    ) -> tuple[SpectraObjective, ...]:
        """The objectives on the way from a rough start to all points."""
        if self.poisson or bins <= 2:
            return (rough, objective) if rough is not objective else (objective,)
        return rough, bin_objective(objective, 2), objective

    def _solve(self, ladder: tuple[SpectraObjective, ...], start: Start) -> Solution:
        """Minimise by least squares on one objective after the other, the last one exactly."""
        promised = None
        # The counts' own likelihood is another minimum than that of least squares.
        for objective in ladder[: -1 if self.poisson and len(ladder) > 1 else None]:
            start, promised = self._step(objective, start)
        return self._solve_near(ladder[-1], start, promised)

    def _step(self, objective: SpectraObjective, start: Start) -> tuple[Start, FloatArray]:
        """Go near the minimum in single precision; what the last step was to gain (rows,)."""
        found = minimize(
            *(objective.in_single_precision(), start.theta, start.lower, start.upper, start.free),
            tolerance=_ROUGH,
        )
        # What went astray starts from where it was told to.
        good = np.isin(found.status, (Status.OK, Status.AT_BOUND))
        theta = np.where(good[:, None], found.theta, start.theta)
        return replace(start, theta=theta), np.where(good, found.promised, 0.0)

    def _solve_near(
        self, objective: SpectraObjective, start: Start, promised: FloatArray | None = None
    ) -> Solution:
        """Minimise from a start that is close to the minimum."""
        fine = replace(objective, loss=Counts()) if self.poisson else objective
        return minimize(
            *(fine, start.theta, start.lower, start.upper, start.free),
            damping=1e-6,
            tolerance=_FINE,
            # Steps of least squares promise nothing of the likelihood of counts.
            promised=None if self.poisson else promised,
        )

    def _chi2(self, objective: SpectraObjective, solution: Solution) -> FloatArray:
        """Pearson's χ² for counts, whose deviance does not follow χ² where they are few."""
        if not self.poisson:
            return solution.chi2
        curve = objective.value(solution.theta)
        y, given = objective.y[objective.rows], objective.weight[objective.rows]
        weight = np.where(given > 0, 1.0 / np.maximum(curve, Counts().floor), 0.0)
        return SQUARES.cost_and_information(curve, y, weight)[0]

    def _judge(
        self, solution: Solution, present: BoolArray, model: Model
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


def _batches(x: FloatArray, windows: Windows) -> Iterator[tuple[IntArray, int, int]]:
    """Rows that are worked on together, how many points are cut out and binned for them."""
    sizes = np.stack([padded_sizes(x, windows), bin_sizes(x, windows)], axis=1)
    for n, bins in np.unique(sizes, axis=0).tolist():
        rows = np.flatnonzero((sizes == (n, bins)).all(axis=1))
        chunk = max(1, _CHUNK_POINTS // n)
        for i in range(0, len(rows), chunk):
            yield rows[i : i + chunk], n, bins
