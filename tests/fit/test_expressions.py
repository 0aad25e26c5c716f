"""Expressions: the language of lmfit's ties, with exact derivatives and nothing else."""

from __future__ import annotations

import asteval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectra.errors import SettingError
from spectra.fit.expressions import FUNCTIONS, Dual, parse_expression

NAMES = frozenset({"a", "b", "p1_sigma"})


def evaluate(text, **values):
    names = sorted(values)
    duals = {n: Dual(np.array([values[n]]), {i: np.ones(())}) for i, n in enumerate(names)}
    return parse_expression(text, frozenset(names)).evaluate(duals)


@pytest.mark.parametrize(
    "text",
    [
        "2.35*a + b/3 - 1",
        "-a**2 + 4**b",
        "sqrt(a) * exp(-b) / log(a + 2)",
        "sin(a)*cos(b) + tan(a/9)",
        "arctan2(a, b) + arctan(a)",
        "max(1e-15, a) * min(b, 0.3)",
        "a if a > b else b**2",
        "erf(a) + gammaln(a + 1) + log1p(b)",
        "(a/max(1e-15, b*sqrt(2*pi)))*real(wofz((1j*a)/(max(1e-15, b*sqrt(2)))))",
        "abs(a - b) + sinh(a) + cosh(b) + tanh(a)",
        "gamfcn(a + 0.5) / gamfcn(a) + betalnfnc(a, b)",
        "arcsin(a/9) + arccos(b/9) + log10(a) + log2(b) + expm1(b) + square(a) + erfc(b)",
    ],
)
def test_values_and_derivatives(text):
    at = {"a": 1.3, "b": 0.7}
    found = evaluate(text, **at)
    for i, name in enumerate(sorted(at)):
        h = 1e-5
        up, down = (evaluate(text, **{**at, name: at[name] + s * h}).value for s in (1, -1))
        slope = float(np.real((up - down)[0])) / (2 * h)
        given_slope = float(np.ravel(np.real(found.slopes.get(i, 0.0)))[0])
        assert given_slope == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("text", ["2.3548*a", "a + b*2", "a/(b+1)**2", "max(a, b)", "sqrt(a*b)"])
@settings(max_examples=30, deadline=None)
@given(a=st.floats(0.01, 50), b=st.floats(0.01, 50))
def test_lmfits_own_interpreter_says_the_same(text, a, b):
    interpreter = asteval.Interpreter()
    interpreter.symtable.update({"a": a, "b": b})
    assert float(evaluate(text, a=a, b=b).value[0]) == pytest.approx(interpreter(text), rel=1e-14)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os').system('true')", "not allowed"),
        ("a.__class__", "not allowed"),
        ("(lambda: 1)()", "not allowed"),
        ("[a for a in (1, 2)]", "not allowed"),
        ("open('x')", "no function 'open'"),
        ("'text'", "not allowed"),
        ("a[0]", "not allowed"),
        ("f(a)", "no function 'f'"),
        ("sqrt(a, b)", r"takes 1 argument\(s\), not 2"),
        ("sqr(a)", "did you mean 'sqrt'"),
        ("p1_sigm * 2", "did you mean 'p1_sigma'"),
        ("a +", "cannot be read"),
        ("a := 3", "cannot be read"),
        ("(" * 100 + "a" + ")" * 100 + "+" * 3, "cannot be read"),
        ("-" * 80 + "a", "nested deeper"),
        ("a" + "+a" * 2000, "longer than"),
        ("a < b", "not allowed"),
        ("print(a)", "no function"),
    ],
)
def test_everything_else_is_refused(text, message):
    with pytest.raises(SettingError, match=message):
        parse_expression(text, NAMES, "owner")


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_text_is_parsed_or_refused(text):
    try:
        expression = parse_expression(text, NAMES)
    except SettingError:
        return
    assert expression.names <= NAMES


def test_the_functions_are_told():
    assert {"sqrt", "wofz", "max", "gamfcn"} <= set(FUNCTIONS)
