"""Paths of shells from phases and files of structures."""

from __future__ import annotations

import pytest

from spectra.errors import SettingError
from spectra.recipe import check_recipe
from spectra.xas import feff_paths
from spectra.xas.shells.sources import read_source

CIF = """data_rocksalt
_cell_length_a 4.0678
_cell_length_b 4.0678
_cell_length_c 4.0678
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
V1 V 0 0 0
O1 O 0.5 0.5 0.5
"""


def test_a_phase_gives_the_path_of_a_label():
    given = {"phase": "V2O3", "which": "V-O 2.049", "radius": 3.5, "nleg": 2}
    path = read_source("path 1", given)
    expected = feff_paths("V2O3", "V", radius=3.5, nleg=2)["V-O 2.049"]
    assert path.to_plain() == expected.to_plain()


def test_a_structure_from_a_file_is_relative_to_its_recipe(tmp_path):
    (tmp_path / "rocksalt.cif").write_text(CIF)
    said = {"cif": "rocksalt.cif", "which": "V-O 2.034", "radius": 3.0, "nleg": 2}
    step = {"name": "fit", "method": "xas.Shells", "paths": [said]}
    recipe = {"stack": {"files": "a.xdi"}, "step": [step]}
    method = check_recipe(recipe, tmp_path, "recipe").methods["fit"]
    path = read_source("path 1", method.paths[0])
    assert path.degeneracy == 6
    assert path.reff == pytest.approx(4.0678 / 2, abs=1e-3)
    step["paths"] = [said | {"cif": "other.cif"}]
    with pytest.raises(SettingError, match=r"other\.cif, which does not exist"):
        check_recipe(recipe, tmp_path, "recipe")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "needs one of file, path, phase, cif; it has none"),
        ({"file": "a.dat", "phase": "V2O3"}, "needs one of"),
        ({"phase": "V2O3"}, "say which of its paths"),
        ({"phase": "V2O3", "which": "first"}, "say which of its paths"),
        ({"phase": "V2O4", "which": "V-O 2.0"}, "path 1: no phase 'V2O4'; did you mean"),
        (
            {"phase": "V2O3", "which": "V-O 2.2", "radius": 3.0},
            "path 1: no path 'V-O 2.2'; there",
        ),
        ({"phase": "V2O3", "which": "Ti-O 2.0"}, "path 1: "),
        ({"file": "a.dat", "radius": 4.0}, "has radius, which is for paths of a phase"),
    ],
)
def test_what_names_no_path_is_refused(given, told):
    with pytest.raises(SettingError, match="path 1") as error:
        read_source("path 1", given)
    assert told in str(error.value)
