#!/usr/bin/env python
r"""Strain of many samples from their diffraction patterns: against temperature, charge or time.

    strain_report.py 'KVO-1=scans/kvo1/*.xye' 'KVO-2=scans/kvo2/*.xye' --phase K3V5O14 \
        --axis temperature --output report

Each sample is a sequence of patterns whose cells are refined from single lines; its strain is
that against its first frame. A variable that the files do not state is taken from their names
by a pattern with one group: `--variable 'temperature=_(\d+)K'`. The folder of the output then
holds an ordinary sheet of samples, which `spectra batch` works through as well. Running it
again does only what has changed; a run that was stopped goes on. Exit codes are those of the
command line: 0 all well, 1 wrong use, 2 some patterns failed, 3 damaged file.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from spectra.cli.batch import run_sheet
from spectra.cli.scripting import exit_with
from spectra.errors import SettingError
from spectra.readers.files import find_files


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("samples", nargs="+", metavar="NAME=FILES", help="e.g. 'A=a/*.xye'")
    parser.add_argument("--phase", action="append", required=True, help="name, CIF or TOML")
    parser.add_argument("--standard", action="append", default=[], help="phase with a known cell")
    parser.add_argument("--correction", action="append", default=[], help="e.g. displacement")
    parser.add_argument("--geometry", default="bragg_brentano")
    parser.add_argument("--radius", type=float, default=200.0, help="mm")
    parser.add_argument("--wavelength", type=float, help="angstrom")
    parser.add_argument("--anode", help="e.g. Cu")
    parser.add_argument("--range", nargs=2, type=float, metavar=("LOW", "HIGH"))
    parser.add_argument("--axis", default="temperature", help="variable to compare along")
    parser.add_argument(
        "--variable", action="append", default=[], metavar="NAME=PATTERN", help="from file names"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--workers", default="1")
    return parser.parse_args(arguments)


def write_sheet(options: argparse.Namespace) -> Path:
    """Write the recipe and the sheet of samples; return the latter's path."""
    folder = options.output
    folder.mkdir(parents=True, exist_ok=True)
    stack: dict[str, Any] = {
        key: value for key in ("wavelength", "anode") if (value := getattr(options, key))
    }
    variables = dict(_pair(v, "--variable", "NAME=PATTERN") for v in options.variable)
    peaks: dict[str, Any] = {"name": "peaks", "method": "xrd.Peaks"}
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
    strain = {"name": "strain", "method": "xrd.Strain", "input": "cell"}
    recipe = ["[stack]", *_lines(stack)]
    recipe += ["[stack.variables]", *_lines(variables)]
    for step in (peaks, cell, strain):
        recipe += ["[[step]]", *_lines(step)]
    (folder / "strain.toml").write_text("\n".join(recipe) + "\n", encoding="utf-8")
    sheet = _lines({"title": f"Strain, {folder.name}", "axis": options.axis, "output": "."})
    sheet += ["[recipes]", 'xrd = "strain.toml"']
    for text in options.samples:
        name, pattern = _pair(text, "sample", "NAME=FILES")
        files = [str(path.resolve()) for path in find_files(pattern)]
        sheet += ["[[sample]]", *_lines({"name": name})]
        sheet += ["[[sample.measurement]]", *_lines({"technique": "xrd", "files": files})]
    path = folder / "samples.toml"
    path.write_text("\n".join(sheet) + "\n", encoding="utf-8")
    return path


def _lines(values: dict[str, Any]) -> list[str]:
    """Keys and values as TOML, which writes texts, numbers and lists as JSON does."""
    return [f"{json.dumps(k)} = {json.dumps(v, ensure_ascii=False)}" for k, v in values.items()]


def _pair(text: str, what: str, expected: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not (name and found and value):
        raise SettingError(f"{what} {text!r}; expected {expected}")
    return name, value


def _absolute(phase: str) -> str:
    path = Path(phase)
    return str(path.resolve()) if path.suffix.lower() in (".cif", ".toml") else phase


def main() -> int:
    """Run the script."""
    options = parse(sys.argv[1:])
    return run_sheet(write_sheet(options), workers=options.workers)


if __name__ == "__main__":
    exit_with(main)
