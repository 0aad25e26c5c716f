"""Signals calculated from columns."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.errors import SettingError
from spectra.readers.arithmetic import calculate, column_name, columns_in, name_columns

COLUMNS = {
    "e": np.array([1.0, 2.0]),
    "i0": np.array([4.0, 9.0]),
    "roi_1": np.array([1.0, 2.0]),
    "roi_2": np.array([3.0, 0.0]),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ln(i0/roi_1)", np.log([4, 4.5])),
        ("LN ( I0 / ROI_1 )", np.log([4, 4.5])),
        ("sum(roi_*)/i0", [1.0, 2 / 9]),
        ("(col3 + col4) / col2", [1.0, 2 / 9]),
        ("-log10(i0)*2", -2 * np.log10([4, 9])),
        ("e", [1.0, 2.0]),
        ("sqrt(i0) * pi", np.array([2, 3]) * np.pi),
        ("2", [2.0, 2.0]),
        ("ln(roi_2 - 1)", [np.log(2), np.nan]),
        ("i0/roi_2", [4 / 3, np.nan]),
    ],
)
def test_expressions(text, value):
    np.testing.assert_allclose(calculate(text, COLUMNS), value, rtol=1e-15)


def test_columns_may_be_called_as_words_of_python():
    columns = {"if": np.array([2.0, 3.0]), "is": np.array([4.0, 6.0]), "if_2": np.array([1.0, 1.0])}
    np.testing.assert_allclose(calculate("if/is + if_2", columns), [1.5, 1.5])
    np.testing.assert_allclose(calculate("sum(if*)", columns), [3.0, 4.0])
    assert columns_in("if/is", columns) == {"if", "is"}
    with pytest.raises(SettingError, match="cannot be read"):
        calculate("if/lambda", columns)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("ln(roi_3/i0)", "no column 'roi_3'; did you mean 'roi_"),
        ("ln(drain)", "no column 'drain'; there are e, i0, roi_1, roi_2$"),
        ("sum(mca_*)", "no column begins with 'mca_'; there are e, i0, roi_1"),
        ("__import__('os')", "no function"),
        ("i0.tofile('x')", "not allowed"),
        ("i0[0]", "not allowed"),
        ("lambda: 1", "not allowed"),
        ("i0 +", "cannot be read"),
        ("1j*i0", "complex"),
        ("", "cannot be read"),
    ],
)
def test_what_is_no_arithmetic_is_refused(text, match):
    with pytest.raises(SettingError, match=match):
        calculate(text, COLUMNS)


def test_names_of_columns():
    assert column_name("mu(E)") == "mu_e"
    assert column_name("ref.derivative") == "ref_derivative"
    assert name_columns(["E", "", "i0", "I0", "ΔE"]) == ["e", "col2", "i0", "i0_2", "e_2"]
    assert columns_in("ln(col2/i0) + sum(roi_*)", COLUMNS) == {"i0", "roi_1", "roi_2"}


def test_a_row_for_each_frame():
    stack = np.arange(6.0).reshape(3, 2)
    out = calculate("ln(i0/stack)", {"i0": COLUMNS["i0"], "stack": stack})
    assert out.shape == (3, 2)
    np.testing.assert_allclose(out[1:], np.log(COLUMNS["i0"] / stack[1:]))
    assert np.isnan(out[0, 0])
