"""A part of the page that a step has for itself."""

from __future__ import annotations

from dataclasses import dataclass

from spectra.report.drawing import Drawing


@dataclass(frozen=True)
class Section:
    """Sentences, drawings, and a table of strings under one heading."""

    key: str
    heading: str
    sentences: tuple[str, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""
