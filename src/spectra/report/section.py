"""A part of the page that a step has for itself."""

from __future__ import annotations

from dataclasses import dataclass

from spectra.report.drawing import Drawing


@dataclass(frozen=True)
class Section:
    """Sentences, drawings, and a table of strings under one heading.

    ``worded`` says whether the last column of the table holds words instead of numbers;
    ``download`` is the name and the text of a CSV file with the whole of the table.
    """

    key: str
    heading: str
    sentences: tuple[str, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""
    worded: bool = True
    download: tuple[str, str] | None = None
