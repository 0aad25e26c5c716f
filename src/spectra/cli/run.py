"""``spectra run``: run a recipe, or the recipe inside results once more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Workers = Annotated[
    str,
    typer.Option(
        "--workers",
        "-j",
        help="Number of processes, the address of a Dask scheduler (tcp://…), or local.",
    ),
]
Recipe_ = Annotated[Path, typer.Argument(help="A recipe (TOML), or results to replay.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Results file to write.")]


def command(recipe: Recipe_, output: Output = None, workers: Workers = "1") -> int:
    """Run a recipe, from reading to the report."""
    return run_file(recipe, output, workers, resume=False)


def run_file(path: Path, output: Path | None, workers: str, *, resume: bool) -> int:
    """Run a recipe file or replay results; return the exit code."""
    from spectra.cli.common import plain_warnings, report_outcome, write_reports
    from spectra.cluster import parse_workers
    from spectra.nexus import is_own, open_file
    from spectra.recipe import load_recipe, replay, run_recipe
    from spectra.results import Record

    crew = parse_workers(workers)
    with plain_warnings():
        if is_own(path):
            content = open_file(path)
            if not isinstance(content, Record):
                raise typer.BadParameter(f"{path} holds no recipe to replay")
            recipe = replay(content, str(path))
        else:
            recipe = load_recipe(path)
        record = run_recipe(recipe, output=output, workers=crew, resume=resume)
        written = write_reports(record, recipe, output or recipe.output)
    code = report_outcome(record)
    typer.echo(f"results: {output or recipe.output}")
    for place in written:
        typer.echo(f"report: {place}")
    return code
