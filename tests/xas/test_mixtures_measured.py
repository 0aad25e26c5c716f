"""Mixtures in real series: gold on its way to the metal, a nickelate electrode at work."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from mixtures import normalised
from scipy.interpolate import CubicSpline

import spectra
from spectra import Status
from spectra.xas import (
    CurveResolution,
    LinearCombination,
    PrincipalComponents,
    component_spectra,
    rotational_bands,
)

pytestmark = pytest.mark.realdata

HOURS = ("0.12", "2.42", "4.73", "7.03", "9.33", "20", "33", "720")
SPECIES = ("Au foil", "Au3 Cl aq", "Au sulphide")
# From 20 eV below the edge to 60 above.
WINDOW = (11899.0, 11979.0)


@pytest.fixture(scope="session")
def larch_gold(data):
    """Groups of the Athena project by label, normalised by Larch, and Larch's own fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from larch.io import read_athena
        from larch.math import lincombo_fit

        project = read_athena(
            str(data / "xas" / "gold_reduction" / "cyanobacteria.prj"),
            do_preedge=True,
            do_bkg=False,
            do_fft=False,
        )
    groups = [getattr(project, name) for name in dir(project)]
    return {g.label: g for g in groups if hasattr(g, "norm")}, lincombo_fit


@pytest.fixture(scope="session")
def gold(larch_gold):
    """All gold spectra on the energies of the first hour."""
    groups, _ = larch_gold
    energy = groups[HOURS[0]].energy
    low = max(g.energy[0] for g in groups.values())
    energy = energy[(energy > low) & (energy < 12400.0)]
    norm = [CubicSpline(g.energy, g.norm)(energy) for g in groups.values()]
    return normalised(norm, energy, names=tuple(groups))


def hours(stack):
    return stack[[stack.names.index(h) for h in HOURS]]


def fitted(gold, method):
    results = method(gold)
    rows = [results.names.index(h) for h in HOURS]
    return results[rows]


def larch_fit(larch_gold, hour, species, **bounds):
    """Larch's fit over the points of the window."""
    groups, lincombo_fit = larch_gold
    # Larch starts at the last point before the limit that it is given.
    energy = groups[hour].energy
    first = energy[energy >= WINDOW[0]][0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        members = [groups[s] for s in species]
        return lincombo_fit(groups[hour], members, xmin=first, xmax=WINDOW[1], **bounds)


def on_own_grid(groups, hour):
    """One spectrum at its own energies, and the species interpolated to them."""
    energy = groups[hour].energy
    energy = energy[(energy > 11730.0) & (energy < 12400.0)]
    norm = [CubicSpline(groups[n].energy, groups[n].norm)(energy) for n in (hour, *SPECIES)]
    return normalised(norm, energy, names=(hour, *SPECIES))


def test_fractions_of_gold_are_those_of_larch(gold, larch_gold):
    method = LinearCombination(standards=SPECIES, window=WINDOW)
    common = fitted(gold, method)
    for i, hour in enumerate(HOURS):
        ours = method(on_own_grid(larch_gold[0], hour))[0]
        weight = ours["weight"][0]
        there = tuple(s for s, w in zip(SPECIES, weight, strict=True) if w > 0)
        theirs = larch_fit(larch_gold, hour, there)
        wanted = [theirs.weights.get(s, 0.0) for s in SPECIES]
        assert weight == pytest.approx(wanted, abs=1e-3), hour
        assert ours["r_factor"][0] == pytest.approx(theirs.rfactor, rel=1e-3), hour
        # Bringing all spectra on one grid first costs little.
        assert common["weight"][i] == pytest.approx(weight, abs=0.01), hour
        if len(there) == len(SPECIES):
            error = theirs.params["Au foil"].stderr
            assert ours["weight_stderr"][0, 0] == pytest.approx(error, rel=0.01), hour


def test_with_bounds_larch_stops_short(gold, larch_gold):
    method = LinearCombination(standards=SPECIES, window=WINDOW)
    bounds = {"minvals": [0.0] * 3, "maxvals": [1.0] * 3}
    theirs = larch_fit(larch_gold, "0.12", SPECIES, **bounds)
    ours = method(on_own_grid(larch_gold[0], "0.12"))[0]
    assert ours["r_factor"][0] < theirs.rfactor
    assert ours["weight"][0, 0] == pytest.approx(theirs.weights["Au foil"], abs=0.1)


def test_gold_is_reduced_with_time(gold):
    ours = fitted(gold, LinearCombination(standards=SPECIES, window=WINDOW))
    metal, chloride, sulphide = ours["weight"].T
    # Within the first 33 hours; the last sample is another one.
    assert (np.diff(metal[:7]) > 0).all()
    assert (np.diff(chloride[:5]) < 0).all()
    # The third species is there for the first hours only, and not beyond doubt: with the line and
    # polynomial of the project, misfit leaves it known to 0.06 to 0.10.
    assert (sulphide[:5] > 0.1).all()
    assert (sulphide[5:7] == 0).all()
    assert (ours["weight_stderr"][:5, 2] > 0.05).all()


def test_gold_has_three_components(gold, tmp_path):
    # Three species: gold(III) chloride, gold(I) sulphide and the metal (M. F. Lengke et al.,
    # Environ. Sci. Technol. 40 (2006) 6304).
    series = hours(gold)
    found = PrincipalComponents(window=WINDOW)(series)
    assert found.attrs["components"] == 3
    assert (found.status == Status.OK).all()
    # Athena's manual: the foil is a successful target and the cyanide is not.
    path = tmp_path / "targets.h5"
    spectra.write(path, gold[[gold.names.index(n) for n in ("Au foil", "Au cyanide")]])
    method = PrincipalComponents(window=WINDOW, components=3, targets=(str(path),))
    foil, cyanide = method(series).attrs["targets"]
    assert foil["r_factor"] < 0.1 * cyanide["r_factor"]
    assert foil["spoil"] < cyanide["spoil"]


@pytest.fixture(scope="session")
def nickel(data):
    with np.load(data / "xas" / "lno_operando" / "lno_nik_pos1.npz") as file:
        return normalised(file["norm"], file["energy"], names=tuple(file["names"].tolist()))


def test_components_of_a_nickelate_electrode(nickel):
    found = PrincipalComponents(window=(8320.0, 8420.0), components=3)(nickel)
    assert (found.status == Status.OK).all()
    value = np.array(found.attrs["indicators"]["eigenvalue"])
    # Two changes stand out; what follows falls slowly, as drifts and noise do.
    assert (value[:3] / value[1:4] > 20).all()
    assert (value[3:6] / value[4:7] < 3).all()
    # Indicator and F-test count those drifts as well, and must not be followed here.
    told = found.attrs["suggestions"]
    assert min(told["ind"], told["f_test"]) > 10
    for window in (8320.0, 8420.0), (8330.0, 8380.0), None:
        method = PrincipalComponents(window=window, criterion="growth")
        assert method(nickel).attrs["components"] == 3


def test_curves_of_a_nickelate_electrode(nickel):
    method = CurveResolution(window=(8320.0, 8420.0), components=3)
    results = method(nickel)
    assert (results.status == Status.OK).all()
    assert results.attrs["lack_of_fit"] < 1.02 * results.attrs["lack_of_fit_pca"]
    assert results.attrs["lack_of_fit"] < 0.2
    share = results["concentration"]
    # The first charge takes the pristine species away, and the discharge brings it back in part.
    pristine = share[:, np.argmax(share[0])]
    assert pristine[0] > 0.9
    assert pristine.min() < 0.1
    assert pristine[pristine.argmin() :].max() > 0.3
    # The species of the charged electrode has its edge more than 1 eV above the pristine one.
    stack = component_spectra(results)
    half = [np.interp(0.5, y[: y.argmax()], stack.x[: y.argmax()]) for y in stack.signal]
    assert half[np.argmax(share[pristine.argmin()])] - half[np.argmax(share[0])] > 1.0
    bands = rotational_bands(results)
    assert (bands.share_low < bands.share).all()
    assert (bands.share < bands.share_high).all()
