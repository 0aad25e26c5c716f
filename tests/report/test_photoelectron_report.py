"""Reports of photoemission: stacked fits, fractions along the sequence, a table with the set."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from test_report import browser, console
from tests.xps.two_regions import CARBON, VANADIUM, measured
from tests.xps.vanadium_regions import ENERGY, MODEL, SETS, built

from spectra import Stack, Status, Variable
from spectra.report import write_figures, write_report, write_tables
from spectra.report.sections import technique_sections
from spectra.results import Record
from spectra.xps import Endpoints, Quantify, Region, join

N = 10
HOSTILE = "<b>钒</b> $x$"
STEP = 4


@pytest.fixture(scope="module")
def discharge():
    """V5+ becomes V4+ while x runs from 0 to 1; one frame saw nothing."""
    made, curves = built(), []
    for x in np.linspace(0.0, 1.0, N):
        made.params["V5_area"].set(value=9000.0 - 7000.0 * x)
        made.params["V4_area"].set(value=1500.0 + 7000.0 * x)
        curves.append(made.model.eval(made.params, x=ENERGY[::STEP]))
    y = np.random.default_rng(8).poisson(curves).astype(float)
    y[3] = 0.0
    names = tuple(f"{HOSTILE} {i}" for i in range(N))
    stack = Stack.from_arrays(
        ENERGY[::STEP], y, noise="counts", axis_name="binding_energy", axis_unit="eV"
    )
    stack = replace(stack, names=names).with_variables(x=Variable(np.linspace(0, 1, N), ""))
    return Record({"region": Region(model=SETS)(stack)}, stack)


def only(record):
    (section,) = technique_sections(record)
    return section


def test_valences_stand_beside_the_name_of_their_set(discharge):
    section = only(discharge)
    assert section.heading == "Species"
    valence = section.columns.index("mean valence by V2p_silversmit + O1s_lattice")
    assert any("Silversmit" in s for s in section.sentences)
    panel = section.drawings[1].panels[-1]
    assert panel.y_label == "mean valence"
    assert "V2p_silversmit" in panel.title
    rows = {r[0]: r for r in section.rows}
    first, last = rows["0"][valence], rows["9"][valence]
    assert re.fullmatch(r"4\.\d+\(\d+\)", first)
    assert float(first.partition("(")[0]) > float(last.partition("(")[0])
    expected = MODEL.species[0].valence * 9000 + 4 * 1500 + 3 * 2500 + 2 * 1200
    assert float(first.partition("(")[0]) == pytest.approx(expected / 14200, abs=0.05)


@pytest.mark.parametrize(
    ("scattering", "degree", "told"),
    [
        ("shirley", 1, "The background (Shirley on a polynomial of degree 1) is part of the fit"),
        ("none", 0, "The background (a polynomial of degree 0) is part of the fit"),
        ("none", -1, "No background is part of the fit"),
    ],
)
def test_backgrounds_are_told_in_words(discharge, scattering, degree, told):
    results = discharge.steps["region"]
    region = results.attrs["region"]
    plain = {**region["background"], "scattering": scattering, "degree": degree}
    attrs = {**results.attrs, "region": {**region, "background": plain}}
    section = only(Record({"region": replace(results, attrs=attrs)}))
    assert told in section.sentences[0]


def test_flagged_frames_come_first_and_have_no_fractions(discharge):
    section = only(discharge)
    assert section.rows[0][0] == "3"
    assert section.rows[0][-1].startswith("no_signal")
    assert section.rows[0][2] == "–"
    assert len(section.rows) == N
    assert all(len(r) == len(section.columns) for r in section.rows)
    results = discharge.steps["region"]
    told = replace(results, messages=("V4+ and V3+ are not told apart", *[""] * (N - 1)))
    told = only(Record({"V 2p": told}, discharge.stack))
    assert told.heading == "Species (V 2p)"
    assert [r[0] for r in told.rows[:2]] == ["3", "0"]
    assert any(s.startswith("In 1 spectrum ") for s in told.sentences)


def test_fractions_are_drawn_by_level_over_what_was_varied(discharge):
    results = discharge.steps["region"]
    vanadium, oxygen, _ = only(discharge).drawings[1].panels
    assert vanadium.x_label == "x"
    assert [m.name for m in vanadium.marks] == ["V5+", "V4+", "V3+", "V2+"]
    assert [m.name for m in oxygen.marks] == ["O lattice", "OH", "H2O"]
    np.testing.assert_array_equal(vanadium.marks[1].y, results["fraction"][:, 1])
    np.testing.assert_array_equal(vanadium.marks[1].y_stderr, results["fraction_stderr"][:, 1])
    assert vanadium.marks[0].hollow[3]


def test_fits_are_stacked_with_their_species_filled(discharge):
    fits, residuals = only(discharge).drawings[0].panels
    bands = [m for m in fits.marks if m.kind == "band"]
    assert len(bands) == 5 * len(MODEL.species)
    assert [m.name for m in bands[:7]] == [s.name for s in MODEL.species]
    assert not any(m.name for m in bands[7:])
    assert all((m.high >= m.y - 1e-12).all() for m in bands)
    data = [m for m in fits.marks if m.kind == "points"]
    tops = [float(m.y.max()) for m in data]
    np.testing.assert_allclose(np.diff(tops), 1.08)
    assert fits.x_range[0] > fits.x_range[1]
    first = residuals.marks[0].y
    assert first.std() == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("noise", ["given", "unknown"])
def test_residuals_are_in_uncertainties_whatever_the_noise(discharge, noise):
    stack = discharge.stack[:3]
    y = np.asarray(stack.signal) * 0.01
    errors = np.sqrt(np.asarray(stack.signal)) * 0.01 if noise == "given" else None
    stack = replace(stack, signal=y, errors=errors, noise=noise)
    section = only(Record({"region": Region(model=SETS)(stack)}, stack))
    residuals = section.drawings[0].panels[1]
    assert residuals.marks[0].y.std() == pytest.approx(1.0, abs=0.25)
    assert ("estimated" in section.drawings[0].note) == (noise == "unknown")


def test_without_spectra_or_valences_the_rest_is_told(discharge):
    carbon = Region(model="O1s_lattice", window=(527.0, 537.0))(discharge.stack)
    section = only(Record({"oxygen": carbon}, None))
    assert len(section.drawings) == 1
    assert not any("valence" in c for c in section.columns)
    nothing = replace(carbon, status=np.full(N, Status.NO_SIGNAL, np.int8))
    assert only(Record({"oxygen": nothing}, None)).rows


def test_figures_tables_and_page_are_written_whatever_the_names_hold(discharge, tmp_path):
    # Warnings are errors here, missing signs in fonts among them.
    names = {p.name for p in write_figures(discharge, tmp_path, ("png",))}
    assert {"fits-region.png", "fractions-region.png"} <= names
    text = "".join(p.read_text() for p in write_tables(discharge, tmp_path))
    assert "fraction" in text
    assert "valence_stderr" in text


@pytest.mark.browser
def test_the_browser_draws_it_without_a_complaint(discharge, tmp_path):
    browser()
    page = write_report(discharge, tmp_path / "r.html")
    lines, dom = console(page, tmp_path)
    assert lines == []
    assert dom.count('class="main-svg"') >= 5
    assert "mean valence by V2p_silversmit" in dom
    assert "<b>钒" not in page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def composition():
    carbon = Endpoints(model=CARBON, window=(280.5, 291.5))(measured(CARBON, N, 1, step=0.4))
    vanadium = Region(model=VANADIUM)(measured(VANADIUM, N, 2, step=0.4))
    lost = vanadium.status.copy()
    lost[4] = Status.NOT_CONVERGED
    blank = {k: np.array(v) for k, v in vanadium.columns.items()}
    for values in blank.values():
        values[4] = np.nan if values.dtype.kind == "f" else -1
    joined = join(carbon, replace(vanadium, columns=blank, status=lost))
    return Record({"carbon": carbon, "composition": Quantify()(joined)})


def test_compositions_say_what_they_rest_on(composition):
    ends, section = technique_sections(composition)
    assert any("either end of the window anywhere within 1 eV" in s for s in ends.sentences)
    assert section.heading == "Composition"
    told = " ".join(section.sentences)
    assert "Atomic percent of C, V in 9 of 10 samples" in told
    assert "1 is flagged" in told
    assert "scofield_1976 (J. H. Scofield" in told
    assert "C 1s 1, V 2p 9.66" in told
    assert "Mean free path: E^0.75" in told
    assert "Transmission: by the files." in told
    assert re.search(r"Factors uncertain by 10 % each mean [2-4]\.?\d* % at most", told)
    assert re.search(r"Where the windows end means 0\.\d+ % at most", told)


def test_compositions_have_a_row_each(composition):
    _, section = technique_sections(composition)
    assert section.columns == (
        *("sample", "C (%)", "V (%)", "C-C (%)", "C-O (%)", "V5+ (%)", "V4+ (%)", "remark"),
    )
    first, second = section.rows[:2]
    assert first[1:-1] == ("–",) * 6
    assert first[-1] == (
        "not_converged: vanadium: not_converged; "
        "endpoint_component is of carbon alone: vanadium not fitted by xps.Endpoints"
    )
    assert re.fullmatch(r"[67]\d\.\d+\(\d+\)", second[1])
    panels = section.drawings[0].panels
    assert [p.title for p in panels] == ["elements", "species"]
    assert [m.name for m in panels[0].marks] == ["C", "V"]


def test_compositions_are_drawn_and_written(composition, tmp_path):
    write_report(composition, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Composition" in page
    assert write_figures(composition, tmp_path / "figures")
    (table,) = [p for p in write_tables(composition, tmp_path / "t") if "composition" in p.name]
    text = table.read_text(encoding="utf-8")
    assert "atomic_percent" in text
    assert "factor_component" in text
