"""Windows of Fourier transforms, on uniform grids of k or R."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0

from spectra.errors import SettingError

FloatArray = NDArray[np.float64]

_TINY = 1e-4


@dataclass(frozen=True)
class _Edges:
    """Where a window on a grid rises from 0 (first, full) and falls to 0 (end, last): indices."""

    first: int
    full: int
    end: int
    last: int


def _tapered(x: FloatArray, edges: _Edges, shape: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """1 between two tapers, which rise as `shape` of 0…1 and fall as its mirror image."""
    window = np.zeros(len(x))
    window[edges.full : edges.end] = 1.0
    rise, fall = slice(edges.first, edges.full + 1), slice(edges.end, edges.last + 1)
    window[rise] = shape((x[rise] - x[edges.first]) / _span(x, edges.first, edges.full))
    window[fall] = shape(1.0 - (x[fall] - x[edges.end]) / _span(x, edges.end, edges.last))
    return window


def _span(x: FloatArray, first: int, last: int) -> float:
    """Width of a taper; that of no points is nearly none, so as to divide by."""
    return float(x[last] - x[first]) or _TINY * float(x[1] - x[0])


def _hanning(x: FloatArray, edges: _Edges, taper: float) -> FloatArray:
    return _tapered(x, edges, lambda u: np.asarray(np.sin(0.5 * np.pi * u) ** 2))


def _parzen(x: FloatArray, edges: _Edges, taper: float) -> FloatArray:
    return _tapered(x, edges, lambda u: u)


def _welch(x: FloatArray, edges: _Edges, taper: float) -> FloatArray:
    return _tapered(x, edges, lambda u: 1.0 - (1.0 - u) ** 2)


def _sine(x: FloatArray, edges: _Edges, taper: float) -> FloatArray:
    window = np.zeros(len(x))
    some = slice(edges.first, edges.last + 1)
    span = x[edges.last] - x[edges.first]
    window[some] = np.sin(np.pi * (x[edges.last] - x[some]) / span)
    return window


def _gaussian(x: FloatArray, edges: _Edges, taper: float) -> FloatArray:
    width = max(taper, _TINY * float(x[1] - x[0]))
    centre = 0.5 * (x[edges.first] + x[edges.last])
    return np.asarray(np.exp(-0.5 * ((x - centre) / width) ** 2))


def _kaiser(x: FloatArray, edges: _Edges, taper: float) -> FloatArray:
    centre = 0.5 * (x[edges.first] + x[edges.last])
    half = 0.5 * (x[edges.last] - x[edges.first])
    inside = np.sqrt(np.maximum(0.0, 1.0 - ((x - centre) / half) ** 2))
    return np.asarray((i0(taper * inside) - 1.0) / max(1e-10, float(i0(taper)) - 1.0))


WINDOWS: Mapping[str, Callable[[FloatArray, _Edges, float], FloatArray]] = {
    "hanning": _hanning,
    "kaiser": _kaiser,
    "parzen": _parzen,
    "welch": _welch,
    "sine": _sine,
    "gaussian": _gaussian,
}


def make_window(
    x: FloatArray, low: float, high: float, taper: float, name: str = "kaiser"
) -> FloatArray:
    """Window between two values of a uniform grid.

    The windows are those of IFEFFIT and Larch (M. Newville, J. Synchrotron Rad. 8 (2001) 322;
    Larch's documentation, "XAFS: Fourier transforms"), their edges drawn to grid points as
    there: ``hanning`` (cos²), ``parzen`` (linear) and ``welch`` (quadratic) rise over `taper`
    about `low` and fall over it about `high`; ``sine`` is half a period over all of it;
    ``kaiser`` is (I₀(taper·√(1−u²)) − 1)/(I₀(taper) − 1); ``gaussian`` has the standard
    deviation `taper`.

    Parameters
    ----------
    x : array (points,)
        Uniform, from 0.
    low, high : float
        In the unit of `x`.
    taper : float
        Width of both tapers, in the unit of `x` (of ``kaiser``, its parameter).
    name : str

    Returns
    -------
    array (points,)

    Raises
    ------
    SettingError
        For a name that is none, or ``low`` not below ``high``.
    """
    if name not in WINDOWS:
        raise SettingError(f"window {name!r} is none of {', '.join(WINDOWS)}")
    if not low < high:
        raise SettingError(f"a window from {low:g} to {high:g} holds nothing")
    step = float(x[-1] - x[0]) / (len(x) - 1)
    tiny = _TINY * step
    if name == "gaussian":
        taper = max(taper, tiny)
    places = (
        max(float(x[0]), low - taper / 2.0),
        low + taper / 2.0 + tiny,
        high - taper / 2.0 - tiny,
        min(float(x[-1]), high + taper / 2.0),
    )
    first, full, end, last = (int((place + tiny) / step) for place in places)
    first, full = max(0, first), max(0, full)
    end, last = min(len(x) - 1, end), min(len(x) - 1, last)
    if full == first:
        first = max(0, full - 1)
    if last == end:
        end = max(full, last - 1)
    return WINDOWS[name](x, _Edges(first, full, end, last), taper)
