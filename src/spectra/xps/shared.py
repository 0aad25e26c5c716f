"""Parameters that all frames of a sequence have in common, from all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from spectra.fit.batch import StackFit, fit_stack
from spectra.fit.covariance import covariance
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

    Newton's method on what is left of the joint Hessian when each frame's own parameters follow:
    S = Σ(Hₛₛ − Hₛₗ·Hₗₗ⁻¹·Hₗₛ), whose inverse is the shared parameters' covariance. A parameter
    that is pushed against its bound stays there while the others take their own minimum; in the
    covariance it is as uncertain as without the bound.

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
    low, high = (np.array([getattr(built.params[n], k) for n in names]) for k in ("min", "max"))
    cov = np.zeros((count, count))
    for _ in range(_ROUNDS):
        shared = dict(zip(names, at.tolist(), strict=True))
        information, downhill = np.zeros((count, count)), np.zeros(count)
        for part in blocks:
            fits = _fit(built, x, part, shared)
            own, own_downhill = _reduced(fits, names, part)
            information += own
            downhill += own_downhill
        cov = covariance(information[None], np.ones((1, count), bool))[0]
        free = ~((at <= low) & (downhill < 0.0) | (at >= high) & (downhill > 0.0))
        inverse = np.nan_to_num(covariance(information[None], free[None])[0])
        goal = np.clip(at + inverse @ np.where(free, downhill, 0.0), low, high)
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


def _reduced(fits: StackFit, names: Sequence[str], part: Frames) -> tuple[FloatArray, FloatArray]:
    """Σ over frames of S and of the gradient by what is shared."""
    variables, gradient, hessian = fits.slopes()
    index = [variables.index(n) for n in names]
    own = [variables.index(n) for n in fits.var_names]
    scale = fits.redchi if part.errors == "residual" else part.scale(fits)
    good = _good(fits) & np.isfinite(hessian).all(axis=(1, 2)) & (scale > 0)
    weight = np.where(good, 1.0 / np.where(good, scale, 1.0), 0.0)
    cross = hessian[:, own][:, :, index]
    inner = np.where(good[:, None, None], hessian[:, own][:, :, own], np.eye(len(own)))
    vary = np.isfinite(np.einsum("rii->ri", fits.covar))
    inverse = np.nan_to_num(covariance(inner, vary))
    inverse = np.where(vary[:, :, None] & vary[:, None], inverse, 0.0)
    left = hessian[:, index][:, :, index] - np.matmul(
        cross.transpose(0, 2, 1), np.matmul(inverse, cross)
    )
    own_gradient = gradient[:, own][:, :, None]
    pushed = (
        gradient[:, index]
        - np.matmul(cross.transpose(0, 2, 1), np.matmul(inverse, own_gradient))[:, :, 0]
    )
    left = np.where(good[:, None, None], left, 0.0) * weight[:, None, None]
    return left.sum(axis=0), (np.where(good[:, None], pushed, 0.0) * weight[:, None]).sum(axis=0)
