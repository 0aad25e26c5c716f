"""Reports of backgrounds and of fitted shells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_report import browser, console
from tests.xas.shells.copper_shells import chi_stack, noise_of, simulated_path

from spectra import Stack, Status, Variable, xas
from spectra.report import write_figures, write_report
from spectra.report.absorption import absorption_sections
from spectra.report.bondfits import chosen_frames, correlated
from spectra.report.series import groups
from spectra.results import Record
from spectra.xas.shells.equation import chi_of_path

N = 30
K = 0.05 * np.arange(301)
HOSTILE = "<b>钒</b> $x$"
CLOSE, FAR = simulated_path(1.95, 6.0, 8), simulated_path(2.85, 6.0, 29)
SHIFT = 0.06 * np.sin(np.linspace(0.0, np.pi, N))
PARAMETERS = {
    "s02": {"value": 0.7, "across": "common"},
    "e0": 1.0,
    "n_o": 5.0,
    "dr_o": 0.0,
    "dr_m": 0.0,
    "s2_o": 0.005,
    "s2_m": 0.005,
}
PATHS = (
    {"path": CLOSE, "label": "M-O", "n": "n_o", "delta_r": "dr_o", "sigma2": "s2_o"},
    {"path": FAR, "label": "M-M", "n": 6, "delta_r": "dr_m", "sigma2": "s2_m"},
)


@pytest.fixture(scope="module")
def charge():
    """Bonds that shrink and stretch again; the last frame has no χ(k)."""
    chi = np.zeros((N, len(K)))
    for i in range(N):
        for path, sigma2 in ((CLOSE, 0.006 - 0.03 * SHIFT[i]), (FAR, 0.005)):
            said = {"e0": 3.0, "delta_r": -SHIFT[i], "sigma2": sigma2}
            chi[i, 1:] += chi_of_path(path, K[1:], amplitude=0.8 * 6.0, **said)
    chi += noise_of("white", K) * np.random.default_rng(3).normal(size=chi.shape)
    chi[-1] = np.nan
    time = Variable(np.arange(float(N)) * 900.0, "s")
    voltage = Variable(3.0 + 10.0 * SHIFT, "V")
    stack = chi_stack(chi, k=K, time=time, voltage=voltage)
    stack = replace(stack, names=tuple(f"{HOSTILE} {i}" for i in range(N)))
    method = xas.Shells(k_range=(3.0, 13.0), r_range=(1.0, 3.2), parameters=PARAMETERS, paths=PATHS)
    return Record({"shells": method(stack)}, stack)


def sections(record):
    return {s.heading: s for s in absorption_sections(record)}


def test_shells_have_bonds_changes_and_fits(charge):
    found = sections(charge)
    assert list(found) == ["Bonds", "Changes of the bonds", "Fits of the shells"]
    told = " ".join(found["Bonds"].sentences)
    assert f"{N - 1} of {N} frames are fitted in R space" in told
    assert "2ΔkΔR/π + 1, as Larch and IFEFFIT count" in told
    assert "15.0 independent points" in told
    assert "π/2Δk = 0.16 Å" in told


def test_bonds_are_told_with_the_flagged_first(charge):
    section = sections(charge)["Bonds"]
    assert section.columns[:4] == ("frame", "time (h)", "voltage (V)", "shell")
    assert all(len(row) == len(section.columns) for row in section.rows)
    first, second = section.rows[:2]
    assert first[0] == str(N - 1)
    assert first[3] == "–"
    assert first[-1].startswith("bad_input: ")
    assert HOSTILE not in first[-1]
    assert second[:1] == ("0",)
    results = charge.steps["shells"]
    assert second[3] == "M-O"
    told = float(second[5].partition("(")[0])
    assert told == pytest.approx(results["r"][0, 0], abs=results["r_stderr"][0, 0])
    # A number that is held has no uncertainty.
    assert section.rows[2][4] == "6"
    # Twenty-four frames of two shells, and the one without any.
    assert len(section.rows) == 2 * 24 + 1
    name, text = section.download
    assert name == "shells_bonds.csv"
    assert len([row for row in text.splitlines() if not row.startswith("#")]) == N + 1


def test_changes_are_those_of_the_bond_table(charge):
    results = charge.steps["shells"]
    rows = sections(charge)["Changes of the bonds"].rows
    shortest = int(np.nanargmin(results["r"][:, 0]))
    assert abs(shortest - N // 2) < 3
    row = next(r for r in rows if r[:3] == ("M-O", "ΔR (Å)", str(shortest)))
    bonds = xas.bond_table(results, errors="scaled")
    noise = xas.bond_table(results, errors="noise")
    assert row[3].startswith("−0.0")
    told = [float(v.replace("−", "-")) for v in row[4:6]]
    expected = [float(b["r_significance"][shortest, 0]) for b in (bonds, noise)]
    assert told == pytest.approx(expected, abs=0.05)
    assert told[1] < -10
    assert row[6] == "significant"
    # The number of the other shell was held: nothing is said of it.
    assert not [r for r in rows if r[:2] == ("M-M", "ΔN")]


def test_curves_of_the_fit_are_those_that_were_fitted(charge):
    from spectra.report.bondfits import Curves
    from spectra.xas.exafs.chi import chi_of

    results = charge.steps["shells"]
    curves = Curves.of(chi_of("test", charge.stack[3:4].load()), results["model"][3], results)
    step = curves.r[1] - curves.r[0]
    low, high = (int(0.01 + end / step) for end in results.attrs["r_range"])
    data, fit = curves.in_r_data[low:high], curves.in_r_fit[low:high]
    left = np.abs(data - fit) ** 2
    assert left.sum() / (np.abs(data) ** 2).sum() == pytest.approx(results["r_factor"][3], rel=1e-6)


def test_the_frames_a_reader_asks_for_are_drawn(charge):
    results = charge.steps["shells"]
    good = np.flatnonzero(results.ok())
    chosen = {i: role for role, i in chosen_frames(results, good)}
    assert chosen[0].startswith("first")
    assert any("shortest M-O" in role for role in chosen.values())
    worst = int(good[results["r_factor"][good].argmax()])
    assert "worst R-factor" in chosen[worst]
    section = sections(charge)["Fits of the shells"]
    assert len(section.drawings) == len(chosen)
    assert [row[0] for row in section.rows] == ["s02"]
    assert section.rows[0][-1] == "fitted to all frames"


def test_strong_correlations_are_named(charge):
    results = charge.steps["shells"]
    good = np.flatnonzero(results.ok())
    pairs = correlated(results, good)
    covariance = results["covariance"][0]
    names = results.table.coords["parameter"]["name"].tolist()
    for a, b, middle, low, high in pairs:
        i, j = names.index(a), names.index(b)
        one = covariance[i, j] / np.sqrt(covariance[i, i] * covariance[j, j])
        assert low <= one <= high
        assert low <= middle <= high
    assert ("e0", "dr_o") in {pair[:2] for pair in pairs}
    told = sections(charge)["Fits of the shells"].sentences[-1]
    assert "e0 with dr_o" in told


def test_distances_disorder_and_numbers_stand_above_one_another(charge):
    drawing = sections(charge)["Bonds"].drawings[0]
    labels = [p.y_label for p in drawing.panels]
    assert labels == [
        "voltage (V)",
        "R of M-O (Å)",
        "R of M-M (Å)",
        "σ² (10⁻³ Å²)",
        "coordination number",
    ]
    assert drawing.columns == (3, 2)
    assert len(drawing.panels[1].marks[0].x) == N - 1
    (group,) = groups(charge)
    assert [s.label for s in group.series][:3] == ["R of M-O (Å)", "R of M-M (Å)", "σ² of M-O (Å²)"]
    # The held number of M-M is no series.
    assert [s.label for s in group.series][-1] == "N of M-O"


def test_frames_that_cannot_be_fitted_are_told(charge):
    results = charge.steps["shells"]
    lost = replace(results, status=np.full(N, Status.BAD_INPUT), messages=("no light",) * N)
    (section,) = absorption_sections(Record({"shells": lost}, charge.stack))
    assert "None of the 30 frames has fitted shells. The first: no light." in section.sentences[0]


def test_one_frame_has_bonds_and_a_fit_but_no_changes(charge):
    record = Record({"shells": charge.steps["shells"][:1]}, charge.stack[:1])
    found = sections(record)
    assert list(found) == ["Bonds", "Fits of the shells"]
    assert found["Bonds"].drawings == ()
    assert len(found["Fits of the shells"].drawings) == 1


def test_figures_are_written_whatever_the_names_hold(charge, tmp_path):
    names = {p.name for p in write_figures(charge, tmp_path, ("svg",))}
    assert {"bonds-shells.svg", "fit-shells-0.svg"} <= names


@pytest.mark.browser
def test_page_is_drawn_without_a_complaint(charge, tmp_path):
    browser()
    page = write_report(charge, tmp_path / "r.html")
    lines, dom = console(page, tmp_path)
    assert lines == []
    assert dom.count('class="main-svg"') >= 8
    assert "<b>钒" not in page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def spectra_of_an_edge():
    energy = np.concatenate([np.arange(8700.0, 9020.0, 1.0), np.arange(9020.0, 9900.0, 2.5)])
    k = np.sqrt(np.maximum(energy - 8979.0, 0.0) / 3.81)
    chi = 0.5 * np.sin(2 * 2.2 * k) * np.exp(-0.01 * k**2) * (k > 1.0)
    mu = np.tile((1.0 + chi) / (1 + np.exp(-(energy - 8979.0) / 1.5)), (3, 1))
    mu += 1e-4 * np.random.default_rng(1).normal(size=mu.shape)
    mu[2, 500] += 0.05
    return Stack.from_arrays(energy, mu, axis_name="energy", axis_unit="eV", quantity="mu")


def test_backgrounds_are_shown_with_their_checks(spectra_of_an_edge):
    results = xas.Background(normalize={"e0": 8979.0})(spectra_of_an_edge)
    (section,) = absorption_sections(Record({"background": results}, spectra_of_an_edge))
    assert section.heading == "χ(k)"
    oscillations, spectrum = section.drawings[0].panels
    assert len(oscillations.marks) == 3
    curve = next(m for m in spectrum.marks if m.name == "background")
    inside = (curve.x > 9050) & (curve.x < 9800)
    assert curve.y[inside] == pytest.approx(1.0, abs=0.05)
    rows = {row[0]: row for row in section.rows}
    assert rows["odd points"][2] == "1 frame"
    assert f"{spectra_of_an_edge.x[500]:.1f} eV (1)" in rows["odd points"][1]
    assert rows["first shell left"][2] == "none"


def test_an_eaten_shell_is_shown(spectra_of_an_edge):
    results = xas.Background(normalize={"e0": 8979.0}, rbkg=2.6)(spectra_of_an_edge[:2])
    (section,) = absorption_sections(Record({"background": results}, spectra_of_an_edge[:2]))
    rows = {row[0]: row for row in section.rows}
    assert rows["first shell left"][2] == "2 frames"
    assert len(section.drawings[0].panels) >= 2


def test_backgrounds_of_nothing_have_no_section(spectra_of_an_edge):
    results = xas.Background(normalize={"e0": 8979.0})(spectra_of_an_edge)
    lost = replace(results, status=np.full(3, Status.NO_SIGNAL))
    assert not list(absorption_sections(Record({"background": lost}, spectra_of_an_edge)))
