"""The axis that all panels of a sample share: state of charge, time, temperature."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.headlines import Headline
from spectra.report.labels import quantity, with_unit
from spectra.summary import Summary

FloatArray = NDArray[np.float64]

FRAMES = "frame"
"""What a batch without an axis is plotted against."""
_TIMES = ("time", "elapsed")
# Seconds from which on a time is a date (1979), and a duration is told in hours.
_DATES_FROM = 3e8
_HOURS_FROM = 7200.0
_MARGIN = 0.03


@dataclass(frozen=True)
class CommonAxis:
    """Where the frames of all measurements stand.

    Attributes
    ----------
    name : str
        Of the variable, or `FRAMES`.
    label : str
        With its unit.
    origin, unit : float
        A value is drawn at ``(value - origin)/unit``: dates begin at zero, long times are hours.
    own_unit : str
        What its values are in; "" if they have no unit.
    """

    name: str
    label: str
    origin: float = 0.0
    unit: float = 1.0
    own_unit: str = ""

    @classmethod
    def of(cls, summary: Summary) -> CommonAxis:
        """The axis that the measurements of a batch have in common."""
        name, unit = summary.axis, summary.axis_unit
        if not name:
            return cls(FRAMES, FRAMES)
        known = np.concatenate([np.empty(0), *(h.at[np.isfinite(h.at)] for h in summary.headlines)])
        if name not in _TIMES or unit not in ("s", "") or known.size == 0:
            return cls(name, with_unit(quantity(name), unit), own_unit=unit)
        origin = float(known.min()) if known.min() > _DATES_FROM else 0.0
        hours = float(np.ptp(known)) > _HOURS_FROM
        label, factor = with_unit(name, "h" if hours else "s"), 3600.0 if hours else 1.0
        return cls(name, label, origin, factor, unit)

    def place(self, values: FloatArray) -> FloatArray:
        """Where values of the variable are drawn (same shape)."""
        return np.asarray((values - self.origin) / self.unit)

    def at(self, headline: Headline) -> FloatArray:
        """Where the frames of a headline are drawn (frames,); NaN for what has no place."""
        if self.name == FRAMES:
            return np.arange(len(headline.at), dtype=float)
        return self.place(headline.at)


def ends(places: Iterable[FloatArray]) -> tuple[float, float]:
    """Range that shows all places with a margin; (0, 1) if there are none."""
    known = [p[np.isfinite(p)] for p in places]
    joined = np.concatenate(known) if known else np.empty(0)
    if joined.size == 0:
        return 0.0, 1.0
    low, high = float(joined.min()), float(joined.max())
    margin = _MARGIN * (high - low) or 0.5
    return low - margin, high + margin
