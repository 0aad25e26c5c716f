"""Linking peaks of successive nodes into tracks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spectra.xrd.follow import NodePeaks, link_nodes


def node(frame, centers, areas=None, fwhm=0.1):
    c = np.array(centers, dtype=float)
    return NodePeaks(
        float(frame),
        c,
        np.full(len(c), fwhm),
        np.full((len(c), 1), 0.5),
        np.full(len(c), 100.0) if areas is None else np.array(areas, dtype=float),
        np.full(len(c), 50.0),
    )


def paths(nodes):
    return [
        [(n, round(float(nodes[n].center[m]), 3)) for n, m in zip(t.nodes, t.members, strict=True)]
        for t in link_nodes(nodes)
    ]


def test_steady_motion_of_many_widths_in_all():
    nodes = [node(i, [20 + 0.08 * i, 30 - 0.1 * i]) for i in range(30)]
    tracks = link_nodes(nodes)
    assert [len(t.nodes) for t in tracks] == [30, 30]


def test_crossing_peaks_keep_their_ways():
    left, right = np.linspace(20, 21, 11), np.linspace(21.05, 19.95, 11)
    nodes = [node(i, sorted([a, b])) for i, (a, b) in enumerate(zip(left, right, strict=True))]
    ways = paths(nodes)
    assert [w[0][1] for w in ways] == [20.0, 21.05]
    assert [w[-1][1] for w in ways] == [21.0, 19.95]


def test_a_peak_that_vanishes_and_one_that_appears_elsewhere_are_two():
    nodes = [node(i, [20.0, 25.0] if i < 5 else [20.0, 25.6]) for i in range(10)]
    tracks = link_nodes(nodes)
    assert [t.nodes for t in tracks] == [list(range(10)), list(range(5)), list(range(5, 10))]


def test_a_missed_node_does_not_end_a_track():
    nodes = [node(i, [20.0] if i == 4 else [20.0, 25.0]) for i in range(8)]
    assert [len(t.nodes) for t in link_nodes(nodes)] == [8, 7]


def test_a_jump_of_the_whole_pattern_is_followed():
    start = np.array([20.0, 25.0, 31.0, 40.0])
    nodes = [node(i, start * (1.0 if i < 3 else 1.01)) for i in range(6)]
    assert [len(t.nodes) for t in link_nodes(nodes)] == [6] * 4


def test_split_and_merger_are_noted():
    def centers(i):
        return [25.0] if 3 <= i < 9 else [25.0, 25.1]

    nodes = [node(i, centers(i)) for i in range(14)]
    stay, before, after = link_nodes(nodes)
    assert before.merged_after is stay
    assert after.merged_before is stay
    assert stay.merged_after is None
    assert stay.merged_before is None


def test_a_peak_that_looks_narrow_at_times_is_one():
    # Of a weak peak noise makes the width: narrow nodes are no peak of their own.
    def at(i):
        one = node(i, [20.0, 25.0 - 0.005 * i])
        return replace(one, fwhm=np.array([0.1, 0.1 if i in (4, 6) else 0.31]))

    for order in (slice(None), slice(None, None, -1)):
        nodes = [replace(n, frame=float(i)) for i, n in enumerate([at(i) for i in range(9)][order])]
        assert [t.nodes for t in link_nodes(nodes)] == [list(range(9))] * 2


def test_empty_nodes_are_survived():
    nodes = [node(0, [20.0]), node(1, []), node(2, [20.0])]
    assert [t.nodes for t in link_nodes(nodes)] == [[0, 2]]
    assert link_nodes([]) == []
