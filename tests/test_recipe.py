"""Recipes: what they say of files of columns."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.errors import SettingError
from spectra.recipe import check_recipe, read_stack

ENERGY = np.linspace(5400.0, 5500.0, 30)


def test_signals_and_variables_of_files_of_columns(tmp_path):
    for number in (3, 7):
        table = np.column_stack([np.full(30, 2.0), np.full(30, 1.0 / number), ENERGY / 1000])
        np.savetxt(tmp_path / f"scan_{number}h.dat", table)
    data = {
        "stack": {
            "files": "scan_*.dat",
            "signal": "ln(col1/col2)",
            "channels": {"i0": "col1"},
            "energy": "1000*col3",
            "quantity": "norm",
            "variables": {"time [h]": r"_(\d+)h"},
        },
        "step": [{"name": "edges", "method": "xas.Normalize"}],
    }
    recipe = check_recipe(data, tmp_path, "here")
    stack = read_stack(recipe)
    np.testing.assert_allclose(stack.signal[1], np.log(14.0))
    np.testing.assert_allclose(stack.channel("i0")[0], 2.0)
    np.testing.assert_allclose(stack.x, ENERGY)
    assert stack.quantity == "norm"
    assert stack.variables["time"].values.tolist() == [3, 7]


def test_such_a_recipe_is_replayed(tmp_path):
    np.savetxt(tmp_path / "a.dat", np.column_stack([ENERGY, ENERGY, ENERGY + 1]))
    data = {
        "stack": {"files": "a.dat", "signal": "col2/col3", "entry": []},
        "step": [{"name": "edges", "method": "xas.Normalize"}],
    }
    plain = check_recipe(data, tmp_path, "here").to_plain()
    folder = plain.pop("folder")
    again = check_recipe(plain, tmp_path, "here")
    assert again.to_plain() == plain | {"folder": folder}
    np.testing.assert_allclose(read_stack(again).signal[0], ENERGY / (ENERGY + 1))


@pytest.mark.parametrize("window", [[5465.0], "abc", [1.0, 2.0, 3.0]])
def test_settings_of_another_shape_are_named_by_their_place(tmp_path, window):
    step = {"name": "edges", "method": "xas.PreEdge", "window": window}
    said = r"here, step 'edges': xas\.PreEdge: window = .*; expected two numbers in eV"
    with pytest.raises(SettingError, match=said):
        check_recipe({"stack": {"files": "a.dat"}, "step": [step]}, tmp_path, "here")


@pytest.mark.parametrize("name", ["a/b", "a\\b", " ", "", "two\nlines"])
def test_names_of_steps_are_names_of_files(tmp_path, name):
    step = {"name": name, "method": "xas.Normalize"}
    with pytest.raises(SettingError, match="files and groups are called by it"):
        check_recipe({"stack": {"files": "a.dat"}, "step": [step]}, tmp_path, "here")
