"""The table of refined patterns: its declaration, and how it is filled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.fit.uncertainty import propagate
from spectra.results import Column, Table
from spectra.xrd.lattice import CELL_NAMES, volume
from spectra.xrd.pattern.fractions import Masses, fill_absolute
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.refine import Refined
from spectra.xrd.pattern.statistics import Agreement
from spectra.xrd.phases import PhaseStatus, cell_columns, fill_cells
from spectra.xrd.profile.widths import crystallite_size, microstrain

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Lengths of a cell whose esd is so many times that of the volume's cube root are a pair that
# the pattern does not tell apart.
_DEGENERATE = 10.0
_CORRELATED = 0.9
# Standard uncertainties by which two axes that the pattern confuses must differ.
_APART = 6.0


def pattern_table(model: PatternModel, refined: NDArray[np.bool_]) -> Table:
    """Declare the table.

    Parameters
    ----------
    model : PatternModel
    refined : bool array (P,)
        Parameters that are refined; each has a place in the column ``value``.
    """
    per_phase, per_parameter = ("phase",), ("refined",)
    columns = (
        *cell_columns(),
        Column(
            "weight_fraction",
            "",
            "share of the crystalline mass",
            per_phase,
            stderr=True,
            headline="weight fraction",
        ),
        Column("scale", "", "scale of the phase", per_phase, stderr=True),
        Column(
            "size",
            "angstrom",
            "crystallite size, Scherrer, K = 0.9",
            per_phase,
            stderr=True,
            headline="size",
        ),
        Column(
            "strain",
            "",
            "microstrain, Stokes-Wilson",
            per_phase,
            stderr=True,
            headline="microstrain",
        ),
        Column("r_bragg", "percent", "R factor of the intensities", per_phase),
        Column("rwp", "percent", "weighted profile R factor"),
        Column("rp", "percent", "profile R factor"),
        Column("rexp", "percent", "expected R factor"),
        Column("gof", "", "goodness of fit, Rwp/Rexp"),
        Column("durbin_watson", "", "serial correlation of the residual, 2 for none"),
        Column("berar_lelann", "", "factor on uncertainties by serial correlation"),
        Column("scaled", "", "factor by which misfit widened the uncertainties"),
        Column("iterations", "", "evaluations of the model").as_int(),
        Column("value", "", "refined parameter", per_parameter, stderr=True),
        Column("value_held", "", "place of a parameter that this frame held", per_parameter),
        Column(
            "value_cov",
            "",
            "covariance of the parameters",
            ("refined", "refined"),
            dtype="float32",
        ),
        Column("n_correlated", "", "pairs of parameters correlated above 0.9").as_int(),
    )
    parameters = [p for p, use in zip(model.layout.parameters, refined, strict=True) if use]
    coords = {
        "phase": {"name": np.array([p.name for p in model.phases])},
        "parameter": {"name": np.array(CELL_NAMES)},
        "refined": {
            "name": np.array([p.name for p in parameters]),
            "unit": np.array([p.unit for p in parameters]),
            "meaning": np.array([p.meaning for p in parameters]),
        },
    }
    return Table("pattern", columns, coords, default="volume")


def with_intensities(table: Table, model: PatternModel, *, stderr: bool) -> Table:
    """The table with a column of what each reflection was found to weigh.

    Parameters
    ----------
    table : Table
    model : PatternModel
    stderr : bool
        Whether the method knows how well.
    """
    phase = np.concatenate([np.full(len(p.hkl), p.name) for p in model.phases])
    hkl = np.concatenate([p.hkl for p in model.phases])
    label = [
        f"{name} {' '.join(map(str, indices))}"
        for name, indices in zip(phase.tolist(), hkl.tolist(), strict=True)
    ]
    column = Column(
        "intensity",
        "",
        "multiplicity times |F|^2, relative",
        ("reflection",),
        stderr=stderr,
    )
    coords = {"label": np.array(label), "phase": phase}
    coords |= {n: hkl[:, i] for i, n in enumerate("hkl")}
    return replace(
        table, columns=(*table.columns, column), coords={**table.coords, "reflection": coords}
    )


@dataclass(frozen=True)
class Filler:
    """Writes refined patterns into the columns of the table.

    Parameters
    ----------
    table : Table
    model : PatternModel
    refined : bool array (P,)
    masses : tuple of float
        Mass of the unit cell of each phase (g/mol), NaN where not known.
    standard : (int, float), optional
        Number of the internal standard, and its share in the mass of the whole sample.
    """

    table: Table
    model: PatternModel
    refined: NDArray[np.bool_]
    masses: tuple[float, ...]
    standard: tuple[int, float] | None = None

    def fill(
        self,
        columns: dict[str, NDArray[Any]],
        rows: IntArray,
        result: Refined,
        cov: FloatArray,
        figures: Agreement,
        r_bragg: FloatArray,
    ) -> None:
        """Write the frames `rows`.

        Parameters
        ----------
        columns : dict of str to array
        rows : int array (rows,)
        result : Refined
        cov : array (rows, P, P)
            Covariance, scaled.
        figures : Agreement
        r_bragg : array (rows, phases)
        """
        for name in ("rwp", "rp", "rexp", "gof", "durbin_watson", "berar_lelann"):
            columns[name][rows] = getattr(figures, name)
        columns["iterations"][rows] = result.iterations
        columns["r_bragg"][rows] = r_bragg
        at = np.flatnonzero(self.refined)
        columns["value"][rows] = np.where(result.free[:, at], result.theta[:, at], np.nan)
        columns["value_held"][rows] = np.where(result.free[:, at], np.nan, result.theta[:, at])
        own = cov[:, at[:, None], at]
        columns["value_stderr"][rows] = np.sqrt(np.einsum("rii->ri", own))
        columns["value_cov"][rows] = own
        columns["n_correlated"][rows] = [len(pairs) for pairs in correlated_pairs(own)]
        for p in range(len(self.model.phases)):
            self._fill_phase(columns, p, rows, result, cov)
        self._fill_fractions(columns, rows, result, cov)

    def _fill_phase(
        self,
        columns: dict[str, NDArray[Any]],
        p: int,
        rows: IntArray,
        result: Refined,
        cov: FloatArray,
    ) -> None:
        phase, at = self.model.phases[p], self.model.cell_columns(p)
        matrix = phase.constraint.matrix
        cell = phase.constraint.cell(result.theta[:, at])
        held = np.asarray(~result.free[:, at].any(axis=1))
        own = np.where(held[:, None, None], 0.0, cov[:, at, at])
        stuck = result.at_bound[:, at].any(axis=1)
        determined = np.asarray(np.isfinite(own).all(axis=(1, 2)) & ~stuck)
        own = np.nan_to_num(own)
        cov6 = np.matmul(np.matmul(matrix, own), matrix.T)
        status = np.where(determined, PhaseStatus.OK, PhaseStatus.NOT_DETERMINED)
        status = np.where((status == 0) & _degenerate(cell, cov6), PhaseStatus.DEGENERATE, status)
        status = np.where(result.present[:, p], status, PhaseStatus.LOST)
        columns["phase_status"][rows, p] = status
        good = np.isin(status, (PhaseStatus.OK, PhaseStatus.DEGENERATE))
        whole = np.zeros((int(rows.max(initial=-1)) + 1, 6))
        whole_cov = np.zeros((len(whole), 6, 6))
        whole[rows], whole_cov[rows] = cell, cov6
        fill_cells(columns, p, rows[good], whole, whole_cov)
        wavelength = self.model.emission[0].wavelength
        for name, convert in (
            ("size", lambda w: crystallite_size(w, wavelength)),
            ("strain", microstrain),
        ):
            full = f"{phase.name}.{name}"
            if full not in self.model.layout.names:
                continue
            j = self.model.layout.index(full)
            variance = cov[:, j, j]
            known = good & np.isfinite(variance) & (result.theta[:, j] > 0)
            value, slope = convert(result.theta[known, j])
            columns[name][rows[known], p] = value
            columns[f"{name}_stderr"][rows[known], p] = np.abs(slope) * np.sqrt(variance[known])

    def _fill_fractions(
        self, columns: dict[str, NDArray[Any]], rows: IntArray, result: Refined, cov: FloatArray
    ) -> None:
        masses = Masses.of(self.model, self.masses, result.theta, cov, result.free)
        if masses is None:
            return
        for p, phase in enumerate(self.model.phases):
            scale = self.model.layout.index(f"{phase.name}.scale")
            columns["scale"][rows, p] = result.theta[:, scale]
            columns["scale_stderr"][rows, p] = np.sqrt(cov[:, scale, scale])
        share, spread = masses.shares(cov)
        columns["weight_fraction"][rows] = share
        columns["weight_fraction_stderr"][rows] = spread
        if self.standard is not None:
            fill_absolute(columns, rows, masses, cov, result.present, self.standard)


def correlated_pairs(cov: FloatArray) -> list[list[tuple[int, int]]]:
    """Pairs of parameters correlated above 0.9 for each covariance (rows, n, n)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(np.einsum("rii->ri", cov))
        correlation = cov / root[:, :, None] / root[:, None, :]
    high = np.triu(np.abs(np.nan_to_num(correlation)) > _CORRELATED, 1)
    return [[(int(i), int(j)) for i, j in np.argwhere(row)] for row in high]


def _degenerate(cell: FloatArray, cov: FloatArray) -> NDArray[np.bool_]:
    """Whether some length is known far worse than the volume, or a pair is not told apart.

    A pattern that looks the same with two axes exchanged shows only the square of their
    difference, as a broadening. So noise splits them: a square of 3σ makes a difference of 6σ.
    """
    value, gradient = volume(cell)
    mean = np.sqrt(np.maximum(propagate(gradient, cov), 0.0)) / value / 3.0
    variance = np.einsum("rii->ri", cov)[:, :3]
    lengths = np.sqrt(variance) / cell[:, :3]
    found = np.asarray((lengths > _DEGENERATE * mean[:, None]).any(axis=1))
    for i, j in combinations(range(3), 2):
        both = cov[:, i, j]
        opposed = both < -_CORRELATED * np.sqrt(variance[:, i] * variance[:, j])
        spread = variance[:, i] + variance[:, j] - 2.0 * both
        alike = (cell[:, i] - cell[:, j]) ** 2 < _APART**2 * spread
        found |= opposed & alike
    return found
