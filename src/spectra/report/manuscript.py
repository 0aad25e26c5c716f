"""Tables of a batch for a manuscript, as LaTeX that needs no package and fits its page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby

import spectra
from spectra.headlines import Headline
from spectra.report.grids import states
from spectra.report.labels import measured, quantity, with_unit
from spectra.report.latex import latex_text
from spectra.summary import Summary

# So many rows of a table fit on a page.
_MOST_ROWS = 40
# Letters up to here are in the fonts that LaTeX begins with.
_LAST_LATIN = "\u017f"
_END = (r"\hline", r"\end{tabular}", r"\end{table}", "")


def latex_page(summary: Summary) -> str:
    """A table of each sample, what is said of whole sequences, and what failed.

    Parameters
    ----------
    summary : Summary
    """
    lines = [f"% {' '.join(summary.sheet.title.split())}, spectra {spectra.__version__}", ""]
    for sample in summary.sheet.samples:
        lines += _tables(summary, sample.name)
    told = [(f"{v.sample}, {v.measurement}", v.sentence) for v in summary.verdicts]
    lines += _listed("Verdicts", told)
    failed = [(f"{f.sample}, {f.name}", f.reason) for f in summary.failures]
    lines += _listed("Measurements without results", failed)
    text = "\n".join(lines) + "\n"
    foreign = "".join(dict.fromkeys(c for c in text if c > _LAST_LATIN))
    if not foreign:
        return text
    return (
        f"% pdfLaTeX has no {foreign}: take XeLaTeX or LuaLaTeX, and a font that has them.\n" + text
    )


def _tables(summary: Summary, sample: str) -> Iterator[str]:
    """The quantities of a sample under what they were measured by; long tables are cut."""
    rows: list[str] = []
    measured_in = [h for h in summary.of(sample) if h.known.size]
    for title, group in groupby(measured_in, lambda h: _title(summary, h)):
        rows.append(rf"\multicolumn{{4}}{{l}}{{\emph{{{latex_text(title)}}}}} \\")
        rows += map(_row, group)
    for begin in range(0, len(rows), _MOST_ROWS):
        caption = latex_text(sample) + (", continued" if begin else "")
        yield from (r"\begin{table}[htbp]", rf"\caption{{{caption}}}", r"\small")
        yield r"\begin{tabular}{llll}"
        yield from (r"\hline", r"quantity & first & last & change \\", r"\hline")
        yield from rows[begin : begin + _MOST_ROWS]
        yield from _END


def _title(summary: Summary, h: Headline) -> str:
    """The measurement, its frames, where on the axis they stand, and what became of them."""
    title = f"{h.measurement}: {len(h.known)} of {len(h.values)} frames"
    low, high = (float(h.at[h.known[k]]) for k in (0, -1))
    if summary.axis and math.isfinite(low) and math.isfinite(high):
        places = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
        unit = with_unit("", summary.axis_unit).strip(" ()")
        title += f", {quantity(summary.axis)} {places} {unit}".rstrip()
    return title if set(h.status) == {"ok"} and not h.common else f"{title} ({states(h)})"


def _row(h: Headline) -> str:
    several = len(h.known) > 1
    last = measured(*h.last()) if several else ""
    change = measured(*h.change()) if several and not h.common else ""
    cells = (
        with_unit(h.quantity, h.unit),
        measured(*h.first()),
        last,
        "held" if h.held else change,
    )
    return " & ".join(map(latex_text, cells)) + r" \\"


def _listed(title: str, told: list[tuple[str, str]]) -> Iterator[str]:
    """Sentences, each behind what it is about."""
    if not told:
        return
    yield from (rf"\noindent {title}:", r"\begin{itemize}")
    yield from (rf"\item {latex_text(f'{about}: {said}')}" for about, said in told)
    yield from (r"\end{itemize}", "")
