"""Reports: one self-contained page, CSV tables, figures for a journal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from spectra.results import Record
    from spectra.watch import Watch

__all__ = ["write_figures", "write_live_page", "write_outputs", "write_report", "write_tables"]

Sections = Sequence[tuple[str, str]]


class _Recipe(Protocol):
    """What the report asks of a recipe."""

    @property
    def settings(self) -> object: ...

    def path_of(self, name: str) -> Path: ...


def write_report(
    record: Record, path: str | Path, *, title: str | None = None, extra_sections: Sections = ()
) -> Path:
    """Write the report as one HTML file that works offline.

    Parameters
    ----------
    record : Record
    path : path
    title : str, optional
    extra_sections : sequence of (heading, html)
        Placed after the summary.
    """
    from spectra.report.page import write_page

    return write_page(record, Path(path), title=title, extra_sections=extra_sections)


def write_live_page(
    watch: Watch, path: str | Path, *, refresh: float = 2.0, ended: str = ""
) -> Path:
    """Write the page of a watch, which loads itself again until the watch has ended."""
    from spectra.report.live import write_live_page as write

    return write(watch, path, refresh=refresh, ended=ended)


def write_tables(record: Record, folder: str | Path) -> list[Path]:
    """Write one CSV table per step."""
    from spectra.report.tables import write_csv

    return write_csv(record, Path(folder))


def write_figures(
    record: Record, folder: str | Path, formats: Sequence[str] = ("pdf", "png")
) -> list[Path]:
    """Write the figures, in each of the formats."""
    from spectra.report.figures import write_all

    return write_all(record, Path(folder), tuple(formats))


def write_outputs(record: Record, recipe: _Recipe, *, extra_sections: Sections = ()) -> list[Path]:
    """Write what a recipe's ``[report]`` asks for; return what a reader opens first."""
    settings = getattr(recipe.settings, "report", None)
    if settings is None:
        return []
    written = []
    if settings.tables:
        write_tables(record, recipe.path_of(settings.tables))
    if settings.figures:
        write_figures(record, recipe.path_of(settings.figures))
    if settings.file:
        path = recipe.path_of(settings.file)
        written.append(write_report(record, path, extra_sections=extra_sections))
    return written
