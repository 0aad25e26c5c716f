"""Time peers in one process, interleaved, several times over; print medians and ratios."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Timing:
    """Seconds per spectrum of one contestant, one value per repeat."""

    name: str
    seconds: np.ndarray

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    @property
    def spread(self) -> float:
        """Half the range between the quartiles over the median."""
        low, high = np.percentile(self.seconds, [25, 75])
        return float(0.5 * (high - low) / self.median)


def race(
    contestants: Mapping[str, tuple[Callable[[], object], int]],
    repeats: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Timing]:
    """Time each contestant `repeats` times on one core, one after the other in every round.

    Parameters
    ----------
    contestants : mapping of str to (callable, int)
        What to run, and how many spectra it works through.
    repeats : int
    clock : callable
        Gives seconds; ``time.process_time`` counts what other processes take for nothing.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    with threadpool_limits(1):
        for _ in range(repeats):
            for name, (run, count) in contestants.items():
                begin = clock()
                run()
                seconds[name].append((clock() - begin) / count)
    return [Timing(name, np.array(values)) for name, values in seconds.items()]


def table(title: str, timings: list[Timing], ours: str) -> str:
    """Markdown table of medians, spreads, and how many times faster ours is."""
    mine = next(t.seconds for t in timings if t.name == ours)
    lines = [
        f"### {title}",
        "",
        "| | ms per spectrum | spread | ours is faster by |",
        "|---|---:|---:|---:|",
    ]
    for t in timings:
        ratio = "" if t.name == ours else f"{np.median(t.seconds / mine):.0f}×"
        lines.append(f"| {t.name} | {t.median * 1e3:.3g} | ± {t.spread:.0%} | {ratio} |")
    return "\n".join(lines) + "\n"


def write_section(path: Path, name: str, text: str) -> None:
    """Replace one section of a document, between its marks."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    old = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    body = f"{begin}\n{text}{end}\n"
    if begin in old and end in old:
        head, rest = old.split(begin, 1)
        new = head + body + rest.split(end, 1)[1].lstrip("\n")
    else:
        new = old.rstrip("\n") + "\n\n" + body
    path.write_text(new, encoding="utf-8")
