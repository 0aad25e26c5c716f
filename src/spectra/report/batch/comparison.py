"""Samples against each other: every quantity at the first and the last frame, and its change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.headlines import change_of
from spectra.report.batch.axis import CommonAxis
from spectra.report.batch.lanes import Curve, curves
from spectra.report.batch.tones import technique_name
from spectra.report.labels import measured, with_unit
from spectra.report.plotdata import numbers, plain_text
from spectra.report.select import thin
from spectra.summary import Summary

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MOST_POINTS = 200
KINDS = {
    "last": "last value",
    "first": "first value",
    "change": "change from first to last",
}
"""What can be told of a sequence in one number."""


@dataclass(frozen=True)
class Compared:
    """What may be compared: one quantity of one technique."""

    technique: str
    column: str
    quantity: str
    unit: str

    @property
    def heading(self) -> str:
        """Technique, quantity and unit."""
        return f"{technique_name(self.technique)}: {with_unit(self.quantity, self.unit)}"


@dataclass(frozen=True)
class Points:
    """A quantity of one sample along its sequence, and in one number of each of `KINDS`.

    Attributes
    ----------
    at, values, stderr : array (points,)
        Measurement by measurement along the axis, each in the order of its frames.
    told : dict of kind to (value, stderr)
        NaN for the change where there is one point, or one number for all of them.
    measurement : array of int (points,)
        Which of the sample's measurements each belongs to, from 0.
    """

    at: FloatArray
    values: FloatArray
    stderr: FloatArray
    told: dict[str, tuple[float, float]]
    measurement: IntArray

    @classmethod
    def of(cls, found: Sequence[Curve]) -> Points:
        """Join the measurements of one quantity of a sample."""
        every = sorted(found, key=_begin)
        at, values, stderr = (
            np.concatenate([getattr(c, name) for c in every]) for name in ("at", "values", "stderr")
        )
        ends = {"first": 0, "last": -1}
        told = {kind: (float(values[i]), float(stderr[i])) for kind, i in ends.items()}
        alone = every[0].source.correlation(every[0].frames) if len(every) == 1 else 0.0
        told["change"] = change_of(values, stderr, alone)
        measurement = np.repeat(np.arange(len(every)), [len(c.at) for c in every])
        return cls(at, values, stderr, told, measurement)


def _begin(curve: Curve) -> float:
    """Where a measurement begins; what has no place comes last."""
    known = curve.at[np.isfinite(curve.at)]
    return float(known.min()) if known.size else np.inf


@dataclass(frozen=True)
class Comparison:
    """Quantities of all samples."""

    quantities: tuple[Compared, ...]
    samples: dict[str, dict[Compared, Points]]

    @classmethod
    def of(cls, summary: Summary, axis: CommonAxis) -> Comparison:
        """Collect the headlines of a summary by what they are."""
        samples: dict[str, dict[Compared, list[Curve]]] = {}
        for sample in summary.sheet.samples:
            own = samples.setdefault(sample.name, {})
            for curve in curves(summary.of(sample.name), axis):
                source = curve.source
                what = Compared(source.technique, source.column, source.quantity, curve.unit)
                own.setdefault(what, []).append(curve)
        found = {s: {q: Points.of(c) for q, c in own.items()} for s, own in samples.items()}
        techniques = list(dict.fromkeys(m.technique for _, m in summary.sheet.measurements()))
        every = dict.fromkeys(q for own in found.values() for q in own)
        # All of one technique together, also what only a later sample has.
        ordered = sorted(every, key=lambda q: techniques.index(q.technique))
        return cls(tuple(ordered), found)

    def chosen(self) -> tuple[int, int]:
        """Quantities to begin with: right and up.

        A pair that at least two samples have, if there is one. Of these, valence and strain;
        else two that most samples have, if possible of different columns and techniques.
        """
        best, most = (0, min(1, len(self.quantities) - 1)), (0, 0, 0, 0, 0)
        for i, right in enumerate(self.quantities):
            for k, up in enumerate(self.quantities):
                both = sum(right in own and up in own for own in self.samples.values())
                wished = (right.column, up.column) == ("valence", "dv_over_v")
                if not both or not (wished or i < k):
                    continue
                columns = int(right.column != up.column)
                techniques = int(right.technique != up.technique)
                rank = (int(both > 1), int(wished), both, columns, techniques)
                if rank > most:
                    best, most = (i, k), rank
        return best

    def plain(self) -> list[dict[str, Any]]:
        """The samples for the page's script."""
        return [
            {
                "name": plain_text(name),
                "quantities": [_plain(own[q]) if q in own else None for q in self.quantities],
            }
            for name, own in self.samples.items()
        ]

    def cells(self, sample: str, kind: str) -> list[str]:
        """One number for each quantity of a sample, as it is written."""
        own = self.samples[sample]
        return [measured(*own[q].told[kind]) if q in own else "–" for q in self.quantities]


def _plain(one: Points) -> dict[str, Any]:
    use = thin(len(one.values), _MOST_POINTS)
    told = {kind: [numbers([v], 9)[0], numbers([u], 4)[0]] for kind, (v, u) in one.told.items()}
    return {
        "at": numbers(one.at[use], 7),
        "values": numbers(one.values[use], 9),
        "stderr": numbers(one.stderr[use], 4),
        "measurement": one.measurement[use].tolist(),
        "told": told,
        "texts": {kind: measured(*pair) for kind, pair in one.told.items()},
    }
