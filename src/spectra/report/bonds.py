"""What a report shows of fitted shells: numbers, distances and disorder along the sequence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spectra.report.bondfigures import along_drawing
from spectra.report.bondfits import fit_section
from spectra.report.labels import frame_names, measured, slug
from spectra.report.section import Section
from spectra.report.select import abscissae, names_of, thin
from spectra.report.tables import csv_text
from spectra.results import Record, Results
from spectra.status import Status
from spectra.xas.shells.bonds import bond_table

IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]

_MOST_FLAGGED, _MOST_ROWS = 30, 24
_WORDS = {"r": "R space", "k": "k space", "q": "q space", "wavelet": "wavelet space"}
_INDEPENDENT = {
    "nyquist": "2ΔkΔR/π",
    "larch": "2ΔkΔR/π + 1, as Larch and IFEFFIT count",
    "stern": "2ΔkΔR/π + 2, as Stern counts",
}
# What is written of each bond: column, heading, factor.
_SHOWN = (("n", "N", 1.0), ("r", "R (Å)", 1.0), ("sigma2", "σ² (10⁻³ Å²)", 1e3))


def shell_sections(step: str, record: Record, results: Results) -> Iterator[Section]:
    """Bonds along the sequence, their changes from the first frame, and fits of chosen frames."""
    name = "" if step == "shells" else f" ({step})"
    good = np.flatnonzero(results.ok())
    if good.size == 0:
        yield Section(f"b-{slug(step)}", f"Bonds{name}", (_unfitted(results),))
        return
    bonds = bond_table(results, reference=int(good[0]), errors="scaled")
    along = along_drawing(f"bonds-{slug(step)}", results)
    yield Section(
        key=f"b-{slug(step)}",
        heading=f"Bonds{name}",
        sentences=tuple(_sentences(results, good)),
        drawings=() if along is None else (along,),
        columns=("frame", *_variables(results), "shell", *(h for _, h, _ in _SHOWN), "remark"),
        rows=tuple(_rows(results, bonds)),
        note=_table_note(results),
        download=(f"{slug(step)}_bonds.csv", csv_text(bonds)),
    )
    if good.size > 1:
        yield _changes(step, name, results, bonds, good)
    fits = fit_section(step, name, record, results, good)
    if fits is not None:
        yield fits


def _unfitted(results: Results) -> str:
    why = next((m for m in results.messages if m), "no reason is told")
    return f"None of the {len(results)} frames has fitted shells. The first: {why}."


def _sentences(results: Results, good: IntArray) -> Iterator[str]:
    attrs = results.attrs
    k, r = attrs["k_range"], attrs["r_range"]
    weights = ", ".join(f"{w:g}" for w in attrs["k_weight"])
    factor = results["r_factor"][good]
    yield (
        f"{good.size} of {len(results)} frames are fitted in {_WORDS[attrs['space']]}, k from "
        f"{k[0]:g} to {k[1]:g} Å⁻¹, R from {r[0]:g} to {r[1]:g} Å, k-weight {weights}; R-factor "
        f"{_span(factor, '.4f')}."
    )
    freedom = _INDEPENDENT[attrs["n_idp_definition"]]
    yield (
        f"{float(np.median(results['n_varied'][good])):.3g} parameters vary in each frame with "
        f"{attrs['n_idp']:.1f} independent points ({freedom})."
    )
    yield _errors(results, good)
    yield (
        f"Distances closer than π/2Δk = {np.pi / (2.0 * (k[1] - k[0])):.2f} Å are not told apart "
        "without knowing more of them."
    )
    yield from (f"{w[:1].upper()}{w[1:]}." for w in attrs.get("warnings", []))


def _errors(results: Results, good: IntArray) -> str:
    """Which uncertainties are quoted, and how much larger they are than noise makes them."""
    chi2 = results["reduced_chi_square"][good]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = results["r_stderr"][good] / results["r_stderr_unscaled"][good]
    ratio = ratio[np.isfinite(ratio)]
    told = f"Reduced χ² is {_span(chi2, '.3g')} for a noise of χ(k) of "
    told += f"{float(np.median(results['noise'][good])):.2g}"
    if ratio.size == 0:
        return f"{told}."
    return (
        f"{told}: uncertainties hold this misfit, as the field quotes them, and those of "
        f"distances are {float(np.median(ratio)):.3g} times what noise alone makes."
    )


def _span(values: FloatArray, form: str) -> str:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if format(low, form) == format(high, form):
        return format(low, form)
    return f"{low:{form}} to {high:{form}}"


def _variables(results: Results) -> tuple[str, ...]:
    return tuple(a.label for a in abscissae(results)[:-1][:2])


def _rows(results: Results, bonds: Results) -> Iterator[tuple[str, ...]]:
    """One row for each shell of a frame: those that are flagged first, then some of the rest."""
    flagged = np.flatnonzero(results.status != Status.OK)[:_MOST_FLAGGED]
    fine = np.flatnonzero(results.status == Status.OK)
    fine = fine[thin(fine.size, _MOST_ROWS)]
    labels = [str(v) for v in results.table.coords["path"]["label"]]
    beside, names = abscissae(results)[:-1][:2], frame_names(results.names)
    for i in [*flagged.tolist(), *fine.tolist()]:
        status = Status(int(results.status[i])).label
        # Messages name their frame, which has its own place here.
        message = results.messages[i].replace(f"{results.names[i]}: ", "")
        remark = ": ".join(filter(None, ("" if status == "ok" else status, message)))
        known = [p for p in range(len(labels)) if np.isfinite(bonds["r"][i, p])]
        for row, p in enumerate(known or [0]):
            first = row == 0
            yield (
                names[i] if first else "",
                *(f"{a.values[i]:.4g}" if first else "" for a in beside),
                labels[p] if known else "–",
                *(_cell(bonds, name, i, p, factor) for name, _, factor in _SHOWN),
                remark if first else "",
            )


def _cell(bonds: Results, name: str, frame: int, path: int, factor: float) -> str:
    value, error = bonds[name][frame, path], bonds[f"{name}_stderr"][frame, path]
    return measured(factor * float(value), factor * float(error))


def _table_note(results: Results) -> str:
    fine = int((results.status == Status.OK).sum())
    held = "Values without brackets were held."
    if len(results) == 1:
        return held
    if fine <= _MOST_ROWS:
        return f"Flagged frames come first. {held}"
    return f"Flagged frames come first; of the other {fine}, {_MOST_ROWS} are shown. {held}"


def _changes(step: str, name: str, results: Results, bonds: Results, good: IntArray) -> Section:
    """Differences from the first frame, and how far beyond their uncertainties they are."""
    reference = int(good[0])
    noise = bond_table(results, reference=reference, errors="noise")
    labels = [str(v) for v in results.table.coords["path"]["label"]]
    varying = [
        (p, shown)
        for p in range(len(labels))
        for shown in _SHOWN
        if (bonds[f"{shown[0]}_stderr"][good, p] > 0).any()
    ]
    names = names_of(results)
    rows = []
    for p, (column, heading, factor) in varying:
        symbol, _, unit = heading.partition(" ")
        for i in _telling(results, bonds, good, column, p):
            change = factor * float(bonds[f"{column}_change"][i, p])
            errors = [factor * float(b[f"{column}_change_stderr"][i, p]) for b in (bonds, noise)]
            ratios = [float(b[f"{column}_significance"][i, p]) for b in (bonds, noise)]
            rows.append(
                (
                    labels[p],
                    f"Δ{symbol} {unit}".strip(),
                    names[i],
                    measured(change, errors[0]),
                    *(_ratio(v) for v in ratios),
                    _verdict(*ratios),
                )
            )
    return Section(
        key=f"bc-{slug(step)}",
        heading=f"Changes of the bonds{name}",
        sentences=(
            f"Changes are counted from {names[reference]}, whose own uncertainty is in them; what "
            "frames have in common drops out.",
            "What the model lacks is much alike in all frames, so that changes are known better "
            "than values: the truth lies between the significance with the misfit, as if it were "
            "another in each frame, and that by noise alone.",
        ),
        columns=(
            *("shell", "quantity", "frame", "change"),
            *("over u, misfit in it", "over u, noise alone", "judgement"),
        ),
        rows=tuple(rows),
        note="Of each quantity the frames with the lowest and highest value and the last.",
    )


def _telling(results: Results, bonds: Results, good: IntArray, column: str, path: int) -> list[int]:
    """Frames of the lowest and highest value of a quantity, and the last frame, in order."""
    values = bonds[column][good, path]
    known = good[np.isfinite(values)]
    values = bonds[column][known, path]
    chosen = {int(known[int(values.argmin())]), int(known[int(values.argmax())]), int(known[-1])}
    return sorted(chosen - {int(good[0])})


def _ratio(value: float) -> str:
    # Adding zero turns the −0 that rounding leaves into 0.
    return f"{round(value, 1) + 0.0:.1f}".replace("-", "−") if np.isfinite(value) else "–"


def _verdict(scaled: float, noise: float) -> str:
    if not np.isfinite(scaled):
        return "not known"
    if abs(scaled) >= 3.0:
        return "significant"
    if abs(noise) >= 3.0:
        return "significant if the misfit is the same in both frames"
    return "not significant"
