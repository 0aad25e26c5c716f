"""What a report shows of evidence: what each species buys, and whether a line is missing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spectra.fit.residuals import STRONG_EVIDENCE
from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import slug, without_common_words
from spectra.report.photoelectrons import remark_of, troubled_first, written
from spectra.report.plotdata import MOST_POINTS, SERIES
from spectra.report.section import Section
from spectra.report.select import abscissae, thin
from spectra.results import Record, Results
from spectra.status import Status

_LIMIT = "#888888"


def evidence_sections(record: Record) -> Iterator[Section]:
    """Sections of the steps that weighed models against those with a component less or more."""
    for step, results in record.steps.items():
        if results.table.name == "evidence":
            yield evidence_section(step, results)


def evidence_section(step: str, results: Results) -> Section:
    """ΔBIC of each species and of one more line along the sequence, a row a frame."""
    beside = abscissae(results)[:-1][:2]
    drawing = Drawing(
        f"evidence-{slug(step)}",
        tuple(_along(results)),
        f"Dashed: ΔBIC of 0 and of {STRONG_EVIDENCE:g} in favour, from which on evidence is "
        "strong. Open: flagged.",
    )
    less = (f"ΔBIC without {name}" for name in _species(results))
    more = ("ΔBIC of one more line", "at (eV)", "its area (counts eV)")
    return Section(
        key=f"e-{slug(step)}",
        heading="Evidence" if step.lower() == "evidence" else f"Evidence ({step})",
        sentences=tuple(_sentences(results)),
        drawings=(drawing,),
        columns=("sample", *(a.label for a in beside), *less, *more, "Abbe", "remark"),
        rows=tuple(_rows(results)),
        note="Dashes: not asked, for want of a fit or because the residual is noise. Flagged "
        "frames come first; the CSV table holds the other columns.",
    )


def _sentences(results: Results) -> Iterator[str]:
    fitted = np.isfinite(results["bic"])
    flagged = int((results.status != Status.OK).sum())
    yield (
        f"{results.attrs['model']} is weighed in {int(fitted.sum())} of {len(results)} spectra "
        f"against models with one component less or more; {flagged or 'none'} "
        f"{'is' if flagged < 2 else 'are'} flagged. ΔBIC is that of the other model less its own: "
        f"above 0 speaks for {results.attrs['model']}, above {STRONG_EVIDENCE:g} strongly."
    )
    for k, name in enumerate(_species(results)):
        delta = results["delta_bic_without"][:, k]
        known = delta[np.isfinite(delta)]
        if not known.size:
            yield f"What {name} buys is not known: nothing is left without it, or no fit succeeded."
            continue
        strong, none = int((known >= STRONG_EVIDENCE).sum()), int((known < 0).sum())
        yield (
            f"{name}: strong evidence in {strong} of {known.size} spectra, not needed in {none}; "
            f"ΔBIC of all together {float(known.sum()):+.0f}."
        )
    asked = results["delta_bic_one_more"]
    wanted = int((asked < -STRONG_EVIDENCE).sum())
    yield (
        f"One more line was tried where the residual is not noise, in "
        f"{int(np.isfinite(asked).sum())} spectra, and is strongly preferred in {wanted}."
    )


def _along(results: Results) -> Iterator[Panel]:
    """ΔBIC over what was varied: of every species on a scale of its own, and of one more line."""
    against = abscissae(results)[0]
    use = thin(len(results), MOST_POINTS)
    x = against.values[use]
    flagged = (results.status != Status.OK)[use]
    texts = tuple(results.names[i] for i in use.tolist())
    without = results["delta_bic_without"]
    shown = [(f"without {name}", without[:, k], 1) for k, name in enumerate(_species(results))]
    shown.append(("with one more line", results["delta_bic_one_more"], -1))
    for k, (title, delta, side) in enumerate(shown):
        if not np.isfinite(delta).any():
            continue
        colour = SERIES[k % len(SERIES)]
        points = Mark("points", x, delta[use], colour=colour, hollow=flagged, texts=texts)
        ends = np.array([np.nanmin(x), np.nanmax(x)]) if np.isfinite(x).any() else np.zeros(2)
        limits = (
            Mark("line", ends, np.full(2, level), colour=_LIMIT, dash="dash")
            for level in (0.0, side * STRONG_EVIDENCE)
        )
        yield Panel(against.label, "ΔBIC", (*limits, points), title)


def _rows(results: Results) -> Iterator[tuple[str, ...]]:
    names, beside = without_common_words(results.names), abscissae(results)[:-1][:2]
    for i in troubled_first(results):
        deltas = (*results["delta_bic_without"][i], results["delta_bic_one_more"][i])
        lines = (
            written(float(results[name][i]), float(results[f"{name}_stderr"][i]))
            for name in ("one_more_position", "one_more_area")
        )
        abbe = results["abbe"][i]
        yield (
            names[i],
            *(f"{a.values[i]:.4g}" for a in beside),
            *(f"{d:+.0f}" if np.isfinite(d) else "–" for d in deltas),
            *lines,
            f"{abbe:.2f}" if np.isfinite(abbe) else "–",
            _remark(results, i),
        )


def _remark(results: Results, frame: int) -> str:
    """Status and message of a frame, less what stands in the other columns."""
    parts = remark_of(results, frame).split("; ")
    return "; ".join(part for part in parts if "delta BIC" not in part)


def _species(results: Results) -> list[str]:
    return [str(v) for v in results.table.coords["species"]["label"].tolist()]
