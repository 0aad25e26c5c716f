"""Real photoelectron spectra, against what a few lines of plain Python find in the same files."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import spectra
from spectra import Status
from spectra.errors import DataWarning, ReaderError

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.filterwarnings("ignore:.*usable with a reservation:spectra.errors.DataWarning"),
]

REGIONS = {
    "0-150W.vms": {
        "wide": (1, 1206, "counts"),
        "Ni 2p": (1, 601, "counts"),
        "O 1s": (1, 251, "counts"),
        "C 1s": (1, 301, "counts"),
        "W 4f": (1, 251, "counts"),
    },
    "mjr9_59c.vms": {
        "Wide": (2, 1101, "counts"),
        "O 1s": (1, 231, "counts"),
        "N 1s": (1, 211, "counts"),
        "C 1s": (1, 231, "counts"),
        "S 2p": (2, 181, "counts"),
        "Au 4f": (2, 301, "counts"),
    },
    "regular.vms": {"Survey": (1, 1351, "unknown")},
    "irregular.vms": {"Survey": (1, 1351, "unknown")},
    "SnO2_10nm.spe": {"Su1s": (1, 1751, "counts")},
    "Ag_0001.txt": {"Ag3d": (1, 361, "unknown")},
    "Cu-HHTP_0001.txt": {"survey": (1, 1221, "unknown")},
    "Cu-HHTP_0002.txt": {"O1s": (1, 301, "unknown")},
    "Cu-HHTP_0003.txt": {"C 1s": (1, 321, "unknown")},
    "Cu-HHTP_0004.txt": {"Cu_3p": (1, 321, "unknown")},
    "Cu-HHTP_0005.txt": {"VB": (1, 801, "unknown")},
    "MgFe2O4_small.xy": {"Survey": (1, 1351, "unknown"), "Fe2p": (1, 56, "unknown")},
    "mm-specs.xy": {"P 2p": (1, 401, "unknown")},
    "In-situ_PBTTT_XPS_SPECS.xml": {
        "1 Survey": (1, 1403, "counts"),
        "2 C1s": (1, 201, "counts"),
        "3 S 2p": (1, 281, "counts"),
    },
    "columns/0-150W_NiWC1s_C1s.txt": {"C 1s": (1, 301, "counts")},
    "columns/0-150W_NiWNi2p_Ni2p.txt": {"Ni 2p": (1, 601, "counts")},
    "columns/0-150W_NiWO1s_O1s.txt": {"O 1s": (1, 251, "counts")},
    "columns/0-150W_NiWW4f_W4f.txt": {"W 4f": (1, 251, "counts")},
    "columns/0-150W_NiWwide_wide.txt": {"0-150W_NiWwide_wide": (1, 1206, "counts")},
    "columns/111216_0459_O1s.csv": {"O 1s": (1, 126, "unknown")},
    "columns/170109_1712_Ef.csv": {"170109_1712_Ef": (1, 351, "unknown")},
    "columns/C1s_sample.csv": {"C 1s": (1, 351, "counts")},
}
NO_REGIONS = {"columns/CK.csv", "columns/Highres_Au4f_hv_180_testfile.csv"}
NO_REGIONS |= {"columns/Survey_Au_hv_700.csv"}

NAN = float("nan")
# Photon energy, pass energy, work function, seconds a point and sweep, sweeps.
FACTS = [
    ("0-150W.vms", "W 4f", (1486.69, 20, -4.5, 0.239044, 10)),
    ("mjr9_59c.vms", "C 1s", (1486.69, 10, -4.455, 0.26087, 10)),
    ("regular.vms", "Survey", (1486.61, 100, 4.1082, 0.1, 1)),
    ("irregular.vms", "Survey", (1486.61, NAN, NAN, 1, 1)),
    ("SnO2_10nm.spe", "Su1s", (1486.6, 224, 4.506, 0.12, 1)),
    ("Ag_0001.txt", "Ag 3d", (520, 50, NAN, 45.066 / 2, 2)),
    ("Cu-HHTP_0004.txt", "Cu 3p", (400, 50, NAN, 675.99 / 30, 30)),
    ("MgFe2O4_small.xy", "Fe 2p", (1486.61, 20, 4.1082, 0.3, 1)),
    ("mm-specs.xy", "P 2p", (1486.61, 20, 4.425, 0.1, 50)),
    ("In-situ_PBTTT_XPS_SPECS.xml", "C 1s", (1253.6, 20, 4.37, 0.2, 10)),
    ("In-situ_PBTTT_XPS_SPECS.xml", "S 2p", (1253.6, 20, 4.37, 0.2, 15)),
    ("columns/0-150W_NiWwide_wide.txt", "0-150W_NiWwide_wide", (NAN, 160, NAN, NAN, NAN)),
]


@pytest.fixture
def xps(data):
    return data / "xps"


def test_no_file_is_left_out(xps):
    there = {path.relative_to(xps).as_posix() for path in xps.rglob("*.*")}
    assert there == set(REGIONS) | NO_REGIONS


@pytest.mark.parametrize("name", REGIONS)
def test_every_file_is_read_with_all_its_regions(xps, name):
    regions = spectra.read_regions(xps / name)
    found = {key: (s.n_frames, s.n_points, s.noise) for key, s in regions.items()}
    assert found == REGIONS[name]
    for stack in regions.values():
        assert (stack.axis.name, stack.axis.unit) == ("binding_energy", "eV")
        assert (stack.status == Status.OK).all()
        assert np.isfinite(stack.signal[0]).all()


@pytest.mark.parametrize(("name", "entry", "facts"), FACTS)
def test_how_it_was_measured(xps, name, entry, facts):
    stack = spectra.read(xps / name, entry=entry)
    names = ("photon_energy", "pass_energy", "work_function", "dwell_time", "sweeps")
    assert [stack.metadata.get(n, NAN) for n in names] == pytest.approx(facts, nan_ok=True)
    if facts[3] > 0:
        assert stack.variables["count_time"].values == pytest.approx(facts[3] * facts[4])


def plain_vamas(path):
    """Energies, counts and transmission of blocks of regular VAMAS with two ordinates."""
    lines = [line.strip() for line in path.read_text(encoding="latin-1").splitlines()]
    for at in (i for i, line in enumerate(lines) if line.lower() == "kinetic energy"):
        start, step = float(lines[at + 2]), float(lines[at + 3])
        mode = lines.index("pulse counting", at)
        extra = int(lines[mode + 7])
        count = int(lines[mode + 8 + 3 * extra])
        first = mode + 9 + 3 * extra + 4
        values = np.array(lines[first : first + count], dtype=float)
        yield start + step * np.arange(count // 2), values[::2], values[1::2]


@pytest.mark.parametrize(
    ("name", "photon_energy", "blocks"),
    [("0-150W.vms", 1486.69, 5), ("mjr9_59c.vms", 1486.69, 9), ("regular.vms", 1486.61, 1)],
)
def test_vamas_as_its_text_says(xps, name, photon_energy, blocks):
    from spectra.readers.vamas import READER

    frames, plain = READER.read(xps / name), list(plain_vamas(xps / name))
    assert len(frames) == len(plain) == blocks
    for frame, (energy, counts, transmission) in zip(frames, plain, strict=True):
        np.testing.assert_allclose(frame.x, photon_energy - energy[::-1], atol=1e-8)
        np.testing.assert_array_equal(frame.y, counts[::-1])
        np.testing.assert_array_equal(frame.channels["transmission"], transmission[::-1])


def test_irregular_vamas_as_its_text_says(xps):
    lines = (xps / "irregular.vms").read_text().split("\n")
    table = np.array([float(v) for v in lines[87 : 87 + 4053]]).reshape(-1, 3)
    stack = spectra.read(xps / "irregular.vms")
    np.testing.assert_allclose(stack.x, 1486.61 - table[::-1, 0], atol=1e-8)
    np.testing.assert_array_equal(stack.signal[0], table[::-1, 1])
    np.testing.assert_array_equal(stack.channel("transmission")[0], table[::-1, 2])


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("wide", "NiWwide_wide"),
        ("Ni 2p", "NiWNi2p_Ni2p"),
        ("O 1s", "NiWO1s_O1s"),
        ("C 1s", "NiWC1s_C1s"),
        ("W 4f", "NiWW4f_W4f"),
    ],
)
def test_vamas_as_casaxps_exports_it(xps, entry, name):
    stack = spectra.read(xps / "0-150W.vms", entry=entry)
    exported = spectra.read(xps / f"columns/0-150W_{name}.txt")
    np.testing.assert_allclose(stack.x, exported.x, atol=1e-8)
    np.testing.assert_array_equal(stack.signal, exported.signal)
    assert stack.metadata["pass_energy"] == exported.metadata["pass_energy"]


def test_one_survey_in_three_formats(xps):
    xy = spectra.read(xps / "MgFe2O4_small.xy", entry="Survey")
    for name, factor in (("regular.vms", 1.0), ("irregular.vms", 0.1)):
        vamas = spectra.read(xps / name)
        np.testing.assert_allclose(vamas.x, xy.x, atol=1e-8)
        # The other two are written with six digits.
        np.testing.assert_allclose(vamas.signal[0] * factor, xy.signal[0], rtol=5e-6)
        assert vamas.metadata["photon_energy"] == xy.metadata["photon_energy"]


def test_rates_of_phi_are_whole_counts(xps):
    data = (xps / "SnO2_10nm.spe").read_bytes()
    rates = np.frombuffer(data[data.index(b"EOFH\r\n") + 6 + 112 :], "<f4").astype(float)
    stack = spectra.read(xps / "SnO2_10nm.spe", entry="survey")
    np.testing.assert_allclose(stack.signal[0], rates[::-1] * 0.12, rtol=1e-6)
    np.testing.assert_array_equal(stack.signal[0], np.rint(stack.signal[0]))
    np.testing.assert_allclose(stack.x, np.linspace(0.0, 1400.0, 1751), atol=1e-6)
    # Sn 3d5/2 of SnO2 lies at 486.6 eV (NIST SRD 20).
    near = (stack.x > 480.0) & (stack.x < 491.0)
    assert stack.x[near][np.argmax(stack.signal[0][near])] == pytest.approx(486.6, abs=1.6)


@pytest.mark.parametrize("region", ["1 Survey", "2 C1s", "3 S 2p"])
def test_specs_xml_channels_added_by_hand(xps, region):
    path = xps / "In-situ_PBTTT_XPS_SPECS.xml"
    root = ElementTree.fromstring(
        re.sub(r"<!DOCTYPE.*?\]>", "", path.read_text("latin-1"), flags=re.DOTALL)
    )
    (element,) = (e for e in root.iter("struct") if e.findtext("string") == region)
    value = {e.get("name"): e.text for e in element.iter() if e.text}
    shifts = [float(e.text) for e in element.iter("double") if e.get("name") == "shift"]
    points, head = int(value["values_per_curve"]), int(value["mcd_head"])
    steps = np.array(shifts) * float(value["pass_energy"]) / float(value["scan_delta"])
    total = np.zeros(points)
    for sequence in (e for e in element.iter("sequence") if e.get("name") == "counts"):
        table = np.array(sequence.findtext("ulong").split(), dtype=float).reshape(-1, 5)
        for channel, step in enumerate(steps):
            first = head - round(step)
            total += table[first : first + points, channel]
    stack = spectra.read(path, entry=region)
    np.testing.assert_array_equal(stack.signal[0], total[::-1])
    assert stack.x[-1] == pytest.approx(1253.6 - float(value["kinetic_energy"]), abs=1e-8)
    sweeps = int(value["num_scans"])
    if sweeps > 1:
        apart = spectra.read(path, entry=f"{region} sweeps")
        assert apart.n_frames == sweeps
        np.testing.assert_array_equal(np.asarray(apart.signal).sum(axis=0), total[::-1])
    else:
        with pytest.raises(ReaderError, match="'2 C1s sweeps'"):
            spectra.read(path, entry=f"{region} sweeps")


def test_channels_of_specs_see_the_same_line(xps):
    """Each channel's C 1s lies where the others' does: the shifts go in the right direction."""
    stack = spectra.read(xps / "In-situ_PBTTT_XPS_SPECS.xml", entry="C 1s")
    top = stack.signal[0].max()
    above = stack.x[stack.signal[0] > stack.signal[0].min() + (top - stack.signal[0].min()) / 2]
    # At 20 eV pass energy a line is no wider than 1.7 eV; channels lie 3 eV apart in all.
    assert np.ptp(above) < 1.7


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_scienta_as_numpy_reads_it(xps, number):
    path = xps / f"Cu-HHTP_000{number}.txt"
    table = np.loadtxt(io.StringIO(path.read_text().split("[Data 1]")[1]))
    stack = spectra.read(path)
    np.testing.assert_allclose(stack.x, table[::-1, 0], atol=1e-8)
    np.testing.assert_array_equal(stack.signal[0], table[::-1, 1])


def test_specs_text_as_numpy_reads_it(xps):
    table = np.loadtxt(xps / "mm-specs.xy")
    stack = spectra.read(xps / "mm-specs.xy")
    np.testing.assert_allclose(stack.x, table[::-1, 0], atol=1e-8)
    np.testing.assert_allclose(stack.signal[0], table[::-1, 1] * 5.0, rtol=1e-12)
    np.testing.assert_array_equal(stack.channel("transmission")[0], table[::-1, 2])
    table = np.loadtxt(xps / "MgFe2O4_small.xy")
    survey, iron = table[:1351], table[1351:]
    for name, rows, seconds in (("Survey", survey, 0.1), ("Fe 2p", iron, 0.3)):
        stack = spectra.read(xps / "MgFe2O4_small.xy", entry=name)
        np.testing.assert_allclose(stack.x, rows[::-1, 0], atol=1e-8)
        np.testing.assert_allclose(stack.signal[0], rows[::-1, 1] * seconds, rtol=1e-12)


def test_columns_as_numpy_reads_them(xps):
    for name in (n for n in REGIONS if n.startswith("columns/")):
        gap = "," if name.endswith(".csv") else None
        table = np.loadtxt(xps / name, delimiter=gap, skiprows=1)
        stack = spectra.read(xps / name)
        np.testing.assert_allclose(stack.x, table[::-1, 0], atol=1e-8)
        np.testing.assert_array_equal(stack.signal[0], table[::-1, 1])


def test_columns_that_say_nothing_are_what_the_user_says(xps):
    stack = spectra.read(
        xps / "columns/Survey_Au_hv_700.csv",
        axis="kinetic_energy",
        metadata={"photon_energy": 700.0},
    )
    assert (stack.axis.name, stack.axis.unit, stack.noise) == ("kinetic_energy", "eV", "counts")
    absorption = spectra.read(xps / "columns/CK.csv")
    assert (absorption.axis.name, absorption.quantity) == ("energy", "norm")


def test_regions_are_listed_if_none_is_chosen(xps):
    named = "'wide', 'Ni 2p', 'O 1s', 'C 1s', 'W 4f'"
    with pytest.raises(ReaderError, match=f"it holds 5 regions: {named}"):
        spectra.read(xps / "0-150W.vms")
    with pytest.raises(ReaderError, match=rf"no region in it is called 'V 2p'.*{named}"):
        spectra.read(xps / "0-150W.vms", entry="V 2p")


def test_a_short_survey_stands_on_the_axis_of_the_long_one(xps):
    with pytest.warns(DataWarning, match="measured from 0 to 600 only"):
        stack = spectra.read(xps / "mjr9_59c.vms", entry="Wide")
    assert np.isfinite(stack.signal[1]).sum() == 601
    assert spectra.read(xps / "mjr9_59c.vms", entry="Wide/5").n_points == 601
