"""What a report shows of carbon's D and G bands: fits, I_D/I_G, sizes, and what is doubted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spectra.raman.carbon_models import VISIBLE
from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import measured, slug
from spectra.report.plotdata import BLUE, MOST_POINTS, RED
from spectra.report.section import Section
from spectra.report.select import Abscissa, abscissae, thin
from spectra.report.vibrations import (
    doubted,
    fit_drawing,
    noise_sentence,
    rows_told_first,
    shown_labels,
)
from spectra.results import Results
from spectra.stack import Stack
from spectra.status import Status

_BY = {"height": "ratio_height", "area": "ratio_area"}
_SIZES = {"Cançado": "size_cancado", "Tuinstra–Koenig": "size_tuinstra_koenig"}


def carbon_section(step: str, results: Results, stack: Stack | None) -> Section:
    """Stacked fits, I_D/I_G and L_a along the sequence, a row for each spectrum."""
    key = slug(step)
    labels = [str(v) for v in np.asarray(results.table.coords["band"]["label"]).tolist()]
    drawings = list(fit_drawing(step, results, stack, labels))
    sizes, against = _known_sizes(results), abscissae(results)[0]
    drawings.append(
        Drawing(
            f"carbon-{key}",
            tuple(_ratios(results, against, sizes)),
            "Bars: one standard uncertainty, what the choice of model and background is worth "
            "included. Open: flagged or told.",
        )
    )
    drawings.append(
        Drawing(
            f"positions-{key}",
            tuple(_positions(results, against)),
            "Bars: one standard uncertainty.",
        )
    )
    return Section(
        key=f"c-{key}",
        heading="Carbon" if step.lower() == "carbon" else f"Carbon ({step})",
        sentences=tuple(_sentences(results)),
        drawings=tuple(drawings),
        columns=(
            *("sample", *shown_labels(results)),
            *(f"I_D/I_G {by}" for by in _BY),
            *(f"L_a {name}" for name in sizes),
            *("bands", "remark"),
        ),
        rows=tuple(_rows(results, sizes)),
        note="L_a in nm. Flagged and told spectra come first; –: not determined, and not quoted. "
        "The CSV table holds positions, widths, heights and areas of all bands too.",
    )


def _sentences(results: Results) -> Iterator[str]:
    chosen = results["n_bands"]
    models = [int(m) for m in np.asarray(results.table.coords["model"]["bands"]).tolist()]
    counts = [f"{m} bands in {int((chosen == m).sum())}" for m in models if (chosen == m).any()]
    lost = int((results.status == Status.LOST).sum())
    tried = ", ".join(map(str, models[:-1])) + " and " * (len(models) > 1) + str(models[-1])
    yield (
        f"Models of {tried} bands were fitted with their background to {len(results)} spectra. Of "
        "those that the data determine the one of least BIC is told: "
        f"{', '.join(counts) or 'none'}"
        + (f"; in {lost} no model is determined, and nothing is quoted." if lost else ".")
    )
    better = int((results["ratio_area_models"] > 0).sum())
    if better:
        noun = "spectrum a model" if better == 1 else "spectra models"
        yield (
            f"In {better} {noun} of other bands would fit better, but the data do not determine "
            "them: how far their I_D/I_G lies off is part of the uncertainty."
        )
    yield noise_sentence(str(results.attrs["errors"]))
    laser = float(results.attrs["laser"])
    if _known_sizes(results):
        yield (
            f"L_a holds for the laser line of {laser:.5g} nm by the relation it is named after, "
            "whose own uncertainty is not part of it."
        )
    elif not np.isfinite(laser):
        yield "The laser line is not known: no crystallite size is told."
    elif not VISIBLE[0] <= laser <= VISIBLE[1]:
        yield (
            f"The relations hold for visible laser lines, not for {laser:.5g} nm: no crystallite "
            "size is told."
        )


def _known_sizes(results: Results) -> dict[str, str]:
    return {name: c for name, c in _SIZES.items() if np.isfinite(results[c]).any()}


def _ratios(results: Results, against: Abscissa, sizes: dict[str, str]) -> Iterator[Panel]:
    """Ratios and sizes over what was varied."""
    ratios = {f"by {name}": column for name, column in _BY.items()}
    yield _panel(results, against, ratios, "I_D/I_G", "D to G")
    if sizes:
        yield _panel(results, against, sizes, "L_a (nm)", "Crystallite size")


def _positions(results: Results, against: Abscissa) -> Iterator[Panel]:
    """Positions of D and G over what was varied."""
    for k, band in enumerate(("D", "G")):
        mark = _mark(results, against, "center", (slice(None), k), "", BLUE)
        yield Panel(against.label, f"position of {band} (cm⁻¹)", (mark,), f"{band} band")


def _panel(
    results: Results, against: Abscissa, columns: dict[str, str], label: str, title: str
) -> Panel:
    marks = tuple(
        _mark(results, against, column, (slice(None),), name, colour)
        for (name, column), colour in zip(columns.items(), (BLUE, RED), strict=False)
    )
    return Panel(against.label, label, marks, title)


def _mark(
    results: Results,
    against: Abscissa,
    column: str,
    which: tuple[slice | int, ...],
    name: str,
    colour: str,
) -> Mark:
    use = thin(len(results), MOST_POINTS)
    return Mark(
        "points",
        against.values[use],
        results[column][which][use],
        y_stderr=results[f"{column}_stderr"][which][use],
        name=name,
        colour=colour,
        hollow=doubted(results, use),
        texts=tuple(results.names[i] for i in use.tolist()),
    )


def _rows(results: Results, sizes: dict[str, str]) -> Iterator[tuple[str, ...]]:
    for i, first, remark in rows_told_first(results):
        told = [
            (results[c][i], results[f"{c}_stderr"][i]) for c in (*_BY.values(), *sizes.values())
        ]
        cells = [measured(float(v), float(e)) for v, e in told]
        number = int(results["n_bands"][i])
        yield (*first, *cells, str(number) if number > 0 else "–", remark)
