"""``spectra report``: figures, tables and a page from results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    results: Annotated[Path, typer.Argument(help="Results of `spectra run`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file.")] = Path(
        "report.html"
    ),
    tables: Annotated[Path | None, typer.Option(help="Folder for CSV tables.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for PDF and PNG figures.")] = None,
) -> int:
    """Write the report of some results."""
    from spectra.nexus import open_file
    from spectra.report import write_figures, write_report, write_tables
    from spectra.results import Record, Results
    from spectra.stack import Stack

    content = open_file(results)
    if isinstance(content, Stack):
        content = Record({}, content)
    if isinstance(content, Results):
        content = Record({content.table.name: content})
    if tables is not None:
        for path in write_tables(content, tables):
            typer.echo(f"table: {path}")
    if figures is not None:
        for path in write_figures(content, figures):
            typer.echo(f"figure: {path}")
    typer.echo(f"report: {write_report(content, output)}")
    return 0
