"""What shares a panel, where frames stand, and which numbers of samples are compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_sample import AXIS, batch

from spectra import Stack, Variable
from spectra.headlines import Headline
from spectra.report.batch.axis import FRAMES, CommonAxis, ends
from spectra.report.batch.comparison import Compared, Comparison
from spectra.report.batch.lanemap import lane_maps, runs
from spectra.report.batch.lanes import curves, lanes, names
from spectra.report.batch.ownaxis import of_sample
from spectra.report.batch.tones import tones, variants
from spectra.results import Column as Declared
from spectra.results import Record, Results, Table
from spectra.summary import sample_summary

SOC = CommonAxis(AXIS, "state of charge")


def headline(column="v", entry="", values=(1.0, 2.0), stderr=0.1, **said) -> Headline:
    n = len(values)
    quantity = f"{column} of {entry}" if entry else column
    given = {
        "sample": "A",
        "technique": "xrd",
        "measurement": "xrd",
        "step": "s",
        "unit": "",
        "at": np.linspace(0.0, 1.0, n),
        "status": ("ok",) * n,
        "names": tuple(map(str, range(n))),
    }
    return Headline(
        column=column,
        entry=entry,
        quantity=quantity,
        values=np.array(values, dtype=float),
        stderr=np.full(n, stderr),
        with_first=np.zeros(n),
        **given | said,
    )


def titles(*headlines, levels=None):
    found = lanes(curves(headlines, SOC), levels or {})
    return [(lane.label, len(lane.curves)) for lane in found]


def test_what_one_scale_shows_shares_a_panel():
    near = headline("sigma2", "a", (1.0, 2.0)), headline("sigma2", "b", (1.5, 3.0))
    assert titles(*near) == [("sigma2", 2)]
    far = headline("r", "a", (1.0, 1.1)), headline("r", "b", (2.0, 2.1))
    assert titles(*far) == [("r of a", 1), ("r of b", 1)]
    # Shares are of one whole, and many would fill the page.
    assert titles(headline("fraction", "a", (0.1,)), headline("fraction", "b", (0.9,))) == [
        ("fraction", 2)
    ]
    assert titles(*(headline("r", str(k), (float(k), k + 0.01)) for k in range(8))) == [
        ("r", 6),
        ("r", 2),
    ]


def test_changes_of_a_phase_are_together_in_percent():
    made = [headline(f"d{c}_over_{c}", p, (0.0, 0.001)) for p in ("X", "Y") for c in "va"]
    made = [replace(h, quantity=f"Δ{h.column[1]} of {h.entry}") for h in made]
    found = lanes(curves(made, SOC), {})
    assert [lane.label for lane in found] == [
        "relative change of X (%)",
        "relative change of Y (%)",
    ]
    assert names(found[0]) == ["Δv", "Δa"]
    assert found[0].zero
    assert found[0].curves[0].values.tolist() == [0.0, 0.1]
    assert found[0].curves[0].stderr.tolist() == [10.0, 10.0]


def test_species_of_a_level_are_together():
    made = [headline("position", s, (v, v + 0.01)) for s, v in (("V5+", 517.0), ("OH", 531.0))]
    levels = {("s", "V5+"): "V 2p", ("s", "OH"): "O 1s"}
    assert titles(*made, levels=levels) == [("position of V5+", 1), ("position of OH", 1)]
    made.append(headline("position", "V4+", (515.8, 515.9)))
    levels["s", "V4+"] = "V 2p"
    assert titles(*made, levels=levels) == [("position of V 2p", 2), ("position of OH", 1)]


def test_what_was_held_or_lacks_is_left_out():
    own = headline("ratio")
    held, lacking = headline("n", stderr=0.0), headline("r", values=(np.nan, np.nan))
    assert titles(own, held, lacking) == [("ratio", 1)]
    assert titles(own, replace(own, values=own.values + 1)) == [("ratio", 2)]


def test_frames_without_a_value_are_no_points_and_keep_their_numbers():
    (curve,) = curves([headline(values=(1.0, np.nan, 3.0), status=("ok", "lost", "at_bound"))], SOC)
    assert curve.frames.tolist() == [0, 2]
    assert curve.at.tolist() == [0.0, 1.0]
    assert curve.doubtful.tolist() == [False, True]


@pytest.mark.parametrize(
    ("at", "parts"),
    [
        ([0, 1, 2, 3], [[0, 1, 2, 3]]),
        ([0, 1, 2, 1, 0], [[0, 1, 2], [3, 4]]),
        ([0, 0, 1, 1, 1, 0], [[0, 1, 2, 3, 4], [5]]),
        ([np.nan, 1, np.nan, 2], [[1, 3]]),
        ([5], [[0]]),
    ],
)
def test_a_sequence_is_cut_where_it_turns(at, parts):
    assert [p.tolist() for p in runs(np.array(at, dtype=float))] == parts


def test_maps_hold_the_frames_in_the_order_of_the_axis():
    signal = np.tile(np.arange(10.0)[:, None], (1, 30)) + 1.0
    stack = Stack.from_arrays(np.arange(30.0), signal)
    charge = np.array([0, 1, 2, 3, 4, 5, 4, 3, 2, 1], dtype=float)
    up, down = lane_maps(Record({}, stack), charge)
    assert up.frames.tolist() == [0, 1, 2, 3, 4, 5]
    assert down.frames.tolist() == [9, 8, 7, 6]
    assert down.at.tolist() == [1, 2, 3, 4]
    assert up.run == "frames 0 to 5"
    assert up.image.startswith("data:image/png;base64,")
    assert list(lane_maps(Record({}, stack[:3]), charge[:3])) == []


def made_of(variables, n=3):
    table = Table("made", (Declared("v", "", "v", stderr=True, headline="v"),), default="v")
    columns = {"v": np.arange(n, dtype=float), "v_stderr": np.full(n, 0.1)}
    own = {k: Variable(np.asarray(v, dtype=float), u) for k, (v, u) in variables.items()}
    return Record({"made": Results(table, columns, np.zeros(n, np.int8), variables=own)})


def test_a_sample_without_a_place_has_an_axis_of_its_own():
    charged = made_of({"time": ([0, 9000, 18000], "s"), "cosmic_rays": ([0, 1, 0], "")})
    nowhere = made_of({"cosmic_rays": ([0, 1, 0], "")})
    placed = made_of({"temperature": ([10, 20, 30], "K")})
    every = {"A": {"x": charged}, "B": {"x": nowhere}, "C": {"x": placed}}
    summary = sample_summary(batch(every, axis="temperature"))
    axes = [CommonAxis.of(of_sample(summary, s, records)) for s, records in every.items()]
    assert [a.label for a in axes] == ["time (h)", FRAMES, "temperature (K)"]
    moved = of_sample(summary, "A", every["A"]).headlines[0]
    assert axes[0].at(moved).tolist() == [0.0, 2.5, 5.0]


@pytest.mark.parametrize(
    ("variables", "label"),
    [
        ({}, FRAMES),
        ({"time": ([0, 1, 2], "s")}, "time (s)"),
        ({"temperature": ([1, 2, 3], "K")}, ""),
    ],
)
def test_a_sample_without_headlines_is_placed_by_its_frames(variables, label):
    lines = made_of(variables).steps["made"]
    plain = replace(lines.table, columns=(Declared("v", "", "v", stderr=True),))
    records = {"x": Record({"made": replace(lines, table=plain)})}
    summary = sample_summary(batch({"A": records}, axis="temperature"))
    own = of_sample(summary, "A", records)
    assert not own.headlines
    assert CommonAxis.of(own).label.startswith(label or "temperature")


def test_dates_begin_at_zero():
    dated = made_of({"time": ([1.7e9, 1.7e9 + 60, 1.7e9 + 120], "s")})
    summary = sample_summary(batch({"A": {"x": dated}}, axis="time"))
    axis = CommonAxis.of(summary)
    assert axis.label == "time (s)"
    assert axis.at(summary.headlines[0]).tolist() == [0.0, 60.0, 120.0]
    assert ends([np.array([0.0, 120.0])]) == pytest.approx((-3.6, 123.6))
    assert ends([]) == (0.0, 1.0)


def test_measurements_of_one_quantity_are_joined_along_the_axis():
    def one(charge):
        return made_of({AXIS: ([charge], "")}, 1)

    late, early = one(0.9), one(0.1)
    late.steps["made"].columns["v"][:] = 7.0
    summary = sample_summary(batch({"A": {"xps-1": late, "xps-2": early}}))
    comparison = Comparison.of(summary, CommonAxis.of(summary))
    (points,) = comparison.samples["A"].values()
    assert points.at.tolist() == [0.1, 0.9]
    assert points.told["first"] == (0.0, 0.1)
    assert points.told["last"] == (7.0, 0.1)
    assert points.told["change"] == pytest.approx((7.0, np.hypot(0.1, 0.1)))
    assert comparison.cells("A", "change") == ["7.00(14)"]


@pytest.mark.parametrize(
    ("has", "opens"),
    [
        # Valence and strain of one sample say less than what three of them have.
        ({"A": "cv psr", "B": "ps", "C": "ps"}, "ps"),
        ({"A": "cvps", "B": "cvps", "C": "ps"}, "cv"),
        # None but one sample has two: these, whoever else has one.
        ({"A": "p", "B": "p", "C": "rs"}, "sr"),
        # Of what is shared alike, two columns, and of two techniques.
        ({"A": "yzps", "B": "yzps"}, "yp"),
        ({"A": "yz", "B": "yz"}, "yz"),
    ],
)
def test_the_page_opens_with_what_two_samples_share(has, opens):
    known = {
        "y": Compared("xrd", "a", "a of alpha", "angstrom"),
        "z": Compared("xrd", "a", "a of beta", "angstrom"),
        "v": Compared("xrd", "dv_over_v", "ΔV/V", "%"),
        "p": Compared("xanes", "ratio", "P/M", ""),
        "s": Compared("xanes", "e_half", "half-step energy", "eV"),
        "c": Compared("xanes", "valence", "valence, bulk", ""),
        "r": Compared("raman", "center", "position", "1/cm"),
    }
    samples = {n: {known[k]: None for k in own if k != " "} for n, own in has.items()}
    comparison = Comparison(tuple(known.values()), samples)
    assert [comparison.quantities[i] for i in comparison.chosen()] == [known[k] for k in opens]


def test_a_technique_keeps_its_colour():
    found = tones(["xrd", "xps", "xrd"])
    assert list(found) == ["xrd", "xps"]
    assert len(set(found.values())) == 2
    assert len(set(variants(found["xrd"])[:3])) == 3
