"""Files of photoelectron spectra, written by hand in the layouts of their formats.

Real files of Thermo, CasaXPS's own exports, NXmpes, irregular VAMAS in other modes, PHI's profiles
and SPECS' cycles are not at hand; these stand in for them.
"""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from electron_samples import (
    COUNTS,
    ELECTRONS,
    ENERGY,
    LEVELS,
    PHOTON_ENERGY,
    casaxps,
    casaxps_rows,
    electron_columns,
    nexus_electrons,
    phi,
    profile,
    scienta,
    specs_xml,
    specs_xy,
    thermo,
    vamas,
    vamas_irregular,
)

import spectra
from spectra import Status
from spectra.errors import ReaderError, SettingError
from spectra.readers.electrons import is_rate, whole_counts
from spectra.readers.regions import find_line


@pytest.fixture
def write(tmp_path):
    def make(name, data):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return make


def check(stack, counts=COUNTS, frames=1, energy=ENERGY):
    assert stack.axis.name == "binding_energy"
    assert stack.n_frames == frames
    np.testing.assert_allclose(stack.x, energy, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(stack.signal[0], counts)
    assert stack.noise == "counts"
    assert (stack.status == Status.OK).all()


MODES = ["NORM", "SDP", "SDPSV", "MAP", "MAPDP", "MAPSV", "MAPSVDP", "SEM", "NOEXP"]


@pytest.mark.parametrize("mode", MODES)
def test_vamas_in_every_experiment_mode(write, mode):
    path = write("a.vms", vamas(mode=mode, lead="\r\n\n"))
    stack = spectra.read(path, entry="O 1s")
    check(stack, frames=3)
    np.testing.assert_array_equal(stack.variables["etch_time"].values, LEVELS)
    assert stack.variables["etch_time"].unit == "s"
    np.testing.assert_array_equal(stack.signal[1], COUNTS + 2)
    # Kinetic energies rise, binding energies fall: transmission goes with its points.
    np.testing.assert_allclose(stack.channel("transmission")[0], 1.39 - 0.01 * np.arange(40))
    assert stack.metadata["photon_energy"] == PHOTON_ENERGY
    assert stack.metadata["pass_energy"] == 20.0
    assert stack.metadata["work_function"] == 4.5
    assert stack.metadata["dwell_time"] == 0.5
    assert stack.metadata["sweeps"] == 4
    np.testing.assert_array_equal(stack.variables["count_time"].values, 2.0)
    # 12:00 one hour ahead of GMT is 11:00 there.
    np.testing.assert_array_equal(stack.variables["time"].values % 86400, 39600 + 60 * np.r_[0:6:2])
    assert stack.metadata["a_parameter"] == 7
    check(spectra.read(path, entry="block 3"), COUNTS + 3)


@pytest.mark.parametrize("listed", [{"excluded": ()}, {"included": tuple(range(1, 41))}])
def test_vamas_with_all_parameters_in_every_block(write, listed):
    path = write("a.npl", vamas(**{"excluded": (), **listed}))
    check(spectra.read(path, entry="V2p"), COUNTS + 1, frames=3)


def test_vamas_that_includes_what_changes_only(write):
    changing = (1, 2, 3, 4, 5, 6, 7, 8, 11, 29, 30)
    stack = spectra.read(write("a.vms", vamas(excluded=(), included=changing)), entry="O 1s")
    check(stack, frames=3)
    assert stack.metadata["source"] == "Al"


def test_vamas_in_counts_per_second_becomes_counts(write):
    check(spectra.read(write("a.vms", vamas(unit="c/s")), entry="O 1s"), frames=3)


def test_irregular_vamas_with_binding_energies_and_leading_blank_lines(write):
    stack = spectra.read(write("a.npl", vamas_irregular()))
    check(stack)
    assert stack.metadata["retard_ratio"] == 20.0
    assert "work_function" not in stack.metadata


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b"SDP", b"XYZ"), r"line 8: 'XYZ'; expected the experiment mode, one of MAP"),
        ((b"REGULAR", b"MAPPING"), "images, pixel by pixel"),
        ((b"\r\n6\r\nblock 0", b"\r\n7\r\nblock 0"), r"block 7 of 7, line \d+: the file ends here"),
        ((b"Kinetic Energy", b"sputter time"), r"block 1 \(block 0\): its abscissa is 'sputter"),
        ((b"\r\n225\r\n", b"\r\nhigh\r\n"), r"block 1 of 6, line \d+: 'high'; expected a number"),
        ((b"\r\n80\r\n", b"\r\n81\r\n"), r"'81'; expected a multiple of the 2 corresponding"),
    ],
)
def test_broken_vamas_names_block_and_line(write, change, message):
    data = vamas()
    assert change[0] in data
    with pytest.raises(ReaderError, match=message):
        spectra.read(write("a.vms", data.replace(*change)))


def test_vamas_cut_off_says_how_much_is_missing(write):
    data = vamas()
    with pytest.raises(ReaderError, match=r"\d+ lines are left; expected 80 ordinate values"):
        spectra.read(write("a.vms", data[: len(data) - 200]))


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_phi(write, kind):
    path = write("a.spe", phi(kind=kind))
    check(spectra.read(path, entry="O 1s"))
    stack = spectra.read(path, entry="V2p")
    check(stack, COUNTS[:30] + 5, energy=ENERGY[:30])
    assert stack.metadata["pass_energy"] == 55.0
    assert stack.metadata["work_function"] == 4.5
    assert stack.metadata["photon_energy"] == 1486.6


def test_cycles_of_a_phi_profile_are_frames(write):
    stack = spectra.read(write("a.pro", profile()), entry="O1s")
    check(stack, frames=3)
    np.testing.assert_array_equal(stack.signal[2], COUNTS + 2)
    np.testing.assert_array_equal(stack.variables["level"].values, [0, 1, 2])


def test_a_phi_file_cut_off_is_refused(write):
    with pytest.raises(ReaderError, match=r"numbers from byte \d+ to \d+; expected an end before"):
        spectra.read(write("a.spe", phi()[:-10]))


def test_channels_of_specs_are_put_where_they_belong(write):
    stack = spectra.read(write("a.xml", specs_xml()))
    # Three channels of three sweeps each; kinetic energies rise from 950 eV.
    check(stack, 9 * COUNTS[::-1], frames=2, energy=303.6 - 0.25 * np.arange(40)[::-1])
    np.testing.assert_array_equal(stack.signal[1], 9 * (COUNTS[::-1] + 1))
    np.testing.assert_array_equal(stack.variables["time"].values, [1643415878, 1643415938])
    np.testing.assert_allclose(stack.channel("transmission")[0], 2.39 - 0.01 * np.arange(40))
    assert stack.metadata["region"] == "2 C1s"
    assert stack.metadata["line"] == "C 1s"
    assert stack.metadata["sweeps"] == 3


def test_sweeps_of_specs_are_frames_if_asked_for(write):
    path = write("a.xml", specs_xml())
    for name in ("2 C1s sweeps", "C 1s sweeps", "C1s sweeps"):
        stack = spectra.read(path, entry=name)
        check(stack, 3 * COUNTS[::-1], frames=6, energy=303.6 - 0.25 * np.arange(40)[::-1])
        np.testing.assert_array_equal(stack.variables["sweep"].values, [0, 1, 2] * 2)


def test_entities_in_specs_xml_are_refused(write):
    with pytest.raises(ReaderError, match="document type"):
        spectra.read(write("a.xml", specs_xml(entity='<!ENTITY x "ha">')))


def test_counts_of_specs_that_are_missing_are_told(write):
    data = specs_xml().replace(b" 200 200 200</ulong>", b"</ulong>", 1)
    assert data != specs_xml()
    with pytest.raises(ReaderError, match=r"region '2 C1s', cycle 0, sweep 0: 129 counts of 3"):
        spectra.read(write("a.xml", data))


def test_scans_of_specs_text_are_added_up(write):
    path = write("a.xy", specs_xy())
    stack = spectra.read(path, entry="O 1s")
    check(stack, 2 * COUNTS + 1, frames=2)
    np.testing.assert_array_equal(stack.variables["sample_temperature"].values, [723, 724])
    assert stack.variables["sample_temperature"].unit == "K"
    assert stack.metadata["work_function"] == 4.1082
    check(spectra.read(path, entry="O1s sweeps"), frames=4)


def test_a_broken_line_of_specs_text_is_named(write):
    data = specs_xy().replace(b"# Region:                       V2p", b"1 2 x")
    with pytest.raises(ReaderError, match=r"line \d+, region 'O1s': '1 2 x'"):
        spectra.read(write("a.xy", data))


def test_dimensions_of_scienta_are_frames(write):
    path = write("a.txt", scienta())
    stack = spectra.read(path, entry="O1s")
    check(stack, COUNTS + 1, frames=2)
    np.testing.assert_array_equal(stack.variables["y_scale"].values, [-1.5, 1.5])
    stack = spectra.read(path, entry="V 2p")
    check(stack, COUNTS + 1, frames=4)
    np.testing.assert_array_equal(stack.variables["time"].values, [0, 0, 60, 60])
    np.testing.assert_array_equal(stack.signal[2], COUNTS + 2)
    assert stack.metadata["dwell_time"] == 0.203


def test_a_scienta_table_cut_off_is_told(write):
    rows = scienta().splitlines(keepends=True)
    with pytest.raises(ReaderError, match=r"39 rows of 2 values; expected 40 rows of 2"):
        spectra.read(write("a.txt", b"".join(rows[:-1])))


def test_thermo_series(write):
    stack = spectra.read(write("a.avg", thermo()))
    check(stack, frames=3)
    np.testing.assert_array_equal(stack.variables["etch_time"].values, LEVELS)
    assert stack.metadata["pass_energy"] == 50.0
    assert stack.metadata["region"] == "V2p"
    with pytest.raises(ReaderError, match=r"116 numbers; expected 120, as its axes say"):
        spectra.read(write("b.avg", thermo().replace(b"LIST@   4=", b"NOTE", 1)))


@pytest.mark.parametrize("comma", [False, True])
def test_casaxps_keeps_the_calibration_it_shows(write, comma):
    path = write("a.txt", casaxps(comma=comma))
    stack = spectra.read(path, entry="V 2p")
    check(stack, COUNTS + 1, energy=ENERGY + 0.3)
    assert stack.metadata["calibration_shift"] == pytest.approx(0.3, abs=1e-6)
    assert stack.metadata["photon_energy"] == PHOTON_ENERGY
    assert stack.variables["count_time"].values[0] == 2.0


def test_casaxps_side_by_side_has_rates_alone(write):
    path = write("a.csv", casaxps_rows())
    with pytest.warns(spectra.errors.DataWarning, match="without the time of counting"):
        stack = spectra.read(path, entry="V 2p")
    assert stack.noise == "unknown"
    np.testing.assert_allclose(stack.signal[0], COUNTS / 2 + 0.25)


def test_columns_under_the_label_of_an_energy(write):
    stack = spectra.read(write("x_O1s.txt", electron_columns()))
    check(stack)
    assert stack.metadata["photon_energy"] == 1253.6
    assert stack.metadata["region"] == "O 1s"
    np.testing.assert_array_equal(stack.channel("transmission")[0], 2.5)
    kinetic = spectra.read(write("y.txt", electron_columns()), axis="kinetic_energy")
    np.testing.assert_allclose(kinetic.x, 1253.6 - ENERGY[::-1])
    np.testing.assert_array_equal(kinetic.signal[0], COUNTS[::-1])


@pytest.mark.parametrize(
    "header",
    ["Be foil behind the slit", "# KE of nothing", "Binding Energy [eV]: 139.87"],
)
def test_remarks_are_no_labels(write, header):
    path = write("a.txt", f"{header}\n".encode() + b"".join(b"%d 5\n" % e for e in range(30)))
    assert spectra.read(path).axis.name == "two_theta"


@pytest.mark.parametrize(
    "label", ["BE,Counts", "# B.E. (eV)\tI", "Binding_energy;N(E)", "E_B [eV]"]
)
def test_labels_of_binding_energies(write, label):
    gap = "\t" if "\t" in label else ";" if ";" in label else ","
    rows = "".join(f"{e}{gap}5\n" for e in range(30))
    assert spectra.read(write("a.txt", f"{label}\n{rows}".encode())).axis.name == "binding_energy"


def test_the_other_energy_needs_the_photon_energy(write):
    path = write("a.csv", b"KE/eV,counts\n" + b"".join(b"%d,5\n" % e for e in range(900, 930)))
    assert spectra.read(path).axis.name == "kinetic_energy"
    with pytest.raises(SettingError, match="no photon energy"):
        spectra.read(path, axis="binding_energy")


def test_nexus_entries_are_regions(write):
    path = write("a.nxs", nexus_electrons())
    stack = spectra.read(path, entry="O 1s")
    check(stack)
    assert stack.metadata["photon_energy"] == PHOTON_ENERGY
    assert stack.metadata["work_function"] == 4.5
    stack = spectra.read(path, entry="V 2p")
    check(stack, frames=2)
    np.testing.assert_array_equal(stack.variables["etch_time"].values, [0, 30])


def _change(place, value):
    def edit(file):
        del file[place]
        if value is not None:
            file[place] = value

    return edit


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("O1s/data", None, r"/O1s: no data; expected a group data"),
        ("O1s/data/energy", None, r"/O1s/data: datasets data; expected a signal, and energy"),
        ("O1s/data/energy", np.arange(7.0), r"signal of shape \(40,\), energy of shape \(7,\)"),
        ("O1s/data/energy", np.zeros((2, 20)), r"energy of shape \(2, 20\)"),
        ("O1s/data/data", "text", r"signal of shape \(\), energy of shape"),
        ("O1s/data/energy", np.full(40, np.nan), r"O1s: position nan at point 1"),
        ("V2p/data/data", np.zeros((2, 41)), r"expected one dimension .* as long as the energy"),
        ("O1s/data/energy", np.array([b"x"] * 40), r"something in it cannot be read"),
    ],
)
def test_nexus_entries_that_do_not_fit_are_told(write, place, value, message):
    path = write("a.nxs", nexus_electrons(_change(place, value)))
    with pytest.raises(ReaderError, match=message):
        spectra.read(path, format="nexus_electrons", entry="O1s")


def test_nexus_datasets_that_are_missing_are_not_needed(write):
    for place in ("O1s/instrument", "O1s/sample", "O1s/start_time", "V2p/data/etch_time"):
        path = write("a.nxs", nexus_electrons(_change(place, None)))
        assert list(spectra.read_regions(path)) == ["O1s", "V2p"]


def test_a_file_of_several_regions_asks_for_one(write):
    path = write("a.vms", vamas())
    with pytest.raises(ReaderError, match=r"2 regions: 'O 1s', 'V 2p'; .*entry='V 2p'"):
        spectra.read(path)
    with pytest.raises(ReaderError, match=r"called 'C 1s'; expected one of 'O 1s', 'V 2p'"):
        spectra.read(path, entry="C 1s")
    with pytest.raises(ReaderError, match="no columns to choose from"):
        spectra.read(path, signal="ln(i0/i1)", entry="O 1s")


def test_all_regions_at_once(write):
    regions = spectra.read_regions(write("a.vms", vamas()))
    assert list(regions) == ["O 1s", "V 2p"]
    check(regions["V 2p"], COUNTS + 1, frames=3)
    with pytest.raises(ReaderError, match="hold no regions"):
        spectra.read_regions(write("a.xy", b"1 2\n2 3\n3 4\n4 5\n"))


def test_a_region_of_several_files_is_a_sequence(write, tmp_path):
    for number in range(3):
        write(f"s{number}.spe", phi())
    stack = spectra.read(str(tmp_path / "s*.spe"), entry="V 2p")
    check(stack, COUNTS[:30] + 5, frames=3, energy=ENERGY[:30])


def test_what_differs_within_a_region_is_a_variable(write):
    data = vamas(regions=(("O", "1s"),)).replace(b"\r\n0.5\r\n4\r\n", b"\r\n0.5\r\n9\r\n", 1)
    stack = spectra.read(write("a.vms", data))
    assert "sweeps" not in stack.metadata
    np.testing.assert_array_equal(stack.variables["sweeps"].values, [9, 4, 4])
    np.testing.assert_array_equal(stack.variables["count_time"].values, [4.5, 2.0, 2.0])


@pytest.mark.parametrize("suffix", [*ELECTRONS, ".nxs"])
def test_every_sample_is_written_and_read_again(write, tmp_path, suffix):
    path = write(f"a{suffix}", {**ELECTRONS, ".nxs": nexus_electrons}[suffix]())
    with pytest.warns() if suffix == ".rows" else nullcontext():
        regions = spectra.read_regions(path)
    for stack in regions.values():
        spectra.write(tmp_path / "copy.h5", stack)
        again = spectra.open(tmp_path / "copy.h5").load()
        np.testing.assert_array_equal(again.signal, np.asarray(stack.signal))
        assert dict(again.metadata) == dict(stack.metadata)
        (tmp_path / "copy.h5").unlink()


def test_whole_counts():
    rng = np.random.default_rng(3)
    counts = rng.poisson(500.0, 300).astype(float)
    assert whole_counts(counts / 3.7, 3.7)
    assert whole_counts((counts / 3.7).astype(np.float32).astype(float), 3.7)
    assert not whole_counts(counts / 3.7, 1.85 * 1.01)
    assert not whole_counts(rng.normal(500.0, 20.0, 300), 3.7)
    # Rates rounded to whole numbers are whole after any whole number of seconds.
    assert not whole_counts(np.rint(counts / 10.0), 100.0)
    assert not whole_counts(-counts / 3.7, 3.7)


@pytest.mark.parametrize(
    ("label", "rate"),
    [
        *((label, True) for label in ("counts/s", "counts_per_second", "c/s", "CPS")),
        *((label, False) for label in ("counts", "d", "Intensity", "discs")),
    ],
)
def test_labels_of_rates(label, rate):
    assert is_rate(label) is rate


@pytest.mark.parametrize(
    ("name", "line"),
    [
        *(("V 2p", "V 2p"), ("V2p3/2", "V 2p"), ("2 C1s", "C 1s"), ("Cu_3p", "Cu 3p")),
        *(("Su1s", ""), ("survey", ""), ("0-150W_NiWNi2p_Ni2p", "Ni 2p")),
    ],
)
def test_lines_in_names(name, line):
    assert find_line(name) == line
