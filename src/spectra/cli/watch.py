"""``spectra watch``: a recipe's frames analysed as they come, and the recipe run at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectra.cli.run import Output, Workers


def command(
    recipe: Annotated[Path, typer.Argument(help="A recipe (TOML).")],
    output: Output = None,
    workers: Workers = "1",
    page: Annotated[Path | None, typer.Option(help="The live page to write.")] = None,
    interval: Annotated[float, typer.Option(help="Seconds between looks.")] = 0.5,
    patience: Annotated[
        float, typer.Option(help="Seconds an unreadable file or half a frame is waited for.")
    ] = 30.0,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds without a new frame that end the watch.")
    ] = None,
    finished: Annotated[
        Path | None, typer.Option(help="A file whose appearance ends the watch.")
    ] = None,
) -> int:
    """Work on a recipe's frames as they come, and refresh a page that shows them.

    At the end (Ctrl-C, --finished, --timeout) the recipe is run on all files as `spectra run`
    does, which alone makes the results; press Ctrl-C again to leave that to a later
    `spectra resume`.
    """
    from spectra.cli.scripting import follow
    from spectra.recipe import load_recipe

    return follow(
        load_recipe(recipe),
        output=output,
        page=page,
        workers=workers,
        interval=interval,
        patience=patience,
        timeout=timeout,
        finished=finished,
    )
