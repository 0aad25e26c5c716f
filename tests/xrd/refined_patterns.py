"""Results of whole-pattern refinements made up about true structures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spectra import Status
from spectra.reference import Phase, load_phase
from spectra.results import Column, Results, Table
from spectra.stack import Variable
from spectra.xrd.crystal.constraints import site_constraints
from spectra.xrd.lattice import CELL_NAMES, CellConstraint
from spectra.xrd.phases import PhaseStatus, cell_columns, fill_cells


@dataclass(frozen=True)
class Parameters:
    """Names, true values and standard uncertainties of what is refined of a phase."""

    names: tuple[str, ...]
    start: np.ndarray
    sigma: np.ndarray
    cell: CellConstraint

    @classmethod
    def of(cls, phase: Phase) -> Parameters:
        cell = CellConstraint.of(phase.crystal_system)
        names = [f"{phase.name}.{n}" for n in cell.names]
        start = list(cell.free(phase.cell))
        sigma = [5e-4 if n in "abc" else 5e-3 for n in cell.names]
        for site in site_constraints(phase):
            names += [f"{phase.name}.{site.label}.{n}" for n in site.coordinate_names]
            start += list(site.coordinate_start)
            sigma += [2e-4] * len(site.coordinate_names)
        return cls(tuple(names), np.array(start), np.array(sigma), cell)


def refined_patterns(
    specs=("TiO2_rutile",), frames: int = 20, seed: int = 0, drift: float = 0.0, lost=()
) -> Results:
    """Frames drawn from a correlated normal distribution about the phases.

    Parameters
    ----------
    specs : sequence of phases
    frames, seed : int
    drift : float
        How far, in its uncertainty, every parameter moves from frame to frame.
    lost : sequence of (frame, phase number)
    """
    rng = np.random.default_rng(seed)
    phases = [load_phase(s) for s in specs]
    made = [Parameters.of(p) for p in phases]
    names = ("zero", *(n for m in made for n in m.names))
    start = np.concatenate([[0.0], *(m.start for m in made)])
    sigma = np.concatenate([[1e-3], *(m.sigma for m in made)])
    mixing = np.eye(len(names)) + rng.normal(size=(len(names),) * 2) / np.sqrt(len(names))
    mixing /= np.sqrt((mixing**2).sum(axis=1))[:, None]
    factor = sigma[:, None] * mixing
    value = start + drift * np.arange(frames)[:, None] * sigma
    value = value + rng.normal(size=value.shape) @ factor.T
    covariance = np.repeat((factor @ factor.T)[None], frames, axis=0)
    for frame, p in lost:
        own = np.array([n.startswith(f"{phases[p].name}.") for n in names])
        value[frame, own] = np.nan
        covariance[frame, own] = np.nan
        covariance[frame, :, own] = np.nan
    columns = (
        *cell_columns(),
        *(Column(n, "percent", n) for n in ("rwp", "rp", "rexp")),
        Column("gof", "", "goodness of fit"),
        Column("value", "", "refined parameter", ("refined",), stderr=True),
        Column("value_cov", "", "covariance", ("refined", "refined")),
    )
    coords = {
        "phase": {"name": np.array([p.name for p in phases])},
        "parameter": {"name": np.array(CELL_NAMES)},
        "refined": {"name": np.array(names)},
    }
    table = Table("pattern", columns, coords, default="volume")
    filled = table.empty(frames)
    for name in ("rwp", "rp", "rexp", "gof"):
        filled[name][:] = 10.0
    filled["value"][:], filled["value_cov"][:] = value, covariance
    filled["value_stderr"][:] = np.sqrt(np.einsum("rii->ri", covariance))
    for p, (phase, parameters) in enumerate(zip(phases, made, strict=True)):
        at = names.index(parameters.names[0]) + np.arange(len(parameters.cell.names))
        cells = parameters.cell.cell(value[:, at])
        matrix = parameters.cell.matrix
        cov = matrix @ covariance[:, at[:, None], at] @ matrix.T
        good = np.flatnonzero(np.isfinite(cells).all(axis=1))
        filled["phase_status"][:, p] = PhaseStatus.LOST
        filled["phase_status"][good, p] = PhaseStatus.OK
        fill_cells(filled, p, good, cells, cov)
        assert phase.atoms
    return Results(
        table=table,
        columns=filled,
        status=np.full(frames, Status.OK, np.int8),
        variables={"temperature": Variable(np.linspace(300.0, 400.0, frames), "K")},
        attrs={"phases": [p.to_plain() for p in phases], "held": {}, "wavelength": 0.5},
    )
