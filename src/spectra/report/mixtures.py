"""What a report shows of mixtures: shares along the sequence, spectra, numbers of components."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import slug, without_common_words
from spectra.report.plotdata import SERIES
from spectra.report.section import Section
from spectra.report.select import Abscissa, abscissae, thin
from spectra.results import Results
from spectra.status import Status

FloatArray = NDArray[np.float64]

_MOST_POINTS = 1500
# More curves than these are not told apart.
_MOST_SHOWN = 7
_SHARES = {"combination": "weight", "components": "score", "resolution": "concentration"}
_HEADINGS = {
    "combination": "Linear combination",
    "components": "Principal components",
    "resolution": "Resolved components",
}


def mixture_section(step: str, results: Results) -> Section:
    """Shares along the sequence, and what the step found out about its components."""
    kind = results.table.name
    count = results.table.size(results.table.column(_SHARES[kind]).dims[0])
    note = "Open symbols are flagged."
    if count > _MOST_SHOWN:
        note += f" The first {_MOST_SHOWN} of {count} are shown."
    panels = [shares_panel(results, abscissae(results)[0])]
    if "spectra" in results.attrs:
        panels.append(_spectra(results))
    if "indicators" in results.attrs:
        panels.append(_eigenvalues(results))
    return Section(
        key=f"m-{slug(step)}",
        heading=f"{_HEADINGS[kind]} ({step})",
        sentences=tuple(_sentences(results)),
        drawings=(Drawing(f"{kind}-{slug(step)}", tuple(panels), note),),
    )


def _labels(results: Results) -> list[str]:
    column = results.table.column(_SHARES[results.table.name])
    labels = next(iter(results.table.coords[column.dims[0]].values()))
    return without_common_words([str(v) for v in labels])[:_MOST_SHOWN]


def shares_panel(results: Results, against: Abscissa) -> Panel:
    """Shares of the components or standards along a variable."""
    name = _SHARES[results.table.name]
    use = thin(len(results), _MOST_POINTS)
    marks = tuple(
        Mark(
            "points",
            against.values[use],
            results[name][use, k],
            y_stderr=results[f"{name}_stderr"][use, k],
            name=label,
            colour=SERIES[k % len(SERIES)],
            hollow=results.status[use] != Status.OK,
            texts=tuple(results.names[i] for i in use.tolist()),
        )
        for k, label in enumerate(_labels(results))
    )
    return Panel(against.label, name, marks)


def _spectra(results: Results) -> Panel:
    energy = np.asarray(results.attrs["energy"])
    marks = tuple(
        Mark("line", energy, np.asarray(y), name=label, colour=SERIES[k % len(SERIES)])
        for k, (label, y) in enumerate(
            zip(_labels(results), results.attrs["spectra"], strict=False)
        )
    )
    label = "abstract spectrum" if results.table.name == "components" else "normalised μ"
    return Panel("energy (eV)", label, marks, "Spectra of the components")


def _eigenvalues(results: Results) -> Panel:
    found = np.asarray(results.attrs["indicators"]["eigenvalue"], dtype=float)
    number = np.arange(1.0, len(found) + 1)
    positive = np.log10(np.where(found > 0, found, np.nan))
    mark = Mark("points", number, positive)
    return Panel("component", "log10 of the eigenvalue", (mark,), "Eigenvalues")


def _sentences(results: Results) -> Iterator[str]:
    attrs = results.attrs
    if "window" in attrs:
        low, high = attrs["window"]
        yield (
            f"Standards: {', '.join(without_common_words(attrs['standards']))}; fitted from "
            f"{low:g} to {high:g} eV, {attrs['points']} points."
        )
    if "suggestions" in attrs:
        told = ", ".join(f"{k}: {v}" for k, v in attrs["suggestions"].items())
        yield f"Criteria suggest these numbers of components: {told}."
    if "lack_of_fit" in attrs:
        yield (
            f"Lack of fit {attrs['lack_of_fit']:.3g} %; as many principal components leave "
            f"{attrs['lack_of_fit_pca']:.3g} %."
        )
        yield (
            "Other mixtures of the components may describe the spectra as well: the bars hold "
            "noise, not this freedom."
        )
