"""Variables from values and from names."""

from __future__ import annotations

import numpy as np
import pytest

from spectra import Stack
from spectra.errors import SettingError
from spectra.readers.variables import with_variables

STACK = Stack.from_arrays(
    [1.0, 2.0], np.ones((3, 2)), names=("p.prj 0.12", "p.prj 7.03", "p.prj Au foil")
)


def test_numbers_in_names():
    stack = with_variables(STACK, {"time [h]": r"^p\.prj ([\d.]+)$", "voltage": [1, 2, 3]})
    np.testing.assert_array_equal(stack.variables["time"].values, [0.12, 7.03, np.nan])
    assert stack.variables["time"].unit == "h"
    assert stack.variables["voltage"].unit == "V"


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ([1, 2], "2 values for 3 frames; state one for each frame"),
        ("(", "is no pattern"),
        (r"\d+", "has 0 groups"),
        (r"(\d)(\d)", "has 2 groups"),
        (r"NNO([\d.]+)", "finds no number in the names of the frames, such as 'p.prj 0.12'"),
        (r"(foil)", "finds no number"),
    ],
)
def test_what_gives_no_numbers_is_refused(values, match):
    with pytest.raises(SettingError, match=match):
        with_variables(STACK, {"nno": values})
