"""Are stated uncertainties what they say? Of peaks, cells, volumes and dV/V, simulated.

    python -m benchmarks.calibration [frames] [peaks] [cells] [--write]

Prints mean and width of the pulls (value − truth over standard uncertainty; 0 and 1 if all is
well) and how often the intervals of 68 % and 95 % hold the truth, and says what is beyond the
limits: mean 0 ± 0.05, width 1 ± 0.05, 68 ± 3 % and 95 ± 1.5 %. With ``--write`` the tables
replace their sections of docs/benchmarks.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from benchmarks.harness import write_section
from spectra.fit.lineshapes import get_profile

ROOT = Path(__file__).parents[1]
# The simulated sequences are those of the tests.
sys.path.insert(0, str(ROOT / "tests" / "xrd"))

from calibrated import CASES, HALF_68, HALF_95, PEAK_CASES, Calibration  # noqa: E402 - see above

Cases = Mapping[str, Callable[[int], dict]]

SECTIONS: dict[str, tuple[str, str, Cases]] = {
    "peaks": ("Calibration of peaks", "calibration of peaks", PEAK_CASES),
    "cells": ("Calibration of cells, volumes and strains", "calibration of cells", CASES),
}


def within(found: Calibration) -> bool:
    """Whether the pulls are within the limits."""
    return (
        abs(found.mean) <= 0.05
        and abs(found.width - 1.0) <= 0.05
        and abs(found.covers(HALF_68) - 0.68) <= 0.03
        and abs(found.covers(HALF_95) - 0.95) <= 0.015
    )


def report(title: str, cases: Cases, frames: int) -> str:
    """Markdown table of some cases."""
    lines = [
        f"### {title}",
        "",
        f"`python -m benchmarks.calibration --write`: {frames} simulated frames each, noise as",
        "stated and nothing else. Expected: mean 0, width 1, 68 and 95 %.",
        "",
        "| | | mean | width | in 68 % | in 95 % |",
        "|---|---|---:|---:|---:|---:|",
    ]
    beyond = []
    for case, run in cases.items():
        for name, found in run(frames).items():
            line = (
                f"| {case} | {name} | {found.mean:+.3f} | {found.width:.3f} "
                f"| {found.covers(HALF_68):.1%} | {found.covers(HALF_95):.1%} |"
            )
            print(line, flush=True)
            lines.append(line)
            if not within(found):
                beyond.append(f"{name} ({case})")
    lines += ["", f"Beyond the limits: {'; '.join(beyond) or 'none'}."]
    print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def plain_likelihood(frames: int) -> str:
    """Pulls of scipy's maximum of the Poisson likelihood: one peak of 30 counts on 1.5."""
    x, profile = np.arange(-0.75, 0.75, 0.02), get_profile("pseudo_voigt")
    names, width = ("center", "area", "fwhm", "background"), 0.126
    area = 30.0 / float(profile.peak_height_and_gradient(width, 0.5)[0])
    true = np.array([0.0, area, width, 1.5, 0.0])
    scale = np.array([width, area, width, 1.5, 1.5])

    def curve(p: np.ndarray) -> np.ndarray:
        return p[1] * profile.value(x, p[0], p[2], 0.5) + p[3] + p[4] * x

    def slopes(p: np.ndarray) -> np.ndarray:
        steps = np.diag(1e-5 * scale)
        return np.array([(curve(p + d) - curve(p - d)) / (2.0 * d.sum()) for d in steps])

    def misfit(q: np.ndarray, y: np.ndarray) -> float:
        f = curve(q * scale)
        return float((f - y * np.log(f)).sum()) if (f > 0).all() else np.inf

    def gradient(q: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (slopes(q * scale) * (1.0 - y / curve(q * scale))).sum(axis=1) * scale

    rng, pulls = np.random.default_rng(2), []
    for _ in range(frames):
        y = rng.poisson(curve(true))
        found = minimize(misfit, true / scale, (y,), jac=gradient, options={"gtol": 1e-4})
        p = found.x * scale
        j = slopes(p)
        cov = np.linalg.inv((j / curve(p)) @ j.T)
        pulls.append((p - true) / np.sqrt(np.diag(cov)))
    found = dict(zip(names, map(Calibration, np.array(pulls).T[:4]), strict=True))
    means = ", ".join(f"{name} {one.mean:+.3f}" for name, one in found.items())
    return (
        "For comparison, the maximum of the Poisson likelihood found by scipy for one peak of 30\n"
        f"counts on a background of 1.5, {frames} frames; means of the pulls: {means}.\n"
        "A peak that comes out narrow by chance also claims to be well known, in any correct fit;\n"
        "`spectra.fit.quantities` says how intervals are moved so that it does no harm.\n"
    )


def main() -> None:
    words = sys.argv[1:]
    numbers = [int(a) for a in words if a.isdigit()]
    frames = numbers[0] if numbers else 5000
    chosen = [name for name in SECTIONS if name in words] or list(SECTIONS)
    for name in chosen:
        title, section, cases = SECTIONS[name]
        with threadpool_limits(1):
            text = report(title, cases, frames)
            if name == "peaks":
                text += "\n" + plain_likelihood(frames)
        if "--write" in words:
            write_section(ROOT / "docs" / "benchmarks.md", section, text)


if __name__ == "__main__":
    main()
