"""`SoftEdge`: L₂,₃ edges and K edges of light elements: steps, peaks, centroids, branching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.fit.uncertainty import propagate
from spectra.method import Method
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.stack import Stack
from spectra.status import Status
from spectra.xas.across import Across
from spectra.xas.frames import require_energies, source_attrs, widen_by_shift
from spectra.xas.local import local_polynomials
from spectra.xas.maxima import Maxima, find_maxima
from spectra.xas.mixture.frames import Frames, Window, frames_of, points_of
from spectra.xas.noise import Noise, find_noise, points_together
from spectra.xas.steps import Background, Steps, fit_background

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

SIGNAL = "signal"

_FEWEST_POINTS = 24
_FEWEST_OUTSIDE, _FEWEST_INSIDE = 5, 4
# Its even part, of the fourth degree, follows a maximum without bias; the odd one a slope.
_DEGREE = 5


@dataclass(frozen=True)
class SoftPlan:
    """Points that are used, and their energies."""

    table: Table
    points: IntArray
    energy: FloatArray
    attrs: dict[str, Any]


@dataclass(frozen=True)
class Measured:
    """What one channel gave: columns (frames, …), and which frames and peaks have them."""

    columns: dict[str, FloatArray]
    found: BoolArray
    frames: Frames


@dataclass(frozen=True, kw_only=True)
class SoftEdge(Method):
    """Peaks of a soft edge over a line and arctan steps, in one channel or several side by side.

    The background is a line and one step per edge, the heights in fixed proportion: for L₂,₃ two
    steps as 2 : 1, the degeneracies of 2p₃⸝₂ and 2p₁⸝₂, at the maxima of the two peaks (C. T. Chen
    et al., Phys. Rev. Lett. 75 (1995) 152). It is fitted to the points of `before` and
    `after`, all peaks being left out. Over it are taken, within the window of each peak: the area A
    by the trapezoidal rule, the centroid ∫E·y dE/A, and the height at the maximum, whose
    position is that of the spectrum itself (see `find_maxima`). The branching ratio is
    A₁/(A₁ + A₂), for L₃ and L₂ the B of B. T. Thole and G. van der Laan (Phys. Rev. B 38 (1988)
    3158).

    Uncertainties hold the scatter of the points (given, or estimated from the spectra), that of
    the background, and their correlation. They do not hold the choice of the windows, nor where
    the steps stand: ``background_misfit`` well above one tells that the background is more than
    a line and steps.

    Parameters
    ----------
    peaks : tuple of (float, float)
        Window of each peak (eV): L₃ and L₂, or one or more of a K edge.
    before, after : (float, float)
        Where there is only background (eV).
    steps : tuple of float
        Energies of the steps (eV); by default the maxima of the peaks. For a K edge the
        ionisation threshold, e.g. that of the photoelectron line.
    shares : tuple of float
        Proportion of the steps; by default 2 : 1 for two, equal for others.
    width : float
        Full width Γ of the steps (eV).
    reach : float
        Half-width of the polynomials through the maxima (eV).
    channels : tuple of str
        ``"signal"`` and further channels of the stack, e.g. ``("signal", "tfy")`` for electron
        yield (surface) beside fluorescence yield (bulk) of the same scan. With several, every
        column has the dimension ``channel``.

    Notes
    -----
    Fluorescence yield is flattened by self-absorption, and its branching ratio is not that of
    absorption: compare it with its own references only (S. Eisebitt et al., Phys. Rev. B 47
    (1993) 14103).

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> energy = np.arange(500.0, 535.0, 0.1)
    >>> y = sum(
    ...     h * np.exp(-((energy - at) ** 2)) + s * (0.5 + np.arctan((energy - at) / 0.2) / np.pi)
    ...     for at, h, s in ((517.0, 3.0, 0.2), (523.5, 1.5, 0.1)))
    >>> stack = Stack.from_arrays(energy, y, axis_name="energy", axis_unit="eV", quantity="mu")
    >>> edges = SoftEdge(peaks=((513, 520), (520, 527)), before=(500, 508), after=(529, 534))(stack)
    >>> edges["branching"].round(2).tolist()
    [0.61]
    """

    name: ClassVar[str] = "xas.SoftEdge"
    block_size: ClassVar[int] = 256

    peaks: tuple[Window, ...] = setting((), "window of each peak", unit="eV")
    before: Window = setting((0.0, 0.0), "background before the edge", unit="eV")  # noqa: RUF009
    after: Window = setting((0.0, 0.0), "background after the edge", unit="eV")  # noqa: RUF009
    steps: tuple[float, ...] = setting((), "energies of the steps; else the maxima", unit="eV")
    shares: tuple[float, ...] = setting((), "proportion of the steps")
    width: float = setting(1.0, "full width of the steps", unit="eV", within="> 0")
    reach: float = setting(0.5, "half-width of polynomials through maxima", unit="eV", within="> 0")
    channels: tuple[str, ...] = setting((SIGNAL,), "signals to work on, side by side")

    def __post_init__(self) -> None:
        super().__post_init__()
        set_ = object.__setattr__
        set_(self, "peaks", tuple(_window(w, "peaks", self.name) for w in self.peaks))
        for name in ("before", "after"):
            set_(self, name, _window(getattr(self, name), name, self.name))
        given: Any = self.channels
        set_(self, "channels", (given,) if isinstance(given, str) else tuple(given))
        set_(self, "steps", tuple(float(v) for v in self.steps))
        count = len(self.steps) or len(self.peaks)
        usual = (2.0, 1.0) if count == 2 else (1.0,) * count
        set_(self, "shares", tuple(float(v) for v in self.shares) or usual)
        if not self.peaks or not self.channels or len(set(self.channels)) < len(self.channels):
            raise SettingError(
                f"{self.name}: peaks = {self.peaks!r}, channels = {self.channels!r}; give at "
                "least one window and one channel, none twice"
            )
        if len(self.shares) != count or min(self.shares) <= 0:
            raise SettingError(
                f"{self.name}: shares = {self.shares!r}; expected {count} positive numbers, one "
                "per step"
            )
        if not (self.width > 0 and self.reach > 0):
            raise SettingError(
                f"{self.name}: width = {self.width!r}, reach = {self.reach!r}; expected > 0"
            )
        inside = [w for w in self.peaks for b in (self.before, self.after) if _overlap(w, b)]
        if inside:
            raise SettingError(
                f"{self.name}: the peak {inside[0]} lies in the background {self.before} or "
                f"{self.after}"
            )

    def prepare(self, source: Stack) -> SoftPlan:
        """Check the stack and choose the points.

        Raises
        ------
        StackError
            If it is not over energy, lacks a channel, or has too few points in a window.
        """
        require_energies(self.name, source)
        for channel in self.channels:
            if channel != SIGNAL:
                source.channel(channel)
        windows = (self.before, self.after, *self.peaks)
        span = min(w[0] for w in windows), max(w[1] for w in windows)
        points = points_of(source, span, _FEWEST_POINTS, self.name)
        energy = np.ascontiguousarray(source.x[points])
        for window in windows:
            needed = _FEWEST_INSIDE if window in self.peaks else _FEWEST_OUTSIDE
            if (count := np.count_nonzero(_inside(energy, window))) < needed:
                raise StackError(
                    f"{self.name}: {count} points from {window[0]:g} to {window[1]:g} eV; at least "
                    f"{needed} are needed (the axis runs from {source.x[0]:g} to "
                    f"{source.x[-1]:g} eV)"
                )
        table = soft_table(self.peaks, self.channels)
        attrs = {**source_attrs(source), "together": points_together(source)}
        return SoftPlan(table, points, energy, attrs)

    def table(self, plan: SoftPlan) -> Table:
        """Declare the table."""
        return plan.table

    def fit(self, block: Stack, plan: SoftPlan) -> Results:
        """Measure every frame of a block, channel by channel."""
        parts = [self._measure(_channel(block, c), plan) for c in self.channels]
        columns = plan.table.empty(len(block))
        single = len(parts) == 1
        for name in columns:
            values = np.stack([p.columns[name] for p in parts], axis=1)
            columns[name][:] = values[:, 0] if single else values
        widen_by_shift(columns, block, ("position", "centroid"))
        status, messages = self._verdicts(parts)
        return Results(
            table=plan.table,
            columns=columns,
            status=status,
            messages=messages,
            names=block.names,
            variables=block.variables,
            attrs=plan.attrs,
        )

    def _measure(self, block: Stack, plan: SoftPlan) -> Measured:
        """Columns of one channel; NaN where there is nothing."""
        frames = frames_of(block, plan.points, complete=True)
        shape = (len(block), len(self.peaks))
        columns: dict[str, FloatArray] = {
            name: np.full(shape, np.nan) for name in _names(_PEAK_COLUMNS)
        }
        columns |= {name: np.full(shape[0], np.nan) for name in _names(_EDGE_COLUMNS)}
        found = np.zeros(shape, dtype=bool)
        rows = np.flatnonzero(frames.usable)
        if rows.size:
            part = frames.take(rows)
            errors = np.sqrt(1.0 / part.weight) if part.known else None
            values, own = self._evaluate(plan, part.y, errors, block.noise)
            found[rows] = own
            for name, column in columns.items():
                column[rows] = values[name]
        return Measured(columns, found, frames)

    def _evaluate(
        self, plan: SoftPlan, y: FloatArray, errors: FloatArray | None, kind: str
    ) -> tuple[dict[str, FloatArray], BoolArray]:
        """Columns of frames that have all points, and which peaks they have."""
        energy = plan.energy
        edge = np.full(len(y), np.searchsorted(energy, self.peaks[0][0]))
        across = Across.of(y)
        noise = find_noise(energy, across, errors, kind, edge, plan.attrs["together"])
        variance = _variances(noise, energy, 0.5 * sum(self.peaks[0]))
        around = local_polynomials(energy, self.reach, _DEGREE, 1)
        maxima = [find_maxima(energy, across, around, noise, w, 1.0) for w in self.peaks]
        found = np.stack([m.found for m in maxima], axis=1)
        places = np.broadcast_to(np.array(self.steps), (len(y), len(self.steps)))
        if not self.steps:
            # Where there is no maximum, a step in the middle keeps the other peaks measurable.
            middle = np.array([0.5 * sum(w) for w in self.peaks])
            places = np.where(found, np.stack([m.energy for m in maxima], axis=1), middle)
        outside = _inside(energy, self.before) | _inside(energy, self.after)
        steps = Steps(places, np.array(self.shares), self.width)
        background = fit_background(energy, y, variance, steps, outside)
        values = self._areas(energy, y, variance, background)
        values |= _tops(maxima, background)
        values["step"] = background.parameters[:, 2]
        values["step_stderr"] = np.sqrt(background.parameter_covariance[:, 2, 2])
        values["background_misfit"] = background.misfit
        return values, found

    def _areas(
        self, energy: FloatArray, y: FloatArray, variance: FloatArray, background: Background
    ) -> dict[str, FloatArray]:
        """Areas, centroids and the branching ratio, with their uncertainties."""
        weights = np.stack([trapezoid(energy, w) for w in self.peaks])
        over = y - background.curve
        turned = np.ascontiguousarray(weights.T)
        area = np.matmul(over[:, None, :], turned)[:, 0, :]
        first = np.matmul((over * energy)[:, None, :], turned)[:, 0, :]
        safe = np.where(area > 0, area, np.nan)
        centroid = first / safe
        total = safe.sum(axis=1)
        lever = weights * (energy - centroid[:, :, None]) / safe[:, :, None]
        sums = np.concatenate([np.broadcast_to(weights, lever.shape), np.nan_to_num(lever)], axis=1)
        cov = background.sum_covariance(sums, variance)
        error = np.sqrt(np.maximum(np.einsum("rii->ri", cov), 0.0))
        n = len(self.peaks)
        gradient = -(area[:, :1] / total[:, None] ** 2) * np.ones(n)
        gradient[:, 0] += 1.0 / total
        spread = propagate(np.nan_to_num(gradient), cov[:, :n, :n])
        return {
            "area": area,
            "area_stderr": error[:, :n],
            "centroid": centroid,
            "centroid_stderr": np.where(np.isfinite(centroid), error[:, n:], np.nan),
            "branching": area[:, 0] / total,
            "branching_stderr": np.sqrt(spread) + 0.0 * total,
        }

    def _verdicts(self, parts: Sequence[Measured]) -> tuple[NDArray[np.int8], tuple[str, ...]]:
        """Status and message of every frame, from all channels."""
        status = np.zeros(len(parts[0].found), np.int8)
        texts: list[list[str]] = [[] for _ in status]
        for channel, part in zip(self.channels, parts, strict=True):
            named = f"{channel}: " if len(parts) > 1 else ""
            for i in np.flatnonzero(~part.frames.usable).tolist():
                status[i] = status[i] or part.frames.status[i]
                texts[i].append(f"{named}{part.frames.messages[i]}")
            lost = part.frames.usable & ~part.found.all(axis=1)
            for i in np.flatnonzero(lost).tolist():
                status[i] = status[i] or Status.LOST
                windows = [self.peaks[j] for j in np.flatnonzero(~part.found[i]).tolist()]
                told = ", ".join(f"{low:g}…{high:g} eV" for low, high in windows)
                texts[i].append(f"{named}no maximum within {told}")
        return status, tuple("; ".join(t) for t in texts)


_PEAK_COLUMNS = (
    Column("position", "eV", "energy of the maximum", stderr=True, headline="position"),
    Column("height", "", "maximum over the background", stderr=True),
    Column("area", "eV", "area over the background", stderr=True, headline="area"),
    Column("centroid", "eV", "mean energy of the area", stderr=True),
)
_EDGE_COLUMNS = (
    Column(
        "branching",
        "",
        "area of the first peak over that of all",
        stderr=True,
        headline="branching ratio",
    ),
    Column("step", "", "height of all steps together", stderr=True),
    Column("background_misfit", "", "χ² per degree of freedom of the background"),
)


def soft_table(peaks: Sequence[Window], channels: Sequence[str]) -> Table:
    """Declare the table of `SoftEdge`."""
    several = ("channel",) if len(channels) > 1 else ()
    columns = [replace(c, dims=(*several, "peak")) for c in _PEAK_COLUMNS]
    columns += [
        replace(c, dims=several) for c in _EDGE_COLUMNS if c.name != "branching" or len(peaks) > 1
    ]
    coords: dict[str, dict[str, NDArray[Any]]] = {
        "peak": {
            "label": np.array([f"p{i + 1}" for i in range(len(peaks))]),
            "low": np.array([w[0] for w in peaks]),
            "high": np.array([w[1] for w in peaks]),
        }
    }
    if several:
        coords["channel"] = {"label": np.array(channels)}
    return Table("soft_edge", tuple(columns), coords, "area")


def _names(columns: Sequence[Column]) -> list[str]:
    """Names of columns, those of their uncertainties included."""
    return [c.name for column in columns for c in column.expand()]


def trapezoid(energy: FloatArray, window: Window) -> FloatArray:
    """Weights (points,) of the trapezoidal rule over the points within a window."""
    weights = np.zeros(len(energy))
    index = np.flatnonzero(_inside(energy, window))
    step = 0.5 * np.diff(energy[index])
    weights[index[:-1]] += step
    weights[index[1:]] += step
    return weights


def _tops(maxima: Sequence[Maxima], background: Background) -> dict[str, FloatArray]:
    """Positions and heights of the maxima (frames, peaks)."""
    found, top, height, spread, variance = (
        np.stack([getattr(m, name) for m in maxima], axis=1)
        for name in ("found", "energy", "height", "energy_variance", "height_variance")
    )
    below, uncertain = background.at(top)
    return {
        "position": np.where(found, top, np.nan),
        "position_stderr": np.where(found, np.sqrt(spread), np.nan),
        "height": np.where(found, height - below, np.nan),
        "height_stderr": np.where(found, np.sqrt(variance + uncertain), np.nan),
    }


def _channel(block: Stack, name: str) -> Stack:
    """The block with one of its channels for the signal; its noise is not known."""
    if name == SIGNAL:
        return block
    return replace(block, signal=block.channel(name), errors=None, noise="unknown", channels={})


def _variances(noise: Noise, energy: FloatArray, middle: float) -> FloatArray:
    """Variances of all points (frames, points)."""
    if noise.points is not None:
        return noise.points
    after = energy >= middle
    return np.where(after, noise.after[:, None], noise.before[:, None])


def _inside(energy: FloatArray, window: Window) -> BoolArray:
    return np.asarray((energy >= window[0]) & (energy <= window[1]))


def _overlap(one: Window, other: Window) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _window(given: Any, what: str, method: str) -> Window:
    low, high = (float(v) for v in given)
    if not low < high:
        raise SettingError(f"{method}: {what} = {given!r}; expected two increasing energies (eV)")
    return low, high
