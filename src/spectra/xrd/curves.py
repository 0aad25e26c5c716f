"""Fitted curves again from the table of tracked peaks, for plots and residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.fit.doublet import Doublet
from spectra.fit.lineshapes import Profile, get_profile
from spectra.results import Results
from spectra.stack import Stack
from spectra.xrd.tracks import found

FloatArray = NDArray[np.float64]


def evaluate(stack: Stack, peaks: Results) -> FloatArray:
    """Evaluate the fitted model on the axis of a stack.

    Parameters
    ----------
    stack : Stack
        Frames of the sequence.
    peaks : Results
        The table of tracked peaks for the same frames.

    Returns
    -------
    array (frames, points)
        Peaks, those of other windows too, and background; NaN outside the fitted windows.
    """
    x = stack.x
    model = np.full((len(peaks), len(x)), np.nan)
    for i, status in enumerate(peaks["peak_status"]):
        there = np.flatnonzero(found(status))
        model[i] = _curve(x, peaks, i, there)
    return model


def _curve(x: FloatArray, peaks: Results, i: int, there: NDArray[np.intp]) -> FloatArray:
    profile = _profile(peaks.attrs)
    curve = np.full(len(x), np.nan)
    low, high = peaks["window_low"][i], peaks["window_high"][i]
    for window in sorted({(low[t], high[t]) for t in there.tolist()}):
        members = there[(low[there] == window[0]) & (high[there] == window[1])]
        inside = (x >= window[0]) & (x <= window[1])
        at = x[inside]
        first = members[0]
        # The background is what is left beside all peaks.
        powers = at - peaks["center"][i, first]
        total = np.polynomial.polynomial.polyval(powers, peaks["background_poly"][i, first])
        for t in there.tolist():
            center, area, *shape = peaks["parameters"][i, t]
            total = total + area * profile.value(at, center, *shape)
        curve[inside] = total
    return curve


def _profile(attrs: Any) -> Profile | Doublet:
    profile = get_profile(attrs["profile"])
    doublet = attrs.get("doublet")
    if doublet is None:
        return profile
    return Doublet(profile, doublet["wavelength_ratio"], doublet["intensity_ratio"])
