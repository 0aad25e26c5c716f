"""Are the uncertainties of whole-pattern refinements what they say? On simulated sequences.

    python -m benchmarks.pattern_calibration {patterns,functions} [number] [--write]

``patterns``: every refined parameter of refinements of `number` frames. ``functions``: the
coefficients of functions that parameters follow, in `number` sequences. Prints mean and width of
the pulls (value − truth over standard uncertainty; 0 and 1 if all is well), and how often the
intervals of 68 % and 95 % hold the truth. With ``--write`` the table replaces its section of
docs/benchmarks.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.harness import DOCUMENT, write_section

ROOT = Path(__file__).parents[1]
# The simulated sequences are those of the tests.
sys.path[:0] = [str(ROOT / "tests" / "xrd"), str(ROOT / "tests" / "xrd" / "pattern")]

import calibrated_patterns  # noqa: E402 - after the path
import calibrated_sequences  # noqa: E402
from calibrated import HALF_68, HALF_95, Calibration  # noqa: E402

PATTERNS = """### Calibration of whole-pattern refinements

`python -m benchmarks.pattern_calibration patterns --write`: {number} simulated frames each of
800 points, counting noise and nothing else. Expected: mean 0, width 1, 68 and 95 %.
In the overlapping cases most lines of two phases stand under others.
"""
FUNCTIONS = """### Calibration of functions of a sequence

`python -m benchmarks.pattern_calibration functions --write`: {number} simulated sequences each, of
ten frames of 500 points, counting noise and nothing else. Expected: mean 0, width 1, 68 and 95 %.
`chi2` is what χ² loses by the functions, less its mean and over its standard deviation.
"""


@dataclass(frozen=True)
class Section:
    """A table of the document: its mark, what is said above it, and where its rows come from."""

    mark: str
    text: str
    number: int
    cases: Iterable[str]
    run: Callable[[str, int], dict[str, Calibration]]

    def report(self, number: int) -> str:
        """Markdown table of every case."""
        lines = [
            self.text.format(number=number),
            "| | | mean | width | in 68 % | in 95 % |",
            "|---|---|---:|---:|---:|---:|",
        ]
        for case in self.cases:
            for name, found in self.run(case, number).items():
                line = (
                    f"| {case} | {name} | {found.mean:+.3f} | {found.width:.3f} "
                    f"| {found.covers(HALF_68):.1%} | {found.covers(HALF_95):.1%} |"
                )
                print(line, flush=True)
                lines.append(line)
        return "\n".join(lines) + "\n"


SECTIONS = {
    "patterns": Section(
        *("calibration of whole patterns", PATTERNS, 2000),
        *(calibrated_patterns.CASES, calibrated_patterns.run),
    ),
    "functions": Section(
        *("calibration of functions", FUNCTIONS, 400),
        *(calibrated_sequences.CASES, calibrated_sequences.run),
    ),
}


def main() -> None:
    wanted = [a for a in sys.argv[1:] if a in SECTIONS]
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    if len(wanted) != 1:
        sys.exit(f"say which: {', '.join(SECTIONS)}")
    section = SECTIONS[wanted[0]]
    with threadpool_limits(1):
        text = section.report(numbers[0] if numbers else section.number)
    if "--write" in sys.argv[1:]:
        write_section(DOCUMENT, section.mark, text)


if __name__ == "__main__":
    main()
