"""How far `spectra watch` stays behind a detector that writes ten frames a second.

    python -m benchmarks.live [--seconds 120] [--rate 10] [--write]

A process of its own writes simulated diffraction patterns into an SWMR file, each with the time
at which it was on the disk; the watch follows each with `xrd.Peaks` and writes its live page.
The lag of a frame is from there to the moment its numbers are in the journal, forced to the
disk. ``--write`` puts the figures into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from benchmarks.harness import DOCUMENT, write_section
from spectra.cli.scripting import page_writer
from spectra.recipe import check_recipe
from spectra.watch import watch

X = np.arange(20.0, 32.0, 0.006)


def patterns(n_frames: int) -> np.ndarray:
    """Three lines, two of which drift apart (frames, points)."""
    drift = np.linspace(0.0, 0.6, n_frames)[:, None]
    lines = ((23.0 + drift, 900.0), (25.0 - drift, 600.0), (28.0 + 0 * drift, 300.0))
    expected = 50 + sum(height * np.exp(-(((X - at) / 0.12) ** 2)) for at, height in lines)
    return np.random.default_rng(0).poisson(expected)


def write(path: Path, n_frames: int, rate: float) -> None:
    """Write frames at a steady rate, and when each was on the disk beside the file."""
    counts = patterns(n_frames)
    moments = []
    with h5py.File(path, "w", libver="latest") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "intensity"})
        group.attrs["axes"] = [".", "two_theta"]
        group.create_dataset("two_theta", data=X).attrs["units"] = "deg"
        signal = group.create_dataset(
            "intensity", (0, X.size), "i4", maxshape=(None, X.size), chunks=(1, X.size)
        )
        file.swmr_mode = True
        begin = time.monotonic()
        for i in range(n_frames):
            time.sleep(max(0.0, begin + i / rate - time.monotonic()))
            signal.resize(i + 1, 0)
            signal[i] = counts[i]
            signal.flush()
            moments.append(time.time())
    path.with_suffix(".json").write_text(json.dumps(moments))


def measure(folder: Path, seconds: float, rate: float) -> str:
    """Let a writer and a watch run, and tell the lags."""
    n_frames = round(seconds * rate)
    path = folder / "scan.h5"
    data = {
        "title": "Simulated",
        "stack": {"files": path.name, "wavelength": 0.5},
        "step": [{"name": "peaks", "method": "xrd.Peaks", "coarse_frames": 16}],
    }
    recipe = check_recipe(data, folder, "benchmark")
    command = [sys.executable, "-m", "benchmarks.live", "--writer", str(path)]
    writer = subprocess.Popen([*command, "--seconds", str(seconds), "--rate", str(rate)])
    used = time.process_time()
    watch(recipe, interval=0.25, timeout=20.0, show=page_writer(folder / "live.html"))
    used = time.process_time() - used
    assert writer.wait() == 0
    moments = json.loads(path.with_suffix(".json").read_text())
    journal = (folder / "results.h5.watch.jsonl").read_text().splitlines()[1:]
    rows = {row["frame"]: row for row in map(json.loads, journal)}
    assert len(journal) == len(rows) == n_frames, "each frame once"
    lags = np.array([rows[i]["done"] - moments[i] for i in range(n_frames)])
    centre = np.array([rows[i]["values"].get("peaks/center[p03]", [None])[0] for i in rows], float)
    load = os.getloadavg()[0]
    return (
        f"`python -m benchmarks.live --seconds {seconds:g} --rate {rate:g} --write`: "
        f"{n_frames} patterns of {X.size} points, written to an SWMR file at {rate:g} a second, "
        "followed by `xrd.Peaks`.\n\n"
        f"| lag (s) | |\n|---|---|\n| median | {np.median(lags):.2f} |\n"
        f"| 95 % | {np.percentile(lags, 95):.2f} |\n| maximum | {lags.max():.2f} |\n\n"
        f"Each frame was worked on once; {np.isfinite(centre).sum()} of {n_frames} have the third "
        f"line. The watch used {used:.0f} s of processor time, live pages included; "
        f"load of the machine (2 cores) at the end {load:.1f}.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Lag of a watch behind a growing file.")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--writer", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.writer:
        write(options.writer, round(options.seconds * options.rate), options.rate)
        return
    with tempfile.TemporaryDirectory() as name:
        text = measure(Path(name), options.seconds, options.rate)
    print(text)
    if options.write:
        write_section(DOCUMENT, "live", text)


if __name__ == "__main__":
    main()
