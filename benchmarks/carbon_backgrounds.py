"""What fluorescence under carbon's D and G does to I_D/I_G: pulls, and what is told; one core.

    PYTHONPATH=src:tests/raman python -m benchmarks.carbon_backgrounds [--write] [frames]

Two Lorentzian bands whose ratios are known lie on 200 counts and a smooth fluorescence, in
thousandths of the count of G; the whole is scaled to what G is said to have, and Poisson noise is
added. Compared are a background fixed to a line and the default, whose degree the data choose. The
seeds are others than those of the tests.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
from simulated_carbon import RATIO_AREA, RATIO_HEIGHT, SHIFT, D, G, counted, lorentzian

from benchmarks.harness import DOCUMENT, write_section
from spectra import Results, Status
from spectra.raman import Carbon

COUNTS = (80, 800, 8000)
FRAMES = 1000
ACROSS = (SHIFT - 900.0) / 1000.0
FLUORESCENCE: Mapping[str, np.ndarray] = {
    "line, 100 to 200": 100.0 + 100.0 * ACROSS,
    "exponential, 500 falling by e in 900 1/cm": 500.0 * np.exp(-ACROSS / 0.9),
    "exponential, 500 falling by e in 300 1/cm": 500.0 * np.exp(-ACROSS / 0.3),
    "hump, 500 at 1400, FWHM 1200 1/cm": 500.0 * 2.0 ** -(((ACROSS - 0.5) / 0.6) ** 2),
    "hump, 500 at 2200, FWHM 1800 1/cm": 500.0 * 2.0 ** -(((ACROSS - 1.3) / 0.9) ** 2),
    "hump, 300 at 1450, FWHM 600 1/cm": 300.0 * 2.0 ** -(((ACROSS - 0.55) / 0.3) ** 2),
}
HEAD = (
    "| counts of G | fluorescence | degree | quoted | by height | by area | σ by area | told |\n"
    "|---:|---|---|---:|---:|---:|---:|---:|"
)


def row(counts: int, title: str, degree: str, results: Results) -> str:
    """One line of the table."""
    good = results.status == Status.OK
    cells = []
    for name, truth in (("ratio_height", RATIO_HEIGHT), ("ratio_area", RATIO_AREA)):
        pull = ((results[name] - truth) / results[f"{name}_stderr"])[good]
        cells.append(f"{pull.mean():+.2f} ± {pull.std():.2f}")
    error = np.median(results["ratio_area_stderr"][good]) / RATIO_AREA
    told = np.mean(["contradict" in m for m in results.messages] | (results["scaled"] > 1))
    return (
        f"| {counts} | {title} | {degree} | {good.mean():.1%} | {' | '.join(cells)} | "
        f"{error:.2%} | {told:.0%} |"
    )


def main() -> None:
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    frames = numbers[0] if numbers else FRAMES
    methods = {"1": Carbon(bands=(2,), degree=1), "chosen": Carbon(bands=(2,))}
    lines = [HEAD]
    print(HEAD)
    for k, counts in enumerate(COUNTS):
        for j, (title, fluorescence) in enumerate(FLUORESCENCE.items()):
            curve = 200.0 + fluorescence + lorentzian(*D) + lorentzian(*G)
            stack = counted(counts / G[2] * curve, frames, seed=1000 + 10 * k + j)
            for degree, method in methods.items():
                lines.append(row(counts, title, degree, method(stack)))
                print(lines[-1], flush=True)
    if "--write" in sys.argv:
        head = (
            "### Carbon on fluorescence\n\n"
            "`PYTHONPATH=src:tests/raman python -m benchmarks.carbon_backgrounds --write`: "
            f"{frames} spectra each. Pulls of I_D/I_G as mean ± width; σ, the median relative "
            "uncertainty; told, the share whose message says that the data contradict the "
            "background or whose uncertainties are widened for misfit.\n\n"
        )
        write_section(DOCUMENT, "carbon backgrounds", head + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
