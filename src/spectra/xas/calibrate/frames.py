"""What the corrections of spectra share: which frames are usable, and how bad ones are marked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectra.corrected import errors_of as errors_of
from spectra.corrected import remark as remark
from spectra.corrected import signal_of as signal_of
from spectra.corrected import usable as usable
from spectra.corrected import with_errors as with_errors
from spectra.corrected import with_signal as with_signal
from spectra.errors import SettingError, StackError
from spectra.fit.medians import median_of_finite as median_of_finite
from spectra.stack import Stack
from spectra.xas.frames import require_energies
from spectra.xas.tabulated import tabulated_edge

FloatArray = NDArray[np.float64]


def load_spectra(stack: Stack, name: str) -> Stack:
    """The stack in memory, if it is over energy.

    Raises
    ------
    StackError
        If the axis is another, or there are no frames.
    """
    require_energies(name, stack)
    if stack.n_frames == 0:
        raise StackError(f"{name}: there are no frames")
    return stack.load()


def typical_spectrum(stack: Stack, spectra: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Median of the usable frames, and its energies: where at least half of them hold numbers."""
    rows = spectra[usable(stack)]
    known = np.isfinite(rows)
    count = known.sum(axis=0)
    points = (count > 0) & (2 * count >= known.any(axis=1).sum())
    return stack.x[points], median_of_finite(rows[:, points], 0)


def edge_energy(stack: Stack, element: str, edge: str, name: str) -> float:
    """The tabulated energy of an edge in eV (xraydb: Elam, Ravel and Sieber 2002).

    The element and the edge are those of the settings, else those of the stack's metadata.

    Raises
    ------
    SettingError
        If neither names an element, or there is no such edge.
    """
    symbol = element or str(stack.metadata.get("element", ""))
    shell = edge or str(stack.metadata.get("edge", "")) or "K"
    if not symbol:
        raise SettingError(
            f"{name}: no element given, and the stack's metadata name none; "
            'say element="Ni", edge="K"'
        )
    return tabulated_edge(name, symbol, shell)
