"""What stands above what on a sample's page: quantities in panels over the common axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from spectra.headlines import Headline
from spectra.report.batch.axis import CommonAxis
from spectra.report.labels import with_unit
from spectra.report.select import thin

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

MOST_POINTS = 500
"""Most frames of a curve; a page has many, and each point is drawn by itself."""
MOST_CURVES = 6
# Curves share a panel if it is no taller, in parts of the tallest of them, than this.
_TALLEST = 4.0
# So many curves of one kind get a panel each, however far apart they are.
_MOST_ALONE = 3
# Columns that are read together, and what their panel is called.
_CHANGES = ("dv_over_v", "da_over_a", "db_over_b", "dc_over_c")
_TOGETHER = dict.fromkeys(_CHANGES, "relative change")
SHARES = ("fraction", "weight", "weight_fraction", "concentration", "atomic_percent")
"""Columns of shares of a whole, which are read against each other."""
_PERCENT = (*_CHANGES, "weight_fraction")


@dataclass(frozen=True)
class Curve:
    """A headline as it is drawn: where it is known, over the common axis.

    Attributes
    ----------
    source : Headline
    unit : str
        Percent for relative changes and shares of mass.
    frames : array of int (points,)
    at, values, stderr : array (points,)
        Place on the common axis, value and standard uncertainty; NaN where not known.
    doubtful : array of bool (points,)
        Frames whose status is not ok.
    """

    source: Headline
    unit: str
    frames: IntArray
    at: FloatArray
    values: FloatArray
    stderr: FloatArray
    doubtful: BoolArray

    @classmethod
    def of(cls, source: Headline, axis: CommonAxis) -> Curve:
        """Draw a headline over the axis."""
        known = np.asarray(source.known, dtype=np.intp)
        factor, unit = percentage(source)
        return cls(
            source,
            unit,
            known,
            axis.at(source)[known],
            factor * source.values[known],
            factor * source.stderr[known],
            np.array([source.status[i] != "ok" for i in known.tolist()], dtype=bool),
        )

    @property
    def label(self) -> str:
        """The quantity without the phase, shell or species whose it is.

        That may stand in the middle: ``share of V4+, surface`` is ``share, surface``.
        """
        source = self.source
        own = f" of {source.entry}"
        return source.quantity.replace(own, "", 1) if source.entry else source.quantity

    @property
    def placed(self) -> bool:
        """Whether any point has a place on the common axis."""
        return bool(np.isfinite(self.at).any())

    def thinned(self) -> IntArray:
        """Indices of the points that are drawn."""
        return thin(len(self.values), MOST_POINTS)


def percentage(source: Headline) -> tuple[float, str]:
    """Factor and unit with which a headline is written."""
    return (100.0, "%") if source.column in _PERCENT and source.unit == "" else (1.0, source.unit)


@dataclass(frozen=True)
class Lane:
    """Curves of one measurement in one panel; `zero` tells whether zero means "no change"."""

    title: str
    unit: str
    curves: tuple[Curve, ...]

    @property
    def zero(self) -> bool:
        """Whether zero means that nothing has changed, and deserves a line."""
        return all(c.source.column in _CHANGES for c in self.curves)

    @property
    def label(self) -> str:
        """Title with the unit."""
        return with_unit(self.title, self.unit)


def curves(headlines: Iterable[Headline], axis: CommonAxis) -> list[Curve]:
    """Curves of headlines; left out is what has no value and what was held."""
    return [Curve.of(one, axis) for one in headlines if one.known.size and not one.held]


def lanes(found: Iterable[Curve], levels: Mapping[tuple[str, str], str]) -> list[Lane]:
    """Panels of curves: what one measurement has of one kind, if one scale shows it all.

    Parameters
    ----------
    found : iterable of Curve
    levels : mapping of (step, entry) to str
        The level of a photoelectron spectrum whose species they are: those of one share a
        panel, those of two do not.
    """

    def kind(curve: Curve) -> tuple[str, str, str, str]:
        source = curve.source
        together = _TOGETHER.get(source.column, source.column)
        # Changes of a phase are read together, and not with those of another phase.
        level = source.entry if together in _TOGETHER.values() else ""
        level = level or levels.get((source.step, source.entry), "")
        return source.measurement, curve.unit, f"{source.step} {together}", level

    # Kinds in the order of their first curve.
    ordered = list(found)
    first = {kind(c): i for i, c in reversed(list(enumerate(ordered)))}
    ordered.sort(key=lambda c: first[kind(c)])
    out = []
    for key, group in groupby(ordered, key=kind):
        out += [_lane(part, key[-1]) for part in _fitting(list(group), key[-1])]
    return out


def _fitting(group: list[Curve], level: str) -> Iterator[list[Curve]]:
    """All curves together if one scale shows them or they are many, else each by itself."""
    lows, highs = np.transpose([_reach(c) for c in group])
    together = float(highs.max() - lows.min()) <= _TALLEST * float((highs - lows).max())
    together |= bool(level) or group[0].source.column in SHARES or len(group) > _MOST_ALONE
    size = MOST_CURVES if together else 1
    yield from (group[i : i + size] for i in range(0, len(group), size))


def _reach(curve: Curve) -> tuple[float, float]:
    bars = np.nan_to_num(curve.stderr)
    return float((curve.values - bars).min()), float((curve.values + bars).max())


def _lane(group: list[Curve], level: str) -> Lane:
    first = group[0].source
    title = first.quantity
    if len(group) > 1 and level:
        title = first.quantity.replace(f" of {first.entry}", f" of {level}", 1)
        told = _TOGETHER.get(first.column)
        title = f"{told} of {level}" if told else title
    elif len(group) > 1:
        title = _TOGETHER.get(first.column) or group[0].label
    return Lane(title, group[0].unit, tuple(group))


def names(lane: Lane) -> list[str]:
    """What tells the curves of a panel apart; empty for one alone."""
    if len(lane.curves) < 2:
        return [""] * len(lane.curves)
    sources = [c.source for c in lane.curves]
    if len({s.column for s in sources}) == 1:
        return [s.entry or s.quantity for s in sources]
    alike = len({s.entry for s in sources}) == 1
    return [c.label if alike else c.source.quantity for c in lane.curves]
