"""What a summary takes from results: headlines, each once, with their uncertainties."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import spectra
from spectra.batch import Batch, Outcome
from spectra.report.grids import quantities_grid
from spectra.results import Column, Record, Results, Table
from spectra.samples import Measurement, Sample, SampleSheet
from spectra.stack import Stack, Variable
from spectra.summary import sample_summary

TABLE = Table(
    "cell",
    (
        Column("volume", "angstrom^3", "volume", ("phase",), stderr=True, headline="V"),
        *(Column(n, "angstrom", n, ("phase",), stderr=True, headline=n) for n in "abc"),
        Column("gamma", "deg", "angle", ("phase",), stderr=True, headline="γ"),
        Column("valence", "", "valence", stderr=True, headline="valence"),
        Column("chi2", "", "misfit"),
    ),
    {"phase": {"name": np.array(["alpha", "beta"])}},
    depth="surface",
)


def results_of(scale=1.0, **variables):
    """Three frames of a tetragonal and a cubic phase; the last has none of the second."""
    a = np.array([[4.0, 5.0], [4.1, 5.1], [4.2, np.nan]]) * scale
    c = np.array([[9.0, 5.0], [9.1, 5.1], [9.2, np.nan]]) * scale
    columns = {"volume": a * a * c, "a": a, "b": a, "c": c, "gamma": 90.0 + 0 * a}
    errors = {f"{k}_stderr": 0.001 + 0 * a for k in ("volume", "a", "b", "c")}
    errors["gamma_stderr"] = 0.0 * a
    single = {"valence": np.array([3.0, 3.5, np.nan]), "chi2": np.ones(3)}
    single["valence_stderr"] = np.array([0.03, 0.04, np.nan])
    return Results(
        TABLE,
        {**columns, **errors, **single},
        np.array([0, 0, 3], np.int8),
        names=("one", "two", "three"),
        variables={k: Variable(np.array(v), u) for k, (v, u) in variables.items()},
        attrs={"verdict": {"alpha": {"sentence": "It swells.", "differs_from_zero": True}}},
    )


def batch_of(folder: Path, axis: str = "", **records: Record) -> Batch:
    """A batch of samples by the names of the records, ``<sample>_<measurement>``."""
    outcomes = []
    for key, record in records.items():
        sample, _, name = key.partition("_")
        path = folder / f"{key}.h5"
        spectra.write(path, record)
        outcomes.append(Outcome(sample, name, name, path, "computed"))
    samples = tuple(
        Sample(n, {"x": float(i)}, ())
        for i, n in enumerate(dict.fromkeys(o.sample for o in outcomes))
    )
    sheet = SampleSheet("T", axis, folder / "s.toml", folder, folder, samples)
    return Batch(sheet, tuple(outcomes))


def test_headlines_each_once(tmp_path):
    summary = sample_summary(batch_of(tmp_path, A_xrd=Record({"cell": results_of()})))
    found = [h.quantity for h in summary.headlines]
    # b is a, and γ is held; the cubic phase has a alone.
    of_alpha, of_beta = ("V", "a", "c"), ("V", "a")
    expected = [f"{q} of alpha, surface" for q in of_alpha]
    expected += [f"{q} of beta, surface" for q in of_beta] + ["valence, surface"]
    assert sorted(found) == sorted(expected)
    assert {h.column for h in summary.headlines} == {"volume", "a", "c", "valence"}
    assert summary.of("A") == summary.headlines
    (verdict,) = summary.verdicts
    assert (verdict.sample, verdict.step, verdict.sentence) == ("A", "cell", "It swells.")
    assert verdict.differs
    assert summary.statuses["A", "xrd"]["cell"] == {"ok": 2, "not_converged": 1}


def test_what_all_frames_share_has_no_change(tmp_path):
    own = results_of()
    shared = own.columns["c"].copy()
    shared[:] = [9.05, 5.05]
    record = Record({"cell": replace(own, columns=own.columns | {"c": shared})}, None)
    summary = sample_summary(batch_of(tmp_path, A_xrd=record))
    found = {h.quantity: h for h in summary.headlines}
    common, measured = found["c of alpha, surface"], found["a of alpha, surface"]
    assert common.common
    assert not measured.common
    assert np.isnan(common.change()).all()
    assert measured.change().value == pytest.approx(0.2)
    grid = quantities_grid(summary)
    row = next(r for r in grid.rows if common.quantity in r)
    assert row[-1] == "one value for all: 2 ok, 1 not_converged"
    assert row[-3] is None


def test_what_frames_share_cancels_in_changes(tmp_path):
    plain = results_of()
    told = Column("valence_by_common", "", "by the standards", ("deviation",))
    table = replace(
        *(TABLE,),
        columns=(*TABLE.columns, told),
        coords={**TABLE.coords, "deviation": {"number": np.array([1])}},
    )
    # All of the first uncertainty, 0.03, and 0.024 of the second are the standards'.
    columns = plain.columns | {"valence_by_common": np.array([[0.3], [0.24], [np.nan]])}
    attrs = plain.attrs | {"common_covariance": [[0.01]]}
    results = replace(plain, table=table, columns=columns, attrs=attrs)
    summary = sample_summary(batch_of(tmp_path, A_xrd=Record({"cell": results})))
    valence = next(h for h in summary.headlines if h.quantity == "valence, surface")
    assert valence.change() == pytest.approx((0.5, np.sqrt(0.032**2 + 0.006**2)))
    assert valence.correlation(np.array([1])) == 0.0


def test_first_last_and_change(tmp_path):
    summary = sample_summary(batch_of(tmp_path, A_xrd=Record({"cell": results_of()})))
    by_name = {h.quantity: h for h in summary.headlines}
    valence = by_name["valence, surface"]
    assert valence.known.tolist() == [0, 1]
    assert valence.first() == (3.0, 0.03)
    assert valence.last() == (3.5, 0.04)
    assert valence.change() == pytest.approx((0.5, 0.05))
    assert not valence.held
    assert valence.correlation(valence.known) == 0.0
    rows = [r for r in summary.rows if r.quantity == "valence, surface"]
    assert [r.value for r in rows[:2]] == [3.0, 3.5]
    assert np.isnan(rows[2].value)
    assert [r.status for r in rows] == ["ok", "ok", "not_converged"]
    assert [r.name for r in rows] == ["one", "two", "three"]
    assert len(summary.rows) == 3 * len(summary.headlines)


def test_places_along_the_axis(tmp_path):
    hot = results_of(temperature=([300.0, 310.0, 320.0], "K"))
    summary = sample_summary(
        batch_of(tmp_path, A_xrd=Record({"cell": hot}), B_xrd=Record({"cell": results_of()}))
    )
    assert (summary.axis, summary.axis_unit) == ("temperature", "K")
    assert summary.of("A")[0].at.tolist() == [300.0, 310.0, 320.0]
    assert np.isnan(summary.of("B")[0].at).all()
    by_sample = sample_summary(
        batch_of(tmp_path, "x", A_xrd=Record({"cell": hot}), B_xrd=Record({"cell": hot}))
    )
    assert by_sample.of("B")[0].at.tolist() == [1.0] * 3


@pytest.mark.parametrize(
    ("axis", "units", "unit", "second"),
    [
        ("time", ("min", "h"), "min", [0.0, 60.0, 120.0]),
        ("time", ("h", "s"), "s", [0.0, 1.0, 2.0]),
        ("temperature", ("degC", "K"), "K", [0.0, 1.0, 2.0]),
        ("temperature", ("K", "degC"), "K", [273.15, 274.15, 275.15]),
        ("temperature", ("degC", "°C"), "degC", [0.0, 1.0, 2.0]),
    ],
)
def test_an_axis_in_several_units_is_told_in_one(tmp_path, axis, units, unit, second):
    one, two = (results_of(**{axis: ([0.0, 1.0, 2.0], u)}) for u in units)
    summary = sample_summary(
        batch_of(tmp_path, axis, A_xrd=Record({"cell": one}), B_xrd=Record({"cell": two}))
    )
    assert (summary.axis_unit, summary.notes) == (unit, ())
    assert summary.of("B")[0].at == pytest.approx(second, rel=1e-12)


@pytest.mark.parametrize("units", [("s", "cm"), ("s", ""), ("s", "h", "furlong")])
def test_units_of_the_axis_that_do_not_convert_are_told(tmp_path, units):
    made = {f"S{k}_xrd": results_of(time=([0.0, 1.0, 2.0], u)) for k, u in enumerate(units)}
    records = {name: Record({"cell": results}) for name, results in made.items()}
    summary = sample_summary(batch_of(tmp_path, "time", **records))
    assert summary.axis_unit == ""
    told = ", ".join(u or "none" for u in units)
    assert f"different units ({told})" in summary.notes[0]
    assert all(h.at.tolist() == [0.0, 1.0, 2.0] for h in summary.headlines)


def test_two_steps_of_one_name_are_told_apart(tmp_path):
    record = Record({"near": results_of(), "far": results_of(1.1)})
    summary = sample_summary(batch_of(tmp_path, A_xrd=record))
    found = {h.quantity for h in summary.headlines if h.column == "valence"}
    assert found == {"valence, surface (near)", "valence, surface (far)"}


def test_what_a_step_repeats_of_its_source_stands_once(tmp_path):
    first, later = results_of(), replace(results_of(1.1), table=replace(TABLE, name="valence"))
    record = Record({"near": first, "far": later, "farther": later})
    headlines = sample_summary(batch_of(tmp_path, A_xrd=record)).headlines
    found = [(h.step, h.quantity) for h in headlines if not h.entry]
    assert found == [("near", "valence, surface")]
    # The cells are other ones, and two steps that make the same table are told apart.
    assert [h.step for h in headlines].count("far") == 5
    assert [h.step for h in headlines].count("farther") == 5


@pytest.mark.parametrize(
    ("metadata", "stated", "expected"),
    [
        ({"signal": "mu"}, {}, "bulk"),
        ({"signal": "tey/i0"}, {}, "surface"),
        ({"signal": "ln(i0/itrans)", "depth": "surface"}, {}, "surface"),
        ({"signal": "tey/i0"}, {"depth": "bulk"}, "bulk"),
        ({}, {"depth": "surface"}, "surface"),
        ({}, {"depth": 3.0}, "bulk"),
    ],
)
def test_what_is_seen_is_told_by_the_measurement(tmp_path, metadata, stated, expected):
    results = replace(results_of(), table=replace(TABLE, depth="bulk"))
    stack = Stack.from_arrays([1.0, 2.0], np.ones((3, 2)), metadata=metadata)
    batch = batch_of(tmp_path, A_xas=Record({"cell": results}, stack))
    said = Measurement("xas", "xas", None, tmp_path, (), stated, tmp_path)
    sheet = replace(batch.sheet, samples=(Sample("A", {}, (said,)),))
    headlines = sample_summary(replace(batch, sheet=sheet)).headlines
    assert {h.quantity.rpartition(", ")[2] for h in headlines} == {expected}


def test_damaged_results_are_a_failure(tmp_path):
    batch = batch_of(tmp_path, A_xrd=Record({"cell": results_of()}))
    path = batch.outcomes[0].path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    summary = sample_summary(batch)
    assert summary.headlines == ()
    (failed,) = summary.failures
    assert "delete the file and run the batch again" in failed.reason
