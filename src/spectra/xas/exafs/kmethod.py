"""What methods on a range of χ(k) have in common: range, window and noise, and a block's frame."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.method import Method
from spectra.results import Results, Table
from spectra.settings import setting
from spectra.stack import Stack
from spectra.xas.exafs.chi import Chi, chi_of, k_of
from spectra.xas.exafs.high_r import HIGH_R
from spectra.xas.exafs.screening import (
    check_range,
    known_errors,
    needed_points,
    require_distances,
    require_range,
    screen_chi,
)
from spectra.xas.exafs.windows import WINDOWS
from spectra.xas.frames import Verdicts

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

NOISES = ("auto", "high_r")


@dataclass(frozen=True, kw_only=True)
class KPlan:
    """What holds for all frames.

    Attributes
    ----------
    table : Table
    weight : array (points,)
        Of the grid of χ(k): of its heaviest points none may be missing.
    used : slice
        Points of it that weigh something.
    step : float
        Of it (1/angstrom).
    attrs : dict
    """

    table: Table
    weight: FloatArray
    used: slice
    step: float
    attrs: dict[str, Any]


@dataclass(frozen=True)
class KBlock:
    """The frames of a block that have χ(k) in the range.

    Attributes
    ----------
    rows : int array (n,)
        Which they are.
    chi : array (n, points)
        At the points used.
    known : array (n, points) or None
        Its standard uncertainties where they are known, NaN for frames that lack some.
    columns : dict of array
        Of the block, to be filled.
    verdicts : Verdicts
    """

    rows: IntArray
    chi: FloatArray
    known: FloatArray | None
    columns: dict[str, NDArray[Any]]
    verdicts: Verdicts


@dataclass(frozen=True, kw_only=True)
class KMethod(Method):
    """Base of methods that weigh a range of χ(k) with a window.

    Parameters
    ----------
    k_range : (low, high)
        Middles of the window's tapers. A frame whose χ(k) has gaps where the window is not
        nearly zero is bad input.
    window, taper
        As in `spectra.xas.exafs.windows.make_window`.
    r_range : (low, high)
        R that are looked at.
    noise_range : (low, high)
        R at which nothing scatters back (`spectra.xas.exafs.high_r`). The noise from there is
        what uncertainties follow from, unless those of χ(k) are given.
    noise : {"auto", "high_r"}
        ``high_r`` takes the noise of high R in any case: the uncertainties given with spectra
        that were interpolated onto more points are too small.
    """

    k_range: tuple[float, float] = setting((3.0, 12.0), "range of k", unit="1/angstrom")
    window: str = setting("hanning", "shape of the window", within=", ".join(WINDOWS))
    taper: float = setting(1.0, "width of the window's tapers", unit="1/angstrom", within="≥ 0")
    r_range: tuple[float, float] = setting((1.0, 3.0), "range of R", unit="angstrom")
    noise_range: tuple[float, float] = setting(
        HIGH_R, "R at which there is nothing but noise", unit="angstrom"
    )
    noise: str = setting(
        "auto", "given with χ(k) where it is, or always high R's", within=", ".join(NOISES)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("k_range", "r_range", "noise_range"):
            object.__setattr__(self, name, check_range(self.name, name, getattr(self, name)))
        self.one_of("noise", NOISES)
        self.one_of("window", tuple(WINDOWS))
        if not self.taper >= 0:
            raise SettingError(f"{self.name}: taper = {self.taper!r}; expected 0 or more")

    def one_of(self, name: str, known: tuple[str, ...]) -> None:
        """Refuse a setting that is none of some words.

        Raises
        ------
        SettingError
        """
        if getattr(self, name) not in known:
            raise SettingError(
                f"{self.name}: {name} = {getattr(self, name)!r}; expected "
                f"{', '.join(known[:-1])} or {known[-1]}"
            )

    def grid(self, source: Stack | Results) -> FloatArray:
        """The k of a source that can hold the ranges of k and R (points,).

        Raises
        ------
        StackError
            If the source is no χ(k), or ends before k_range.
        SettingError
            If its steps do not tell r_range.
        """
        k = k_of(self.name, source)
        require_range(self.name, k, self.k_range)
        require_distances(self.name, self.r_range, float(k[1] - k[0]))
        return k

    def screened(
        self, chi: Chi, block: Stack | Results, plan: KPlan
    ) -> tuple[FloatArray, BoolArray, Verdicts]:
        """χ(k) (frames, points), the frames that can be used, and verdicts."""
        return screen_chi(chi, needed_points(plan.weight), self.k_range, block)

    @abstractmethod
    def transform(self, block: KBlock, plan: Any) -> None:
        """Fill the columns of frames that have χ(k)."""

    def table(self, plan: KPlan) -> Table:
        """Declare the table."""
        return plan.table

    def fit(self, block: Stack | Results, plan: Any) -> Results:
        """Transform every frame of a block."""
        chi, columns = chi_of(self.name, block), plan.table.empty(len(block))
        values, good, verdicts = self.screened(chi, block, plan)
        rows = np.flatnonzero(good)
        errors = None if self.noise == "high_r" else chi.stderr
        if rows.size:
            known = known_errors(errors, rows, needed_points(plan.weight))
            some = values if len(rows) == len(values) else values[rows]
            own = None if known is None else known[:, plan.used]
            self.transform(KBlock(rows, some[:, plan.used], own, columns, verdicts), plan)
        attrs = {**plan.attrs, "errors": "residual" if errors is None else "given"}
        return verdicts.results(plan.table, columns, block, attrs)


def used_points(window: FloatArray) -> slice:
    """From the first point of a window that is not zero to the last."""
    inside = np.flatnonzero(window)
    return slice(int(inside[0]), int(inside[-1]) + 1)
