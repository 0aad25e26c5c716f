"""Fits of shells in R and k space for the frames that a reader asks for first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import measured, slug
from spectra.report.plotdata import BLUE, GREY, RED
from spectra.report.section import Section
from spectra.report.select import names_of
from spectra.report.transforms import magnitude_label
from spectra.report.wavelets import chi_source
from spectra.results import Record, Results
from spectra.xas.exafs.chi import Chi, chi_of
from spectra.xas.exafs.fourier import backward, forward, r_grid
from spectra.xas.exafs.windows import make_window

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IntArray = NDArray[np.intp]

STRONG = 0.85
"""Correlations from which on two parameters imitate each other."""
_BEYOND = 2.0
# How far one curve stands below the other, of the highest magnitude.
_APART = 1.25
_POWERS = ("", "·k", "·k²", "·k³")
_UNITS = ("", " (Å⁻¹)", " (Å⁻²)", " (Å⁻³)")
_PALE = "#AAAAAA"
_NOTE = (
    "Left, from above: magnitude, real and imaginary part of χ(R), without phase correction; "
    "grey is the range of R. Right: χ(k) as it is (grey), and what of it comes from the range of "
    "R, in the window that the fit has."
)


def fit_section(
    step: str, name: str, record: Record, results: Results, good: IntArray
) -> Section | None:
    """Fits of chosen frames, parameters in common, and correlations.

    None where the record has no χ(k) to compare with and nothing is shared or correlated.
    """
    drawings = tuple(_drawings(step, record, results, good))
    pairs = correlated(results, good)
    rows = tuple(_parameter_rows(results))
    if not (drawings or pairs or rows):
        return None
    sentences = [_told_correlations(pairs)]
    if rows:
        sentences.insert(0, "The frames have parameters in common, fitted to all at once.")
    return Section(
        key=f"bf-{slug(step)}",
        heading=f"Fits of the shells{name}",
        sentences=tuple(sentences),
        drawings=drawings,
        columns=("in all frames", "value", "u, noise alone", "how") if rows else (),
        rows=rows,
        note=_NOTE if drawings else "",
    )


def chosen_frames(results: Results, good: IntArray) -> list[tuple[str, int]]:
    """The first frame, those of the shortest and longest first bond, and the worst R-factor."""
    moving = [p for p in range(results["r"].shape[1]) if (results["r_stderr"][good, p] > 0).any()]
    if len(results) == 1:
        return [("", int(i)) for i in good]
    roles: dict[int, list[str]] = {int(good[0]): ["first"]}
    if moving and good.size > 1:
        label = str(results.table.coords["path"]["label"][moving[0]])
        distance = results["r"][good, moving[0]]
        roles.setdefault(int(good[np.nanargmin(distance)]), []).append(f"shortest {label}")
        roles.setdefault(int(good[np.nanargmax(distance)]), []).append(f"longest {label}")
    if good.size > 1:
        worst = int(good[np.nanargmax(results["r_factor"][good])])
        roles.setdefault(worst, []).append("worst R-factor")
    return [(", ".join(roles[i]), i) for i in sorted(roles)]


def _drawings(step: str, record: Record, results: Results, good: IntArray) -> Iterator[Drawing]:
    source = chi_source(record, results)
    if source is None:
        return
    names = names_of(results)
    for number, (role, frame) in enumerate(chosen_frames(results, good)):
        chi = chi_of("report", source[frame : frame + 1].load())
        fitted = results["model"][frame]
        if len(fitted) != len(chi.k) or not np.isfinite(chi.values[0]).any():
            continue
        curves = Curves.of(chi, fitted, results)
        title = f"{names[frame]}: {role}" if role else names[frame]
        note = f"R-factor {results['r_factor'][frame]:.4f}."
        panels = (curves.in_r(title), curves.in_k())
        yield Drawing(f"fit-{slug(step)}-{number}", panels, note)


@dataclass(frozen=True)
class Curves:
    """Data and fit of one frame with the last k-weight, in R and in k.

    Attributes
    ----------
    k, measured : array (points,)
        k^w·χ(k) as it was measured.
    r : array (R,)
    in_r_data, in_r_fit : complex array (R,)
    in_q_data, in_q_fit : array (points,)
        k^w·χ(k) of the range of R.
    r_range, k_range : tuple of float
    k_weight : int
    """

    k: FloatArray
    measured: FloatArray
    r: FloatArray
    in_r_data: ComplexArray
    in_r_fit: ComplexArray
    in_q_data: FloatArray
    in_q_fit: FloatArray
    r_range: tuple[float, float]
    k_range: tuple[float, float]
    k_weight: int

    @classmethod
    def of(cls, chi: Chi, fitted: FloatArray, results: Results) -> Curves:
        """Transform χ(k) and its fit as the fit did."""
        attrs = results.attrs
        # The weight in the middle: neither the light nor the heavy neighbours rule the picture.
        weights = sorted(attrs["k_weight"])
        weight = int(weights[len(weights) // 2])
        weight = weight if weight < len(_POWERS) else len(_POWERS) - 1
        (start, end), (low, high) = attrs["k_range"], attrs["r_range"]
        window = make_window(chi.k, start, end, attrs["taper"], attrs["window"])
        r = r_grid(chi.step, high + _BEYOND)
        open_ = make_window(r, low, high, 0.0, "hanning")
        seen = np.nan_to_num(chi.values[0]) * chi.k**weight
        data, fit = (
            forward(y * window, chi.step, len(r))
            for y in (seen, np.nan_to_num(fitted) * chi.k**weight)
        )
        in_q = [backward(y * open_, chi.step, len(chi.k)).real for y in (data, fit)]
        return cls(chi.k, seen, r, data, fit, in_q[0], in_q[1], (low, high), (start, end), weight)

    def in_r(self, title: str) -> Panel:
        """Magnitude, real and imaginary part, one below the other."""
        data, fit = self.in_r_data, self.in_r_fit
        step = _APART * float(np.abs(data).max())
        parts = [(np.abs(data), np.abs(fit)), (data.real, fit.real), (data.imag, fit.imag)]
        lowest = -2.0 * step - max(float(np.abs(c).max()) for c in parts[2])
        highest = float(max(parts[0][0].max(), parts[0][1].max()))
        ends = np.array(self.r_range)
        marks = [Mark("band", ends, np.full(2, lowest), np.full(2, highest), colour=GREY)]
        for i, (seen, fitted) in enumerate(parts):
            named = i == 0
            marks += [
                Mark("line", self.r, seen - i * step, name="data" * named, colour=BLUE),
                Mark(
                    *("line", self.r, fitted - i * step),
                    name="fit" * named,
                    colour=RED,
                    dash="dash",
                ),
            ]
        label = magnitude_label(self.k_weight)
        return Panel("R (Å)", f"{label}, Re, Im", tuple(marks), title)

    def in_k(self) -> Panel:
        """χ(k) as it is, and data and fit from the range of R."""
        inside = (self.k >= self.k_range[0] - 0.5) & (self.k <= self.k_range[1] + 0.5)
        k = self.k[inside]
        low, high = self.r_range
        marks = (
            Mark("line", k, self.measured[inside], name="χ", colour=_PALE),
            Mark(
                *("line", k, self.in_q_data[inside]),
                name=f"{low:g} to {high:g} Å",
                colour=BLUE,
            ),
            Mark("line", k, self.in_q_fit[inside], name="fit", colour=RED, dash="dash"),
        )
        label = f"χ{_POWERS[self.k_weight]}{_UNITS[self.k_weight]}"
        return Panel("k (Å⁻¹)", label, marks)


def correlated(results: Results, good: IntArray) -> list[tuple[str, str, float, float, float]]:
    """Pairs of parameters whose median correlation exceeds `STRONG`, the strongest first.

    Returns
    -------
    list of (name, name, median, lowest, highest)
    """
    covariance = np.asarray(results["covariance"][good], dtype=float)
    root = np.sqrt(np.maximum(np.einsum("fii->fi", covariance), 0.0))
    scale = root[:, :, None] * root[:, None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.where(scale > 0, covariance / scale, np.nan)
    names = [str(n) for n in results.table.coords["parameter"]["name"]]
    pairs = []
    for i in range(len(names)):
        for j in range(i):
            values = found[:, i, j]
            values = values[np.isfinite(values)]
            if values.size and abs(middle := float(np.median(values))) > STRONG:
                pairs.append((names[j], names[i], middle, float(values.min()), float(values.max())))
    return sorted(pairs, key=lambda pair: -abs(pair[2]))


def _told_correlations(pairs: list[tuple[str, str, float, float, float]]) -> str:
    if not pairs:
        return f"No two parameters are correlated above {STRONG:g}."
    told = "; ".join(
        f"{a} with {b} {middle:+.2f}" + (f" ({low:+.2f} to {high:+.2f})" if low < high else "")
        for a, b, middle, low, high in pairs
    )
    return (
        f"Correlations above {STRONG:g}, median of the frames: {told}. Neither of such two is "
        "known better than the other.".replace("-", "−")
    )


def _parameter_rows(results: Results) -> Iterator[tuple[str, ...]]:
    """What all frames share."""
    for one in results.attrs.get("common", []):
        error = one["stderr"] if one["stderr"] is not None else float("nan")
        noise = one["stderr_unscaled"]
        yield (
            str(one["name"]),
            measured(float(one["value"]), float(error)),
            "–" if noise is None else f"{noise:.2g}",
            "fitted to all frames" if one["fitted"] else "known from elsewhere",
        )
