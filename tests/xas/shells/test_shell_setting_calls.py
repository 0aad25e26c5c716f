"""Fits of shells work or refuse, whatever their settings are."""

from __future__ import annotations

from copper_shells import sequence, simulated_path, truth_of

from setting_values import call_with_each
from spectra import xas

PATH = simulated_path()


def test_calls():
    needed = {"paths": (PATH,), "k_range": (3.0, 14.0), "r_range": (1.4, 3.0)}
    assert call_with_each(xas.Shells, needed, sequence(truth_of(2, PATH), PATH)) > 5
