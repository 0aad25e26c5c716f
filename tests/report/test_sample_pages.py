"""Pages of a batch in a real browser: linked panels, a table to sort, nothing from the network."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pytest
from headless import running
from simulated_sample import AXIS, DEAD, HOSTILE, batch, carbon, edges, whole_batch
from test_report import Checker

from spectra import Variable
from spectra.report.batch import write_batch_page, write_pages, write_sample_page
from spectra.results import Record
from spectra.summary import sample_summary

SIZES = ((1280, 900), (360, 740))


@pytest.fixture(scope="module")
def whole():
    return whole_batch()


@pytest.fixture(scope="module")
def folder(whole, tmp_path_factory):
    """The pages of the batch."""
    folder = tmp_path_factory.mktemp("pages")
    write_pages(whole, folder)
    return folder


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with running(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def sample_tab(tab, folder):
    """The page of the sample with everything, in a wide window."""
    (path,) = folder.glob("KVO-1*")
    if not tab.js(f"location.href === {path.resolve().as_uri()!r} && innerWidth > 1000"):
        tab.open(path)
    return tab


def test_pages_are_balanced_escaped_and_lead_to_each_other(whole, folder):
    pages = sorted(p.name for p in folder.glob("*.html"))
    assert len(pages) == 1 + len(whole.sheet.samples)
    assert "index.html" in pages
    for name in pages:
        text = (folder / name).read_text(encoding="utf-8")
        checker = Checker()
        checker.feed(text)
        assert checker.open == []
        assert max(np.diff(checker.headings)) <= 1
        assert HOSTILE not in text
        assert "SIMULATED DATA" in text
        links = [v for v in checker.loads if not v.startswith(("data:", "#"))]
        assert links
        assert all((folder / unquote(v)).is_file() for v in links)
        assert text.count("sha256-") == text.count("<script>")


def test_techniques_and_failures_stand_where_they_belong(folder):
    (first,) = (p.read_text(encoding="utf-8") for p in folder.glob("KVO-1*"))
    headings = re.findall(r"<h2[^>]*>(\w+)", first)
    order = ["Conditions", "XRD", "XANES", "EXAFS", "XPS", "Raman"]
    assert [h for h in headings if h in order] == order
    second = (folder / "KVO-2.html").read_text(encoding="utf-8")
    assert "EXAFS</h2>" not in second
    assert "region.vms: no such file" in second
    assert "region.vms: no such file" in (folder / "index.html").read_text(encoding="utf-8")
    assert f'<td class="text">{DEAD}</td>' in first
    assert "all values are zero" in first


def test_every_figure_says_in_words_what_it_shows(folder):
    (first,) = (p.read_text(encoding="utf-8") for p in folder.glob("KVO-1*"))
    labels = re.findall(r'role="img" aria-label="([^"]+)"', first)
    assert len(labels) == first.count('class="plot"') > 12
    assert any(re.match(r"V of K3V5O14 .* 325\.\d+\(\d+\) .* to 32[56]\.", v) for v in labels)
    assert any("V4+ 0." in v and "V5+ 0." in v for v in labels)
    assert all("<th scope" in th or "<th>" not in th for th in re.findall("<th[^>]*>", first))


def test_frames_without_a_place_are_told_and_not_drawn(tmp_path):
    told = carbon((0.2, 0.8))
    nowhere = told.steps["carbon"]
    place = Variable(np.array([np.nan, 0.8]), "")
    moved = replace(nowhere, variables={AXIS: place})
    one = batch({"A": {"raman": Record({"carbon": moved}, None)}})
    text = write_sample_page(one, "A", tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Without a place on the axis" in text
    assert re.search(r"frame 0</td><td>0\.\d+\(\d+\)", text)


@pytest.mark.parametrize(("axis", "label"), [("time", "time (s)"), (AXIS, "state of charge")])
def test_the_axis_is_that_of_the_sheet(tmp_path, axis, label):
    one = batch({"A": {"xanes": edges(4)}}, axis=axis)
    text = write_sample_page(one, "A", tmp_path / "a.html").read_text(encoding="utf-8")
    assert f'"axis":"{label}"' in text


def test_a_batch_in_which_all_failed_has_its_pages(tmp_path):
    nothing = batch({"A": {"xrd": "no file; mend the path"}, "B": {"xrd": "no beam; try again"}})
    index = write_pages(nothing, tmp_path)
    assert index == tmp_path / "index.html"
    assert "no beam" in index.read_text(encoding="utf-8")
    assert "no beam" in (tmp_path / "B.html").read_text(encoding="utf-8")
    with pytest.raises(KeyError):
        write_sample_page(nothing, "C", tmp_path / "c.html")


def test_pages_know_the_summary_that_is_at_hand(whole, tmp_path):
    bare = replace(sample_summary(whole), headlines=())
    path = write_batch_page(whole, tmp_path / "i.html", summary=bare)
    assert 'id="scatter"' not in path.read_text(encoding="utf-8")


@pytest.mark.browser
@pytest.mark.parametrize("size", SIZES)
def test_no_complaint_no_network_and_no_sideways_scrolling(tab, folder, size):
    for path in [*folder.glob("KVO-1*"), folder / "index.html"]:
        tab.open(path, *size)
        assert tab.complaints == []
        asked = [a for a in tab.asked if not a.startswith("data:")]
        assert asked == [path.resolve().as_uri()]
        assert tab.js("document.documentElement.scrollWidth") <= size[0]
        plots = tab.js("document.querySelectorAll('.plot').length")
        assert tab.js("document.querySelectorAll('.plot .main-svg').length") >= 2 * plots


@pytest.mark.browser
def test_the_policy_forbids_what_is_not_the_pages_own(tab, folder):
    tab.open(folder / "KVO-3.html")
    tab.js(
        "document.body.appendChild(Object.assign(document.createElement('script'), "
        "{textContent: 'window.broken = 1'}))  && 0"
    )
    assert tab.js("window.broken === undefined")
    assert any("Content Security Policy" in c for c in tab.complaints)


RANGES = "page.content.plots.map(p => document.getElementById(p.id)._fullLayout.xaxis.range)"


@pytest.mark.browser
def test_panels_zoom_together(sample_tab):
    begin = sample_tab.js(RANGES)
    assert len({tuple(r) for r in begin}) == 1
    places = sample_tab.js(
        "(() => { const b = document.getElementById(page.content.plots[3].id); "
        "b.scrollIntoView({block: 'center'}); const r = b.getBoundingClientRect(), "
        "x = b._fullLayout.xaxis; return [0.2, 0.4].map(v => r.left + x._offset + x.d2p(v))"
        ".concat(r.top + 60); })()"
    )
    left, right, height = places
    button = {"button": "left", "buttons": 1, "clickCount": 1}
    sample_tab.mouse("mouseMoved", left, height)
    sample_tab.mouse("mousePressed", left, height, **button)
    for x in (left + 20, right - 20, right):
        sample_tab.mouse("mouseMoved", x, height, **button)
    sample_tab.mouse("mouseReleased", right, height, **button)
    sample_tab.js("new Promise(done => setTimeout(done, 500))")
    zoomed = sample_tab.js(RANGES)
    assert len({tuple(r) for r in zoomed}) == 1
    assert zoomed[0] == pytest.approx([0.2, 0.4], abs=0.01)
    sample_tab.js("document.getElementById('whole').focus()")
    sample_tab.key("Enter", 13, "\r")
    sample_tab.js("new Promise(done => setTimeout(done, 300))")
    assert sample_tab.js(RANGES) == begin


def shown(tab):
    """What stands above each panel as chosen, by the panel's heading."""
    return tab.js(
        "Object.fromEntries(Array.from(document.querySelectorAll('.lane')).map(lane => "
        "[lane.querySelector('.what').textContent.trim(), "
        "lane.querySelector('figcaption').textContent.replace(/\\s+/g, ' ').trim()]))"
    )


@pytest.mark.browser
def test_keys_choose_a_frame_in_all_panels(sample_tab, whole):
    sample_tab.js("document.getElementById('frame').focus()")
    sample_tab.key("Home", 36)
    for _ in range(3):
        sample_tab.key("ArrowRight", 39)
    where = sample_tab.js("document.getElementById('where').textContent")
    assert where.startswith("XRD, frame 3 (simulated_0003) at state of charge 0.0842")
    told = shown(sample_tab)
    volume = whole.outcomes[0].record().steps["cell"]["volume"][3, 0]
    assert f"{volume:.1f}" in told["V of K3V5O14 (Å³)"]
    assert "at 0.0842" in told["V of K3V5O14 (Å³)"]
    # Measured elsewhere: the nearest point, at its own place.
    assert told["valence, bulk"].endswith("at 0.125")
    assert told["I_D/I_G"].endswith("at 0.5")
    rings = sample_tab.js("document.querySelectorAll('.over .ring').length")
    assert rings == sample_tab.js("page.content.plots.flatMap(p => p.curves).length")


@pytest.mark.browser
def test_a_frame_without_a_result_borrows_none(sample_tab):
    sample_tab.js("document.getElementById('frame').focus()")
    sample_tab.key("Home", 36)
    for _ in range(DEAD):
        sample_tab.key("ArrowRight", 39)
    told = shown(sample_tab)
    assert f"frame {DEAD} " in sample_tab.js("document.getElementById('where').textContent")
    assert told["V of K3V5O14 (Å³)"].endswith("no result")
    assert re.search(r"P/M 0\.\d+\(\d+\) at 0\.375", told["P/M"])


@pytest.mark.browser
def test_a_click_and_the_pointer_are_seen_in_all_panels(sample_tab):
    box = sample_tab.js(
        "(() => { const b = document.getElementById(page.content.plots[0].id); "
        "b.scrollIntoView({block: 'center'}); const r = b.getBoundingClientRect(), "
        "x = b._fullLayout.xaxis; return [r.left + x._offset + x.d2p(0.5), r.top + 60]; })()"
    )
    sample_tab.click(*box)
    assert "frame 8 " in sample_tab.js("document.getElementById('where').textContent")
    assert sample_tab.js("document.getElementById('frame').value") == "8"
    sample_tab.mouse("mouseMoved", box[0] + 40, box[1])
    lines = sample_tab.js(
        "page.content.plots.map(p => { const l = document.querySelector('#over-' + p.id + "
        "' .line'), x = document.getElementById(p.id)._fullLayout.xaxis; "
        "return l ? x.p2d(parseFloat(l.style.left)) : null; })"
    )
    assert np.ptp(lines) < 1e-3
    assert 0.5 < lines[0] < 0.6


@pytest.mark.browser
def test_the_table_is_sorted_by_keys(tab, folder):
    tab.open(folder / "index.html")
    first = "document.querySelector('#samples tbody tr').cells[0].textContent"
    names = "Array.from(document.querySelectorAll('#samples tbody th')).map(c => c.textContent)"
    before = tab.js(names)
    tab.js("document.querySelectorAll('#samples thead button')[0].focus()")
    tab.key("Enter", 13, "\r")
    assert tab.js(names) == before
    tab.key("Enter", 13, "\r")
    assert tab.js(names) == before[::-1]
    assert tab.js("document.querySelector('#samples th').getAttribute('aria-sort')") == "descending"
    # Only the last sample has two Raman spectra, and what is missing stays below.
    column = tab.js(
        "Array.from(document.querySelectorAll('#samples thead th'))"
        ".findIndex(c => c.textContent === 'Raman: I_D/I_G')"
    )
    tab.js(f"document.querySelectorAll('#samples thead button')[{column}].focus()")
    for _ in range(2):
        tab.key(" ", 32, " ")
        last = tab.js(
            "Array.from(document.querySelectorAll('#samples tbody tr')).pop()"
            f".cells[{column}].textContent"
        )
        assert last == "–"
    assert tab.js(first) != "KVO-2"


@pytest.mark.browser
def test_the_scatter_follows_its_choices(tab, folder, whole):
    tab.open(folder / "index.html")
    note = "document.getElementById('scatter-note').textContent"
    # Nine spectra of one sample and five of the other meet a pattern within half a step.
    along = re.match(r"(\d+) points of 2 samples", tab.js(note))
    assert along
    assert 8 <= int(along[1]) <= 14
    tab.js(
        "(() => { const s = document.getElementById('points'); s.value = 'change'; "
        "s.dispatchEvent(new Event('change')); })()"
    )
    assert tab.js(note).startswith("2 points of 2 samples")
    trace = tab.js(
        "(({x, y, error_x, error_y}) => [x[0], y[0], error_x.array[0], "
        "error_y.array[0]])(document.getElementById('scatter').data[0])"
    )
    strain = whole.outcomes[0].record().steps["strain"]
    change = strain["dv_over_v"][-1, 0] - strain["dv_over_v"][0, 0]
    error = np.hypot(*strain["dv_over_v_stderr"][[0, -1], 0])
    assert trace[1] == pytest.approx(100 * change, rel=1e-6)
    assert trace[3] == pytest.approx(100 * error, rel=1e-3)
    assert trace[0] == pytest.approx(2.0, abs=0.01)


@pytest.mark.browser
def test_no_line_joins_two_measurements(tab, tmp_path):
    path = tmp_path / "two.html"
    write_batch_page(batch({"A": {"xanes": edges(5), "xanes-2": edges(3)}}), path)
    tab.open(path)
    xs = tab.js("Array.from(document.getElementById('scatter').data[0].x)")
    assert [x is None for x in xs].count(True) == 1
    assert sorted((xs.index(None), len(xs) - 1 - xs.index(None))) == [3, 5]
    assert tab.js("document.getElementById('scatter-note').textContent").startswith("8 points of")


@pytest.mark.browser
def test_letters_stand_out_from_their_ground(sample_tab):
    ratios = sample_tab.js(
        """(() => {
        const parts = c => (c.match(/[\\d.]+/g) || []).map(Number);
        const light = c => { const [r, g, b] = parts(c).map(v => v / 255)
          .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e)
          .backgroundColor; if (parts(c)[3] !== 0) return c; } return 'rgb(255, 255, 255)'; };
        return Array.from(document.querySelectorAll('main *, header *')).filter(e =>
          e.firstChild && e.firstChild.nodeType === 3 && e.firstChild.textContent.trim() &&
          !e.closest('.plot')).map(e => { const a = light(getComputedStyle(e).color),
          b = light(ground(e)); return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); });
        })()"""
    )
    assert len(ratios) > 100
    assert min(ratios) >= 4.5


@pytest.mark.browser
def test_printed_panels_fit_the_paper(sample_tab, tmp_path):
    sample_tab.send("Emulation.setEmulatedMedia", media="print")
    # A4 without the margins of the style sheet.
    sample_tab.js("document.body.style.width = '703px'")
    over = sample_tab.js(
        "Array.from(document.querySelectorAll('.lane')).map(l => l.querySelector('.main-svg')"
        ".getBoundingClientRect().right - l.getBoundingClientRect().right)"
    )
    assert len(over) > 12
    assert max(over) <= 1.0
    assert sample_tab.js("getComputedStyle(document.querySelector('.stepper')).display") == "none"
    sample_tab.js("document.body.style.width = ''")
    sample_tab.send("Emulation.setEmulatedMedia", media="")
    sample_tab.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
