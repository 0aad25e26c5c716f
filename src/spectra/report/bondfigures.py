"""Numbers, distances and disorder of shells along a sequence, as one figure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.edgestory import with_pauses
from spectra.report.labels import with_unit
from spectra.report.plotdata import GREY, MOST_POINTS, SERIES
from spectra.report.select import Abscissa, abscissae, thin
from spectra.results import Results
from spectra.status import Status

FloatArray = NDArray[np.float64]

_FEWEST = 3
# More distances than these make a figure that nobody reads.
_MOST_SHELLS = 4
_DRIVERS = ("voltage", "temperature")


def along_drawing(key: str, results: Results) -> Drawing | None:
    """What drives the series, N, R of each shell, and σ², one above the other.

    None for less than three fitted frames. Shells that are tied so that they move alike are
    drawn once.
    """
    if int(results.ok().sum()) < _FEWEST:
        return None
    along = abscissae(results)[0]
    distances = _moving(results, "r")[:_MOST_SHELLS]
    panels = [*_driver(results, along)]
    labels = [str(v) for v in results.table.coords["path"]["label"]]
    panels += [_panel(results, along, "r", (p,), f"R of {labels[p]} (Å)") for p in distances]
    for name, label in (("sigma2", "σ² (10⁻³ Å²)"), ("n", "coordination number")):
        if paths := _moving(results, name)[: len(SERIES)]:
            panels.append(_panel(results, along, name, tuple(paths), label))
    note = "Bars are standard uncertainties with the misfit in them; open symbols are flagged."
    half = -(-len(panels) // 2)
    columns = (len(panels),) if len(panels) <= 4 else (half, len(panels) - half)
    return Drawing(key, tuple(panels), note, columns)


def _moving(results: Results, name: str) -> list[int]:
    """Shells whose quantity is not held, one of each that move alike."""
    good = results.ok()
    values, errors = results[name][good], results[f"{name}_stderr"][good]
    out: list[int] = []
    for p in range(values.shape[1]):
        if not (errors[:, p] > 0).any():
            continue
        moves = values[:, p] - np.nanmean(values[:, p])
        same = (values[:, q] - np.nanmean(values[:, q]) for q in out)
        level = name != "r" and any(
            np.allclose(values[:, p], values[:, q], equal_nan=True) for q in out
        )
        if level or (
            name == "r" and any(np.allclose(moves, m, atol=1e-9, equal_nan=True) for m in same)
        ):
            continue
        out.append(p)
    return out


def _driver(results: Results, along: Abscissa) -> Iterator[Panel]:
    """The voltage, or what else goes on along the time."""
    for name in _DRIVERS:
        variable = results.variables.get(name)
        if variable is None or along.name == name:
            continue
        values = np.asarray(variable.values, dtype=float)
        known = np.isfinite(values)
        if known.sum() > 1 and np.ptp(values[known]) > 0:
            order = np.argsort(along.values, kind="stable")
            x, y = with_pauses(along.values[order], values[order])
            mark = Mark("line", x, y, colour=GREY)
            yield Panel(along.label, with_unit(name, variable.unit), (mark,))
            return


def _panel(
    results: Results,
    along: Abscissa,
    name: str,
    paths: tuple[int, ...],
    label: str,
) -> Panel:
    good = np.flatnonzero(results.ok())
    use = good[thin(good.size, MOST_POINTS)]
    labels = [str(v) for v in results.table.coords["path"]["label"]]
    factor = 1e3 if name == "sigma2" else 1.0
    marks = tuple(
        Mark(
            "points",
            along.values[use],
            factor * results[name][use, p],
            y_stderr=factor * results[f"{name}_stderr"][use, p],
            name=labels[p] if name != "r" else "",
            colour=SERIES[p % len(SERIES)],
            hollow=results.status[use] != Status.OK,
            texts=tuple(results.names[i] for i in use.tolist()),
        )
        for p in paths
    )
    return Panel(along.label, label, marks)
