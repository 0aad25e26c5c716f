"""Parameters that all frames of a sequence have in common, from all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from spectra.fit.batch import StackFit, fit_stack
from spectra.fit.covariance import covariance
from spectra.fit.joint import Eliminated, eliminate, newton_step
from spectra.status import Status
from spectra.xps.build import Built
from spectra.xps.frames import Frames

FloatArray = NDArray[np.float64]

_ROUNDS = 12
_NEAR = 1e-3


def settle(
    built: Built, x: FloatArray, names: Sequence[str], parts: Iterable[Frames]
) -> tuple[dict[str, float], FloatArray]:
    """Minimise the sum of all frames' costs over parameters that they share.

    Newton's method on what is left of the joint Hessian when each frame's own parameters follow
    (`spectra.fit.joint`); its inverse is the shared parameters' covariance, in which one that a
    bound holds is as uncertain as without it.

    Returns
    -------
    values : dict of str to float
    covariance : array (shared, shared)
    """
    blocks = [part for part in parts if len(part.y)]
    if not blocks:
        return {n: float(built.params[n].value) for n in names}, np.zeros((len(names),) * 2)
    alone = [_fit(built, x, part, {}) for part in blocks]
    pooled = [np.asarray(f[n])[_good(f)] for f in alone for n in names]
    count = len(names)
    at = np.array([np.median(np.concatenate(pooled[i::count])) for i in range(count)])
    lower, upper = (np.array([getattr(built.params[n], k) for n in names]) for k in ("min", "max"))
    cov = np.zeros((count, count))
    for _ in range(_ROUNDS):
        shared = dict(zip(names, at.tolist(), strict=True))
        information, downhill = np.zeros((count, count)), np.zeros(count)
        for part in blocks:
            frames, weights = _eliminated(_fit(built, x, part, shared), names, part)
            information += (frames.schur * weights[:, None, None]).sum(axis=0)
            downhill += (frames.right * weights[:, None]).sum(axis=0)
        cov = covariance(information[None], np.ones((1, count), bool))[0]
        goal = np.clip(at + newton_step(information, downhill, at, (lower, upper)), lower, upper)
        near = np.abs(goal - at) <= _NEAR * np.sqrt(np.nan_to_num(np.diag(cov)))
        at = goal
        if near.all():
            break
    return dict(zip(names, at.tolist(), strict=True)), np.nan_to_num(cov)


def _fit(built: Built, x: FloatArray, part: Frames, shared: dict[str, float]) -> StackFit:
    fixed = part.fixed(built, shared)
    free = [n for n, p in fixed.params.items() if p.vary and not p.expr]
    return fit_stack(
        *(fixed.model, fixed.params, x, part.y),
        weights=part.weights,
        errors=part.errors,
        starts={k: v for k, v in part.starts.items() if k in free},
    )


def _good(fits: StackFit) -> NDArray[np.bool_]:
    return np.isin(fits.status, (Status.OK, Status.AT_BOUND))


def _eliminated(
    fits: StackFit, names: Sequence[str], part: Frames
) -> tuple[Eliminated, FloatArray]:
    """What good frames say of what is shared, all else of them eliminated, and their weights."""
    variables, found = fits.evaluation()
    scale = part.misfit(fits).widening * (fits.redchi if part.errors == "residual" else 1.0)
    good = _good(fits) & np.isfinite(found.hessian).all(axis=(1, 2)) & (scale > 0)
    rows = np.flatnonzero(good)
    vary = np.zeros((len(rows), len(variables)), bool)
    own = [variables.index(n) for n in fits.var_names]
    vary[:, own] = np.isfinite(np.einsum("rii->ri", fits.covar[rows]))
    by_shared = np.zeros((len(rows), len(variables), len(names)))
    by_shared[:, [variables.index(n) for n in names], range(len(names))] = 1.0
    return eliminate(found.take(rows), by_shared, vary), 1.0 / scale[rows]
