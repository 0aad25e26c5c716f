"""Tables of a batch in files: the same numbers in each, and no cell that does harm."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from headless import running
from tests.test_summary import batch_of, results_of

from spectra.batch import Outcome
from spectra.errors import StoreError
from spectra.report.gridfiles import write_summary
from spectra.report.latex import latex_text
from spectra.results import Record
from spectra.samples import Sample
from spectra.summary import sample_summary

EVIL = '=HYPERLINK("http://x")'


@pytest.fixture
def summary(tmp_path):
    hot = results_of(temperature=([300.0, 310.0, 320.0], "K"))
    batch = batch_of(tmp_path, A_xrd=Record({"cell": hot}), B_xrd=Record({"cell": results_of(1.1)}))
    dead = Outcome("B", "xps", "xps", tmp_path / "gone.h5", "failed", "-1 counts <b>; look & mend")
    samples = (Sample("A", {"note": EVIL, "mass": 1.2}, ()), Sample("B", {}, ()))
    sheet = replace(batch.sheet, samples=samples)
    return sample_summary(replace(batch, sheet=sheet, outcomes=(*batch.outcomes, dead)))


@pytest.fixture
def written(summary, tmp_path):
    return {p.name: p for p in write_summary(summary, tmp_path / "tables")}


def rows_of(path):
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_what_is_written(written):
    names = ("samples", "quantities", "verdicts", "measurements", "values")
    expected = {f"{n}.csv" for n in names} | {"summary.html", "summary.xlsx", "summary.tex"}
    assert set(written) == expected
    head, *rows = rows_of(written["quantities.csv"])
    (row,) = (
        dict(zip(head, r, strict=True)) for r in rows if r[:3] == ["A", "xrd", "valence, surface"]
    )
    assert (row["first"], row["u(first)"], row["last"]) == ("3", "0.03", "3.5")
    assert float(row["u(change)"]) == pytest.approx(0.05)
    assert (row["temperature at first (K)"], row["temperature at last (K)"]) == ("300", "310")
    assert row["frames with it"] == "2 of 3"
    assert row["statuses"] == "2 ok, 1 not_converged"


def test_samples_stand_in_rows_and_quantities_in_columns(written):
    head, one, two = rows_of(written["samples.csv"])
    assert head[:3] == ["sample", "note", "mass"]
    assert one[0] == "A"
    assert two[:3] == ["B", "", ""]
    a = head.index("xrd: a of alpha, surface (Å)")
    assert head[a + 1] == "u(xrd: a of alpha, surface (Å))"
    assert [float(one[a]), float(two[a])] == pytest.approx([4.0, 4.4])
    assert head[-1] == "xrd: verdict of cell"
    assert one[-1] == "It swells."


def test_every_value_is_in_the_tidy_table(summary, written):
    head, *rows = rows_of(written["values.csv"])
    assert len(rows) == len(summary.rows)
    value, status = head.index("value"), head.index("status")
    found = np.array([float(r[value]) if r[value] else np.nan for r in rows])
    np.testing.assert_allclose(found, [r.value for r in summary.rows], rtol=1e-11)
    assert [r[status] for r in rows] == [r.status for r in summary.rows]


def test_no_cell_is_a_formula(written):
    openpyxl = pytest.importorskip("openpyxl")
    texts = [c for n, p in written.items() if n.endswith(".csv") for r in rows_of(p) for c in r]
    book = openpyxl.load_workbook(written["summary.xlsx"])
    cells = [c for sheet in book for row in sheet.iter_rows() for c in row]
    assert not any(c.data_type == "f" for c in cells)
    texts += [c.value for c in cells if isinstance(c.value, str)]
    numbers = [t for t in texts if t[:1] in ("+", "-") and _is_number(t)]
    assert not [t for t in texts if t.startswith(("=", "+", "-", "@")) and t not in numbers]
    assert f"'{EVIL}" in texts
    assert "'-1 counts <b>; look & mend" in texts


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_numbers_are_numbers_in_the_workbook(summary, written):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(written["summary.xlsx"])
    assert book.sheetnames == ["samples", "quantities", "verdicts", "measurements", "values"]
    head, *rows = book["values"].iter_rows(values_only=True)
    at = head.index("value")
    expected = [None if np.isnan(r.value) else r.value for r in summary.rows]
    # A workbook keeps sixteen digits.
    assert [r[at] for r in rows] == [v if v is None else pytest.approx(v, 1e-14) for v in expected]


def test_failures_are_told_on_the_page_and_in_print(written):
    page = written["summary.html"].read_text(encoding="utf-8")
    assert "Without results: 1 of 3 measurements" in page
    assert "-1 counts &lt;b&gt;; look &amp; mend" in page
    assert "3.00(3)" in page
    assert not re.search("(src|href)=.?http|<script|<b>;", page)
    text = written["summary.tex"].read_text(encoding="utf-8")
    assert r"\item B, xps: -1 counts $<$b$>$; look \& mend" in text
    assert r"\item A, xrd: It swells." in text
    assert r"V of alpha, surface (\AA{}$^{3}$) & 144.0000(10) & " in text
    told = "xrd: 2 of 3 frames, temperature 300 to 310 K (2 ok, 1 not\\_converged)"
    assert rf"\multicolumn{{4}}{{l}}{{\emph{{{told}}}}} \\" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    assert text.count(r"\begin{itemize}") == text.count(r"\end{itemize}") == 2


def test_print_has_no_command_that_somebody_wrote():
    text = latex_text(r"\input{x} a_b c_long 50% #1 ~ ^ σ² L_a I_D/I_G")
    assert r"\textbackslash{}input\{x\}" in text
    assert r"a$_{b}$ c\_long 50\% \#1 \textasciitilde{} \textasciicircum{}" in text
    assert text.endswith("$\\sigma$$^{2}$ L$_{a}$ I$_{D}$/I$_{G}$")


def test_names_of_samples_have_no_index_in_print():
    assert latex_text("KVO_1 and cell_A") == r"KVO\_1 and cell\_A"
    signs = "\N{MICRO SIGN}\N{ANGSTROM SIGN}\N{OHM SIGN}\u2248\u2264\u2265\u03a9\u221e"
    assert latex_text(signs).isascii()


def test_a_title_of_two_lines_stays_a_comment(summary, tmp_path):
    sheet = replace(summary.sheet, title="One\n\\input{two}")
    paths = write_summary(replace(summary, sheet=sheet), tmp_path)
    (text,) = (p.read_text(encoding="utf-8") for p in paths if p.suffix == ".tex")
    assert text.startswith(r"% One \input{two}, spectra")


def test_values_of_samples_have_their_units(summary, tmp_path):
    sheet = replace(summary.sheet, units={"mass": "mg"})
    paths = write_summary(replace(summary, sheet=sheet), tmp_path)
    (path,) = (p for p in paths if p.name == "samples.csv")
    head, one, _ = rows_of(path)
    assert dict(zip(head, one, strict=True))["mass (mg)"] == "1.2"


def test_tables_that_cannot_be_written(summary, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        write_summary(summary, tmp_path / "file")


def test_tables_in_print_fit_their_page(summary, tmp_path):
    many = replace(summary, headlines=summary.of("A") * 30)
    paths = write_summary(many, tmp_path)
    (text,) = (p.read_text(encoding="utf-8") for p in paths if p.suffix == ".tex")
    tables = text.split(r"\begin{table}")[1:]
    assert len(tables) > 2
    assert all(table.count(r"\\") < 45 for table in tables)
    assert r"\caption{A, continued}" in tables[1]


def test_letters_that_latex_lacks_are_told(summary, tmp_path):
    sheet = replace(summary.sheet, title="Ge\u00fcbt \u9492")
    paths = write_summary(replace(summary, sheet=sheet), tmp_path)
    (text,) = (p.read_text(encoding="utf-8") for p in paths if p.suffix == ".tex")
    assert text.startswith("% pdfLaTeX has no \u9492: take XeLaTeX")


def test_columns_of_the_workbook_are_as_wide_as_their_heads(written):
    openpyxl = pytest.importorskip("openpyxl")
    sheet = openpyxl.load_workbook(written["summary.xlsx"])["quantities"]
    head = next(c for c in sheet[1] if c.value == "temperature at first (K)")
    assert sheet.column_dimensions[head.column_letter].width > len(head.value)
    assert not any(c.value == "" for row in sheet.iter_rows() for c in row)


@pytest.mark.browser
def test_a_wide_table_keeps_its_names_in_sight_and_leaves_paper_alone(written, tmp_path):
    page = written["summary.html"]
    with running(tmp_path / "profile") as tab:
        tab.open(page, width=360)
        assert tab.js("document.documentElement.scrollWidth") <= 360
        left = "document.querySelector('.wide tbody th').getBoundingClientRect().left"
        before = tab.js(left)
        tab.js("document.querySelector('.wide').scrollLeft = 500")
        assert tab.js("document.querySelector('.wide').scrollLeft") > 100
        assert abs(tab.js(left) - before) < 2.0
        tab.send("Emulation.setEmulatedMedia", media="print")
        tab.send(
            "Emulation.setDeviceMetricsOverride",
            width=703,
            height=1032,
            mobile=False,
            deviceScaleFactor=1,
        )
        widest = "Math.max(...Array.from(document.querySelectorAll('table'), t => t.offsetWidth))"
        # The width of A4 between its margins.
        assert 0 < tab.js(widest) <= 703
