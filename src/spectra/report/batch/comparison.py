"""Samples against each other: every quantity at the first and the last frame, and its change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.report.batch.axis import CommonAxis
from spectra.report.batch.lanes import Curve, curves
from spectra.report.batch.tones import technique_name
from spectra.report.labels import measured, with_unit
from spectra.report.plotdata import numbers, plain_text
from spectra.report.select import thin
from spectra.summary import Summary

FloatArray = NDArray[np.float64]

_MOST_POINTS = 200
KINDS = {"last": "last frame", "first": "first frame", "change": "change from first to last"}
"""What can be told of a sequence in one number."""


@dataclass(frozen=True)
class Quantity:
    """What may be compared: one column of one technique, of one phase, shell or species."""

    key: tuple[str, str, str, str]
    technique: str
    label: str
    unit: str

    @property
    def heading(self) -> str:
        """Technique, quantity and unit."""
        return f"{technique_name(self.technique)}: {with_unit(self.label, self.unit)}"


@dataclass(frozen=True)
class Points:
    """A quantity of one sample along its sequence, and in one number of each kind.

    Attributes
    ----------
    at, values, stderr : array (points,)
        In the order of the axis, or of the frames where these have no place.
    told : dict of kind to (value, stderr)
        Without a change where there is one point only.
    """

    at: FloatArray
    values: FloatArray
    stderr: FloatArray
    told: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Comparison:
    """Quantities of all samples."""

    quantities: tuple[Quantity, ...]
    samples: dict[str, dict[Quantity, Points]]

    @classmethod
    def of(cls, summary: Summary, axis: CommonAxis) -> Comparison:
        """Collect the quantities from the rows of a summary."""
        quantities: dict[tuple[str, str, str, str], Quantity] = {}
        samples: dict[str, dict[Quantity, list[Curve]]] = {}
        for sample in summary.sheet.samples:
            own = samples.setdefault(sample.name, {})
            for curve in curves((r for r in summary.rows if r.sample == sample.name), axis):
                key = (curve.technique, curve.column, curve.entry, curve.label)
                quantity = quantities.setdefault(
                    key, Quantity(key, curve.technique, curve.label, curve.unit)
                )
                own.setdefault(quantity, []).append(curve)
        found = {s: {q: points(c) for q, c in own.items()} for s, own in samples.items()}
        return cls(tuple(quantities.values()), found)

    def chosen(self) -> tuple[int, int]:
        """Quantities to begin with: valence to the right and strain upwards, where known."""
        columns = [q.key[1] for q in self.quantities]
        right = columns.index("valence") if "valence" in columns else 0
        up = columns.index("dv_over_v") if "dv_over_v" in columns else min(1, len(columns) - 1)
        return (right, up) if right != up else (right, (up + 1) % max(len(columns), 1))

    def plain(self) -> list[dict[str, Any]]:
        """The samples for the page's script."""
        return [
            {
                "name": plain_text(name),
                "quantities": [None if q not in own else _plain(own[q]) for q in self.quantities],
            }
            for name, own in self.samples.items()
        ]

    def cells(self, sample: str, kind: str) -> list[str]:
        """One number for each quantity of a sample, as it is written."""
        own = self.samples[sample]
        return [measured(*own[q].told[kind]) if q in own else "–" for q in self.quantities]


def points(found: Iterable[Curve]) -> Points:
    """Join the measurements of one quantity of a sample.

    Frames that are flagged count only where there are no others.
    """
    every = list(found)
    at, values, stderr = (
        np.concatenate([getattr(c, name) for c in every]) for name in ("at", "values", "stderr")
    )
    fine = ~np.concatenate([c.doubtful for c in every])
    use = np.flatnonzero(fine if fine.any() else ~fine)
    # What has no place stays in the order of its frames, behind what has one.
    use = use[np.argsort(at[use], kind="stable")]
    at, values, stderr = at[use], values[use], stderr[use]
    nothing = (float("nan"), float("nan"))
    told = {name: (float(values[i]), float(stderr[i])) for name, i in (("first", 0), ("last", -1))}
    told["change"] = nothing
    if len(values) > 1:
        told["change"] = (float(values[-1] - values[0]), float(np.hypot(stderr[0], stderr[-1])))
    return Points(at, values, stderr, told)


def _plain(one: Points) -> dict[str, Any]:
    use = thin(len(one.values), _MOST_POINTS)
    told = {kind: [numbers([v], 9)[0], numbers([u], 4)[0]] for kind, (v, u) in one.told.items()}
    return {
        "at": numbers(one.at[use], 7),
        "values": numbers(one.values[use], 9),
        "stderr": numbers(one.stderr[use], 4),
        "told": told,
        "texts": {kind: measured(*pair) for kind, pair in one.told.items()},
    }
