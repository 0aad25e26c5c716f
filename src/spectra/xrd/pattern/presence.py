"""Is a phase in a pattern, if its intensities are free? What χ² gains by it says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri

from spectra.fit.uncertainty import misfit_scale
from spectra.xrd.pattern.amplitude import FreeStrengths, HeldStrengths
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.objective import PatternObjective, Prior
from spectra.xrd.pattern.phase import PhaseModel
from spectra.xrd.pattern.refine import Refined

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Directions of intensities known worse than so, relative to the best, are not told apart.
_DISTINCT = 1e-6
_RIDGE = 1e-10

Settle = Callable[
    [PatternObjective, NDArray[np.intp], FloatArray, BoolArray], tuple[PatternObjective, Refined]
]


def intensity_columns(model: PatternModel) -> list[slice]:
    """Places of the intensities of each phase."""
    return [
        model.layout.columns([c.name for c in p.amplitude.coefficients], f"{p.name}.")
        for p in model.phases
    ]


def phase_columns(model: PatternModel, number: int) -> BoolArray:
    """Parameters (P,) of a phase: cell, intensities, widths, factors."""
    prefix = f"{model.phases[number].name}."
    return np.array([name.startswith(prefix) for name in model.layout.names])


def refine_present(
    objective: PatternObjective,
    start: FloatArray,
    free: BoolArray,
    keep: float,
    settle: Settle,
) -> tuple[PatternObjective, Refined]:
    """Refine patterns, and again without each phase that they turn out not to show.

    Such a phase stays where it started, without intensities.

    Parameters
    ----------
    objective : PatternObjective
        Intensities are parameters, or held and shared out.
    start : array (rows, P)
    free : bool array (P,)
    keep : float
        Smallest `significance` of a phase that is there.
    settle : callable
        Refines the parameters `vary` (rows, P) of some patterns and their intensities: from
        objective, rows, start (rows, P) and `vary` to objective and `Refined`.
    """
    columns = intensity_columns(objective.model)
    theta, vary = start.copy(), np.tile(free, (len(start), 1))
    present = np.ones((len(start), len(columns)), bool)
    rows = np.arange(len(start))
    objective, result = settle(objective, rows, theta, vary)
    for _ in columns:
        part = objective.take(rows)
        seen = significance(part, result.theta[rows], vary[rows], present[rows])
        seen = np.where(present[rows], seen, np.inf)
        # One at a time: what one phase leaves may belong to another.
        weakest, lost = seen.argmin(axis=1), (seen < keep).any(axis=1)
        rows, weakest = rows[lost], weakest[lost]
        if rows.size == 0:
            break
        for row, number in zip(rows.tolist(), weakest.tolist(), strict=True):
            present[row, number] = False
            vary[row, phase_columns(objective.model, number)] = False
            theta[row, columns[number]] = 0.0
        objective = _without(objective, rows, weakest)
        again = np.where(vary[rows], result.theta[rows], theta[rows])
        objective, refined = settle(objective, rows, again, vary[rows])
        result.put(rows, refined)
    return objective, replace(result, present=present)


def significance(
    objective: PatternObjective, theta: FloatArray, vary: BoolArray, present: BoolArray
) -> FloatArray:
    """Tell how surely each phase is in each pattern, in standard deviations (rows, phases).

    Near a minimum χ² is quadratic. With H and g its Hessian and descent direction, I the
    intensities of a phase and O all else that is refined, the intensities of the other phases
    included, S = H_II − H_IO·H_OO⁻¹·H_OI and v = S·I + g_I − H_IO·H_OO⁻¹·g_O, the phase lowers
    χ² by vᵀ·S⁻¹·v: Rao's score test of I = 0 (C. R. Rao, Proc. Camb. Phil. Soc. 44 (1948) 50).
    Without the phase that is distributed as χ² with as many degrees of freedom as there are
    intensities; its probability is told as that of so many standard deviations. What stands
    under lines of other phases is theirs as well, and does not count. Where the fit is worse
    than the noise allows, the gain is divided by χ² per degree of freedom.

    Parameters
    ----------
    objective : PatternObjective
        As `refine_present` has it.
    theta : array (rows, P)
        Refined parameters.
    vary : bool array (rows, P)
        Those that were refined.
    present : bool array (rows, phases)
        The phases that have intensities.
    """
    free = _freed(objective)
    layout = free.model.layout
    own = objective.model.layout.names
    place = np.array([own.index(n) if n in own else -1 for n in layout.names])
    moved = place >= 0
    inner = np.tile(layout.start, (len(theta), 1))
    open_ = np.zeros(inner.shape, bool)
    inner[:, moved], open_[:, moved] = theta[:, place[moved]], vary[:, place[moved]]
    columns = intensity_columns(free.model)
    for number, (at, phase) in enumerate(zip(columns, objective.model.phases, strict=True)):
        if isinstance(phase.amplitude, HeldStrengths):
            held = phase.amplitude.strengths
            inner[:, at] = held[objective.rows if len(held) > 1 else 0 * objective.rows]
        open_[:, at] = present[:, number, None]
    found = free.vary(np.asarray(open_.any(axis=0))).evaluate(inner)
    used = (free.weight[free.rows] > 0).sum(axis=(1, 2))
    dof = np.maximum(used - open_.sum(axis=1), 1)
    scale = misfit_scale(found.cost, dof, absolute=True)
    out = np.empty(present.shape)
    for number, at in enumerate(columns):
        mine = phase_columns(free.model, number)
        gain, count = _gain(found.hessian, found.gradient, inner[:, at], at, open_ & ~mine)
        out[:, number] = -ndtri(chdtrc(np.maximum(count, 1), gain / scale))
    return out


def _without(
    objective: PatternObjective, rows: NDArray[np.intp], numbers: NDArray[np.intp]
) -> PatternObjective:
    """The same objective; of each of the rows, one phase has no strengths if they are held."""
    model = objective.model
    phases = list(model.phases)
    for number in np.unique(numbers).tolist():
        held = phases[number].amplitude
        if not isinstance(held, HeldStrengths):
            continue
        strengths = np.tile(held.strengths, (1 if len(held.strengths) > 1 else len(objective.y), 1))
        strengths[objective.rows[rows[numbers == number]]] = 0.0
        phases[number] = replace(phases[number], amplitude=HeldStrengths(strengths))
    return replace(objective, model=replace(model, phases=tuple(phases)))


def _freed(objective: PatternObjective) -> PatternObjective:
    """The same patterns, intensities free, nothing believed of them, nothing tied."""
    model = objective.model
    phases = tuple(replace(p, amplitude=_free_amplitude(p)) for p in model.phases)
    freed = replace(model, phases=phases, ties=None, restraints=None)
    return PatternObjective(
        freed,
        objective.tiles,
        objective.background,
        np.arange(freed.layout.size),
        objective.y,
        objective.weight,
        objective.loss,
        objective.rows,
        Prior.of_cells(freed, len(objective.y)),
    )


def _free_amplitude(phase: PhaseModel) -> FreeStrengths:
    if isinstance(phase.amplitude, FreeStrengths):
        return phase.amplitude
    count = len(phase.hkl)
    names = tuple(f"intensity({' '.join(map(str, hkl))})" for hkl in phase.hkl.tolist())
    return FreeStrengths(names, np.ones(count), np.arange(count))


def _gain(
    hessian: FloatArray, gradient: FloatArray, strengths: FloatArray, at: slice, others: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """What χ² gains by a phase (rows,), and by how many intensities."""
    diagonal = np.sqrt(np.einsum("rii->ri", hessian))
    root = np.where(diagonal > 0, diagonal, 1.0)
    scaled = hessian / root[:, :, None] / root[:, None, :]
    slope = gradient / root
    use = others & (diagonal > 0)
    matrix = np.where(use[:, :, None] & use[:, None, :], scaled, 0.0)
    np.einsum("rii->ri", matrix)[...] = 1.0 + _RIDGE
    across = np.where(use[:, :, None], scaled[:, :, at], 0.0)
    right = np.concatenate([across, np.where(use, slope, 0.0)[:, :, None]], axis=2)
    solved = np.linalg.solve(matrix, right)
    back = np.matmul(across.transpose(0, 2, 1), solved)
    schur = scaled[:, at, at] - back[:, :, :-1]
    reduced = slope[:, at] - back[:, :, -1]
    score = np.matmul(schur, (strengths * root[:, at])[:, :, None])[:, :, 0] + reduced
    values, vectors = np.linalg.eigh(schur)
    good = values > _DISTINCT * np.maximum(values[:, -1:], _DISTINCT)
    part = np.matmul(vectors.transpose(0, 2, 1), score[:, :, None])[:, :, 0]
    gain = np.where(good, part**2 / np.where(good, values, 1.0), 0.0).sum(axis=1)
    return gain, good.sum(axis=1)
