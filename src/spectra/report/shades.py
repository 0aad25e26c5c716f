"""Colours of an order: dark to light, told apart in grey and by the colour-blind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# From first to last, as the eye reads it in print too: points of matplotlib's viridis.
_EARLY, _MIDDLE, _LATE = (68, 1, 84), (33, 145, 140), (194, 196, 42)


def shade(share: float) -> str:
    """A colour between dark and light, `share` from 0 to 1, as ``#rrggbb``."""
    ends = (_EARLY, _MIDDLE) if share < 0.5 else (_MIDDLE, _LATE)
    part = 2 * share if share < 0.5 else 2 * share - 1
    mixed = (round(a + part * (b - a)) for a, b in zip(*ends, strict=True))
    return "#" + "".join(f"{v:02x}" for v in mixed)


def shades(values: NDArray[np.float64]) -> tuple[str, ...]:
    """Colours of values by their place between the smallest and the largest; NaN is dark."""
    known = values[np.isfinite(values)]
    if known.size == 0 or np.ptp(known) == 0:
        return (shade(0.0),) * len(values)
    share = np.nan_to_num((values - known.min()) / np.ptp(known))
    return tuple(map(shade, share.tolist()))


def magma(n: int) -> list[tuple[float, tuple[int, int, int]]]:
    """The perceptually uniform map in n steps: place from 0 to 1, and red, green, blue."""
    from matplotlib import colormaps

    places = np.linspace(0.0, 1.0, n)
    colours = np.round(colormaps["magma"](places)[:, :3] * 255).astype(int).tolist()
    return [(f, (c[0], c[1], c[2])) for f, c in zip(places.tolist(), colours, strict=True)]
