#!/usr/bin/env python
"""Process one operando XRD scan: patterns in, results and report out.

Made to be called by a beamline's macro after every scan:

    operando_xrd.py SCAN_FOLDER --phase LiFePO4.cif --phase FePO4.cif --standard Al \
        --geometry transmission --correction zero --output processed/scan_0042

Running it again with the same inputs does nothing; a run that was stopped goes on. Exit codes
are those of the command line: 0 all well, 1 wrong use, 2 some frames failed, 3 damaged file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from spectra.cli.scripting import exit_with, process
from spectra.readers.files import find_files
from spectra.recipe import Recipe, check_recipe


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("patterns", nargs="+", help="files, a folder, or patterns like '*.xye'")
    parser.add_argument("--phase", action="append", required=True, help="name, CIF or TOML")
    parser.add_argument("--standard", action="append", default=[], help="phase with a known cell")
    parser.add_argument("--correction", action="append", default=[], help="e.g. displacement")
    parser.add_argument("--geometry", default="bragg_brentano")
    parser.add_argument("--radius", type=float, default=200.0, help="mm")
    parser.add_argument("--wavelength", type=float, help="angstrom")
    parser.add_argument("--anode", help="e.g. Cu")
    parser.add_argument("--poni", help="pyFAI calibration, for images")
    parser.add_argument("--range", nargs=2, type=float, metavar=("LOW", "HIGH"))
    parser.add_argument("--cycler", help="table with time and voltage or current")
    parser.add_argument("--offset", type=float, help="cycler's clock minus the patterns' (s)")
    parser.add_argument("--exposure", type=float, help="s per frame")
    parser.add_argument("--output", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args(arguments)


def make_recipe(options: argparse.Namespace) -> Recipe:
    """Put the options into a recipe."""
    stack: dict[str, Any] = {"files": [str(p.resolve()) for p in find_files(options.patterns)]}
    for name in ("wavelength", "anode", "poni"):
        if getattr(options, name) is not None:
            stack[name] = getattr(options, name)
    peaks: dict[str, Any] = {"name": "peaks", "method": "xrd.Peaks", "input": "stack"}
    if options.range:
        peaks["low"], peaks["high"] = options.range
    cell = {
        "name": "cell",
        "method": "xrd.Cell",
        "input": "peaks",
        "phases": [_absolute(p) for p in options.phase],
        "standards": [_absolute(p) for p in options.standard],
        "corrections": options.correction,
        "geometry": options.geometry,
        "radius": options.radius,
    }
    data: dict[str, Any] = {
        "title": options.output.name,
        "stack": stack,
        "step": [peaks, cell, {"name": "strain", "method": "xrd.Strain", "input": "cell"}],
        "report": {"tables": "tables", "figures": "figures"},
    }
    if options.cycler:
        chemistry = {"file": str(Path(options.cycler).resolve())}
        chemistry |= {
            k: v for k in ("offset", "exposure") if (v := getattr(options, k)) is not None
        }
        data["electrochemistry"] = chemistry
    return check_recipe(data, options.output, "options")


def _absolute(phase: str) -> str:
    path = Path(phase)
    return str(path.resolve()) if path.suffix.lower() in (".cif", ".toml") else phase


def main() -> int:
    """Run the script."""
    options = parse(sys.argv[1:])
    return process(make_recipe(options), options.workers)


if __name__ == "__main__":
    exit_with(main)
