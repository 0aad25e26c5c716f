"""Records of battery cyclers: BioLogic, Arbin, Neware and LAND text exports, and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from spectra.cyclers.biologic import is_biologic, read_biologic
from spectra.cyclers.record import Cycler, find_gaps, join_records
from spectra.cyclers.table import decode, read_table, split_table
from spectra.errors import ReaderError

__all__ = ["Cycler", "find_gaps", "read_cycler"]


def read_cycler(
    path: str | Path | Sequence[str | Path], *, columns: Mapping[str, str] | None = None
) -> Cycler:
    """Read a cycler's log, or several that continue each other.

    BioLogic ``.mpt`` files are known by their first line; everything else is read as a table
    with a header (tabs, semicolons or commas; decimal commas; units in the header; English or
    Chinese titles), which is what Arbin, Neware and LAND export as records. Without a unit a
    column is taken to be in s, V, A or mAh. Where a current has no sign but the table names the
    steps, discharging is negative.

    Parameters
    ----------
    path : path or sequence of paths
        Several logs are joined on their absolute times.
    columns : mapping, optional
        Names of the columns where they are not recognised, e.g. ``{"voltage": "Vcell/V"}``.

    Raises
    ------
    ReaderError
        If a column is missing (the ones found are listed), a unit is not known, the time runs
        backwards, or logs overlap.
    """
    if not isinstance(path, str | Path):
        if not path:
            raise ReaderError("cycler", "the list of logs is empty", remedy="name at least one")
        return join_records([read_cycler(one, columns=columns) for one in path])
    place = Path(path)
    try:
        data = place.read_bytes()
    except OSError as error:
        raise ReaderError(place, f"cannot be read ({error.strerror})") from None
    text = decode(place, data)
    if is_biologic(text):
        return read_biologic(place, text, columns or {})
    return read_table(split_table(place, text.splitlines()), columns or {})
