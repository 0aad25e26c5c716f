"""Data as plotly reads them: plain numbers, escaped text."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

MOST_POINTS = 1500
"""Most frames drawn in one plot; longer sequences are thinned."""

# Okabe and Ito's colours, which the colour-blind tell apart.
BLUE, RED, CYAN, GREY = "#0072B2", "#D55E00", "#7FDBFF", "#555555"
SERIES = (BLUE, RED, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
FAINT = "rgba(0,114,178,0.4)"


def plain_text(text: str) -> str:
    """Text for plotly, which reads tags, entities and formulas between $ in what it is given."""
    return escape(text, quote=False).replace("$", "&#36;")


def numbers(values: Any, digits: int = 8) -> list[float | None]:
    """Numbers for JSON: NaN becomes null, digits are cut to what is seen."""
    return [
        float(f"{v:.{digits}g}") if np.isfinite(v) else None
        for v in np.asarray(values, dtype=float).tolist()
    ]


def see_through(colour: str, share: float) -> str:
    """A colour ``#rrggbb`` of which `share` is seen, from 0 to 1."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"
