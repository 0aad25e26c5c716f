"""``spectra part``: one part of a recipe's blocks, for the job array of a cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from spectra.cli.run import Output, Recipe_, Workers


def command(
    recipe: Recipe_,
    part: Annotated[str, typer.Argument(help="Which part, such as 3/20.")],
    output: Output = None,
    workers: Workers = "1",
) -> int:
    """Do one part of a recipe's blocks; `spectra resume` joins the parts.

    Parts run at the same time, on any machines that see the same disk. A part that was killed
    is run again, or left to `spectra resume`.
    """
    from spectra.blocks import Part
    from spectra.cli.common import plain_warnings
    from spectra.cluster import parse_workers
    from spectra.recipe import load_recipe, run_recipe_part

    chosen, crew = Part.parse(part), parse_workers(workers)
    with plain_warnings():
        done = run_recipe_part(load_recipe(recipe), chosen, output=output, workers=crew)
    for name, frames in done.items():
        typer.echo(f"{name}: part {chosen.number} of {chosen.count} done, {frames} frames")
    return 0
