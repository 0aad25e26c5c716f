"""Frames refined with the functions of their sequence held."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.fit.joint import Common, eliminate
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.refine import Refined, refine
from spectra.xrd.pattern.subject import Function

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class Known:
    """Functions whose coefficients are known.

    Attributes
    ----------
    common : Common
    beta, covariance : array (K,), (K, K)
        NaN in the covariance of what is not determined.
    """

    common: Common[Function]
    beta: FloatArray
    covariance: FloatArray


def refine_held(
    objective: PatternObjective,
    start: FloatArray,
    free: BoolArray,
    t: FloatArray,
    known: Known,
    keep: float,
) -> tuple[Refined, FloatArray]:
    """Refine frames with the functions held; the covariance that comes from the functions.

    Of a frame's own parameters δ_f = −A⁻¹·C·δβ follows the functions, so that their covariance
    V reaches them as (A⁻¹·C)·V·(A⁻¹·C)ᵀ, and the parameters that are functions, whose slopes are
    B, as B·V·Bᵀ.
    """
    common = known.common
    values, slopes = common.evaluate(t, known.beta)
    everywhere = np.ones(values.shape, bool)
    own = free & ~objective.tied
    own[common.columns] = False
    result = refine(objective, common.place(start, values, everywhere), own, keep)
    on = _present(objective.model, common.columns, result.present)
    varied = result.free & ~objective.tied
    found = objective.vary(free).evaluate(result.theta)
    by_beta = common.spread(slopes, on, start.shape[1])
    frames = eliminate(found, by_beta, varied & ~result.at_bound)
    moved = by_beta - frames.toward
    safe = np.nan_to_num(known.covariance)
    shared = np.matmul(np.matmul(moved, safe), moved.transpose(0, 2, 1))
    open_ = ~np.isfinite(np.diagonal(known.covariance))
    unsure = np.asarray((moved[:, :, open_] != 0.0).any(axis=2))
    refined: BoolArray = np.array(varied)
    refined[:, common.columns] = on
    blind = frames.inverse.copy()
    blind[:, common.columns] = 0.0
    blind[:, :, common.columns] = 0.0
    blind = np.where(refined[:, :, None] & refined[:, None, :], blind, np.nan)
    blind = np.where(unsure[:, :, None] | unsure[:, None, :], np.nan, blind)
    theta, cov, whole = objective.complete(result.theta, blind, refined)
    shared = objective.complete(result.theta, shared, refined)[1]
    return replace(result, theta=theta, cov=cov, free=whole), shared


def _present(model: PatternModel, columns: IntArray, present: BoolArray) -> BoolArray:
    """Whether what each function describes is in each frame (rows, functions)."""
    on = np.ones((len(present), len(columns)), bool)
    for q, column in enumerate(columns.tolist()):
        for number, phase in enumerate(model.phases):
            if model.layout.names[column].startswith(f"{phase.name}."):
                on[:, q] = present[:, number]
    return on
