"""Soft edges: exact areas, calibrated errors, channels side by side, real copper oxide."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from soft_edges import AREAS, ENERGY, METHOD, POSITIONS, STEP, clean, soft_edges

from spectra import Stack, Status
from spectra.errors import SettingError, StackError
from spectra.stack import Variable
from spectra.xas import SoftEdge


def test_peaks_without_noise_are_exact():
    results = SoftEdge(**METHOD)(soft_edges(1, sigma=0.0, given=True))
    assert results.status[0] == Status.OK
    # The rising step carries the spectrum's own maximum a little above the peak's centre.
    fine = np.arange(930.0, 952.0, 1e-4)
    tops = [fine[m][clean(fine[m]).argmax()] for m in (fine < 932, fine > 950)]
    assert results["position"][0] == pytest.approx(tops, abs=2e-3)
    assert results["centroid"][0] == pytest.approx(POSITIONS, abs=1e-2)
    assert results["area"][0] == pytest.approx(AREAS, rel=4e-3)
    assert results["branching"][0] == pytest.approx(3.0 / 4.4, abs=1e-3)
    assert results["step"][0] == pytest.approx(STEP, rel=2e-3)


@pytest.mark.parametrize("given", [True, False])
def test_pulls(given):
    exact = SoftEdge(**METHOD)(soft_edges(1, sigma=0.0, given=True))
    results = SoftEdge(**METHOD)(soft_edges(3000, given=given))
    assert (results.status == Status.OK).all()
    for name in ("position", "height", "area", "centroid", "branching", "step"):
        pull = (results[name] - exact[name]) / results[f"{name}_stderr"]
        assert np.abs(pull.mean(axis=0)).max() < 0.08, name
        assert np.abs(pull.std(axis=0) - 1).max() < 0.05, name
    # An estimated variance makes χ² larger on average: ⟨1/s²⟩ is above 1/σ².
    assert results["background_misfit"].mean() == pytest.approx(1.0 if given else 1.05, abs=0.03)


def test_channels_stand_side_by_side():
    stack = soft_edges(10)
    both = SoftEdge(**METHOD, channels=("signal", "tfy"))(stack)
    alone = SoftEdge(**METHOD)(stack)
    tfy = SoftEdge(**METHOD)(replace(stack, signal=stack.channels["tfy"]))
    assert both["area"].shape == (10, 2, 2)
    assert both["branching"].shape == (10, 2)
    assert (both["area"][:, 0] == alone["area"]).all()
    assert (both["area"][:, 1] == tfy["area"]).all()
    assert (both["branching"][:, 1] < both["branching"][:, 0]).all()
    frame = both.to_dataframe()
    assert {"branching[signal]", "branching[tfy]"} <= set(frame.columns)


def test_energies_carry_the_uncertainty_of_their_shift():
    shift = np.array([0.0, 0.03, 0.4])
    moved = Variable(np.zeros(3), "eV", "energy shift", shift)
    for method in (SoftEdge(**METHOD), SoftEdge(**METHOD, channels=("signal", "tfy"))):
        stack = soft_edges(3)
        plain, wider = method(stack), method(stack.with_variables(energy_shift=moved))
        for name in ("position", "centroid"):
            own = plain[f"{name}_stderr"]
            common = shift.reshape(-1, *(1,) * (own.ndim - 1))
            assert wider[f"{name}_stderr"] == pytest.approx(np.hypot(own, common), rel=1e-12)
        assert (wider["area_stderr"] == plain["area_stderr"]).all()


def test_a_peak_that_is_not_there_is_told():
    stack = soft_edges(3)
    signal = stack.signal.copy()
    signal[1] = clean(areas=(3.0, 0.0)) + 1e-3 * (ENERGY - 920)
    signal[2] = np.linspace(0, 1, len(ENERGY))
    results = SoftEdge(**METHOD)(replace(stack, signal=signal))
    assert results.status.tolist() == [Status.OK, Status.LOST, Status.LOST]
    assert "no maximum within 946…956 eV" in results.messages[1]
    assert np.isnan(results["position"][1, 1])
    assert results["position"][1, 0] == pytest.approx(931.0, abs=0.03)
    assert results["area"][1, 1] == pytest.approx(0.0, abs=0.05)


def test_a_dead_channel_is_named():
    stack = soft_edges(3)
    tfy = stack.channels["tfy"].copy()
    tfy[1] = 0.0
    results = SoftEdge(**METHOD, channels=("signal", "tfy"))(replace(stack, channels={"tfy": tfy}))
    assert results.status.tolist() == [Status.OK, Status.NO_SIGNAL, Status.OK]
    assert results.messages[1] == "tfy: all values are zero"
    assert np.isfinite(results["area"][1, 0]).all()
    assert np.isnan(results["area"][1, 1]).all()


def test_what_cannot_be_is_refused():
    stack = soft_edges(2)
    with pytest.raises(SettingError, match="lies in the background"):
        SoftEdge(**METHOD | {"peaks": ((924.0, 936.0),)})
    with pytest.raises(SettingError, match="two increasing energies"):
        SoftEdge(peaks=((926.0, 936.0),))
    with pytest.raises(SettingError, match="expected 2 positive"):
        SoftEdge(**METHOD, shares=(1.0,))
    with pytest.raises(StackError, match="no channel 'pfy'; it has tfy"):
        SoftEdge(**METHOD, channels=("pfy",))(stack)
    with pytest.raises(StackError, match="0 points from 980 to 990"):
        SoftEdge(**METHOD | {"after": (980.0, 990.0)})(stack)
    with pytest.raises(StackError, match="energy in eV"):
        SoftEdge(**METHOD)(Stack.from_arrays(ENERGY, stack.signal))


def yields(data, electrons, fluorescence):
    """Electron yield with fluorescence yield of the same scan beside it."""
    with h5py.File(data / "xas" / "soft" / "library.h5") as file:
        one, two = file["spectra"][electrons], file["spectra"][fluorescence]
        assert one.attrs["source_entry"].split("/")[0] == two.attrs["source_entry"].split("/")[0]
        assert (one["x"][:] == two["x"][:]).all()
        parts = {"axis_name": "energy", "axis_unit": "eV", "quantity": "mu"}
        return Stack.from_arrays(
            one["x"], one["y"][:][None], channels={"tfy": two["y"][:][None]}, **parts
        )


@pytest.mark.realdata
def test_copper_edge_of_its_oxide(data):
    stack = yields(data, "000003", "000004")
    method = SoftEdge(
        peaks=((926.5, 934.5), (947.0, 954.0)),
        before=(921.0, 925.0),
        after=(960.0, 966.0),
        channels=("signal", "tfy"),
    )
    results = method(stack)
    assert results.status[0] == Status.OK
    # L₃ and L₂ are 19.9 eV apart (spin–orbit coupling of Cu 2p, 19.8 to 20.0 eV).
    apart = np.diff(results["position"][0], axis=1)[:, 0]
    assert apart == pytest.approx([19.9, 19.9], abs=0.1)
    # Surface and bulk have the line at the same energy; self-absorption takes from L₃ first.
    assert np.ptp(results["position"][0, :, 0]) < 0.06
    surface, bulk = results["branching"][0]
    assert 2 / 3 < bulk < surface < 0.75
    assert (surface - bulk) > 3 * results["branching_stderr"][0, 1]


@pytest.mark.realdata
def test_oxygen_edge_of_copper_oxide(data):
    stack = yields(data, "000001", "000002")
    method = SoftEdge(
        peaks=((528.0, 532.0),),
        before=(520.0, 527.0),
        after=(555.0, 570.0),
        steps=(532.0,),
        channels=("signal", "tfy"),
    )
    results = method(stack)
    assert results.status[0] == Status.OK
    assert results["position"][0, :, 0] == pytest.approx([530.0, 530.0], abs=0.05)
    # Near its threshold the background of an oxide is no step alone, and the misfit says so.
    assert results["background_misfit"][0, 0] > 10
    assert "branching" not in results.columns
