#!/usr/bin/env python
"""Analyse what a beamline writes while it writes it, and show it on a page that refreshes.

    watch_folder.py FOLDER recipe.toml --pattern '*.xye' --timeout 600

The recipe says what is done to the frames; FOLDER takes the place of its files: new files in
it, or HDF5 files in it that grow (SWMR or appended to). Results and live page stand beside the
recipe. The same as `spectra watch`, for a macro that knows the folder of the scan.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from spectra.cli.scripting import exit_with, follow
from spectra.recipe import Recipe, check_recipe, load_toml


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="where the measurement is written")
    parser.add_argument("recipe", type=Path, help="TOML; its files are replaced by the folder's")
    parser.add_argument("--pattern", default="*", help="which files, e.g. '*.xye'")
    parser.add_argument("--output", type=Path, help="results file; by default the recipe's")
    parser.add_argument("--page", type=Path, help="live page; by default beside the results")
    parser.add_argument("--interval", type=float, default=0.5, help="seconds between looks")
    parser.add_argument("--patience", type=float, default=30.0, help="seconds before flagging")
    parser.add_argument("--timeout", type=float, help="seconds without a frame that end it")
    parser.add_argument("--finished", type=Path, help="a file whose appearance ends it")
    parser.add_argument("--workers", default="1", help="for the final run")
    return parser.parse_args(arguments)


def make_recipe(options: argparse.Namespace) -> Recipe:
    """The recipe with the folder's files in place of its own."""
    data = load_toml(options.recipe)
    files = str(options.folder.resolve() / options.pattern)
    data["stack"] = {**data.get("stack", {}), "files": files}
    return check_recipe(data, options.recipe.parent, str(options.recipe))


def main() -> int:
    """Run the script."""
    options = parse(sys.argv[1:])
    return follow(
        make_recipe(options),
        output=options.output,
        page=options.page,
        workers=options.workers,
        interval=options.interval,
        patience=options.patience,
        timeout=options.timeout,
        finished=options.finished,
    )


if __name__ == "__main__":
    exit_with(main)
