"""Processor time of powder lines per point, with all derivatives, against the plain profile.

    python -m benchmarks.powder_lines

`spectra.xrd.profile.tch` and the "tch" of `spectra.fit.lineshapes` give the same numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from spectra.fit.lineshapes import get_profile
from spectra.xrd.profile.axial import axial_nodes
from spectra.xrd.profile.tch import OUTPUTS, TchLines, tch
from spectra.xrd.profile.widths import CAGLIOTI, LORENTZ, SIZE, STRAIN, line_widths

SHAPES = ((2000, 100), (2000, 200), (1000, 400))
ROWS, LINES = 32, 200


def least(run: Callable[[], object], count: int, repeats: int = 30) -> float:
    """Least processor time (ns) per item of many runs, as other programs may run beside."""
    run()
    best = float("inf")
    for _ in range(repeats):
        begin = time.thread_time_ns()
        run()
        best = min(best, (time.thread_time_ns() - begin) / count)
    return best


def main() -> None:
    rng = np.random.default_rng(0)
    plain = get_profile("tch")
    print("lines × points: ns per point of evaluate, tch() and the plain profile; ratio")
    for lines, points in SHAPES:
        gamma_g, gamma_l = rng.uniform(0.02, 0.05, (2, lines))
        delta = np.linspace(-1.0, 1.0, points) * np.ones((lines, 1))
        prepared, out = TchLines.of(gamma_g, gamma_l), np.empty((lines, OUTPUTS, points))
        columns = (gamma_g[:, None], gamma_l[:, None])
        count = lines * points
        one = least(lambda p=prepared, d=delta, o=out: p.evaluate(d, o), count)
        two = least(lambda d=delta, g=gamma_g, w=gamma_l: tch(d, g, w), count)
        three = least(lambda d=delta, c=columns: plain.value_and_gradient(d, 0.0, *c), count, 5)
        print(f"{lines} × {points}: {one:.1f} {two:.1f} {three:.1f}; {three / two:.1f}")
    angles, height = rng.uniform(5.0, 50.0, (ROWS, LINES)), np.full(ROWS, 0.0011)
    for nodes in (1, 2, 4, 8):
        each = least(lambda k=nodes: axial_nodes(angles, height, height, k), ROWS * LINES)
        print(f"axial divergence, {nodes} nodes: {each:.0f} ns per line")
    terms = (CAGLIOTI, LORENTZ, SIZE, STRAIN)
    values = [np.full((ROWS, len(t.names)), 1e-3) for t in terms]
    each = least(lambda: line_widths(terms, values, angles, 0.4), ROWS * LINES)
    print(f"widths of four terms: {each:.0f} ns per line")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
