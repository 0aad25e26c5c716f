"""Uncertainties of whole-pattern refinements are true: the fast part of
`benchmarks.pattern_calibration patterns`.
"""

from __future__ import annotations

import numpy as np
import pytest
from calibrated_patterns import CASES, run

FRAMES = 300
FEWER = 80


@pytest.mark.parametrize("case", CASES)
def test_pulls_of_every_refined_parameter(case):
    # Four standard errors of what so many frames can tell: some forty figures are looked at.
    frames = FEWER if "overlapping" in case else FRAMES
    found = run(case, frames, seed=11)
    assert len(found) > 8
    for name, one in found.items():
        assert abs(one.mean) < 4.0 / np.sqrt(frames), name
        assert abs(one.width - 1.0) < 4.0 / np.sqrt(2 * frames), name
