"""Speed of linear combinations against a loop of Larch's, and of the other mixture methods.

    python -m benchmarks.mixture [--frames 10000] [--sample 20] [--repeats 3] [--write]

Simulated mixtures of three species with 0.5 % noise on 200 points. Larch fits a sample of them
with `lincombo_fit` (weights not negative, adding up to one), as its users write the loop. Times
are those of the processor, on one core. ``--write`` puts the table into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.harness import DOCUMENT, Timing, table, write_section
from spectra import Stack
from spectra.xas import CurveResolution, LinearCombination, PrincipalComponents

ENERGY = np.arange(8320.0, 8420.0, 0.5)
LABELS = ("metal", "oxide", "peroxide")


def species() -> np.ndarray:
    """Spectra of three species (3, points)."""
    rows = []
    for position, white, ripple in ((8340, 0.1, 0.1), (8344, 0.6, 0.15), (8347, 0.9, -0.12)):
        x = ENERGY - position
        step = 0.5 + np.arctan(x / 1.5) / np.pi
        line = white * np.exp(-0.5 * ((x - 3.0) / 2.0) ** 2)
        rows.append(step * (1 + ripple * np.sin(x / 6) * np.exp(-np.maximum(x, 0) / 40)) + line)
    return np.stack(rows)


def mixtures(frames: int, seed: int = 0) -> Stack:
    """The species, and mixtures of them; in some a species is missing."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet((0.7, 0.7, 0.7), frames)
    noisy = shares @ species() + rng.normal(0, 0.005, (frames, len(ENERGY)))
    return Stack.from_arrays(
        ENERGY,
        np.concatenate([species(), noisy]),
        axis_name="energy",
        axis_unit="eV",
        quantity="norm",
        names=(*LABELS, *(f"f{i}" for i in range(frames))),
    )


def larch_loop(stack: Stack, sample: int, *, shift: bool = False) -> Callable[[], np.ndarray]:
    """Larch's fit of the first frames, one after the other: weights (sample, 3)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from larch import Group
        from larch.math import lincombo_fit
    signal = np.asarray(stack.signal)
    groups = [
        Group(energy=ENERGY, norm=y, label=n)
        for n, y in zip(stack.names[: sample + 3], signal, strict=False)
    ]

    def run() -> np.ndarray:
        weights = []
        for group in groups[3:]:
            found = lincombo_fit(
                group, groups[:3], minvals=[0.0] * 3, maxvals=[1.0] * 3, vary_e0=shift
            )
            weights.append([found.weights[n] for n in LABELS])
        return np.array(weights)

    return run


def timed(contestants: dict[str, tuple[Callable[[], object], int]], repeats: int) -> list[Timing]:
    """Processor seconds per spectrum, contestants in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    with threadpool_limits(1):
        for _ in range(repeats):
            for name, (run, count) in contestants.items():
                begin = time.process_time()
                run()
                seconds[name].append((time.process_time() - begin) / count)
    return [Timing(name, np.array(values)) for name, values in seconds.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--sample", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    stack = mixtures(args.frames)
    n, few = args.frames, stack[: min(args.frames, 1000)]
    ours = LinearCombination(standards=LABELS)
    moving = LinearCombination(standards=LABELS, shift="common")
    loop = larch_loop(stack, args.sample)
    plain = timed(
        {
            "LinearCombination": (lambda: ours(stack), n),
            "Larch lincombo_fit": (loop, args.sample),
        },
        args.repeats,
    )
    shifted = timed(
        {
            "LinearCombination, common shift": (lambda: moving(few), len(few)),
            "Larch lincombo_fit, vary_e0": (
                larch_loop(stack, args.sample, shift=True),
                args.sample,
            ),
        },
        args.repeats,
    )
    ranked = LinearCombination(standards=LABELS, penalty="bic")
    others = timed(
        {
            "all combinations ranked": (lambda: ranked(stack), n),
            "PrincipalComponents": (lambda: PrincipalComponents(components=3)(stack), n),
            "CurveResolution": (lambda: CurveResolution(components=3)(stack), n),
        },
        args.repeats,
    )
    title = f"Mixtures of three species, 200 points, {n} spectra (Larch: {args.sample} of them)"
    text = table(title, plain, plain[0].name) + "\n"
    text += table(f"The same with a shift of energy, {len(few)} spectra", shifted, shifted[0].name)
    told = ", ".join(f"{t.name} {t.median * 1e3:.3f} ms" for t in others)
    text += f"\nOthers, per spectrum: {told}.\n"
    mine = ours(stack)
    theirs = loop()
    rows = slice(3, 3 + args.sample)
    signal = np.asarray(stack.signal)[rows]
    worse = ((signal - theirs @ species()) ** 2).sum(axis=1)
    best = ((signal - mine["weight"][rows] @ species()) ** 2).sum(axis=1)
    apart = np.abs(mine["weight"][rows] - theirs).max(axis=1)
    text += (
        f"\nWeights differ from Larch's by {np.median(apart):.1e} (median) and {apart.max():.1e} "
        f"(largest); Larch's sum of squares is {(worse / best - 1).max():.1e} larger at most, and "
        f"{max((1 - worse / best).max(), 0.0):.1e} smaller at most.\n"
    )
    print(text)
    if args.write:
        write_section(DOCUMENT, "mixtures", text)


if __name__ == "__main__":
    main()
