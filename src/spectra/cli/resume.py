"""``spectra resume``: go on with a run that was stopped."""

from __future__ import annotations

from spectra.cli.run import Output, Recipe_, Workers, run_file


def command(recipe: Recipe_, output: Output = None, workers: Workers = "1") -> int:
    """Go on with a recipe that was stopped; finished blocks are not done again."""
    return run_file(recipe, output, workers, resume=True)
