"""Grid, lobes and table of wavelet maps, the same for all frames of a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.results import Column, Table
from spectra.xas.exafs.kmethod import KPlan
from spectra.xas.exafs.lobes import Lobe
from spectra.xas.exafs.maps import MapOperator, Mother, map_operator

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Ends = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class WaveletPlan(KPlan):
    """What holds for all frames; the weight is k^w Ω(k).

    Attributes
    ----------
    mother : Cauchy or Morlet
    at : int array (k,)
        Points of χ(k) that the map has.
    k, r : array
        Of the map.
    high : int array
        Points of χ(R) that the noise is read off.
    lobes : tuple of Lobe
    """

    mother: Mother
    at: IntArray
    k: FloatArray
    r: FloatArray
    high: IntArray
    lobes: tuple[Lobe, ...]

    def operator(self) -> MapOperator:
        """From χ(k) to the map; computed once in a process."""
        return map_operator(self.mother, self.weight, self.step, self.used, self.at, self.r)

    def window_of(self, lobe: Lobe) -> str:
        """Where a lobe is looked for, in words."""
        k, r = self.k[slice(*lobe.k_ends)], self.r[slice(*lobe.r_ends)]
        return f"between k {k[0]:.3g} and {k[-1]:.3g}, R {r[0]:.3g} and {r[-1]:.3g}"


def given_lobes(
    name: str, windows: Mapping[str, tuple[Ends, Ends]], plan: WaveletPlan
) -> tuple[Lobe, ...]:
    """Lobes in given windows, expected in their middles.

    Parameters
    ----------
    name : str
        Of the method, for messages.
    windows : mapping of str to ((k_low, k_high), (r_low, r_high))
    plan : WaveletPlan

    Raises
    ------
    SettingError
        If a window is not within the map.
    """
    out = []
    for label, (k_ends, r_ends) in windows.items():
        ends = []
        for axis, (low, high), what in ((plan.r, r_ends, "R"), (plan.k, k_ends, "k")):
            if low < axis[0] or high > axis[-1]:
                raise SettingError(
                    f"{name}: lobe {label!r} goes from {low:g} to {high:g} in {what}, the "
                    f"map from {axis[0]:.4g} to {axis[-1]:.4g}; widen the map or narrow it"
                )
            first, last = np.searchsorted(axis, [low, high]).tolist()
            first, last = max(first, 2), min(last + 1, len(axis) - 2)
            if first >= last:
                raise SettingError(
                    f"{name}: lobe {label!r} lies on the rim of the map in {what}, where "
                    "no maximum can be told; widen the map or move it"
                )
            ends.append((first, last))
        middle = [(first + last) // 2 for first, last in ends]
        out.append(Lobe(label, middle[0], middle[1], ends[0], ends[1]))
    return tuple(out)


def wavelet_table(lobes: tuple[Lobe, ...], k: FloatArray, r: FloatArray, *, maps: bool) -> Table:
    """Declare the table for some lobes and a grid, with the maps themselves if `maps`."""
    own = ("lobe",)
    # The unit of |W| is 1/angstrom^k_weight.
    columns = [
        Column(
            "lobe_r",
            "angstrom",
            "R of the lobe's maximum, phase not corrected",
            own,
            True,
            headline="lobe R",
        ),
        Column("lobe_k", "1/angstrom", "k of the lobe's maximum", own, True, headline="lobe k"),
        Column("height", "", "|W| there, in angstrom^-k_weight", own, True),
        Column("integral", "", "|W| over the lobe's window, in angstrom^-k_weight", own, True),
        Column("ridge_r", "angstrom", "R at which |W| is highest at each k", ("k",)),
        Column("ridge_height", "", "|W| there, in angstrom^-k_weight", ("k",)),
    ]
    if maps:
        columns.append(Column("modulus", "", "|W(k, R)|", ("r", "k"), dtype="float32"))
    ends = {
        "r_low": [r[lobe.r_ends[0]] for lobe in lobes],
        "r_high": [r[lobe.r_ends[1] - 1] for lobe in lobes],
        "k_low": [k[lobe.k_ends[0]] for lobe in lobes],
        "k_high": [k[lobe.k_ends[1] - 1] for lobe in lobes],
    }
    coords = {
        "lobe": {
            "label": np.array([lobe.name for lobe in lobes], dtype=str),
            **{name: np.array(value, dtype=float) for name, value in ends.items()},
        },
        "k": {"k": k},
        "r": {"r": r},
    }
    return Table("wavelet", tuple(columns), coords, "lobe_r")
