"""Reports of refined patterns: the curves, what stands beside them, and the recipes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from operando_patterns import weight_fraction, write_charge
from test_report import browser, console

from spectra.engine import method_from_provenance
from spectra.errors import ResultsError, SettingError
from spectra.fit.uncertainty import point_sigma
from spectra.nexus import open_file
from spectra.recipe import check_recipe, load_recipe, run_recipe
from spectra.report import write_figures, write_report
from spectra.report.figures import group_figure
from spectra.report.plots import make_plots
from spectra.report.refined import correlations, curves_of, grouped, refinements, shown_frames
from spectra.report.series import beside_map, groups
from spectra.results import Record
from spectra.xrd.pattern.curves import pattern_curves
from spectra.xrd.pattern.statistics import agreement
from spectra.xrd.phases import PhaseStatus

N = 10
RECIPES = Path(__file__).resolve().parents[2] / "docs" / "recipes"


@pytest.fixture(scope="module")
def charge(tmp_path_factory):
    """The operando recipe, run; read again from its file."""
    folder = tmp_path_factory.mktemp("charge")
    path = write_charge(RECIPES / "operando_rietveld.toml", folder, N)
    run_recipe(load_recipe(path))
    return open_file(folder / "results.h5")


@pytest.fixture(scope="module")
def results(charge):
    return charge.steps["rietveld"]


def test_weight_fractions_are_the_true_ones(results):
    share, error = (results[n][:, 1] for n in ("weight_fraction", "weight_fraction_stderr"))
    truth = weight_fraction(N)
    mixed = (truth > 0.05) & (truth < 0.95)
    assert mixed.sum() >= 6
    assert np.abs((share - truth)[mixed] / error[mixed]).max() < 5
    assert results["phase_status"][0, 1] == PhaseStatus.LOST
    assert results["phase_status"][-1, 0] == PhaseStatus.LOST


def curves(charge, frames, **changes):
    results = charge.steps["rietveld"]
    method = replace(method_from_provenance(dict(results.provenance)), **changes)
    return pattern_curves(results, charge.stack, np.array(frames), method)


def test_curves_have_the_figures_of_merit_of_the_results(charge, results):
    found = curves(charge, range(N))
    known = np.isfinite(results["value_stderr"]).sum(axis=1)
    sigma = point_sigma(found.observed, None, "counts")
    again = agreement(found.observed, found.calculated, 1.0 / sigma**2, known)
    # Lost phases included: where they were held is part of the results.
    np.testing.assert_allclose(again.rwp, results["rwp"], rtol=1e-10)
    np.testing.assert_allclose(again.rp, results["rp"], rtol=1e-10)
    assert (found.background > 0).all()
    assert (found.calculated >= found.background - 1e-6).all()


def test_curves_of_one_frame_are_those_of_many(charge):
    many, one = curves(charge, range(N)), curves(charge, [4])
    np.testing.assert_array_equal(one.calculated[0], many.calculated[4])


def test_ticks_stand_on_the_lines(charge):
    found = curves(charge, [N // 2])
    above = (found.calculated - found.background)[0]
    top = found.x[above.argmax()]
    ticks = np.concatenate([t.two_theta[0] for t in found.ticks])
    assert np.nanmin(np.abs(ticks - top)) < 0.04  # The second line of Kα pulls tops by half a step.


def test_lost_phases_have_no_ticks(charge):
    found = curves(charge, [0, N // 2])
    assert np.isnan(found.ticks[1].two_theta[0]).all()
    assert np.isfinite(found.ticks[1].two_theta[1]).any()


def test_excluded_points_are_not_used(charge):
    found = curves(charge, [0], exclude=((20.0, 22.0),))
    assert not found.used[(found.x > 20) & (found.x < 22)].any()
    assert found.used[found.x < 20].all()


def test_curves_refuse_what_does_not_belong_together(charge, results):
    method = method_from_provenance(dict(results.provenance))
    with pytest.raises(ResultsError, match="beside 9 patterns"):
        pattern_curves(results, charge.stack[:9], np.array([0]), method)
    spoilt = replace(results, columns={**results.columns, "rwp": np.full(N, np.nan)})
    with pytest.raises(ResultsError, match="frame 2 was not refined"):
        pattern_curves(spoilt, charge.stack, np.array([2]), method)


def test_first_middle_last_and_worst_are_shown(results):
    shown = {i: what for what, i in shown_frames(results)}
    assert shown[0].startswith("first")
    assert shown[N - 1].startswith("last")
    assert shown[int(np.argmax(results["gof"]))].endswith("worst")
    assert len(shown) <= 8


def test_correlations_are_named(results):
    found = correlations(results, N // 2)
    assert found is not None
    np.testing.assert_allclose(np.diag(found.matrix), 1.0, rtol=1e-6)
    for a, b, value in found.pairs:
        assert abs(value) > 0.9
        assert found.matrix[found.names.index(a), found.names.index(b)] == value


def test_names_are_drawn_together():
    names = ["zero", "A.intensity(1 0 0)", "A.intensity(1 1 0)", "A.intensity(2 0 0)", "w"]
    assert grouped(names) == ["zero", "A.intensity(1 0 0) … A.intensity(2 0 0)", "w"]


def test_series_and_what_stands_beside_the_map(charge):
    headings = [g.heading for g in groups(charge)]
    assert "Rietveld: Cell of LiFePO4" in headings
    assert "Rietveld: Weight fractions" in headings
    assert "Rietveld: Agreement of the patterns" in headings
    labels = [s.label for s in beside_map(charge)]
    assert [label.split()[-1] for label in labels] == ["(Å³)", "%)"]


def page_data(text):
    (found,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', text)
    return json.loads(found)


def test_page_holds_the_curves_and_says_what_they_mean(charge, tmp_path):
    text = write_report(charge, tmp_path / "r.html").read_text()
    (refined,) = page_data(text)["refined"]
    assert len(refined["frames"]) <= 8
    assert {len(v) for k, v in refined["frames"][0].items() if k in ("x", "observed")} != {0}
    for said in ("Durbin–Watson", "Bérar", "crystalline", "Strategy", "parameters held"):
        assert said in text
    # The library alone is most of it.
    assert len(text) < 10_000_000


def test_a_page_without_patterns_says_so(charge, tmp_path):
    text = write_report(replace(charge, stack=None), tmp_path / "r.html").read_text()
    assert "cannot be calculated again" in text


def test_a_page_of_other_settings_is_still_one(charge, results, tmp_path):
    made = {**results.provenance, "settings": {"nothing": 1}}
    other = replace(charge, steps={"rietveld": replace(results, provenance=made)})
    assert curves_of(other, other.steps["rietveld"], [("", 0)]) is None
    assert write_report(other, tmp_path / "r.html").is_file()


def test_figures(charge, tmp_path):
    names = {p.name for p in write_figures(charge, tmp_path, ("png",))}
    assert {"patterns.png", "rietveld_weight.png", "rietveld_correlations.png"} <= names
    assert sum(n.startswith("rietveld_fit_") for n in names) >= 3


def test_frames_are_whole_and_labels_keep_apart(results):
    bare = replace(results[4:7], variables={})
    (group,) = (g for g in groups(Record({"rietveld": bare})) if "microstrain" in g.heading)
    series = [replace(s, label=f"strain of phase_{i:06d} (%)") for i, s in enumerate(group.series)]
    with matplotlib.rc_context({"font.size": 7.0, "axes.labelsize": 7.5}):
        figure = group_figure(group, series, simulated=False)
        figure.canvas.draw()
    assert all(float(t).is_integer() for t in figure.axes[-1].get_xticks())
    labels = [ax.yaxis.label.get_window_extent() for ax in figure.axes]
    assert all(above.y0 > below.y1 for above, below in pairwise(labels))
    assert [c[-1]["ticks"] for c in make_plots(Record({"rietveld": bare})).abscissae.values()] == [
        {"tick0": 0, "dtick": 1}
    ]


def test_results_show_themselves(results):
    text = results._repr_html_()
    assert "volume[LiFePO4]" in text
    assert "value_cov" in text.rpartition("Not shown")[2]
    assert re.search(r"\d\(\d+\)", text)
    ax = results.plot("weight_fraction", against="voltage")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["LiFePO4", "FePO4"]
    ax.figure.clear()


def test_refinements_are_found_by_their_table(charge):
    assert [s.method for s in refinements(charge)] == ["Rietveld"]


@pytest.mark.browser
@pytest.mark.parametrize("size", ["1280,2000", "390,2000"])
def test_the_controls_of_the_curves_work(charge, tmp_path, size):
    browser()
    path = write_report(charge, tmp_path / "r.html")
    text = path.read_text()
    # The page forbids scripts that are not its own; one that plays its reader needs leave.
    text = re.sub(r"<meta http-equiv=.Content-Security-Policy.*?>\n", "", text, count=1)
    play = """<script>addEventListener("load", async () => {
      while (!document.documentElement.dataset.ready) await new Promise(r => setTimeout(r, 20));
      for (const one of document.querySelectorAll("[id^=root-], [id^=sigma-]")) one.click();
      const chosen = document.querySelector("[id^=frame-]");
      chosen.value = "0"; chosen.dispatchEvent(new Event("change"));
      await new Promise(r => setTimeout(r, 200));
      const plot = document.getElementById(chosen.id.slice(6));
      document.body.dataset.played = [Math.max(...plot.data[0].y), Math.max(...plot.data[0].text),
        plot.layout.yaxis2.title.text].join("|");
    });</script></body>"""
    path.write_text(text.replace("</body>", play))
    lines, dom = console(path, tmp_path, size)
    assert lines == []
    (played,) = re.findall(r'data-played="(.*?)"', dom)
    root, top, title = played.split("|")
    assert float(root) == pytest.approx(float(top) ** 0.5)
    assert title == "difference"


def test_recipes_load_where_their_files_are(tmp_path):
    for name in ("CuCr2O4.cif", "CuO.cif", "OH_00.prm"):
        (tmp_path / name).write_text("")
    text = (RECIPES / "temperature_rietveld.toml").read_text()
    (tmp_path / "r.toml").write_text(text)
    method = load_recipe(tmp_path / "r.toml").methods["rietveld"]
    assert method.widths == {"CuCr2O4": ("size", "stephens"), "CuO": ("size", "strain")}
    assert method.instrument == str(tmp_path / "OH_00.prm")
    assert method.phases[1] == str(tmp_path / "CuO.cif")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"instrument": "none.prm"}, "instrument names .*none.prm, which does not exist"),
        ({"phases": ["none.cif"]}, "phases names .*none.cif, which does not exist"),
        ({"geometry": "laue"}, "geometry = 'laue'; expected debye_scherrer"),
        ({"exclude": [[5.0, 4.0]]}, "exclude = .*pairs"),
        ({"background": 3}, "no setting background; did you mean background_degree"),
    ],
)
def test_recipes_are_checked_before_anything_starts(tmp_path, changes, match):
    step = {"name": "r", "method": "xrd.Rietveld", "phases": ["CuO"], **changes}
    with pytest.raises(SettingError, match=match):
        check_recipe({"stack": {"files": "*.xy"}, "step": [step]}, tmp_path, "recipe")


def test_one_width_may_be_a_word(tmp_path):
    step = {"name": "r", "method": "xrd.Rietveld", "phases": ["CuO"], "widths": {"CuO": "size"}}
    made = check_recipe({"stack": {"files": "*.xy"}, "step": [step]}, tmp_path, "recipe")
    assert made.methods["r"].widths == {"CuO": ("size",)}
