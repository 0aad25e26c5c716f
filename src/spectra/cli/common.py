"""What several commands share."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from spectra.recipe import Recipe
    from spectra.results import Record


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Print our warnings as one line each, without source code."""
    from spectra.errors import SpectraWarning

    def show(message: Warning | str, category: type[Warning], *_: object) -> None:
        if issubclass(category, SpectraWarning):
            typer.echo(f"warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def write_reports(record: Record, recipe: Recipe, results: Path) -> list[Path]:
    """Write what a recipe's ``[report]`` asks for; if that fails, say that `results` are safe.

    Raises
    ------
    StoreError
        If a report, a table or a figure cannot be written.
    """
    from spectra.errors import StoreError
    from spectra.report import write_outputs

    try:
        return write_outputs(record, recipe)
    except StoreError as error:
        error.add_note(
            f"the results are safe in {results}: `spectra report {results} -o report.html` "
            "shows them"
        )
        raise


def report_outcome(record: Record) -> int:
    """Print the statuses of each step and the verdicts; return the exit code."""
    from spectra.status import Status, count_statuses

    failed = False
    for name, results in record.steps.items():
        counts = ", ".join(f"{n} {s}" for s, n in count_statuses(results.status).items())
        typer.echo(f"{name}: {len(results)} frames ({counts})")
        for verdict in results.attrs.get("verdict", {}).values():
            typer.echo(f"  {verdict['sentence']}")
        failed |= bool((results.status > Status.OK).any())
    return 2 if failed else 0
