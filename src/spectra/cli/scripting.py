"""For scripts of a beamline: a recipe run once, and not again while nothing has changed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from spectra.errors import StoreError

if TYPE_CHECKING:
    from spectra.recipe import Recipe
    from spectra.watch import Watch

_PAGE_SECONDS = 1.0
_IDLE_SECONDS = 5.0
_PAGE_SHARE = 10.0


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


def process(recipe: Recipe, workers: int | str = 1) -> int:
    """Run a recipe unless it is done, write its report, and return the exit code.

    Parameters
    ----------
    recipe : Recipe
    workers : int or str

    Returns
    -------
    int
        0 if all is well, 2 if some frames failed.
    """
    from spectra.cli.common import plain_warnings, report_outcome, write_reports
    from spectra.recipe import run_recipe

    if is_done(recipe):
        typer.echo(f"{recipe.output} is up to date")
        return 0
    recipe.output.parent.mkdir(parents=True, exist_ok=True)
    with plain_warnings():
        record = run_recipe(recipe, workers=workers, progress=True, resume=True)
        written = write_reports(record, recipe, recipe.output)
    for path in written:
        typer.echo(path)
    return report_outcome(record)


def follow(
    recipe: Recipe,
    *,
    output: Path | None = None,
    page: Path | None = None,
    workers: str = "1",
    interval: float = 0.5,
    patience: float = 30.0,
    timeout: float | None = None,
    finished: Path | None = None,
) -> int:
    """Watch a recipe's frames come, with a live page; then run the recipe as always.

    Parameters
    ----------
    recipe, output, interval, patience, timeout, finished
        As for `spectra.watch.watch`.
    page : Path, optional
        By default ``<output>.live.html`` without the output's suffix.
    workers : str
        For the final run, as the command line takes them.

    Returns
    -------
    int
        The exit code of the final run.
    """
    from spectra.cli.common import plain_warnings, report_outcome, write_reports
    from spectra.cluster import parse_workers
    from spectra.recipe import run_recipe
    from spectra.watch import watch

    crew = parse_workers(workers)
    target = output or recipe.output
    place = page or target.with_name(f"{target.stem}.live.html")
    typer.echo(f"live page: {place}; Ctrl-C ends the watch and runs the recipe")
    with plain_warnings():
        ended = watch(
            recipe,
            output=output,
            interval=interval,
            patience=patience,
            timeout=timeout,
            finished=finished,
            show=page_writer(place),
        )
        typer.echo(f"watch ended ({ended}); now the whole recipe, which makes the results")
        try:
            record = run_recipe(recipe, output=output, workers=crew, resume=True)
        except StoreError:
            # What an earlier final run left behind had fewer frames.
            record = run_recipe(recipe, output=output, workers=crew, resume=False)
        written = write_reports(record, recipe, target)
    code = report_outcome(record)
    typer.echo(f"results: {target}")
    for path in written:
        typer.echo(f"report: {path}")
    return code


def page_writer(place: Path) -> Callable[[Watch, str], None]:
    """What writes the live page when there is something new, and now and then without."""
    from spectra.report import write_live_page

    shown = [float("-inf"), -1.0, 0.0]

    def show(watching: Watch, ended: str) -> None:
        moment, frames = time.monotonic(), float(len(watching.rows))
        since = moment - shown[0]
        # Long sequences have large pages: these must not cost the frames their time.
        rest = max(_PAGE_SECONDS, _PAGE_SHARE * shown[2])
        if ended or since > max(rest, _IDLE_SECONDS) or (frames != shown[1] and since > rest):
            write_live_page(watching, place, ended=ended)
            shown[:] = [moment, frames, time.monotonic() - moment]

    return show


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
