"""Times as files write them."""

from __future__ import annotations

from datetime import UTC, datetime

# Seconds from 1601 to 1970.
_FROM_1601 = 11_644_473_600.0


def iso_seconds(text: str | None) -> float | None:
    """Seconds since 1970 of a date and time in ISO 8601, UTC where no zone is given.

    Parameters
    ----------
    text : str or None

    Returns
    -------
    float or None
        None where there is none or it is not one.
    """
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def find_moment(text: str, *formats: str) -> float | None:
    """Seconds since 1970 of a date and time in one of some formats, taken as UTC.

    Parameters
    ----------
    text : str
    *formats : str
        As `datetime.strptime` takes them.

    Returns
    -------
    float or None
        None where it is in none of them.
    """
    for form in formats:
        try:
            return datetime.strptime(f"{text.strip()} +0000", f"{form} %z").timestamp()
        except (ValueError, OverflowError):
            continue
    return None


def filetime_seconds(ticks: int) -> float | None:
    """Seconds since 1970 of a Windows FILETIME, in 100 ns since 1601; None for zero."""
    return ticks / 1e7 - _FROM_1601 if ticks else None
