"""What a report shows of photoemission: fits with their species, fractions, valences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spectra.notation import with_uncertainty
from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import slug, without_common_words
from spectra.report.plotdata import MOST_POINTS, SERIES
from spectra.report.section import Section
from spectra.report.select import Abscissa, abscissae, same_frames, thin
from spectra.report.stackedfits import (
    MOST_FITS,
    StackedFits,
    point_uncertainties,
    stacked_title,
)
from spectra.results import Record, Results
from spectra.stack import Stack
from spectra.status import Status
from spectra.xps.curves import evaluate

FloatArray = NDArray[np.float64]

_MOST_ROWS = 300


def photoelectron_sections(record: Record) -> Iterator[Section]:
    """Sections of the steps that separated a region into species."""
    for step, results in record.steps.items():
        if results.table.name == "region":
            yield region_section(step, results, same_frames(record, results))


def region_section(step: str, results: Results, stack: Stack | None) -> Section:
    """Stacked fits and residuals, fractions and valences along the sequence, a row a frame."""
    drawings = []
    if stack is not None and (panels := _fits(results, stack)):
        note = (
            "Each spectrum is scaled to its highest point and set above the one before; filled: "
            "species on the fitted background (dashed). Residuals are in standard uncertainties"
        )
        if results.attrs["errors"] == "residual":
            note += ", which are estimated from them"
        drawings.append(Drawing(f"fits-{slug(step)}", panels, f"{note}."))
    along = tuple(_along(results, abscissae(results)[0]))
    drawings.append(
        Drawing(
            f"fractions-{slug(step)}",
            along,
            "Bars: one standard uncertainty. Open: flagged or told.",
        )
    )
    shown = [a.label for a in _shown(results)]
    valence = [f"mean valence by {results.attrs['model']}"] * _has_valence(results)
    columns = ["sample", *shown, *valence, *_species(results)]
    return Section(
        key=f"x-{slug(step)}",
        heading="Species" if step.lower() == "region" else f"Species ({step})",
        sentences=tuple(_sentences(results)),
        drawings=tuple(drawings),
        columns=(*columns, "remark"),
        rows=tuple(_rows(results)),
        note="Fractions count within a level. Flagged and told frames come first; the CSV table "
        "holds all columns.",
    )


def _sentences(results: Results) -> Iterator[str]:
    attrs = results.attrs
    plain = attrs["region"]["background"]
    scattering, degree = plain["scattering"], plain["degree"]
    parts = [] if scattering == "none" else [scattering.replace("_", "–").title()]
    parts += [] if degree < 0 else [f"a polynomial of degree {degree}"]
    background = f"The background ({' on '.join(parts)}) is" if parts else "No background is"
    flagged = int((results.status != Status.OK).sum())
    yield (
        f"{int(np.isfinite(results['fraction']).all(axis=1).sum())} of {len(results)} spectra are "
        f"separated from {plain['low']:.4g} to {plain['high']:.4g} eV; "
        f"{flagged or 'none'} {'is' if flagged < 2 else 'are'} flagged. "
        f"{background} part of the fit, and of its uncertainties."
    )
    source = attrs["source"] or "not stated"
    yield f"Binding energies: {attrs['model']} ({source})."
    if _has_valence(results):
        yield f"Valences hold for the assignment of {attrs['model']}; others assign otherwise."
    if "area_endpoint" in results.columns:
        yield _ends_sentence(results)
    entangled = sum("told apart" in m for m in results.messages)
    if entangled:
        noun = "spectrum" if entangled == 1 else "spectra"
        yield (
            f"In {entangled} {noun} species are not, or hardly, told apart: their fractions are "
            "strongly correlated, and only their sum may be quoted."
        )


def _ends_sentence(results: Results) -> str:
    """How far fractions and valences move with the ends of the window."""
    told = results.attrs["endpoints"]
    parts = results["fraction_endpoint"]
    largest = float(np.nanmax(parts)) if np.isfinite(parts).any() else np.nan
    valences = results["valence_endpoint"]
    known = np.isfinite(valences).any()
    more = f", the mean valence by {float(np.nanmax(valences)):.2g}" if known else ""
    return (
        f"With either end of the window anywhere within {told['reach']:g} eV of its place "
        f"fractions are uncertain by {largest:.2g} at most{more}: the columns named endpoint hold "
        "that part, which is in no other uncertainty."
    )


def _fits(results: Results, stack: Stack) -> tuple[Panel, ...]:
    """Some frames over the sequence with their species, and their residuals."""
    good = np.flatnonzero(np.isfinite(results["parameter"]).all(axis=1))
    if good.size == 0:
        return ()
    chosen = good[thin(good.size, MOST_FITS)]
    curves = evaluate(stack.x, results[chosen])
    part = stack[chosen].load()
    y = np.asarray(part.signal, dtype=float)[:, curves.points]
    # Photoelectrons are counted, whatever their numbers were multiplied by.
    alike = np.sqrt(np.maximum(curves.total, 1e-3 * np.nanmax(y, axis=1, keepdims=True)))
    sigma = point_uncertainties(part, curves.points, curves.total, alike)
    fits = StackedFits(
        *(curves.x, y, curves.total, curves.background, sigma, curves.species, _species(results))
    )
    ends = float(curves.x[-1]), float(curves.x[0])
    return fits.panels("binding energy (eV)", stacked_title(results, chosen), ends)


def _along(results: Results, against: Abscissa) -> Iterator[Panel]:
    """Fractions of each level, and valences, over what was varied."""
    use = thin(len(results), MOST_POINTS)
    doubted = doubted_frames(results)[use]
    texts = tuple(results.names[i] for i in use.tolist())
    levels = [str(v) for v in results.table.coords["species"]["level"].tolist()]
    species = _species(results)
    for level in dict.fromkeys(levels):
        marks = tuple(
            Mark(
                "points",
                against.values[use],
                results["fraction"][use, k],
                y_stderr=results["fraction_stderr"][use, k],
                name=name,
                colour=SERIES[k % len(SERIES)],
                hollow=doubted,
                texts=texts,
            )
            for k, name in enumerate(species)
            if levels[k] == level
        )
        yield Panel(against.label, f"fraction of {level}", marks, level)
    if _has_valence(results):
        mark = Mark(
            "points",
            against.values[use],
            results["valence"][use],
            y_stderr=results["valence_stderr"][use],
            hollow=doubted,
            texts=texts,
        )
        yield Panel(against.label, "mean valence", (mark,), f"by {results.attrs['model']}")


def _species(results: Results) -> list[str]:
    return [str(v) for v in results.table.coords["species"]["label"].tolist()]


def _has_valence(results: Results) -> bool:
    return bool(np.isfinite(results["valence"]).any())


def _shown(results: Results) -> list[Abscissa]:
    return abscissae(results)[:-1][:2]


def _rows(results: Results) -> Iterator[tuple[str, ...]]:
    """One row for each spectrum, those that are flagged or told of first."""
    names, beside = without_common_words(results.names), _shown(results)
    for i in troubled_first(results):
        pairs = zip(results["fraction"][i], results["fraction_stderr"][i], strict=True)
        cells = [written(v, e) for v, e in pairs]
        if _has_valence(results):
            cells.insert(0, written(results["valence"][i], results["valence_stderr"][i]))
        yield (names[i], *(f"{a.values[i]:.4g}" for a in beside), *cells, remark_of(results, i))


def doubted_frames(results: Results) -> NDArray[np.bool_]:
    """Frames that are flagged or told of (frames,)."""
    said = np.array([bool(text) for text in results.messages], dtype=bool)
    return np.asarray((results.status != Status.OK) | said)


def troubled_first(results: Results) -> list[int]:
    """Frames as tables show them: the flagged, then those told of, then the rest."""
    rank = np.where(results.status != Status.OK, 0, np.where(doubted_frames(results), 1, 2))
    return [int(i) for i in np.argsort(rank, kind="stable")[:_MOST_ROWS]]


def remark_of(results: Results, frame: int) -> str:
    """Status and message of a frame."""
    label = Status(int(results.status[frame])).label
    return ": ".join(filter(None, ("" if label == "ok" else label, results.messages[frame])))


def written(value: float, error: float) -> str:
    """A value with its uncertainty, or that it has none."""
    if not np.isfinite(value):
        return "–"
    return with_uncertainty(float(value), float(error)) if np.isfinite(error) else "not determined"
