"""What stands above what on a sample's page: quantities in panels over the common axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from spectra.report.batch.axis import CommonAxis
from spectra.report.labels import with_unit
from spectra.report.select import thin
from spectra.summary import Row

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

MOST_POINTS = 500
"""Most frames of a curve; a page has many, and each point is drawn by itself."""
MOST_CURVES = 6
# Curves share a panel if it is no taller, in parts of the tallest of them, than this.
_TALLEST = 4.0
# Columns that are read together, and what their panel is called.
_TOGETHER = {
    **dict.fromkeys(("dv_over_v", "da_over_a", "db_over_b", "dc_over_c"), "relative change"),
    **dict.fromkeys(("ratio_height", "ratio_area"), "I_D/I_G"),
}
SHARES = ("fraction", "weight", "weight_fraction", "concentration", "atomic_percent")
"""Columns of shares of a whole, which are read against each other."""
_PERCENT = ("dv_over_v", "da_over_a", "db_over_b", "dc_over_c", "weight_fraction")


@dataclass(frozen=True)
class Curve:
    """One quantity of one measurement over its frames.

    Attributes
    ----------
    measurement, technique, step, column : str
        Where it comes from.
    label : str
        The quantity as it is printed.
    entry : str
        Which of several numbers of a frame: a phase, shell, species or band.
    unit : str
    frames : array of int (points,)
    at, values, stderr : array (points,)
        Place on the common axis, value and standard uncertainty; NaN where not known.
    doubtful : array of bool (points,)
        Frames whose status is not ok.
    """

    measurement: str
    technique: str
    step: str
    column: str
    label: str
    entry: str
    unit: str
    frames: IntArray
    at: FloatArray
    values: FloatArray
    stderr: FloatArray
    doubtful: BoolArray

    @property
    def placed(self) -> bool:
        """Whether any point has a place on the common axis."""
        return bool(np.isfinite(self.at).any())

    def thinned(self) -> IntArray:
        """Indices of the points that are drawn."""
        return thin(len(self.values), MOST_POINTS)


@dataclass(frozen=True)
class Lane:
    """Curves of one measurement in one panel; `zero` tells whether zero means "no change"."""

    technique: str
    measurement: str
    title: str
    unit: str
    curves: tuple[Curve, ...]

    @property
    def zero(self) -> bool:
        """Whether zero means that nothing has changed, and deserves a line."""
        return all(c.column in _TOGETHER and c.column in _PERCENT for c in self.curves)

    @property
    def label(self) -> str:
        """Title with the unit."""
        return with_unit(self.title, self.unit)


def curves(rows: Iterable[Row], axis: CommonAxis) -> Iterator[Curve]:
    """Curves of the rows of one sample, in the order of the rows.

    What has no finite value is left out, and what was held: its uncertainties are all zero.
    """
    found: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.measurement, row.step, row.column, row.entry), []).append(row)
    for own in found.values():
        values = np.array([row.value for row in own])
        errors = np.array([row.stderr for row in own])
        known = np.flatnonzero(np.isfinite(values))
        if known.size == 0 or (errors[known] == 0).all():
            continue
        first, percent = own[0], own[0].column in _PERCENT and own[0].unit == ""
        factor = 100.0 if percent else 1.0
        kept = [own[i] for i in known.tolist()]
        yield Curve(
            first.measurement,
            first.technique,
            first.step,
            first.column,
            first.quantity,
            first.entry,
            "%" if percent else first.unit,
            np.array([row.frame for row in kept], dtype=np.intp),
            axis.at(kept),
            factor * values[known],
            factor * errors[known],
            np.array([row.status != "ok" for row in kept]),
        )


def lanes(found: Iterable[Curve], levels: Mapping[tuple[str, str], str]) -> list[Lane]:
    """Panels of curves: what one measurement has of one kind, if one scale shows it all.

    Parameters
    ----------
    found : iterable of Curve
    levels : mapping of (step, entry) to str
        Entries that are shares of different wholes, such as the levels of a photoelectron
        spectrum, do not share a panel.
    """

    def kind(curve: Curve) -> tuple[str, str, str, str]:
        together = _TOGETHER.get(curve.column, curve.column)
        level = levels.get((curve.step, curve.entry), "")
        return curve.measurement, curve.unit, together, level

    # Kinds in the order of their first curve.
    ordered = list(found)
    first = {kind(c): i for i, c in reversed(list(enumerate(ordered)))}
    ordered.sort(key=lambda c: first[kind(c)])
    out = []
    for key, group in groupby(ordered, key=kind):
        out += [_lane(part, key[-1]) for part in _fitting(list(group))]
    return out


def _fitting(group: list[Curve]) -> Iterator[list[Curve]]:
    """All curves together if one scale shows them, else each by itself."""
    lows, highs = np.transpose([_reach(c) for c in group])
    together = float(highs.max() - lows.min()) <= _TALLEST * float((highs - lows).max())
    if len(group) <= MOST_CURVES and (together or group[0].column in SHARES):
        yield group
    else:
        yield from ([c] for c in group)


def _reach(curve: Curve) -> tuple[float, float]:
    bars = np.nan_to_num(curve.stderr)
    return float((curve.values - bars).min()), float((curve.values + bars).max())


def _lane(group: list[Curve], level: str) -> Lane:
    first = group[0]
    title = first.label
    if len(group) > 1:
        title = _TOGETHER.get(first.column) or without_entry(first)
        title = f"{title} of {level}" if level else title
    return Lane(first.technique, first.measurement, title, first.unit, tuple(group))


def names(lane: Lane) -> list[str]:
    """What tells the curves of a panel apart; empty for one alone."""
    if len(lane.curves) < 2:
        return [""] * len(lane.curves)
    entries = {c.entry for c in lane.curves}
    columns = {c.column for c in lane.curves}
    if len(columns) == 1:
        return [c.entry or c.label for c in lane.curves]
    return [without_entry(c) if len(entries) == 1 else c.label for c in lane.curves]


def without_entry(curve: Curve) -> str:
    """The quantity without the phase, shell or species whose it is.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> curve = Curve("a", "a", "a", "r", "R of Cu-O", "Cu-O", "", one, one, one, one, one > 2)
    >>> without_entry(curve), without_entry(replace(curve, label="P/M", entry=""))
    ('R', 'P/M')
    """
    if not curve.entry:
        return curve.label
    return curve.label.removesuffix(curve.entry).removesuffix(" of ").strip() or curve.label
