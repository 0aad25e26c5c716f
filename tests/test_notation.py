"""Values with their uncertainties in parentheses."""

from __future__ import annotations

import pytest

from spectra.notation import with_uncertainty


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (8.680312, 0.00012, "8.68031(12)"),
        (325.5821, 0.0072, "325.582(7)"),
        (0.10118, 0.0019, "0.1012(19)"),
        (0.10118, 0.0020, "0.101(2)"),
        (1.9999, 0.00096, "1.9999(10)"),
        (12345.6, 250.0, "12300(200)"),
        (-0.25, 0.015, "-0.250(15)"),
        (90.0, 0.0, "90"),
        (1.0 / 3.0, 0.0, "0.3333333"),
        (1.0, float("nan"), "1"),
        (-0.0004, 0.03, "0.00(3)"),
    ],
)
def test_the_rule_of_nineteen(value, stderr, text):
    assert with_uncertainty(value, stderr) == text
