"""Parameters by name, the order in which they are set free, and where frames start."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from simulated_patterns import ANATASE, INSTRUMENT, RUTILE, model_of

from spectra.errors import SettingError
from spectra.xrd import Rietveld
from spectra.xrd.pattern.stages import check_free, make_stages
from spectra.xrd.pattern.starts import Starts

X = np.arange(20.0, 60.0, 0.05)


@pytest.fixture(scope="module")
def layout():
    method = Rietveld(phases=(ANATASE, RUTILE), start=INSTRUMENT, background_degree=2)
    return model_of(method, X).layout


def test_names_with_wildcards(layout):
    def named(*patterns):
        return [n for n, hit in zip(layout.names, layout.match(patterns), strict=True) if hit]

    assert named("zero") == ["zero"]
    assert named("*.O1.x") == [f"{RUTILE}.O1.x"]
    assert named(f"{ANATASE}.[ac]") == [f"{ANATASE}.a", f"{ANATASE}.c"]
    assert named("*.scale", "background?") == [
        *(f"{ANATASE}.scale", f"{RUTILE}.scale"),
        *("background0", "background1", "background2"),
    ]
    assert named() == []


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("zerro", "zero"), (f"{ANATASE}.O1.zz", f"{ANATASE}.O1.z"), ("*.strian", "strain")],
)
def test_unknown_names_are_refused_with_near_ones(layout, wrong, near):
    with pytest.raises(SettingError, match=f"did you mean .*{near}"):
        layout.match([wrong])


def test_a_name_like_no_other_gets_the_list(layout):
    with pytest.raises(SettingError, match=r"'qqq'\. There are zero, u"):
        layout.match(["qqq"])


def test_places(layout):
    cell = layout.columns(["a", "c"], f"{RUTILE}.")
    assert layout.names[cell] == (f"{RUTILE}.a", f"{RUTILE}.c")
    assert layout.columns([]) == slice(0, 0)
    moved = layout.starting(np.arange(float(layout.size)))
    assert np.array_equal(moved.start, np.arange(float(layout.size)))
    assert moved.names == layout.names


def test_each_stage_frees_more(layout):
    free = layout.match(["*.scale", "*.[ac]", "background*", "zero", "*.size", "*.O1.?"])
    stages = make_stages(layout, free, 0.004)
    assert np.array_equal(stages[-1].free, free)
    assert stages[-1].blur == 0.0
    for one, other in pairwise(stages):
        assert (one.free <= other.free).all()
        assert one.blur >= other.blur

    def first(name):
        return next(i for i, s in enumerate(stages) if s.free[layout.index(name)])

    order = ["background1", f"{ANATASE}.a", "zero", f"{RUTILE}.size", f"{ANATASE}.O1.z"]
    places = [first(name) for name in order]
    assert places == sorted(set(places))


def test_wide_lines_of_a_stage(layout):
    stage = make_stages(layout, layout.match(["*.scale"]), 0.004)[0]
    theta = layout.start[None]
    wide = stage.widened(layout, theta)
    at = layout.index("u")
    # A cell off by ε moves lines by 2ε·tanθ; the width is twice as much.
    assert np.isclose(wide[0, at] - theta[0, at], np.degrees(4 * 0.004) ** 2)
    assert np.array_equal(np.delete(wide, at), np.delete(theta, at))


def test_nothing_that_scales_is_refused(layout):
    check_free(layout, layout.match(["background0"]))
    with pytest.raises(SettingError, match="neither scales nor background"):
        check_free(layout, layout.match(["*.a"]))


def test_starts_between_the_nodes_that_know():
    frames = np.array([0.0, 10.0, 20.0])
    theta = np.array([[1.0, 5.0, 7.0], [2.0, 99.0, 8.0], [4.0, 6.0, 9.0]])
    known = np.array([[True, True, False], [True, False, False], [True, True, False]])
    strengths = (np.array([[1.0], [2.0], [3.0]]),)
    starts = Starts(frames, theta, known, strengths)
    found = starts.at(np.array([0.0, 5.0, 10.0, 15.0, 25.0]))
    assert np.allclose(found[:, 0], [1.0, 1.5, 2.0, 3.0, 4.0], rtol=1e-5)
    # The middle node does not know the second parameter, none knows the third.
    assert np.allclose(found[:, 1], [5.0, 5.25, 5.5, 5.75, 6.0], rtol=1e-5)
    assert np.allclose(found[:, 2], [7.0, 7.5, 8.0, 8.5, 9.0], rtol=1e-5)
    nearest = starts.strengths_at(np.array([4.0, 6.0, 30.0]))[0]
    assert nearest[:, 0].tolist() == [1.0, 2.0, 3.0]


def test_last_digits_of_a_node_do_not_reach_a_start():
    theta = np.array([[3.784512345], [4.59371]])
    known = np.ones((2, 1), bool)
    frames = np.array([0.0, 9.0])
    one = Starts(frames, theta, known).at(np.arange(9.0))
    other = Starts(frames, theta * (1.0 + 1e-13), known).at(np.arange(9.0))
    assert np.array_equal(one, other)
