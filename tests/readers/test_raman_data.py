"""Every measured Raman file: what is read of it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import spectra
from spectra.errors import DataWarning

pytestmark = pytest.mark.realdata


def silicon_line(stack):
    """Centre of the points above half of the largest between 480 and 560, and the step there."""
    part = stack.crop(480.0, 560.0)
    y = part.signal[0] - np.median(part.signal[0])
    top = y > y.max() / 2
    return float((part.x * y)[top].sum() / y[top].sum()), float(np.diff(part.x).max())


def test_jasco(data):
    stack = spectra.read(data / "raman" / "LS4.txt")
    assert (stack.axis.name, stack.n_points) == ("raman_shift", 3988)
    assert (stack.x[0], stack.x[-1]) == (580.2513, 1377.6512)
    assert stack.signal[0, 0] == 28873.7
    assert stack.metadata["laser_wavelength"] == 490.2
    assert {n: v.values[0] for n, v in stack.variables.items() if n != "time"} == {
        "exposure": 300.0,
        "accumulations": 3.0,
        "laser_power": 45.5,
    }


def test_raman_open_database(data):
    stack = spectra.read(data / "raman" / "rod_file_1000679.rod")
    assert (stack.n_points, stack.x[0], stack.x[-1]) == (1159, 50.0, 1400.643)
    assert stack.signal[0, [0, -1]].tolist() == [429.0, 529.0]
    assert stack.metadata["laser_wavelength"] == 488.0
    assert stack.metadata["sample"] == "K-cymrite"


def test_jcamp(data):
    stack = spectra.read(data / "raman" / "tannic_acid.jdx")
    assert (stack.n_points, stack.x[0], stack.x[-1]) == (1949, 100.595, 2854.713)
    assert (stack.signal.min(), stack.signal.max()) == (4.667, 300.889)
    assert stack.variables["time"].values[0] == 970670820


def test_silicon(data):
    """The line at 520.5 1/cm within a step of the detector, as its axis was calibrated."""
    stack = spectra.read(data / "raman" / "Si_spectrum01.txt", axis="raman_shift")
    line, step = silicon_line(stack)
    assert abs(line - 520.5) < step


def test_silicon_over_wavelength(data):
    """The file tells no laser; the line that its elastic light shows puts silicon in place.

    The elastic light saturates the detector over ten points, so that its middle is known to
    one and a half of its steps of 0.083 nm only (three of 2.9 1/cm).
    """
    path = data / "raman" / "Si-wafer-Raman-Spectrum-1.txt"
    with pytest.warns(DataWarning, match="positions are wavelengths"):
        over_wavelength = spectra.read(path)
    assert (over_wavelength.axis.unit, over_wavelength.n_points) == ("nm", 1600)
    elastic = over_wavelength.x[over_wavelength.signal[0] >= 65535.0]
    laser = float((elastic[0] + elastic[-1]) / 2)
    line, step = silicon_line(spectra.read(path, laser=laser))
    assert abs(line - 520.5) < 1.5 * step


def test_carbon(data):
    stack = spectra.read(data / "raman" / "carbon" / "*.txt", axis="raman_shift")
    assert (stack.n_frames, stack.n_points) == (3, 1600)
    assert (stack.status == 0).all()


def test_glasses_ascending_and_descending_alike(data, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        stack = spectra.read(data / "raman" / "glass_batch" / "*.txt", axis="raman_shift")
    assert stack.n_frames == 101
    assert (stack.status == 0).all()
    assert np.isfinite(stack.signal).sum(axis=1).min() > 500
    # Turned round and read again, one of either kind gives the same numbers.
    for name in ("BD1471.txt", "VG175_1.txt"):
        path = data / "raman" / "glass_batch" / name
        rows = [r for r in path.read_text().splitlines() if not r.startswith("#")]
        turned = tmp_path / name
        turned.write_text("\n".join(reversed(rows)))
        first = spectra.read(path, axis="raman_shift")
        second = spectra.read(turned, axis="raman_shift")
        np.testing.assert_array_equal(first.x, second.x)
        np.testing.assert_array_equal(first.signal, second.signal)
