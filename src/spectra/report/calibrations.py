"""What a report shows of corrected Raman spectra: what was done, and how the axis was moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.raman.calibrate import Curve
from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import measured
from spectra.report.plotdata import BLUE, GREY
from spectra.report.section import Section
from spectra.report.vibrations import SHIFT
from spectra.results import Record

FloatArray = NDArray[np.float64]

_POINTS = 200


def calibration_section(record: Record) -> Section | None:
    """Corrections in their order, and the lines the axis was calibrated by; None without any."""
    stack = record.stack
    done = [] if stack is None else stack.metadata.get("corrections", [])
    done = [c for c in done if str(c["correction"]).startswith("raman.")]
    if stack is None or not done:
        return None
    moved = [c for c in done if c["correction"] == "raman.Calibrate"]
    drawings = tuple(
        Drawing(
            f"calibration-{i}", (_panel(c, stack.x),), "Bars and band: one standard uncertainty."
        )
        for i, c in enumerate(moved)
        if len(c["lines"]) > 1
    )
    return Section(
        key="r-corrections",
        heading="Corrections of the spectra",
        sentences=tuple(_SAID.get(str(c["correction"]), _plainly)(c) for c in done),
        drawings=drawings,
        columns=("line (cm⁻¹)", "found (cm⁻¹)", "left after the correction (cm⁻¹)") * bool(moved),
        rows=tuple(row for c in moved for row in _line_rows(c)),
        worded=False,
    )


def _line_rows(record: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for line in record["lines"]:
        known = measured(float(line["line"]), float(line["line_stderr"]))
        found = measured(float(line["found"]), float(line["stderr"]))
        yield known, found, measured(float(line["rest"]), _both(line))


def _both(line: Mapping[str, Any]) -> float:
    """Uncertainty of a difference: of where a line should be, and of where it was found."""
    return float(np.hypot(float(line["line_stderr"]), float(line["stderr"])))


def _panel(record: Mapping[str, Any], x: FloatArray) -> Panel:
    """What was added to the axis, as the lines say, and as the polynomial does."""
    curve = Curve(
        *(float(record["middle"]), float(record["half"])),
        np.asarray(record["coefficients"], dtype=float),
        np.asarray(record["covariance"], dtype=float),
        float(record["chi2"]),
    )
    found = np.array([float(v["found"]) for v in record["lines"]])
    wanted = np.array([float(v["line"]) for v in record["lines"]])
    stderr = np.array([_both(v) for v in record["lines"]])
    at = np.linspace(min(float(x[0]), found.min()), max(float(x[-1]), found.max()), _POINTS)
    added, unsure = curve.values(at), curve.stderr(at)
    marks = (
        Mark("band", at, added - unsure, added + unsure, colour=GREY),
        Mark("line", at, added, colour=GREY),
        Mark("points", found, wanted - found, y_stderr=stderr, colour=BLUE),
    )
    return Panel(SHIFT, "added to the axis (cm⁻¹)", marks, "Calibration")


def _calibrated(record: Mapping[str, Any]) -> str:
    stderr = float(record["stderr"])
    n = len(record["lines"])
    return (
        f"The axis was moved by {measured(float(record['shift']), stderr)} cm⁻¹ by "
        f"{n} {'line' if n == 1 else 'lines'} ({record['source']}); its standard uncertainty is "
        f"{stderr:.2g} cm⁻¹ at most between them, common to all spectra."
    )


def _despiked(record: Mapping[str, Any]) -> str:
    n = len(record["changed"])
    frames = len({c["frame"] for c in record["changed"]})
    if not n:
        return "No cosmic rays were found."
    points, spectra = ("point" if n == 1 else "points"), ("spectrum" if frames == 1 else "spectra")
    return f"Cosmic rays were replaced: {n} {points} in {frames} {spectra}."


def _baselined(record: Mapping[str, Any]) -> str:
    return (
        f"A baseline ({record['settings']['algorithm']}) was subtracted; what is uncertain of it "
        "is in none of the uncertainties."
    )


def _scaled(record: Mapping[str, Any]) -> str:
    return f"Each spectrum was scaled by its {record['settings']['by']}."


def _divided(record: Mapping[str, Any]) -> str:
    if record["smallest"] is None:
        return "The response of the spectrometer is not known at any point of the axis."
    return (
        "The spectra were divided by the relative response of the spectrometer, from "
        f"{float(record['smallest']):.3g} to {float(record['largest']):.3g}."
    )


def _plainly(record: Mapping[str, Any]) -> str:
    return f"{record['correction']} was applied."


_SAID = {
    "raman.Calibrate": _calibrated,
    "raman.Despike": _despiked,
    "raman.Baseline": _baselined,
    "raman.Scale": _scaled,
    "raman.Response": _divided,
}
