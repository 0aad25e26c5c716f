"""Time per frame and peak memory of ``spectra run``, from 100 to 50 000 frames.

    python -m benchmarks.scaling [--frames 100 1000 10000 50000] [--repeats 3] [--write]

A simulated sequence of 3000 points (float32) is written to disk block by block. The command
line then runs `xrd.Peaks` on it in a fresh process, one worker, results as HDF5.
``--write`` puts the table into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import spectra
from benchmarks.harness import DOCUMENT, write_section
from spectra.stack import Axis, FloatArray

N_POINTS = 3000
LINES = (18.0, 27.0, 33.5, 46.0)
LIMIT = 600.0
MOST_REPEATED = 1000
# The system counts the peak in KiB on Linux and in bytes on macOS.
RSS_UNIT = 1e6 if sys.platform == "darwin" else 1e6 / 1024

RECIPE = f"""
output = "results.h5"
[stack]
files = "stack.h5"
[[step]]
name = "peaks"
method = "xrd.Peaks"
positions = {list(LINES)}
"""


class Simulated:
    """Counts of drifting lines on a background, made when they are asked for."""

    dtype = np.dtype(np.float32)

    def __init__(self, n_frames: int) -> None:
        self.shape = (n_frames, N_POINTS)
        self.x: FloatArray = np.linspace(10.0, 60.0, N_POINTS)

    def __getitem__(self, key: slice) -> np.ndarray:
        frames = np.arange(self.shape[0])[key]
        y = np.full((len(frames), N_POINTS), 40.0)
        for line in LINES:
            near = np.abs(self.x - line) < 3.0
            center = line + 0.1 * np.sin(2.0 * np.pi * frames[:, None] / self.shape[0])
            y[:, near] += 500.0 * np.exp(-(((self.x[near] - center) / 0.12) ** 2))
        return np.random.default_rng(frames[:1]).poisson(y).astype(np.float32)


@dataclass(frozen=True)
class Cost:
    """What a run of some frames took: time on the wall and of the processor, and memory."""

    n_frames: int
    seconds: float
    cpu: float
    peak_mb: float


def write_sequence(folder: Path, n_frames: int) -> None:
    """Write stack and recipe; the patterns are never all in memory."""
    source = Simulated(n_frames)
    stack = spectra.Stack(axis=Axis(source.x), signal=source, noise="counts")
    spectra.write(folder / "stack.h5", stack)
    (folder / "recipe.toml").write_text(RECIPE)


def measure(folder: Path, n_frames: int) -> Cost:
    """Run the recipe in a process of its own."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "spectra", "run", "recipe.toml"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begin
    assert process.returncode == 0
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(n_frames, seconds, cpu, usage.ru_maxrss / RSS_UNIT)


def costs_of(numbers: list[int], repeats: int) -> list[Cost]:
    """Shortest times and largest memory of runs of each size, one after the other in rounds.

    Others may use the machine too: of short runs, only the shortest says what they cost.
    """
    runs: dict[int, list[Cost]] = {n: [] for n in numbers}
    with tempfile.TemporaryDirectory() as name:
        folders = {n: Path(name) / str(n) for n in numbers}
        for n, folder in folders.items():
            folder.mkdir()
            write_sequence(folder, n)
        for _ in range(repeats):
            for n, folder in folders.items():
                runs[n].append(measure(folder, n))
    return [
        Cost(
            n,
            min(c.seconds for c in costs),
            min(c.cpu for c in costs),
            max(c.peak_mb for c in costs),
        )
        for n, costs in runs.items()
    ]


def table(costs: list[Cost]) -> str:
    """Markdown table of the costs; what a frame costs is the slope from one size to the next."""
    lines = [
        "| frames | s | ms per further frame | CPU ms per further frame | peak memory, MB |",
        "|---:|---:|---:|---:|---:|",
    ]
    for before, c in zip([None, *costs], costs, strict=False):
        slopes = "| "
        if before is not None:
            more = 1e-3 * (c.n_frames - before.n_frames)
            wall, cpu = (c.seconds - before.seconds) / more, (c.cpu - before.cpu) / more
            slopes = f"{wall:.2f} | {cpu:.2f}"
        lines.append(f"| {c.n_frames} | {c.seconds:.1f} | {slopes} | {c.peak_mb:.0f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure time and memory over the frames.")
    parser.add_argument("--frames", type=int, nargs="+", default=[100, 1000, 10_000, 50_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    costs = costs_of([n for n in options.frames if n <= MOST_REPEATED], options.repeats)
    for n_frames in options.frames:
        if n_frames > MOST_REPEATED:
            costs += costs_of([n_frames], 1)
    text = (
        "`python -m benchmarks.scaling --write`: `spectra run` with `xrd.Peaks` "
        f"({len(LINES)} lines) on {N_POINTS} points, one worker, HDF5 to HDF5. Every run begins "
        "with imports and the coarse pass, which take some seconds however long it is; what a "
        "further frame costs is the slope from one size to the next.\n\n" + table(costs)
    )
    print(text)
    if options.write:
        write_section(DOCUMENT, "scaling", text)
    assert costs[-1].peak_mb < LIMIT


if __name__ == "__main__":
    main()
