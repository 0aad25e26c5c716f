"""Times as cyclers write them: dates, clocks such as 1-02:03:04, and plain numbers.

Dates without a zone are read as if they were UTC, as the readers of patterns do: what counts
is that both instruments wrote the same local time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

_DATE = re.compile(
    r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
    r"\s*([AaPp][Mm])?\s*(Z|[+-]\d{2}:?\d{2})?"
)
_CLOCK = re.compile(r"(?:(\d{1,6})[-d\s]+)?(\d{1,9}):(\d{1,2}):(\d{1,2}(?:[.,]\d{1,18})?)")


def is_date(text: str) -> bool:
    """Whether the text is a date with a time of day."""
    return _DATE.fullmatch(text) is not None


def is_clock(text: str) -> bool:
    """Whether the text is h:m:s, with days before or fractions behind."""
    return _CLOCK.fullmatch(text) is not None


def clock_seconds(text: str) -> float | None:
    """Seconds of h:m:s or d-h:m:s; None if it is not of that form.

    Examples
    --------
    >>> clock_seconds("1-00:01:02.5")
    86462.5
    """
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    days, hours, minutes = (int(part or 0) for part in found.groups()[:3])
    return ((days * 24.0 + hours) * 60 + minutes) * 60 + float(found[4].replace(",", "."))


def date_seconds(text: str, *, day_first: bool = False) -> float | None:
    """Seconds since 1970 of a date; None if it is none.

    Examples
    --------
    >>> date_seconds("1970-01-02 00:00:01.5")
    86401.5
    >>> date_seconds("01/02/1970 00:00:00") == date_seconds("02.01.1970 00:00", day_first=True)
    True
    """
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    first, _, second, third, hour, minute, whole, fraction, half, zone = found.groups()
    if len(first) == 4:
        year, month, day = first, second, third
    else:
        year, month, day = third, *((second, first) if day_first else (first, second))
    if len(year) != 4:
        return None
    hours = int(hour) if half is None else int(hour) % 12 + 12 * (half.lower() == "pm")
    try:
        moment = datetime(
            int(year), int(month), int(day), hours, int(minute), int(whole or 0), tzinfo=_zone(zone)
        )
        return moment.timestamp() + float(f"0.{fraction or 0}")
    except (ValueError, OverflowError):
        return None


def day_first(texts: Iterable[str]) -> bool | None:
    """Whether dates such as 03/04/2024 put the day first; None if they do not tell."""
    for text in texts:
        found = _DATE.fullmatch(text)
        if found is None:
            continue
        if len(found[1]) == 4:
            return False
        if int(found[1]) > 12:
            return True
        if int(found[3]) > 12:
            return False
    return None


def written(seconds: float) -> str:
    """Date of seconds since 1970, as text for messages."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return f"{seconds:g} s"
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))
