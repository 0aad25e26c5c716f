"""The section of evidence: what species buy and whether a line is missing, in words and drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_report import browser, console
from tests.xps.carbon_regions import ENERGY, REGION, counted, curve_of

from spectra.report import write_figures, write_report, write_tables
from spectra.report.sections import technique_sections
from spectra.results import Record
from spectra.xps import Evidence


@pytest.fixture(scope="module")
def weighed():
    """Eight spectra of two lines; a third one grows in the last four, and one saw nothing."""
    curves = np.tile(curve_of(), (8, 1))
    bump = 300 * np.exp(-4 * np.log(2) * ((ENERGY - 288.4) / 1.2) ** 2)
    curves[4:] += bump
    stack = counted(curves, 8, seed=5)
    y = np.array(stack.signal)
    y[0] = 0.0
    return Record({"evidence": Evidence(region=REGION)(replace(stack, signal=y))})


def test_evidence_is_told_species_by_species(weighed):
    (section,) = technique_sections(weighed)
    assert section.heading == "Evidence"
    told = " ".join(section.sentences)
    assert "in 7 of 8 spectra" in told
    assert "1 is flagged" in told
    assert "C-O: strong evidence in 7 of 7 spectra, not needed in 0" in told
    assert "strongly preferred in 4" in told
    titles = [p.title for p in section.drawings[0].panels]
    assert titles == ["without C-C", "without C-O", "with one more line"]


def test_evidence_has_a_row_each(weighed):
    (section,) = technique_sections(weighed)
    assert len(section.rows) == 8
    assert all(len(row) == len(section.columns) for row in section.rows)
    assert section.rows[0][-1].startswith("no_signal")
    assert set(section.rows[0][1:-1]) == {"–"}
    at, delta = (section.columns.index(n) for n in ("at (eV)", "ΔBIC of one more line"))
    last = next(row for row in section.rows if row[0].endswith("7"))
    assert last[at].startswith("288.")
    assert float(last[delta]) < -6


def test_evidence_is_drawn_and_written(weighed, tmp_path):
    page = write_report(weighed, tmp_path / "r.html")
    assert "Evidence" in page.read_text(encoding="utf-8")
    assert write_figures(weighed, tmp_path / "figures")
    text = "".join(p.read_text(encoding="utf-8") for p in write_tables(weighed, tmp_path / "t"))
    assert "delta_bic_one_more" in text


@pytest.mark.browser
def test_the_browser_draws_evidence_without_a_complaint(weighed, tmp_path):
    browser()
    page = write_report(weighed, tmp_path / "r.html")
    lines, dom = console(page, tmp_path)
    assert lines == []
    assert "without C-O" in dom
