"""The reference phases are what they say they are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from spectra.errors import ReaderError, SettingError
from spectra.reference import Phase, emission_spectrum, list_phases, load_phase, radiation
from spectra.xrd.lattice import orthogonalization

# Formula units per cell and density (g/cm³) from handbooks (CRC; International Centre for
# Diffraction Data), to the percent that lattice parameters at other temperatures leave.
KNOWN = {
    "Al": ({"Al": 4}, 2.70),
    "Al2O3": ({"Al": 12, "O": 18}, 3.987),
    "Be": ({"Be": 2}, 1.85),
    "CeO2": ({"Ce": 4, "O": 8}, 7.215),
    # Of the cell that B. Kratochvíl et al. (1979) found.
    "Co2SiO4": ({"Co": 8, "Si": 4, "O": 16}, 4.69),
    "Cu": ({"Cu": 4}, 8.93),
    "CuCr2O4": ({"Cu": 8, "Cr": 16, "O": 32}, 5.43),
    "CuO": ({"Cu": 4, "O": 4}, 6.51),
    "LaB6": ({"La": 1, "B": 6}, 4.71),
    "Li4Ti5O12": ({"Li": 10.6667, "Ti": 13.3333, "O": 32}, 3.48),
    "LiFePO4": ({"Li": 4, "Fe": 4, "P": 4, "O": 16}, 3.60),
    "LiNiO2": ({"Li": 3, "Ni": 3, "O": 6}, 4.78),
    "Si": ({"Si": 8}, 2.329),
    "TiO2_anatase": ({"Ti": 4, "O": 8}, 3.89),
    "TiO2_rutile": ({"Ti": 2, "O": 4}, 4.25),
    "V2O3": ({"V": 12, "O": 18}, 5.02),
    "V2O5": ({"V": 4, "O": 10}, 3.37),
    "VO2_M1": ({"V": 4, "O": 8}, 4.65),
    "VO2_R": ({"V": 2, "O": 4}, 4.66),
    "graphite": ({"C": 4}, 2.26),
}
# Shortest distance (angstrom) between atoms, from the literature of each structure.
SHORTEST = {
    "Co2SiO4": 1.62,
    "LaB6": 1.65,
    "V2O5": 1.58,
    "LiFePO4": 1.52,
    "LiNiO2": 1.97,
    "Si": 2.35,
    "graphite": 1.42,
}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_formula_density_and_distances(name):
    phase = load_phase(name)
    counts: Counter[str] = Counter()
    for atom in phase.all_atoms():
        counts[atom.element] += atom.occupancy
    assert counts == pytest.approx(KNOWN[name][0], abs=1e-3)
    assert phase.density == pytest.approx(KNOWN[name][1], rel=0.01)
    shortest = _shortest(phase)
    assert shortest == pytest.approx(SHORTEST.get(name, shortest), abs=0.03)
    assert shortest > 1.35


def _shortest(phase: Phase) -> float:
    atoms = [a for a in phase.all_atoms() if a.occupancy > 0.5]
    position = np.array([(a.x, a.y, a.z) for a in atoms])
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), -1).reshape(-1, 3)
    between = position[:, None, None] - position[None, :, None] + shifts
    length = np.linalg.norm(between @ orthogonalization(phase.cell).T, axis=-1)
    return float(length[length > 1e-3].min())


def test_every_phase_is_there_with_its_source():
    assert set(KNOWN) | {"K3V5O14"} == set(list_phases())
    assert all(load_phase(n).source for n in list_phases())


def test_the_wheel_carries_the_patterns(project_root):
    text = (project_root / "pyproject.toml").read_text()
    assert '"reference_patterns" = "spectra/reference_patterns"' in text


def test_plain_data_go_both_ways():
    phase = load_phase("cuo")
    assert load_phase(phase.to_plain()) == phase
    assert phase.crystal_system == "monoclinic_b"


def test_wrong_specifications_are_answered(tmp_path):
    with pytest.raises(SettingError, match="did you mean LaB6"):
        load_phase("LaB66")
    with pytest.raises(ReaderError, match="no such file"):
        load_phase(tmp_path / "absent.cif")
    broken = tmp_path / "broken.cif"
    broken.write_text("data_x\n_cell_length_a\nloop_\n")
    with pytest.raises(ReaderError, match=r"broken\.cif"):
        load_phase(broken)
    with pytest.raises(SettingError, match="space group"):
        load_phase({"name": "x", "cell": [4, 4, 4, 90, 90, 90], "space_group": "Q m m"})
    with pytest.raises(SettingError, match="needs space_group"):
        load_phase({"name": "x", "cell": [4, 4, 4, 90, 90, 90]})


def test_radiation():
    line = radiation("Cu")
    assert line.wavelength2 / line.wavelength == pytest.approx(1.002489, abs=1e-5)
    assert radiation("Cu Ka1").wavelength2 is None
    with pytest.raises(SettingError, match="there are Cr"):
        radiation("Xx")


def test_the_spectrum_of_copper_peaks_at_its_doublet():
    """The Lorentzians add up to peaks where the paper finds those of Kα1, and about of Kα2."""
    lines = np.array(emission_spectrum("Cu"))
    assert lines[:, 1].sum() == pytest.approx(1.0)
    doublet = radiation("Cu")
    for wavelength, limit in ((doublet.wavelength, 2e-6), (doublet.wavelength2, 1e-5)):
        x = wavelength * (1.0 + np.arange(-2e-4, 2e-4, 2e-7))
        y = (
            lines[:, 1]
            / lines[:, 2]
            / (1.0 + (2.0 * (x[:, None] - lines[:, 0]) / lines[:, 2]) ** 2)
        )
        assert x[y.sum(axis=1).argmax()] == pytest.approx(wavelength, rel=limit)
    with pytest.raises(SettingError, match="those of Cu"):
        emission_spectrum("Mo")
