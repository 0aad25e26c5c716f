"""Data that Perl's Data::Dumper wrote, parsed and never run.

Only assignments of quoted text, numbers, lists and hashes of these are understood (Perl
documentation, perldata and Data::Dumper).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_ASSIGNMENT = re.compile(r"^[ \t]*[$@%](\w+)[ \t]*=[ \t]*", re.MULTILINE)
_TOKEN = re.compile(
    r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([-+]?[\d.][\w.+-]*|undef|nan|inf)"""
    r"""|(=>|[()\[\]{},;]))""",
    re.DOTALL | re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_DEEPEST = 20
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def assignments(text: str) -> Iterator[tuple[str, Any]]:
    """Yield names and values of the assignments that begin a line, in order.

    Lists and hashes alike become lists, a hash of its keys and values in turn; numbers stay
    text, as Perl does not tell the two apart.

    Parameters
    ----------
    text : str

    Raises
    ------
    ValueError
        For what is not data, naming the line.
    """
    at = 0
    while found := _ASSIGNMENT.search(text, at):
        value, at = _Parser(text).value(found.end(), 0)
        yield found[1], value


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, at: int, depth: int) -> tuple[Any, int]:
        """The value that begins at a place, and where it ends."""
        token = self._token(at)
        if token[4] is None:
            return self._scalar(token), token.end()
        if token[4] not in _CLOSING or depth > _DEEPEST:
            raise self._error(at)
        closing, at = _CLOSING[token[4]], token.end()
        items: list[Any] = []
        while True:
            token = self._token(at)
            if token[4] == closing:
                return items, token.end()
            if token[4] in (",", "=>"):
                at = token.end()
            elif token[4] is None:
                # Most of a file are these: no call for each.
                items.append(self._scalar(token))
                at = token.end()
            else:
                item, at = self.value(at, depth + 1)
                items.append(item)

    def _token(self, at: int) -> re.Match[str]:
        token = _TOKEN.match(self._text, at)
        if token is None:
            raise self._error(at)
        return token

    @staticmethod
    def _scalar(token: re.Match[str]) -> str:
        single, double, bare = token[1], token[2], token[3]
        if bare is not None:
            return "" if bare == "undef" else bare
        text = single if single is not None else double
        return _ESCAPE.sub(r"\1", text) if "\\" in text else text

    def _error(self, at: int) -> ValueError:
        line = self._text.count("\n", 0, at) + 1
        seen = self._text[at : at + 30].strip()
        return ValueError(f"line {line}: {seen!r} is not data")
