"""Times as files write them."""

from __future__ import annotations

from datetime import UTC, datetime


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
