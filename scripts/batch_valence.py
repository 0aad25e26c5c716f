#!/usr/bin/env python
"""Valences of many samples from their edges: spectra and standards in, one report out.

    batch_valence.py 'samples/*.xdi' --standard 'V2O5*=5' --standard 'VO2*=4' --output report

Standards are frames like the others, known by patterns of their names, and measured alike; or
`--set` names one of reference_patterns/xanes. Running it again with the same inputs does
nothing; a run that was stopped goes on. Exit codes are those of the command line: 0 all well,
1 wrong use, 2 some spectra failed, 3 damaged file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from spectra.cli.scripting import exit_with, process
from spectra.errors import SettingError
from spectra.readers.files import find_files
from spectra.recipe import Recipe, check_recipe


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("spectra", nargs="+", help="files, folders, or patterns like '*.xdi'")
    parser.add_argument(
        "--standard", action="append", default=[], metavar="NAME=VALENCE", help="e.g. 'V2O5*=5'"
    )
    parser.add_argument("--set", help="a set of standards of reference_patterns/xanes")
    parser.add_argument("--indicator", default="ratio", help="ratio, area, centroid…")
    parser.add_argument("--curve", default="line", help="line, monotone or segments")
    parser.add_argument("--pre-edge", nargs=2, type=float, metavar=("LOW", "HIGH"), help="eV")
    parser.add_argument("--main", nargs=2, type=float, metavar=("LOW", "HIGH"), help="eV")
    parser.add_argument("--signal", help="e.g. 'log(i0/itrans)'")
    parser.add_argument("--reference", help="channel of the foil, to which energies are aligned")
    parser.add_argument("--output", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args(arguments)


def make_recipe(options: argparse.Namespace) -> Recipe:
    """Put the options into a recipe."""
    if options.set and options.standard:
        raise SettingError("--standard and --set both name standards; give one of them")
    stack: dict[str, Any] = {"files": [str(p.resolve()) for p in find_files(options.spectra)]}
    if options.signal:
        stack["signal"] = options.signal
    correct = []
    if options.reference:
        correct.append({"correction": "xas.Align", "channel": options.reference})
    edge: dict[str, Any] = {"name": "preedge", "method": "xas.PreEdge"}
    for name, window in (("window", options.pre_edge), ("main", options.main)):
        if window:
            edge[name] = window
    valence: dict[str, Any] = {
        "name": "valence",
        "method": "xas.Valence",
        "input": "preedge",
        "indicator": options.indicator,
        "curve": options.curve,
        "standards": options.set or dict(map(_standard, options.standard)),
    }
    data: dict[str, Any] = {
        "title": f"Valences, {options.output.name}",
        "stack": stack,
        "correct": correct,
        "step": [edge, valence],
        "report": {"tables": "tables", "figures": "figures"},
    }
    return check_recipe(data, options.output, "options")


def _standard(text: str) -> tuple[str, float]:
    """A pattern of names and its valence."""
    name, _, valence = text.rpartition("=")
    try:
        if not name:
            raise ValueError
        return name, float(valence)
    except ValueError:
        raise SettingError(f"--standard {text!r}; expected NAME=VALENCE, e.g. 'V2O5*=5'") from None


def main() -> int:
    """Run the script."""
    options = parse(sys.argv[1:])
    return process(make_recipe(options), options.workers)


if __name__ == "__main__":
    exit_with(main)
