"""What a report shows of wavelet maps: one with χ(k) and |χ(R)| on its sides, and several."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectra.errors import StackError
from spectra.notation import with_uncertainty
from spectra.report.drawing import Drawing
from spectra.report.labels import frame_names, slug
from spectra.report.mapdrawing import MapPanel
from spectra.report.section import Section
from spectra.report.select import names_of, same_frames, step_of, thin
from spectra.report.transforms import magnitude_label
from spectra.results import Record, Results
from spectra.stack import Stack
from spectra.xas.exafs.chi import chi_of
from spectra.xas.exafs.fourier import forward, r_grid
from spectra.xas.exafs.framemap import WaveletMap, wavelet_map
from spectra.xas.exafs.wavelet import Wavelet
from spectra.xas.exafs.windows import make_window

FloatArray = NDArray[np.float64]

_MOST_MAPS = 4
_MOST_ROWS = 40
_UNITS = ("", " (Å⁻¹)", " (Å⁻²)", " (Å⁻³)")


def wavelet_section(step: str, record: Record, results: Results) -> Section | None:
    """Maps of some frames on one scale of colours, and a table of the lobes.

    None where no frame has a map, or the record has no χ(k).
    """
    source = chi_source(record, results)
    good = np.flatnonzero(results.ok() & np.isfinite(results["ridge_height"]).any(axis=1))
    if source is None or good.size == 0:
        return None
    method = Wavelet.from_settings(dict(results.attrs["settings"]))
    chosen = good[thin(good.size, _MOST_MAPS)]
    try:
        maps = [wavelet_map(source, method, i) for i in chosen.tolist()]
    except StackError:
        return None
    top = max(float(m.modulus.max()) for m in maps)
    first = int(chosen[0])
    with_sides = map_panel(maps[0], top, results, first, source, method)
    drawings = [Drawing(f"wavelet-{slug(step)}", (with_sides,), _note(method))]
    if len(maps) > 1:
        panels = tuple(
            map_panel(m, top, results, i) for m, i in zip(maps, chosen.tolist(), strict=True)
        )
        columns = (2, 2) if len(panels) == _MOST_MAPS else (1,) * len(panels)
        note = "One scale of colours for all frames; crosses mark the lobes' maxima."
        drawings.append(Drawing(f"wavelets-{slug(step)}", panels, note, columns))
    heading = "Wavelets" if step == "wavelet" else f"Wavelets ({step})"
    head, rows = _rows(results, good)
    sentences = (f"{good.size} of {len(results)} frames have a wavelet map.",)
    note = "R without phase correction."
    return Section(f"w-{slug(step)}", heading, sentences, tuple(drawings), head, rows, note, False)


def chi_source(record: Record, results: Results) -> Stack | Results | None:
    """What holds the χ(k) of the frames of some results."""
    stack = same_frames(record, results)
    if stack is not None and stack.quantity == "chi":
        return stack
    background = step_of(record, "background")
    return background if background is not None and len(background) == len(results) else None


def map_panel(
    found: WaveletMap,
    top: float,
    results: Results | None = None,
    frame: int = 0,
    source: Stack | Results | None = None,
    method: Wavelet | None = None,
) -> MapPanel:
    """A wavelet map as the field prints it: k to the right, R upwards, the modulus as colour.

    Parameters
    ----------
    found : WaveletMap
    top : float
        Modulus of the brightest colour.
    results : Results, optional
        Of `xas.Wavelet`; the lobes of `frame` are marked.
    frame : int
    source : Stack or Results, optional
        χ(k): below the map stands χ(k)·k^w, and at its side |χ(R)| over the same R.
    method : Wavelet, optional
        Whose range of k and window |χ(R)| has.
    """
    below = side = None
    if source is not None and method is not None:
        below, side = _sides(found, source, method, frame)
    points = () if results is None else _lobes(results, frame)
    return MapPanel(
        found.k,
        found.r,
        found.modulus,
        top,
        "k (Å⁻¹)",
        "R (Å)",
        f"|W|{_UNITS[found.k_weight]}",
        found.name if results is None else names_of(results)[frame],
        below,
        side,
        points,
    )


def _sides(
    found: WaveletMap, source: Stack | Results, method: Wavelet, frame: int
) -> tuple[tuple[FloatArray, FloatArray, str], tuple[FloatArray, FloatArray, str]]:
    """χ(k)·k^w and |χ(R)| of a frame, as far as the map goes."""
    chi = chi_of("report", source[frame : frame + 1].load())
    weighted = np.nan_to_num(chi.values[0]) * chi.k**found.k_weight
    low, high = method.k_range
    window = make_window(chi.k, low, high, method.taper, method.window)
    r = r_grid(chi.step, float(found.r[-1]))
    magnitude = np.abs(forward(weighted * window, chi.step, len(r)))
    in_k = (chi.k >= found.k[0]) & (chi.k <= found.k[-1])
    in_r = r >= found.r[0]
    power = ("", "·k", "·k²", "·k³")[found.k_weight]
    label = f"χ{power}{_UNITS[found.k_weight]}"
    beside = magnitude_label(found.k_weight)
    return (chi.k[in_k], weighted[in_k], label), (r[in_r], magnitude[in_r], beside)


def _lobes(results: Results, frame: int) -> tuple[tuple[float, float, str], ...]:
    names = [str(n) for n in results.table.coords["lobe"]["label"]]
    k, r = results["lobe_k"][frame].tolist(), results["lobe_r"][frame].tolist()
    return tuple(p for p in zip(k, r, names, strict=True) if np.isfinite(p[:2]).all())


def _note(method: Wavelet) -> str:
    kind = (
        f"Cauchy wavelet of order {method.order:g}"
        if method.mother == "cauchy"
        else f"Morlet wavelet, κ = {method.kappa:g}, σ = {method.sigma:g}"
    )
    low, high = method.k_range
    return (
        f"{kind}, k from {low:g} to {high:g} Å⁻¹; a sine of amplitude A has the modulus A on its "
        "ridge. Crosses mark the lobes' maxima."
    )


def _rows(
    results: Results, good: NDArray[np.intp]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Lobes of some frames: R, k and height with their uncertainties."""
    names = [str(n) for n in results.table.coords["lobe"]["label"]]
    if not names:
        return (), ()
    head = ["frame"]
    for name in names:
        head += [f"{name}: R (Å)", "k (Å⁻¹)", "|W|"]
    rows, frames = [], frame_names(results.names)
    for frame in good[thin(good.size, _MOST_ROWS)].tolist():
        row = [frames[frame]]
        for i in range(len(names)):
            for column in ("lobe_r", "lobe_k", "height"):
                value, error = results[column][frame, i], results[f"{column}_stderr"][frame, i]
                row.append(with_uncertainty(value, error) if np.isfinite(value) else "–")
        rows.append(tuple(row))
    return tuple(head), tuple(rows)
