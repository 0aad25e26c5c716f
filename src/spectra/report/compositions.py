"""What a report shows of atomic percent: over the sequence, and a row for each sample."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import slug, without_common_words
from spectra.report.photoelectrons import (
    doubted_frames,
    remark_of,
    troubled_first,
    written,
)
from spectra.report.plotdata import MOST_POINTS, SERIES
from spectra.report.section import Section
from spectra.report.select import abscissae, thin
from spectra.results import Record, Results
from spectra.status import Status


def composition_sections(record: Record) -> Iterator[Section]:
    """Sections of the steps that computed atomic percent."""
    for step, results in record.steps.items():
        if results.table.name == "composition":
            yield composition_section(step, results)


def composition_section(step: str, results: Results) -> Section:
    """Atomic percent of elements and species along the sequence, a row a frame."""
    beside = abscissae(results)[:-1][:2]
    elements, species = _labels(results, "element"), _labels(results, "species")
    columns = [f"{name} (%)" for name in elements]
    if len(species) > len(elements):
        columns += [f"{name} (%)" for name in species]
    drawing = Drawing(
        f"composition-{slug(step)}",
        tuple(_along(results)),
        "Bars: one standard uncertainty, of counts alone. Open: flagged or told.",
    )
    return Section(
        key=f"c-{slug(step)}",
        heading="Composition" if step.lower() == "composition" else f"Composition ({step})",
        sentences=tuple(_sentences(results)),
        drawings=(drawing,),
        columns=("sample", *(a.label for a in beside), *columns, "remark"),
        rows=tuple(_rows(results, len(species) > len(elements))),
        note="Uncertainties are those of the counts. Flagged and told frames come first; the CSV "
        "table holds the other parts and the correlations.",
    )


def _sentences(results: Results) -> Iterator[str]:
    attrs = results.attrs
    known = np.isfinite(results["atomic_percent"]).all(axis=1)
    flagged = int((results.status != Status.OK).sum())
    yield (
        f"Atomic percent of {', '.join(_labels(results, 'element'))} in {int(known.sum())} of "
        f"{len(results)} samples, the sum being 100; {flagged or 'none'} "
        f"{'is' if flagged < 2 else 'are'} flagged. Species: {attrs['model']}."
    )
    factors = ", ".join(f"{level} {factor:.4g}" for level, factor in attrs["levels"].items())
    time = "" if attrs["count_time"] else " The time of counting is not known: taken as the same."
    yield (
        f"Sensitivity: {attrs['sensitivity']}: {factors} (with the asymmetry at "
        f"{attrs['angle']:.4g}° between source and analyser). Mean free path: {attrs['path']}. "
        f"Transmission: {attrs['transmission']}.{time}"
    )
    if known.any() and attrs["sensitivity_stderr"] > 0:
        yield (
            f"Factors uncertain by {100 * attrs['sensitivity_stderr']:.3g} % each mean "
            f"{_largest(results, 'factor_component')} % at most, the same way in all samples: it "
            "is in no bar and in no number in brackets."
        )
    if attrs["endpoints"] and known.any():
        yield (
            "Where the windows end means "
            f"{_largest(results, 'endpoint_component')} % at most, stated apart as well."
        )


def _largest(results: Results, name: str) -> str:
    values = results[name]
    return f"{float(np.nanmax(values)):.2g}" if np.isfinite(values).any() else "an unknown"


def _along(results: Results) -> Iterator[Panel]:
    """Percent of the elements, and of the species where there are several, over what varies."""
    against = abscissae(results)[0]
    use = thin(len(results), MOST_POINTS)
    doubted = doubted_frames(results)[use]
    texts = tuple(results.names[i] for i in use.tolist())
    panels = [("atomic_percent", "element", "elements")]
    if results.table.size("species") > results.table.size("element"):
        panels.append(("species_percent", "species", "species"))
    for column, dim, title in panels:
        marks = tuple(
            Mark(
                "points",
                against.values[use],
                results[column][use, k],
                y_stderr=results[f"{column}_stderr"][use, k],
                name=name,
                colour=SERIES[k % len(SERIES)],
                hollow=doubted,
                texts=texts,
            )
            for k, name in enumerate(_labels(results, dim))
        )
        yield Panel(against.label, "atomic percent", marks, title)


def _rows(results: Results, several: bool) -> Iterator[tuple[str, ...]]:
    names, beside = without_common_words(results.names), abscissae(results)[:-1][:2]
    columns = ["atomic_percent", *["species_percent"] * several]
    for i in troubled_first(results):
        cells = [
            written(v, e)
            for column in columns
            for v, e in zip(results[column][i], results[f"{column}_stderr"][i], strict=True)
        ]
        places = (f"{a.values[i]:.4g}" for a in beside)
        yield (names[i], *places, *cells, remark_of(results, i))


def _labels(results: Results, dim: str) -> list[str]:
    return [str(v) for v in results.table.coords[dim]["label"].tolist()]
