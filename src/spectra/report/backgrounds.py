"""What a report shows of backgrounds: χ(k), spectra with the curve taken off, and the checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.labels import frame_names, quantity, slug
from spectra.report.plotdata import BLUE, RED
from spectra.report.section import Section
from spectra.report.select import envelope, names_of, same_frames, thin
from spectra.report.shades import shades
from spectra.results import Record, Results
from spectra.stack import Stack
from spectra.xas.exafs.background import background_curve
from spectra.xas.exafs.checks import E0_FARTHEST, KEPT_LEAST

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MOST_CURVES, _MOST_NAMED, _MOST_POINTS = 24, 8, 1500
# By how much of the highest curve one stands above the other.
_APART = 0.25
_WEIGHT = 2
# What is shown of a spectrum before its edge (eV).
_BEFORE = 100.0
# How far beyond the spectrum its background is drawn, of its height.
_MARGIN = 0.1


def background_section(step: str, record: Record, results: Results) -> Section | None:
    """χ(k)·k² stacked, and μ with its background for the first frame and the oddest.

    None where no frame has a background.
    """
    good = np.flatnonzero(results.ok() & np.isfinite(results["chi"]).any(axis=1))
    if good.size == 0:
        return None
    chosen = good[thin(good.size, _MOST_CURVES)]
    panels = [Panel("k (Å⁻¹)", "χ·k² (Å⁻²)", _stacked(results, chosen), "Oscillations")]
    stack = same_frames(record, results)
    if stack is not None and stack.axis.name == "energy":
        panels += list(_with_backgrounds(stack, results, good))
    shown = "All" if chosen.size == good.size else f"{chosen.size} of {good.size}"
    note = f"{shown} frames, the first dark, the last light, each a little above the one before."
    note = note if chosen.size > 1 else ""
    heading = "χ(k)" if step == "background" else f"χ(k) ({step})"
    return Section(
        key=f"bg-{slug(step)}",
        heading=heading,
        sentences=tuple(_sentences(results, good)),
        drawings=(Drawing(f"background-{slug(step)}", tuple(panels), note),),
        columns=("check", "of all frames", "remarked", "what it means"),
        rows=tuple(_checks(results, good)),
    )


def _stacked(results: Results, chosen: IntArray) -> tuple[Mark, ...]:
    k = np.asarray(results.table.coords["k"]["k"], dtype=float)
    curves = results["chi"][chosen] * k**_WEIGHT
    # The ends of long ranges are noise, which would press all that is to be seen together.
    apart = _APART * float(np.nanquantile(np.abs(curves), 0.99))
    colours = shades(np.arange(chosen.size, dtype=float))
    names = frame_names([results.names[i] for i in chosen.tolist()])
    named = 1 < chosen.size <= _MOST_NAMED
    return tuple(
        Mark("line", k, curve + i * apart, name=names[i] if named else "", colour=colours[i])
        for i, curve in enumerate(curves)
    )


def _with_backgrounds(stack: Stack, results: Results, good: IntArray) -> Iterator[Panel]:
    """The spectrum of the first frame, and the worst of those whose first shell suffered."""
    kept = results["first_shell_kept"][good]
    frames = {int(good[0]): "first"}
    if (kept < KEPT_LEAST).any():
        frames.setdefault(int(good[np.nanargmin(kept)]), "least left of its first shell")
    names = names_of(results)
    for frame, role in frames.items():
        one = stack[frame : frame + 1].load()
        curve = np.asarray(background_curve(one, results[[frame]]).signal)[0]
        y = np.asarray(one.signal, dtype=float)[0]
        # Next to E0, where k^w is nothing, a background may run off, and would press all else flat.
        margin = _MARGIN * float(np.nanmax(y) - np.nanmin(y))
        beyond = (curve > np.nanmax(y) + margin) | (curve < np.nanmin(y) - margin)
        curve = np.where(beyond, np.nan, curve)
        inside = np.flatnonzero(one.x >= results["e0"][frame] - _BEFORE)
        use = inside[envelope(y[inside], _MOST_POINTS)]
        marks = (
            Mark("line", one.x[use], y[use], name="spectrum", colour=BLUE),
            Mark("line", one.x[use], curve[use], name="background", colour=RED),
        )
        title = names[frame] if len(results) == 1 else f"{names[frame]}: {role}"
        yield Panel("energy (eV)", quantity(stack.quantity), marks, title)


def _sentences(results: Results, good: IntArray) -> Iterator[str]:
    k_max = results["k_max"][good]
    yield (
        f"{good.size} of {len(results)} spectra have χ(k), up to k = "
        f"{_range(k_max, '.1f')} Å⁻¹; k counts from {_range(results['e0'][good], '.2f')} eV."
    )
    noise = results["noise"][good]
    if np.isfinite(noise).any():
        yield f"High R tells a noise of χ(k) of {_range(noise, '.2g')}, if it is white in k."
    stated = np.sqrt(np.nanmean(results["chi_stderr"][good] ** 2, axis=1))
    if np.isfinite(stated).any() and np.nanmedian(stated) < 0.5 * np.nanmedian(noise):
        yield (
            f"The points of the spectra tell {np.nanmedian(stated):.2g} only: they are smoother "
            "than independent points can be (interpolated before, most often), and fits should "
            'take noise = "high_r".'
        )


def _range(values: FloatArray, form: str) -> str:
    low, high = (format(float(v), form) for v in (np.nanmin(values), np.nanmax(values)))
    return low if low == high else f"{low} to {high}"


def _checks(results: Results, good: IntArray) -> Iterator[tuple[str, str, str, str]]:
    """What was looked at in every frame, and in how many it called for a remark."""
    kept, place = results["first_shell_kept"][good], results["first_shell"][good]
    if np.isfinite(kept).any():
        eaten = int((kept < KEPT_LEAST).sum())
        yield (
            "first shell left",
            f"{_range(100.0 * kept, '.0f')} % at R = {_range(place, '.2f')} Å",
            _frames(eaten),
            f"below {KEPT_LEAST:.0%} the background has eaten of it: lower rbkg",
        )
    offset = results["e0_offset"][good]
    if np.isfinite(offset).any():
        yield (
            "E0 from half way up",
            f"{_range(offset, '+.1f')} eV".replace("-", "−"),
            _frames(int((np.abs(offset) > E0_FARTHEST).sum())),
            f"beyond {E0_FARTHEST:g} eV k counts from a wrong energy",
        )
    odd = results["odd_point"][good]
    odd = odd[np.isfinite(odd)]
    common = Counter(odd.tolist()).most_common(3)
    yield (
        "odd points",
        ", ".join(f"{energy:.1f} eV ({count})" for energy, count in common) or "none",
        _frames(odd.size),
        "a glitch is in χ(k): take it out (xas.Deglitch), or end the range before it",
    )


def _frames(count: int) -> str:
    return {0: "none", 1: "1 frame"}.get(count, f"{count} frames")
