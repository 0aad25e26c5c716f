"""Frames of a block fitted with what they share held, and what that says of every quantity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.fit.expressions import Dual
from spectra.fit.joint import eliminate
from spectra.fit.solver import Evaluation, Solution, minimize
from spectra.status import Status
from spectra.xas.shells.objective import ShellsObjective
from spectra.xas.shells.observe import Observed
from spectra.xas.shells.plan import ShellsPlan
from spectra.xas.shells.spread import Middles, middles
from spectra.xas.shells.table import SHARED, Readings, path_quantities, path_readings

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# Part of the cost that a further step may still gain: far below a thousandth of an uncertainty.
_TOLERANCE = 1e-9
_ITERATIONS = 60
# Starts of E₀ (eV) beside that given, for fits that look false; which are those.
_SHIFTS = (-25.0, -12.5, 12.5, 25.0)
_POOR, _NOISE, _FAR, _BETTER = 0.02, 4.0, 10.0, 1e-6


@dataclass(frozen=True)
class Fitted:
    """Frames at their minima.

    Attributes
    ----------
    solution : Solution
    own : bool array (rows, P)
        Slots that were varied.
    lost : bool array (rows, P)
        Slots that the data do not determine.
    there : bool array (rows, P)
        Slots that the frame depends on at all.
    turned : array (rows, P, K)
        Derivatives of the slots by the shared coefficients, the frame's own following.
    covariance, unscaled : array (rows, P, P)
    with_common, with_common_unscaled : array (rows, P, K)
        Covariances of the slots and the shared coefficients.
    figures : Middles
    varied : array (rows,)
    """

    solution: Solution
    own: BoolArray
    lost: BoolArray
    there: BoolArray
    turned: FloatArray
    covariance: FloatArray
    unscaled: FloatArray
    with_common: FloatArray
    with_common_unscaled: FloatArray
    figures: Middles
    varied: FloatArray


def fit_frames(seen: Observed, plan: ShellsPlan, free: BoolArray) -> Fitted:
    """Fit frames.

    With g the gradient of a frame and δβ what is left to be known of the shared coefficients, its
    slots move by A⁻¹·g + T·δβ. The covariance of the first is A⁻¹·M·A⁻¹, that of the second T·V·Tᵀ,
    and the two have in common what the frame itself said of β: A⁻¹·M·T·S⁻¹·Tᵀ. That of slots and β
    is A⁻¹·M·T·S⁻¹ + T·V.

    Parameters
    ----------
    seen : Observed
    plan : ShellsPlan
        Of just the frames in `seen`.
    free : bool array (rows, P)
    """
    shared, slots = plan.shared, plan.model.parameters.slots
    shape = free.shape
    _, slopes = shared.common.evaluate(plan.frames.astype(float), shared.beta)
    on = free[:, shared.common.columns]
    own = plan.own(free)
    lower, upper = (
        np.broadcast_to(np.array(bounds), shape)
        for bounds in ([p.lower for p in slots], [p.upper for p in slots])
    )
    solution = find_minima(seen.objective, plan.starts(), lower, upper, own, plan.n_idp)
    vary = own & ~solution.at_bound
    by_beta = shared.common.spread(slopes, on, shape[1])
    varied = plan.varied(free)
    figures = middles(seen.objective, solution.theta, seen.sigma, vary, plan.n_idp, varied)
    flat = np.zeros(shape)
    found = Evaluation(solution.theta, solution.chi2, flat, figures.normal)
    frames = eliminate(found, by_beta, vary)
    turned = by_beta - frames.toward
    inverse = np.nan_to_num(frames.inverse)
    known = np.isfinite(np.einsum("rii->ri", frames.inverse))
    lost = vary & ~known
    blind = np.isnan(np.diagonal(shared.covariance))
    lost |= (turned[:, :, blind] != 0.0).any(axis=2)
    both: list[FloatArray] = []
    with_common: list[FloatArray] = []
    for middle, spread in (
        (figures.scaled, shared.covariance),
        (figures.unscaled, shared.unscaled),
    ):
        alone = np.matmul(np.matmul(inverse, middle), inverse)
        by_spread = np.matmul(turned, np.nan_to_num(spread))
        common = np.matmul(by_spread, turned.transpose(0, 2, 1))
        said = np.matmul(np.matmul(inverse, middle), turned)
        said = np.matmul(said, shared.inverse)
        mixed = np.matmul(said, turned.transpose(0, 2, 1))
        both.append(alone + common + mixed + mixed.transpose(0, 2, 1))
        with_common.append(said + by_spread)
    spreads = (both[0], both[1], with_common[0], with_common[1])
    return Fitted(solution, own, lost, free, turned, *spreads, figures, varied)


def find_minima(
    objective: ShellsObjective,
    start: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    own: BoolArray,
    n_idp: float,
) -> Solution:
    """Minimise each frame; from other E₀ as well where the first minimum may be a false one.

    χ² has a minimum for each period of the oscillation that E₀ and ΔR can move the model by. A
    wrong one shows by a bad fit, a negative amplitude, or an E₀ far away.
    """

    def run(some: IntArray, at: FloatArray) -> Solution:
        return minimize(
            *(objective.take(some), at, lower[some], upper[some], own[some]),
            max_iterations=_ITERATIONS,
            tolerance=_TOLERANCE,
        )

    best = run(np.arange(len(start)), start)
    energies = objective.model.energy_slots & own.any(axis=0)
    if not energies.any():
        return best
    doubtful = np.flatnonzero(_doubtful(objective, best, n_idp))
    for shift in _SHIFTS if doubtful.size else ():
        moved = start[doubtful] + shift * (energies & own[doubtful])
        found = run(doubtful, moved)
        better = np.flatnonzero(found.chi2 < (1.0 - _BETTER) * best.chi2[doubtful])
        best.put(doubtful[better], found.take(better))
    return best


def _doubtful(objective: ShellsObjective, found: Solution, n_idp: float) -> BoolArray:
    """Which minima may be false (rows,)."""
    # Large as a part of the data, and not by their noise.
    poor = (found.chi2 > _POOR * data_squares(objective)) & (found.chi2 > _NOISE * n_idp)
    known = objective.known(found.theta)
    bad = (found.status == Status.NOT_CONVERGED) | poor
    for number, path in enumerate(objective.model.paths):
        quantities = path.evaluate(known)
        on = objective.active[objective.rows, number]
        bad |= on & (
            (quantities["amplitude"].value < 0.0) | (np.abs(quantities["e0"].value) > _FAR)
        )
    return np.asarray(bad)


def data_squares(objective: ShellsObjective) -> FloatArray:
    """Sums of squares of the data as they are compared (rows,)."""
    out = np.empty(len(objective.rows))
    for part, map_ in objective.parts():
        frames = objective.rows[part]
        seen = np.matmul(objective.chi[frames[:, None, None], map_.points], map_.joined)[:, 0]
        out[part] = ((seen * objective.factors(frames, map_)) ** 2).sum(axis=1)
    return out


def fill(columns: dict[str, Any], seen: Observed, plan: ShellsPlan, fitted: Fitted) -> None:
    """Write what was fitted into the columns of the table."""
    rows, theta = seen.rows, fitted.solution.theta
    n_rows, size = theta.shape
    known = seen.objective.known(theta)
    parameters = plan.model.parameters
    readings = Readings.of([known[name] for name in parameters.names], n_rows, size)
    absent = ~fitted.there
    held = fitted.own & fitted.solution.at_bound
    _write(columns, "value", rows, readings, fitted, readings.hangs_on(absent))
    # A value that stands at its bound has no uncertainty of its own.
    slot = {p.name: i for i, p in enumerate(parameters.slots)}
    for q, name in enumerate(parameters.names):
        if name in slot:
            at_bound = rows[held[:, slot[name]]]
            columns["value_stderr"][at_bound, q] = np.nan
            columns["value_stderr_unscaled"][at_bound, q] = np.nan
    columns["covariance"][rows] = readings.covariance(fitted.covariance, fitted.lost)
    columns["covariance_unscaled"][rows] = readings.covariance(fitted.unscaled, fitted.lost)
    missing = ~seen.objective.active[seen.objective.rows]
    for name in path_quantities(plan.model):
        found = path_readings(plan.model.paths, known, name, n_rows, size)
        _write(columns, name, rows, found, fitted, missing)
        if name in SHARED and plan.shared.names:
            for suffix, slots in (
                ("by_common", fitted.turned),
                ("with_common", fitted.with_common),
                ("with_common_unscaled", fitted.with_common_unscaled),
            ):
                own = np.matmul(found.slopes, slots)
                columns[f"{name}_{suffix}"][rows] = np.where(missing[:, :, None], np.nan, own)
    figures = fitted.figures
    columns["chi_square"][rows] = figures.chi_square
    columns["reduced_chi_square"][rows] = figures.reduced
    columns["r_factor"][rows] = figures.r_factor
    columns["misfit_probability"][rows] = figures.probability
    columns["n_idp"][rows] = plan.n_idp
    columns["n_varied"][rows] = fitted.varied
    columns["noise"][rows] = mean_noise(seen)
    columns["model"][rows] = model_curves(seen.objective, theta, plan.table.coords["k"]["k"])


def start_distances(seen: Observed, plan: ShellsPlan) -> FloatArray:
    """R at which each path starts (rows, paths), in angstrom; NaN where it is not there."""
    known = seen.objective.known(plan.starts())
    shape = (len(seen.rows), plan.start.shape[1])
    r = path_readings(plan.model.paths, known, "r", *shape).value
    return np.where(seen.objective.active[seen.objective.rows], r, np.nan)


def _write(
    columns: dict[str, Any],
    name: str,
    rows: NDArray[np.intp],
    readings: Readings,
    fitted: Fitted,
    missing: BoolArray,
) -> None:
    errors = {
        f"{name}_stderr": readings.stderr(fitted.covariance, fitted.lost),
        f"{name}_stderr_unscaled": readings.stderr(fitted.unscaled, fitted.lost),
    }
    columns[name][rows] = np.where(missing, np.nan, readings.value)
    for key, values in errors.items():
        columns[key][rows] = np.where(missing, np.nan, values)


def mean_noise(seen: Observed) -> FloatArray:
    """Root mean square uncertainty of χ(k) where it is fitted (rows,)."""
    out = np.empty(len(seen.rows))
    for part, map_ in seen.objective.parts():
        # Where the window is all but closed the noise does not matter.
        strong = map_.weighted[0] > 0.01 * map_.weighted[0].max()
        some = seen.sigma[part[:, None], map_.points[strong]]
        out[part] = np.sqrt((some**2).mean(axis=1))
    return out


def model_curves(objective: ShellsObjective, theta: FloatArray, k: FloatArray) -> FloatArray:
    """χ(k) of the model (rows, points); zero at k = 0."""
    duals = [
        {name: Dual(d.value, {}) for name, d in path.evaluate(objective.known(theta)).items()}
        for path in objective.model.paths
    ]
    out = np.zeros((len(theta), len(k)))
    for part, _ in objective.parts():
        out[part, 1:] = objective.curves(duals, part, k[1:], 0)[:, 0]
    return out
