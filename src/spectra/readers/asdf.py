"""Ordinates of JCAMP-DX in all their forms: free numbers, packed, squeezed, differences, repeats.

R. S. McDonald, P. A. Wilks, "JCAMP-DX: A Standard Form for Exchange of Infrared Spectra in
Computer Readable Form", Appl. Spectrosc. 42 (1988) 151, sections on AFFN and ASDF.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SQUEEZED = {c: str(i) for i, c in enumerate("@ABCDEFGHI")}
_SQUEEZED |= {c: f"-{i}" for i, c in enumerate("abcdefghi", 1)}
_DIFFERENCE = {c: str(i) for i, c in enumerate("%JKLMNOPQR")}
_DIFFERENCE |= {c: f"-{i}" for i, c in enumerate("jklmnopqr", 1)}
_REPEATED = {c: str(i) for i, c in enumerate("STUVWXYZs", 1)}

_FREE = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")
# An exponent has a sign in packed lines, lest it be taken for a squeezed 5.
_TOKEN = re.compile(
    r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]\d{1,3})?)"
    r"|(?P<form>[@A-Za-s%])(?P<digits>\d*\.?\d*)|(?P<missing>\?)|(?P<gap>[\s,;]+)"
)
_MOST_REPEATS = 1 << 20


class Line(NamedTuple):
    """A line of a table of ordinates.

    Parameters
    ----------
    x : float
        Its first number: the position of its first ordinate, before factors.
    y : list of float
        NaN where a value is missing.
    differences : bool
        Whether it ends in a difference; the next line then begins with its last ordinate anew.
    """

    x: float
    y: list[float]
    differences: bool


def read_line(text: str, room: int) -> Line:
    """Read a line of a table ``(X++(Y..Y))``.

    Parameters
    ----------
    text : str
        Without its comment.
    room : int
        Ordinates that may still come: repeats beyond are refused.

    Raises
    ------
    ValueError
        If something in it is no number, naming it.
    """
    free = re.split(r"[\s,;]+", text.strip())
    if len(free) > 1 and all(_FREE.fullmatch(word) for word in free):
        values = [float(word) for word in free]
        return Line(values[0], values[1:], differences=False)
    return _read_packed(text, min(room, _MOST_REPEATS))


def _read_packed(text: str, room: int) -> Line:
    x: float | None = None
    y: list[float] = []
    step: float | None = None
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"{text[at : at + 20]!r} is no number of JCAMP-DX")
        at = found.end()
        if found["gap"]:
            continue
        form, digits = found["form"] or "", found["digits"] or ""
        if x is None:
            x = float(found["number"] or _SQUEEZED.get(form, "?") + digits)
        elif form in _REPEATED:
            count = int(_REPEATED[form] + digits) - 1
            if not y or count > room - len(y):
                raise ValueError(f"{found[0]!r} repeats what is not there, or too often")
            y += [y[-1] + (step or 0.0) * n for n in range(1, count + 1)]
        elif form in _DIFFERENCE:
            if not y:
                raise ValueError(f"the difference {found[0]!r} has nothing before it")
            step = float(_DIFFERENCE[form] + digits)
            y.append(y[-1] + step)
        else:
            step = None
            y.append(float("nan") if found["missing"] else _plain(found, form, digits))
    if x is None:
        raise ValueError("an empty line")
    return Line(x, y, differences=step is not None)


def _plain(found: re.Match[str], form: str, digits: str) -> float:
    if found["number"]:
        return float(found["number"])
    if form not in _SQUEEZED:
        raise ValueError(f"{found[0]!r} is no number of JCAMP-DX")
    return float(_SQUEEZED[form] + digits)
