"""Functions by their names: which one is meant, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.errors import SettingError
from spectra.xrd.pattern.function_names import make_function
from spectra.xrd.pattern.functions import Displacement, Expansion
from spectra.xrd.pattern.subject import Subject

T = np.linspace(10.0, 900.0, 60)
LENGTH = Subject("CuO.a", "angstrom", "temperature", "K")
SQUARE = Subject("CuO.O1.u_iso", "angstrom^2", "temperature", "K")


def test_the_parameter_says_which_expansion():
    assert isinstance(make_function("debye", LENGTH, T), Expansion)
    assert isinstance(make_function("debye", SQUARE, T), Displacement)


@pytest.mark.parametrize(
    ("text", "subject", "t", "told"),
    [
        ("polinomial 2", LENGTH, T, "did you mean 'polynomial'"),
        ("polynomial", LENGTH, T, "a degree from 1 to 8"),
        ("spline 1", LENGTH, T, "a number of knots from 2 to 40"),
        ("debye 3", LENGTH, T, "takes no number"),
        ("", LENGTH, T, "expected one of constant"),
        ("spline 4", LENGTH, T[:5], "6 coefficients, but 'temperature' has only 5"),
        ("constant", LENGTH, T[:0], "no frame determines 'CuO.a'"),
        ("debye", Subject("CuO.a", "angstrom", "time", "s"), T, "has the unit 's'"),
        ("debye", LENGTH, T - 20.0, "expected above 0 K"),
    ],
)
def test_what_is_refused(text, subject, t, told):
    with pytest.raises(SettingError, match=told):
        make_function(text, subject, t)
