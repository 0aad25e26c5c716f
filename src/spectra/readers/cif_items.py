"""Values of CIF files by name, with the uncertainties that stand in brackets behind them.

S. R. Hall, F. H. Allen, I. D. Brown, Acta Cryst. A47 (1991) 655.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.text import decode

if TYPE_CHECKING:
    import gemmi

FloatArray = NDArray[np.float64]
Items = dict[str, list[str]]

_NUMBER = re.compile(r"([-+]?)(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d{1,4}))?(?:\((\d{1,15})\))?")
_NULL = (".", "?")


def read_blocks(path: Path) -> list[tuple[str, Items]]:
    """Names of the blocks of a CIF and their values by name.

    Names are in the old spelling (lower case, ``_`` for the dot) without the first ``_``.

    Raises
    ------
    ReaderError
        If it is no CIF.
    """
    import gemmi

    try:
        document = gemmi.cif.read_string(decode(path))
    except (ValueError, RuntimeError, OverflowError) as error:
        raise ReaderError(
            path, f"not a readable CIF ({error})"[:200], remedy="mend it, or copy it again"
        ) from None
    return [(str(block.name), _items(block)) for block in document]


def column(
    path: Path, items: Items, tag: str, where: str, n: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """Values and their uncertainties; NaN where there is none."""
    cells = items[tag]
    if n is not None and len(cells) != n:
        raise ReaderError(path, f"{len(cells)} of _{tag} for {n} points", where=where)
    numbers = np.full((len(cells), 2), np.nan)
    for i, cell in enumerate(cells):
        if cell in _NULL:
            continue
        parsed = _number(cell)
        if parsed is None:
            raise ReaderError(
                path,
                f"{cell[:40]!r}",
                where=f"{where}, _{tag}, value {i + 1}",
                expected="a number, as 12.3 or 12.3(4)",
            )
        numbers[i] = parsed
    return numbers[:, 0], numbers[:, 1]


def fact(path: Path, items: Items, tag: str, where: str) -> float | None:
    """The first value of a name as a number; None where there is none."""
    if tag not in items:
        return None
    value = float(column(path, items, tag, where)[0][0])
    return value if np.isfinite(value) else None


def _items(block: gemmi.cif.Block) -> Items:
    items: Items = {}
    for item in block:
        if isinstance(item.pair, tuple):
            tag, value = item.pair
            items[_plain(tag)] = [value]
        elif item.loop is not None:
            tags, values = item.loop.tags, item.loop.values
            # A loop without values says nothing.
            for i, tag in enumerate(tags if values else ()):
                items[_plain(tag)] = values[i :: len(tags)]
    return items


def _plain(tag: str) -> str:
    return tag.lower().lstrip("_").replace(".", "_")


def _number(cell: str) -> tuple[float, float] | None:
    """A number and its uncertainty in units of its last digit."""
    found = _NUMBER.fullmatch(cell.strip("'\""))
    if found is None or not (found[2] or found[3]):
        return None
    decimals, power = found[3] or "", int(found[4] or 0)
    value = float(f"{found[1]}{found[2] or 0}.{decimals or 0}e{power}")
    if found[5] is None:
        return value, float("nan")
    return value, float(f"{found[5]}e{power - len(decimals)}")
