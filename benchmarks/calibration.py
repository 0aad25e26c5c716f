"""Are stated uncertainties what they say? Of peaks, cells, volumes and dV/V, simulated.

    python -m benchmarks.calibration [frames] [peaks] [cells] [--write]

Prints mean and width of the pulls (value − truth over standard uncertainty; 0 and 1 if all is
well) and how often the intervals of 68 % and 95 % hold the truth, and says what is beyond the
limits: mean 0 ± 0.05, width 1 ± 0.05, 68 ± 3 % and 95 ± 1.5 %. With ``--write`` the tables
replace their sections of docs/benchmarks.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.harness import write_section

ROOT = Path(__file__).parents[1]
# The simulated sequences are those of the tests.
sys.path.insert(0, str(ROOT / "tests" / "xrd"))

from calibrated import CASES, HALF_68, HALF_95, PEAK_CASES, Calibration  # noqa: E402 - see above

Cases = Mapping[str, Callable[[int], dict]]

SECTIONS: dict[str, tuple[str, str, Cases]] = {
    "peaks": ("Calibration of peaks", "calibration of peaks", PEAK_CASES),
    "cells": ("Calibration of cells, volumes and strains", "calibration of cells", CASES),
}


def within(found: Calibration) -> bool:
    """Whether the pulls are within the limits."""
    return (
        abs(found.mean) <= 0.05
        and abs(found.width - 1.0) <= 0.05
        and abs(found.covers(HALF_68) - 0.68) <= 0.03
        and abs(found.covers(HALF_95) - 0.95) <= 0.015
    )


def report(title: str, cases: Cases, frames: int) -> str:
    """Markdown table of some cases."""
    lines = [
        f"### {title}",
        "",
        f"`python -m benchmarks.calibration --write`: {frames} simulated frames each, noise as",
        "stated and nothing else. Expected: mean 0, width 1, 68 and 95 %.",
        "",
        "| | | mean | width | in 68 % | in 95 % |",
        "|---|---|---:|---:|---:|---:|",
    ]
    beyond = []
    for case, run in cases.items():
        for name, found in run(frames).items():
            line = (
                f"| {case} | {name} | {found.mean:+.3f} | {found.width:.3f} "
                f"| {found.covers(HALF_68):.1%} | {found.covers(HALF_95):.1%} |"
            )
            print(line, flush=True)
            lines.append(line)
            if not within(found):
                beyond.append(f"{name} ({case})")
    lines += ["", f"Beyond the limits: {'; '.join(beyond) or 'none'}."]
    print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def main() -> None:
    words = sys.argv[1:]
    numbers = [int(a) for a in words if a.isdigit()]
    chosen = [name for name in SECTIONS if name in words] or list(SECTIONS)
    for name in chosen:
        title, section, cases = SECTIONS[name]
        with threadpool_limits(1):
            text = report(title, cases, numbers[0] if numbers else 5000)
        if "--write" in words:
            write_section(ROOT / "docs" / "benchmarks.md", section, text)


if __name__ == "__main__":
    main()
