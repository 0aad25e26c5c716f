"""The table of refined cells: what `Cell` fills and `Strain` reads."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.results import Column, Table
from spectra.xrd.aberrations import Aberration
from spectra.xrd.lattice import CELL_NAMES


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
    per_phase, per_peak = ("phase",), ("peak",)
    units = ("angstrom",) * 3 + ("deg",) * 3
    columns = [
        Column("volume", "angstrom^3", "unit-cell volume", per_phase, stderr=True),
        *(
            Column(n, u, f"cell parameter {n}", per_phase, stderr=True)
            for n, u in zip(CELL_NAMES, units, strict=True)
        ),
        Column("c_over_a", "", "ratio c/a", per_phase, stderr=True),
        Column("phase_status", "", "code of PhaseStatus", per_phase, dtype="int8"),
        Column("n_reflections", "", "reflections used", per_phase).as_int(),
        Column("cell_cov", "", "covariance of the cell", ("phase", "parameter", "parameter")),
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
