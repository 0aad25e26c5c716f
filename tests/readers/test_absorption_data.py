"""Real measurements of X-ray absorption, against what Larch and plain numpy read in them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import spectra
from spectra import Status
from spectra.errors import DataWarning
from spectra.operando import align, read_cycler
from spectra.readers.athena import READER as ATHENA

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.filterwarnings("ignore:.*usable with a reservation:spectra.errors.DataWarning"),
]


@pytest.fixture(scope="session")
def larch_io():
    # Larch silences and raises warnings of all kinds while it is imported.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import larch.io
    return larch.io


@pytest.fixture
def xas(data):
    return data / "xas"


FILES = [
    ("vanadium/V2O5.xdi", 1, 517, "ln(i0/itrans)"),
    ("vanadium/V_foil.xdi", 1, 463, "ln(i0/itrans)"),
    ("copper/cu_metal_rt.xdi", 1, 408, "mutrans"),
    ("copper/cu_10k.xmu", 1, 612, "mu"),
    ("copper/cu_50k.xmu", 1, 620, "mu"),
    ("copper/cu_150k.xmu", 1, 618, "mu"),
    ("misc/Cu_azurite_13K_01.xdi", 1, 432, "ln(i0/itrans)"),
    ("misc/Fe2O3_rt_01.xdi", 1, 412, "ln(i0/itrans)"),
    ("misc/FeO_rt_01.xdi", 1, 412, "ln(i0/itrans)"),
    ("misc/Fe_metal_rt_01.xdi", 1, 348, "ln(i0/itrans)"),
    ("misc/Ni2O3_rt_01.xdi", 1, 435, "ln(i0/itrans)"),
    ("misc/Ni_metal_rt_01.xdi", 1, 418, "ln(i0/itrans)"),
    ("misc/fe2o3_rt1.xmu", 1, 412, "mu"),
    ("misc/mn_cpmnco3.dat", 1, 409, "xmu_trans"),
    ("misc/sno2_l3.dat", 1, 208, "mu"),
    ("misc/tipb.prj", 3, 365, "mu"),
    ("redox_glasses/Vglasses.prj", 28, 331, "mu"),
    ("gold_reduction/cyanobacteria.prj", 17, 327, "mu"),
    ("nxxas/Fe_XDIFiles.h5", 3, 348, "norm"),
    ("nxxas/KEK_PFdata.h5", 1, 1426, "norm"),
    ("nxxas/MultiElementFluor.h5", 12, 367, "norm"),
    ("lno_operando/lno_nik_pos1.npz", 229, 1649, "norm"),
    ("lno_operando/norm_op2_cell4_pos1_dq1_0001_av240_00001.txt", 1, 1649, "normalized"),
]


@pytest.mark.parametrize(("name", "frames", "points", "signal"), FILES)
def test_every_file_is_read(xas, name, frames, points, signal):
    stack = spectra.read(xas / name)
    assert (stack.n_frames, stack.n_points) == (frames, points)
    assert stack.metadata["signal"] == signal
    assert (stack.axis.name, stack.axis.unit) == ("energy", "eV")
    assert stack.quantity == ("norm" if signal.startswith("norm") else "mu")
    assert (stack.status == Status.OK).all()
    assert np.isfinite(np.asarray(stack.signal)).mean() > 0.85


@pytest.mark.parametrize("folder", ["vanadium", "misc", "copper"])
def test_xdi_as_larch_reads_it(xas, larch_io, folder):
    for path in sorted((xas / folder).glob("*.xdi")):
        group = larch_io.read_xdi(str(path))
        mu = getattr(group, "mutrans", None)
        mu = np.log(group.i0 / group.itrans) if mu is None else mu
        stack = spectra.read(path)
        np.testing.assert_allclose(stack.x, group.energy, rtol=1e-12)
        np.testing.assert_allclose(stack.signal[0], mu, rtol=0, atol=1e-9)
        if hasattr(group, "irefer"):
            reference = np.log(group.itrans / group.irefer)
            np.testing.assert_allclose(stack.channel("reference")[0], reference, atol=1e-9)


@pytest.mark.parametrize(
    "name", ["redox_glasses/Vglasses.prj", "gold_reduction/cyanobacteria.prj", "misc/tipb.prj"]
)
def test_projects_as_larch_reads_them(xas, larch_io, name):
    project = larch_io.read_athena(str(xas / name), do_preedge=False, do_bkg=False)
    groups = [g for g in project.groups.values() if hasattr(g, "mu")]
    frames = ATHENA.read(xas / name)
    assert [f.name for f in frames] == [str(g.label).strip() for g in groups]
    for frame, group in zip(frames, groups, strict=True):
        shift = frame.variables["energy_shift"][0]
        # Larch leaves the shift of a group aside; Athena shows the group shifted by it.
        np.testing.assert_allclose(frame.x, np.sort(group.energy) + shift, rtol=0, atol=1e-9)
        np.testing.assert_allclose(frame.y, group.mu, rtol=0, atol=1e-9)
        assert shift == float(group.athena_params.bkg.eshift)
        assert frame.variables["athena_e0"][0] == float(group.athena_params.bkg.e0)
        if hasattr(group, "i0") and len(np.atleast_1d(group.i0)) == len(frame.x):
            np.testing.assert_allclose(frame.channels["i0"], group.i0, rtol=1e-12)


def test_text_as_numpy_reads_it(xas):
    for name, columns in (("copper/cu_10k.xmu", 2), ("misc/fe2o3_rt1.xmu", 3)):
        table = np.loadtxt(xas / name)
        stack = spectra.read(xas / name)
        assert table.shape[1] == columns
        np.testing.assert_array_equal(stack.x, table[:, 0])
        np.testing.assert_array_equal(stack.signal[0], table[:, 1])
    assert spectra.read(xas / "copper/cu_150k.xmu").variables["temperature"].values[0] == 150.0


def test_oxygen_fugacity_is_in_the_labels(xas):
    stack = spectra.read(xas / "redox_glasses/Vglasses.prj", variables={"nno": r"NNO([+-][\d.]+)"})
    nno = stack.variables["nno"].values
    assert np.isfinite(nno).sum() == 28
    assert (nno.min(), nno.max(), nno[0]) == (-8.1, 4.73, 3.8)


def test_hours_are_in_the_labels(xas):
    stack = spectra.read(
        xas / "gold_reduction/cyanobacteria.prj",
        entry=["[0-9]*"],
        variables={"time [h]": r" ([\d.]+)$"},
    )
    hours = stack.variables["time"]
    assert (hours.unit, stack.n_frames) == ("h", 8)
    assert (np.diff(hours.values) > 0).all()
    assert hours.values[[0, -1]].tolist() == [0.12, 720.0]


def test_operando_series(xas):
    stack = spectra.read(xas / "lno_operando/lno_nik_pos1.npz")
    with np.load(xas / "lno_operando/lno_nik_pos1.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(stack.signal, arrays["norm"].astype(float))
        np.testing.assert_array_equal(stack.channel("reference"), arrays["ref"].astype(float))
        np.testing.assert_array_equal(stack.variables["time"].values, arrays["unix_time"])
        name = str(arrays["names"][0])
    assert stack.names[0].endswith(name)
    # The text beside it is the same spectrum.
    text = spectra.read(xas / "lno_operando" / name)
    np.testing.assert_allclose(text.signal[0], stack.signal[0], atol=5e-8)
    np.testing.assert_allclose(text.channel("i0")[0], stack.channel("i0")[0], rtol=1e-6)
    assert list(text.channels) == ["reference", "i0"]
    assert abs(text.variables["time"].values[0] - stack.variables["time"].values[0]) < 0.01


def test_operando_series_joins_its_logs(xas):
    stack = spectra.read(xas / "lno_operando/lno_nik_pos1.npz")
    logs = sorted((xas / "lno_operando").glob("*.mpt"))
    with pytest.warns(DataWarning):
        joined = align(stack, read_cycler(logs))
    voltage = joined.variables["voltage"].values
    assert np.isfinite(voltage).mean() > 0.8
    assert 2.0 < np.nanmin(voltage) < np.nanmax(voltage) < 4.6


def test_soft_edges_are_chosen_by_entry(xas):
    path = xas / "soft/library.h5"
    with pytest.warns(DataWarning) as caught:
        assert spectra.read(path).n_frames == 4
    told = " ".join(str(w.message) for w in caught)
    assert "2 of 4 frames do not fit the others" in told
    assert "element differs" in told
    oxygen = spectra.read(path, entry="O K*")
    copper = spectra.read(path, entry=["spectra/000003", "spectra/000004"])
    assert (oxygen.n_frames, oxygen.n_points, oxygen.metadata["edge"]) == (2, 501, "K")
    assert (copper.n_frames, copper.n_points, copper.metadata["edge"]) == (2, 451, "L2,3")
    assert copper.names[0] == "library.h5 Cu L2,3 (2p) in CuO"
    assert 930.0 < copper.x[np.argmax(copper.signal[0])] < 933.0


def test_fluorescence_of_several_detectors_is_summed(xas):
    path = xas / "nxxas/MultiElementFluor.h5"
    parts = "+".join(f"v_ka_mca{i}*dtfactor_mca{i}" for i in (1, 2, 3, 4))
    summed = spectra.read(path, signal=f"({parts})/i0")
    whole = spectra.read(path, signal="ifluor/i0")
    np.testing.assert_allclose(summed.signal, whole.signal, rtol=2e-6)
    raw = spectra.read(path, signal="sum(v_ka_mca*)/i0")
    assert (np.asarray(raw.signal)[0] < np.asarray(whole.signal)[0]).all()
    assert whole.metadata["element"] == "V"
    assert np.diff(whole.variables["time"].values[[0, 4]]) > 0


def test_reference_foils_lie_where_they_should(xas):
    stack = spectra.read(xas / "lno_operando/lno_nik_pos1.npz")
    foil = stack.channel("reference")
    edge = stack.x[np.argmax(np.gradient(foil[0], stack.x))]
    assert abs(edge - 8333.0) < 1.0
