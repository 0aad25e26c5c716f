"""What a report shows of soft edges: the yields side by side, in a drawing and in a table."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spectra.notation import with_uncertainty
from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import slug, without_common_words
from spectra.report.plotdata import SERIES
from spectra.report.section import Section
from spectra.report.select import abscissae, thin
from spectra.results import Results
from spectra.stack import Stack
from spectra.status import Status

FloatArray = NDArray[np.float64]

_MOST_ROWS = 200
_MOST_CURVES = len(SERIES)
_FEWEST = 3
_SIGNAL = "signal"


def soft_section(step: str, results: Results, stack: Stack | None) -> Section:
    """Spectra of every channel, branching ratios along the sequence, and a row for each."""
    channels = _channels(results)
    panels = []
    if stack is not None:
        panels.append(_spectra(results, stack, channels))
    along = _along(results, channels)
    if along is not None:
        panels.append(along)
    peaks = [str(p) for p in results.table.coords["peak"]["label"].tolist()]
    several = len(channels) > 1
    columns = ["sample", *["channel"] * several, *(f"{p} (eV)" for p in peaks)]
    columns += [f"centroid {p} (eV)" for p in peaks]
    columns += ["branching ratio"] * ("branching" in results.columns)
    sentence = (
        "Channels of one scan stand side by side: electron yield sees some nanometres, "
        "fluorescence some hundred. Fluorescence is flattened by self-absorption: its branching "
        "ratio compares with fluorescence only."
    )
    drawings = (Drawing(f"soft-{slug(step)}", tuple(panels)),) if panels else ()
    return Section(
        key=f"s-{slug(step)}",
        heading=f"Soft edge ({step})",
        sentences=(sentence,) if several else (),
        drawings=drawings,
        columns=tuple(columns),
        rows=tuple(_rows(results, channels)),
        note="Flagged spectra come first.",
    )


def _channels(results: Results) -> list[str]:
    if "channel" not in results.table.coords:
        return [_SIGNAL]
    return [str(c) for c in results.table.coords["channel"]["label"].tolist()]


def _of(results: Results, name: str, channel: int) -> FloatArray:
    values: FloatArray = results[name]
    return values[:, channel] if "channel" in results.table.coords else values


def _spectra(results: Results, stack: Stack, channels: list[str]) -> Panel:
    """Some spectra, each from its lowest to its highest value."""
    good = np.flatnonzero(results.status != Status.BAD_INPUT)
    chosen = good[thin(good.size, max(_MOST_CURVES // len(channels), 1))]
    part = stack[chosen].load()
    marks: list[Mark] = []
    for i, name in enumerate(without_common_words(part.names)):
        for channel in channels:
            y = np.asarray(part.signal if channel == _SIGNAL else part.channel(channel))[i]
            low, high = np.nanmin(y), np.nanmax(y)
            colour = SERIES[len(marks) % len(SERIES)]
            label = name if len(channels) == 1 else f"{name} {channel}"
            scaled = (y - low) / (high - low if high > low else 1.0)
            marks.append(Mark("line", part.x, scaled, name=label, colour=colour))
    return Panel("energy (eV)", "scaled from 0 to 1", tuple(marks), "Spectra")


def _along(results: Results, channels: list[str]) -> Panel | None:
    against = abscissae(results)[0]
    if "branching" not in results.columns or len(results) < _FEWEST:
        return None
    marks = tuple(
        Mark(
            "points",
            against.values,
            _of(results, "branching", k),
            y_stderr=_of(results, "branching_stderr", k),
            name=channel if len(channels) > 1 else "",
            colour=SERIES[k % len(SERIES)],
            hollow=results.status != Status.OK,
            texts=results.names,
        )
        for k, channel in enumerate(channels)
    )
    return Panel(against.label, "branching ratio", marks, "Along the sequence")


def _rows(results: Results, channels: list[str]) -> Iterator[tuple[str, ...]]:
    names = without_common_words(results.names)
    order = np.argsort(results.status == Status.OK, kind="stable")[:_MOST_ROWS]
    for i in order.tolist():
        for k, channel in enumerate(channels):
            cells = []
            for name in ("position", "centroid", "branching"):
                if name not in results.columns:
                    continue
                value = np.atleast_1d(_of(results, name, k)[i])
                error = np.atleast_1d(_of(results, f"{name}_stderr", k)[i])
                cells += [_written(v, e) for v, e in zip(value, error, strict=True)]
            yield (names[i], *[channel] * (len(channels) > 1), *cells)


def _written(value: float, error: float) -> str:
    return with_uncertainty(float(value), float(error)) if np.isfinite(value) else "–"
