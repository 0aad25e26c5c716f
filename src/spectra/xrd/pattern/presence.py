"""Is a phase in a pattern, if its intensities are free? What χ² gains by it says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.fit.uncertainty import misfit_scale
from spectra.xrd.pattern.amplitude import HeldStrengths
from spectra.xrd.pattern.freed import Freed, intensity_columns
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.refine import Refined

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Directions of intensities, of unit length, that the pattern knows worse than so do not count.
_DISTINCT = 1e-6
_RIDGE = 1e-10

Settle = Callable[
    [PatternObjective, NDArray[np.intp], FloatArray, BoolArray], tuple[PatternObjective, Refined]
]


def phase_columns(model: PatternModel, number: int) -> BoolArray:
    """Parameters (P,) of a phase: cell, intensities, widths, factors."""
    prefix = f"{model.phases[number].name}."
    return np.array([name.startswith(prefix) for name in model.layout.names])


@dataclass(frozen=True)
class Limits:
    """What a phase that is there must keep.

    Attributes
    ----------
    keep : float
        Least `significance`.
    roam : float
        Relative change of a length of its cell, or of an angle in radians, from the start.
    """

    keep: float
    roam: float


def refine_present(
    objective: PatternObjective,
    start: FloatArray,
    free: BoolArray,
    likely: tuple[FloatArray, ...],
    limits: Limits,
    settle: Settle,
) -> tuple[PatternObjective, Refined]:
    """Refine patterns, and again without each phase that they turn out not to show.

    Such a phase stays where it started, without intensities. One whose cell has gone farther from
    its start than cells can be off has found the misfit of other lines, or noise.

    Parameters
    ----------
    objective : PatternObjective
        Intensities are parameters, or held and shared out.
    start : array (rows, P)
    free : bool array (P,)
    likely : tuple of array (rows, R)
        Intensities of each phase as they are expected, if it is there.
    limits : Limits
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
        part, found = objective.take(rows), result.theta[rows]
        expected = [own[rows] for own in likely]
        seen = significance(part, found, vary[rows], present[rows], expected)
        # The phase that explains most is not the misfit of another.
        astray = _astray(objective.model, found, start[rows], limits.roam)
        astray &= seen < seen.max(axis=1, keepdims=True)
        seen = np.where(astray, -np.inf, seen)
        seen = np.where(present[rows], seen, np.inf)
        # One at a time: what one phase leaves may belong to another.
        weakest, lost = seen.argmin(axis=1), (seen < limits.keep).any(axis=1)
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
    objective: PatternObjective,
    theta: FloatArray,
    vary: BoolArray,
    present: BoolArray,
    likely: Sequence[FloatArray],
) -> FloatArray:
    """Tell how surely each phase is in each pattern, in standard deviations (rows, phases).

    Near a minimum χ² is quadratic. With H and g its Hessian and descent direction, I the
    intensities of a phase and O all else that is refined, the intensities of the other phases
    included, S = H_II − H_IO·H_OO⁻¹·H_OI and v = S·I + g_I − H_IO·H_OO⁻¹·g_O, the phase lowers
    χ² by vᵀ·S⁻¹·v, and by (tᵀ·v)²/tᵀ·S·t if its intensities are in the proportions t: Rao's
    score test of I = 0 (C. R. Rao, Proc. Camb. Phil. Soc. 44 (1948) 50). Where the phase is not,
    the first is distributed as χ² with as many degrees of freedom as there are intensities, and
    tᵀ·v/√(tᵀ·S·t) is normal. The smaller of both counts: the first does not tell a phase from
    any misfit of the others, and the second not from one that has other intensities. What
    stands under lines of other phases is theirs as well. Where the fit is worse than the
    noise allows, χ² per degree of freedom divides what it gains.

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
    likely : sequence of array (rows, R)
    """
    freed = Freed.of(objective, theta, vary, present)
    free, columns = freed.objective, intensity_columns(freed.objective.model)
    found = freed.evaluate()
    used = (free.weight[free.rows] > 0).sum(axis=(1, 2))
    dof = np.maximum(used - freed.open.sum(axis=1), 1)
    scale = misfit_scale(found.cost, dof, absolute=True)
    out = np.empty(present.shape)
    for number, at in enumerate(columns):
        others = freed.open & ~phase_columns(free.model, number)
        score, spread = _score(found.hessian, found.gradient, freed.theta[:, at], at, others)
        expected = np.maximum(likely[number], 0.0)
        out[:, number] = np.minimum(
            _of_all(score, spread, scale), _of_expected(score, spread, scale, expected)
        )
    return out


def _astray(model: PatternModel, theta: FloatArray, start: FloatArray, roam: float) -> BoolArray:
    """Whether the cell of each phase (rows, phases) has gone farther than `roam`."""
    off = []
    for number, phase in enumerate(model.phases):
        at = model.cell_columns(number)
        near, far = (phase.constraint.cell(t[:, at]) for t in (start, theta))
        change = np.abs(far - near)
        change[:, :3] /= near[:, :3]
        change[:, 3:] = np.radians(change[:, 3:])
        off.append((change > roam).any(axis=1))
    return np.stack(off, axis=1)


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


def _score(
    hessian: FloatArray, gradient: FloatArray, strengths: FloatArray, at: slice, others: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Score v (rows, R) of intensities of zero, and its covariance S (rows, R, R)."""
    diagonal = np.sqrt(np.einsum("rii->ri", hessian))
    use = others & (diagonal > 0)
    root = np.where(use, diagonal, 1.0)
    matrix = hessian / root[:, :, None] / root[:, None, :]
    matrix = np.where(use[:, :, None] & use[:, None, :], matrix, 0.0)
    np.einsum("rii->ri", matrix)[...] = 1.0 + _RIDGE
    both = np.concatenate([hessian[:, :, at], gradient[:, :, None]], axis=2)
    across = np.where(use[:, :, None], both / root[:, :, None], 0.0)
    back = np.matmul(across[:, :, :-1].transpose(0, 2, 1), np.linalg.solve(matrix, across))
    spread = hessian[:, at, at] - back[:, :, :-1]
    moved = np.matmul(spread, strengths[:, :, None])[:, :, 0]
    return moved + gradient[:, at] - back[:, :, -1], spread


def _of_all(score: FloatArray, spread: FloatArray, scale: FloatArray) -> FloatArray:
    """How sure it is that any intensity is there (rows,).

    χ² as a normal variate after E. B. Wilson and M. M. Hilferty, Proc. Natl. Acad. Sci. 17
    (1931) 684.
    """
    root = np.sqrt(np.maximum(np.einsum("rii->ri", spread), 0.0))
    root = np.where(root > 0, root, 1.0)
    values, vectors = np.linalg.eigh(spread / root[:, :, None] / root[:, None, :])
    good = values > _DISTINCT
    part = np.matmul(vectors.transpose(0, 2, 1), (score / root)[:, :, None])[:, :, 0]
    gain = np.where(good, part**2 / np.where(good, values, 1.0), 0.0).sum(axis=1)
    count = np.maximum(good.sum(axis=1), 1)
    narrow = 2.0 / (9.0 * count)
    return np.asarray((np.cbrt(gain / scale / count) - 1.0 + narrow) / np.sqrt(narrow))


def _of_expected(
    score: FloatArray, spread: FloatArray, scale: FloatArray, expected: FloatArray
) -> FloatArray:
    """How sure it is that intensities as they are expected are there (rows,)."""
    variance = np.matmul(expected[:, None, :], np.matmul(spread, expected[:, :, None]))[:, 0, 0]
    height = (expected * score).sum(axis=1)
    return np.asarray(height / np.sqrt(np.maximum(variance * scale, 1e-300)))
