"""Reports of absorption: pre-edges, valences, soft edges, an operando series in one figure."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from test_report import browser, console
from tests.xas.soft_edges import METHOD, soft_edges
from tests.xas.vanadium_edges import operando_series

from spectra import Status, Variable, xas
from spectra.report import write_figures, write_report, write_tables
from spectra.report.absorption import absorption_sections
from spectra.report.edgestory import edge_story
from spectra.report.labels import without_common_words
from spectra.report.select import abscissae
from spectra.results import Record

N = 24
HOSTILE = "<b>钒</b> V₂O₅ $x$"


@pytest.fixture(scope="module")
def charge():
    """A simulated charge: normalised, pre-edges, valences by its own ends, two species."""
    series = operando_series(N)
    names = ["V2O3", *(f"{HOSTILE} {i}" for i in range(1, N - 1)), "V2O5"]
    time = np.arange(float(N)) * 600.0
    time[N // 2 :] += 7200.0
    stack = replace(series.stack, names=tuple(names)).with_variables(
        time=Variable(time, "s"), voltage=Variable(np.linspace(3.0, 2.0, N), "V")
    )
    edges, peaks = xas.Normalize()(stack), xas.PreEdge()(stack)
    standards = {"V2O3": 3.0, "V2O5": 5.0}
    valence = xas.Valence(standards=standards)(peaks)
    species = xas.CurveResolution(components=2, window=(5460.0, 5540.0))(
        xas.normalized(stack, edges)
    )
    steps = {"normalize": edges, "preedge": peaks, "valence": valence, "species": species}
    return Record(steps, stack)


def sections(record):
    return {s.heading: s for s in absorption_sections(record)}


def test_every_step_has_its_section(charge):
    found = sections(charge)
    assert list(found) == [
        "Normalised spectra",
        "Pre-edge peaks",
        "Valence",
        "Resolved components (species)",
    ]


def test_valences_are_told_with_the_flagged_first(charge):
    results = charge.steps["valence"]
    status = results.status.copy()
    status[5] = Status.AT_BOUND
    changed = replace(results, status=status, messages=("", *["odd"] * (N - 1)))
    record = Record({"valence": changed}, charge.stack)
    rows = sections(record)["Valence"].rows
    assert rows[0][0].endswith(" 5")
    assert rows[0][-1] == "at_bound: odd"
    assert len(rows) == N
    middle = next(r for r in rows if r[0].endswith(" 12"))
    assert re.fullmatch(r"[34]\.\d+\(\d+\)", middle[3])


def test_intensity_against_centroid_tells_standards_from_samples(charge):
    drawing = sections(charge)["Pre-edge peaks"].drawings[0]
    peaks, diagram = drawing.panels
    samples, standards = diagram.marks
    results = charge.steps["preedge"]
    assert len(samples.x) == N - 2
    assert standards.texts == ("V2O3", "V2O5")
    assert standards.y.tolist() == results["area"][[0, -1]].tolist()
    assert standards.x.tolist() == results["centroid"][[0, -1]].tolist()
    # Scaled so that the highest point of the window is P/M.
    inside = (peaks.marks[-1].x > 5465) & (peaks.marks[-1].x < 5473)
    assert peaks.marks[-1].y[inside].max() == pytest.approx(results["ratio"][-1], abs=0.03)


def test_one_figure_holds_the_story(charge):
    story = edge_story(charge)
    spectra, voltage, energy, shares = story.panels
    assert story.columns == (1, 3)
    assert len(spectra.marks) == N
    assert "voltage" in voltage.y_label
    # No line crosses the two hours in which nothing was measured.
    assert np.isnan(voltage.marks[0].y).sum() == 1
    results = charge.steps["normalize"]
    assert energy.marks[0].y.tolist() == results["edge_half"].tolist()
    assert energy.marks[0].y_stderr.tolist() == results["edge_half_stderr"].tolist()
    assert energy.marks[0].colours[0] == spectra.marks[0].colour
    assert [m.name for m in shares.marks] == ["c1", "c2"]
    assert edge_story(Record({"normalize": results[:5]}, charge.stack[:5])) is None
    assert edge_story(Record({"preedge": charge.steps["preedge"]}, charge.stack)) is None


def test_figures_are_written_whatever_the_names_hold(charge, tmp_path):
    # Warnings are errors here, missing signs in fonts among them.
    names = {p.name for p in write_figures(charge, tmp_path, ("png",))}
    expected = {"operando-edge.png", "preedge-preedge.png", "calibration-valence.png"}
    assert expected <= names


def test_panels_above_one_another_are_drawn_in_their_order(charge):
    from spectra.report.drawing import journal_figure

    figure = journal_figure(edge_story(charge))
    figure.canvas.draw()
    heights = {ax.get_ylabel(): ax.get_position().y0 for ax in figure.axes}
    assert heights["voltage (V)"] > heights["half-step energy (eV)"] > heights["concentration"]
    assert len({ax.get_xlim() for ax in figure.axes}) == 2


def test_tables_hold_all(charge, tmp_path):
    text = "".join(p.read_text() for p in write_tables(charge, tmp_path))
    assert "edge_half_stderr" in text
    assert "valence_low" in text


@pytest.mark.browser
def test_page_is_drawn_without_a_complaint(charge, tmp_path):
    browser()
    page = write_report(charge, tmp_path / "r.html")
    lines, dom = console(page, tmp_path)
    assert lines == []
    assert dom.count('class="main-svg"') >= 8
    assert "<b>钒" not in page.read_text(encoding="utf-8")


def test_yields_stand_side_by_side(tmp_path):
    stack = soft_edges(3)
    results = xas.SoftEdge(**METHOD, channels=("signal", "tfy"))(stack)
    section = sections(Record({"edge": results}, stack))["Soft edge (edge)"]
    assert [r[1] for r in section.rows] == ["signal", "tfy"] * 3
    assert section.columns[-1] == "branching ratio"
    electrons, fluorescence = (float(r[-1].partition("(")[0]) for r in section.rows[:2])
    assert electrons == pytest.approx(3.0 / 4.4, abs=0.02)
    assert fluorescence < electrons
    spectra, along = section.drawings[0].panels
    assert len(spectra.marks) == 6
    assert [m.name for m in along.marks] == ["signal", "tfy"]
    assert write_report(Record({"edge": results}, stack), tmp_path / "r.html").is_file()


def test_one_channel_needs_no_column():
    stack = soft_edges(2)
    results = xas.SoftEdge(**METHOD)(stack)
    section = sections(Record({"edge": results}, None))["Soft edge (edge)"]
    assert "channel" not in section.columns
    assert len(section.rows[0]) == len(section.columns)
    assert section.drawings == ()


def test_what_a_program_wrote_of_itself_is_no_abscissa(charge):
    results = charge.steps["normalize"]
    shifted = replace(
        results,
        variables={**results.variables, "energy_shift": Variable(np.arange(float(N)), "eV")},
    )
    assert [a.name for a in abscissae(shifted)] == ["time", "voltage", "frame"]


def test_common_words_are_left_out():
    assert without_common_words(["a.prj 1", "a.prj 2 b"]) == ["1", "2 b"]
    assert without_common_words(["a b", "ab c"]) == ["a b", "ab c"]
    assert without_common_words(["same", "same"]) == ["same", "same"]
    assert without_common_words(["alone in a file"]) == ["alone in a file"]


def test_long_legends_stand_below_the_plot():
    from spectra.report.drawing import Drawing, Mark, Panel, plotly_plots

    def legend(names):
        x = np.arange(3.0)
        marks = tuple(Mark("line", x, x, name=n) for n in names)
        (plot,) = plotly_plots(Drawing("d", (Panel("x", "y", marks, title="Frame 3"),)))
        return plot["layout"]["legend"]

    assert legend(["foil", "oxide"])["yanchor"] == "bottom"
    below = legend(["cyanobacteria.prj Au thiomalate aq", "cyanobacteria.prj Au sulphide"])
    assert below["y"] < 0
