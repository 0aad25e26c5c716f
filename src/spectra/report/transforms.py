"""What a report shows of χ(R): magnitudes through the sequence, and parts of chosen frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import slug
from spectra.report.plotdata import BLUE, GREY, RED
from spectra.report.section import Section
from spectra.report.select import names_of, thin
from spectra.report.shades import shades
from spectra.results import Results

FloatArray = NDArray[np.float64]

_MOST_CURVES = 24
_MOST_NAMED = 8
_POWERS = "⁰¹²³⁴"
# By how much of the highest curve one stands above the other.
_APART = 0.12


def transform_section(step: str, results: Results) -> Section | None:
    """|χ(R)| of the last k-weight, stacked, and the parts of the first and last frame.

    None where there is no frame with a transform.
    """
    good = np.flatnonzero(results.ok() & np.isfinite(results["real"]).all(axis=(1, 2)))
    if good.size == 0:
        return None
    r = np.asarray(results.table.coords["r"]["r"], dtype=float)
    weights = np.asarray(results.table.coords["k_weight"]["k_weight"]).tolist()
    last = len(weights) - 1
    chosen = good[thin(good.size, _MOST_CURVES)]
    label = magnitude_label(weights[last])
    corrected = "" if results.attrs.get("phase") else ", without phase correction"
    panels = [Panel("R (Å)", label, _stacked(results, r, chosen, last), "Magnitudes")]
    names = names_of(results)
    for frame in np.unique(good[[0, -1]]).tolist():
        parts = _parts(results, r, frame)
        panels.append(Panel("R (Å)", _part_label(weights[last]), parts, names[frame]))
    shown = "All" if chosen.size == good.size else f"{chosen.size} of {good.size}"
    low, high = results.attrs["k_range"]
    note = (
        f"{shown} frames, the first dark, the last light, each a little above the one before. k "
        f"from {low:g} to {high:g} Å⁻¹, window {results.attrs['window']}{corrected}."
    )
    heading = "χ(R)" if step == "transform" else f"χ(R) ({step})"
    drawing = Drawing(f"transform-{slug(step)}", tuple(panels), note)
    return Section(f"ft-{slug(step)}", heading, _sentences(results, good, weights), (drawing,))


def magnitude_label(k_weight: int) -> str:
    """Label of |χ(R)| with its unit, e.g. ``|χ(R)| (Å⁻³)``."""
    return f"|χ(R)| (Å⁻{_POWERS[k_weight + 1]})"


def _part_label(k_weight: int) -> str:
    return magnitude_label(k_weight).replace("|", "")


def _stacked(
    results: Results, r: FloatArray, chosen: NDArray[np.intp], weight: int
) -> tuple[Mark, ...]:
    magnitude = np.hypot(results["real"][chosen, weight], results["imag"][chosen, weight])
    apart = _APART * float(magnitude.max())
    colours = shades(np.arange(chosen.size, dtype=float))
    names = names_of(results)
    named = chosen.size <= _MOST_NAMED
    return tuple(
        Mark(
            "line",
            r,
            curve + i * apart,
            name=names[frame] if named else "",
            colour=colours[i],
        )
        for i, (frame, curve) in enumerate(zip(chosen.tolist(), magnitude, strict=True))
    )


def _parts(results: Results, r: FloatArray, frame: int) -> tuple[Mark, ...]:
    """Real and imaginary part and the magnitude of the last k-weight."""
    real, imag = results["real"][frame, -1], results["imag"][frame, -1]
    magnitude = np.hypot(real, imag)
    return (
        Mark("line", r, magnitude, name="magnitude", colour=GREY),
        Mark("line", r, real, name="real", colour=BLUE),
        Mark("line", r, imag, name="imaginary", colour=RED, dash="dash"),
    )


def _sentences(results: Results, good: NDArray[np.intp], weights: list[int]) -> tuple[str, ...]:
    place, height = results["peak_r"][good, -1], results["peak_height"][good, -1]
    noise = float(np.median(results["noise_k"][good, -1]))
    low, high = results.attrs["r_range"]
    told = [
        f"{good.size} of {len(results)} frames are transformed, with k-weight "
        f"{', '.join(map(str, weights))}."
    ]
    if np.isfinite(place).any():
        told.append(
            f"The highest peak between {low:g} and {high:g} Å lies between "
            f"{np.nanmin(place):.3f} and {np.nanmax(place):.3f} Å, {np.nanmin(height):.3g} to "
            f"{np.nanmax(height):.3g} high."
        )
    told.append(f"High R tells a median noise of χ(k) of {noise:.2g}.")
    return tuple(told)
