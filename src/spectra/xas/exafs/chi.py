"""χ(k) as every method on it takes it: from `xas.Background`, or a stack of χ(k)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import StackError
from spectra.results import Results
from spectra.stack import Stack

FloatArray = NDArray[np.float64]

_UNITS = ("", "1/angstrom", "1/Å", "Å⁻¹", "angstrom^-1")


@dataclass(frozen=True)
class Chi:
    """χ(k) of some frames on one uniform grid.

    Attributes
    ----------
    k : array (points,)
        Multiples of one step, from 0 (1/angstrom).
    values : array (frames, points)
        NaN where nothing was measured.
    stderr : array (frames, points) or None
        Standard uncertainties of the values, where they are known.
    """

    k: FloatArray
    values: FloatArray
    stderr: FloatArray | None

    @property
    def step(self) -> float:
        """Step of the grid (1/angstrom)."""
        return float(self.k[1] - self.k[0])


def k_grid(step: float, points: int) -> FloatArray:
    """The grid of χ(k): multiples of a step from 0 (1/angstrom)."""
    return np.asarray(step * np.arange(points), dtype=float)


def chi_of(name: str, source: Stack | Results) -> Chi:
    """χ(k) of all frames of a source in memory.

    Parameters
    ----------
    name : str
        Of the method that asks, for messages.
    source : Stack or Results
        A stack of quantity ``chi`` over k in 1/angstrom, or what `xas.Background` gave.

    Raises
    ------
    StackError
        If it is neither, or its k is not a multiple of one step throughout.
    """
    if isinstance(source, Results):
        if source.table.name != "background":
            raise StackError(
                f"{name} takes χ(k) of xas.Background; it was given a table {source.table.name!r}"
            )
        k = np.asarray(source.table.coords["k"]["k"], dtype=float)
        return Chi(k, source["chi"], source["chi_stderr"])
    if source.axis.name != "k" or source.quantity != "chi":
        raise StackError(
            f"{name} takes χ(k), from xas.Background or as a stack of quantity 'chi' over k; it "
            f"was given {source.quantity!r} over {source.axis.name!r}: remove the background "
            "first, or say quantity = 'chi' if that is what the columns hold"
        )
    if source.axis.unit not in _UNITS:
        raise StackError(
            f"{name} takes k in 1/angstrom; that of the stack is in "
            f"{source.axis.unit!r}: convert it"
        )
    values = np.asarray(source.signal[:], dtype=float)
    errors = None if source.errors is None else np.asarray(source.errors[:], dtype=float)
    k, start = _from_zero(name, source.x)
    return Chi(k, _padded(values, start), None if errors is None else _padded(errors, start))


def k_of(name: str, source: Stack | Results) -> FloatArray:
    """The grid of `chi_of`, for any number of frames."""
    return chi_of(name, source[:1] if isinstance(source, Results) else source[:1].load()).k


def _from_zero(name: str, k: FloatArray) -> tuple[FloatArray, int]:
    """The grid continued down to 0, and how many points that adds."""
    if len(k) < 2 or k[0] < 0:
        raise StackError(
            f"{name} takes χ at two or more k from 0 on; there are {len(k)}, from {k[0]:g} "
            "1/angstrom"
        )
    step = float(k[-1] - k[0]) / (len(k) - 1)
    start = round(float(k[0]) / step)
    grid = np.asarray(step * np.arange(start + len(k)), dtype=float)
    if not np.allclose(grid[start:], k, rtol=0.0, atol=1e-3 * step):
        raise StackError(
            f"{name} takes χ on multiples of one step of k; these go from {k[0]:g} to {k[-1]:g} "
            f"in steps of {np.diff(k).min():g} to {np.diff(k).max():g} 1/angstrom"
        )
    return grid, start


def _padded(values: FloatArray, start: int) -> FloatArray:
    """NaN for the points below the first."""
    return values if start == 0 else np.pad(values, ((0, 0), (start, 0)), constant_values=np.nan)
