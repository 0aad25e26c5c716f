"""Share the measured intensity out among the reflections, in proportion to the calculated one.

That is how a Rietveld refinement comes by "observed" intensities (H. M. Rietveld, J. Appl. Cryst.
2 (1969) 65, eq. 7), and repeated it is the method of A. Le Bail, H. Duroy and J. L. Fourquet,
Mater. Res. Bull. 23 (1988) 447.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.xrd.pattern.objective import PatternObjective

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Of the calculated height, below which a point says nothing of what is shared out.
_LEAST = 1e-6
# Share of a reflection's shape that must be measured for it to have an observed intensity.
_SEEN = 0.1


# Share of the strongest reflection observed below which none may fall: what is zero can grow no
# more. (Not of the strongest calculated one, which has any scale before it is shared out.)
_FAINTEST = 1e-6


@dataclass(frozen=True)
class Shared:
    """Calculated and observed intensities of one phase, each (rows, R), counts·deg.

    Those of reflections that are hardly measured (`seen` False) are observed as calculated.
    """

    calculated: FloatArray
    observed: FloatArray
    seen: BoolArray

    @property
    def ratio(self) -> FloatArray:
        """Observed over calculated (rows, R), positive; 1 where nothing is calculated.

        A reflection that is hardly measured has the ratio of all others together: whatever scale
        the calculated ones had, its tails then are those of a line of this pattern.
        """
        strongest = self.observed.max(axis=1, keepdims=True)
        some = np.where(strongest > 0, strongest, self.calculated.max(axis=1, keepdims=True))
        ratio = np.maximum(self.observed, _FAINTEST * some) / np.maximum(self.calculated, 1e-300)
        sums = [np.where(self.seen, v, 0.0).sum(axis=1) for v in (self.observed, self.calculated)]
        good = (sums[0] > 0) & (sums[1] > 0)
        overall = np.where(good, sums[0] / np.where(good, sums[1], 1.0), 1.0)
        return np.where(self.calculated > 0, np.where(self.seen, ratio, overall[:, None]), 1.0)


def share_out(objective: PatternObjective, theta: FloatArray) -> tuple[Shared, ...]:
    """Share out what stands above the background, for each phase.

    Parameters
    ----------
    objective : PatternObjective
    theta : array (rows, P)

    Returns
    -------
    tuple of Shared
        A reflection that is hardly measured is observed as it is calculated.
    """
    model, tiles = objective.model, objective.tiles
    none = np.empty(0, np.intp)
    lines = model.lines(theta, none, objective.rows)
    curve = tiles.cut(tiles.curve(lines))
    above = objective.y[objective.rows] - objective.background_of(theta)
    use = (objective.weight[objective.rows] > 0).astype(float)
    least = _LEAST * curve.max(axis=(1, 2), keepdims=True)
    ratio = np.where(curve > least, above / np.maximum(curve, np.maximum(least, 1e-300)), 0.0) * use
    three = np.stack([ratio, use, np.ones_like(use)], axis=1)
    projected = tiles.project(lines, three) * lines.area[:, None]
    got, seen, whole = (projected[:, i] for i in range(3))
    shared = []
    for part, reflection, count in model.reflection_of_lines():
        sums = [_summed(v[:, part], reflection, count) for v in (got, seen, whole)]
        calculated = _summed(lines.area[:, part], reflection, count)
        measured = sums[1] > _SEEN * np.maximum(sums[2], 1e-300)
        factor = np.where(measured, sums[0] / np.where(measured, sums[1], 1.0), 1.0)
        shared.append(Shared(calculated, calculated * factor, measured))
    return tuple(shared)


def bragg_factors(objective: PatternObjective, theta: FloatArray) -> FloatArray:
    """R_Bragg = Σ|I_obs − I_calc|/ΣI_obs (rows, phases), per cent.

    R. A. Young, The Rietveld Method (1993), table 1.3.
    """
    columns = []
    for shared in share_out(objective, theta):
        with np.errstate(invalid="ignore", divide="ignore"):
            misfit = np.abs(shared.observed - shared.calculated).sum(axis=1)
            columns.append(100.0 * misfit / shared.observed.sum(axis=1))
    return np.stack(columns, axis=1)


def _summed(values: FloatArray, reflection: NDArray[np.intp], count: int) -> FloatArray:
    """Sums over the lines of each reflection: (rows, L) to (rows, R)."""
    out = np.zeros((len(values), count))
    for row, line in zip(out, values, strict=True):
        row += np.bincount(reflection, weights=line, minlength=count)
    return out
