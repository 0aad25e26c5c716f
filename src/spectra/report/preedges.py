"""What a report shows of pre-edges: the peaks themselves, and intensity against centroid."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import slug, without_common_words
from spectra.report.plotdata import BLUE, RED
from spectra.report.section import Section
from spectra.report.select import Abscissa, abscissae, thin
from spectra.report.shades import shades
from spectra.results import Record, Results
from spectra.stack import Stack
from spectra.status import Status

FloatArray = NDArray[np.float64]

_MOST_CURVES = 40
_MOST_POINTS = 1500
_MOST_LABELS = 8
# Energies before the baseline's range, in which a line is taken for drawing (eV).
_LINE = 60.0


def preedge_section(step: str, record: Record, results: Results, stack: Stack) -> Section | None:
    """Pre-edge peaks over the sequence, and the intensity–centroid diagram.

    The diagram is that of P. Chaurand et al., J. Phys. Chem. B 111 (2007) 5101: valence moves a
    peak along it, coordination in another direction.
    """
    good = np.flatnonzero(np.isfinite(results["main_height"]))
    if good.size == 0:
        return None
    shown = good[thin(good.size, _MOST_CURVES)]
    against = abscissae(results)[0]
    panels = [_peaks(stack, results, shown, against)]
    marks = tuple(_diagram(record, step, results))
    if marks:
        panels.append(Panel("centroid (eV)", "area (eV)", marks, "Intensity and centroid"))
    ratio = int(np.isfinite(results["ratio"]).sum())
    sentences = [f"{ratio} of {len(results)} spectra have a P/M."]
    lacking = good.size - ratio
    if lacking:
        have = "has" if lacking == 1 else "have"
        sentences.append(
            f"{lacking} {have} no local maximum before the edge, which is flagged; area and "
            "centroid over the baseline stand all the same."
        )
    order = "frame to frame" if against.name == "frame" else against.label
    note = f"Scaled to the main peak, dark to light from low to high {order}."
    if against.name == "frame":
        note = "Scaled to the main peak, the first dark, the last light."
    drawing = Drawing(f"preedge-{slug(step)}", tuple(panels), f"{note} Open symbols are flagged.")
    heading = "Pre-edge peaks" if step == "preedge" else f"Pre-edge peaks ({step})"
    return Section(f"p-{slug(step)}", heading, tuple(sentences), (drawing,))


def _peaks(stack: Stack, results: Results, shown: NDArray[np.intp], against: Abscissa) -> Panel:
    """The foot of the edge, over a level before it and over the main peak's height."""
    centre = float(np.nanmedian(results["centroid"][shown]))
    x = stack.x
    inside = np.flatnonzero((x > centre - 12.0) & (x < centre + 12.0))
    before = (x > centre - 12.0 - _LINE) & (x <= centre - 8.0)
    order = against.values[shown]
    y = np.asarray(stack[shown].load().signal, dtype=float)
    marks: list[Mark] = []
    names = without_common_words([results.names[i] for i in shown.tolist()])
    names = names if len(names) <= _MOST_LABELS else [""] * len(names)
    heights = results["main_height"][shown].tolist()
    for row, colour, height, name in zip(y, shades(order), heights, names, strict=True):
        use = before & np.isfinite(row)
        if use.sum() < 2:
            continue
        line = np.polynomial.Polynomial.fit(x[use], row[use], 1)
        scaled = (row[inside] - line(x[inside])) / height
        marks.append(Mark("line", x[inside], scaled, name=name, colour=colour))
    return Panel("energy (eV)", "μ over the main peak", tuple(marks), "Pre-edge")


def _diagram(record: Record, step: str, results: Results) -> Iterator[Mark]:
    """Samples, and those frames that are standards of valences read off this step."""
    standard = np.zeros(len(results), dtype=bool)
    for other in record.steps.values():
        if other.table.name != "valence" or other.attrs.get("set"):
            continue
        patterns = [str(s["name"]) for s in other.attrs["standards"]]
        if len(other) == len(results):
            standard |= [any(fnmatchcase(n, p) for p in patterns) for n in results.names]
    known = np.isfinite(results["area"]) & np.isfinite(results["centroid"])
    for is_standard, name, colour in ((False, "samples", BLUE), (True, "standards", RED)):
        use = np.flatnonzero(known & (standard == is_standard))
        use = use[thin(use.size, _MOST_POINTS)]
        if use.size == 0:
            continue
        yield Mark(
            "points",
            results["centroid"][use],
            results["area"][use],
            x_stderr=results["centroid_stderr"][use],
            y_stderr=results["area_stderr"][use],
            name=name,
            colour=colour,
            hollow=results.status[use] != Status.OK,
            texts=tuple(results.names[i] for i in use.tolist()),
            labelled=name == "standards" and use.size <= _MOST_LABELS,
        )
