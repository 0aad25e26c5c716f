"""Look at frames before they are fitted: which can be used, and which of their points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.fit.damage import Normal
from spectra.fit.quality import judge_frames
from spectra.fit.uncertainty import point_sigma
from spectra.stack import Noise, Stack
from spectra.status import Status

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


# What a setting `errors` may be, and the noise that stands for it.
NOISE: Mapping[str, Noise] = {"counts": "counts", "given": "given", "residual": "unknown"}


def choose_noise(stack: Stack, errors: str, method: str) -> Noise:
    """Noise of a stack's signal, as the setting `errors` of a method says.

    Raises
    ------
    SettingError
        If uncertainties are to be given and are not.
    """
    if errors == "auto":
        return stack.noise
    if errors == "given" and stack.errors is None:
        raise SettingError(
            f'{method}: errors = "given", but the stack carries no uncertainties; '
            'use "counts" for raw counts or "residual"'
        )
    return NOISE[errors]


def check_points(
    stack: Stack, inside: NDArray[np.bool_], needed: int, method: str, limits: tuple[float, float]
) -> None:
    """Refuse a range that holds too few points.

    Parameters
    ----------
    stack : Stack
    inside : bool array (points,)
        Which points of the axis are used.
    needed : int
        How many there must be.
    method : str
    limits : (float, float)
        The range asked for.

    Raises
    ------
    StackError
    """
    count = np.count_nonzero(inside)
    if count < needed:
        low, high = max(limits[0], stack.x[0]), min(limits[1], stack.x[-1])
        low, high = (low, high) if low < high else limits
        raise StackError(
            f"{method}: {count} usable points between {low:g} and {high:g} "
            f"{stack.axis.unit}; at least {needed} are needed (the axis runs from "
            f"{stack.x[0]:g} to {stack.x[-1]:g})"
        )


@dataclass(frozen=True)
class Screened:
    """Frames of a block as they were found.

    Attributes
    ----------
    status : int8 array (frames,)
        OK, or why a frame cannot be fitted.
    messages : tuple of str
        One per frame.
    rows : int array (usable,)
        Frames that can be fitted.
    y, sigma : array (usable, points)
        Their intensities, NaN where not measured or damaged, and standard uncertainties.
    damage : tuple of str
        What is wrong with each of them; empty where nothing is.
    """

    status: NDArray[np.int8]
    messages: tuple[str, ...]
    rows: IntArray
    y: FloatArray
    sigma: FloatArray
    damage: tuple[str, ...]


def screen(block: Stack, noise: Noise, normal: Normal, level: FloatArray) -> Screened:
    """Judge the frames of a block.

    Parameters
    ----------
    block : Stack
        Cropped to the range that is used.
    noise : {"counts", "given", "unknown"}
    normal : Normal
        What undamaged frames look like.
    level : array (frames,)
        Mean intensity expected of each.
    """
    y = np.asarray(block.signal)
    status, messages = judge_frames(y)
    given = block.status != Status.OK
    status = np.where(given, block.status, status).astype(np.int8)
    texts = tuple(
        own if not bad else before
        for own, bad, before in zip(messages, given, block.messages, strict=True)
    )
    rows = np.flatnonzero(status == Status.OK)
    errors = None if block.errors is None else np.asarray(block.errors)[rows]
    sigma = point_sigma(y[rows], errors, noise)
    clean, damage = normal.inspect(block.x, block.axis.unit, y[rows], sigma, level[rows])
    return Screened(status, texts, rows, clean, point_sigma(clean, errors, noise), damage)
