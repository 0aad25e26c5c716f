"""`PreEdge`: the ratio of pre-edge and main peak, and the pre-edge peaks on their baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.method import Method
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.stack import Stack
from spectra.status import Status
from spectra.xas.baseline import (
    BASELINES,
    Baseline,
    Foot,
    peak_moments,
    spline_baseline,
    width_at_half,
)
from spectra.xas.frames import (
    Verdicts,
    alike_points,
    cut,
    require_energies,
    screen,
    widen_by_shift,
)
from spectra.xas.local import local_polynomials
from spectra.xas.maxima import Maxima, find_maxima
from spectra.xas.noise import Noise, find_noise
from spectra.xas.polynomials import Scale, weighted_sums
from spectra.xas.ratio import Line, fit_line, height_variance, ratio_variance, subtract_line

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_DEGREE = 4
_FEWEST = 4
# Points beyond the main window that the noise is estimated from (eV).
_MORE = 60.0
_SIGNIFICANT = 5.0
# Level before the pre-edge, as a share of the main peak, that says the edge is elsewhere.
_EARLY = 0.3
_MOST_PEAKS = 4
_WIDENING = (1.0, 2.0, 3.0)


@dataclass(frozen=True)
class PreEdgePlan:
    """What holds for all frames."""

    table: Table
    attrs: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class PreEdge(Method):
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

    line: tuple[float, float] = setting(
        (5382.0, 5442.0), "range of the line that is subtracted", unit="eV"
    )
    window: tuple[float, float] = setting(
        (5465.0, 5473.0), "where the pre-edge peak's maximum is", unit="eV"
    )
    main: tuple[float, float] = setting(
        (5478.0, 5510.0), "where the main peak's maximum is", unit="eV"
    )
    reach: float = setting(1.0, "half-width about the pre-edge maximum", unit="eV", within="> 0")
    main_reach: float = setting(3.0, "half-width about the main maximum", unit="eV", within="> 0")
    baseline: str = setting("spline", "baseline of the pre-edge peaks", within=", ".join(BASELINES))
    foot: tuple[float, float] = setting((5455.0, 5478.0), "range of the baseline", unit="eV")
    free: tuple[float, float] = setting(
        (5464.0, 5474.0), "part of it that belongs to the peaks", unit="eV"
    )
    peaks: int = setting(0, "peaks fitted together with the baseline", within="0 to 4")
    profile: str = setting("gaussian", "their line shape")

    def __post_init__(self) -> None:
        for name in ("line", "window", "main", "foot", "free"):
            low, high = getattr(self, name)
            if not low < high:
                raise SettingError(f"{self.name}: {name} = {low}, {high}; give (low, high)")
        if not self.line[1] <= self.window[0] < self.window[1] <= self.main[0]:
            raise SettingError(
                f"{self.name}: line {self.line}, window {self.window} and main {self.main} must "
                "follow one another without overlap"
            )
        if not self.foot[0] < self.free[0] < self.free[1] < self.foot[1]:
            raise SettingError(f"{self.name}: free {self.free} must lie within foot {self.foot}")
        if self.baseline not in BASELINES:
            raise SettingError(
                f"{self.name}: baseline = {self.baseline!r}; expected {', '.join(BASELINES)}"
            )
        if not 0 <= self.peaks <= _MOST_PEAKS:
            raise SettingError(f"{self.name}: peaks = {self.peaks}; expected 0 to {_MOST_PEAKS}")
        if not (self.reach > 0 and self.main_reach > 0):
            raise SettingError(f"{self.name}: reach and main_reach must be positive")
        if self.peaks:
            from spectra.xas.preedge_fit import SHAPES

            if self.profile not in SHAPES:
                raise SettingError(
                    f"{self.name}: profile = {self.profile!r}; expected {', '.join(SHAPES)}"
                )

    def prepare(self, source: Stack) -> PreEdgePlan:
        """Check the stack.

        Raises
        ------
        StackError
            If the axis is not energy in eV.
        """
        require_energies(self.name, source)
        attrs = {
            "title": source.title,
            "quantity": source.quantity,
            "errors": "residual" if source.noise == "unknown" else source.noise,
        }
        return PreEdgePlan(preedge_table(self.peaks), attrs)

    def table(self, plan: PreEdgePlan) -> Table:
        """Declare the table."""
        return plan.table

    def fit(self, block: Stack, plan: PreEdgePlan) -> Results:
        """Evaluate every frame of a block."""
        columns, verdicts = plan.table.empty(len(block)), Verdicts(block)
        begin, end = self._part(block.x)
        x = block.x[begin:end]
        y = np.asarray(block.signal, dtype=float)[:, begin:end]
        errors = None
        if block.errors is not None:
            errors = np.asarray(block.errors, dtype=float)[:, begin:end]
        lacking = self._lacking(x)
        if lacking:
            screen(np.asarray(block.signal, dtype=float), verdicts)
            verdicts.mark(np.flatnonzero(verdicts.good), Status.BAD_INPUT, lacking)
            finite = np.zeros(y.shape, dtype=bool)
        else:
            finite = screen(y, verdicts)
        for points, rows in alike_points(finite, np.flatnonzero(verdicts.good)):
            missing = self._lacking(x[points])
            if missing:
                verdicts.mark(rows, Status.BAD_INPUT, missing)
                continue
            some = cut(y, rows, points)
            sigma = None if errors is None else cut(errors, rows, points)
            scale = Scale.of(x).only(points)
            values = self._evaluate(scale, some, sigma, block.noise, rows, verdicts)
            for name, value in values.items():
                columns[name][rows] = value
        fitted = ("component_position",) if self.peaks else ()
        widen_by_shift(columns, block, ("peak_energy", "main_energy", "centroid", *fitted))
        return Results(
            table=plan.table,
            columns=columns,
            status=verdicts.status,
            messages=tuple(verdicts.messages),
            names=block.names,
            variables=block.variables,
            attrs=plan.attrs,
        )

    def _part(self, x: FloatArray) -> tuple[int, int]:
        """Points that anything is taken from."""
        low = min(self.line[0], self.foot[0])
        high = max(self.main[1] + self.main_reach, self.foot[1]) + _MORE
        begin = int(np.searchsorted(x, low))
        return begin, int(np.searchsorted(x, high, side="right"))

    def _lacking(self, x: FloatArray) -> str:
        """What these points lack for the ratio; empty if nothing."""
        if x.size == 0:
            return self._outside("no point near the edge")
        scan = f"the scan ({x[0]:.1f} to {x[-1]:.1f} eV)"
        for name in ("line", "window", "main"):
            low, high = getattr(self, name)
            count = int(((x >= low) & (x <= high)).sum())
            if count < _FEWEST:
                return self._outside(f"{scan} has {count} points in {name} {low:g} to {high:g} eV")
        half = 0.5 * (self.line[0] + self.line[1])
        if x[0] > half:
            return f"{scan} begins too late for line {self.line[0]:g} to {self.line[1]:g} eV"
        step = np.diff(x[(x >= self.main[0]) & (x <= self.main[1])]).max()
        if x[-1] < self.main[1] - step:
            return (
                f"{scan} is truncated: main {self.main[0]:g} to {self.main[1]:g} eV is not covered"
            )
        return ""

    def _outside(self, what: str) -> str:
        return f"{what}: a truncated scan or another element's; set line, window and main for it"

    def _evaluate(
        self,
        scale: Scale,
        y: FloatArray,
        errors: FloatArray | None,
        kind: str,
        rows: IntArray,
        verdicts: Verdicts,
    ) -> dict[str, NDArray[Any]]:
        """Columns for frames that share their points."""
        x = scale.x
        valley = np.full(len(y), np.searchsorted(x, 0.5 * (self.window[1] + self.main[0])))
        noise = find_noise(x, y, errors, kind, valley)
        first, last = np.searchsorted(x, self.line[0]), np.searchsorted(x, self.line[1], "right")
        line = fit_line(scale, y, noise, int(first), int(last))
        over = subtract_line(scale, y, line, 0, len(x))
        near = local_polynomials(x, self.reach, _DEGREE, 1)
        share = self._share(x, over)
        peak = find_maxima(x, over, near, noise, self.window, share)
        main = self._main_peak(x, over, noise)
        height_error = np.sqrt(height_variance(scale, line, main))
        sound = self._judge(x, over, main, height_error, rows, verdicts)
        self._judge_peak(peak, sound, rows, verdicts)
        both = sound & peak.found
        values: dict[str, NDArray[Any]] = {}
        ratio = peak.height / np.where(main.height != 0, main.height, np.nan)
        _put(values, "ratio", ratio, ratio_variance(scale, line, peak, main, ratio), both)
        _put(values, "peak_energy", peak.energy, peak.energy_variance, both)
        _put(values, "peak_height", peak.height, height_variance(scale, line, peak), both)
        _put(values, "main_energy", main.energy, main.energy_variance, sound)
        _put(values, "main_height", main.height, height_error**2, sound)
        foot = Foot.of(x, self.foot, self.free)
        if foot.enough():
            values |= self._on_baseline(scale, foot, over, noise, line, main, sound)
            failed = sound & np.isnan(values["area"])
            verdicts.note(rows[failed], f"the {self.baseline} baseline could not be fitted")
        return values

    def _main_peak(self, x: FloatArray, over: FloatArray, noise: Noise) -> Maxima:
        """The main peak, over a wider range where it is too flat to turn within the reach."""
        found: Maxima | None = None
        for widening in _WIDENING:
            around = local_polynomials(x, widening * self.main_reach, _DEGREE, 1)
            wider = find_maxima(x, over, around, noise, self.main, 1.0)
            found = wider if found is None else found.where_not(wider)
            if found.found.all():
                break
        assert found is not None
        return found

    def _share(self, x: FloatArray, over: FloatArray) -> FloatArray:
        """About how far up the edge the pre-edge reaches (frames,)."""
        tops = []
        for low, high in (self.window, self.main):
            first, last = np.searchsorted(x, (low, high))
            tops.append(over[:, first:last].max(axis=1))
        share = tops[0] / np.where(tops[1] > 0, tops[1], np.inf)
        return np.asarray(np.clip(share, 0.0, 1.0))

    def _judge(
        self,
        x: FloatArray,
        over: FloatArray,
        main: Maxima,
        error: FloatArray,
        rows: IntArray,
        verdicts: Verdicts,
    ) -> NDArray[np.bool_]:
        """Mark frames without this edge or its main peak; give the others."""
        first, last = np.searchsorted(x, (self.main[0], self.main[1]))
        inside = over[:, first:last]
        highest = inside.max(axis=1)
        weak = ~(highest > _SIGNIFICANT * error)
        verdicts.mark(
            rows[weak],
            Status.NO_SIGNAL,
            lambda i: (
                f"no edge: the signal reaches {highest[weak][i]:.3g} ± {error[weak][i]:.2g} over "
                f"the line before it between {self.main[0]:g} and {self.main[1]:g} eV"
            ),
        )
        foot = (x > self.line[1]) & (x < self.window[0])
        early = np.zeros(len(over))
        if foot.any():
            # The last quarter of what lies between the line and the pre-edge.
            part = np.flatnonzero(foot)
            part = part[-max(len(part) // 4, 1) :]
            early = over[:, part].mean(axis=1) / np.where(weak, np.inf, highest)
        other = ~weak & (np.abs(early) > _EARLY)
        verdicts.mark(
            rows[other],
            Status.LOST,
            lambda i: (
                f"below {self.window[0]:g} eV the signal is already {early[other][i]:.0%} of the "
                "main peak: the edge is not where line, window and main are set (another "
                "element, or a wrong energy scale)"
            ),
        )
        none = ~weak & ~other & ~main.found
        verdicts.mark(
            rows[none],
            Status.LOST,
            lambda i: (
                f"no main peak between {self.main[0]:g} and {self.main[1]:g} eV: the signal is "
                f"highest at {main.highest[none][i]:.2f} eV without a local maximum there"
            ),
        )
        return np.asarray(main.found & ~weak & ~other)

    def _judge_peak(
        self, peak: Maxima, sound: NDArray[np.bool_], rows: IntArray, verdicts: Verdicts
    ) -> None:
        none = sound & ~peak.found
        verdicts.mark(
            rows[none],
            Status.LOST,
            lambda i: (
                f"no local maximum between {self.window[0]:g} and {self.window[1]:g} eV (the "
                f"highest value is at {peak.highest[none][i]:.2f} eV): no P/M; area and centroid "
                "over the baseline stand"
            ),
        )

    def _on_baseline(
        self,
        scale: Scale,
        foot: Foot,
        over: FloatArray,
        noise: Noise,
        line: Line,
        main: Maxima,
        sound: NDArray[np.bool_],
    ) -> dict[str, NDArray[Any]]:
        """Columns of the peaks over their baseline, in units of the main peak's height."""
        height = np.where(sound, main.height, 1.0)
        part = over[:, foot.first : foot.last]
        sigma = None
        if noise.points is not None:
            sigma = np.sqrt(noise.points[:, foot.first : foot.last]) / height[:, None]
        baseline = self._baseline(foot, part, noise, height, sigma)
        sound = sound & baseline.ok
        x = foot.x
        peaks = part - baseline.values
        top = find_maxima(
            x,
            peaks,
            local_polynomials(x, self.reach, _DEGREE, 1),
            _cut(noise, foot),
            self.window,
            0.0,
        )
        values: dict[str, NDArray[Any]] = {}
        main_variance = height_variance(scale, line, main) / height**2
        own = top.height_variance + baseline.variance_at(x, top.energy)
        ratio = top.height / height
        found = sound & top.found
        variance = own / height**2 + ratio**2 * main_variance
        _put(values, "ratio_subtracted", ratio, variance, found)
        moments = peak_moments(foot, part, baseline, noise)
        area = moments.area / height
        variance = moments.area_variance / height**2 + area**2 * main_variance
        _put(values, "area", area, variance, sound)
        _put(values, "centroid", moments.centroid, moments.centroid_variance, sound)
        fwhm, variance = width_at_half(x, peaks, top.energy, top.height, own, _level(noise, foot))
        _put(values, "fwhm", fwhm, variance, found)
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
            _put(values, f"component_{name}", getattr(fits, name), error**2, good[:, None])
        return values


def _put(
    values: dict[str, NDArray[Any]],
    name: str,
    value: FloatArray,
    variance: FloatArray,
    known: NDArray[np.bool_],
) -> None:
    """Put a column and its uncertainty where it is known."""
    values[name] = np.where(known, value, np.nan)
    values[f"{name}_stderr"] = np.sqrt(np.where(known, np.maximum(variance, 0.0), np.nan))


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
        Column("ratio", "", "maximum of the pre-edge over that of the main peak", stderr=True),
        Column(
            "ratio_subtracted",
            "",
            "height of the pre-edge peak over its baseline, over the main peak",
            stderr=True,
        ),
        Column("peak_energy", ev, "position of the pre-edge maximum", stderr=True),
        Column("peak_height", "", "its height over the line before the edge", stderr=True),
        Column("main_energy", ev, "position of the main peak's maximum", stderr=True),
        Column("main_height", "", "its height over the line before the edge", stderr=True),
        Column("area", ev, "area of the pre-edge peaks over the main peak's height", stderr=True),
        Column("centroid", ev, "centroid of the pre-edge peaks", stderr=True),
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
