"""Stack and Results: parts that fit, slices that keep everything."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

import spectra
from spectra import Results, Stack, Variable
from spectra.errors import ResultsError, StackError
from spectra.results import Column, Table


def test_parts_must_fit():
    with pytest.raises(StackError, match="not strictly increasing at point 2"):
        Stack.from_arrays([1, 3, 2], [[1, 2, 3]])
    with pytest.raises(StackError, match="axis has shape"):
        Stack.from_arrays([1, 2], [[1, 2, 3]])
    with pytest.raises(StackError, match="errors have shape"):
        Stack.from_arrays([1, 2, 3], [[1, 2, 3]], [[1, 2]])
    with pytest.raises(StackError, match="variable 't'"):
        Stack.from_arrays([1, 2], [[1, 2]], variables={"t": Variable(np.zeros(3))})


def test_slices_and_pickles_keep_everything():
    stack = Stack.from_arrays(
        [3, 2, 1], np.arange(12).reshape(4, 3), variables={"t": Variable(np.arange(4.0), "s")}
    )
    assert stack.x.tolist() == [1, 2, 3]
    assert stack.signal[0].tolist() == [2, 1, 0]
    part = pickle.loads(pickle.dumps(stack[[2, 0]]))
    assert part.variables["t"].values.tolist() == [2, 0]
    assert part.names == ("frame 2", "frame 0")
    assert stack[-1].names == ("frame 3",)
    assert stack.crop(2, 3).n_points == 2
    with pytest.raises(StackError, match="no point between"):
        stack.crop(7, 8)
    with pytest.raises(IndexError):
        stack[4]
    assert stack.to_xarray().signal.shape == (4, 3)
    assert "4 frames" in repr(stack)
    assert "<table>" in stack._repr_html_()


def test_results_must_match_their_declaration():
    table = Table("t", (Column("a", "V", "a value", stderr=True),))
    good = {"a": np.zeros(2), "a_stderr": np.ones(2)}
    results = Results(table, good, np.zeros(2, np.int8))
    assert results.to_dataframe()["a_stderr"].tolist() == [1, 1]
    assert results.to_xarray()["a"].attrs["units"] == "V"
    with pytest.raises(ResultsError, match="lacks columns"):
        Results(table, {"a": np.zeros(2)}, np.zeros(2, np.int8))
    with pytest.raises(ResultsError, match="undeclared"):
        Results(table, {**good, "b": np.zeros(2)}, np.zeros(2, np.int8))
    with pytest.raises(ResultsError, match="shape"):
        Results(table, {**good, "a": np.zeros(3)}, np.zeros(2, np.int8))
    with pytest.raises(ResultsError, match="has no column 'c'; it has a"):
        results["c"]


def test_channels_go_where_the_signal_goes(tmp_path):
    y = np.arange(12.0).reshape(3, 4)
    stack = Stack.from_arrays(
        [1.0, 2, 3, 4], y, axis_name="energy", axis_unit="eV", quantity="mu", channels={"i0": -y}
    )
    for part in (stack[1:], stack[[2, 0]], stack.crop(2, 3), pickle.loads(pickle.dumps(stack))):
        assert np.array_equal(part.channel("i0"), -np.asarray(part.signal))
    spectra.write(tmp_path / "a.h5", stack)
    again = spectra.open(tmp_path / "a.h5").load()
    assert again.quantity == "mu"
    assert np.array_equal(again.channel("i0"), -y)
    assert np.array_equal(stack.to_xarray()["i0"], -y)
    with pytest.raises(StackError, match="no channel 'i1'; it has i0"):
        stack.channel("i1")
    with pytest.raises(StackError, match="channel 'i1' has shape"):
        replace(stack, channels={"i1": y[:2]})
