"""`Endpoints`: a region fitted in windows that end elsewhere, and what that does to its areas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.status import Status
from spectra.xps.quantities import standard_uncertainties
from spectra.xps.region import Plan, Region

if TYPE_CHECKING:
    from spectra.stack import Stack

FloatArray = NDArray[np.float64]

# Of Gauss and Legendre, three points: mean and variance over a range are exact for ends that act
# linearly or by their squares.
_NODES = (-np.sqrt(0.6), 0.0, np.sqrt(0.6))
_WEIGHTS = (5.0 / 18.0, 8.0 / 18.0, 5.0 / 18.0)


@dataclass(frozen=True)
class EndpointPlan:
    """Plans of the window asked for and of those that end elsewhere.

    Attributes
    ----------
    base : Plan
    regions : tuple of Region
    plans : tuple of Plan
    weights : array (windows,)
        Their sum is 1.
    """

    base: Plan
    regions: tuple[Region, ...]
    plans: tuple[Plan, ...]
    weights: FloatArray


@dataclass(frozen=True, kw_only=True)
class Endpoints(Region):
    """A region as `xps.Region` fits it, and how its results move with the ends of the window.

    Either end lies anywhere within `reach` of where it was set, all places being as likely, and
    never beyond the axis. The fits in nine such windows give the mean of each area over the ends
    (`area_mean`), the standard uncertainty that the choice of the ends means (`area_endpoint`,
    `fraction_endpoint`, `valence_endpoint`; with covariances), and the window of least reduced
    χ² (`best_low`, `best_high`) with its areas (`area_best`). All other columns are those of the
    window asked for; their uncertainties do not hold that of the ends, which is stated apart.

    With a background that describes the spectrum the ends do nothing beyond the noise of the
    points that they take in or leave: what exceeds it tells that the background does not.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xps import Model, Species
    >>> model = Model(name="one", species=(Species(name="a", level="C 1s", position=284.8),))
    >>> energy = np.linspace(278, 292, 141)
    >>> counts = np.rint(100 + 900 * np.exp(-(((energy - 284.8) / 0.7) ** 2)))
    >>> stack = Stack.from_arrays(energy, counts, noise="counts", axis_name="binding_energy")
    >>> results = Endpoints(model=model, window=(280, 290))(stack)
    >>> results["area_endpoint"].shape
    (1, 1)
    """

    name: ClassVar[str] = "xps.Endpoints"

    reach: float = setting(
        1.0, "how far either end may lie from where it was set", unit="eV", within="above 0"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.reach > 0:
            raise SettingError(f"{self.name}: reach = {self.reach} eV; expected above 0")

    def prepare(self, source: Stack) -> EndpointPlan:  # type: ignore[override]
        """Plan the fits in all windows."""
        base = self._plain.prepare(source)
        regions, weights = zip(*self._windows(source.x, base.x), strict=True)
        plans = tuple(region.prepare(source) for region in regions)
        return EndpointPlan(base, tuple(regions), plans, np.array(weights))

    def table(self, plan: EndpointPlan) -> Table:  # type: ignore[override]
        """Declare the columns of a region, and those of the ends."""
        table = self._plain.table(plan.base)
        per, both = ("species",), ("species", "other_species")
        columns = (
            Column("area_mean", "eV", "area, mean over where the window may end", per),
            Column("area_endpoint", "eV", "its uncertainty from where the window ends", per),
            Column("endpoint_covariance", "eV^2", "covariances of areas from the same", both),
            Column("fraction_endpoint", "", "uncertainty of fractions from the same", per),
            Column("valence_endpoint", "", "uncertainty of the mean valence from the same"),
            Column("best_low", "eV", "lower end of the window of least reduced chi square"),
            Column("best_high", "eV", "upper end of that window"),
            Column("area_best", "eV", "areas in that window", per),
        )
        return replace(table, columns=(*table.columns, *columns))

    def fit(self, block: Stack, plan: EndpointPlan) -> Results:  # type: ignore[override]
        """Fit every frame of a block in all windows."""
        base = self._plain.fit(block, plan.base)
        found = [r.fit(block, p) for r, p in zip(plan.regions, plan.plans, strict=True)]
        table = self.table(plan)
        columns = {**table.empty(len(block)), **base.columns}
        good = np.all([r.ok() for r in (base, *found)], axis=0)
        area = np.stack([r["area"] for r in found])
        mean, cov = _over_ends(area, plan.weights)
        values: dict[str, FloatArray] = {
            "area_mean": mean,
            "area_endpoint": standard_uncertainties(cov),
            "endpoint_covariance": cov,
        }
        for name in ("fraction", "valence"):
            each = np.stack([r[name].reshape(len(block), -1) for r in found])
            spread = standard_uncertainties(_over_ends(each, plan.weights)[1])
            values[f"{name}_endpoint"] = spread.reshape(base[name].shape)
        misfit = np.stack([r["chi2_reduced"] for r in found])
        best = np.where(np.isfinite(misfit), misfit, np.inf).argmin(axis=0)
        ends = np.array([[p.x[0], p.x[-1]] for p in plan.plans])
        values |= {"best_low": ends[best, 0], "best_high": ends[best, 1]}
        values["area_best"] = area[best, np.arange(len(block))]
        for name, value in values.items():
            mask = good.reshape(-1, *[1] * (value.ndim - 1))
            columns[name] = np.where(mask, value, np.nan)
        told = good | (base.status != Status.OK)
        messages = tuple(
            text if fine else "; ".join(filter(None, (text, "not fitted in all windows")))
            for text, fine in zip(base.messages, told, strict=True)
        )
        attrs = {**base.attrs, "endpoints": self._ends_told(plan)}
        return replace(base, table=table, columns=columns, messages=messages, attrs=attrs)

    @cached_property
    def _plain(self) -> Region:
        """The region in the window asked for."""
        return Region(**{f.name: getattr(self, f.name) for f in fields(Region)})

    def _windows(self, axis: FloatArray, x: FloatArray) -> Iterator[tuple[Region, float]]:
        """Regions of other windows on the axis, and their weights."""
        low, high = _places(x[0], self.reach, axis), _places(x[-1], self.reach, axis)
        if not 2.0 * self.reach < x[-1] - x[0]:
            raise SettingError(
                f"{self.name}: reach = {self.reach:g} eV, but the window is {x[-1] - x[0]:g} eV; "
                "expected less than half of it"
            )
        for start, first in zip(low, _WEIGHTS, strict=True):
            for stop, second in zip(high, _WEIGHTS, strict=True):
                yield replace(self._plain, window=(float(start), float(stop))), first * second

    def _ends_told(self, plan: EndpointPlan) -> dict[str, Any]:
        ends = np.array([[p.x[0], p.x[-1]] for p in plan.plans])
        (low, high), (least, most) = ends.min(axis=0), ends.max(axis=0)
        return {
            "reach": self.reach,
            "low": [float(low), float(least)],
            "high": [float(high), float(most)],
        }


def plain_region(given: Region | Mapping[str, Any]) -> Region:
    """A region as others fit it again and again.

    Raises
    ------
    SettingError
        For `Endpoints`, which fits nine windows of its own.
    """
    if isinstance(given, Endpoints):
        raise SettingError(
            f"{given!r:.60}... is {Endpoints.name}; expected xps.Region: give its settings but "
            "`reach`, and take the uncertainty of the ends from xps.Endpoints itself"
        )
    return Region.given(given)


def _places(end: float, reach: float, axis: FloatArray) -> FloatArray:
    """Three places of an end within its range, as far as the axis goes."""
    low, high = max(end - reach, float(axis[0])), min(end + reach, float(axis[-1]))
    return np.asarray((low + high) / 2.0 + (high - low) / 2.0 * np.array(_NODES))


def _over_ends(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean (frames, n) and covariances (frames, n, n) of values (windows, frames, n)."""
    # One after the other: sums of products must not hang on how many frames there are.
    _, frames, n = values.shape
    mean, cov = np.zeros((frames, n)), np.zeros((frames, n, n))
    for weight, value in zip(weights.tolist(), values, strict=True):
        mean += weight * value
    for weight, value in zip(weights.tolist(), values - mean, strict=True):
        cov += weight * value[:, :, None] * value[:, None, :]
    return mean, cov
