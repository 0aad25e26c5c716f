"""Fits of shells work or refuse, whatever their settings are."""

from __future__ import annotations

import contextlib

import pytest
from copper_shells import sequence, simulated_path, truth_of

from setting_values import WRONG, call_with_each
from spectra import xas
from spectra.errors import SettingError, SpectraError

PATH = simulated_path()
SOURCE = sequence(truth_of(2, PATH), PATH)


def test_calls():
    needed = {"paths": (PATH,), "k_range": (3.0, 14.0), "r_range": (1.4, 3.0)}
    assert call_with_each(xas.Shells, needed, SOURCE) > 5


@pytest.mark.parametrize("key", ["only", "n", "s02", "sigma2", "label", "file"])
def test_what_is_told_of_a_path(key):
    for value in WRONG:
        told = {"path": PATH, key: value} if key != "file" else {key: value}
        with contextlib.suppress(SpectraError):
            xas.Shells(paths=(told,), k_range=(3.0, 14.0)).prepare(SOURCE)


@pytest.mark.parametrize("key", ["radius", "nleg"])
def test_what_is_told_of_a_calculation(key):
    for value in ("x", None, [], 1.5, object()):
        told = {"phase": "V2O5", "which": "V-O 1.585", key: value}
        if value != 1.5 or key == "nleg":
            with pytest.raises(SettingError, match=f"{key}.* expected"):
                xas.Shells(paths=(told,), parameters={}).prepare(SOURCE)


def test_a_wrong_word_in_a_path_is_named():
    with pytest.raises(SettingError, match=r"xas\.Shells: paths: only of path .* = 'x'; expected"):
        xas.Shells(paths=({"path": PATH, "only": "x"},)).prepare(SOURCE)
    wrong = {"of": "e0", "value": "x", "stderr": 1.0}
    with pytest.raises(SettingError, match=r"xas\.Shells: restraints: value = 'x'; expected"):
        xas.Shells(paths=(PATH,), restraints=wrong).prepare(SOURCE)
