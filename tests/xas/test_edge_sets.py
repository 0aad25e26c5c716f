"""Sets of standards load, are what the spectra give, and return each other's valences."""

from __future__ import annotations

import numpy as np
import pytest

import spectra
from spectra import xas
from spectra.errors import SettingError
from spectra.reference import edge_set, list_edge_sets

PREEDGE = ("ratio", "ratio_subtracted", "area", "centroid")
EDGE = ("e0", "edge_half", "edge_integral", "edge_moment")
OXIDES = {"V2O5": 5.0, "VO2": 4.0, "V2O3": 3.0}


@pytest.fixture(scope="module")
def evaluated(data):
    """Results of PreEdge and Normalize for each oxide on its own energies."""
    found = {}
    for name in (*OXIDES, "VO"):
        stack = spectra.read(data / "xas" / "vanadium" / f"{name}.xdi")
        found[name] = xas.PreEdge()(stack), xas.Normalize()(stack)
    return found


@pytest.mark.parametrize("name", list_edge_sets())
def test_sets_load(name):
    found = edge_set(name)
    assert found.source
    assert found.evaluation
    held = {k for e in found.entries for k, v in e.items() if isinstance(v, list)}
    assert held <= {*PREEDGE, *EDGE}
    for indicator in held:
        for standard in found.standards(indicator):
            assert standard["stderr"] > 0
            assert 0 <= standard["valence"] <= 8


def test_a_set_without_the_indicator_says_what_it_has():
    with pytest.raises(SettingError, match="holds no 'area'; it has ratio"):
        edge_set("V_pristine_V4").standards("area")


@pytest.mark.realdata
def test_oxides_are_what_the_spectra_give(evaluated):
    for entry in edge_set("V_oxides").entries:
        preedge, edges = evaluated[entry["name"]]
        for indicator in (*PREEDGE, *EDGE):
            if indicator not in entry:
                continue
            results = preedge if indicator in PREEDGE else edges
            value, error = entry[indicator]
            assert results[indicator][0] == pytest.approx(value, abs=0.1 * error + 6e-4), indicator
            told = results[f"{indicator}_stderr"][0]
            assert told == pytest.approx(error, rel=0.3), indicator


@pytest.mark.realdata
def test_edges_of_the_oxides_are_on_the_main_edge(evaluated):
    for name in ("V2O5", "VO2"):
        assert 5481.0 < evaluated[name][1]["e0"][0] < 5485.0
    assert np.isnan(evaluated["VO"][0]["ratio"][0])


@pytest.mark.realdata
@pytest.mark.parametrize("third", list(OXIDES))
def test_two_oxides_tell_the_valence_of_the_third(evaluated, third):
    known = [s for s in edge_set("V_oxides").standards("ratio") if s["name"] != third]
    results = xas.Valence(standards=known)(evaluated[third][0])
    low, high = results["valence_low"][0], results["valence_high"][0]
    assert low < OXIDES[third] < high
    assert high - low < 1.0
    assert results["valence"][0] == pytest.approx(OXIDES[third], abs=0.05)
