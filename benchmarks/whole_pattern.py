"""Speed, memory and disk of a Rietveld refinement of a long sequence, on one core.

    python -m benchmarks.whole_pattern DATA [frames] [--profile]

DATA is the folder of `cucr2o4_temperature`. Each of its frames stands in place several times
over, so that the sequence stays smooth, every time with fresh noise of its own uncertainties.
"""

from __future__ import annotations

import cProfile
import pstats
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import spectra
from spectra.stack import Stack
from spectra.xrd import Rietveld

LONG, SHORT = 500, 100


def tiled(folder: Path, n_frames: int, seed: int = 0) -> Stack:
    """The measured sequence, each frame repeated in place with noise of its own."""
    measured = spectra.read(sorted(folder.glob("*.fxye"))).load()
    signal, errors = np.asarray(measured.signal), measured.errors
    assert errors is not None
    which = np.arange(n_frames) * len(signal) // n_frames
    y, sigma = signal[which], np.asarray(errors)[which]
    noisy = y + sigma * np.random.default_rng(seed).normal(size=y.shape)
    made = Stack.from_arrays(measured.x, noisy, errors=sigma, noise="given")
    return replace(made.with_metadata(**measured.metadata), axis=measured.axis)


def method(folder: Path) -> Rietveld:
    """Two phases, their cells, scales and strains, the zero and fifteen terms of background."""
    return Rietveld(
        phases=(folder / "CuCr2O4.cif", folder / "CuO.cif"),
        instrument=folder / "OH_00.prm",
        low=2.0,
        high=24.0,
        background_degree=14,
        widths={"CuCr2O4": ("strain",), "CuO": ("strain",)},
    )


def timed(refine: Rietveld, stack: Stack) -> tuple[float, float, np.ndarray]:
    """Seconds of the processor for the coarse pass and for all frames, evaluations of each."""
    begin = time.process_time()
    plan = refine.prepare(stack)
    middle = time.process_time()
    evaluations, size = [], refine.block_size
    for first in range(0, len(stack), size):
        block = stack[first : first + size].load()
        results = refine.fit(block, refine.narrow(plan, first, first + len(block)))
        evaluations.append(np.asarray(results["iterations"]))
    return middle - begin, time.process_time() - middle, np.concatenate(evaluations)


def on_disk(refine: Rietveld, stack: Stack) -> float:
    """Kilobytes of a results file for each frame."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.h5"
        spectra.run(stack, refine, path)
        return path.stat().st_size / len(stack) / 1e3


def main() -> None:
    folder = Path(sys.argv[1])
    numbers = [int(a) for a in sys.argv[2:] if a.isdigit()]
    long = numbers[0] if numbers else LONG
    refine = method(folder)
    with threadpool_limits(1):
        profile = cProfile.Profile()
        for count in (SHORT, long):
            stack = tiled(folder, count)
            if "--profile" in sys.argv:
                profile.enable()
            coarse, fine, evaluations = timed(refine, stack)
            profile.disable()
            print(
                f"{count} frames of {stack.x.size} points: coarse pass {coarse:.1f} s, then "
                f"{count / fine:.1f} frames/s, {evaluations.mean():.2f} evaluations a frame, "
                f"{1e3 * fine / evaluations.sum():.1f} ms each",
                flush=True,
            )
            if "--profile" in sys.argv:
                pstats.Stats(profile).sort_stats("tottime").print_stats(18)
                return
        print(f"{on_disk(refine, tiled(folder, SHORT)):.1f} kB a frame on disk")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{peak:.0f} MB at most")


if __name__ == "__main__":
    main()
