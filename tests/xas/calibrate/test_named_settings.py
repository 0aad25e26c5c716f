"""Wrong settings of corrections: the message says whose they are."""

from __future__ import annotations

import pytest

from spectra.engine import find_correction
from spectra.errors import SettingError

WRONG = {
    "xas.Align": {"to": "best"},
    "xas.Calibrate": {"energy": -1.0},
    "xas.DeadTime": {"dead_time": 0.0},
    "xas.Deglitch": {"threshold": 1.0},
    "xas.Merge": {"every": -2},
    "xas.OverAbsorption": {"formula": "V2O5", "angle_in": 100.0},
    "xas.Rebin": {"exafs_start": -500.0},
    "xas.RemoveSteps": {"acts": "both"},
}


@pytest.mark.parametrize("name", WRONG)
def test_message_names_the_correction(name):
    with pytest.raises(SettingError, match=f"^{name}:? "):
        find_correction(name)(**WRONG[name])


def test_message_of_a_standard_names_the_correction():
    with pytest.raises(SettingError, match=r"^xas\.Align: standard has energies of shape"):
        find_correction("xas.Align")(to="standard", standard=([1.0, 2.0], [1.0, 2.0]))
