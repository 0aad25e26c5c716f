"""What lies about the line that binding energies are counted from: told, and in the uncertainty."""

from __future__ import annotations

import numpy as np
import pytest

from spectra import Stack
from spectra.xps import Calibrate

ENERGY = np.arange(276.0, 300.0, 0.1)
AT = 285.6


def shifted(lines, scale, frames=2, calibrate=None):
    """Shifts, their uncertainties and messages of single spectra of lines (position, height)."""
    curve = 300 + sum(h * np.exp(-4 * np.log(2) * ((ENERGY - p) / 1.2) ** 2) for p, h in lines)
    found, told = [], []
    for seed in range(frames):
        y = np.random.default_rng(seed).poisson(scale * curve, (1, ENERGY.size))
        stack = Stack.from_arrays(
            ENERGY, y, noise="counts", axis_name="binding_energy", axis_unit="eV"
        )
        moved = (calibrate or Calibrate())(stack)
        record = moved.metadata["corrections"][-1]
        found.append((record["found"], record["stderr"], record["shoulder"]))
        told += moved.messages
    return np.array(found).T, told


@pytest.mark.parametrize(
    ("apart", "height", "scale"), [(0.9, 700.0, 0.3), (1.4, 500.0, 1.0), (-1.0, 500.0, 30.0)]
)
def test_a_shoulder_is_in_the_shift(apart, height, scale):
    (found, stderr, _), told = shifted([(AT, 2200.0), (AT + apart, height)], scale)
    assert np.abs(found - AT).max() > 0.04
    assert (np.abs(found - AT) < 2.5 * stderr).all()
    assert all("no single line: with a shoulder at" in m for m in told)


def test_a_single_line_is_left_alone():
    for scale in (0.1, 10.0):
        (found, stderr, shoulder), told = shifted([(AT, 2200.0)], scale)
        assert (shoulder == 0.0).mean() >= 0.5
        assert (np.abs(found - AT) < 4 * stderr).all()
        assert not any(told)


def test_a_line_far_off_moves_nothing():
    (found, stderr, shoulder), told = shifted([(AT, 2200.0), (AT + 4.0, 300.0)], 1.0)
    assert (np.abs(found - AT) < 4 * stderr).all()
    assert np.abs(shoulder).max() < 0.05
    assert not any(told)


@pytest.mark.parametrize("height", [2200.0, 6600.0])
def test_potassium_in_a_wide_search_is_told(height):
    lines = [(AT, 2200.0), (AT + 8.0, height), (AT + 10.8, height / 2)]
    wide = Calibrate(search=(-4.0, 14.0))
    _, told = shifted(lines, 1.0, frames=1, calibrate=wide)
    assert all("another line about as high lies at" in m for m in told)
    (found, stderr, _), told = shifted(lines, 1.0, frames=1)
    assert (np.abs(found - AT) < 4 * stderr).all()
    assert not any(told)
