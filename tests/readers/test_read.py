"""Reading: every format, and every way a file can be wrong."""

from __future__ import annotations

import contextlib
import gzip
import struct

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spectra
from spectra import Status
from spectra.errors import DataWarning, ReaderError, SettingError

TABLE = "\n".join(f"{10 + 0.02 * i:.4f} {100 + i % 7}" for i in range(50))


def write(tmp_path, name, text, encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        "# comment\n! another\n" + TABLE,
        "/*\n# frame Azm= 0.00\n*/\n\n" + TABLE,
        "Sample: 7\n2theta\tcounts\n" + TABLE.replace(" ", "\t"),
        TABLE.replace(".", ",").replace(" ", ";"),
        TABLE.replace(".", ","),
        TABLE.replace(" ", ", "),
        "\n\n" + TABLE.replace("\n", "\n\n"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_text_in_all_its_dress(tmp_path, text, encoding):
    stack = spectra.read(write(tmp_path, "a.xy", text, encoding))
    assert stack.n_points == 50
    np.testing.assert_allclose(stack.x, 10 + 0.02 * np.arange(50), atol=1e-9)
    np.testing.assert_allclose(stack.signal[0], 100 + np.arange(50) % 7)
    assert stack.noise == "counts"


@pytest.mark.parametrize("separator", ["\t", "  ", "; "])
@pytest.mark.parametrize("decimals", [1, 3, 4])
def test_decimal_commas_are_told_by_any_row(tmp_path, separator, decimals):
    # Programs leave trailing zeros out: the first rows may be whole or look like thousands.
    x, y = 10 + 0.5 * np.arange(40), np.round(7.8741 * np.arange(40), decimals)
    rows = [
        f"{a:g}{separator}{b:.{decimals}f}".replace(".", ",") for a, b in zip(x, y, strict=True)
    ]
    stack = spectra.read(write(tmp_path, "a.txt", "2Theta\tIntensity\n" + "\n".join(rows)))
    np.testing.assert_allclose(stack.x, x)
    np.testing.assert_allclose(stack.signal[0], y)


def test_packed_files_are_those_inside(tmp_path):
    plain = spectra.read(write(tmp_path, "a.xye", "".join(f"{r} 3.5\n" for r in TABLE.split("\n"))))
    (tmp_path / "a.xye.gz").write_bytes(gzip.compress((tmp_path / "a.xye").read_bytes()))
    packed = spectra.read(tmp_path / "a.xye.gz")
    np.testing.assert_array_equal(packed.signal, plain.signal)
    np.testing.assert_array_equal(packed.errors, plain.errors)
    assert packed.names == ("a.xye.gz",)
    assert packed.inputs[0].path.endswith("a.xye.gz")
    (tmp_path / "b.xy.gz").write_bytes(gzip.compress(b"nothing\n"))
    with pytest.raises(ReaderError, match=r"b\.xy\.gz: no columns"):
        spectra.read(tmp_path / "b.xy.gz")


def test_names_of_folders_and_files_may_be_anything(tmp_path):
    folder = tmp_path / "Lauf [1] bei 20 °C"
    folder.mkdir()
    for name in ("a 10.XY", "a 2.XY", "a ².XY", "a 1²3.XY"):
        write(folder, name, TABLE)
    names = spectra.read(str(folder / "*.XY")).names
    assert names.index("a 2.XY") < names.index("a 10.XY")
    assert len(names) == 4


def test_descending_axes_are_turned_and_headers_are_read(tmp_path):
    rows = "\n".join(reversed(TABLE.splitlines()))
    head = "# Temperature (K) = 312.5\n# wavelength 0.7093 A\n# 2024-03-01T12:00:00\n"
    stack = spectra.read(write(tmp_path, "a.xy", head + rows))
    assert (np.diff(stack.x) > 0).all()
    assert stack.metadata["wavelength"] == 0.7093
    assert stack.variables["temperature"].values[0] == 312.5
    assert stack.variables["time"].values[0] == 1709294400


@pytest.mark.parametrize(
    ("line", "wavelength", "temperature"),
    [
        ("wavelength 1.5.2", None, None),
        ("wavelength = .", None, None),
        ("wavelength .7093 A, temp = 26.5 C", 0.7093, 299.65),
        ("wavelength: 1e-10 m, temp: -3.2.1 C", 1.0, None),
        ("temperature = +.+", None, None),
    ],
)
def test_facts_that_are_no_numbers_are_passed_over(tmp_path, line, wavelength, temperature):
    stack = spectra.read(write(tmp_path, "a.xy", f"# {line}\n{TABLE}"))
    assert stack.metadata.get("wavelength") == wavelength
    found = stack.variables.get("temperature")
    assert (found.values[0] if found else None) == temperature


def test_zero_uncertainties_are_flagged_not_trusted(tmp_path):
    rows = [f"{10 + i} {50.5 + i} {0 if i == 4 else 7}" for i in range(30)]
    with pytest.warns(DataWarning, match="1 points without a positive uncertainty"):
        stack = spectra.read(write(tmp_path, "a.xye", "\n".join(rows)))
    assert np.isnan(stack.errors[0, 4])
    assert stack.noise == "given"


def test_roots_of_counts_are_counts(tmp_path):
    rows = [f"{10 + i} {50 + i} {np.sqrt(50 + i):.4f}" for i in range(30)]
    assert spectra.read(write(tmp_path, "a.xye", "\n".join(rows))).noise == "counts"


def test_q_axes(tmp_path):
    stack = spectra.read(write(tmp_path, "a.qye", TABLE))
    assert (stack.axis.name, stack.axis.unit) == ("q", "1/angstrom")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("", "empty"),
        ("  \n \n", "empty"),
        (b"\x00\x01\x02PK" * 50, "binary data"),
        ("<!DOCTYPE html><html>404</html>", "web page"),
        ("just a few words\nand more", "no columns of numbers"),
        ("1 2\n2 3", "2 points"),
        (TABLE.replace("10.2000", "oops!!!"), "line 11"),
        (TABLE.replace("10.4000", "10.1000"), "follows"),
        (TABLE.replace("10.4000", "10.3800"), "line 21"),
    ],
)
def test_wrong_text_is_answered_with_the_place(tmp_path, content, match):
    path = write(tmp_path, "wrong.xy", content)
    with pytest.raises(ReaderError, match=match) as caught:
        spectra.read(path)
    assert str(path) in str(caught.value)


def test_missing_files_are_answered_with_near_names(tmp_path):
    write(tmp_path, "scan_001.xy", TABLE)
    with pytest.raises(ReaderError, match="did you mean scan_001"):
        spectra.read(tmp_path / "scan_01.xy")
    with pytest.raises(ReaderError, match="no file matches"):
        spectra.read(str(tmp_path / "*.fxye"))
    with pytest.raises(ReaderError, match="empty"):
        spectra.read([])


def test_sequences_in_natural_order_with_one_broken_file(tmp_path):
    for i in (1, 2, 10):
        write(tmp_path, f"s{i}.xy", TABLE.replace(" 100", f" {100 + i}"))
    write(tmp_path, "s3.xy", b"\x00\x07\x01" * 99)
    with pytest.warns(DataWarning, match="1 of 4 files"):
        stack = spectra.read(tmp_path)
    assert stack.names == ("s1.xy", "s2.xy", "s3.xy", "s10.xy")
    assert stack.status.tolist() == [0, 0, Status.BAD_INPUT, 0]
    assert "binary" in stack.messages[2]
    assert np.isnan(stack.signal[2]).all()
    assert len(stack.inputs) == 3
    assert len(stack.inputs[0].sha256) == 64


def test_all_broken_is_an_error(tmp_path):
    for i in range(3):
        write(tmp_path, f"s{i}.xy", "")
    with pytest.raises(ReaderError, match="none of 3 files"):
        spectra.read(str(tmp_path / "*.xy"))


def test_other_axes_are_marked_or_interpolated(tmp_path):
    write(tmp_path, "a1.xy", TABLE)
    write(tmp_path, "a2.xy", TABLE)
    write(tmp_path, "a3.xy", "\n".join(TABLE.splitlines()[:30]))
    write(tmp_path, "a4.xy", "\n".join(f"{10.013 + 0.03 * i:.4f} 105" for i in range(40)))
    with pytest.warns(DataWarning):
        stack = spectra.read(str(tmp_path / "*.xy"))
    assert stack.status.tolist() == [0, 0, 0, Status.BAD_INPUT]
    assert "only" in stack.messages[2]
    assert np.isnan(stack.signal[2, 30:]).all()
    assert "regrid=True" in stack.messages[3]
    with pytest.warns(DataWarning):
        stack = spectra.read(str(tmp_path / "*.xy"), regrid=True)
    assert stack.status[3] == Status.OK
    assert np.isnan(stack.signal[3, 0])
    assert stack.signal[3, 10] == pytest.approx(105)


def test_overrides(tmp_path):
    path = write(tmp_path, "a.xy", TABLE)
    stack = spectra.read(path, anode="Cu", variables={"temperature": [300]}, title="mine")
    assert stack.metadata["ratio"] == 0.5
    assert stack.variables["temperature"].unit == "K"
    with pytest.raises(SettingError, match="2 values for 1 frames"):
        spectra.read(path, variables={"x": [1, 2]})
    with pytest.raises(SettingError, match="no format 'xyz'"):
        spectra.read(path, format="xyz")
    with pytest.raises(SettingError, match="wavelength = 5000"):
        spectra.read(path, wavelength=5000)


GSAS = "title\nBANK 1 20 2 CONST 1000.0 2.0 0 0 {}\n"


def test_gsas_kinds(tmp_path):
    counts = "".join(f"{100 + i:8d}" for i in range(10)) + "\n"
    stack = spectra.read(write(tmp_path, "a.gsas", GSAS.format("STD") + counts * 2))
    np.testing.assert_allclose(stack.x, 10 + 0.02 * np.arange(20))
    assert stack.noise == "counts"
    pairs = "".join(f"{100 + i:8.1f}{5.0:8.1f}" for i in range(5)) + "\n"
    stack = spectra.read(write(tmp_path, "b.gsas", GSAS.format("ESD") + pairs * 4))
    assert (stack.errors == 5).all()
    rows = "".join(f"{1000 + 2 * i:.1f} {50.5 + i} 7.1\n" for i in range(20))
    stack = spectra.read(write(tmp_path, "c.fxye", GSAS.format("FXYE") + rows))
    np.testing.assert_allclose(stack.x, 10 + 0.02 * np.arange(20))
    cells = "".join(f"{32 * (1000 + 2 * i):8.0f}{50 + i:7.1f}{7.0:5.1f}" for i in range(4))
    stack = spectra.read(
        write(tmp_path, "d.gsas", GSAS.format("ALT").replace("20 2", "4 1") + cells + "\n")
    )
    np.testing.assert_allclose(stack.x, 10 + 0.02 * np.arange(4))
    with pytest.raises(ReaderError, match="ends after 10 of 20"):
        spectra.read(write(tmp_path, "e.gsas", GSAS.format("STD") + counts))
    with pytest.raises(ReaderError, match="type RALF"):
        spectra.read(write(tmp_path, "f.gsas", GSAS.format("RALF") + counts))


def raw_file(n_points=30, ranges=2):
    head = bytearray(712)
    head[:7] = b"RAW1.01"
    struct.pack_into("<I", head, 12, ranges)
    head[608:610] = b"Cu"
    struct.pack_into("<dd", head, 624, 1.5406, 1.54439)
    struct.pack_into("<d", head, 648, 0.5)
    body = b""
    for r in range(ranges):
        part = bytearray(304)
        struct.pack_into("<II", part, 0, 304, n_points)
        struct.pack_into("<d", part, 16, 20.0)
        struct.pack_into("<d", part, 176, 0.02)
        struct.pack_into("<f", part, 192, 1.0)
        struct.pack_into("<f", part, 212, 300.0 + r)
        struct.pack_into("<I", part, 252, 4)
        body += bytes(part) + np.arange(n_points, dtype="<f4").tobytes()
    return bytes(head) + body


def test_bruker_raw(tmp_path):
    stack = spectra.read(write(tmp_path, "a.raw", raw_file()))
    assert stack.n_frames == 2
    assert stack.metadata["wavelength2"] == 1.54439
    assert stack.variables["temperature"].values.tolist() == [300, 301]
    np.testing.assert_allclose(stack.x[:2], [20, 20.02])
    with pytest.raises(ReaderError, match="truncated"):
        spectra.read(write(tmp_path, "b.raw", raw_file()[:-40]))
    with pytest.raises(ReaderError, match=r"expected RAW1\.01"):
        spectra.read(write(tmp_path, "c.raw", b"RAW2" + bytes(900)))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_damaged_raw_files_give_reader_errors_only(tmp_path, data):
    content = bytearray(raw_file(8, 2))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    path = write(tmp_path, "fuzz.raw", bytes(content))
    with contextlib.suppress(ReaderError):
        spectra.read(path, format="bruker_raw")


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=200))
def test_any_text_gives_numbers_or_a_reader_error(tmp_path, text):
    path = write(tmp_path, "fuzz.xy", text.encode("utf-8", "replace"))
    with contextlib.suppress(ReaderError):
        spectra.read(path, format="text")


def test_xydata(tmp_path):
    rows = "".join(f"{10 + 0.1 * i:.3f} {500 + i} 20.0\n" for i in range(20))
    text = "XYDATA  test 1.87A\nINTER 1 1 0 0.1\nTEMP 60.5\n! a\n! b\n! c\n" + rows
    stack = spectra.read(write(tmp_path, "a.dat", text))
    assert stack.metadata["wavelength"] == 1.87
    assert stack.variables["temperature"].values[0] == 60.5


def test_nexus_of_others(tmp_path):
    path = tmp_path / "a.nxs"
    with h5py.File(path, "w") as file:
        entry = file.create_group("e")
        file.attrs["default"], entry.attrs["default"] = "e", "d"
        data = entry.create_group("d")
        data.attrs.update({"NX_class": "NXdata", "signal": "I", "axes": ["t", "q"]})
        data["I"] = np.arange(40.0).reshape(2, 20)
        data["I_errors"] = np.full((2, 20), 3.0)
        data["q"] = np.linspace(1, 2, 20)
        data["q"].attrs["units"] = "nm^-1"
    stack = spectra.read(path)
    assert stack.axis.name == "q"
    np.testing.assert_allclose(stack.x, np.linspace(0.1, 0.2, 20))
    assert stack.n_frames == 2
    with h5py.File(tmp_path / "b.nxs", "w") as file:
        file["x"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(ReaderError, match="outside"):
        spectra.read(tmp_path / "b.nxs")
    with h5py.File(tmp_path / "c.nxs", "w") as file:
        file["x"] = 1
    with pytest.raises(ReaderError, match="no NXdata"):
        spectra.read(tmp_path / "c.nxs")


def test_images_are_integrated_with_poisson_uncertainties(tmp_path):
    import fabio
    from pyFAI.integrator.azimuthal import AzimuthalIntegrator

    geometry = AzimuthalIntegrator(
        dist=0.1, poni1=0.01, poni2=0.01, pixel1=1e-4, pixel2=1e-4, wavelength=1e-10
    )
    from pyFAI.detectors import Detector

    geometry.detector = Detector(1e-4, 1e-4, max_shape=(200, 200))
    geometry.save(str(tmp_path / "a.poni"))
    center = geometry.center_array(shape=(200, 200), unit="2th_deg")
    ring = 100 + 900 * np.exp(-(((center - 4.0) / 0.1) ** 2))
    image = np.random.default_rng(0).poisson(ring).astype(np.int32)
    fabio.edfimage.EdfImage(data=image, header={"temperature": "310.5"}).write(
        str(tmp_path / "a.edf")
    )
    stack = spectra.read(tmp_path / "a.edf", poni=tmp_path / "a.poni", n_points=300)
    assert stack.metadata["wavelength"] == pytest.approx(1.0)
    assert stack.variables["temperature"].values[0] == 310.5
    assert stack.x[np.nanargmax(stack.signal[0])] == pytest.approx(4.0, abs=0.05)
    assert stack.noise == "given"
    with pytest.raises(ReaderError, match="needs a geometry"):
        spectra.read(tmp_path / "a.edf")
    (tmp_path / "b.edf").write_bytes(b"{ broken")
    with pytest.raises(ReaderError, match="fabio cannot read"):
        spectra.read(tmp_path / "b.edf", poni=tmp_path / "a.poni")
