"""Where the fit of a window starts: common shifts, best areas and background, merged peaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.cutting import Windows
from spectra.fit.model import Model
from spectra.fit.objective import SpectraObjective

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class Start:
    """Start, bounds and freedom of every parameter, each (rows, P)."""

    theta: FloatArray
    lower: FloatArray
    upper: FloatArray
    free: BoolArray

    def take(self, rows: IntArray) -> Start:
        """Return copies of some of the rows."""
        return Start(**{k: v[rows] for k, v in vars(self).items()})

    def drop(self, rows: IntArray, peaks: IntArray, width: int) -> None:
        """Leave one peak out of each of some rows, of peaks with `width` parameters."""
        columns = peaks[:, None] * width + np.arange(width)
        self.free[rows[:, None], columns] = False
        self.theta[rows, columns[:, 1]] = 0.0

    def widen(self, rows: IntArray, gone: IntArray, kept: IntArray, width: int) -> None:
        """Let a peak that stands for two go where either was allowed."""
        one, other = kept * width, gone * width
        self.lower[rows, one] = np.minimum(self.lower[rows, one], self.lower[rows, other])
        self.upper[rows, one] = np.maximum(self.upper[rows, one], self.upper[rows, other])

    def to_centroid(
        self, found: FloatArray, rows: IntArray, gone: IntArray, kept: IntArray, width: int
    ) -> None:
        """Start a peak that stands for two from the centroid of both in `found` (rows, P)."""
        theta = found[rows]
        i, first, second = np.arange(len(rows)), kept * width, gone * width
        one, other = theta[i, first + 1], theta[i, second + 1]
        total = np.maximum(one + other, np.finfo(float).tiny)
        self.theta[rows, first] = (one * theta[i, first] + other * theta[i, second]) / total
        self.theta[rows, first + 1] = total


def start_at(x: FloatArray, windows: Windows, model: Model) -> Start:
    """Start all peaks where they are expected, with no background and no area."""
    shape = (len(windows.center), model.n_parameters)
    start = np.zeros(shape)
    lower, upper = np.full(shape, -np.inf), np.full(shape, np.inf)
    free = np.ones(shape, bool)
    step = float(np.median(np.diff(x)))
    for k, (_, profile) in enumerate(model.peaks):
        names = profile.shape_names
        # A Voigt has two widths: start with like shares of both.
        single = sum(n.startswith("fwhm") for n in names) == 1
        first = model.first_parameter(k)
        center, fwhm = windows.center[:, k], windows.fwhm[:, k]
        start[:, first] = center
        lower[:, first] = center - windows.reach[:, k]
        upper[:, first] = center + windows.reach[:, k]
        lower[:, first + 1] = 0.0
        for j, name in enumerate(names):
            at = first + 2 + j
            if name.startswith("fwhm"):
                start[:, at] = fwhm if single else 0.6 * fwhm
                lower[:, at] = np.maximum(0.25 * fwhm, 0.5 * step) if single else 1e-3 * fwhm
                upper[:, at] = 4.0 * fwhm
            else:
                start[:, at] = windows.shape[:, k, j - 1]
                free[:, at] = windows.shape_free[:, k]
                lower[:, at], upper[:, at] = profile.bounds[name]
    return Start(start, lower, upper, free)


def linear_problem(
    objective: SpectraObjective, model: Model, start: FloatArray
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Best areas and background for fixed positions and shapes, and χ² there."""
    unit = start.copy()
    areas = np.array([model.first_parameter(k) + 1 for k in range(len(model.peaks))], np.intp)
    unit[:, areas] = 1.0
    linear = np.concatenate(
        [areas, np.arange(model.background_slice.start, model.background_slice.stop)]
    )
    _, jacobian = objective.residual_and_jacobian(unit)
    columns = np.ascontiguousarray(jacobian[:, linear])
    y = objective.y if objective.beside is None else objective.y - objective.beside
    y = y[objective.rows] * np.sqrt(objective.weight[objective.rows])
    normal = np.matmul(columns, columns.transpose(0, 2, 1))
    diagonal = np.einsum("rii->ri", normal)
    # A trace of ridge keeps coinciding profiles from making the matrix singular.
    diagonal += 1e-9 * diagonal + 1e-30
    right = np.matmul(columns, y[:, :, None])
    solved = np.linalg.solve(normal, right)
    misfit = y - np.matmul(solved.transpose(0, 2, 1), columns)[:, 0]
    return linear, solved[:, :, 0], np.einsum("rn,rn->r", misfit, misfit)


def linear_start(
    objective: SpectraObjective, model: Model, start: FloatArray, lower: FloatArray
) -> FloatArray:
    """Start from the best areas and background for fixed positions and shapes."""
    linear, values, _ = linear_problem(objective, model, start)
    best = start.copy()
    best[:, linear] = np.maximum(values, lower[:, linear])
    # A peak that starts at zero area has no slope in its position: start a little above.
    n_peaks = len(model.peaks)
    areas = best[:, linear[:n_peaks]]
    highest = areas.max(axis=1, keepdims=True)
    best[:, linear[:n_peaks]] = np.maximum(areas, 1e-3 * highest)
    return best


def search_shift(
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
        _, values, chi2 = linear_problem(objective.take(use), model, trial)
        chi2 = np.where((values[:, : len(centers)] >= 0).all(axis=1), chi2, np.inf)
        better = chi2 < lowest[use]
        lowest[use[better]] = chi2[better]
        best[use[better]] = trial[better]
    return best
