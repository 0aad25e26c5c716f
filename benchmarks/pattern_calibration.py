"""Are the uncertainties of whole-pattern refinements what they say? On simulated sequences.

    python -m benchmarks.pattern_calibration [frames] [--write]

Prints mean and width of the pulls (value − truth over standard uncertainty; 0 and 1 if all is
well) of every refined parameter, and how often the intervals of 68 % and 95 % hold the truth.
With ``--write`` the table replaces its section of docs/benchmarks.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.harness import DOCUMENT, write_section

ROOT = Path(__file__).parents[1]
# The simulated sequences are those of the tests.
sys.path.insert(0, str(ROOT / "tests" / "xrd"))

from calibrated import HALF_68, HALF_95  # noqa: E402 - after the path
from calibrated_patterns import CASES, run  # noqa: E402


def report(frames: int) -> str:
    """Markdown table of every case."""
    lines = [
        "### Calibration of whole-pattern refinements",
        "",
        f"`python -m benchmarks.pattern_calibration --write`: {frames} simulated frames each of",
        "800 points, counting noise and nothing else. Expected: mean 0, width 1, 68 and 95 %.",
        "In the overlapping cases most lines of two phases stand under others.",
        "",
        "| | | mean | width | in 68 % | in 95 % |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for case in CASES:
        for name, found in run(case, frames).items():
            line = (
                f"| {case} | {name} | {found.mean:+.3f} | {found.width:.3f} "
                f"| {found.covers(HALF_68):.1%} | {found.covers(HALF_95):.1%} |"
            )
            print(line, flush=True)
            lines.append(line)
    return "\n".join(lines) + "\n"


def main() -> None:
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    with threadpool_limits(1):
        text = report(numbers[0] if numbers else 2000)
    if "--write" in sys.argv[1:]:
        write_section(DOCUMENT, "calibration of whole patterns", text)


if __name__ == "__main__":
    main()
