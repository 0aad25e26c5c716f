"""Follow peaks through a sequence: link what was found in a few frames into tracks."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

FloatArray = NDArray[np.float64]

_STRAINS = np.linspace(-0.02, 0.02, 161)
# Fwhm between what is one peak.
_SAME = 0.5


@dataclass(frozen=True)
class NodePeaks:
    """Peaks fitted in one node (a frame, or the mean of a few), each array (peaks,)."""

    frame: float
    center: FloatArray
    fwhm: FloatArray
    shape: FloatArray
    area: FloatArray
    significance: FloatArray


@dataclass
class Track:
    """One peak along the sequence, as seen at the nodes."""

    nodes: list[int] = field(default_factory=list)
    members: list[int] = field(default_factory=list)
    merged_before: Track | None = None
    merged_after: Track | None = None

    def add(self, node: int, member: int) -> None:
        """Note that the peak is number `member` at `node`."""
        self.nodes.append(node)
        self.members.append(member)


def link_nodes(nodes: list[NodePeaks], *, max_gap: int = 3) -> list[Track]:
    """Link the peaks of successive nodes into tracks.

    Each track predicts its next position from its last two, or, when it is new, from the
    strain that its neighbours undergo. Pairs are chosen together (the assignment of least
    total cost, in squared distances over the gate) through a gate of 1.5 fwhm; what these have
    moved gives the common strain, with which the rest is tried again. Only where fewer than
    half of the tracks went on, a jump of the whole pattern, the gate widens. A track may miss
    up to `max_gap` nodes. A track that fills the gaps of another at the same place is the same
    peak, met at nodes where noise made it look another. Where one of two tracks ends, or begins,
    within a width of the other, they have merged, or split.

    Parameters
    ----------
    nodes : list of NodePeaks
        In the order of the sequence.
    max_gap : int
        Nodes that a track may miss.

    Returns
    -------
    list of Track
        In the order of their first position.
    """
    tracks: list[Track] = []
    for n, node in enumerate(nodes):
        alive = [t for t in tracks if n - t.nodes[-1] <= max_gap + 1]
        taken = _match(nodes, n, alive)
        for member in range(len(node.center)):
            track = taken.get(member)
            if track is None:
                track = Track()
                tracks.append(track)
            track.add(n, member)
    tracks = _joined(nodes, tracks)
    _find_mergers(nodes, tracks)
    return sorted(tracks, key=lambda t: float(nodes[t.nodes[0]].center[t.members[0]]))


def _match(nodes: list[NodePeaks], n: int, alive: list[Track]) -> dict[int, Track]:
    """Which living track each peak of node `n` continues."""
    node = nodes[n]
    taken: dict[int, Track] = {}
    if not alive or len(node.center) == 0:
        return taken
    last = np.array([nodes[t.nodes[-1]].center[t.members[-1]] for t in alive])
    fwhm = np.array([nodes[t.nodes[-1]].fwhm[t.members[-1]] for t in alive])
    area = np.array([nodes[t.nodes[-1]].area[t.members[-1]] for t in alive])
    motion = np.array([_motion(nodes, t, n) for t in alive])
    open_tracks, open_peaks = np.arange(len(alive)), np.arange(len(node.center))
    expected = last + np.where(np.isfinite(motion), motion, 0.0)
    strain = _jump(expected, fwhm, node.center)
    if strain:
        last, motion = expected * (1.0 + strain), np.zeros(len(alive))
        strain = 0.0
    for gate in (1.5, 2.0, 6.0, 15.0):
        jumped = len(taken) < 0.5 * min(len(alive), len(node.center))
        if open_tracks.size == 0 or open_peaks.size == 0 or (gate > 2.0 and not jumped):
            break
        drift = np.where(np.isfinite(motion), motion, strain * _lever(last))
        predicted = (last + drift)[open_tracks]
        distance = (node.center[open_peaks][None, :] - predicted[:, None]) / (
            gate * fwhm[open_tracks][:, None]
        )
        contrast = np.log(node.area[open_peaks][None, :] / area[open_tracks][:, None])
        widening = np.log(node.fwhm[open_peaks][None, :] / fwhm[open_tracks][:, None])
        # Position, width and intensity together: what has moved far must look the same.
        cost = distance**2 + widening**2 + (contrast / 4.0) ** 2
        allowed = cost < 1.0
        rows, columns = linear_sum_assignment(np.where(allowed, cost, 1e3))
        good = allowed[rows, columns]
        for i, j in zip(open_tracks[rows[good]], open_peaks[columns[good]], strict=True):
            taken[int(j)] = alive[int(i)]
        matched = np.array([(_index(alive, t), j) for j, t in taken.items()], dtype=int)
        if len(matched):
            moved = node.center[matched[:, 1]] - last[matched[:, 0]]
            strain = float(np.median(moved / _lever(last[matched[:, 0]])))
        open_tracks = np.setdiff1d(open_tracks, open_tracks[rows[good]])
        open_peaks = np.setdiff1d(open_peaks, open_peaks[columns[good]])
    return taken


def _jump(expected: FloatArray, fwhm: FloatArray, center: FloatArray) -> float:
    """Common strain of a jump of the whole pattern; 0 unless far more peaks meet with it."""
    scaled = expected[None, :] + _STRAINS[:, None] * _lever(expected)[None, :]
    distance = np.abs(scaled[:, :, None] - center[None, None, :]).min(axis=2)
    score = np.exp(-0.5 * (distance / (0.5 * fwhm)) ** 2).sum(axis=1)
    best, still = int(score.argmax()), int(np.abs(_STRAINS).argmin())
    worth = 0.3 * min(len(expected), len(center))
    if len(expected) < 3 or score[best] < score[still] + worth:
        return 0.0
    return float(_STRAINS[best])


def _index(alive: list[Track], track: Track) -> int:
    return next(i for i, t in enumerate(alive) if t is track)


def _lever(center: FloatArray) -> FloatArray:
    """How far a position moves for unit strain of the axis: in proportion to itself.

    Exact for an axis in q; for 2θ tan θ replaces θ, which is the same to the precision that
    a gate needs.
    """
    return np.where(np.abs(center) > 0, np.abs(center), 1.0)


def _motion(nodes: list[NodePeaks], track: Track, n: int) -> float:
    """Expected motion of a track from its last node to node `n`; NaN while unknown."""
    if len(track.nodes) < 2:
        return float("nan")
    (a, b), (i, j) = track.nodes[-2:], track.members[-2:]
    speed = (nodes[b].center[j] - nodes[a].center[i]) / (nodes[b].frame - nodes[a].frame)
    return float(speed * (nodes[n].frame - nodes[b].frame))


def _joined(nodes: list[NodePeaks], tracks: list[Track]) -> list[Track]:
    """Tracks without those that fill the gaps of another at the same place, put into it."""
    kept: list[Track] = []
    for track in sorted(tracks, key=lambda t: -len(t.nodes)):
        host = next((t for t in kept if _same_peak(nodes, t, track)), None)
        if host is None:
            kept.append(track)
        else:
            pairs = sorted(zip(host.nodes + track.nodes, host.members + track.members, strict=True))
            host.nodes, host.members = [n for n, _ in pairs], [m for _, m in pairs]
    return [t for t in tracks if any(t is k for k in kept)]


def _same_peak(nodes: list[NodePeaks], one: Track, other: Track) -> bool:
    """Whether two tracks are never seen together, and where one fills a gap they are one peak."""
    if set(one.nodes) & set(other.nodes):
        return False
    near = [*_beside(nodes, one, other), *_beside(nodes, other, one)]
    return len(near) > 0 and max(near) < _SAME


def _beside(nodes: list[NodePeaks], track: Track, other: Track) -> list[float]:
    """Distances in fwhm of a track, where it fills a gap of another, from that at both ends."""
    distances = []
    for n, member in zip(track.nodes, track.members, strict=True):
        after = bisect(other.nodes, n)
        if 0 < after < len(other.nodes):
            ends = [(nodes[other.nodes[i]], other.members[i]) for i in (after - 1, after)]
            at = [node.frame for node, _ in ends]
            expected = np.interp(nodes[n].frame, at, [node.center[m] for node, m in ends])
            fwhm = max(nodes[n].fwhm[member], *(node.fwhm[m] for node, m in ends))
            distances.append(float(abs(nodes[n].center[member] - expected) / fwhm))
    return distances


def _find_mergers(nodes: list[NodePeaks], tracks: list[Track]) -> None:
    """Note tracks that end or begin within a width of one that lives on."""
    for track in tracks:
        track.merged_after = _partner(nodes, tracks, track, track.nodes[-1], +1)
        track.merged_before = _partner(nodes, tracks, track, track.nodes[0], -1)


def _partner(
    nodes: list[NodePeaks], tracks: list[Track], track: Track, end: int, direction: int
) -> Track | None:
    """Return the nearest track within 1.5 fwhm at node `end` that goes on in `direction`."""
    beyond = end + direction
    if not 0 <= beyond < len(nodes):
        return None
    member = track.members[track.nodes.index(end)]
    here, fwhm = nodes[end].center[member], nodes[end].fwhm[member]
    best, nearest = None, 1.5 * fwhm
    for other in tracks:
        if other is track or end not in other.nodes or beyond not in other.nodes:
            continue
        distance = abs(nodes[end].center[other.members[other.nodes.index(end)]] - here)
        if distance < nearest:
            best, nearest = other, distance
    return best
