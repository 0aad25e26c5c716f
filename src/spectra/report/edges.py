"""What a report shows of normalised edges: some spectra, whole and near the edge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import slug
from spectra.report.section import Section
from spectra.report.select import abscissae, envelope, thin
from spectra.results import Results
from spectra.stack import Stack
from spectra.xas.curves import normalized

FloatArray = NDArray[np.float64]

_MOST_CURVES = 24
_MOST_NAMED = 8
_MOST_POINTS = 1500
# Ends of the two panels, from the median E0 (eV).
_WHOLE = (-60.0, 200.0)
_NEAR = (-30.0, 45.0)
# From first to last, as the eye reads it in print too: points of matplotlib's viridis.
_EARLY, _MIDDLE, _LATE = (68, 1, 84), (33, 145, 140), (194, 196, 42)


def edge_section(step: str, stack: Stack, results: Results) -> Section | None:
    """Normalised spectra, evenly spread over the sequence; None if there are none."""
    good = np.flatnonzero(results.ok() & np.isfinite(results["e0"]))
    if good.size == 0:
        return None
    chosen = good[thin(good.size, _MOST_CURVES)]
    part = normalized(stack[chosen].load(), results[chosen])
    y, middle = np.asarray(part.signal), float(np.median(results["e0"][good]))
    panels = tuple(
        Panel("energy (eV)", "normalised μ", tuple(_curves(part, y, results, middle, ends)), title)
        for ends, title in ((_WHOLE, "Spectra"), (_NEAR, "Near the edge"))
    )
    shown = "All" if chosen.size == good.size else f"{chosen.size} of {good.size}"
    note = f"{shown} normalised spectra, the first dark, the last light."
    sentence = (
        f"{good.size} of {len(results)} spectra are normalised; E0 lies between "
        f"{results['e0'][good].min():.2f} and {results['e0'][good].max():.2f} eV, the edge step "
        f"between {results['edge_step'][good].min():.3g} and "
        f"{results['edge_step'][good].max():.3g}."
    )
    heading = "Normalised spectra" if step == "normalize" else f"Normalised spectra ({step})"
    drawing = Drawing(f"spectra-{slug(step)}", panels, note)
    return Section(f"e-{slug(step)}", heading, (sentence,), (drawing,))


def _curves(
    part: Stack, y: FloatArray, results: Results, middle: float, ends: tuple[float, float]
) -> Iterator[Mark]:
    inside = np.flatnonzero((part.x >= middle + ends[0]) & (part.x <= middle + ends[1]))
    count = len(y)
    against = abscissae(results)[0]
    named = count <= _MOST_NAMED and against.name == "frame"
    for i in range(count):
        use = inside[envelope(y[i, inside], _MOST_POINTS)]
        share = i / max(count - 1, 1)
        name = part.names[i] if named else ""
        yield Mark("line", part.x[use], y[i, use], name=name, colour=_shade(share))


def _shade(share: float) -> str:
    """A colour between dark and light, `share` from 0 to 1."""
    ends = (_EARLY, _MIDDLE) if share < 0.5 else (_MIDDLE, _LATE)
    part = 2 * share if share < 0.5 else 2 * share - 1
    mixed = (round(a + part * (b - a)) for a, b in zip(*ends, strict=True))
    return "#" + "".join(f"{v:02x}" for v in mixed)
