"""Files of PANalytical and Rigaku instruments, whole, damaged and made to do harm."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest
from samples import (
    COUNTS,
    PACKED,
    SAMPLES,
    TWO_THETA,
    damage,
    ras,
    rasx,
    xrdml,
    zipped,
)

import spectra
from spectra.errors import ReaderError
from spectra.readers.archive import Archive
from spectra.readers.frame import list_readers


def write(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_xrdml(tmp_path):
    stack = spectra.read(write(tmp_path, "scan.xrdml", xrdml()))
    assert (stack.n_frames, stack.n_points) == (2, 60)
    np.testing.assert_allclose(stack.x, TWO_THETA)
    np.testing.assert_array_equal(stack.signal[1], 2 * COUNTS)
    assert stack.noise == "counts"
    assert stack.metadata["wavelength"] == 1.5405980
    assert stack.metadata["wavelength2"] == 1.5444260
    np.testing.assert_allclose(stack.variables["temperature"].values, 299.15)
    np.testing.assert_allclose(np.diff(stack.variables["time"].values), 60.0)


def test_xrdml_of_one_wavelength_and_listed_positions(tmp_path):
    listed = " ".join(f"{x:.3f}" for x in TWO_THETA)
    data = xrdml().replace(b'intended="K-Alpha"', b'intended="K-Alpha 1"')
    data = data.replace(b"<startPosition>20.0</startPosition>", b"")
    old = f"<endPosition>{TWO_THETA[-1]}</endPosition>".encode()
    data = data.replace(old, f"<listPositions>{listed}</listPositions>".encode())
    stack = spectra.read(write(tmp_path, "scan.xrdml", data))
    assert "wavelength2" not in stack.metadata
    np.testing.assert_allclose(stack.x, TWO_THETA)


def test_attenuated_counts_keep_their_scatter(tmp_path):
    factors = " ".join(["10"] * 60)
    data = xrdml().replace(b"intensities", b"counts")
    data = data.replace(
        b"<counts ", f"<beamAttenuationFactors>{factors}</beamAttenuationFactors><counts ".encode()
    )
    stack = spectra.read(write(tmp_path, "scan.xrdml", data))
    assert stack.noise == "given"
    np.testing.assert_allclose(stack.signal[0], 10 * COUNTS)
    np.testing.assert_allclose(stack.errors[0], 10 * np.sqrt(COUNTS))


@pytest.mark.parametrize(("name", "data"), [("a.ras", ras()), ("a.rasx", rasx())])
def test_rigaku(tmp_path, name, data):
    stack = spectra.read(write(tmp_path, name, data))
    assert (stack.n_frames, stack.n_points) == (2, 60)
    np.testing.assert_allclose(stack.x, TWO_THETA, atol=1e-4)
    np.testing.assert_allclose(stack.signal[0], COUNTS)
    assert stack.noise == "counts"
    assert stack.metadata["wavelength"] == 1.540593
    assert stack.variables["time"].values[0] == 1709294400.0


def test_rigaku_attenuator(tmp_path):
    stack = spectra.read(write(tmp_path, "a.ras", ras(attenuation=8.0)))
    np.testing.assert_allclose(stack.signal[0], 8 * COUNTS)
    np.testing.assert_allclose(stack.errors[0], 8 * np.sqrt(COUNTS))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.xrdml", xrdml()[:-300], "not well-formed"),
        ("a.xrdml", xrdml().replace(b"2Theta", b"Psi"), "no positions of 2Theta"),
        ("a.xrdml", b"<xrdMeasurements/>", "without scans"),
        ("a.xrdml", xrdml().replace(b"intensities", b"nothing"), "no intensities"),
        ("a.ras", ras()[:-200], "break off"),
        ("a.ras", ras().replace(b"*RAS_INT_START", b""), "without a beginning"),
        ("a.rasx", rasx()[:-100], "not a readable zip"),
        ("a.rasx", zipped({"other.txt": "x"}), "Data0/Profile0.txt"),
        ("a.rasx", zipped({"Data0/Profile0.txt": "20 x"}), "line 1"),
    ],
)
def test_broken_files_are_explained(tmp_path, name, data, message):
    with pytest.raises(ReaderError, match=message):
        spectra.read(write(tmp_path, name, data))


def test_entity_bombs_are_refused(tmp_path):
    bomb = b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]>'
    data = xrdml().replace(b"<xrdMeasurements ", bomb + b"<xrdMeasurements ")
    with pytest.raises(ReaderError, match=r"document type.*entity bombs"):
        spectra.read(write(tmp_path, "a.xrdml", data))
    hidden = data.decode().replace("UTF-8", "UTF-16").encode("utf-16")
    with pytest.raises(ReaderError, match="document type"):
        spectra.read(write(tmp_path, "b.xrdml", hidden))
    deep = b"<xrdMeasurements>" + b"<a>" * 100_000
    with pytest.raises(ReaderError, match="nested deeper"):
        spectra.read(write(tmp_path, "c.xrdml", deep))


def test_zip_bombs_are_refused_before_they_unpack(tmp_path):
    bomb = write(tmp_path, "a.rasx", zipped({"Data0/Profile0.txt": b"0" * (200 << 20)}))
    tracemalloc.start()
    with pytest.raises(ReaderError, match=r"it may be a zip bomb|more than 128 MiB"):
        spectra.read(bomb)
    assert tracemalloc.get_traced_memory()[1] < 300 << 20
    tracemalloc.stop()
    many = write(tmp_path, "b.rasx", zipped({f"{i}": "" for i in range(20_001)}))
    with pytest.raises(ReaderError, match="20001 members"):
        spectra.read(many)
    with (
        Archive(write(tmp_path, "c.rasx", zipped({"a": "1"}))) as archive,
        pytest.raises(ReaderError, match="cannot be unpacked"),
    ):
        archive.read("../../etc/passwd")


@pytest.mark.parametrize("suffix", SAMPLES)
def test_damaged_files_give_frames_or_reader_errors_only(tmp_path, suffix):
    rng = np.random.default_rng(11)
    whole = SAMPLES[suffix]()
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(whole)
    reader = next(r for r in list_readers() if r.sniff(whole[:8192], path))
    for number in range(400):
        if suffix in PACKED and number % 2:
            data = PACKED[suffix](whole, lambda member: damage(member, rng))
        else:
            data = damage(whole, rng)
        path.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                frames = reader.read(path)
            except ReaderError:
                continue
        assert all(f.x.shape == f.y.shape for f in frames)
