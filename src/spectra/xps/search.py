"""Several starts of each fit, and whether they end in the same minimum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.fit.batch import StackFit, fit_stack
from spectra.status import Status
from spectra.xps.build import Built
from spectra.xps.frames import Frames

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# What a start must gain in χ² to be preferred to the first.
_WORSE = 1e-3
# Another minimum is one that is this far off, in uncertainties of an area, and not much worse.
_OFF, _PLAUSIBLE = 0.5, 25.0


def seeded_starts(
    built: Built, first: Mapping[str, FloatArray], count: int, seed: int
) -> list[dict[str, FloatArray]]:
    """Starts of all frames: the first, and others drawn alike for every frame.

    Positions are drawn within their bounds, widths within theirs, and areas from a third to
    three times the first.
    """
    rng = np.random.default_rng(seed)
    out = [dict(first)]
    for _ in range(count - 1):
        start = dict(first)
        for name, p in built.params.items():
            if p.expr or not p.vary:
                continue
            draw = float(rng.random())
            if name.endswith("_area") and name in first:
                start[name] = first[name] * 9.0 ** (draw - 0.5)
            elif np.isfinite([p.min, p.max]).all():
                start[name] = np.asarray(p.min + (p.max - p.min) * (0.1 + 0.8 * draw))
        out.append(start)
    return out


def best_of(
    built: Built, x: FloatArray, frames: Frames, tries: Sequence[Mapping[str, Any]]
) -> tuple[StackFit, IntArray]:
    """Fit from all starts; keep the best of each frame, and count other plausible minima.

    Returns
    -------
    fits : StackFit
    others : int array (frames,)
        Starts that ended in another minimum no more than 25 above the best in χ².
    """
    free = [n for n, p in built.params.items() if p.vary and not p.expr]
    fits = [
        fit_stack(
            *(built.model, built.params, x, frames.y),
            weights=frames.weights,
            errors=frames.errors,
            starts={k: v for k, v in start.items() if k in free},
        )
        for start in tries
    ]
    good = np.stack([np.isin(f.status, (Status.OK, Status.AT_BOUND)) for f in fits])
    scale = np.where(frames.errors == "residual", np.maximum(fits[0].redchi, 1e-300), 1.0)
    cost = np.stack([f.chi2 / scale for f in fits])
    cost = np.where(good & np.isfinite(cost), cost, np.inf)
    # The first start wins where another gains nothing.
    rank = np.where(cost > cost.min(axis=0) + _WORSE, cost, cost.min(axis=0))
    best = rank.argmin(axis=0)
    chosen = _choose(fits, best)
    areas = [i for i, n in enumerate(chosen.names) if n.endswith("_area")]
    others = np.zeros(len(best), np.intp)
    least = np.where(np.isfinite(cost.min(axis=0)), cost.min(axis=0), 0.0)
    for fit, worse in zip(fits, cost - least, strict=True):
        error = np.where(chosen.stderr[:, areas] > 0, chosen.stderr[:, areas], np.inf)
        off = np.abs(fit.values[:, areas] - chosen.values[:, areas]) / error
        far = (np.nan_to_num(off) > _OFF).any(axis=1)
        others += far & (worse < _PLAUSIBLE)
    return chosen, others


def _choose(fits: Sequence[StackFit], best: IntArray) -> StackFit:
    """Row by row the fit that is best."""
    first = fits[0]
    if not best.any():
        return first
    rows = np.arange(len(best))
    chosen: dict[str, Any] = {}
    for field in fields(StackFit):
        value = getattr(first, field.name)
        if isinstance(value, np.ndarray):
            chosen[field.name] = np.stack([getattr(f, field.name) for f in fits])[best, rows]
        else:
            chosen[field.name] = value
    return StackFit(**chosen)
