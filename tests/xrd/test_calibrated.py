"""Stated uncertainties are true: a fast version of `benchmarks.calibration`."""

from __future__ import annotations

import numpy as np
import pytest
from calibrated import HALF_68, HALF_95, from_patterns, from_positions
from simulated_cells import lattice_phase

ANATASE = "TiO2_anatase"


def assert_calibrated(found, n):
    """Within three standard errors of what the full figures are held to."""
    for name, one in found.items():
        # Runs of dV/V share a reference: worth about half of their number.
        worth = n / 2 if name == "dv_over_v" else n
        assert abs(one.mean) < 0.05 + 3 / np.sqrt(worth), name
        assert abs(one.width - 1) < 0.05 + 3 / np.sqrt(2 * worth), name
        assert abs(one.covers(HALF_68) - 0.68) < 0.03 + 1.4 / np.sqrt(worth), name
        assert abs(one.covers(HALF_95) - 0.95) < 0.015 + 0.65 / np.sqrt(worth), name


@pytest.mark.parametrize(
    ("phase", "corrections"),
    [
        (ANATASE, ()),
        (ANATASE, ("displacement",)),
        (ANATASE, ("displacement", "zero")),
        (lattice_phase("monoclinic_b"), ("displacement",)),
    ],
    ids=["plain", "displacement", "both", "monoclinic"],
)
def test_cells_from_positions(phase, corrections):
    assert_calibrated(from_positions(800, phase, corrections, seed=11), 800)


@pytest.mark.parametrize("corrections", [(), ("displacement",)])
def test_strains_from_patterns(corrections):
    assert_calibrated(from_patterns(200, corrections, seed=12), 200)
