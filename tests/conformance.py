"""What every method must do: inherit, say what to run, and the checks come free.

    class TestMine(MethodConformance):
        def make_method(self): return Mine(...)
        def make_source(self): return a Stack (or Results) of some twenty good frames

What several checks look at is run once and kept for all of them: nothing is judged there, so that
a fault shows in the check that names it.
"""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import warnings
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest

from spectra import Stack, Status
from spectra.method import Method
from spectra.results import Results

GOOD = (Status.OK, Status.AT_BOUND)


class MethodConformance:
    """Base of the conformance tests of a method."""

    blocks: ClassVar[tuple[int, ...]] = (1, 7, 64)
    without_uncertainty: ClassVar[frozenset[str]] = frozenset()
    """Columns of floats that rightly have none (counts, χ², what is not a measurement)."""
    not_known: ClassVar[frozenset[str]] = frozenset()
    """Declared columns that stay empty with the settings and the source of the test."""
    spoilt: ClassVar[tuple[int, ...]] = (3, 11)

    def make_method(self) -> Method:
        raise NotImplementedError

    def make_source(self) -> Any:
        raise NotImplementedError

    def spoil(self, source: Any, frame: int, value: float) -> Any:
        """The source with one frame that cannot give a result."""
        assert isinstance(source, Stack)
        signal = np.array(source.signal, dtype=float)
        signal[frame] = value
        return replace(source, signal=signal)

    def run(self, method: Method, source: Any, size: int = 64, plan: Any = None) -> Results:
        plan = method.prepare(source) if plan is None else plan
        parts = [
            method.fit(block.load(), method.narrow(plan, start, start + len(block)))
            for start, block in source.blocks(size)
        ]
        return Results.concatenate(parts)

    def test_settings_are_frozen_keywords(self):
        method = self.make_method()
        name = fields(method)[0].name
        with pytest.raises(FrozenInstanceError):
            setattr(method, name, getattr(method, name))
        with pytest.raises(TypeError):
            type(method)(getattr(method, name))
        with pytest.raises(TypeError, match="no_such_setting"):
            type(method)(no_such_setting=1)

    def test_every_setting_says_what_it_means(self):
        for field in fields(self.make_method()):
            assert field.metadata.get("meaning"), field.name

    def test_settings_come_back_from_plain_data(self):
        method = self.make_method()
        plain = json.loads(json.dumps(method.settings()))
        assert type(method).from_settings(plain) == method

    def test_can_be_sent_to_workers(self):
        method, first = self.make_method(), first_run(type(self))
        assert pickle.loads(pickle.dumps(method)) == method
        again = pickle.loads(pickle.dumps(first.plan))
        assert_same(first.results, self.run(method, self.make_source(), plan=again))

    def test_the_same_frames_give_the_same_bits(self):
        again = self.run(self.make_method(), self.make_source())
        assert_same(first_run(type(self)).results, again)

    def test_the_input_is_not_touched(self):
        assert not first_run(type(self)).touched

    def test_nothing_is_printed_and_nobody_warned(self):
        assert first_run(type(self)).printed == ""
        assert first_run(type(self)).warned == ()

    def test_no_global_randomness_is_used(self):
        assert not first_run(type(self)).gambled

    def test_blocks_do_not_change_a_bit(self):
        method, source, first = self.make_method(), self.make_source(), first_run(type(self))
        for size in self.blocks[:-1]:
            assert_same(first.results, self.run(method, source, size, first.plan))

    def test_a_bad_frame_is_marked_and_empty(self):
        declared = self.declared(self.make_method(), first_run(type(self)).plan)
        for value in (np.nan, 0.0):
            results = spoilt_run(type(self), value)
            for frame in self.spoilt:
                assert results.status[frame] not in GOOD
                for column in declared:
                    if column.stderr:
                        assert np.isnan(np.asarray(results[column.name])[frame]).all(), column.name

    def test_a_bad_frame_does_not_change_the_others(self):
        whole = first_run(type(self)).results
        others = np.setdiff1d(np.arange(len(whole.status)), self.spoilt)
        for value in (np.nan, 0.0, np.inf):
            assert_same(whole, spoilt_run(type(self), value), others)

    def test_columns_are_declared_with_units(self):
        first = first_run(type(self))
        declared = self.declared(self.make_method(), first.plan)
        expanded = [c for column in declared for c in column.expand()]
        assert {c.name for c in expanded} == set(first.results.columns)
        frames = len(self.make_source())
        for column in expanded:
            values = np.asarray(first.results[column.name])
            assert len(values) == frames, column.name
            assert values.ndim == 1 + len(column.dims), column.name
            assert values.dtype == np.dtype(column.dtype), column.name
            assert column.meaning, column.name
            assert isinstance(column.unit, str), column.name

    def test_values_carry_uncertainties(self):
        first = first_run(type(self))
        ok = first.results.status == Status.OK
        assert ok.any()
        for column in self.declared(self.make_method(), first.plan):
            if not column.stderr:
                whole = not np.issubdtype(np.dtype(column.dtype), np.floating)
                assert whole or column.name in self.without_uncertainty, column.name
                continue
            value = np.asarray(first.results[column.name])[ok]
            error = np.asarray(first.results[f"{column.name}_stderr"])[ok]
            known = np.isfinite(value) & np.isfinite(error)
            assert known.any() != (column.name in self.not_known), column.name
            assert (error[known] >= 0).all(), column.name

    def test_status_is_one_of_ours(self):
        assert np.isin(first_run(type(self)).results.status, [int(s) for s in Status]).all()

    @staticmethod
    def declared(method: Method, plan: Any) -> tuple[Any, ...]:
        return tuple(method.table(plan).columns)


@dataclass(frozen=True)
class FirstRun:
    """A plan, the results of all good frames with it, and what happened besides."""

    plan: Any
    results: Results
    touched: bool
    gambled: bool
    printed: str
    warned: tuple[str, ...]


@cache
def first_run(suite: type[MethodConformance]) -> FirstRun:
    """Run the method of a suite on its source, and watch."""
    checks = suite()
    method, source, said = checks.make_method(), checks.make_source(), io.StringIO()
    frames = pickle.dumps(arrays_of(source))
    state = pickle.dumps(np.random.get_state())  # noqa: NPY002 - it must stay as it is
    with (
        warnings.catch_warnings(record=True) as warned,
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        warnings.simplefilter("always")
        plan = method.prepare(source)
        results = checks.run(method, source, checks.blocks[-1], plan)
    return FirstRun(
        plan,
        results,
        touched=pickle.dumps(arrays_of(source)) != frames,
        gambled=pickle.dumps(np.random.get_state()) != state,  # noqa: NPY002
        printed=said.getvalue(),
        warned=tuple(str(w.message) for w in warned),
    )


@cache
def spoilt_run(suite: type[MethodConformance], value: float) -> Results:
    """Run the method of a suite where some frames are bad, with the plan of the good ones."""
    checks = suite()
    source = checks.make_source()
    for frame in checks.spoilt:
        source = checks.spoil(source, frame, value)
    # Only infinite intensities may upset numpy.
    with np.errstate(all="ignore" if np.isinf(value) else None):
        return checks.run(checks.make_method(), source, plan=first_run(suite).plan)


def arrays_of(source: Any) -> list[Any]:
    """All numbers of a source, in a fixed order."""
    if isinstance(source, Stack):
        variables = [(k, v.values, v.stderr) for k, v in sorted(source.variables.items())]
        facts = sorted((k, repr(v)) for k, v in source.metadata.items())
        return [source.x, np.asarray(source.signal), source.errors, variables, facts]
    return [(name, np.asarray(source[name])) for name in sorted(source.columns)]


def assert_same(one: Results, other: Results, rows: Any = slice(None)) -> None:
    """Equal bit for bit, NaN where NaN is."""
    assert set(one.columns) == set(other.columns)
    assert (one.status[rows] == other.status[rows]).all()
    for name in one.columns:
        a, b = np.asarray(one[name])[rows], np.asarray(other[name])[rows]
        equal = a.tobytes() == b.tobytes() or np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        assert equal, name
