"""Uncertainties of functions of a sequence are true: the fast part of
`benchmarks.pattern_calibration functions`.
"""

from __future__ import annotations

import numpy as np
import pytest
from calibrated_sequences import run

SEQUENCES = 40


@pytest.mark.slow
@pytest.mark.parametrize("case", ["spline", "sigmoid", "displacement, Einstein"])
def test_pulls_of_every_coefficient(case):
    # Three and a half standard errors of what so many sequences can tell, beside what the full
    # figures are held to: mean 0.1, width 0.07.
    found = run(case, SEQUENCES, seed=11)
    assert len(found) >= 5
    for name, one in found.items():
        assert abs(one.mean) < 0.1 + 3.5 / np.sqrt(SEQUENCES), name
        assert abs(one.width - 1.0) < 0.07 + 3.5 / np.sqrt(2 * SEQUENCES), name
