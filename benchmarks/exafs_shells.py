"""Fits of shells against loops of Larch's `feffit`: copper at 150 K with noise added."""

from __future__ import annotations

import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import race, table
from spectra import Stack, read
from spectra.xas import Background, Shells

RANGES = {"k_range": (3.0, 17.0), "window": "kaiser", "taper": 4.0, "k_weight": 2}
LARCH_RANGES = {"kmin": 3, "kmax": 17, "window": "kaiser", "dk": 4, "kw": 2, "rmin": 1.4}
# Whose σ² each of the 13 paths has: those of one length share one.
SHARED = (1, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 5, 5)
NOISE = 1e-3
# Larch takes a second and more for 13 paths.
SAMPLES = {1: 12, 13: 2}


def shells(folder: Path, frames: int, repeats: int) -> str:
    """Markdown tables of one-shell and 13-path fits, and how far the values are apart."""
    return _one_shell(folder, frames, repeats) + _thirteen(folder, frames, repeats)


def _one_shell(folder: Path, frames: int, repeats: int) -> str:
    start = {"amp": 1.0, "de": 0.1, "dr": 0.0, "ss": 0.005}
    said = {"s02": "amp", "e0": "de", "delta_r": "dr", "sigma2": "ss"}
    return _raced(folder, [(folder / "feffcu01.dat", said)], start, 3.0, frames, repeats)


def _thirteen(folder: Path, frames: int, repeats: int) -> str:
    start = {"amp": 1.0, "de": 0.1, "alpha": 1e-4} | {f"s{i}": 0.006 for i in range(1, 6)}
    files = [folder / "feff_Cu" / f"feff{i:04d}.dat" for i in range(1, 14)]
    said = [{"s02": "amp", "e0": "de", "delta_r": "alpha*reff", "sigma2": f"s{i}"} for i in SHARED]
    paths = list(zip(files, said, strict=True))
    return _raced(folder, paths, start, 5.0, frames, repeats)


def _raced(
    folder: Path,
    paths: list[tuple[Path, dict[str, str]]],
    start: dict[str, float],
    r_max: float,
    frames: int,
    repeats: int,
) -> str:
    stack = _noisy(folder, frames)
    method = Shells(
        **RANGES,
        r_range=(1.4, r_max),
        parameters=start,
        paths=tuple({"file": str(file), **said} for file, said in paths),
    )
    results = method(stack)
    count = SAMPLES[len(paths)]
    theirs = _feffit(stack, paths, start, r_max, count)
    names = results.table.coords["parameter"]["name"].tolist()
    ours = np.array([[results["value"][i, names.index(n)] for n in start] for i in range(count)])
    error = results["value_stderr"][:count, [names.index(n) for n in start]]
    far = float(np.nanmax(np.abs(ours - theirs) / error))
    timings = race(
        {
            "Larch `feffit`": (partial(_feffit, stack, paths, start, r_max, count), count),
            "spectra": (partial(method, stack), frames),
        },
        repeats,
        time.process_time,
    )
    what = "one shell" if len(paths) == 1 else f"{len(paths)} paths"
    return (
        f"{table(f'fits of {what}: {frames} spectra', timings, 'spectra')}\n"
        f"Parameters differ from Larch's by {far:.1g} of their uncertainty at most; "
        f"{int(results.ok().sum())} of {frames} fits are ok.\n\n"
    )


def _noisy(folder: Path, frames: int) -> Stack:
    """χ(k) of copper at 150 K, and noise of its own for each frame."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Background()(read(folder / "cu_150k.xmu"))
    known = np.isfinite(found["chi"][0])
    k, chi = found.table.coords["k"]["k"][known], found["chi"][0, known]
    noise = NOISE * np.random.default_rng(0).normal(size=(frames, len(k)))
    return Stack.from_arrays(k, chi + noise, axis_name="k", axis_unit="1/angstrom", quantity="chi")


def _feffit(
    stack: Stack,
    paths: list[tuple[Path, dict[str, str]]],
    start: dict[str, float],
    r_max: float,
    count: int,
) -> np.ndarray:
    """What a user writes: a loop over feffit. Gives the parameters of each spectrum."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from larch import Group
        from larch.fitting import guess, param_group
        from larch.xafs import feffit, feffit_dataset, feffit_transform, feffpath

        transform = feffit_transform(**LARCH_RANGES, rmax=r_max)
        made: list[Any] = [
            feffpath(str(file), **{k.replace("delta_r", "deltar"): v for k, v in said.items()})
            for file, said in paths
        ]
        found = []
        for chi in np.asarray(stack.signal[:count]):
            data = feffit_dataset(
                data=Group(k=stack.x, chi=chi), pathlist=made, transform=transform
            )
            result = feffit(param_group(**{k: guess(v) for k, v in start.items()}), data)
            found.append([result.params[name].value for name in start])
    return np.array(found)
