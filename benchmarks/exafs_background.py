"""Backgrounds of absorption spectra against loops of Larch's `autobk`."""

from __future__ import annotations

import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.harness import race, table
from spectra import Stack
from spectra.xas import Background, Normalize, SmoothBackground

# The simulated edges are those of the tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "xas" / "exafs"))

from edge_oscillations import E0, series

SAMPLE = 30


def background(frames: int, repeats: int) -> str:
    """AUTOBK with a common edge, with edges of the frames' own, and the smoothing spline."""
    stack = series(frames, noise="unknown")
    common, own = Background(normalize={"e0": E0}), Background()
    smooth = SmoothBackground(normalize={"e0": E0})
    steps = Normalize(e0=E0)(stack)["edge_step"]
    for method in (common, own, smooth):
        method(stack[:2])
    _autobk(stack, steps, 2)
    contestants = {
        "Larch `autobk`, E0 and edge step given": (partial(_autobk, stack, steps, SAMPLE), SAMPLE),
        "Larch `pre_edge` and `autobk`": (partial(_autobk, stack, None, SAMPLE), SAMPLE),
        "spectra": (partial(common, stack), frames),
    }
    title = f"{frames} spectra × {stack.n_points} points"
    text = table(f"background: {title}", race(contestants, repeats, time.process_time), "spectra")
    contestants |= {"spectra": (partial(own, stack), frames)}
    timings = race(contestants, repeats, time.process_time)
    text += "\n" + table(f"background, each frame with its own E0: {title}", timings, "spectra")
    contestants |= {"spectra": (partial(smooth, stack), frames)}
    timings = race(contestants, repeats, time.process_time)
    text += "\n" + table(f"background by a smoothing spline: {title}", timings, "spectra")
    off = _differences(stack, common(stack[:SAMPLE])["chi"], steps)
    return (
        f"{text}\nspectra normalises, removes the background, propagates the noise and checks; χ "
        f"differs from Larch's by {off:.1e} of the edge step at most.\n\n"
    )


def _autobk(stack: Stack, steps: np.ndarray | None, count: int) -> list[np.ndarray]:
    """What a user writes: a loop over autobk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from larch import Group
        from larch.xafs import autobk, pre_edge

        found = []
        for i, one in enumerate(np.asarray(stack.signal[:count])):
            group = Group(energy=stack.x, mu=one)
            if steps is None:
                pre_edge(group, e0=E0)
                autobk(group)
            else:
                autobk(group, ek0=E0, edge_step=float(steps[i]))
            found.append(group.chi)
    return found


def _differences(stack: Stack, chi: np.ndarray, steps: np.ndarray) -> float:
    theirs = _autobk(stack, steps, len(chi))
    return max(float(np.abs(a[np.isfinite(a)] - b).max()) for a, b in zip(chi, theirs, strict=True))
