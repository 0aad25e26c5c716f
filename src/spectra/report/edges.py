"""What a report shows of normalised edges: some spectra, whole and near the edge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import slug
from spectra.report.section import Section
from spectra.report.select import abscissae, envelope, thin
from spectra.report.shades import shades
from spectra.results import Results
from spectra.stack import Stack
from spectra.xas.curves import normalized

FloatArray = NDArray[np.float64]

_MOST_CURVES = 24
_MOST_NAMED = 8
_MOST_POINTS = 1500
# Ends of the two panels, from the median E0 (eV).
WHOLE, NEAR = (-60.0, 200.0), (-20.0, 45.0)


def edge_section(step: str, stack: Stack, results: Results) -> Section | None:
    """Normalised spectra, evenly spread over the sequence; None if there are none."""
    good = np.flatnonzero(results.ok() & np.isfinite(results["e0"]))
    if good.size == 0:
        return None
    chosen = good[thin(good.size, _MOST_CURVES)]
    colours = shades(np.arange(chosen.size, dtype=float))
    panels = tuple(
        Panel(
            "energy (eV)",
            "normalised μ",
            tuple(near_edge(stack, results, chosen, colours, ends)),
            title,
        )
        for ends, title in ((WHOLE, "Spectra"), (NEAR, "Near the edge"))
    )
    shown = "All" if chosen.size == good.size else f"{chosen.size} of {good.size}"
    note = f"{shown} normalised spectra, the first dark, the last light."
    sentence = (
        f"{good.size} of {len(results)} spectra are normalised; E0 lies between "
        f"{results['e0'][good].min():.2f} and {results['e0'][good].max():.2f} eV, "
        f"{_steps(results, good)}."
    )
    heading = "Normalised spectra" if step == "normalize" else f"Normalised spectra ({step})"
    drawing = Drawing(f"spectra-{slug(step)}", panels, note)
    return Section(f"e-{slug(step)}", heading, (sentence,), (drawing,))


def _steps(results: Results, good: NDArray[np.intp]) -> str:
    if results.attrs.get("normalised"):
        return "and the spectra are taken as they came, normalised already"
    step = results["edge_step"][good]
    return f"the edge step between {step.min():.3g} and {step.max():.3g}"


def near_edge(
    stack: Stack,
    results: Results,
    chosen: NDArray[np.intp],
    colours: Sequence[str],
    ends: tuple[float, float],
) -> Iterator[Mark]:
    """Normalised spectra of some frames between two energies from the median E0 (eV)."""
    part = normalized(stack[chosen].load(), results[chosen])
    y, middle = np.asarray(part.signal), float(np.nanmedian(results["e0"][chosen]))
    inside = np.flatnonzero((part.x >= middle + ends[0]) & (part.x <= middle + ends[1]))
    named = len(y) <= _MOST_NAMED and abscissae(results)[0].name == "frame"
    for i, colour in enumerate(colours):
        use = inside[envelope(y[i, inside], _MOST_POINTS)]
        name = part.names[i] if named else ""
        yield Mark("line", part.x[use], y[i, use], name=name, colour=colour)
