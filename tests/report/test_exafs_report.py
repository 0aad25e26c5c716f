"""Reports of χ(R) and of wavelets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_report import browser, console
from tests.xas.exafs.waves import as_stack, chi_of_shells

from spectra.report import write_figures, write_report
from spectra.report.absorption import absorption_sections
from spectra.report.drawing import plotly_plots
from spectra.report.mapdrawing import MapPanel
from spectra.results import Record
from spectra.xas import FourierTransform, Wavelet, wavelet_map

HOSTILE = "<b>V₂O₅</b> $x$"


@pytest.fixture(scope="module")
def charge():
    """Two shells that move apart."""
    shifts = np.linspace(0.0, 0.08, 12)
    chi = [chi_of_shells(((1.9 - s, 0.5, 0.004, 0.3), (2.9 + s, 0.6, 0.006, 1.1))) for s in shifts]
    names = tuple(f"{HOSTILE} {i}" for i in range(12))
    noise = 1e-3 * np.random.default_rng(0).normal(size=(12, len(chi[0])))
    stack = replace(as_stack(np.array(chi) + noise), names=names)
    method = Wavelet(points=(40, 40))
    steps = {"transform": FourierTransform(k_weight=(1, 2))(stack), "wavelet": method(stack)}
    return Record(steps, stack)


def sections(record):
    return {s.heading: s for s in absorption_sections(record)}


def test_transforms_and_wavelets_have_their_sections(charge):
    found = sections(charge)
    assert list(found) == ["χ(R)", "Wavelets"]
    transform, wavelet = found.values()
    assert transform.drawings[0].panels[0].y_label == "|χ(R)| (Å⁻³)"
    assert len(transform.drawings[0].panels[0].marks) == 12
    assert any("k-weight 1, 2" in s for s in transform.sentences)
    assert wavelet.columns[0] == "frame"
    assert len(wavelet.rows) == 12
    assert len(wavelet.rows[0]) == len(wavelet.columns)


def test_maps_share_one_scale_and_are_those_of_the_method(charge):
    one, several = sections(charge)["Wavelets"].drawings
    panels = [*one.panels, *several.panels]
    assert all(isinstance(p, MapPanel) for p in panels)
    assert len({p.top for p in panels}) == 1
    assert max(p.values.max() for p in several.panels) == panels[0].top
    first = wavelet_map(charge.stack, Wavelet(points=(40, 40)), 0)
    np.testing.assert_allclose(panels[0].values, first.modulus)


def test_sides_are_chi_and_its_transform_over_the_axes_of_the_map(charge):
    panel = sections(charge)["Wavelets"].drawings[0].panels[0]
    k, weighted, _ = panel.below
    r, magnitude, _ = panel.side
    assert (k[0], k[-1]) == pytest.approx((panel.x[0], panel.x[-1]), abs=0.051)
    assert r[0] >= panel.y[0]
    assert r[-1] <= panel.y[-1] + 0.04
    at = np.isin(np.round(0.05 * np.arange(301), 6), np.round(k, 6))
    expected = np.asarray(charge.stack.signal)[0, at] * k**2
    np.testing.assert_allclose(weighted, expected)
    # The crosses stand where the wavelet's lobes are, near the peaks of the transform.
    assert len(panel.points) == 2
    best = charge.steps["transform"]["peak_r"][0, 1]
    assert abs(panel.points[0][1] - best) < 0.05
    assert magnitude.max() == pytest.approx(charge.steps["transform"]["peak_height"][0, 1], rel=0.1)


def test_page_and_print_hold_the_same_map(charge):
    drawing = sections(charge)["Wavelets"].drawings[0]
    (plot,) = plotly_plots(drawing)
    heat = plot["data"][0]
    assert heat["type"] == "heatmap"
    assert np.shape(heat["z"]) == drawing.panels[0].values.shape
    np.testing.assert_allclose(heat["z"], drawing.panels[0].values, rtol=6e-3, atol=1e-12)
    assert "<b>" not in str(plot["layout"])
    x = plot["layout"]["xaxis"]["range"]
    assert x == pytest.approx(list(drawing.panels[0].ends[:2]))


def test_figures_are_written(charge, tmp_path):
    paths = write_figures(charge, tmp_path, ("png",))
    names = {p.stem for p in paths}
    assert {"transform-transform", "wavelet-wavelet", "wavelets-wavelet"} <= names


def test_no_chi_no_maps(charge):
    found = sections(Record({"wavelet": charge.steps["wavelet"]}))
    assert found == {}


@pytest.mark.browser
def test_the_page_draws_them_without_a_console_error(charge, tmp_path):
    browser()
    path = write_report(charge, tmp_path / "r.html")
    lines, dom = console(path, tmp_path)
    assert lines == []
    assert 'data-ready="yes"' in dom
    assert "<b>V" not in dom.split("<script")[0]
