"""Speed of batched fits against lmfit and scipy, on one core.

    python -m benchmarks.fit_speed [--frames 2000] [--repeats 5] [--write]

Contestants fit the same simulated spectra from the same starts: `lmfit` as its users write it (a
composite model, fwhm and height as tied parameters with their uncertainties), scipy's
`least_squares` with the exact Jacobian in a bare loop, and `fit_stack`. ``--write`` puts the
tables into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial

import lmfit
import numpy as np
import scipy
from lmfit.models import LinearModel, PseudoVoigtModel
from scipy.optimize import least_squares

from benchmarks.harness import DOCUMENT, race, table, write_section
from spectra.fit import fit_stack
from spectra.fit.cutting import Windows
from spectra.fit.lineshapes import get_profile
from spectra.fit.windows import WindowFitter

LN2 = float(np.log(2.0))


@dataclass(frozen=True)
class Task:
    """Spectra of pseudo-Voigts on a line, the model, and starts that are somewhat off."""

    model: lmfit.Model
    params: lmfit.Parameters
    x: np.ndarray
    y: np.ndarray
    start: np.ndarray
    n_peaks: int


def make_task(n_peaks: int, n_points: int, n_frames: int, seed: int = 0) -> Task:
    """Simulate `n_frames` spectra of `n_peaks` peaks that drift, with 1 % noise."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0.0, 10.0 * n_peaks, n_points)
    centers = 5.0 + 10.0 * np.arange(n_peaks)
    model, start = LinearModel(prefix="bkg_"), []
    for k in range(n_peaks):
        model = model + PseudoVoigtModel(prefix=f"p{k}_")
    params = model.make_params(bkg_slope=0.0, bkg_intercept=1.0)
    start = [0.0, 1.0]
    theta = np.empty((n_frames, 2 + 4 * n_peaks))
    theta[:, 0], theta[:, 1] = rng.normal(0, 0.01, n_frames), rng.uniform(0.5, 1.5, n_frames)
    for k, center in enumerate(centers):
        first = [10.0, center + 0.15, 0.9, 0.5]
        params[f"p{k}_amplitude"].set(value=first[0], min=0)
        params[f"p{k}_center"].set(value=first[1])
        params[f"p{k}_sigma"].set(value=first[2], min=0)
        params[f"p{k}_fraction"].set(value=first[3], min=0, max=1)
        start += first
        at = 2 + 4 * k
        theta[:, at] = rng.uniform(5, 15, n_frames)
        theta[:, at + 1] = center + rng.normal(0, 0.1, n_frames)
        theta[:, at + 2] = rng.uniform(0.6, 0.9, n_frames)
        theta[:, at + 3] = rng.uniform(0.2, 0.8, n_frames)
    y = np.stack([value_and_jacobian(x, row)[0] for row in theta])
    y += rng.normal(0, 0.05, y.shape)
    return Task(model, params, x, y, np.array(start), n_peaks)


def value_and_jacobian(x: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The model and its exact Jacobian for one spectrum, as a careful user would write them."""
    jacobian = np.empty((x.size, theta.size))
    value = theta[0] * x + theta[1]
    jacobian[:, 0], jacobian[:, 1] = x, 1.0
    for at in range(2, theta.size, 4):
        area, center, sigma, eta = theta[at : at + 4]
        t = (x - center) / sigma
        gauss = np.sqrt(LN2 / np.pi) / sigma * np.exp(-LN2 * t * t)
        bottom = 1.0 / (1.0 + t * t)
        lorentz = bottom / (np.pi * sigma)
        unit = eta * lorentz + (1.0 - eta) * gauss
        slope = eta * lorentz * 2.0 * bottom + (1.0 - eta) * gauss * 2.0 * LN2
        value += area * unit
        jacobian[:, at] = unit
        jacobian[:, at + 1] = area * slope * t / sigma
        jacobian[:, at + 2] = area * (slope * t * t - unit) / sigma
        jacobian[:, at + 3] = area * (lorentz - gauss)
    return value, jacobian


def with_lmfit(task: Task, count: int) -> np.ndarray:
    results = [task.model.fit(y, task.params, x=task.x) for y in task.y[:count]]
    return np.array([r.chisqr for r in results])


def with_scipy(task: Task, count: int) -> np.ndarray:
    low, high = np.full(task.start.size, -np.inf), np.full(task.start.size, np.inf)
    low[2::4], low[4::4], low[5::4], high[5::4] = 0.0, 0.0, 0.0, 1.0
    found = []
    for y in task.y[:count]:
        result = least_squares(
            lambda p, y=y: value_and_jacobian(task.x, p)[0] - y,
            task.start,
            lambda p: value_and_jacobian(task.x, p)[1],
            bounds=(low, high),
            x_scale="jac",
        )
        found.append(2.0 * result.cost)
    return np.array(found)


def with_spectra(task: Task) -> np.ndarray:
    return fit_stack(task.model, task.params, task.x, task.y).chi2


def windows_of(task: Task) -> Windows:
    """Each peak in a window of its own, a tenth of the range of all."""
    n_frames, n = len(task.y), task.n_peaks
    starts = task.start[2:].reshape(n, 4)
    rows = n_frames * n
    center = np.tile(starts[:, 1], n_frames)[:, None]
    return Windows(
        frame=np.repeat(np.arange(n_frames), n),
        center=center,
        fwhm=np.tile(2.0 * starts[:, 2], n_frames)[:, None],
        shape=np.full((rows, 1, 1), 0.5),
        shape_free=np.ones((rows, 1), bool),
        reach=np.full((rows, 1), 5.0),
        search=np.zeros(rows),
        low=np.tile(10.0 * np.arange(n), n_frames) + 0.0,
        high=np.tile(10.0 * np.arange(n), n_frames) + 10.0,
    )


def windowed_with_spectra(task: Task) -> np.ndarray:
    sigma = np.full_like(task.y, 0.05)
    fitter = WindowFitter(get_profile("pseudo_voigt"))
    return fitter.fit(task.x, task.y, sigma, windows_of(task)).chi2


def windowed_with_scipy(task: Task, count: int) -> np.ndarray:
    low = np.array([-np.inf, -np.inf, 0.0, -np.inf, 0.0, 0.0])
    high = np.array([np.inf, np.inf, np.inf, np.inf, np.inf, 1.0])
    found = []
    for y in task.y[:count]:
        for k, start in enumerate(task.start[2:].reshape(-1, 4)):
            use = (task.x >= 10.0 * k) & (task.x <= 10.0 * (k + 1))
            x, part = task.x[use], y[use]
            result = least_squares(
                lambda p, x=x, part=part: (value_and_jacobian(x, p)[0] - part) / 0.05,
                np.concatenate([[0.0, 1.0], start]),
                lambda p, x=x: value_and_jacobian(x, p)[1] / 0.05,
                bounds=(low, high),
                x_scale="jac",
            )
            found.append(2.0 * result.cost)
    return np.array(found)


def compete_in_windows(n_peaks: int, n_points: int, n_frames: int, repeats: int) -> str:
    task = make_task(n_peaks, n_points, n_frames)
    some = 20
    ours, bare = windowed_with_spectra(task), windowed_with_scipy(task, some)
    worst = (ours[: some * n_peaks] / bare).max() - 1.0
    timings = race(
        {
            "scipy `least_squares`, exact Jacobian": (
                partial(windowed_with_scipy, task, some),
                some,
            ),
            "spectra `WindowFitter`": (partial(windowed_with_spectra, task), n_frames),
        },
        repeats,
    )
    title = f"The same, {n_peaks} windows of one pseudo-Voigt and a line each"
    text = table(title, timings, "spectra `WindowFitter`")
    return text + f"\nLargest excess of our χ² over theirs: {worst:.1e} (relative).\n\n"


def compete(n_peaks: int, n_points: int, n_frames: int, repeats: int) -> str:
    task = make_task(n_peaks, n_points, n_frames)
    few, some = 3, 20
    ours, theirs, bare = with_spectra(task), with_lmfit(task, few), with_scipy(task, some)
    worst = max((ours[:few] / theirs).max(), (ours[:some] / bare).max()) - 1.0
    timings = race(
        {
            "lmfit `Model.fit`": (partial(with_lmfit, task, few), few),
            "scipy `least_squares`, exact Jacobian": (partial(with_scipy, task, some), some),
            "spectra `fit_stack`": (partial(with_spectra, task), n_frames),
        },
        repeats,
    )
    title = f"{n_peaks} pseudo-Voigts and a line on {n_points} points, {n_frames} spectra"
    text = table(title, timings, "spectra `fit_stack`")
    return text + f"\nLargest excess of our χ² over theirs: {worst:.1e} (relative).\n\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text = compete(8, 3000, options.frames, options.repeats)
    text += compete_in_windows(8, 3000, options.frames, options.repeats)
    text += compete(5, 400, options.frames, options.repeats)
    print(text)
    if options.write:
        text = (
            "`python -m benchmarks.fit_speed --write`, on one core; "
            f"numpy {np.__version__}, scipy {scipy.__version__}, lmfit {lmfit.__version__}.\n\n"
        ) + text
        DOCUMENT.parent.mkdir(exist_ok=True)
        write_section(DOCUMENT, "batched fits", text)


if __name__ == "__main__":
    main()
