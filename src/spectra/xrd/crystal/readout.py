"""Structures out of the results of a whole-pattern refinement, with their covariance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError
from spectra.phase import Phase
from spectra.reference import load_phase
from spectra.results import Results
from spectra.xrd.crystal.constraints import SiteConstraint, site_constraints
from spectra.xrd.crystal.geometry import FloatArray, RefinedRows
from spectra.xrd.lattice import CELL_NAMES, CellConstraint


@dataclass(frozen=True)
class Linear:
    """Quantities that are linear in the parameters of a refinement.

    Attributes
    ----------
    value : array (rows, n)
    slope : array (n, refined)
        Derivatives by the refined parameters, the same for all rows.
    """

    value: FloatArray
    slope: FloatArray

    def covariance(self, results: Results) -> FloatArray:
        """Covariance (rows, n, n); NaN where a parameter they depend on is not determined."""
        used = np.flatnonzero(self.slope.any(axis=0))
        own = results["value_cov"][:, used[:, None], used]
        slope = np.ascontiguousarray(self.slope[:, used])
        return np.asarray(np.matmul(np.matmul(slope, own), slope.T))

    def stderr(self, results: Results) -> FloatArray:
        """Standard uncertainties (rows, n)."""
        variance = np.diagonal(self.covariance(results), axis1=1, axis2=2)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


@dataclass(frozen=True)
class RefinedPhase:
    """A phase in all frames of some results.

    Attributes
    ----------
    phase : Phase
        As it was given, its atoms moved onto their special positions and each with a label of
        its own.
    sites : tuple of SiteConstraint
    rows : RefinedRows
        One row for each frame, NaN where the phase is not determined.
    found : bool array (frames,)
        Where it is.
    """

    phase: Phase
    sites: tuple[SiteConstraint, ...]
    rows: RefinedRows
    found: NDArray[np.bool_]

    def in_frame(self, frame: int) -> Phase:
        """The phase with the cell and the coordinates of one frame."""
        cell: Any = tuple(self.rows.cell[frame].tolist())
        places = self.rows.coordinates[frame].tolist()
        atoms = tuple(
            replace(atom, x=x, y=y, z=z)
            for atom, (x, y, z) in zip(self.phase.atoms, places, strict=True)
        )
        return replace(self.phase, cell=cell, atoms=atoms)


def choose_phases(results: Results, names: Sequence[str], who: str) -> dict[int, Phase]:
    """Phases of some results by their number, as the refinement was given them.

    Parameters
    ----------
    results : Results
        Of a whole-pattern refinement.
    names : sequence of str
        The phases wanted; none for all that have atoms.
    who : str
        Who asks, for the messages.

    Raises
    ------
    ResultsError
        If the results are of another kind, or there is no such phase with atoms.
    """
    if results.table.name != "pattern":
        raise ResultsError(
            f"{who} works on the results of xrd.Rietveld, xrd.Pawley or xrd.LeBail, "
            f"not on a table {results.table.name!r}"
        )
    if "phases" not in results.attrs:
        raise ResultsError(
            f"{who}: these results do not hold their phases; they are of an older version, "
            "so run the refinement again"
        )
    phases = [load_phase(plain) for plain in results.attrs["phases"]]
    known = [p.name for p in phases]
    if unknown := [n for n in names if n not in known]:
        raise ResultsError(f"{who}: no phase {unknown[0]!r}; there are {', '.join(known)}")
    if bare := [p.name for p in phases if p.name in names and not p.atoms]:
        raise ResultsError(
            f"{who}: phase {bare[0]!r} has no atoms; refine it with a CIF that has coordinates"
        )
    chosen = {i: p for i, p in enumerate(phases) if p.atoms and (not names or p.name in names)}
    if not chosen:
        raise ResultsError(
            f"{who}: none of {', '.join(known)} has atoms; refine with CIFs that have coordinates"
        )
    return chosen


def read_phase_rows(results: Results, number: int, phase: Phase) -> RefinedPhase:
    """Cell and coordinates of a phase in all frames, with their joint covariance.

    Parameters
    ----------
    results : Results
        Of a whole-pattern refinement.
    number : int
        Of the phase in the results.
    phase : Phase
        With atoms, as `choose_phases` returns it.
    """
    sites = site_constraints(phase)
    cell = np.stack([results[n][:, number] for n in CELL_NAMES], axis=-1)
    constraint = CellConstraint.of(phase.crystal_system)
    prefix = f"{phase.name}."
    lattice = read_linear(
        results,
        [prefix + n for n in constraint.names],
        constraint.free(phase.cell),
        constraint.matrix,
        constraint.offset,
    )
    places = [site_coordinates(results, prefix, site) for site in sites]
    value = np.concatenate([cell, *(p.value for p in places)], axis=1)
    joint = Linear(value, np.concatenate([lattice.slope, *(p.slope for p in places)]))
    covariance = joint.covariance(results)
    found = np.isfinite(value).all(axis=1) & np.isfinite(covariance).all(axis=(1, 2))
    value = np.where(found[:, None], value, np.nan)
    covariance = np.where(found[:, None, None], covariance, np.nan)
    coordinates = value[:, 6:].reshape(len(value), len(sites), 3)
    rows = RefinedRows(value[:, :6], np.ascontiguousarray(coordinates), covariance)
    return RefinedPhase(_settled(phase, sites), sites, rows, found)


def site_coordinates(results: Results, prefix: str, site: SiteConstraint) -> Linear:
    """Coordinates (rows, 3) of a site; `prefix` is the phase's in the names of parameters."""
    return read_linear(
        results,
        [f"{prefix}{site.label}.{n}" for n in site.coordinate_names],
        site.coordinate_start,
        site.coordinate_matrix,
        site.coordinate_offset,
    )


def site_occupancy(results: Results, prefix: str, site: SiteConstraint) -> Linear:
    """Occupancy (rows, 1) of a site."""
    name = f"{prefix}{site.label}.occupancy"
    start = np.array([site.atom.occupancy])
    return read_linear(results, [name], start, np.eye(1), np.zeros(1))


def site_displacements(results: Results, prefix: str, site: SiteConstraint) -> Linear:
    """U11, U22, U33, U12, U13, U23 (rows, 6) of a site in angstrom²."""
    return read_linear(
        results,
        [f"{prefix}{site.label}.{n}" for n in site.displacement_names],
        site.displacement_start,
        site.displacement_matrix,
        np.zeros(6),
    )


def read_linear(
    results: Results,
    names: Sequence[str],
    start: FloatArray,
    matrix: FloatArray,
    offset: FloatArray,
) -> Linear:
    """Quantities matrix·parameters + offset.

    Parameters
    ----------
    results : Results
        Of a whole-pattern refinement.
    names : sequence of str (p)
        Of the parameters.
    start : array (p,)
        Their values where the refinement had no such parameter.
    matrix : array (n, p)
    offset : array (n,)
    """
    refined = results.table.coords["refined"]["name"].tolist()
    held: Mapping[str, float] = results.attrs.get("held", {})
    value = np.broadcast_to(offset, (len(results), len(offset))).copy()
    slope = np.zeros((len(offset), len(refined)))
    for k, name in enumerate(names):
        if name in refined:
            place = refined.index(name)
            slope[:, place] = matrix[:, k]
            # A parameter that does not move a quantity says nothing of it, even as NaN.
            moved = matrix[:, k] != 0.0
            value[:, moved] += results["value"][:, place, None] * matrix[moved, k]
        else:
            value += held.get(name, float(start[k])) * matrix[:, k]
    return Linear(value, slope)


def _settled(phase: Phase, sites: Sequence[SiteConstraint]) -> Phase:
    """The phase with every atom exactly on its site, and with labels that differ."""
    atoms = []
    for site in sites:
        x, y, z = site.symmetry.position.tolist()
        atoms.append(replace(site.atom, label=site.label, x=x, y=y, z=z))
    return replace(phase, atoms=tuple(atoms))
