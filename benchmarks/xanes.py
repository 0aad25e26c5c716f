"""How long normalisation and P/M take, against loops of Larch and, if it is there, of rexafs.

    python -m benchmarks.xanes [--frames 100000] [--pixels 1000000] [--write]

One core. Spectra of 500 points of a simulated V K edge; Larch works through a sample of them. A
map of a million pixels of 97 energies is evaluated from memory, with the memory it takes beyond
the spectra. With ``--write`` the tables replace their section of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.harness import DOCUMENT, race, table, write_section
from spectra import Stack
from spectra.xas import Normalize, PreEdge, Ratio, Valence, flattened

# The simulated edges are those of the tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "xas"))

from vanadium_edges import operando_series

SAMPLE = 30
BLOCK = 4_000


def spectra_of(frames: int) -> Stack:
    """Spectra of 500 points, a few hundred of them different."""
    before, across = np.arange(5365.0, 5450.0, 1.5), np.linspace(5450.0, 5520.0, 240)
    energy = np.concatenate([before, across[:-1], np.linspace(5520.0, 6100.0, 204)])
    series = operando_series(500, energy=energy, noise="unknown")
    return series.stack[np.resize(np.arange(500), frames)]


def pixels_of(count: int) -> Stack:
    """Pixels of 97 energies in single precision."""
    before, across = np.arange(5380.0, 5455.0, 5.0), np.arange(5455.0, 5520.0, 0.85)
    energy = np.concatenate([before, across, [5525.0, 5532.0, 5540.0, 5550.0, 5565.0]])
    series = operando_series(1000, energy=energy, noise="unknown")
    few = np.asarray(series.stack.signal, dtype=np.float32)
    signal = few[np.resize(np.arange(1000), count)]
    return Stack(series.stack.axis, signal, quantity="mu")


def in_blocks(stack: Stack, work: Any) -> None:
    """Work through a stack some thousand spectra at a time, keeping nothing."""
    for start in range(0, len(stack), BLOCK):
        work(stack[start : start + BLOCK])


def normalise_and_flatten(stack: Stack) -> None:
    flattened(stack, Normalize()(stack))


def evaluate(stack: Stack) -> None:
    Ratio()(stack)


def evaluate_peaks(stack: Stack) -> None:
    PreEdge()(stack)


def with_larch(stack: Stack, count: int, *, ratio: bool) -> None:
    """What a user writes: a loop over pre_edge, and for P/M two maxima."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from larch import Group
        from larch.xafs import pre_edge

        x, y = stack.x, np.asarray(stack.signal[:count])
        for one in y:
            group = Group(energy=x, mu=one)
            pre_edge(group)
            if ratio:
                low = group.norm[(x >= 5465.0) & (x <= 5473.0)].max()
                high = group.norm[(x >= 5478.0) & (x <= 5510.0)].max()
                group.ratio = low / high


def with_rexafs(stack: Stack, count: int) -> None:
    """A loop over rexafs' normalisation."""
    import rexafs

    for one in np.asarray(stack.signal[:count]):
        spectrum = rexafs.Spectrum.from_arrays(stack.x, one)
        spectrum.find_e0()
        spectrum.normalize()
        spectrum.flat()


def speed(frames: int, repeats: int) -> str:
    """Markdown tables of both tasks."""
    stack, text = spectra_of(frames), ""
    has_rexafs = importlib.util.find_spec("rexafs") is not None
    title = f"{frames} spectra × {stack.n_points} points"
    for name, work, ratio in (
        ("normalise and flatten", normalise_and_flatten, False),
        ("P/M", evaluate, True),
    ):
        with_larch(stack, 2, ratio=ratio)
        in_blocks(stack[:BLOCK], work)
        contestants = {
            "Larch `pre_edge`": (partial(with_larch, stack, SAMPLE, ratio=ratio), SAMPLE),
            "spectra": (partial(in_blocks, stack, work), frames),
        }
        if ratio:
            peaks = partial(in_blocks, stack, evaluate_peaks)
            contestants["spectra, peaks on their baseline too"] = (peaks, frames)
        if has_rexafs:
            contestants["rexafs"] = (partial(with_rexafs, stack, 10 * SAMPLE), 10 * SAMPLE)
        timings = race(contestants, repeats)
        text += table(f"{name}: {title}", timings, "spectra") + "\n"
    if not has_rexafs:
        text += "rexafs is not installed: it was not run.\n\n"
    return text


def imaging(count: int) -> str:
    """Seconds and memory of P/M and valences of a map of pixels."""
    stack = pixels_of(count)
    standards = [
        {"name": f"V{valence}", "valence": valence, "value": value, "stderr": 0.002}
        for valence, value in ((3.0, 0.06), (5.0, 0.5))
    ]
    ratio, valence = Ratio(), Valence(standards=tuple(standards))
    valence(ratio(stack[:2000]))
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with threadpool_limits(1):
        begin = time.process_time()
        ratios = ratio(stack)
        between = time.process_time()
        valences = valence(ratios)
        end = time.process_time()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    share = float(np.isfinite(valences["valence"]).mean())
    return (
        f"### A valence map of {count} pixels × {stack.n_points} energies, from memory\n\n"
        f"`xas.Ratio` {between - begin:.2f} s and `xas.Valence` {end - between:.2f} s of one core; "
        f"{most / 1024:.0f} MB in all, {stack.signal.nbytes / 2**20:.0f} MB of them the spectra, "
        f"{(most - held) / 1024:.0f} MB for the evaluation and its results; {share:.2%} of the "
        "pixels have a valence.\n\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--pixels", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    # First the map: the most memory that was ever held is told.
    text = imaging(options.pixels) + speed(options.frames, options.repeats)
    print(text)
    if options.write:
        write_section(DOCUMENT, "normalisation and P/M", text)


if __name__ == "__main__":
    main()
