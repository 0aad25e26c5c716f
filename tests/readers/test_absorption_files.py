"""Files of X-ray absorption: every layout, and every way in which they can be wrong."""

from __future__ import annotations

import gzip

import h5py
import numpy as np
import pytest
from absorption_samples import (
    ENERGY,
    I0,
    I1,
    I2,
    MU,
    columns,
    hdf5,
    json_project,
    npz,
    perl_project,
    rows,
    spec,
    xdi,
)

import spectra
from spectra import Status
from spectra.errors import DataWarning, ReaderError, SettingError
from spectra.readers.items import find_reader
from spectra.units import energy_from_wavelength

TRANSMISSION = np.log(I0 / I1)
REFERENCE = np.log(I1 / I2)


def write(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def check(stack, frame=0):
    assert (stack.axis.name, stack.axis.unit, stack.noise) == ("energy", "eV", "unknown")
    np.testing.assert_allclose(stack.x, ENERGY, rtol=1e-12)
    np.testing.assert_allclose(stack.signal[frame], TRANSMISSION, rtol=1e-12)


def test_xdi(tmp_path):
    stack = spectra.read(write(tmp_path, "a.xdi", xdi()))
    check(stack)
    np.testing.assert_allclose(stack.channel("reference")[0], REFERENCE, rtol=1e-12)
    np.testing.assert_array_equal(stack.channel("i0")[0], I0)
    assert stack.quantity == "mu"
    assert stack.metadata == {
        "element": "V",
        "edge": "K",
        "d_spacing": 3.13555,
        "signal": "ln(i0/itrans)",
    }
    assert stack.variables["time"].values[0] == 1122180958
    assert stack.variables["temperature"].values[0] == 298.15


@pytest.mark.parametrize("unit", ["degrees", "radians"])
def test_xdi_with_angles(tmp_path, unit):
    theta = np.arcsin(energy_from_wavelength(2 * 3.13555) / ENERGY)
    angle = theta if unit == "radians" else np.degrees(theta)
    data = xdi(f"angle {unit},i0,itrans", rows(angle, I0, I1))
    check(spectra.read(write(tmp_path, "a.xdi", data)))
    data = data.replace(b"Mono.d_spacing", b"Mono.something")
    with pytest.raises(ReaderError, match="d-spacing is not given"):
        spectra.read(write(tmp_path, "b.xdi", data))


def test_xdi_of_fluorescence_and_of_what_is_finished(tmp_path):
    data = xdi("energy keV,i0,ifluor", rows(ENERGY / 1000, I0, I0 * MU))
    stack = spectra.read(write(tmp_path, "a.xdi", data))
    np.testing.assert_allclose(stack.x, ENERGY)
    np.testing.assert_allclose(stack.signal[0], MU)
    data = xdi("energy eV,normtrans,i0", rows(ENERGY, MU, I0))
    assert spectra.read(write(tmp_path, "b.xdi", data)).quantity == "norm"


def test_more_than_one_channel_stays(tmp_path):
    label = "# energy i0 i1 ifluor tey"
    path = write(tmp_path, "a.txt", columns(label, rows(ENERGY, I0, I1, I0 * MU, I0 * 2)))
    stack = spectra.read(path)
    assert list(stack.channels) == ["fluorescence", "tey", "i0"]
    check(stack)
    np.testing.assert_allclose(stack.channel("tey")[0], 2.0)
    stack = spectra.read(path, signal="tey/i0", channels={"mu": "ln(i0/i1)"})
    np.testing.assert_allclose(stack.signal[0], 2.0)
    np.testing.assert_allclose(stack.channel("mu")[0], TRANSMISSION, rtol=1e-12)
    assert stack.metadata["signal"] == "tey/i0"
    assert "tey" not in stack.channels


@pytest.mark.parametrize(
    ("label", "body"),
    [
        ("# energy   i0  i1  i2", None),
        ("#  E\tI0\tI1\tI2", None),
        ("Energy (eV), I0, I1, I2", rows(ENERGY, I0, I1, I2).replace(" ", ",")),
        ("# E(keV)  I0  I1  I2", rows(ENERGY / 1000, I0, I1, I2)),
        ("# Mono Energy\tI0\tI1\tI2", rows(ENERGY / 1000, I0, I1, I2)),
        ("# i0 i1 i2 energy", rows(I0, I1, I2, ENERGY)),
        ("# energy i0 i1 i2", rows(ENERGY[::-1], I0[::-1], I1[::-1], I2[::-1])),
        ("# energy i0 i1 i2\n# ------\n# a remark of five words", None),
    ],
)
@pytest.mark.filterwarnings("ignore:1 frame is usable with a reservation")
def test_columns_in_all_their_dress(tmp_path, label, body):
    path = write(tmp_path, "a.dat", columns(label, body))
    assert find_reader(path, None).name == "columns"
    stack = spectra.read(path)
    check(stack)
    np.testing.assert_allclose(stack.channel("reference")[0], REFERENCE, rtol=1e-12)


def test_units_that_are_not_stated_are_told(tmp_path):
    path = write(tmp_path, "a.dat", columns("# E I0 I1 I2", rows(ENERGY / 1000, I0, I1, I2)))
    with pytest.warns(DataWarning, match=r"energies up to 5\.5475 without a unit are taken for"):
        check(spectra.read(path))


def test_columns_by_their_numbers(tmp_path):
    path = write(tmp_path, "a.dat", rows(ENERGY, I0, I1, I2))
    stack = spectra.read(path, signal="ln(col2/col3)", channels={"reference": "ln(col3/col4)"})
    check(stack)
    np.testing.assert_allclose(stack.channel("reference")[0], REFERENCE, rtol=1e-12)
    mixed = write(tmp_path, "b.dat", rows(I0, ENERGY / 1000, I1))
    with pytest.warns(DataWarning, match="taken for keV"):
        check(spectra.read(mixed, energy="col2", signal="ln(col1/col3)"))
    check(spectra.read(mixed, energy="1000*col2", signal="ln(col1/col3)", quantity="mu"))
    with pytest.raises(ReaderError, match=r"columns col1, col2, col3, col4 \(col1 to col4\)"):
        spectra.read(path, signal="ln(col2/col7)")


def test_columns_without_labels(tmp_path):
    path = write(tmp_path, "a.dat", f"# my sample\n{rows(ENERGY, MU)}")
    assert find_reader(path, None).name == "text"
    stack = spectra.read(path, format="columns")
    np.testing.assert_array_equal(stack.x, ENERGY)
    np.testing.assert_array_equal(stack.signal[0], MU)
    named = write(tmp_path, "b.dat", f"# mono i0 i1\n{rows(ENERGY, I0, I1)}")
    check(spectra.read(named, energy="mono"))


@pytest.mark.parametrize(
    ("label", "reader"),
    [
        ("Binding Energy (eV)", "electron_columns"),
        ("kinetic_energy", "electron_columns"),
        ("Energy loss", "text"),
    ],
)
def test_energies_of_electrons_are_others(tmp_path, label, reader):
    path = write(tmp_path, "a.dat", f"# {label}\ti0\n{rows(ENERGY, I0)}")
    assert find_reader(path, None).name == reader


def test_long_headers(tmp_path):
    remarks = "# a remark about the beamline\n" * 900
    path = write(tmp_path, "a.dat", f"{remarks}# energy i0 i1 i2\n{rows(ENERGY, I0, I1, I2)}")
    check(spectra.read(path))


def test_repeated_and_unordered_points(tmp_path):
    order = np.r_[0:30, 29, 30:60]
    low = np.where(np.arange(61) == 30, 3.0, 1.0)
    path = write(
        tmp_path, "a.dat", columns(body=rows(*(a[order] for a in (ENERGY, I0 * 0 + 1, I1, I2))))
    )
    with pytest.warns(DataWarning, match="1 repeated points are averaged"):
        stack = spectra.read(path, signal="i0")
    np.testing.assert_array_equal(stack.x, ENERGY)
    data = columns(body=rows(ENERGY[order], low, I1[order], I2[order]))
    with pytest.warns(DataWarning, match="averaged"):
        stack = spectra.read(write(tmp_path, "b.dat", data), signal="i0")
    assert stack.signal[0, 29] == 2.0
    assert stack.signal[0, 28] == stack.signal[0, 30] == 1.0
    swapped = np.r_[0:20, 21, 20, 22:60]
    data = columns(body=rows(*(a[swapped] for a in (ENERGY, I0, I1, I2))))
    with pytest.warns(DataWarning, match="out of order are sorted"):
        check(spectra.read(write(tmp_path, "c.dat", data)))


@pytest.mark.parametrize(
    ("data", "options", "match"),
    [
        (columns("# energy a b c"), {}, "nothing says which of the columns energy, a, b, c"),
        (columns("# energy i0 a b"), {}, "nothing says which of the columns energy, i0, a, b"),
        (columns("# n i0 i1 i2", rows(I0, I0, I1, I2)), {"signal": "i1"}, "no energy among"),
        (columns(body=rows(-ENERGY, I0, I1, I2)), {}, "expected positive energies"),
        (columns(body=rows(ENERGY, -I0, I1, I2)), {}, "0 finite points of 60"),
        (columns(body=rows(ENERGY[:2], I0[:2], I1[:2], I2[:2])), {}, "2 points"),
        (columns() + b"5600 oops 1 2\n5601 1 2 3\n", {}, "line 63"),
        (columns(), {"signal": "ln(i0/q)"}, r"'ln\(i0/q\)': .*no column 'q'; there are energy, i0"),
        (columns(), {"signal": "energi"}, "did you mean 'energy'.*expected columns energy, i0"),
        (columns(), {"entry": "x"}, "nothing in it is called 'x'"),
        (xdi().replace(b"itrans", b"jtrans"), {}, "nothing says which"),
    ],
)
def test_wrong_columns_are_answered(tmp_path, data, options, match):
    path = write(tmp_path, "wrong.dat", data)
    with pytest.raises(ReaderError, match=match) as caught:
        spectra.read(path, **options)
    assert str(path) in str(caught.value)


def test_settings_for_columns_are_for_columns(tmp_path):
    path = write(tmp_path, "a.xdi", xdi())
    with pytest.raises(SettingError, match="quantity = 'psi'"):
        spectra.read(path, quantity="psi")
    spectra.write(tmp_path / "own.h5", spectra.read(path))
    with pytest.raises(SettingError, match="is a stack already"):
        spectra.read(tmp_path / "own.h5", signal="i0")
    fxye = write(tmp_path, "a.fxye", "t\nBANK 1 3 3 CONST 1000 2 0 0 FXYE\n1 2 3\n2 2 3\n3 2 3\n")
    with pytest.raises(ReaderError, match="keep no columns"):
        spectra.read(fxye, signal="col2")


@pytest.mark.parametrize("make", [perl_project, json_project])
@pytest.mark.parametrize("packed", [True, False])
def test_athena(tmp_path, make, packed):
    stack = spectra.read(write(tmp_path, "a.prj", make(packed)), entry="glass*")
    assert stack.names == ("a.prj glass NNO+3.8",)
    np.testing.assert_allclose(stack.x, ENERGY - 0.25, rtol=1e-15)
    np.testing.assert_array_equal(stack.signal[0], MU)
    np.testing.assert_array_equal(stack.channel("i0")[0], I0)
    assert stack.variables["energy_shift"].values[0] == -0.25


def test_projects_packed_in_parts(tmp_path):
    data = perl_project(False)
    parts = gzip.compress(data[:900]) + gzip.compress(data[900:]) + b"\0" * 20
    assert spectra.read(write(tmp_path, "a.prj", parts)).n_frames == 2


def test_athena_of_several_groups(tmp_path):
    stack = spectra.read(
        write(tmp_path, "a.prj", perl_project()), variables={"nno": r"NNO([+-][\d.]+)"}
    )
    assert stack.names == ("a.prj glass NNO+3.8", "a.prj Joe's {x} = [1] NNO-8.1")
    np.testing.assert_array_equal(stack.variables["nno"].values, [3.8, -8.1])
    np.testing.assert_array_equal(stack.variables["athena_e0"].values, 5480.5)
    assert np.isnan(stack.channel("i0")[1]).all()
    assert (stack.metadata["element"], stack.metadata["edge"]) == ("V", "K")
    names = [
        spectra.read(write(tmp_path, "a.prj", perl_project(**args)), entry="glass*").quantity
        for args in ({"is_nor": "1"}, {"is_nor": "0"})
    ]
    assert names == ["norm", "mu"]


def test_athena_in_kev_and_multiplied(tmp_path):
    data = perl_project(False, multiplier="2", bkg_eshift="0")
    data = data.replace(b"'is_kev',0", b"'is_kev','1'").replace(b"'multiplier',1)", b"'x',1)")
    for value in ENERGY:
        data = data.replace(f"'{value:.17g}'".encode(), f"'{value / 1000:.17g}'".encode())
    stack = spectra.read(write(tmp_path, "a.prj", data), entry="glass*")
    np.testing.assert_allclose(stack.x, ENERGY, rtol=1e-14)
    assert stack.variables["multiplier"].values[0] == 2


def test_athena_keeps_the_reference_of_a_scan(tmp_path):
    data = perl_project(False).replace(rb"Joe\'s {x} = [1] NNO-8.1", b"  Ref glass")
    data = data.replace(b"'label','glass", b"'referencegroup','fghij','label','glass")
    stack = spectra.read(write(tmp_path, "a.prj", data))
    np.testing.assert_array_equal(stack.channel("reference")[0], MU)
    assert np.isnan(stack.channel("reference")[1]).all()


def test_athena_groups_without_absorption_are_flagged(tmp_path):
    data = perl_project(False).replace(b"'label','glass", b"'datatype','chi','label','glass")
    with pytest.warns(DataWarning, match=r"1 of 2 spectra .* chi\(k\)"):
        stack = spectra.read(write(tmp_path, "a.prj", data))
    assert stack.status.tolist() == [Status.BAD_INPUT, Status.OK]


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (perl_project()[:500], "ends too early"),
        (gzip.compress(b"0" * (140 << 20), 9, mtime=0), "more than 128 MiB"),
        (gzip.compress(b"something else", mtime=0), "not an Athena project"),
        (gzip.compress(b"", mtime=0) * 2000, "more than 1000 parts"),
        (perl_project(False).replace(b"@x = (", b"@x = (sub { 1 }, ", 1), "line 6: .*is not data"),
        (perl_project(False).replace(b"'i0'", b"'i0"), ""),
        (perl_project(False)[:700], "is not data"),
        (json_project(False)[:-30], "damaged"),
        (b"# Athena project file\n1;\n", "no group"),
        (b"# Athena project file\n@x = " + b"[" * 100_000, "is not data"),
        (b'{"_____header1": "Athena project file", "a": ' + b"[" * 100_000, "damaged"),
    ],
    # Names of tests must not hang on what is compressed.
    ids=[
        *("cut", "bomb", "other text", "many parts", "code", "open quote", "cut text", "cut JSON"),
        *("no group", "nested Perl", "nested JSON"),
    ],
)
def test_wrong_projects_are_answered(tmp_path, data, match):
    path = write(tmp_path, "a.prj", data)
    if not match:
        spectra.read(path)
        return
    with pytest.raises(ReaderError, match=match):
        spectra.read(path)


def test_spec(tmp_path):
    path = write(tmp_path, "vanadium.spec", spec())
    with pytest.warns(DataWarning) as caught:
        stack = spectra.read(path)
    assert stack.names == tuple(f"vanadium.spec {n}.1" for n in (1, 2, 3, 9, 10))
    assert stack.status.tolist() == [0, 0, 0, Status.BAD_INPUT, Status.BAD_INPUT]
    assert "no energy among the columns phi, i0" in stack.messages[3]
    assert "no number in the column of energies" in stack.messages[4]
    assert any("2 of 5 spectra" in str(w.message) for w in caught)
    check(stack, frame=2)
    np.testing.assert_allclose(np.diff(stack.variables["time"].values[:3]), 60.0)
    with pytest.warns(DataWarning, match="taken for keV"):
        assert spectra.read(path, entry=["1.1", "3.*"]).n_frames == 2
    with pytest.raises(ReaderError, match=r"expected one of 1.1, 2.1"):
        spectra.read(path, entry="77.1")


def test_spec_scans_that_were_broken_off(tmp_path):
    data = spec(1)[: spec(1).index(b"@A") - 20]
    with pytest.warns(DataWarning, match="1 incomplete rows are left out"):
        stack = spectra.read(write(tmp_path, "a.spec", data))
    assert stack.n_points == 59


def test_spec_of_angles_is_left_alone(tmp_path):
    table = rows(ENERGY / 100, I0)
    path = write(tmp_path, "a.spec", f"#F a\n\n#S 1 ascan tth\n#L Two Theta  I0\n{table}\n")
    assert find_reader(path, None).name == "text"


def test_npz(tmp_path):
    stack = spectra.read(write(tmp_path, "a.npz", npz(i0=I0[::-1])))
    assert stack.names == ("a.npz a", "a.npz b")
    assert stack.quantity == "norm"
    np.testing.assert_array_equal(stack.x, ENERGY)
    np.testing.assert_array_equal(stack.signal[1], (2 * MU).astype("f4"))
    np.testing.assert_array_equal(stack.channel("reference")[1], MU)
    np.testing.assert_array_equal(stack.channel("i0")[1], I0)
    np.testing.assert_array_equal(stack.variables["time"].values, [100, 160])


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"names": np.array([{}, {}], dtype=object)}, "array of Python objects"),
        ({"energy": np.ones((2, 2))}, "no energies among the arrays energy, norm"),
        ({"norm": np.ones((2, 7)), "ref": np.ones(5)}, "no array of 60 points"),
    ],
)
def test_wrong_npz_is_answered(tmp_path, more, match):
    with pytest.raises(ReaderError, match=match):
        spectra.read(write(tmp_path, "a.npz", npz(**more)))


def test_npz_that_claims_more_than_it_holds(tmp_path):
    data = npz()
    shape = b"'shape': (2, 60)"
    assert shape in data
    path = write(tmp_path, "a.npz", data)
    import zipfile

    with zipfile.ZipFile(path) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    members["ref.npy"] = members["ref.npy"].replace(shape, b"'shape': (2, 6000000000000)", 1)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ReaderError, match="not a readable array"):
        spectra.read(path)


def test_nxxas(tmp_path):
    path = write(tmp_path, "a.h5", hdf5())
    stack = spectra.read(path)
    assert stack.names == ("a.h5 one", "a.h5 two")
    assert stack.quantity == "norm"
    np.testing.assert_array_equal(stack.signal[1], MU)
    assert stack.metadata["edge"] == "K"
    assert stack.variables["time"].values[0] == 1543302080
    stack = spectra.read(path, signal="ln(i0/itrans)", entry="two")
    assert stack.names == ("a.h5 two",)
    check(stack)


def test_nxxas_of_2010(tmp_path):
    def edit(file):
        for name in list(file):
            del file[name]
        entry = file.create_group("entry")
        entry["definition"], entry["mode"] = "NXxas", "Transmission"
        entry["instrument/monochromator/energy"] = ENERGY / 1000
        entry["instrument/monochromator/energy"].attrs["units"] = "keV"
        entry["instrument/incoming_beam/data"] = I0
        entry["instrument/absorbed_beam/data"] = I1

    check(spectra.read(write(tmp_path, "a.nxs", hdf5(edit))))


def test_groups_of_plain_hdf5(tmp_path):
    def edit(file):
        for name in list(file):
            del file[name]
        for i, detector in enumerate(("TEY", "TFY")):
            group = file.create_group(f"spectra/{i}")
            group["x"], group["y"] = ENERGY, MU * (i + 1)
            group.attrs.update({"label": f"O K {detector}", "element": "O", "edge": "K (1s)"})

    path = write(tmp_path, "a.h5", hdf5(edit))
    assert spectra.read(path).names == ("a.h5 O K TEY", "a.h5 O K TFY")
    for entry in ("*TFY", "spectra/1", "/spectra/1"):
        np.testing.assert_array_equal(spectra.read(path, entry=entry).signal[0], 2 * MU)
    with pytest.raises(ReaderError, match="expected one of O K TEY, O K TFY"):
        spectra.read(path, entry="spectra/2")


def test_the_plot_of_a_group_over_energies(tmp_path):
    path = tmp_path / "a.h5"
    energy = np.linspace(5.4, 5.6, 21)
    with h5py.File(path, "w") as file:
        group = file.create_group("scan")
        group.attrs["signal"] = "yield"
        group["energy"], group["yield"] = energy[::-1], energy[::-1] ** 2
        group["energy"].attrs["units"] = "keV"
        group["yield_errors"], group["monitor"] = 0.1 * energy, 3 * energy
    stack = spectra.read(path)
    np.testing.assert_allclose(stack.x, 1e3 * energy)
    np.testing.assert_allclose(stack.signal[0], energy**2)
    with h5py.File(path, "a") as file:
        del file["scan"].attrs["signal"]
    with pytest.raises(ReaderError, match="nothing says which of the columns"):
        spectra.read(path)


def test_hdf5_without_the_word_energy(tmp_path):
    def edit(file):
        for name in list(file):
            del file[name]
        file["scan/mono"], file["scan/i0"], file["scan/i1"] = ENERGY, I0, I1

    path = write(tmp_path, "a.h5", hdf5(edit))
    with pytest.raises(ReaderError, match="no NXdata group"):
        spectra.read(path)
    check(spectra.read(path, energy="mono"))


def test_hdf5_that_reaches_out_is_refused(tmp_path):
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        file["energy"], file["mu"] = ENERGY, MU
    (tmp_path / "data").mkdir()

    def edit(file):
        file["three"] = h5py.ExternalLink("../outside.h5", "/")

    with pytest.raises(ReaderError, match="outside"):
        spectra.read(write(tmp_path, "data/a.h5", hdf5(edit)))


def test_warnings_point_at_who_reads(tmp_path):
    shifted = write(tmp_path, "b.xdi", xdi("energy eV,mutrans", rows(ENERGY[1:] + 0.7, MU[1:])))
    files = [write(tmp_path, "a.xdi", xdi()), shifted, write(tmp_path, "c.xdi", b"#XDI/1")]
    with pytest.warns(DataWarning) as of_files:
        spectra.read(files)
    scans = write(tmp_path, "a.spec", spec())
    with pytest.warns(DataWarning) as of_scans:
        spectra.read(scans, signal="ln(i0/i1)", energy="1000*energy")
    caught = [*of_files, *of_scans]
    messages = " ".join(str(w.message) for w in caught)
    for told in ("cannot be read", "cannot be used", "signal differs", "a reservation"):
        assert told in messages
    assert {w.filename for w in caught} == {__file__}


def test_what_merged_groups_scatter_by_is_kept_on_request(tmp_path):
    scatter = ",".join(f"'{v:.17g}'" for v in MU / 100)
    data = perl_project(False).replace(b"@signal = ();", f"@stddev = ({scatter});".encode())
    stack = spectra.read(write(tmp_path, "a.prj", data), channels={"scatter": "stddev"})
    np.testing.assert_array_equal(stack.channel("scatter"), [MU / 100, MU / 100])


def test_spectra_on_axes_that_do_not_meet_are_told_apart(tmp_path):
    first = write(tmp_path, "a.xdi", xdi())
    other = write(tmp_path, "b.xdi", xdi("energy eV,i0,itrans", rows(ENERGY + 1000, I0, I1)))
    with pytest.warns(DataWarning, match="1 of 2 frames does not fit the others"):
        stack = spectra.read([first, other])
    assert stack.status.tolist() == [Status.OK, Status.BAD_INPUT]
    assert np.isnan(stack.signal[1]).all()


def test_energies_that_might_be_in_either_unit_are_told(tmp_path):
    energy = np.linspace(49.8, 51.5, 40)
    path = tmp_path / "gadolinium.dat"
    np.savetxt(path, np.column_stack([energy, energy**2]), header="energy mu")
    with pytest.warns(DataWarning, match=r"energies up to 51\.5 without a unit are taken for eV"):
        stack = spectra.read(path)
    assert stack.x[-1] == pytest.approx(51.5)
