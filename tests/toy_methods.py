"""Small methods that worker processes can import."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from spectra import Stack, Status
from spectra.errors import SettingError
from spectra.method import Method
from spectra.provenance import digest_table
from spectra.results import Column, Results, Table


def toy_stack(n: int = 50, points: int = 64) -> Stack:
    y = np.random.default_rng(0).random((n, points))
    return Stack.from_arrays(np.arange(float(points)), y)


def with_first_points(stack: Stack, values: dict[int, float]) -> Stack:
    y = np.array(stack.signal)
    for frame, value in values.items():
        y[frame, 0] = value
    return replace(stack, signal=y)


def drifting_lines(n: int = 70) -> Stack:
    """Two lines that drift into each other and one alone, as counts, for a real method."""
    rng, x = np.random.default_rng(1), np.arange(20, 32, 0.04)
    drift = np.linspace(0.0, 0.6, n)[:, None]
    lines = ((23.0 + drift, 900.0), (24.2 - drift, 600.0), (28.0 + 0 * drift, 300.0))
    y = 50 + sum(height * np.exp(-(((x - at) / 0.12) ** 2)) for at, height in lines)
    return Stack.from_arrays(x, rng.poisson(y), noise="counts")


@dataclass(frozen=True, kw_only=True)
class Toy(Method):
    """Exponential of a quadratic form whose matrix comes from the whole sequence.

    What happens to a frame can be asked for by its first point: -1 raises, -2 kills the
    process, -3 raises a SettingError.
    """

    name: ClassVar[str] = "test.Toy"
    power: float = 2.0
    seconds: float = 0.0

    def prepare(self, source):
        y = np.nan_to_num(np.asarray(source.signal[:8], dtype=float))
        return y.T @ y / y.size

    def table(self, plan):
        columns = (Column("value", "", "a value", stderr=True), Column("n", "", "n").as_int())
        return Table("toy", columns, default="value")

    def fit(self, block, plan):
        y = np.asarray(block.signal)
        time.sleep(self.seconds)
        if (y[:, 0] == -2).any():
            os.kill(os.getpid(), signal.SIGKILL)
        if (y[:, 0] == -3).any():
            raise SettingError("no such setting")
        if (y[:, 0] == -1).any():
            raise ValueError("first point\nis -1")
        quadratic = np.matmul(np.matmul(y[:, None, :], plan), y[:, :, None])[:, 0, 0]
        value = np.exp(quadratic / 10) ** self.power
        columns = {"value": value, "value_stderr": value / 7}
        columns["n"] = np.isfinite(y).sum(1).astype(np.int32)
        status = np.zeros(len(y), np.int8)
        return Results(
            self.table(plan), columns, status, (), block.names, block.variables, {"total": 1.5}
        )


@dataclass(frozen=True, kw_only=True)
class Narrow(Toy):
    """Has a plan per frame."""

    name: ClassVar[str] = "test.Narrow"

    def prepare(self, source):
        return super().prepare(source), np.arange(len(source), dtype=float)

    def narrow(self, plan, start, stop):
        return plan[0], plan[1][start:stop]

    narrow_block = narrow

    def table(self, plan):
        return super().table(plan[0])

    def fit(self, block, plan):
        results = super().fit(block, plan[0])
        columns = {**results.columns, "value": results["value"] + plan[1]}
        return replace(results, columns=columns)


def assert_same(a: Results, b: Results) -> None:
    """Equal to the last bit, rows and messages included."""
    assert digest_table(a.table) == digest_table(b.table)
    assert list(a.columns) == list(b.columns)
    for name in a.columns:
        assert a.columns[name].dtype == b.columns[name].dtype
        np.testing.assert_array_equal(a.columns[name], b.columns[name], strict=True)
    np.testing.assert_array_equal(a.status, b.status, strict=True)
    assert a.messages == b.messages
    assert a.names == b.names
    assert dict(a.attrs) == dict(b.attrs)


OK, BAD = int(Status.OK), int(Status.BAD_INPUT)
