"""The table of refined cells: what `Cell` fills and `Strain` reads."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.fit.uncertainty import propagate
from spectra.results import Column, Table
from spectra.xrd.aberrations import Aberration
from spectra.xrd.lattice import CELL_NAMES, volume

FloatArray = NDArray[np.float64]


class PhaseStatus(IntEnum):
    """What became of a phase in a frame; values are NaN unless OK or DEGENERATE.

    DEGENERATE: some direction of the cell (such as b against c of a nearly tetragonal one)
    is known only from lines being seen unsplit; its uncertainty says so.
    """

    OK = 0
    LOST = 1
    DEGENERATE = 2
    NOT_DETERMINED = 3

    @property
    def label(self) -> str:
        """The status as it is written in tables, e.g. ``not_determined``."""
        return self.name.lower()


def cell_columns() -> tuple[Column, ...]:
    """Columns of a cell and its state for each phase."""
    per_phase = ("phase",)
    units = ("angstrom",) * 3 + ("deg",) * 3
    return (
        Column("volume", "angstrom^3", "unit-cell volume", per_phase, stderr=True, headline="V"),
        *(
            Column(n, u, f"cell parameter {n}", per_phase, stderr=True, headline=symbol)
            for n, u, symbol in zip(CELL_NAMES, units, "abcαβγ", strict=True)
        ),
        Column("c_over_a", "", "ratio c/a", per_phase, stderr=True),
        Column("phase_status", "", "code of PhaseStatus", per_phase, dtype="int8"),
        Column("cell_cov", "", "covariance of the cell", ("phase", "parameter", "parameter")),
    )


def fill_cells(
    columns: dict[str, NDArray[Any]],
    phase: int,
    rows: NDArray[np.intp],
    cells: FloatArray,
    cov: FloatArray,
) -> None:
    """Write cell, volume and c/a of one phase for the frames where it is determined.

    Parameters
    ----------
    columns : dict of str to array
        As `cell_columns` declares them.
    phase : int
    rows : int array
        The frames.
    cells, cov : array (frames, 6), (frames, 6, 6)
        Of all frames.
    """
    cell, cov = cells[rows], cov[rows]
    for i, name in enumerate(CELL_NAMES):
        columns[name][rows, phase] = cell[:, i]
        columns[f"{name}_stderr"][rows, phase] = np.sqrt(cov[:, i, i])
    value, gradient = volume(cell)
    columns["volume"][rows, phase] = value
    columns["volume_stderr"][rows, phase] = np.sqrt(propagate(gradient, cov))
    ratio = cell[:, 2] / cell[:, 0]
    gradient = np.zeros_like(cell)
    gradient[:, 0], gradient[:, 2] = -ratio / cell[:, 0], 1.0 / cell[:, 0]
    columns["c_over_a"][rows, phase] = ratio
    columns["c_over_a_stderr"][rows, phase] = np.sqrt(np.maximum(propagate(gradient, cov), 0.0))
    columns["cell_cov"][rows, phase] = cov


def cell_table(
    names: tuple[str, ...],
    peak: dict[str, NDArray[Any]],
    aberrations: tuple[Aberration, ...],
    axis_unit: str,
) -> Table:
    """Declare the table of cells.

    Parameters
    ----------
    names : tuple of str
        The phases.
    peak : dict of arrays (tracks,)
        ``label``, ``phase``, ``h``, ``k``, ``l``.
    aberrations : tuple of Aberration
    axis_unit : str
    """
    per_peak = ("peak",)
    columns = [
        *cell_columns(),
        Column("n_reflections", "", "reflections used", ("phase",)).as_int(),
        *(Column(a.name, a.unit, a.meaning, stderr=True) for a in aberrations),
        Column("chi2_reduced", "", "chi square per degree of freedom"),
        Column("position_excess", axis_unit, "scatter of positions beyond their uncertainties"),
        Column("scaled", "", "whether uncertainties were widened by misfit", dtype="int8"),
        Column("n_outliers", "", "indexed peaks left out").as_int(),
        Column("residual", axis_unit, "observed minus calculated position", per_peak),
        Column("used", "", "whether the peak was used", per_peak, dtype="int8"),
        Column("d_observed", "angstrom", "spacing after corrections", per_peak, stderr=True),
    ]
    coords = {
        "phase": {"name": np.array(names)},
        "peak": peak,
        "parameter": {"name": np.array(CELL_NAMES)},
    }
    return Table("cell", tuple(columns), coords, default="volume")
