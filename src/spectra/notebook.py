"""What notebooks show of things: small tables, escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_LEFT = "text-align:left"
_LONGEST = 120
_MOST_ROWS = 60


def small_table(caption: str, rows: Iterable[Sequence[object]], heads: Sequence[str] = ()) -> str:
    """HTML of a table whose first column heads its rows.

    Everything is escaped; long cells end in an ellipsis, and of many rows the first are shown.

    Examples
    --------
    >>> small_table("a < b", [("x", 1)])  # doctest: +ELLIPSIS
    '<table><caption style=...>a &lt; b</caption><tbody><tr><th scope="row"...>x</th><td...'
    """
    every = list(rows)
    head = "".join(f'<th scope="col" style="{_LEFT}">{escape(h)}</th>' for h in heads)
    body = "".join(_row(cells) for cells in every[:_MOST_ROWS])
    if len(every) > _MOST_ROWS:
        body += _row(("…", f"{len(every) - _MOST_ROWS} more"))
    return (
        f'<table><caption style="{_LEFT}">{escape(caption)}</caption>'
        + (f"<thead><tr>{head}</tr></thead>" if heads else "")
        + f"<tbody>{body}</tbody></table>"
    )


def _row(cells: Sequence[object]) -> str:
    first, *others = (escape(_cut(str(cell))) for cell in cells)
    body = "".join(f'<td style="{_LEFT}">{cell}</td>' for cell in others)
    return f'<tr><th scope="row" style="{_LEFT}">{first}</th>{body}</tr>'


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
