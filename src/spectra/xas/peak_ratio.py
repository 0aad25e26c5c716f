"""`Ratio`: the ratio of pre-edge and main peak alone, as for maps of many pixels."""

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
from spectra.xas.across import Across
from spectra.xas.frames import (
    SIGNIFICANT,
    Verdicts,
    alike_spectra,
    require_energies,
    screen,
    source_attrs,
    spectra_of,
    widen_by_shift,
)
from spectra.xas.local import local_polynomials
from spectra.xas.maxima import Maxima, find_maxima
from spectra.xas.noise import Noise, find_noise, points_together
from spectra.xas.polynomials import Scale
from spectra.xas.ratio import Line, height_variance, ratio_variance, subtract_line

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

DEGREE = 4
_FEWEST = 4
# Points beyond the main window that the noise is estimated from (eV).
_MORE = 60.0
# Level before the pre-edge, as a share of the main peak, that says the edge is elsewhere.
_EARLY = 0.3
_WIDENING = (1.0, 2.0, 3.0)
RATIO = Column(
    "ratio", "", "maximum of the pre-edge over that of the main peak", stderr=True, headline="P/M"
)
PEAKS = (
    Column("peak_energy", "eV", "position of the pre-edge maximum", stderr=True),
    Column("peak_height", "", "its height over the line before the edge", stderr=True),
    Column("main_energy", "eV", "position of the main peak's maximum", stderr=True),
    Column("main_height", "", "its height over the line before the edge", stderr=True),
)


@dataclass(frozen=True)
class RatioPlan:
    """What holds for all frames."""

    table: Table
    attrs: dict[str, Any]


@dataclass(frozen=True)
class Heights:
    """Spectra over the line before the edge, and their two maxima.

    Attributes
    ----------
    scale : Scale
    noise : Noise
    line : Line
    over : Across
    peak, main : Maxima
    sound : bool array (frames,)
        Frames with the edge and its main peak.
    """

    scale: Scale
    noise: Noise
    line: Line
    over: Across
    peak: Maxima
    main: Maxima
    sound: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Ratio(Method):
    """Ratio of pre-edge and main peak (P/M), without the pre-edge's baseline.

    The ratio, heights and positions are those of `PreEdge`, which tells what cancels in them and
    what does not; a map of many pixels that needs nothing else is evaluated faster. Frames are
    flagged alike, but for a baseline that could not be fitted.

    Examples
    --------
    >>> import numpy as np
    >>> energy = np.arange(5380.0, 5560.0, 0.5)
    >>> edge = 0.5 + np.arctan((energy - 5480) / 1.5) / np.pi
    >>> mu = edge + 0.4 * np.exp(-(((energy - 5470) / 1.2) ** 2))
    >>> mu = mu + 0.3 * np.exp(-(((energy - 5490) / 5) ** 2))
    >>> stack = Stack.from_arrays(energy, mu, axis_name="energy", axis_unit="eV", quantity="mu")
    >>> Ratio()(stack)["ratio"].round(2).tolist()
    [0.34]
    """

    name: ClassVar[str] = "xas.Ratio"
    block_size: ClassVar[int] = 3840
    # What a frame without a maximum before the edge has all the same.
    _rest: ClassVar[str] = ""

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

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("line", "window", "main"):
            low, high = getattr(self, name)
            if not low < high:
                raise SettingError(f"{self.name}: {name} = {low}, {high}; give (low, high)")
        if not self.line[1] <= self.window[0] < self.window[1] <= self.main[0]:
            raise SettingError(
                f"{self.name}: line {self.line}, window {self.window} and main {self.main} must "
                "follow one another without overlap"
            )
        if not (self.reach > 0 and self.main_reach > 0):
            raise SettingError(f"{self.name}: reach and main_reach must be positive")

    def prepare(self, source: Stack) -> RatioPlan:
        """Check the stack.

        Raises
        ------
        StackError
            If the axis is not energy in eV.
        """
        require_energies(self.name, source)
        attrs = {**source_attrs(source), "together": points_together(source)}
        return RatioPlan(self._declare(), attrs)

    def table(self, plan: RatioPlan) -> Table:
        """Declare the table."""
        return plan.table

    def fit(self, block: Stack, plan: RatioPlan) -> Results:
        """Evaluate every frame of a block."""
        columns, verdicts = plan.table.empty(len(block)), Verdicts(block)
        begin, end = self._part(block.x)
        x = block.x[begin:end]
        whole, errors = spectra_of(block)
        y = whole[:, begin:end]
        errors = None if errors is None else errors[:, begin:end]
        lacking = self._lacking(x)
        if lacking:
            screen(whole, verdicts)
            verdicts.mark(np.flatnonzero(verdicts.good), Status.BAD_INPUT, lacking)
            finite = np.zeros(y.shape, dtype=bool)
        else:
            finite = screen(y, verdicts)
        groups = alike_spectra(y, errors, finite, np.flatnonzero(verdicts.good))
        for points, rows, some, sigma in groups:
            missing = self._lacking(x[points])
            if missing:
                verdicts.mark(rows, Status.BAD_INPUT, missing)
                continue
            scale = Scale.of(x).only(points)
            heights = self._heights(
                *(scale, some, sigma, block.noise, plan.attrs["together"], rows, verdicts)
            )
            for name, value in self._columns(heights, rows, verdicts).items():
                columns[name][rows] = value
        energies = ("peak_energy", "main_energy", "centroid", "component_position")
        widen_by_shift(columns, block, tuple(n for n in energies if n in columns))
        return verdicts.results(plan.table, columns, block, plan.attrs)

    def _declare(self) -> Table:
        return Table("ratio", (RATIO, *PEAKS), default="ratio")

    def _range(self) -> tuple[float, float]:
        """Energies between which points are needed for the heights."""
        return self.line[0], self.main[1] + self.main_reach

    def _part(self, x: FloatArray) -> tuple[int, int]:
        """Points that anything is taken from."""
        low, high = self._range()
        begin = int(np.searchsorted(x, low))
        return begin, int(np.searchsorted(x, high + _MORE, side="right"))

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

    def _heights(
        self,
        scale: Scale,
        y: FloatArray,
        errors: FloatArray | None,
        kind: str,
        together: float,
        rows: IntArray,
        verdicts: Verdicts,
    ) -> Heights:
        """Line and maxima of frames that share their points."""
        x = scale.x
        valley = np.full(len(y), np.searchsorted(x, 0.5 * (self.window[1] + self.main[0])))
        across = Across.of(y)
        noise = find_noise(x, across, errors, kind, valley, together)
        first, last = np.searchsorted(x, self.line[0]), np.searchsorted(x, self.line[1], "right")
        line, over = subtract_line(scale, across, noise, int(first), int(last))
        near = local_polynomials(x, self.reach, DEGREE, 1)
        before, highest = self._highest(x, over)
        # About how far up the edge the pre-edge reaches.
        share = np.clip(before / np.where(highest > 0, highest, np.inf), 0.0, 1.0)
        peak = find_maxima(x, over, near, noise, self.window, share)
        main = self._main_peak(x, over, noise)
        error = np.sqrt(height_variance(scale, line, main))
        sound = self._judge(x, over, highest, main, error, rows, verdicts)
        self._judge_peak(peak, sound, rows, verdicts)
        return Heights(scale, noise, line, over, peak, main, sound)

    def _columns(
        self, heights: Heights, rows: IntArray, verdicts: Verdicts
    ) -> dict[str, NDArray[Any]]:
        """Columns of frames whose maxima are found."""
        scale, line, sound = heights.scale, heights.line, heights.sound
        peak, main = heights.peak, heights.main
        both = sound & peak.found
        values: dict[str, NDArray[Any]] = {}
        ratio = peak.height / np.where(main.height != 0, main.height, np.nan)
        put(values, "ratio", ratio, ratio_variance(scale, line, peak, main, ratio), both)
        put(values, "peak_energy", peak.energy, peak.energy_variance, both)
        put(values, "peak_height", peak.height, height_variance(scale, line, peak), both)
        put(values, "main_energy", main.energy, main.energy_variance, sound)
        put(values, "main_height", main.height, height_variance(scale, line, main), sound)
        return values

    def _main_peak(self, x: FloatArray, over: Across, noise: Noise) -> Maxima:
        """The main peak, over a wider range where it is too flat to turn within the reach."""
        found: Maxima | None = None
        for widening in _WIDENING:
            around = local_polynomials(x, widening * self.main_reach, DEGREE, 1)
            wider = find_maxima(x, over, around, noise, self.main, 1.0)
            found = wider if found is None else found.where_not(wider)
            if found.found.all():
                break
        assert found is not None
        return found

    def _highest(self, x: FloatArray, over: Across) -> list[FloatArray]:
        """Highest values in the two windows, (frames,) each."""
        ranges = (np.searchsorted(x, window) for window in (self.window, self.main))
        return [over.each(over.values[:, first:last].max(axis=1)) for first, last in ranges]

    def _judge(
        self,
        x: FloatArray,
        over: Across,
        highest: FloatArray,
        main: Maxima,
        error: FloatArray,
        rows: IntArray,
        verdicts: Verdicts,
    ) -> NDArray[np.bool_]:
        """Mark frames without this edge or its main peak; give the others."""
        weak = ~(highest > SIGNIFICANT * error)
        verdicts.mark(
            rows[weak],
            Status.NO_SIGNAL,
            lambda i: (
                f"no edge: the signal reaches {highest[weak][i]:.3g} ± {error[weak][i]:.2g} over "
                f"the line before it between {self.main[0]:g} and {self.main[1]:g} eV"
            ),
        )
        foot = (x > self.line[1]) & (x < self.window[0])
        early = np.zeros(over.count)
        if foot.any():
            # The last quarter of what lies between the line and the pre-edge.
            part = np.flatnonzero(foot)
            part = part[-max(len(part) // 4, 1) :]
            level = over.each(over.values[:, part[0] : part[-1] + 1].mean(axis=1))
            early = level / np.where(weak, np.inf, highest)
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
                f"highest value is at {peak.highest[none][i]:.2f} eV): no P/M{self._rest}"
            ),
        )


def put(
    values: dict[str, NDArray[Any]],
    name: str,
    value: FloatArray,
    variance: FloatArray,
    known: NDArray[np.bool_],
) -> None:
    """Put a column and its uncertainty where it is known."""
    values[name] = np.where(known, value, np.nan)
    values[f"{name}_stderr"] = np.sqrt(np.where(known, np.maximum(variance, 0.0), np.nan))
