"""What a report shows of a record: steps by their table, abscissae, frames worth a look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.report.labels import frame_names, with_unit
from spectra.results import Record, Results
from spectra.stack import Stack, Variable

FloatArray = NDArray[np.float64]

PREFERRED = ("time", "capacity", "x", "temperature", "voltage", "charge")
"""Variables over which sequences are plotted first."""
_BESIDE = ("voltage", "temperature", "capacity", "x")
_CHARGED = ("voltage", "capacity", "x", "charge")
# Kelvin or degrees beyond which a change of temperature is meant.
_RAMP = 10.0
# What a program wrote down about its own work: no abscissa.
_WORKINGS = ("energy_shift", "athena_e0", "multiplier", "cosmic_rays", "scale")
_TIMES = ("time", "elapsed")
_HOURS_FROM = 7200.0
_EXAMPLE_COLUMNS = ("background_poly", "parameters", "window_low", "window_high", "peak_status")


@dataclass(frozen=True)
class Abscissa:
    """Something to plot frames against."""

    name: str
    label: str
    values: FloatArray


def step_of(record: Record, table: str) -> Results | None:
    """Return the last step whose table has a name."""
    found = [r for r in record.steps.values() if r.table.name == table]
    return found[-1] if found else None


def is_simulated(record: Record) -> bool:
    """Whether the measurements, the recipe or any result is labelled as simulated."""
    titles = [str(record.recipe.get("title", ""))]
    titles += [str(r.attrs.get("title", "")) for r in record.steps.values()]
    marks = [r.attrs.get("simulated", False) for r in record.steps.values()]
    if record.stack is not None:
        titles.append(record.stack.title)
        marks.append(record.stack.metadata.get("simulated", False))
    return any(map(_is_true, marks)) or any("simulated" in t.lower() for t in titles)


def _is_true(mark: object) -> bool:
    # Files hold booleans as strings at times, and the string "False" is true in Python.
    return str(mark).lower() not in ("false", "0", "0.0", "", "none")


def same_frames(record: Record, results: Results) -> Stack | None:
    """The stack, if its frames are those of some results."""
    stack = record.stack
    return stack if stack is not None and stack.n_frames == len(results) else None


def abscissae(results: Results) -> list[Abscissa]:
    """Variables that change along the sequence, the frame number last."""
    out = []
    names = [n for n in _preferred(results) if n in results.variables]
    names = list(dict.fromkeys([*names, *results.variables]))
    for name in names:
        if name in _WORKINGS:
            continue
        one = abscissa(name, results.variables[name])
        known = one.values[np.isfinite(one.values)]
        if known.size > 1 and np.ptp(known) > 0:
            out.append(one)
    out.append(Abscissa("frame", "frame", np.arange(results.n_frames, dtype=float)))
    return out


def _preferred(results: Results) -> tuple[str, ...]:
    """Variables in the order a reader asks for them; a ramp is shown over its temperature."""
    temperature = results.variables.get("temperature")
    if temperature is None or any(n in results.variables for n in _CHARGED):
        return PREFERRED
    known = temperature.values[np.isfinite(temperature.values)]
    ramp = known.size > 1 and float(np.ptp(known)) > _RAMP
    return ("temperature", *PREFERRED) if ramp else PREFERRED


def abscissa(name: str, variable: Variable) -> Abscissa:
    """A variable with its label; times begin at zero and long ones are in hours."""
    values, unit = np.asarray(variable.values, dtype=float), variable.unit
    known = values[np.isfinite(values)]
    if name in _TIMES and unit in ("s", "") and known.size:
        values, unit = values - known.min(), "s"
        if np.ptp(known) > _HOURS_FROM:
            values, unit = values / 3600.0, "h"
    return Abscissa(name, with_unit(name.replace("_", " "), unit), values)


def names_of(results: Results) -> list[str]:
    """What the frames of some results are called in titles and tables."""
    along = abscissae(results)[0]
    unit = along.label.partition(" (")[2].rstrip(")")
    if along.name == "frame":
        return frame_names(results.names)
    return frame_names(results.names, [f"{v:.3g} {unit}".strip() for v in along.values.tolist()])


def beside(stack: Stack) -> Abscissa | None:
    """What stands beside the map of patterns: the voltage, or what else was varied."""
    for name in _BESIDE:
        variable = stack.variables.get(name)
        if variable is None:
            continue
        known = variable.values[np.isfinite(variable.values)]
        if known.size > 1 and np.ptp(known) > 0:
            return abscissa(name, variable)
    return None


def can_evaluate(peaks: Results) -> bool:
    """Whether the table holds what the fitted curves are computed from."""
    return all(c in peaks.columns for c in _EXAMPLE_COLUMNS) and "profile" in peaks.attrs


def misfit_name(results: Results) -> str:
    """What `chi2_reduced` is: of noise that nobody knows it is but how far residuals scatter."""
    unknown = results.attrs.get("errors") == "residual"
    return "variance of residuals" if unknown else "reduced χ²"


def example_frames(peaks: Results) -> list[tuple[str, int]]:
    """Best, median and worst frame by reduced χ².

    Where the noise is known, the best frame is the one nearest to 1: far below 1 the noise,
    not the fit, is at odds with the data. Where it is estimated from the residuals, the
    smallest is the best.
    """
    if "chi2_reduced" not in peaks.columns:
        return []
    chi2 = peaks["chi2_reduced"]
    good = np.flatnonzero(np.isfinite(chi2) & peaks.ok())
    if good.size == 0:
        return []
    key = np.maximum(chi2[good], 1e-12)
    if peaks.attrs.get("errors") != "residual":
        key = np.abs(np.log(key))
    order = good[np.argsort(key, kind="stable")]
    picks = {"best": int(order[0]), "median": int(order[order.size // 2]), "worst": int(order[-1])}
    seen: dict[int, str] = {}
    for name, i in picks.items():
        seen.setdefault(i, name)
    return [(name, i) for i, name in seen.items()]


@dataclass(frozen=True)
class FitExample:
    """One frame: data, fitted curve, and their difference.

    The difference is in units of the standard uncertainty of the data, or in those of the
    data (``scaled`` is False) where that uncertainty is not known.
    """

    name: str
    x: FloatArray
    y: FloatArray
    model: FloatArray
    difference: FloatArray
    scaled: bool


def fit_example(stack: Stack, peaks: Results, i: int) -> FitExample:
    """Frame `i` with its fitted curve, NaN outside the fitted windows."""
    from spectra.xrd.curves import evaluate

    frame = stack[i].load()
    y = np.asarray(frame.signal)[0]
    model = evaluate(frame, peaks[i])[0]
    sigma: FloatArray | float = 1.0
    if frame.errors is not None:
        sigma = np.asarray(frame.errors)[0]
    elif frame.noise == "counts":
        sigma = np.sqrt(np.maximum(model, 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = (y - model) / sigma
    difference = np.where(np.isfinite(difference), difference, np.nan)
    scaled = not isinstance(sigma, float)
    return FitExample(str(frame.names[0]), frame.x, y, model, difference, scaled)


@dataclass(frozen=True)
class PatternMap:
    """Patterns reduced to a picture: means over neighbouring frames and points.

    ``edges`` are the ends of the picture along the axis and along the frames.
    """

    axis: FloatArray
    frames: FloatArray
    rows: FloatArray

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """Lowest and highest value of the axis, lowest and highest frame."""
        half = 0.5 * float(np.median(np.diff(self.axis))) if self.axis.size > 1 else 0.5
        step = float(self.frames[1] - self.frames[0]) if self.frames.size > 1 else 1.0
        return (
            float(self.axis[0]) - half,
            float(self.axis[-1]) + half,
            float(self.frames[0]) - step / 2,
            float(self.frames[-1]) + step / 2,
        )


def pattern_map(record: Record, most_frames: int, most_points: int) -> PatternMap | None:
    """Reduce the patterns for a picture; None without any, and for spectra of absorption.

    The picture's columns are evenly spaced along the axis, also where its points are not,
    so that a picture stretched between the ends puts every line in its place. What was not
    measured is NaN. Only a few frames are in memory at a time.
    """
    stack = record.stack
    if stack is None or stack.n_frames == 0 or stack.n_points == 0:
        return None
    if stack.quantity != "intensity":
        return None
    # Groups of one size (the last may be smaller): a picture has equal pixels.
    size = -(-stack.n_frames // most_frames)
    frames = np.split(np.arange(stack.n_frames), range(size, stack.n_frames, size))
    n = min(stack.n_points, most_points)
    grid = np.linspace(stack.x[0], stack.x[-1], n)
    half = 0.5 * (grid[1] - grid[0]) if n > 1 else 0.5
    first = np.searchsorted(stack.x, grid - half, side="left")
    last = np.searchsorted(stack.x, grid + half, side="left")
    last[-1] = stack.n_points
    nearest = np.clip(np.round(np.interp(grid, stack.x, np.arange(stack.n_points))), 0, None)
    first = np.where(last > first, first, nearest.astype(int))
    last = np.maximum(last, first + 1)
    rows = np.empty((len(frames), n))
    for r, group in enumerate(frames):
        block = np.asarray(stack.signal[int(group[0]) : int(group[-1]) + 1], dtype=float)
        finite = np.isfinite(block)
        total = np.concatenate([[0.0], np.cumsum(np.where(finite, block, 0.0).sum(axis=0))])
        count = np.concatenate([[0], np.cumsum(finite.sum(axis=0))])
        number = count[last] - count[first]
        mean = (total[last] - total[first]) / np.maximum(number, 1)
        rows[r] = np.where(number > 0, mean, np.nan)
    return PatternMap(grid, np.array([g.mean() for g in frames]), rows)


def thin(n: int, most: int) -> NDArray[np.intp]:
    """Indices of at most `most` of n frames, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.intp)) if n else np.arange(0)


def envelope(y: FloatArray, most: int) -> NDArray[np.intp]:
    """Indices of at most `most` points that keep the extremes of a curve, in order.

    The curve is cut into bins of equal numbers of points; the lowest and the highest point
    of each are kept, so that no line loses its top.
    """
    n = len(y)
    if n <= most:
        return np.arange(n)
    bins = np.array_split(np.arange(n), max(most // 2, 1))
    flat = np.nan_to_num(np.asarray(y, dtype=float), nan=0.0, posinf=0.0, neginf=0.0)
    kept = [b[[int(np.argmin(flat[b])), int(np.argmax(flat[b]))]] for b in bins]
    return np.unique(np.concatenate(kept))
