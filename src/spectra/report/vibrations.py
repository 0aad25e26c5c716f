"""What a report shows of Raman bands: fits, positions, widths and areas along the sequence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from spectra.raman.bands import BandStatus
from spectra.raman.curves import evaluate
from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import measured, slug, unit_symbol, without_common_words
from spectra.report.plotdata import GREY, MOST_POINTS, SERIES
from spectra.report.section import Section
from spectra.report.select import Abscissa, abscissae, thin
from spectra.report.stackedfits import (
    MOST_FITS,
    StackedFits,
    point_uncertainties,
    stacked_title,
)
from spectra.results import Results
from spectra.stack import Stack
from spectra.status import Status

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MOST_ROWS = 300
# As many as have a colour of their own.
_MOST_BANDS = len(SERIES)
SHIFT = "Raman shift (cm⁻¹)"


def band_sections(step: str, results: Results, stack: Stack | None) -> Iterator[Section]:
    """Fits and what becomes of each band; then the positions spectrum by spectrum."""
    key, name = slug(step), "" if step.lower() == "bands" else f" ({step})"
    names, drawn = _band_names(results), _drawn(results)
    colours = [SERIES[drawn.index(k)] if k in drawn else GREY for k in range(len(names))]
    drawings = list(fit_drawing(step, results, stack, names, colours))
    drawings.append(
        Drawing(
            f"bands-{key}",
            tuple(_along(results, abscissae(results)[0])),
            "Bars: one standard uncertainty. Open: flagged, or at a bound.",
        )
    )
    yield Section(
        key=f"v-{key}",
        heading=f"Raman bands{name}",
        sentences=tuple(_sentences(results)),
        drawings=tuple(drawings),
        columns=("band", "seen in", *(f"{n} ({_unit(n)})" for n in _TOLD), "assignment"),
        rows=tuple(_band_rows(results)),
        note="Where a band is seen in several spectra its median stands here, with the median of "
        "its uncertainties.",
    )
    yield Section(
        key=f"w-{key}",
        heading=f"Positions of the bands{name}",
        columns=("sample", *shown_labels(results), *(names[k] for k in drawn), "remark"),
        rows=tuple(_rows(results, drawn)),
        note="In cm⁻¹. Flagged and told spectra come first; –: the band is not there. The CSV "
        "table holds widths, heights and areas too.",
    )


_TOLD = {"position": "center", "FWHM": "fwhm", "area": "area"}


def _unit(name: str) -> str:
    return {"area": "counts cm⁻¹"}.get(name, unit_symbol("1/cm"))


def _band_names(results: Results) -> list[str]:
    """Bands are called by where they stand."""
    centers = results["center"]
    starts = np.asarray(results.table.coords["band"]["start"], dtype=float)
    known = np.isfinite(centers).any(axis=0)
    at = [np.nanmedian(centers[:, k]) if known[k] else starts[k] for k in range(len(starts))]
    return [f"{v:.0f}" for v in at]


def _drawn(results: Results) -> list[int]:
    """Bands that are seen most often, in their order; of those alike the stronger ones."""
    seen = np.isfinite(results["center"]).sum(axis=0)
    strong = np.array([np.nanmax(c, initial=0.0) for c in results["significance"].T])
    order = np.lexsort((-strong, -seen))[:_MOST_BANDS]
    return sorted(order.tolist())


def _sentences(results: Results) -> Iterator[str]:
    attrs = results.attrs
    flagged = int((results.status != Status.OK).sum())
    plain = attrs["model"]
    below = "no background" if plain["degree"] < 0 else f"a polynomial of degree {plain['degree']}"
    profiles = sorted({str(p).replace("_", " ") for p in attrs["profile"]})
    yield (
        f"{len(_band_names(results))} bands ({', '.join(profiles)}) on {below} are fitted together "
        f"from {plain['low']:.4g} to {plain['high']:.4g} cm⁻¹ to {len(results)} spectra; "
        f"{flagged or 'none'} {'is' if flagged < 2 else 'are'} flagged. The background's "
        "uncertainty is part of the areas'."
    )
    yield noise_sentence(str(attrs["errors"]))
    for name, source in attrs["assignments"].items():
        yield f"Assigned by {name}: {source}."


def noise_sentence(errors: str) -> str:
    """Where the uncertainties come from."""
    known = {
        "counts": "Uncertainties come from counting statistics",
        "given": "Uncertainties come from those that were given with the spectra",
        "residual": "The noise is not known: uncertainties come from the residuals",
    }[errors]
    return f"{known}, and are widened where residuals of neighbouring points hang together."


def fit_drawing(
    step: str,
    results: Results,
    stack: Stack | None,
    names: Sequence[str],
    colours: Sequence[str] = (),
) -> Iterator[Drawing]:
    """Some spectra over the sequence with their bands, and their residuals, if there are any."""
    good = np.flatnonzero(np.isfinite(results["parameter"]).any(axis=1))
    if stack is None or good.size == 0:
        return
    chosen = good[thin(good.size, MOST_FITS)]
    curves = evaluate(stack.x, results[chosen])
    part = stack[chosen].load()
    y = np.asarray(part.signal, dtype=float)[:, curves.inside]
    sigma = point_uncertainties(part, curves.inside, curves.total, np.ones_like(y))
    fits = StackedFits(
        *(curves.x, y, curves.total, curves.background, sigma, curves.bands, names, colours)
    )
    ends = float(curves.x[0]), float(curves.x[-1])
    note = (
        "Each spectrum is scaled to its highest point and set above the one before; filled: bands "
        "on the fitted background (dashed). Residuals are in standard uncertainties"
    )
    if results.attrs["errors"] == "residual":
        note += ", which are estimated from them"
    panels = fits.panels(SHIFT, stacked_title(results, chosen), ends)
    yield Drawing(f"fits-{slug(step)}", panels, f"{note}.")


def doubted(results: Results, use: IntArray) -> NDArray[np.bool_]:
    """Which of some frames are flagged or told of."""
    told = np.array([bool(results.messages[i]) for i in use.tolist()], dtype=bool)
    return np.asarray((results.status[use] != Status.OK) | told)


def _along(results: Results, against: Abscissa) -> Iterator[Panel]:
    """Shift of the positions from their median, widths, and areas over what was varied."""
    names, drawn = _band_names(results), _drawn(results)
    centers = results["center"]
    medians = [np.nanmedian(c) if np.isfinite(c).any() else np.nan for c in centers.T]
    panels = (
        ("center", centers - np.array(medians), "position − median (cm⁻¹)", "Positions"),
        ("fwhm", results["fwhm"], "FWHM (cm⁻¹)", "Widths"),
        ("area", results["area"], "area (counts cm⁻¹)", "Areas"),
    )
    use = thin(len(results), MOST_POINTS)
    texts = tuple(results.names[i] for i in use.tolist())
    held = results["band_status"] == BandStatus.AT_BOUND
    for column, values, label, title in panels:
        marks = tuple(
            Mark(
                "points",
                against.values[use],
                values[use, k],
                y_stderr=results[f"{column}_stderr"][use, k],
                name=names[k],
                colour=SERIES[i % len(SERIES)],
                hollow=(results.status[use] != Status.OK) | held[use, k],
                texts=texts,
            )
            for i, k in enumerate(drawn)
        )
        yield Panel(against.label, label, marks, title)


def _band_rows(results: Results) -> Iterator[tuple[str, ...]]:
    """One row for each band: where it is seen, its medians, and what it is assigned to."""
    texts = np.asarray(results.table.coords["band"]["assignment"]).tolist()
    for k, name in enumerate(_band_names(results)):
        there = np.isfinite(results["center"][:, k])
        cells = [_median(results, column, k, there) for column in _TOLD.values()]
        yield (name, f"{int(there.sum())} of {len(results)}", *cells, str(texts[k]) or "–")


def _median(results: Results, column: str, k: int, there: NDArray[np.bool_]) -> str:
    if not there.any():
        return "–"
    error = results[f"{column}_stderr"][there, k]
    known = error[np.isfinite(error)]
    middle = float(np.median(results[column][there, k]))
    return measured(middle, float(np.median(known)) if known.size else np.nan)


def shown_labels(results: Results) -> list[str]:
    """What was varied, as it heads a column."""
    return [a.label for a in _shown(results)]


def _shown(results: Results) -> list[Abscissa]:
    return abscissae(results)[:-1][:2]


def rows_told_first(results: Results) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """Frames, those that are flagged or told of first: number, first cells, remark."""
    names, beside = without_common_words(results.names), _shown(results)
    told = np.array([bool(m) for m in results.messages], dtype=bool)
    rank = np.where(results.status != Status.OK, 0, np.where(told, 1, 2))
    for i in np.argsort(rank, kind="stable")[:_MOST_ROWS].tolist():
        label = Status(int(results.status[i])).label
        remark = ": ".join(filter(None, ("" if label == "ok" else label, results.messages[i])))
        yield i, (names[i], *(f"{a.values[i]:.4g}" for a in beside)), remark


def _rows(results: Results, drawn: list[int]) -> Iterator[tuple[str, ...]]:
    for i, first, remark in rows_told_first(results):
        pairs = zip(results["center"][i, drawn], results["center_stderr"][i, drawn], strict=True)
        yield (*first, *(measured(float(v), float(e)) for v, e in pairs), remark)
