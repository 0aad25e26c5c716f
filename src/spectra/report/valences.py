"""What a report shows of valences: the calibration, and each sample against it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spectra.notation import with_uncertainty
from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import quantity, slug, with_unit, without_common_words
from spectra.report.plotdata import BLUE, GREY, RED
from spectra.report.section import Section
from spectra.report.select import abscissae
from spectra.results import Results
from spectra.status import Status
from spectra.xas.calibration import CURVES, Calibration, Standard

FloatArray = NDArray[np.float64]

_CURVE_POINTS = 200
_MOST_ROWS = 300
_TWO = 1.96
_WORDS = {
    "line": "a straight line with the errors of both coordinates weighed",
    "monotone": "a smooth monotone curve through all standards",
    "segments": "straight pieces from standard to standard",
}


def valence_section(step: str, results: Results) -> Section:
    """Calibration, valences along the sequence, and a row for each sample."""
    calibration = _calibration(results)
    known = int(np.isfinite(results["valence"]).sum())
    flagged = int((results.status != Status.OK).sum())
    sentences = [
        f"{known} of {len(results)} spectra have a valence, read off "
        f"{_WORDS[results.attrs['curve']]}; {flagged or 'none'} "
        f"{'is' if flagged < 2 else 'are'} flagged."
    ]
    if calibration.dof > 0:
        freedom = "degree" if calibration.dof == 1 else "degrees"
        sentences.append(
            f"The standards scatter about it with χ² = {calibration.chi2:.3g} for "
            f"{calibration.dof} {freedom} of freedom."
        )
    sentences.append(
        "The bracketed uncertainty holds the noise of the spectrum, the uncertainty of the "
        f"standards, and a scatter of {results.attrs['scatter']:g} by which compounds of one "
        "valence differ. The standards' part is common to all samples of this page."
    )
    if results.attrs.get("set"):
        sentences.append(
            f"The standards are the set {results.attrs['set']!r} of reference_patterns/xanes: they "
            "compare only with spectra that were measured and evaluated alike."
        )
    return Section(
        key=f"v-{slug(step)}",
        heading="Valence" if step.lower() == "valence" else f"Valence ({step})",
        sentences=tuple(sentences),
        drawings=(_calibration_drawing(step, results, calibration),),
        columns=("sample", *_shown_variables(results), "valence", "95 % interval", "remark"),
        rows=tuple(_rows(results)),
        note="Flagged spectra come first; the CSV table holds all columns.",
    )


def _calibration(results: Results) -> Calibration:
    standards = [Standard(**s) for s in results.attrs["standards"]]
    return CURVES[results.attrs["curve"]](standards)


def _calibration_drawing(step: str, results: Results, calibration: Calibration) -> Drawing:
    name = str(results.attrs["indicator"])
    value, valence = results[name], results["valence"]
    everything = np.concatenate([calibration.value, value[np.isfinite(valence)]])
    low, high = float(everything.min()), float(everything.max())
    margin = 0.05 * (high - low)
    grid = np.linspace(low - margin, high + margin, _CURVE_POINTS)
    read = calibration.read(grid, np.zeros_like(grid))
    inside = np.isfinite(read.valence)
    reach = _TWO * np.hypot(read.common, float(results.attrs["scatter"]))
    curve, grid, reach = read.valence[inside], grid[inside], reach[inside]
    label = with_unit(quantity(name), str(results.attrs["indicator_unit"]))
    samples = Mark(
        "points",
        value,
        valence,
        x_stderr=results[f"{name}_stderr"],
        name="samples",
        colour=BLUE,
        hollow=results.status != Status.OK,
        texts=results.names,
    )
    standards = Mark(
        "points",
        calibration.value,
        calibration.valence,
        x_stderr=calibration.stderr,
        y_stderr=calibration.valence_stderr,
        name="standards",
        colour=RED,
        texts=tuple(s.name for s in calibration.standards),
        labelled=True,
    )
    marks = (
        Mark("band", grid, curve - reach, curve + reach, name="95 %", colour=GREY),
        Mark("line", grid, curve, colour=GREY),
        samples,
        standards,
    )
    panels = [Panel(label, "valence", marks, "Calibration")]
    against = abscissae(results)[0]
    if against.name != "frame":
        series = Mark(
            "points",
            against.values,
            valence,
            y_stderr=results["own_stderr"],
            hollow=results.status != Status.OK,
            texts=results.names,
        )
        panels.append(Panel(against.label, "valence", (series,), "Along the sequence"))
    note = "Open symbols are flagged. "
    if against.name != "frame":
        note += "Bars along the sequence are the part of each spectrum alone."
    return Drawing(f"calibration-{slug(step)}", tuple(panels), note.strip())


def _shown_variables(results: Results) -> tuple[str, ...]:
    return tuple(a.label for a in abscissae(results)[:-1][:2])


def _rows(results: Results) -> Iterator[tuple[str, ...]]:
    """One row for each spectrum, those that are flagged first."""
    beside = abscissae(results)[:-1][:2]
    names = without_common_words(results.names)
    order = np.argsort(results.status == Status.OK, kind="stable")[:_MOST_ROWS]
    for i in order.tolist():
        value, error = float(results["valence"][i]), float(results["valence_stderr"][i])
        known = np.isfinite(value)
        low, high = results["valence_low"][i], results["valence_high"][i]
        label = Status(int(results.status[i])).label
        remark = ": ".join(filter(None, ("" if label == "ok" else label, results.messages[i])))
        yield (
            names[i],
            *(f"{a.values[i]:.4g}" for a in beside),
            with_uncertainty(value, error) if known else "–",
            f"{low:.2f} to {high:.2f}" if known else "–",
            remark,
        )
