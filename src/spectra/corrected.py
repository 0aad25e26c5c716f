"""Parts of a stack that corrections read, replace and remark on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectra.stack import Stack
from spectra.status import Status

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def signal_of(stack: Stack, channel: str = "") -> FloatArray:
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
