"""The plan of a followed sequence: where each peak is expected in each frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spectra.xrd.follow import NodePeaks, Track
from spectra.xrd.groups import Expectation, Grouping

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

FREE_SHAPE_SIGNIFICANCE = 30.0
_CHUNK = 2048


@dataclass(frozen=True)
class SequencePlan:
    """Tracks at the nodes of a sequence, from which every frame's expectation follows.

    Attributes
    ----------
    n_frames : int
    node_frames : array (nodes,)
        Frame numbers of the nodes.
    center, fwhm : array (nodes, peaks)
        NaN where the track was not seen.
    shape : array (peaks, further shape parameters)
    shape_free : bool array (peaks,)
    merged_before, merged_after : int array (peaks,)
        The track that a track splits from, or merges into, or -1.
    wavelength_ratio : float
        λ(Kα2)/λ(Kα1), or 1.
    grouping : Grouping
    typical : float
        Median total intensity of the nodes.
    """

    n_frames: int
    node_frames: FloatArray
    center: FloatArray
    fwhm: FloatArray
    shape: FloatArray
    shape_free: NDArray[np.bool_]
    merged_before: IntArray
    merged_after: IntArray
    wavelength_ratio: float
    grouping: Grouping
    typical: float

    @property
    def n_peaks(self) -> int:
        """Number of tracks."""
        return int(self.center.shape[1])

    def expectation(self, start: int, stop: int) -> Expectation:
        """Interpolate the tracks to frames ``start:stop``.

        Positions run straight between the nodes at which the track was seen and stay where
        they were beyond. A peak is looked for up to (not at) the next node where it was
        missing; between two nodes that lie apart, shifts of half their distance are tried.
        """
        frames = np.arange(start, stop, dtype=float)
        shape = (len(frames), self.n_peaks)
        center, fwhm, search, motion = (np.zeros(shape) for _ in range(4))
        expected = np.zeros(shape, bool)
        merged = np.full(shape, -1)
        for t in range(self.n_peaks):
            seen = np.flatnonzero(np.isfinite(self.center[:, t]))
            at, c, w = self.node_frames[seen], self.center[seen, t], self.fwhm[seen, t]
            center[:, t] = np.interp(frames, at, c)
            fwhm[:, t] = np.interp(frames, at, w)
            begin = self.node_frames[seen[0] - 1] if seen[0] > 0 else -np.inf
            last = seen[-1]
            end = self.node_frames[last + 1] if last + 1 < len(self.node_frames) else np.inf
            expected[:, t] = (frames > begin) & (frames < end)
            merged[frames <= begin, t] = self.merged_before[t]
            merged[frames >= end, t] = self.merged_after[t]
            if len(seen) > 1:
                piece = np.clip(np.searchsorted(at, frames, side="right") - 1, 0, len(at) - 2)
                step = np.abs(np.diff(c))[piece]
                between = (frames > at[piece]) & (frames < at[piece + 1])
                search[:, t] = np.where(between, 0.5 * step, 0.0)
                motion[:, t] = np.where((frames >= at[0]) & (frames <= at[-1]), step, 0.0)
        tail = alpha2_distance(center, self.wavelength_ratio)
        reach = fwhm + search + 0.25 * np.minimum(motion, 4.0 * fwhm)
        every_shape = np.broadcast_to(self.shape, (len(frames), *self.shape.shape))
        return Expectation(
            *(center, fwhm, every_shape, self.shape_free, expected, merged, reach, search, tail)
        )

    def groups(self) -> IntArray:
        """Number the sets of peaks that are ever fitted together (peaks,)."""
        left: list[IntArray] = []
        right: list[IntArray] = []
        for start in range(0, self.n_frames, _CHUNK):
            e = self.expectation(start, min(start + _CHUNK, self.n_frames))
            for members, _ in self.grouping.windows(e):
                left.append(members[:, :-1].ravel())
                right.append(members[:, 1:].ravel())
        n = self.n_peaks
        if not left or n == 0:
            return np.arange(n)
        i, j = np.concatenate(left), np.concatenate(right)
        graph = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
        return np.asarray(connected_components(graph, directed=False)[1], dtype=np.intp)


def alpha2_distance(center: FloatArray, wavelength_ratio: float) -> FloatArray:
    """Distance in 2θ (deg) from the Kα1 to the Kα2 component of lines at `center`."""
    if wavelength_ratio == 1.0:
        return np.zeros_like(center)
    sine = np.clip(np.sin(np.radians(center) / 2.0) * wavelength_ratio, -1.0, 1.0)
    return np.degrees(2.0 * np.arcsin(sine)) - center


def make_plan(
    n_frames: int,
    nodes: list[NodePeaks],
    tracks: list[Track],
    grouping: Grouping,
    *,
    wavelength_ratio: float,
    typical: float,
    default_shape: FloatArray,
) -> SequencePlan:
    """Turn linked tracks into a plan.

    Parameters
    ----------
    n_frames : int
    nodes : list of NodePeaks
    tracks : list of Track
    grouping : Grouping
    wavelength_ratio, typical : float
        See `SequencePlan`.
    default_shape : array (further shape parameters,)
        For peaks too weak to have a shape of their own.
    """
    shape_size = (len(nodes), len(tracks))
    center, fwhm, significance = (np.full(shape_size, np.nan) for _ in range(3))
    shapes = np.tile(default_shape, (len(tracks), 1))
    free = np.zeros(len(tracks), bool)
    for t, track in enumerate(tracks):
        for n, m in zip(track.nodes, track.members, strict=True):
            center[n, t] = nodes[n].center[m]
            fwhm[n, t] = nodes[n].fwhm[m]
            significance[n, t] = nodes[n].significance[m]
        free[t] = np.nanmedian(significance[:, t]) >= FREE_SHAPE_SIGNIFICANCE
        own = [nodes[n].shape[m] for n, m in zip(track.nodes, track.members, strict=True)]
        if free[t] and default_shape.size:
            shapes[t] = np.median(np.array(own), axis=0)
    number = {id(track): t for t, track in enumerate(tracks)}
    return SequencePlan(
        n_frames=n_frames,
        node_frames=np.array([node.frame for node in nodes]),
        center=center,
        fwhm=fwhm,
        shape=shapes,
        shape_free=free,
        merged_before=np.array([number.get(id(t.merged_before), -1) for t in tracks], np.intp),
        merged_after=np.array([number.get(id(t.merged_after), -1) for t in tracks], np.intp),
        wavelength_ratio=wavelength_ratio,
        grouping=grouping,
        typical=typical,
    )
