"""χ(k) among columns, brought to multiples of one step of k."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from spectra.errors import ReaderError, SettingError
from spectra.readers.arithmetic import calculate
from spectra.readers.frame import Frame
from spectra.readers.ordering import order_points

FloatArray = NDArray[np.float64]

_K = ("k", "wavenumber", "k_1_angstrom", "k_1_a", "k_a_1", "k_angstrom_1", "k_ang_1")
_CHI = ("chi", "chi_k", "chi_e", "xchi")
_FEWEST = 8
_MOST_K = 100.0
# Steps that differ by less of them are the same.
_ALIKE = 1e-3


def holds_chi(names: Iterable[str]) -> bool:
    """Whether columns of these names are k and χ."""
    names = list(names)
    return any(n in _K for n in names) and any(n in _CHI for n in names)


def chi_frame(
    path: Path, columns: Mapping[str, FloatArray], signal: str = "", where: str = ""
) -> Frame:
    """Make χ(k) of columns; k is the one of that name, else the first.

    Points that are no multiples of one step are interpolated by a cubic spline at those of the
    median step, and that is noted.

    Parameters
    ----------
    path : Path
        For messages.
    columns : mapping of name to array (points,)
    signal : str
        Expression that gives χ, by default the column of that name, else the second.
    where : str
        For messages.

    Raises
    ------
    ReaderError
        If there is no such k or no χ.
    """
    names = list(columns)
    k_name = next((n for n in names if n in _K), names[0])
    others = [n for n in names if n != k_name]
    if not signal:
        signal = next((n for n in others if n in _CHI), others[0] if others else "")
    k = columns[k_name]
    order = order_points(k)
    k = order.apply(k)
    if not signal or len(k) < _FEWEST or k[0] < 0 or k[-1] > _MOST_K:
        raise ReaderError(
            path,
            f"no χ(k) in the columns {', '.join(names)}",
            where=where,
            expected=f"k from 0 to {_MOST_K:g} 1/angstrom in the column {k_name}, {_FEWEST} points "
            "or more, and χ beside it",
            remedy="say quantity='mu' if it is absorption, or what χ is, as in signal='chik2/k**2'",
        )
    try:
        chi = calculate(signal, {n: order.apply(v) for n, v in columns.items()})
    except SettingError as error:
        raise ReaderError(path, str(error), where=where, remedy="correct the expression") from None
    known = np.isfinite(chi)
    if known.sum() < _FEWEST:
        raise ReaderError(
            path,
            f"χ = {signal} has {known.sum()} finite points",
            where=where,
            remedy="leave it out",
        )
    grid, values, note = _on_multiples(k[known], chi[known])
    return Frame(
        grid,
        values,
        metadata={"signal": signal},
        axis="k",
        unit="1/angstrom",
        quantity="chi",
        name=where,
        note="; ".join(filter(None, (order.note, note))),
    )


def _on_multiples(k: FloatArray, chi: FloatArray) -> tuple[FloatArray, FloatArray, str]:
    """χ at multiples of one step, and what was done for it."""
    step = float(f"{np.median(np.diff(k)):.4g}")
    first, last = int(np.ceil(k[0] / step - _ALIKE)), int(np.floor(k[-1] / step + _ALIKE))
    grid = np.asarray(step * np.arange(first, last + 1), dtype=float)
    if len(grid) == len(k) and np.abs(grid - k).max() <= _ALIKE * step:
        return grid, chi, ""
    note = (
        f"interpolated from {len(k)} uneven points of k to {len(grid)} in steps of {step:g} "
        "1/angstrom"
    )
    return grid, np.asarray(CubicSpline(k, chi)(np.clip(grid, k[0], k[-1]))), note
