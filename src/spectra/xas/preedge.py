"""`PreEdge`: the ratio of pre-edge and main peak, and the pre-edge peaks on their baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.results import Column, Table
from spectra.settings import setting
from spectra.status import Status
from spectra.xas.across import Across
from spectra.xas.baseline import (
    BASELINES,
    Baseline,
    Foot,
    peak_moments,
    spline_baseline,
    width_at_half,
)
from spectra.xas.frames import Verdicts
from spectra.xas.local import local_polynomials
from spectra.xas.maxima import find_maxima
from spectra.xas.noise import Noise
from spectra.xas.peak_ratio import DEGREE, PEAKS, RATIO, Heights, Ratio, put
from spectra.xas.polynomials import weighted_sums
from spectra.xas.ratio import height_variance

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MOST_PEAKS = 4


@dataclass(frozen=True, kw_only=True)
class PreEdge(Ratio):
    """Ratio of pre-edge and main peak (P/M), and the pre-edge peaks on their baseline.

    A line through the range `line` is subtracted, and P/M is the height of the pre-edge's
    maximum over that of the main peak's (``ratio``); the second definition in use takes the
    pre-edge peak's height over its own baseline instead (``ratio_subtracted``). Maxima are
    located between the points, over ± `reach` and ± `main_reach`: by the reciprocal of a
    polynomial of the fourth degree, by the polynomial itself where values are not well above the
    noise, or by a parabola where points are few (`spectra.xas.maxima`). A sharp peak is higher
    between the points than at the highest of them: the ratio of V2O5 comes out a hundredth above
    that of the highest points. A frame without a local maximum in a window has no ratio: it gets
    the status ``lost`` and a message, and what does not need the maximum (area, centroid) stands
    beside it.

    The edge step, the scale of μ and a constant offset cancel in both ratios and in the area
    (which is over the main peak's height, in eV), so that a scan that ends beyond the main peak
    serves, and no E0 is needed. What does not cancel: the ranges and windows chosen, energy
    resolution, over-absorption of fluorescence, a curved background; compare only spectra that
    were measured and evaluated alike (`sensitivity` tells how much each matters). Flattening
    would change the ratio, and is not applied.

    The settings' energies are those of the V K edge; other edges need their own.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> energy = np.arange(5380.0, 5560.0, 0.5)
    >>> edge = 0.5 + np.arctan((energy - 5480) / 1.5) / np.pi
    >>> mu = edge + 0.4 * np.exp(-(((energy - 5470) / 1.2) ** 2))
    >>> mu = mu + 0.3 * np.exp(-(((energy - 5490) / 5) ** 2))
    >>> stack = Stack.from_arrays(energy, mu, axis_name="energy", axis_unit="eV", quantity="mu")
    >>> results = PreEdge()(stack)
    >>> results["peak_energy"].round(1).tolist(), results["ratio"].round(2).tolist()
    ([5470.0], [0.34])
    """

    name: ClassVar[str] = "xas.PreEdge"
    block_size: ClassVar[int] = 3840
    _rest: ClassVar[str] = "; area and centroid over the baseline stand"

    baseline: str = setting("spline", "baseline of the pre-edge peaks", within=", ".join(BASELINES))
    foot: tuple[float, float] = setting((5455.0, 5478.0), "range of the baseline", unit="eV")
    free: tuple[float, float] = setting(
        (5464.0, 5474.0), "part of it that belongs to the peaks", unit="eV"
    )
    peaks: int = setting(0, "peaks fitted together with the baseline", within="0 to 4")
    profile: str = setting("gaussian", "their line shape")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("foot", "free"):
            low, high = getattr(self, name)
            if not low < high:
                raise SettingError(f"{self.name}: {name} = {low}, {high}; give (low, high)")
        if not self.foot[0] < self.free[0] < self.free[1] < self.foot[1]:
            raise SettingError(f"{self.name}: free {self.free} must lie within foot {self.foot}")
        if self.baseline not in BASELINES:
            raise SettingError(
                f"{self.name}: baseline = {self.baseline!r}; expected {', '.join(BASELINES)}"
            )
        if not 0 <= self.peaks <= _MOST_PEAKS:
            raise SettingError(f"{self.name}: peaks = {self.peaks}; expected 0 to {_MOST_PEAKS}")
        if self.peaks:
            from spectra.xas.preedge_fit import SHAPES

            if self.profile not in SHAPES:
                raise SettingError(
                    f"{self.name}: profile = {self.profile!r}; expected {', '.join(SHAPES)}"
                )

    def _declare(self) -> Table:
        return preedge_table(self.peaks)

    def _range(self) -> tuple[float, float]:
        low, high = super()._range()
        return min(low, self.foot[0]), max(high, self.foot[1])

    def _columns(
        self, heights: Heights, rows: IntArray, verdicts: Verdicts
    ) -> dict[str, NDArray[Any]]:
        values = super()._columns(heights, rows, verdicts)
        foot = Foot.of(heights.scale.x, self.foot, self.free)
        if foot.enough():
            values |= self._on_baseline(foot, heights)
            failed = heights.sound & np.isnan(values["area"])
            verdicts.note(rows[failed], f"the {self.baseline} baseline could not be fitted")
        return values

    def _on_baseline(self, foot: Foot, heights: Heights) -> dict[str, NDArray[Any]]:
        """Columns of the peaks over their baseline, in units of the main peak's height."""
        noise, main, sound = heights.noise, heights.main, heights.sound
        height = np.where(sound, main.height, 1.0)
        part = heights.over.frames(foot.first, foot.last)
        sigma = None
        if noise.points is not None:
            sigma = np.sqrt(noise.points[:, foot.first : foot.last]) / height[:, None]
        baseline = self._baseline(foot, part, noise, height, sigma)
        sound = sound & baseline.ok
        x = foot.x
        peaks = part - baseline.values
        top = find_maxima(
            x,
            Across.of(peaks),
            local_polynomials(x, self.reach, DEGREE, 1),
            _cut(noise, foot),
            self.window,
            0.0,
        )
        values: dict[str, NDArray[Any]] = {}
        main_variance = height_variance(heights.scale, heights.line, main) / height**2
        own = top.height_variance + baseline.variance_at(x, top.energy)
        ratio = top.height / height
        found = sound & top.found
        variance = own / height**2 + ratio**2 * main_variance
        put(values, "ratio_subtracted", ratio, variance, found)
        moments = peak_moments(foot, part, baseline, noise)
        area = moments.area / height
        variance = moments.area_variance / height**2 + area**2 * main_variance
        put(values, "area", area, variance, sound)
        put(values, "centroid", moments.centroid, moments.centroid_variance, sound)
        fwhm, variance = width_at_half(x, peaks, top.energy, top.height, own, _level(noise, foot))
        put(values, "fwhm", fwhm, variance, found)
        if self.peaks:
            scaled = (part / height[:, None], peaks / height[:, None])
            values |= self._components(foot, *scaled, sigma, sound)
        return values

    def _baseline(
        self,
        foot: Foot,
        part: FloatArray,
        noise: Noise,
        height: FloatArray,
        sigma: FloatArray | None,
    ) -> Baseline:
        if self.baseline == "spline":
            return spline_baseline(foot, part, noise)
        from spectra.xas.preedge_fit import curved_baseline

        fit = curved_baseline(self.baseline, foot, part / height[:, None], sigma)
        scale = height[:, None]
        return Baseline(fit.values * scale, fit.slopes * scale[..., None], fit.covariance, fit.ok)

    def _components(
        self,
        foot: Foot,
        part: FloatArray,
        peaks: FloatArray,
        sigma: FloatArray | None,
        sound: NDArray[np.bool_],
    ) -> dict[str, NDArray[Any]]:
        from spectra.xas.preedge_fit import fit_components

        fits = fit_components(self.baseline, self.profile, self.peaks, foot, part, peaks, sigma)
        good = sound & np.isin(fits.status, (Status.OK, Status.AT_BOUND))
        values: dict[str, NDArray[Any]] = {}
        for name in ("position", "height", "fwhm", "area"):
            error = fits.stderr[name]
            put(values, f"component_{name}", getattr(fits, name), error**2, good[:, None])
        return values


def _cut(noise: Noise, foot: Foot) -> Noise:
    """The noise of the foot's points."""
    if noise.points is None:
        return noise
    return Noise(noise.points[:, foot.first : foot.last], noise.before, noise.after)


def _level(noise: Noise, foot: Foot) -> FloatArray:
    """Mean variance of the points of the peaks (frames,)."""
    if noise.points is None:
        return noise.before
    part = noise.points[:, foot.first : foot.last]
    return weighted_sums(part, foot.peaks[None] / np.count_nonzero(foot.peaks))[:, 0]


def preedge_table(peaks: int) -> Table:
    """Declare the table, with columns for fitted peaks if there are any."""
    ev = "eV"
    columns = [
        RATIO,
        Column(
            "ratio_subtracted",
            "",
            "height of the pre-edge peak over its baseline, over the main peak",
            stderr=True,
        ),
        *PEAKS,
        Column(
            "area",
            ev,
            "area of the pre-edge peaks over the main peak's height",
            stderr=True,
            headline="pre-edge area",
        ),
        Column(
            "centroid",
            ev,
            "centroid of the pre-edge peaks",
            stderr=True,
            headline="pre-edge centroid",
        ),
        Column("fwhm", ev, "full width at half maximum of the pre-edge peak", stderr=True),
    ]
    coords = {}
    if peaks:
        per = ("component",)
        columns += [
            Column("component_position", ev, "position of a fitted peak", per, stderr=True),
            Column("component_height", "", "its height over the main peak's", per, stderr=True),
            Column("component_fwhm", ev, "its full width at half maximum", per, stderr=True),
            Column("component_area", ev, "its area over the main peak's height", per, stderr=True),
        ]
        coords = {"component": {"number": np.arange(1, peaks + 1)}}
    return Table("preedge", tuple(columns), coords, default="ratio")
