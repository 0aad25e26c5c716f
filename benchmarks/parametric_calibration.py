"""Are the uncertainties of functions of a sequence what they say? On simulated sequences.

    python -m benchmarks.parametric_calibration [sequences] [--write]

Prints mean and width of the pulls of every coefficient, each with what it is known to, and how
often the intervals of 68 % and 95 % hold the truth. With ``--write`` the table replaces its
section of docs/benchmarks.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.harness import DOCUMENT, write_section

ROOT = Path(__file__).parents[1]
# The simulated sequences are those of the tests.
sys.path[:0] = [str(ROOT / "tests" / "xrd"), str(ROOT / "tests" / "xrd" / "pattern")]

from calibrated import HALF_68, HALF_95  # noqa: E402 - after the path
from calibrated_sequences import CASES, run  # noqa: E402


def report(sequences: int) -> str:
    """Markdown table of every case."""
    lines = [
        "### Calibration of functions of a sequence",
        "",
        f"`python -m benchmarks.parametric_calibration --write`: {sequences} simulated sequences",
        "each, of ten frames of 500 points, counting noise and nothing else. Expected: mean 0 ±",
        f"{sequences**-0.5:.3f}, width 1 ± {(2 * sequences) ** -0.5:.3f}, 68 and 95 %. `chi2` is",
        "what χ² loses by the functions, less its mean and over its standard deviation.",
        "",
        "| | | mean | width | in 68 % | in 95 % |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for case in CASES:
        for name, found in run(case, sequences).items():
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
        text = report(numbers[0] if numbers else 400)
    if "--write" in sys.argv[1:]:
        write_section(DOCUMENT, "calibration of functions", text)


if __name__ == "__main__":
    main()
