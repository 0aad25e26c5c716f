"""What the corrections of spectra share: which frames are usable, and how bad ones are marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.stack import Stack
from spectra.status import Status
from spectra.xas.frames import require_energies
from spectra.xas.normalize import tabulated_edge

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


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


def signal_of(stack: Stack, channel: str) -> FloatArray:
    """The signal (frames, points), or the channel of that name."""
    return np.asarray(stack.channel(channel) if channel else stack.signal, dtype=float)


def with_signal(stack: Stack, channel: str, values: FloatArray) -> Stack:
    """The stack with its signal, or the channel of that name, replaced."""
    if channel:
        return replace(stack, channels={**stack.channels, channel: values})
    return replace(stack, signal=values)


def errors_of(stack: Stack, channel: str = "") -> FloatArray | None:
    """Standard uncertainties of the signal, where they are known; those of channels are not."""
    if channel:
        return None
    if stack.noise == "counts":
        # The floor keeps a point without counts from weighing infinitely much.
        counts = np.asarray(stack.signal, dtype=float)
        return np.asarray(np.sqrt(np.maximum(counts, 1.0)))
    if stack.noise == "given" and stack.errors is not None:
        return np.asarray(stack.errors, dtype=float)
    return None


def with_errors(stack: Stack, errors: FloatArray | None) -> Stack:
    """The stack with uncertainties that are given from now on; None leaves them unknown."""
    if errors is None:
        return stack
    return replace(stack, errors=errors, noise="given")


def usable(stack: Stack) -> BoolArray:
    """Frames that nobody has marked as bad (frames,)."""
    return np.asarray(stack.status != Status.BAD_INPUT)


def remark(stack: Stack, remarks: dict[int, str], *, bad: bool = False) -> Stack:
    """The stack with a remark added to the messages of some frames, which are bad if so said."""
    messages = list(stack.messages)
    status = stack.status.copy()
    for frame, text in remarks.items():
        messages[frame] = "; ".join(t for t in (messages[frame], text) if t)
        if bad:
            status[frame] = Status.BAD_INPUT
    return replace(stack, messages=tuple(messages), status=status)


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


def median_of_finite(values: FloatArray, axis: int) -> FloatArray:
    """Median along an axis of those values that are finite; NaN where none is."""
    known = np.isfinite(values)
    ordered = np.sort(np.where(known, values, np.nan), axis=axis)
    count = known.sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=axis)
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[axis] - 1), axis=axis)
    middle = np.where(count > 0, (low + high) / 2, np.nan)
    return np.asarray(np.squeeze(middle, axis=axis))
