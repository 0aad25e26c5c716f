"""NIST's certified nonlinear regressions: every problem, both starts, one setting for all."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.nist_strd import NAMES, read_problem, solve

from spectra import Status

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def answers(data):
    return {name: solve(read_problem(data / "nist_strd" / f"{name}.dat")) for name in NAMES}


def test_all_parameters_to_six_digits(answers):
    parameters = np.array([[row[0] for row in rows] for rows in answers.values()])
    assert parameters.shape == (27, 2)
    assert (parameters >= 6).all(), dict(zip(answers, parameters.tolist(), strict=True))
    assert (parameters >= 8).sum() >= 50


def test_standard_errors_to_four_digits(answers):
    errors = {name: [row[1] for row in rows] for name, rows in answers.items()}
    # The residual of Lanczos1 is 1e-25: its standard errors are rounding.
    assert all(min(v) >= 4 for name, v in errors.items() if name != "Lanczos1"), errors


def test_no_wrong_answer_is_called_ok(answers):
    for name, rows in answers.items():
        for digits, _, status in rows:
            assert digits >= 6 or status != Status.OK, name
