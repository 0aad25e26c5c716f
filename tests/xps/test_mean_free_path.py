"""TPP-2M as another program computes it, and the depth that it means."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.errors import SettingError
from spectra.xps import Material, Quantify, imfp, information_depth

# Energies (eV) and paths (angstrom), two decimals, of the files data/IMFP/STO.ANG and IMFP/H2O.ANG
# of github.com/qiyanglu/SWXPS_code: tables of NIST's database 71 "obtained from TPP-2M equation",
# which give density and molar mass. The gaps, which they do not give, are those of the first value.
PUBLISHED = {
    "SrTiO3": (
        Material(formula="SrTiO3", density=5.11, gap=3.4),
        ([50.0, 98.8, 147.5, 249.9, 498.5, 698.4, 1000.6, 1200.5, 1380.9],
         [4.83, 5.15, 5.87, 7.65, 11.89, 15.11, 19.74, 22.68, 25.28]),
    ),
    "H2O": (
        Material(formula="H2O", density=1.0, gap=6.9),
        ([50.0, 98.8, 147.5, 249.9, 498.5, 698.4, 1000.6, 1200.5, 1380.9],
         [6.51, 7.99, 9.43, 12.67, 20.30, 26.10, 34.48, 39.84, 44.57]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_paths_are_those_of_another_program(name):
    material, (energy, expected) = PUBLISHED[name]
    # Energies are given to 0.1 eV, paths to 0.01 angstrom.
    assert np.allclose(imfp(material, energy), expected, atol=0.0125)
    assert material.mass == pytest.approx({"SrTiO3": 183.4852, "H2O": 18.01528}[name], rel=2e-4)


def test_valence_electrons_are_those_of_the_groups():
    def electrons(formula):
        return Material(formula=formula, density=1.0).electrons

    assert [electrons(f) for f in ("H2O", "SrTiO3", "SiO2", "Al2O3", "V2O5")] == [8, 24, 16, 24, 40]
    assert [electrons(f) for f in ("Au", "Ni", "Zn", "Ga", "Pb", "W", "Lu", "La")] == [
        *(11, 10, 12, 3, 4, 6, 3, 3)
    ]
    assert Material(formula="CeO2", density=7.2, valence_electrons=16).electrons == 16


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"formula": "CeO2", "density": 7.2}, "electrons of Ce.*give valence_electrons"),
        ({"formula": "V2O5", "density": 0.0}, "expected a density above 0"),
        ({"formula": "V2O5", "density": 3.4, "gap": -1.0}, "a gap of 0 or more"),
        ({"formula": "not a formula", "density": 3.4}, "is not understood"),
        ({"formula": "V2O5", "density": 3.4, "valence_electrons": 0.0}, "valence_electrons = 0.0"),
    ],
)
def test_impossible_materials_are_refused(settings, said):
    with pytest.raises(SettingError, match=said):
        Material(**settings)


def test_energies_beyond_the_formula_are_refused():
    with pytest.raises(SettingError, match=r"from 50 to 2000 eV, not at 40 eV"):
        imfp({"formula": "V2O5", "density": 3.36}, [100.0, 40.0])
    with pytest.raises(SettingError, match="is no material; expected formula and density"):
        imfp({"formula": "V2O5"}, 100.0)


def test_the_depth_holds_the_part_asked_for():
    # The signal of a layer dz at z is exp(−z/(λ·cos θ)).
    z = np.linspace(0.0, 400.0, 400001)
    for angle, part in ((0.0, 0.95), (60.0, 0.5)):
        signal = np.exp(-z / (20.0 * np.cos(np.radians(angle))))
        depth = float(information_depth(20.0, emission_angle=angle, part=part))
        inside = signal[z <= depth].sum() / signal.sum()
        assert inside == pytest.approx(part, abs=1e-4)
    with pytest.raises(SettingError, match="0 to 90 degrees"):
        information_depth(20.0, emission_angle=90.0)
    for path in (-5.0, [20.0, 0.0]):
        with pytest.raises(SettingError, match="expected a mean free path above 0"):
            information_depth(path)


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"density": 3.36}, "is no material; expected formula and density"),
        ({"formula": "V2O5", "density": "3.36"}, "density = '3.36'; expected a finite number"),
        ({"formula": "V2O5", "density": 3.36, "gap": None}, "gap = None; expected a finite number"),
        ({"formula": 5, "density": 3.36}, "formula = 5; expected a text"),
        (
            {"formula": "V2O5", "density": 3.36, "valence_electrons": "40"},
            "valence_electrons = '40'; expected a finite number",
        ),
    ],
)
def test_materials_of_plain_data_are_checked(plain, said):
    with pytest.raises(SettingError, match=said):
        Material.given(plain)
    with pytest.raises(SettingError, match=f"Quantify: path: .*{said}"):
        Quantify(path=plain)
