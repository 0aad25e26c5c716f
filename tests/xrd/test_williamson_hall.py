"""Size and microstrain from the breadths of lines."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from test_cell import WAVELENGTH, tracked

import spectra
from spectra import Stack, Status
from spectra.errors import ResultsError, SettingError
from spectra.fit.breadths import breadth_and_gradient
from spectra.fit.lineshapes import get_profile
from spectra.reference import load_phase
from spectra.report import write_figures
from spectra.report.figures import lines_figure
from spectra.results import Record
from spectra.xrd import Cell, Peaks, WilliamsonHall
from spectra.xrd.profile.instrument import Instrument, emission_lines, write_instrument
from spectra.xrd.tracks import PeakStatus
from spectra.xrd.williamson_hall import Points, fit_lines

SIZE, STRAIN = 400.0, 1.5e-3
KINDS = ("lorentzian", "gaussian", "size_strain")


def breadths(two_theta, kind):
    """Integral breadths (deg) of SIZE and STRAIN."""
    theta = np.radians(0.5 * two_theta)
    size, strain = WAVELENGTH / (SIZE * np.cos(theta)), 4.0 * STRAIN * np.tan(theta)
    if kind == "lorentzian":
        return np.degrees(size + strain)
    if kind == "gaussian":
        return np.degrees(np.hypot(size, strain))
    return np.degrees(0.5 * (size + np.sqrt(size**2 + 4.0 * strain**2)))


def peaks_of(kind, frames=1, error=0.0, seed=0, extra=None):
    """Tracked peaks of rutile with these breadths, uncertain by a share `error` of them."""
    phase = load_phase("TiO2_rutile")
    found = tracked([phase], [np.tile(phase.cell, (frames, 1))])
    true = breadths(found["center"], kind)
    if extra is not None:
        true = extra(true)
    sigma = np.maximum(error, 1e-9) * true
    columns = dict(found.columns)
    noise = np.random.default_rng(seed).standard_normal(true.shape)
    columns["breadth"] = true + (error > 0) * sigma * noise
    columns["breadth_stderr"] = sigma
    return replace(found, columns=columns)


@pytest.mark.parametrize("kind", KINDS)
def test_exact_breadths_give_size_and_strain(kind):
    found = WilliamsonHall(phase="TiO2_rutile", plot=kind)(peaks_of(kind, 3))
    np.testing.assert_allclose(found["size"], SIZE, rtol=1e-5)
    np.testing.assert_allclose(found["strain"], STRAIN, rtol=1e-5)
    line = found["intercept"][:, None] + found["slope"][:, None] * found["x"]
    np.testing.assert_allclose(found["y"], line, rtol=1e-5)
    assert found.table.coords["line"]["h"].tolist()[0] == 1
    assert (found["n_lines"] == found.table.size("line")).all()


@pytest.mark.parametrize("kind", KINDS)
def test_pulls(kind):
    found = WilliamsonHall(phase="TiO2_rutile", plot=kind)(peaks_of(kind, 3000, 0.01, seed=7))
    for name, true in (("size", SIZE), ("strain", STRAIN)):
        pulls = (found[name] - true) / found[f"{name}_stderr"]
        assert abs(pulls.mean()) < 0.15, name
        assert pulls.std() == pytest.approx(1.0, abs=0.06), name
    assert np.median(found["chi2_reduced"]) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("kind", KINDS)
def test_the_line_is_that_of_numpy(kind):
    rng = np.random.default_rng(2)
    x, sigma = np.sort(rng.random((4, 9)), axis=1), 0.01 + 0.02 * rng.random((4, 9))
    y = 0.3 + 0.5 * x + sigma * rng.standard_normal(x.shape)
    line = fit_lines(Points(x, y, np.zeros_like(x), np.ones_like(x)), sigma)
    for i in range(4):
        (slope, low), cov = np.polyfit(x[i], y[i], 1, w=1.0 / sigma[i], cov="unscaled")
        np.testing.assert_allclose([line.slope[i], line.intercept[i]], [slope, low], rtol=1e-9)
        np.testing.assert_allclose(line.slope_variance[i], cov[0, 0], rtol=1e-9)
        np.testing.assert_allclose(line.intercept_variance[i], cov[1, 1], rtol=1e-9)
        np.testing.assert_allclose(line.covariance[i], cov[0, 1], rtol=1e-9)


def test_the_instrument_is_taken_off(tmp_path):
    """A Gaussian instrument of constant width w has the breadth w·√(π/ln 2)/2."""
    fwhm = 0.08
    path = tmp_path / "instrument.toml"
    write_instrument(Instrument(emission_lines("Cu Ka1"), w=fwhm**2), path)
    own = fwhm * np.sqrt(np.pi / np.log(2.0)) / 2.0
    added = {
        "lorentzian": lambda b: b + own,
        "gaussian": lambda b: np.hypot(b, own),
        "size_strain": lambda b: 0.5 * (b + np.sqrt(b**2 + 4.0 * own**2)),
    }
    for kind, extra in added.items():
        source = peaks_of(kind, extra=extra)
        found = WilliamsonHall(phase="TiO2_rutile", plot=kind, instrument=str(path))(source)
        np.testing.assert_allclose(found["size"], SIZE, rtol=1e-4)
        np.testing.assert_allclose(found["strain"], STRAIN, rtol=1e-4)
        without = WilliamsonHall(phase="TiO2_rutile", plot=kind)(source)
        assert (without["size"] < 0.95 * SIZE).all()


def test_lines_no_wider_than_they_can_be_have_no_size():
    source = peaks_of("lorentzian", extra=lambda b: 1e-6 + 0.0 * b)
    columns = dict(source.columns)
    theta = np.radians(0.5 * source["center"])
    columns["breadth"] = np.degrees(4e-3 * np.tan(theta) - 1e-4 / np.cos(theta))
    found = WilliamsonHall(phase="TiO2_rutile")(replace(source, columns=columns))
    assert np.isnan(found["size"]).all()
    assert (found["intercept"] < 0).all()
    np.testing.assert_allclose(found["strain"], 1e-3, rtol=1e-6)


def test_scatter_widens_the_uncertainties():
    calm = WilliamsonHall(phase="TiO2_rutile")(peaks_of("lorentzian", 1, 0.01))
    rng = np.random.default_rng(0)
    wild = WilliamsonHall(phase="TiO2_rutile")(
        peaks_of("lorentzian", 1, 0.01, extra=lambda b: b * (1 + 0.2 * rng.random(b.shape)))
    )
    assert wild["chi2_reduced"][0] > 5
    assert wild["size_stderr"][0] / wild["size"][0] > 2 * calm["size_stderr"][0] / calm["size"][0]


def test_only_sure_peaks_count():
    source = peaks_of("lorentzian", 3)
    columns = {k: np.array(v) for k, v in source.columns.items()}
    columns["peak_status"][1, 0] = PeakStatus.AT_BOUND
    columns["breadth"][1, 0] *= 3.0
    columns["peak_status"][2, 2:] = PeakStatus.LOST
    found = WilliamsonHall(phase="TiO2_rutile")(replace(source, columns=columns))
    assert found["n_lines"][1] == found["n_lines"][0] - 1
    np.testing.assert_allclose(found["size"][:2], SIZE, rtol=1e-5)
    assert found.status.tolist() == [Status.OK, Status.OK, Status.LOST]
    assert found.messages[2] == "2 lines to use; 3 are needed"
    assert np.isnan(found["size"][2])


def test_peaks_that_cell_indexed_give_the_same():
    source = peaks_of("lorentzian", 2, 0.01)
    peak = Cell(phases=("TiO2_rutile",))(source).table.coords["peak"]
    labels = np.asarray(peak["label"])[np.asarray(peak["phase"]) == "TiO2_rutile"]
    by_labels = WilliamsonHall(peaks=tuple(labels.tolist()))(source)
    by_phase = WilliamsonHall(phase="TiO2_rutile")(source)
    np.testing.assert_array_equal(by_labels["size"], by_phase["size"])


def test_errors_say_what_there_is():
    source = peaks_of("lorentzian")
    with pytest.raises(SettingError, match="either a phase or peaks"):
        WilliamsonHall()
    with pytest.raises(SettingError, match="plot = 'voigt'"):
        WilliamsonHall(phase="TiO2_rutile", plot="voigt")
    with pytest.raises(SettingError, match="no peak 'p99'; there are p01"):
        WilliamsonHall(peaks=("p99",))(source)
    with pytest.raises(ResultsError, match=r"2 lines \(p01, p02\); a straight line needs 3"):
        WilliamsonHall(peaks=("p01", "p02"))(source)
    with pytest.raises(ResultsError, match="not on a table 'cell'"):
        WilliamsonHall(peaks=("p01",))(Cell(phases=("TiO2_rutile",))(source))


def test_pulls_from_patterns():
    """From counts to size: pseudo-Voigts with the breadths of SIZE and STRAIN."""
    rng = np.random.default_rng(11)
    x = np.arange(20.0, 80.0, 0.02)
    centers = np.array([25.0, 33.0, 41.0, 52.0, 60.0, 71.0])
    profile = get_profile("pseudo_voigt")
    unit = breadth_and_gradient(profile, 1.0, 0.6)[0]
    y = np.full(x.shape, 30.0)
    for center in centers:
        fwhm = breadths(np.array(center), "lorentzian") / unit
        y += 1500.0 * profile.value(x, center, fwhm, 0.6)
    stack = Stack.from_arrays(x, rng.poisson(y, (150, len(x))), noise="counts")
    stack = stack.with_metadata(wavelength=WAVELENGTH)
    peaks = Peaks()(stack)
    found = WilliamsonHall(peaks=tuple(peaks.table.coords["peak"]["label"].tolist()))(peaks)
    assert (found["n_lines"] == 6).all()
    for name, true in (("size", SIZE), ("strain", STRAIN)):
        pulls = (found[name] - true) / found[f"{name}_stderr"]
        assert abs(np.median(pulls)) < 0.25, name
        assert pulls.std() == pytest.approx(1.0, abs=0.2), name


def test_figure_of_the_lines(tmp_path):
    found = WilliamsonHall(phase="TiO2_rutile", plot="size_strain")(
        peaks_of("size_strain", 5, 0.01)
    )
    names = {p.name for p in write_figures(Record({"lines": found}), tmp_path, ("png",))}
    assert "lines_lines.png" in names
    figure = lines_figure(found, simulated=True)
    assert len(figure.axes[0].containers) == 3
    assert "simulated" in figure.axes[0].get_title()


@pytest.mark.realdata
@pytest.mark.parametrize("plot", ["lorentzian", "size_strain"])
def test_the_size_of_anatase_is_that_of_topas(tracked_anatase, plot):
    """Volume-weighted column lengths after M. R. Rowles, J. Appl. Cryst. 55 (2022) 631.

    The instrument widens these lines by some hundredths of a degree out of half a degree. Many
    lines overlap, so that they scatter about the straight line by three times their uncertainties
    and more; the strain that comes out is no more than an upper limit.
    """
    peaks, sizes, errors = tracked_anatase
    found = WilliamsonHall(phase="TiO2_anatase", others=("TiO2_rutile",), plot=plot)(peaks)
    assert (found["n_lines"] >= 10).all()
    off = found["size"] - sizes
    assert (np.abs(off) < 3.0 * np.hypot(found["size_stderr"], errors)).all()
    assert (np.abs(off) < 0.2 * sizes).all()
    assert (found["chi2_reduced"] > 4.0).all()
    assert (found["strain"] < 4e-3).all()


@pytest.fixture(scope="module")
def tracked_anatase(data):
    """Peaks of three frames, and what TOPAS found for anatase in them (angstrom)."""
    folder = data / "xrd" / "tio2_temperature"
    numbers = (0, 4, 8)
    stack = spectra.read([folder / f"degussa_{i:03d}.xye" for i in numbers], anode="Cu")
    with (folder / "output.txt").open() as file:
        rows = [r for r in csv.DictReader(file, delimiter="\t") if r["phase"] == "Anatase"]
    theirs = [next(r for r in rows if int(r["seqno"]) == i + 1) for i in numbers]
    sizes, errors = (
        np.array([10.0 * float(r[name]) for r in theirs]) for name in ("Lvol", "Lvol_err")
    )
    return Peaks()(stack), sizes, errors
