"""What a report shows of a record: steps by their table, abscissae, frames worth a look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.results import Record, Results

FloatArray = NDArray[np.float64]

_PREFERRED = ("time", "capacity", "x", "temperature", "voltage", "charge")
_HOURS_FROM = 7200.0


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
    """Whether the measurements are labelled as simulated."""
    if record.stack is None:
        return "simulated" in str(record.recipe.get("title", "")).lower()
    marked = record.stack.metadata.get("simulated", False)
    return bool(marked) or "simulated" in record.stack.title.lower()


def abscissae(results: Results) -> list[Abscissa]:
    """Variables that change along the sequence, the frame number last."""
    out = []
    names = [n for n in _PREFERRED if n in results.variables]
    names += [n for n in results.variables if n not in names]
    for name in names:
        variable = results.variables[name]
        values = np.asarray(variable.values, dtype=float)
        known = np.isfinite(values)
        if known.sum() < 2 or np.ptp(values[known]) == 0:
            continue
        unit, label = variable.unit, name
        if name in ("time", "elapsed"):
            values = values - np.nanmin(values)
            unit = "s"
            if np.nanmax(values) > _HOURS_FROM:
                values, unit = values / 3600.0, "h"
        out.append(Abscissa(name, f"{label} ({unit})" if unit else label, values))
    out.append(Abscissa("frame", "frame", np.arange(results.n_frames, dtype=float)))
    return out


def example_frames(peaks: Results) -> list[tuple[str, int]]:
    """Best, median and worst frame by χ²."""
    chi2 = peaks["chi2_reduced"]
    good = np.flatnonzero(np.isfinite(chi2) & peaks.ok())
    if good.size == 0:
        return []
    order = good[np.argsort(np.abs(np.log(np.maximum(chi2[good], 1e-6))), kind="stable")]
    picks = [("best", order[0]), ("median", order[len(order) // 2]), ("worst", order[-1])]
    seen: set[int] = set()
    return [(n, int(i)) for n, i in picks if not (int(i) in seen or seen.add(int(i)))]  # type: ignore[func-returns-value]


def pattern_map(
    record: Record, most_frames: int, most_points: int
) -> tuple[FloatArray, ...] | None:
    """Frames and axis reduced by averaging: (frame numbers, axis, intensities), or None."""
    stack = record.stack
    if stack is None or stack.n_frames == 0:
        return None
    # Groups of one size: a picture has equal pixels.
    frames = _equal_groups(stack.n_frames, most_frames)
    points = _equal_groups(stack.n_points, most_points)
    starts = np.array([p[0] for p in points])
    sizes = np.array([len(p) for p in points])
    rows = []
    for group in frames:
        block = np.asarray(stack.signal[int(group[0]) : int(group[-1]) + 1], dtype=float)
        finite = np.isfinite(block)
        count = np.maximum(finite.sum(axis=0), 1)
        mean = np.where(finite, block, 0.0).sum(axis=0) / count
        rows.append(np.add.reduceat(mean, starts) / sizes)
    axis = np.add.reduceat(stack.x, starts) / sizes
    return np.array([g.mean() for g in frames]), axis, np.array(rows)


def _equal_groups(n: int, most: int) -> list[NDArray[np.intp]]:
    """Split n indices into at most `most` groups of one size (the last may be smaller)."""
    size = -(-n // most)
    return [np.arange(i, min(i + size, n)) for i in range(0, n, size)]


def thin(n: int, most: int) -> NDArray[np.intp]:
    """Indices of at most `most` of n frames, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.intp)) if n else np.arange(0)
