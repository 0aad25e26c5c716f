"""How long a measured operando series takes from its file to flattened spectra and χ(R).

    python -m benchmarks.operando_xanes FILE [--repeats 5] [--write]

FILE holds the spectra of a cell and of a foil behind it: `lno_nik_pos1.npz`, 229 spectra at the
Ni K edge. The spectra are aligned by the foil, normalised and flattened, and transformed from
their χ(k) to χ(R), by `xas.Align`, `xas.Normalize`, `xas.Background` and `xas.FourierTransform`,
and by loops of Larch such as users write, all on one core and in processor time:

- "shift fitted": Larch's ``energy_align`` fits shift and scale of the derivative of each foil to
  those of the first. It is given the derivatives, which it fails to form (Larch 2026.3.1 forgets
  an import), and its `emin` counts downwards, so that 15 and not its default of −15 makes the
  window hold the edge.
- "edge found": ``find_e0`` takes the edge energies of the foils to a point of the grid. On 0.2 eV
  that is the same point for all 229: it is fast, and aligns nothing.
- With "axis only" the energies are shifted, and each spectrum stays on an axis of its own; else
  Larch's cubic ``interp`` brings them onto one, as `xas.Align` does.

First everything is done in a new process, with what Python and the libraries take to load and
the file to read, then from memory in a process that has done it before. With ``--write`` the
tables replace their section of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.harness import DOCUMENT, Timing, race, table, write_section

if TYPE_CHECKING:
    from spectra.xas import Background, Normalize

ELEMENT = "Ni"
K_RANGE = (3.0, 13.0)

NOTE = (
    "Processor time on one core. Larch's shifts are fitted by `energy_align`, or found by "
    "`find_e0`, which takes the same point of the 0.2 eV grid for all foils and so aligns nothing; "
    "its spectra are interpolated onto one axis as ours are, or keep shifted axes of their own. "
    "Most of what ours takes from the start of Python is imports and the reading of the file.\n\n"
)


def with_spectra(path: str) -> Callable[[], object]:
    """Read, and give the chain."""
    import spectra
    from spectra.xas import Align, FourierTransform, flattened

    # The file's spectra are normalised already: nothing would be left to do.
    stack = replace(spectra.read(path).load(), quantity="mu")
    align, normalize, background = Align(element=ELEMENT), *_of_edges()
    transform = FourierTransform(k_range=K_RANGE)

    def chain() -> object:
        aligned = align(stack)
        return flattened(aligned, normalize(aligned)), transform(background(aligned))

    return chain


def _of_edges() -> tuple[Normalize, Background]:
    """Normalisation, and a background that has the same."""
    from spectra.xas import Background, Normalize

    normalize = Normalize(element=ELEMENT, e0="sequence")
    return normalize, Background(normalize=normalize)


def with_larch(path: str, *, fit: bool, interpolate: bool) -> Callable[[], object]:
    """Read, and give the loop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from larch import Group
        from larch.math import interp
        from larch.xafs import autobk, energy_align, find_e0, pre_edge, xftf

    with np.load(path) as content:
        x, signal, foils = (content[k].astype(float) for k in ("energy", "norm", "ref"))

    def slope_of(foil: np.ndarray) -> np.ndarray:
        return np.asarray(np.gradient(foil) / np.gradient(x))

    def shift_of(foil: np.ndarray, first: Group) -> float:
        if fit:
            group = Group(energy=x, mu=foil, dmude=slope_of(foil))
            return float(energy_align(group, first, emin=15, emax=35))
        return float(first.e0 - find_e0(x, foil))

    def chain() -> object:
        e0, slope = float(find_e0(x, foils[0])), slope_of(foils[0])
        first = Group(energy=x, mu=foils[0], e0=e0, dmude=slope)
        flat = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for one, foil in zip(signal, foils, strict=True):
                energy, mu = x + shift_of(foil, first), one
                if interpolate:
                    energy, mu = x, interp(energy, one, x, kind="cubic")
                group = Group(energy=energy, mu=mu)
                pre_edge(group)
                autobk(group)
                xftf(group, kmin=K_RANGE[0], kmax=K_RANGE[1], dk=1, kweight=2, window="hanning")
                flat.append((group.flat, group.chir))
        return flat

    return chain


CHAINS: dict[str, Callable[[str], Callable[[], object]]] = {
    "spectra": with_spectra,
    "Larch, shift fitted": partial(with_larch, fit=True, interpolate=True),
    "Larch, shift fitted, axis only": partial(with_larch, fit=True, interpolate=False),
    "Larch, edge found": partial(with_larch, fit=False, interpolate=True),
    "Larch, edge found, axis only": partial(with_larch, fit=False, interpolate=False),
}


def in_new_process(path: str, name: str) -> float:
    """Processor seconds of Python from its start to the end of a chain."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "benchmarks.operando_xanes", path, "--only", name]
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=alone)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cold(path: str, count: int, repeats: int) -> list[Timing]:
    """Chains with all that comes before them, in processes of their own, by turns."""
    seconds: dict[str, list[float]] = {name: [] for name in CHAINS}
    for _ in range(repeats):
        for name in CHAINS:
            seconds[name].append(in_new_process(path, name) / count)
    return [Timing(name, np.array(values)) for name, values in seconds.items()]


def warm(path: str, count: int, repeats: int) -> list[Timing]:
    """Chains from memory, once they have run."""
    ready = {name: prepare(path) for name, prepare in CHAINS.items()}
    for chain in ready.values():
        chain()
    contestants = {name: (chain, count) for name, chain in ready.items()}
    return race(contestants, repeats, clock=time.process_time)


def shares(path: str, repeats: int) -> str:
    """Which step of our chain takes how long."""
    import spectra
    from spectra.xas import Align, FourierTransform, flattened

    align, normalize, background = Align(element=ELEMENT), *_of_edges()
    transform = FourierTransform(k_range=K_RANGE)
    # The file's spectra are normalised already: nothing would be left to do.
    stack = replace(spectra.read(path).load(), quantity="mu")
    aligned = align(stack)
    results, chi = normalize(aligned), background(aligned)
    steps: dict[str, tuple[Callable[[], object], int]] = {
        "read": (lambda: spectra.read(path).load(), 1),
        "`xas.Align`": (lambda: align(stack), 1),
        "`xas.Normalize`": (lambda: normalize(aligned), 1),
        "`flattened`": (lambda: flattened(aligned, results), 1),
        "`xas.Background`": (lambda: background(aligned), 1),
        "`xas.FourierTransform`": (lambda: transform(chi), 1),
    }
    timings = race(steps, repeats, clock=time.process_time)
    parts = ", ".join(f"{t.name} {t.median * 1e3:.3g} ms" for t in timings)
    return f"Of ours, once loaded: {parts}.\n\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", choices=list(CHAINS), help="run one chain and say nothing")
    options = parser.parse_args()
    if options.only:
        CHAINS[options.only](options.file)()
        return
    with np.load(options.file) as content:
        count, points = content["norm"].shape
    title = f"{count} spectra × {points} points: align, normalise, flatten, χ(k), χ(R)"
    first = cold(options.file, count, options.repeats)
    text = table(f"{title}; from the start of Python", first, "spectra") + "\n"
    again = warm(options.file, count, options.repeats)
    text += table(f"{title}; from memory", again, "spectra") + "\n"
    text += shares(options.file, options.repeats) + NOTE
    print(text)
    if options.write:
        write_section(DOCUMENT, "an operando series", text)


if __name__ == "__main__":
    main()
