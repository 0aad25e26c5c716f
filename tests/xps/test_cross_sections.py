"""Sensitivity factors agree with a second table of them, and with one another."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.errors import SettingError
from spectra.xps.sensitivity import (
    MAGIC_ANGLE,
    angular_factor,
    list_sensitivities,
    load_sensitivities,
    split_level,
)

AL, MG = 1486.6, 1253.6
SET = load_sensitivities("scofield_1976")
DOUBLETS = [name for name in SET.levels if not name.endswith("s")]

# Of CoreLinesTable.lib of RxpsG 2.3-2, which is not where the set was read.
RXPSG = {
    "Li 1s": 0.0568,
    "B 1s": 0.486,
    "N 1s": 1.8,
    "F 1s": 4.43,
    "Na 1s": 8.52,
    "Na 2p": 0.1941,
    "Mg 2p": 0.3335,
    "Al 2p3/2": 0.356,
    "Si 2p1/2": 0.276,
    "P 2p3/2": 0.789,
    "S 2p3/2": 1.11,
    "Cl 2p1/2": 0.775,
    "K 2p3/2": 2.62,
    "Ca 2p1/2": 1.72,
    "Sc 2p3/2": 4.21,
    "Ti 2p1/2": 2.69,
    "Ti 2p3/2": 5.22,
    "V 2p1/2": 3.29,
    "V 2p3/2": 6.37,
    "Cr 2p3/2": 7.69,
    "Mn 2p1/2": 4.74,
    "Fe 2p3/2": 10.82,
    "Fe 3p": 1.669,
    "Co 2p1/2": 6.54,
    "Ni 2p3/2": 14.61,
    "Cu 2p1/2": 8.66,
    "Zn 2p3/2": 18.92,
    "Mo 3d5/2": 5.62,
    "Ag 3d3/2": 7.38,
    "Sn 3d5/2": 14.8,
    "Te 3d3/2": 12.52,
    "W 4f7/2": 5.48,
    "Au 4f5/2": 7.54,
    "Pb 4f7/2": 12.73,
}


@pytest.mark.parametrize("level", RXPSG)
def test_another_programs_table_says_the_same(level):
    assert SET.factor(level, AL) == pytest.approx(RXPSG[level], rel=1e-3)


def test_everything_counts_from_carbon():
    assert SET.factor("C 1s", AL) == SET.factor("C 1s", MG) == 1.0


@pytest.mark.parametrize("level", DOUBLETS)
def test_lines_of_a_doublet_are_as_their_degeneracies_and_alike_at_both_anodes(level):
    # Relativity moves the ratio from (2j + 1) by up to 6 %, hardly so with the photons.
    factors = SET.levels[level].factors
    statistical = {"p": 1 / 2, "d": 2 / 3, "f": 3 / 4}[level[-1]]
    ratios = [lines[0] / lines[1] for lines in factors.values()]
    assert np.allclose(ratios, statistical, rtol=0.06)
    assert max(ratios) / min(ratios) < 1.011


@pytest.mark.parametrize("anode", ["al", "mg"])
@pytest.mark.parametrize("orbital", ["1s", "2s", "2p", "3s", "3p", "3d", "4f"])
def test_they_rise_smoothly_along_the_periodic_table(anode, orbital):
    import xraydb

    rows = [(xraydb.atomic_number(n.split()[0]), n) for n in SET.levels if n.endswith(orbital)]
    rows = sorted(
        (z, sum(SET.levels[n].factors[anode])) for z, n in rows if anode in SET.levels[n].factors
    )
    z, factor = np.array(rows).T
    smooth = np.polyval(np.polyfit(z, np.log(factor), min(4, len(z) - 2)), z)
    assert np.abs(np.log(factor) - smooth).max() < 0.035


def test_asymmetries_are_possible_ones():
    betas = {name: level.beta for name, level in SET.levels.items() if level.beta is not None}
    assert all(-1 <= beta <= 2 for beta in betas.values())
    assert all(beta == 2.0 for name, beta in betas.items() if name.endswith("s"))
    assert len(betas) > 75


def test_the_angular_factor_is_that_of_dipoles():
    # Over all directions nothing is gained or lost, whatever β is.
    angles = np.linspace(0.0, 180.0, 20001)
    for beta in (-1.0, 0.5, 1.43, 2.0):
        each = np.array([angular_factor(beta, a) for a in angles])
        weight = np.sin(np.radians(angles))
        assert np.sum(each * weight) / np.sum(weight) == pytest.approx(1.0, abs=1e-8)
    assert angular_factor(2.0, 0.0) == pytest.approx(0.0)
    assert angular_factor(1.43, MAGIC_ANGLE) == pytest.approx(1.0)
    assert SET.angular("V 2p", 90.0, AL) == pytest.approx(1 + 1.426 / 4)


def test_levels_are_understood():
    assert split_level("V 2p") == ("V", "2p", None)
    assert split_level("Au4f7/2") == ("Au", "4f", 7)
    assert SET.factor("V 2p1/2", AL) + SET.factor("V 2p3/2", AL) == SET.factor("V 2p", AL)
    for wrong in ("1s", "V2", "2p V", "V LMM"):
        with pytest.raises(SettingError, match="no element in the level"):
            split_level(wrong)


@pytest.mark.parametrize(
    ("level", "energy", "said"),
    [
        ("V 3d", AL, r"no factor of V 3d; of V it has V 2p, V 3p\. Name.*sensitivity = \{'V 3d'"),
        ("U 4f", AL, "it has none of U"),
        ("V 2p", 650.0, r"no cross sections at 650 eV, only at 1486\.6, 1253\.6 eV"),
        ("Pd 3d", MG, r"no factor of Pd 3d at 1253\.6 eV"),
        ("V 2p5/2", AL, "no level V 2p5/2; expected V 2p, or its lines 1/2 and 3/2"),
        ("V 2s1/2", AL, "no factor of V 2s1/2"),
        ("C 1s1/2", AL, "an s level is one line and has no j: C 1s1/2; expected C 1s$"),
        ("C 1s3/2", AL, "an s level is one line and has no j: C 1s3/2; expected C 1s$"),
    ],
)
def test_what_is_missing_is_named(level, energy, said):
    with pytest.raises(SettingError, match=said):
        SET.factor(level, energy)


def test_an_asymmetry_that_is_not_known_is_asked_for_only_where_it_matters():
    assert SET.angular("Na 2p", MAGIC_ANGLE, AL) == 1.0
    with pytest.raises(SettingError, match="no asymmetry parameter of Na 2p"):
        SET.angular("Na 2p", 90.0, AL)
    with pytest.raises(SettingError, match=r"of V 2p at 1253\.6 eV"):
        SET.angular("V 2p", 90.0, MG)
    assert SET.angular("O 1s", 90.0, MG) == 1.5


def test_sets_have_sources_and_files_of_ones_own_are_read(tmp_path):
    assert list_sensitivities()
    for name in list_sensitivities():
        known = load_sensitivities(name)
        assert known.source
        assert known.beta_source or all(v.beta is None for v in known.levels.values())
    own = tmp_path / "kratos.toml"
    own.write_text('[photon_energy]\nal = 1486.6\n[level]\n"O 1s" = { al = [0.78] }\n')
    assert load_sensitivities(str(own)).factor("O 1s", 1486.7) == 0.78
    own.write_text('[photon_energy]\nal = 1486.6\n[level]\n"O 1s" = { al = [-0.78] }\n')
    with pytest.raises(SettingError, match="expected above 0"):
        load_sensitivities(str(own.rename(tmp_path / "wrong.toml")))
    with pytest.raises(SettingError, match="there are scofield_1976"):
        load_sensitivities("wagner")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("al = [inf]", "expected above 0 and finite"),
        ("al = [nan]", "expected above 0 and finite"),
        ("al = [0.78], beta = 7", "beta = 7; expected -1 to 2"),
        ("al = [0.78], beta = nan", "beta = nan; expected -1 to 2"),
    ],
)
def test_numbers_that_no_level_has_are_refused(tmp_path, row, said):
    own = tmp_path / "own.toml"
    own.write_text(f'[photon_energy]\nal = 1486.6\n[level]\n"O 1s" = {{ {row} }}\n')
    with pytest.raises(SettingError, match=f"own.toml: not a set .*{said}"):
        load_sensitivities(str(own))
