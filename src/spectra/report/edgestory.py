"""An operando series of edges in one figure: spectra, voltage, edge energy, species."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectra.report.drawing import Drawing, Mark, Panel
from spectra.report.edges import NEAR, near_edge
from spectra.report.labels import quantity, with_unit
from spectra.report.mixtures import shares_panel
from spectra.report.plotdata import GREY
from spectra.report.select import Abscissa, abscissae, same_frames, step_of, thin
from spectra.report.shades import shades
from spectra.results import Record, Results
from spectra.stack import Stack
from spectra.status import Status

FloatArray = NDArray[np.float64]

_FEWEST = 8
_MOST_CURVES = 60
_MOST_POINTS = 1500
_BESIDE = ("voltage", "temperature")
# A pause longer than this many usual steps is one: no line crosses it.
_PAUSE = 2.5


def edge_story(record: Record) -> Drawing | None:
    """Spectra in the colours of their times, and what goes on beside them along the time.

    None without a normalised sequence along a time. The edge energy is that of the half step,
    which shape and height of the white line move least.
    """
    edges = step_of(record, "normalize")
    stack = None if edges is None else same_frames(record, edges)
    if edges is None or stack is None or len(edges) < _FEWEST:
        return None
    along = next((a for a in abscissae(edges) if a.name in ("time", "elapsed")), None)
    good = np.flatnonzero(edges.ok() & np.isfinite(edges["edge_half"]))
    if along is None or good.size < _FEWEST:
        return None
    spectra = _spectra(stack, edges, along, good)
    panels = [spectra, *_beside(edges, along), _energies(edges, along, good)]
    species = step_of(record, "resolution") or step_of(record, "combination")
    if species is not None and len(species) == len(edges):
        panels.append(replace(shares_panel(species, along), title=""))
    return Drawing("operando-edge", tuple(panels), columns=(1, len(panels) - 1))


def _spectra(stack: Stack, edges: Results, along: Abscissa, good: NDArray[np.intp]) -> Panel:
    chosen = good[thin(good.size, _MOST_CURVES)]
    colours = _colours(along)
    marks = near_edge(stack, edges, chosen, [colours[i] for i in chosen.tolist()], NEAR)
    return Panel("energy (eV)", "normalised μ", tuple(marks))


def _colours(along: Abscissa) -> tuple[str, ...]:
    return shades(along.values)


def _beside(edges: Results, along: Abscissa) -> list[Panel]:
    """The voltage, or what else drives the series."""
    name = next((n for n in _BESIDE if n in edges.variables), None)
    if name is None or not np.isfinite(edges.variables[name].values).any():
        return []
    variable = edges.variables[name]
    x, y = with_pauses(along.values, np.asarray(variable.values, dtype=float))
    mark = Mark("line", x, y, colour=GREY)
    return [Panel(along.label, with_unit(name, variable.unit), (mark,))]


def _energies(edges: Results, along: Abscissa, good: NDArray[np.intp]) -> Panel:
    use = good[thin(good.size, _MOST_POINTS)]
    colours = _colours(along)
    mark = Mark(
        "points",
        along.values[use],
        edges["edge_half"][use],
        y_stderr=edges["edge_half_stderr"][use],
        hollow=edges.status[use] != Status.OK,
        colours=tuple(colours[i] for i in use.tolist()),
    )
    unit = edges.table.column("edge_half").unit
    return Panel(along.label, with_unit(quantity("edge_half"), unit), (mark,))


def with_pauses(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A curve with NaN put in where nothing was measured for longer than usual."""
    step = np.diff(x)
    after = np.flatnonzero(step > _PAUSE * np.median(step)) + 1
    middle = 0.5 * (x[after - 1] + x[after])
    return np.insert(x, after, middle), np.insert(y, after, np.nan)
