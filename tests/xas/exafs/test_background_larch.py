"""χ(k) against Larch's autobk on measured spectra; warnings on them and on what is spoilt."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

import spectra
from spectra import Stack
from spectra.errors import DataWarning
from spectra.units import EV_PER_K2
from spectra.xas import Background, Normalize
from spectra.xas.exafs.windows import make_window

pytestmark = pytest.mark.realdata

FILES = (
    *(f"copper/{name}" for name in ("cu_10k.xmu", "cu_50k.xmu", "cu_150k.xmu", "cu_metal_rt.xdi")),
    *(f"vanadium/{name}.xdi" for name in ("V2O3", "V2O5", "VO", "VO2", "V_foil")),
    *(f"misc/{n}_rt_01.xdi" for n in ("Fe2O3", "FeO", "Fe_metal", "Ni2O3", "Ni_metal")),
    *("misc/Cu_azurite_13K_01.xdi", "misc/mn_cpmnco3.dat", "misc/tipb.prj"),
    *("nxxas/Fe_XDIFiles.h5", "nxxas/KEK_PFdata.h5"),
    *("gold_reduction/cyanobacteria.prj", "lno_operando/lno_nik_pos1.npz"),
)
# Points that stand alone by 0.3 % of the edge step and more, as second differences show.
GLITCHES = {"FeO_rt_01.xdi": 7436.4, "tipb.prj": 5316.8, "lno_nik_pos1.npz": 8833.0}
WAYS = (
    {},
    {"rbkg": 1.3, "k_weight": 2, "clamp_points": 5},
    {"rbkg": 0.9, "k_min": 1.0, "k_max": 10.0, "window": "kaiser", "clamp_high": 0.0},
)
NAMES = {"k_weight": "kweight", "k_min": "kmin", "k_max": "kmax", "window": "win"}
NAMES |= {
    "clamp_high": "clamp_hi",
    "clamp_low": "clamp_lo",
    "rbkg": "rbkg",
    "clamp_points": "nclamp",
}


@pytest.fixture(scope="module")
def larch():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from larch import Group
        from larch.xafs import autobk, ftwindow
    return {"group": Group, "autobk": autobk, "ftwindow": ftwindow}


@pytest.fixture(scope="module")
def measured(data):
    """Stacks by the name of their file, at most three frames of each."""
    stacks = {}
    for name in FILES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            stack = spectra.read(data / "xas" / name)
        stacks[name.split("/")[1]] = stack[:3].load()
    return stacks


def single(stack, frame):
    """One frame without the points it does not have."""
    known = np.isfinite(stack.signal[frame])
    return stack.x[known], stack.signal[frame][known]


@pytest.mark.parametrize("way", WAYS)
def test_chi_is_that_of_autobk(measured, larch, way):
    compared, worst = 0, {}
    for name, stack in measured.items():
        for frame in range(len(stack) if not way else 1):
            x, y = single(stack, frame)
            one = Stack.from_arrays(
                *(x, y), axis_name="energy", axis_unit="eV", quantity=stack.quantity
            )
            results = Background(**way)(one)
            if not results.ok()[0]:
                continue
            group = larch["group"](energy=x, mu=y)
            given = {NAMES[key]: value for key, value in way.items()}
            e0, step = float(results["e0"][0]), float(results["edge_step"][0])
            larch["autobk"](group, ek0=e0, edge_step=step, **given)
            ours = results["chi"][0][np.isfinite(results["chi"][0])]
            assert len(ours) == len(group.chi), name
            compared += 1
            worst[name, frame] = np.abs(ours - group.chi).max()
            # Where they differ Larch has stopped above the minimum.
            assert results["objective"][0] <= group.autobk_details.chisqr * (1 + 1e-9)
    assert compared >= 20
    assert max(worst.values()) < 1e-6, worst


def test_with_a_clamp_at_low_k_larch_stops_short(measured, larch):
    deeper = []
    for stack in list(measured.values())[:9]:
        results = Background(clamp_low=1.0)(stack[0])
        group = larch["group"](energy=stack.x, mu=stack.signal[0])
        e0, step = float(results["e0"][0]), float(results["edge_step"][0])
        larch["autobk"](group, ek0=e0, edge_step=step, clamp_lo=1)
        deeper.append(results["objective"][0] / group.autobk_details.chisqr)
    assert max(deeper) < 1.0 + 1e-9
    assert min(deeper) < 0.999


def test_frames_with_edges_of_their_own_are_those_of_autobk(measured, larch):
    stack = measured["lno_nik_pos1.npz"]
    results = Background(normalize={"e0": "derivative"})(stack)
    assert len(set(results["e0"].tolist())) == 3
    for frame in range(3):
        group = larch["group"](energy=stack.x, mu=stack.signal[frame])
        larch["autobk"](
            group, ek0=float(results["e0"][frame]), edge_step=float(results["edge_step"][frame])
        )
        ours = results["chi"][frame]
        assert np.abs(ours[np.isfinite(ours)] - group.chi).max() < 1e-6


def test_good_spectra_give_no_alarm(measured):
    for name, stack in measured.items():
        results = Background()(stack)
        assert results.ok().all(), name
        for message, odd in zip(results.messages, results["odd_point"], strict=True):
            assert "first shell" not in message
            assert "middle of the edge" not in message
            if np.isfinite(odd) and name != "cyanobacteria.prj":
                assert odd == pytest.approx(GLITCHES[name], abs=0.1)


def test_spoilt_spectra_give_alarms(measured):
    for name, stack in measured.items():
        good = Background(normalize=Normalize(e0="sequence"))
        e0 = float(good.prepare(stack).normalize.e0)
        for away in (-20.0, 20.0):
            results = Background(normalize={"e0": e0 + away})(stack)
            assert all("middle of the edge" in m for m in results.messages), (name, away)
        eaten = Background(rbkg=2.5, normalize={"e0": e0})(stack)
        assert all("first shell" in m for m in eaten.messages), name


def test_glitches_are_found_in_measured_spectra(measured):
    for name, stack in measured.items():
        results = Background(normalize={"e0": "sequence"})(stack)
        place = int(np.searchsorted(stack.x, results["e0"][0] + EV_PER_K2 * 81.0))
        if name in GLITCHES or not np.isfinite(stack.signal[0, place - 5 : place + 6]).all():
            continue
        mu = stack.signal.copy()
        mu[0, place] += 0.05 * results["edge_step"][0]
        spoilt = Background(normalize={"e0": "sequence"})(replace(stack, signal=mu))
        assert spoilt["odd_point"][0] == pytest.approx(stack.x[place]), name


@pytest.mark.parametrize("end", [9.93, 12.0, 14.61])
def test_windows_are_larchs(larch, end):
    k = 0.05 * np.arange(int(1.01 + end / 0.05))
    theirs = larch["ftwindow"](k, xmin=0, xmax=end, window="hanning", dx=0.1, dx2=0.1)
    np.testing.assert_allclose(make_window(k, 0.0, end, 0.1, "hanning"), theirs, atol=1e-13)
