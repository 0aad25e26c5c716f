"""The conformance suite finds each fault in the check that names it, and passes a good method."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from conformance import MethodConformance
from spectra import Stack, Status
from spectra.method import Method
from spectra.results import Column, Results, Table
from spectra.settings import setting

COLUMNS = (Column("top", "counts", "largest intensity", stderr=True),)


def stack() -> Stack:
    y = np.random.default_rng(0).poisson(50.0, (20, 40)).astype(float)
    return Stack.from_arrays(np.arange(40.0), y, noise="counts")


@dataclass(frozen=True, kw_only=True)
class Good(Method):
    """The largest intensity of a frame, and its root."""

    name: ClassVar[str] = "test.Good"
    scale: float = setting(1.0, "what the intensities are multiplied by")

    def prepare(self, source):
        return float(len(source))

    def table(self, plan):
        return Table("good", COLUMNS, default="top")

    def answer(self, block, plan):
        y = np.asarray(block.signal, dtype=float)
        good = np.isfinite(y).all(axis=1) & (y > 0).any(axis=1)
        top = np.where(good, np.where(np.isfinite(y), y, 0.0).max(axis=1), np.nan) * self.scale
        return good, top, np.sqrt(top)

    def fit(self, block, plan):
        good, top, error = self.answer(block, plan)
        return Results(
            table=self.table(plan),
            columns={"top": top, "top_stderr": error},
            status=np.where(good, Status.OK, Status.NO_SIGNAL).astype(np.int8),
            names=block.names,
            variables=block.variables,
        )


class Mutates(Good):
    def answer(self, block, plan):
        found = super().answer(block, plan)
        np.asarray(block.signal)[:, 0] += 1.0
        return found


class Leaks(Good):
    def answer(self, block, plan):
        good, top, error = super().answer(block, plan)
        return good, top + 1e-9 * np.nan_to_num(top).mean(), error


class HangsOnBlocks(Good):
    def answer(self, block, plan):
        good, top, error = super().answer(block, plan)
        return good, top * (1 + 1e-15 * len(block)) + 1e-12 * len(block), error


class Counts(Good):
    calls: ClassVar[list[int]] = []

    def answer(self, block, plan):
        self.calls.append(1)
        good, top, error = super().answer(block, plan)
        return good, top + len(self.calls), error


class ForgetsUncertainty(Good):
    def table(self, plan):
        return Table("good", (Column("top", "counts", "largest intensity"),), default="top")

    def fit(self, block, plan):
        good, top, _ = self.answer(block, plan)
        status = np.where(good, Status.OK, Status.NO_SIGNAL).astype(np.int8)
        return Results(table=self.table(plan), columns={"top": top}, status=status)


class CopiesNeighbour(Good):
    def answer(self, block, plan):
        good, top, error = super().answer(block, plan)
        return good, np.where(good, top, 50.0), np.where(good, error, 7.0)


class Prints(Good):
    def answer(self, block, plan):
        sys.stdout.write("hello")
        return super().answer(block, plan)


class Warns(Good):
    def answer(self, block, plan):
        warnings.warn("careful", UserWarning, stacklevel=2)
        return super().answer(block, plan)


class Gambles(Good):
    def answer(self, block, plan):
        np.random.random()  # noqa: NPY002
        return super().answer(block, plan)


class CallsGood(Good):
    def answer(self, block, plan):
        _, top, error = super().answer(block, plan)
        return np.ones(len(top), bool), top, error


@dataclass(frozen=True, kw_only=True)
class Mumbles(Good):
    depth: float = 2.0


class Unsendable(Good):
    def prepare(self, source):
        return lambda: None


FAULTS = {
    Mutates: {"input_is_not_touched"},
    Leaks: {"does_not_change_the_others", "blocks_do_not_change"},
    HangsOnBlocks: {"blocks_do_not_change"},
    Counts: {"same_frames_give_the_same_bits", "blocks_do_not_change"},
    ForgetsUncertainty: {"values_carry_uncertainties"},
    CopiesNeighbour: {"bad_frame_is_marked_and_empty"},
    Prints: {"nothing_is_printed"},
    Warns: {"nothing_is_printed"},
    Gambles: {"no_global_randomness"},
    CallsGood: {"bad_frame_is_marked_and_empty"},
    Mumbles: {"every_setting_says"},
    Unsendable: {"can_be_sent"},
}


def suite_of(method: type[Method]) -> MethodConformance:
    class Suite(MethodConformance):
        def make_method(self):
            return method()

        def make_source(self):
            return stack()

    return Suite()


CHECKS = [name for name in dir(MethodConformance) if name.startswith("test_")]


class TestGood(MethodConformance):
    def make_method(self):
        return Good()

    def make_source(self):
        return stack()


@pytest.mark.parametrize("method", FAULTS, ids=lambda m: m.__name__)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_each_fault_is_found_where_it_belongs(method):
    failed = set()
    for check in CHECKS:
        try:
            getattr(suite_of(method), check)()
        except Exception:  # noqa: BLE001 - what a faulty method raises is anything
            failed.add(check)
    for wanted in FAULTS[method]:
        assert any(wanted in check for check in failed), (wanted, failed)
    # Faults that change from call to call, or cannot be sent at all, show elsewhere, too.
    if method not in (Mutates, Counts, Unsendable):
        assert len(failed) <= len(FAULTS[method]) + 1, failed
