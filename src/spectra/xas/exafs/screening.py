"""Which frames hold χ(k) where a transform needs it, and what is wrong with the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.results import Results
from spectra.stack import Stack
from spectra.status import Status
from spectra.xas.exafs.chi import Chi
from spectra.xas.frames import Verdicts

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# A point that weighs less than this share of the heaviest may be missing.
_LIGHT = 1e-3
GOOD = (Status.OK, Status.AT_BOUND)


def needed_points(window: FloatArray) -> BoolArray:
    """Points of a window that must have been measured (points,)."""
    return np.asarray(window > _LIGHT * window.max())


def require_range(name: str, k: FloatArray, k_range: tuple[float, float]) -> None:
    """Refuse a range of k that no frame can cover.

    Raises
    ------
    StackError
    """
    low, high = k_range
    step = float(k[1] - k[0])
    if high > k[-1] + 0.5 * step:
        raise StackError(
            f"{name}: χ(k) goes to {k[-1]:g} 1/angstrom, k_range to {high:g}; set k_range = "
            f"[{low:g}, {k[-1]:g}] or measure farther"
        )


def check_range(name: str, setting: str, given: Any) -> tuple[float, float]:
    """Two rising numbers, not negative.

    Raises
    ------
    SettingError
        Naming the method and its setting.
    """
    try:
        low, high = (float(v) for v in given)
    except (TypeError, ValueError):
        raise SettingError(f"{name}: {setting} = {given!r}; expected two numbers") from None
    if not 0.0 <= low < high < np.inf:
        raise SettingError(f"{name}: {setting} = {given!r}; expected 0 ≤ low < high")
    return low, high


def require_distances(name: str, r_range: tuple[float, float], step: float) -> None:
    """Refuse a range of R that steps of k do not tell: those to π/(2δk).

    Raises
    ------
    SettingError
    """
    most = 0.5 * np.pi / step
    if r_range[1] > most:
        raise SettingError(
            f"{name}: r_range ends at {r_range[1]:g} angstrom; χ(k) in steps of {step:g} "
            f"1/angstrom tells distances up to {most:.4g}"
        )


def screen_chi(
    chi: Chi, needed: BoolArray, k_range: tuple[float, float], block: Any
) -> tuple[FloatArray, BoolArray, Verdicts]:
    """χ(k) with zeros where nothing was measured, the frames that can be used, and verdicts.

    Parameters
    ----------
    chi : Chi
    needed : bool array (points,)
    k_range : (low, high)
        For messages.
    block : Stack or Results
        What `chi` is of.

    Returns
    -------
    values : array (frames, points)
    good : bool array (frames,)
    verdicts : Verdicts
    """
    verdicts = Verdicts(block)
    bounded = verdicts.status == Status.AT_BOUND
    verdicts.status[bounded] = Status.OK
    finite = np.isfinite(chi.values)
    lacking = np.flatnonzero((~finite & needed).any(axis=1))
    verdicts.mark(
        lacking, Status.BAD_INPUT, lambda i: _lack(chi.k, finite[lacking[i]], needed, k_range)
    )
    values = chi.values if finite.all() else np.where(finite, chi.values, 0.0)
    part = values[:, needed]
    flat = np.flatnonzero(part.min(axis=1) == part.max(axis=1))
    verdicts.mark(flat, Status.NO_SIGNAL, "χ(k) is the same at all k")
    good = verdicts.good
    verdicts.status[bounded & good] = Status.AT_BOUND
    return values, good, verdicts


def known_errors(
    stderr: FloatArray | None, rows: NDArray[np.intp], needed: NDArray[np.bool_]
) -> FloatArray | None:
    """Uncertainties of some frames: zero where the window is, NaN for frames that lack some."""
    if stderr is None:
        return None
    some = stderr if len(rows) == len(stderr) else stderr[rows]
    finite = np.isfinite(some)
    lacking = np.asarray((~finite & needed).any(axis=1) | ~(some > 0).any(axis=1))
    return np.asarray(np.where(lacking[:, None], np.nan, np.where(finite, some, 0.0)))


def title_of(source: Stack | Results) -> str:
    """Title of a source of χ(k)."""
    return source.title if isinstance(source, Stack) else str(source.attrs.get("title", ""))


def _lack(k: FloatArray, finite: BoolArray, needed: BoolArray, k_range: tuple[float, float]) -> str:
    """What one frame lacks, and what can be done."""
    low, high = k_range
    wanted = f"k_range = [{low:g}, {high:g}]"
    if not finite.any():
        return "no value of χ(k) is a number; see the step that made it"
    missing = k[needed & ~finite]
    first, last = float(k[finite][0]), float(k[finite][-1])
    if missing[0] > last:
        return (
            f"χ(k) ends at {last:.4g} 1/angstrom, before the end of {wanted} (and its taper); "
            f"set k_range = [{low:g}, {last:.4g}] or leave the frame out"
        )
    if missing[-1] < first:
        return (
            f"χ(k) begins at {first:.4g} 1/angstrom, after the begin of {wanted} (and its taper); "
            f"set k_range = [{first:.4g}, {high:g}]"
        )
    return (
        f"{len(missing)} points of χ(k) within {wanted} are not numbers, the first at "
        f"{missing[0]:.4g} 1/angstrom; remove the glitch before the background (xas.Deglitch) or "
        "choose a range without it"
    )
