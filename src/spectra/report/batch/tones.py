"""Colours and names of techniques, the same on all pages of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spectra.report.labels import unit_symbol

# Told apart by the colour-blind, and dark enough on white for letters (4.5 : 1 and more).
_TONES = ("#0061A0", "#A63C00", "#00694A", "#8A3A78", "#6A5A00", "#4B4B4B")
_DEEPER, _PALER = 0.45, 0.4
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")
"""Of the curves of one panel."""

_NAMES = {
    "xrd": "XRD",
    "xas": "XAS",
    "xanes": "XANES",
    "exafs": "EXAFS",
    "xps": "XPS",
    "raman": "Raman",
}


def technique_name(technique: str) -> str:
    """A technique as it is written, e.g. ``XANES`` for ``xanes``."""
    return _NAMES.get(technique.lower(), technique)


def tones(techniques: Iterable[str]) -> dict[str, str]:
    """A colour for each technique, in the order of their first appearance."""
    unique = dict.fromkeys(techniques)
    return {name: _TONES[i % len(_TONES)] for i, name in enumerate(unique)}


def variants(tone: str) -> tuple[str, ...]:
    """Colours of several curves of one technique: itself, deeper, paler, and so on."""
    deep, pale = _mixed(tone, 0, _DEEPER), _mixed(tone, 255, _PALER)
    return (tone, deep, pale) * 2


def _mixed(tone: str, towards: int, share: float) -> str:
    parts = (int(tone[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(p + share * (towards - p)):02x}" for p in parts)


def written(values: Mapping[str, float | str], units: Mapping[str, str]) -> list[tuple[str, str]]:
    """Values of a sample as they are written, with their units."""
    told = []
    for name, value in values.items():
        text = (
            value if isinstance(value, str) else f"{value:.6g} {unit_symbol(units.get(name, ''))}"
        )
        told.append((name.replace("_", " "), text.rstrip()))
    return told
