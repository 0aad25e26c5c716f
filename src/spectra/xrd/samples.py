"""Frames of a sequence that are looked at before the others: read, judged, averaged to nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.damage import Normal
from spectra.fit.quality import judge_frames
from spectra.fit.uncertainty import point_sigma
from spectra.stack import Noise, Stack
from spectra.status import Status

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

MAX_AVERAGED = 5


@dataclass(frozen=True)
class NodeData:
    """One node: its frame number, intensities and their uncertainties (points,)."""

    frame: float
    y: FloatArray
    sigma: FloatArray
    total: float


@dataclass(frozen=True)
class Samples:
    """Frames around the nodes of a sequence.

    Attributes
    ----------
    x : array (points,)
    unit : str
    node : int array (samples,)
        Frame number of the node that a frame belongs to.
    frame : array (samples,)
        Its own frame number, ascending.
    y : array (samples, points)
    errors : array (samples, points), optional
    noise : {"counts", "given", "unknown"}
    """

    x: FloatArray
    unit: str
    node: IntArray
    frame: FloatArray
    y: FloatArray
    errors: FloatArray | None
    noise: Noise

    @classmethod
    def read(cls, stack: Stack, noise: Noise, count: int, within: tuple[float, float]) -> Samples:
        """Read the frames of up to `count` nodes spread evenly over a stack.

        A node is a frame, or in long sequences up to five neighbours (fewer than the distance
        to the next node). Only the part `within` of the axis is read, and frames without
        signal are left out.
        """
        n = stack.n_frames
        places = np.unique(np.rint(np.linspace(0, n - 1, min(count, n))).astype(int))
        spacing = int(np.diff(places).min()) if places.size > 1 else 1
        half = min(MAX_AVERAGED, spacing) // 2
        nodes, frames, signals, errors = [], [], [], []
        for place in places.tolist():
            first = max(0, place - half)
            block = stack[first : min(n, place + half + 1)].crop(*within)
            y = np.asarray(block.signal)
            rows = np.flatnonzero((judge_frames(y)[0] == Status.OK) & (block.status == Status.OK))
            nodes += [place] * len(rows)
            frames += (first + rows).tolist()
            signals.append(y[rows])
            if block.errors is not None:
                errors.append(np.asarray(block.errors)[rows])
        return cls(
            x=block.x,
            unit=stack.axis.unit,
            node=np.array(nodes, np.intp),
            frame=np.array(frames, float),
            y=np.concatenate(signals),
            errors=np.concatenate(errors) if errors else None,
            noise=noise,
        )

    def sigma(self, y: FloatArray) -> FloatArray:
        """Give the standard uncertainties of the samples, whose intensities are now `y`."""
        return point_sigma(y, self.errors, self.noise)

    def learn(self) -> Normal:
        """Tell what undamaged frames look like."""
        return Normal.learn(self.frame, self.y, self.sigma(self.y))

    def nodes(self, normal: Normal) -> list[NodeData]:
        """Average the undamaged samples of each node; nodes without any are left out.

        A node stands at the same frame number whichever of its frames are damaged.
        """
        level = normal.level_at(self.frame)
        clean, wrong = normal.inspect(self.x, self.unit, self.y, self.sigma(self.y), level)
        good = np.array([not w for w in wrong], bool)
        sigma = self.sigma(clean)
        nodes = []
        for place in np.unique(self.node).tolist():
            rows = np.flatnonzero((self.node == place) & good)
            if rows.size == 0:
                continue
            nodes.append(
                NodeData(
                    frame=float(place),
                    y=clean[rows].mean(axis=0),
                    sigma=np.sqrt((sigma[rows] ** 2).sum(axis=0)) / rows.size,
                    total=float(np.median(np.nansum(clean[rows], axis=1))),
                )
            )
        return nodes


def mean_node(nodes: list[NodeData]) -> NodeData:
    """Average all nodes into one."""
    count = len(nodes)
    return NodeData(
        frame=float(np.mean([n.frame for n in nodes])),
        y=np.mean([n.y for n in nodes], axis=0),
        sigma=np.sqrt(np.sum([n.sigma**2 for n in nodes], axis=0)) / count,
        total=float(np.median([n.total for n in nodes])),
    )
