"""For scripts of a beamline: a recipe run once, and not again while nothing has changed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from spectra.recipe import Recipe


def is_done(recipe: Recipe) -> bool:
    """Whether the results of this very recipe, made of these very files, are there already."""
    from spectra.errors import SettingError
    from spectra.integrity import is_own
    from spectra.nexus import open_file
    from spectra.recipe import replay
    from spectra.results import Record

    if not recipe.output.is_file() or not is_own(recipe.output):
        return False
    content = open_file(recipe.output)
    wanted = json.loads(json.dumps(recipe.to_plain()))
    if not isinstance(content, Record) or dict(content.recipe) != wanted:
        return False
    try:
        replay(content, str(recipe.output))
    except SettingError:
        return False
    return True


def process(recipe: Recipe, workers: int = 1) -> int:
    """Run a recipe unless it is done, write its report, and return the exit code.

    Parameters
    ----------
    recipe : Recipe
    workers : int

    Returns
    -------
    int
        0 if all is well, 2 if some frames failed.
    """
    from spectra.cli.common import plain_warnings, report_outcome
    from spectra.recipe import run_recipe
    from spectra.report import write_outputs

    if is_done(recipe):
        typer.echo(f"{recipe.output} is up to date")
        return 0
    recipe.output.parent.mkdir(parents=True, exist_ok=True)
    with plain_warnings():
        record = run_recipe(recipe, workers=workers, progress=True, resume=True)
        written = write_outputs(record, recipe)
    for path in written:
        typer.echo(path)
    return report_outcome(record)


def exit_with(work: Callable[[], int]) -> None:
    """Do the work of a script and leave with its exit code; errors become one line each."""
    from spectra.errors import DamagedFileError, SpectraError

    try:
        code = work()
    except DamagedFileError as error:
        typer.echo(str(error), err=True)
        code = 3
    except SpectraError as error:
        typer.echo(str(error), err=True)
        code = 1
    sys.exit(code)
