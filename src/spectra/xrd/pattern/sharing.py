"""Come near a minimum without a structure: refine, share intensities out, and so on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.refine import through_stages
from spectra.xrd.pattern.stages import Stage

FloatArray = NDArray[np.float64]

# Rounds of sharing out before each refinement.
SHARES = 3

Share = Callable[[PatternObjective, FloatArray], tuple[PatternObjective, FloatArray]]


def approach_by_sharing(
    objective: PatternObjective, start: FloatArray, stages: Sequence[Stage], share: Share
) -> tuple[PatternObjective, FloatArray]:
    """Bring one pattern near its minimum from far away.

    With wide lines from afar, and without, as they may confuse axes of nearly one length; the
    better end is taken.

    Parameters
    ----------
    objective : PatternObjective
        Of one pattern.
    start : array (1, P)
    stages : sequence of Stage
    share : callable
        (objective, theta) to both again, with intensities as the pattern shares them out.
    """
    layout = objective.model.layout
    none = np.zeros(layout.size, bool)
    ends = []
    for way in (stages, [s for s in stages if s.blur == 0]):
        held, theta = objective, start
        for stage in way:
            wide = before = stage.widened(layout, theta)
            for _ in range(SHARES):
                held, wide = share(held, wide)
            theta = through_stages(held, np.where(wide == before, theta, wide), [stage])
        ends.append((float(held.vary(none).evaluate(theta).cost[0]), held, theta))
    _, held, theta = min(ends, key=lambda end: end[0])
    return held, theta
