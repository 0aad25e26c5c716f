"""Reports of Raman spectra: bands along a series, carbon, corrections of the axis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_report import browser, console
from tests.raman.simulated_carbon import SHIFT as CARBON
from tests.raman.simulated_carbon import counted, five_bands, two_bands

from spectra import Stack, Status, Variable
from spectra.raman import Bands, Calibrate, Carbon, Despike, Scale
from spectra.raman.curves import evaluate
from spectra.report import write_figures, write_report, write_tables
from spectra.report.sections import technique_sections
from spectra.report.series import groups
from spectra.results import Record

N = 10
HOSTILE = "<b>钒</b> $x$"
SHIFT = np.arange(650.0, 1100.0, 1.5)
VANADYL, BRIDGE = 994.0, 701.0


@pytest.fixture(scope="module")
def discharge():
    """The vanadyl band moves and fades while charge goes in; one frame saw nothing."""
    charge = np.linspace(0.0, 1.0, N)
    curves = [
        200
        + 900 * (1 - c) / (1 + ((SHIFT - VANADYL + 4 * c) / 4) ** 2)
        + 500 / (1 + ((SHIFT - BRIDGE) / 9) ** 2)
        for c in charge
    ]
    y = np.random.default_rng(5).poisson(curves).astype(float)
    y[3] = 0.0
    stack = Stack.from_arrays(
        SHIFT, y, noise="counts", axis_name="raman_shift", axis_unit="1/cm"
    ).with_variables(charge=Variable(charge, ""))
    stack = replace(stack, names=tuple(f"{HOSTILE} {i}" for i in range(N)))
    return Record({"bands": Bands(degree=0, assignments=("V2O5_su",))(stack)}, stack)


@pytest.fixture(scope="module")
def carbon():
    """Two bands where two are determined, and five that are too weak to be."""
    parts = [counted(c, 1) for c in (two_bands(), five_bands() / 20, 20 * five_bands())]
    y = np.concatenate([np.asarray(part.signal) for part in parts])
    stack = Stack.from_arrays(CARBON, y, noise="counts", axis_name="raman_shift", axis_unit="1/cm")
    return Record({"carbon": Carbon(laser=514.5)(stack)}, stack)


def test_bands_stand_with_their_medians_and_assignments(discharge):
    bands, frames = technique_sections(discharge)
    assert (bands.heading, frames.heading) == ("Raman bands", "Positions of the bands")
    bridge, vanadyl = bands.rows
    assert bridge[-1] == "–"
    assert "vanadyl" in vanadyl[-1]
    assert vanadyl[1] == f"{N - 2} of {N}"
    assert float(bridge[2].partition("(")[0]) == pytest.approx(BRIDGE, abs=0.5)
    assert any("Q. Su" in s for s in bands.sentences)
    assert frames.rows[0][0] == "3"
    assert frames.rows[0][-1].startswith("no_signal")
    last = next(r for r in frames.rows if r[0] == str(N - 1))
    assert last[3] == "–"
    assert "no band at" in last[-1]
    assert all(len(r) == len(frames.columns) for r in frames.rows)


def test_positions_widths_and_areas_are_drawn_over_what_was_varied(discharge):
    bands = next(technique_sections(discharge))
    positions, widths, areas = bands.drawings[1].panels
    assert {p.x_label for p in (positions, widths, areas)} == {"charge"}
    results = discharge.steps["bands"]
    shift = positions.marks[1].y
    np.testing.assert_allclose(np.diff(shift), np.diff(results["center"][:, 1]))
    assert np.nanmedian(shift) == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_array_equal(areas.marks[0].y_stderr, results["area_stderr"][:, 0])
    assert areas.marks[0].hollow.tolist() == [i == 3 for i in range(N)]


def test_fits_are_stacked_with_their_bands_filled(discharge):
    fits, residuals = next(technique_sections(discharge)).drawings[0].panels
    filled = [m for m in fits.marks if m.kind == "band"]
    assert [m.name for m in filled[:2]] == ["701", "992"]
    # The last frame has lost the vanadyl band.
    assert len(filled) == 2 * 5 - 1
    assert all((m.high >= m.y - 1e-12).all() for m in filled)
    assert residuals.marks[0].y.std() == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("profile", ["lorentzian", "breit_wigner_fano", "pseudo_voigt"])
def test_curves_are_those_that_were_fitted(profile):
    stack = counted(two_bands(), 3)
    for method in (Carbon(bands=(2, 3), profile_g=profile), Bands(profile=profile, degree=1)):
        results = method(stack)
        curves = evaluate(stack.x, results)
        y = np.asarray(stack.signal)[:, curves.inside]
        residual = (y - curves.total) / np.sqrt(curves.total)
        n = int((~np.isnan(results["parameter"][0])).sum())
        chi2 = (residual**2).sum(axis=1) / (y.shape[1] - n)
        np.testing.assert_allclose(chi2, results["chi2_reduced"], rtol=1e-9)
        total = curves.background + np.nansum(curves.bands, axis=1)
        np.testing.assert_allclose(curves.total, total)


def test_carbon_is_told_with_the_model_that_was_chosen_and_its_doubts(carbon):
    section = only(carbon)
    results = carbon.steps["carbon"]
    assert section.heading == "Carbon"
    rows = {r[0]: dict(zip(section.columns, r, strict=True)) for r in section.rows}
    chosen = [rows[str(i)]["bands"] for i in range(3)]
    assert chosen == [str(n) for n in results["n_bands"].tolist()]
    assert chosen[0] == "2"
    assert chosen[2] == "5"
    assert section.rows[0][0] == "1"
    assert "would fit better" in section.rows[0][-1]
    assert any("part of the uncertainty" in s for s in section.sentences)
    assert any("514.5 nm" in s for s in section.sentences)
    ratio = section.drawings[1].panels[0].marks[1]
    np.testing.assert_array_equal(ratio.y_stderr, results["ratio_area_stderr"])
    assert ratio.hollow.tolist() == [False, True, False]
    assert "L_a Cançado" in section.columns


def test_what_is_not_determined_is_not_quoted():
    stack = counted(two_bands(), 2)
    section = only(Record({"graphite": Carbon(bands=(5,))(stack)}, stack))
    assert section.heading == "Carbon (graphite)"
    assert "in 2 no model is determined" in section.sentences[0]
    assert all(r[1:3] == ("–", "–") for r in section.rows)
    assert not any(c.startswith("L_a") for c in section.columns)
    # Neither fits nor anything else is drawn of them, and the page is written all the same.
    assert all(d.key.startswith(("carbon", "positions")) for d in section.drawings)


@pytest.mark.parametrize(
    ("noise", "told"), [("counts", "reduced χ² of carbon"), ("unknown", "variance of residuals of")]
)
def test_no_chi_square_without_a_known_noise(carbon, noise, told):
    stack = replace(carbon.stack[:1], noise=noise)
    record = Record({"carbon": Carbon(bands=(2,))(stack)}, stack)
    (quality,) = (g for g in groups(record) if g.key == "quality")
    assert quality.series[0].label.startswith(told)


def test_corrections_are_told_in_their_order():
    known, found = (520.45, 1001.4, 1602.3), (519.9, 1000.9, 1602.0)
    x = np.arange(500.0, 1700.0, 2.0)
    y = np.random.default_rng(2).poisson(300 + 900 / (1 + ((x - 1001) / 8) ** 2), (2, x.size))
    stack = Stack.from_arrays(x, y, noise="counts", axis_name="raman_shift", axis_unit="1/cm")
    calibrate = Calibrate(
        lines=known, lines_stderr=(0.14, 0.54, 0.73), found=found, found_stderr=(0.1,) * 3, degree=1
    )
    stack = Scale()(calibrate(Despike()(stack)))
    *_, section = technique_sections(Record({"bands": Bands(degree=0)(stack)}, stack))
    assert section.heading == "Corrections of the spectra"
    assert [s.split()[0] for s in section.sentences] == ["No", "The", "Each"]
    assert [r[0] for r in section.rows] == ["520.45(14)", "1001.4(5)", "1602.3(7)"]
    (panel,) = section.drawings[0].panels
    band, line, points = panel.marks
    np.testing.assert_allclose(points.y, np.subtract(known, found))
    np.testing.assert_allclose(points.y_stderr, np.hypot((0.14, 0.54, 0.73), 0.1))
    assert ((band.y < line.y) & (line.y < band.high)).all()


def test_uncorrected_spectra_have_no_such_section(discharge):
    assert not any(s.key == "r-corrections" for s in technique_sections(discharge))


def only(record):
    (section,) = technique_sections(record)
    return section


def test_figures_and_tables_are_written_whatever_the_names_hold(discharge, carbon, tmp_path):
    # Warnings are errors here, missing signs in fonts among them.
    names = {p.name for p in write_figures(discharge, tmp_path, ("png",))}
    assert {"fits-bands.png", "bands-bands.png"} <= names
    names = {p.name for p in write_figures(carbon, tmp_path, ("png",))}
    assert {"fits-carbon.png", "carbon-carbon.png", "positions-carbon.png"} <= names
    text = "".join(p.read_text() for p in write_tables(carbon, tmp_path))
    assert "ratio_area_stderr" in text


@pytest.mark.browser
def test_browsers_draw_raman_without_a_complaint(discharge, carbon, tmp_path):
    browser()
    both = Record({**discharge.steps, **carbon.steps}, discharge.stack)
    page = write_report(both, tmp_path / "r.html")
    lines, dom = console(page, tmp_path)
    assert lines == []
    assert "Positions of the bands" in dom
    assert "<b>钒" not in page.read_text(encoding="utf-8")
    assert Status.NO_SIGNAL.label in dom
