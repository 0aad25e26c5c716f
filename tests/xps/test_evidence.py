"""`xps.Evidence`: what species buy, and whether a further line is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from carbon_regions import ENERGY, REGION, carbon, counted, curve_of
from vanadium_regions import SETS, simulated

from conformance import MethodConformance
from spectra.fit.residuals import information_criterion
from spectra.xps import Evidence, Model, Region, Species, load_model
from spectra.xps.alternatives import without

EVIDENCE = Evidence(region=REGION)


BACKGROUND = REGION.background_on(ENERGY)


def bump(at, height):
    return height * np.exp(-4 * np.log(2) * ((ENERGY - at) / 1.2) ** 2)


class TestEvidence(MethodConformance):
    blocks = (1, 64)
    without_uncertainty = frozenset(
        {"bic", "delta_bic_without", "delta_bic_one_more", "chi2_reduced", "residual_sd", "abbe"}
    )

    def make_method(self):
        return EVIDENCE

    def make_source(self):
        curves = np.tile(curve_of(), (14, 1))
        curves[0] += bump(288.4, 250)
        return counted(curves, 14, seed=1)


def test_species_that_are_there_are_needed_and_others_are_not():
    there = EVIDENCE(counted(curve_of(), 30, seed=2))
    assert (there["delta_bic_without"] > 50).all()
    absent = EVIDENCE(counted(curve_of(C_O_area=0.0), 30, seed=2))
    # Area and position: two parameters for nothing cost 2 ln 73 = 8.6.
    delta = absent["delta_bic_without"][:, 1]
    assert (delta < 0).mean() > 0.9
    assert np.median(delta) == pytest.approx(-2 * np.log(73), abs=2.5)
    assert "without C-O: delta BIC = -" in absent.messages[0]
    assert "C-O is not needed" in absent.attrs["series"]["said"]
    assert absent.attrs["series"]["delta_bic_without"]["C-C"] > 1000


def test_delta_is_that_of_the_two_fits():
    stack = counted(curve_of(), 3, seed=3)
    less = replace(REGION, model=without(carbon(), "C-O", BACKGROUND))
    found, one, two = EVIDENCE(stack), REGION(stack), less(stack)
    # Without misfit told nothing is divided; with it the difference is less.
    delta = two["bic"] - one["bic"]
    np.testing.assert_allclose(found["delta_bic_without"][:, 1], delta, rtol=1e-6)
    np.testing.assert_array_equal(found["bic"], one["bic"])


def test_one_more_line_is_looked_for_only_where_the_residual_asks():
    plain = EVIDENCE(counted(curve_of(), 40, seed=4))
    assert np.isfinite(plain["delta_bic_one_more"]).sum() <= 2
    assert plain.attrs["series"]["frames_with_one_more"] == 0
    found = EVIDENCE(counted(curve_of() + bump(288.4, 150), 40, seed=4))
    assert (found["delta_bic_one_more"] < -10).all()
    z = (found["one_more_position"] - 288.4) / found["one_more_position_stderr"]
    assert abs(z.mean()) < 0.6
    assert z.std() == pytest.approx(1.0, abs=0.35)
    area = 150 * 1.2 * np.sqrt(np.pi / np.log(2)) / 2
    assert found["one_more_area"].mean() == pytest.approx(area, rel=0.15)
    assert "one more line at 288." in found.messages[0]
    assert "it is preferred" in found.messages[0]


def test_a_wrong_line_shape_is_no_evidence_without_end():
    # Of many counts every misfit is significant: the differences are divided by chi2/dof.
    shape = Region(model=carbon(shape={"mixing": 0.9}))
    stack = counted(200 * curve_of(shape), 2, seed=5)
    found = EVIDENCE(stack)
    assert (found["chi2_reduced"] > 20).all()
    scaled = information_criterion(
        *(found["chi2_reduced"] * 67, np.full(2, 73), 6), scale_known=True
    )
    assert (found["delta_bic_without"][:, 1] < 0.5 * scaled).all()


def test_positions_that_all_frames_share_are_settled_for_each_model():
    region = Region(model=carbon(), common=("positions", "C_C_fwhm"))
    found = Evidence(region=region)(counted(curve_of(), 5, seed=6))
    assert (found["delta_bic_without"] > 30).all()


def test_vanadium_in_words():
    found = Evidence(region=Region(model=SETS))(simulated(2, seed=2, step=4))
    assert (found["delta_bic_without"] > 100).all()
    assert "without V3+: delta BIC = +" in found.messages[0]


def test_without_a_species_others_keep_what_they_are_counted_from():
    model = load_model("V2p_silversmit")
    left = without(model, "V5+", BACKGROUND)
    assert [s.name for s in left.species] == ["V4+", "V3+", "V2+"]
    built = Region(model=left).built(np.linspace(508, 530, 200))
    free = {n for n, p in built.params.items() if p.vary and not p.expr}
    assert {"V5_center", "V5_fwhm", "V5_broadening"} <= free
    assert "V5_area" not in built.params
    assert built.params["V5_center"].min == pytest.approx(517.0)
    assert built.params["V4_center"].value == pytest.approx(515.84)
    again = without(model, "V3+", BACKGROUND)
    assert "V3_center" not in again.parameters


def test_what_is_said_of_the_background_stays():
    model = replace(carbon(), parameters={"shirley": {"max": 0.1}, "C_C_fwhm": {"max": 2.0}})
    left = without(model, "C-C", BACKGROUND)
    assert left.parameters == {"shirley": {"max": 0.1}}
    assert without(model, "C-O", BACKGROUND).parameters == model.parameters


def test_satellites_go_with_their_line():
    main = {"level": "Fe 2p", "width": 1.0}
    model = Model(
        name="iron",
        species=(
            Species(name="main", position=710.0, **main),
            Species(name="satellite", position=715.0, **main),
            Species(name="metal", position=706.8, **main),
        ),
        parameters={
            "ratio": {"value": 0.2, "vary": True, "min": 0.0},
            "satellite_area": {"expr": "ratio*main_area"},
        },
    )
    left = without(model, "main", BACKGROUND)
    assert [s.name for s in left.species] == ["metal"]
    assert left.parameters == {}
    assert [s.name for s in without(model, "satellite", BACKGROUND).species] == ["main", "metal"]
    assert without(left, "metal", BACKGROUND) is None


def test_what_no_frame_tells_is_not_said():
    alone = replace(REGION, model=Model(name="one", species=(carbon().species[0],)))
    told = Evidence(region=alone)(counted(curve_of(C_O_area=0.0), 2, seed=4)).attrs["series"]
    assert np.isnan(told["delta_bic_without"]["C-C"])
    assert told["said"] == "one more line is strongly preferred in 0 of 2 frames"
    dark = EVIDENCE(counted(0.0 * curve_of(), 2, seed=4)).attrs["series"]
    assert np.isnan(list(dark["delta_bic_without"].values())).all()
    assert dark["said"] == ""
