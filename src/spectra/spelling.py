"""What somebody meant who wrote something unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Above it two names are one and a slip of the pen; below, both may be meant.
_ALIKE = 0.8
_RELATED = 0.6


def meant(word: str, known: Iterable[str]) -> str:
    """A hint at what is known: the closest, or all.

    Examples
    --------
    >>> meant("tecnique", ["technique", "files"]), meant("mass", ["technique", "files"])
    ("did you mean 'technique'?", 'known: technique, files')
    """
    names = list(known)
    return _closest(word, names, _RELATED) or f"known: {', '.join(names) or 'none'}"


def misspelt(word: str, known: Iterable[str]) -> str:
    """A hint at what a word is but for a slip of the pen; "" if it is another, or known.

    Words that differ in numbers alone are different words.

    Examples
    --------
    >>> misspelt("tecnique", ["technique"]), misspelt("mass", ["mask"]), misspelt("x1", ["x2"])
    ("did you mean 'technique'?", '', '')
    """
    names = list(known)
    if word in names:
        return ""
    others = [n for n in names if _letters(n) != _letters(word)]
    swapped = [n for n in others if sorted(n) == sorted(word)]
    return _closest(word, swapped, 0.0) or _closest(word, others, _ALIKE)


def _closest(word: str, names: list[str], cutoff: float) -> str:
    near = difflib.get_close_matches(word, names, 1, cutoff)
    return f"did you mean {near[0]!r}?" if near else ""


def _letters(word: str) -> str:
    return "".join(c for c in word if not c.isdigit())
