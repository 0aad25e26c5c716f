"""CIFs of a sequence of refined structures, one for each frame."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError, StoreError, reason
from spectra.phase import Phase
from spectra.results import Results
from spectra.stack import Stack
from spectra.units import TEMPERATURE_UNITS, kelvin_from
from spectra.xrd.crystal.bonds import Contacts, bond_lengths, find_contacts
from spectra.xrd.crystal.cif import (
    BondRow,
    RefinedAtom,
    RefinedFrame,
    RefinedPattern,
    RefinedStructure,
    write_cif,
)
from spectra.xrd.crystal.constraints import PAIRS
from spectra.xrd.crystal.readout import (
    Linear,
    RefinedPhase,
    choose_phases,
    read_phase_rows,
    site_coordinates,
    site_displacements,
    site_occupancy,
)
from spectra.xrd.lattice import metric
from spectra.xrd.pattern.curves import pattern_curves
from spectra.xrd.pattern.wholepattern import WholePattern

FloatArray = NDArray[np.float64]

_LONGEST_NAME = 80
_PROBES = {"xray": "x-ray", "neutron": "neutron"}


def export_cif(
    results: Results,
    folder: str | os.PathLike[str],
    phases: Sequence[str] = (),
    *,
    stack: Stack | None = None,
    method: WholePattern | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write one CIF for each frame in which a phase is determined.

    With cells, coordinates, displacements, occupancies and bonds with their standard
    uncertainties, and figures of merit; with the pattern too where the stack is given.

    Parameters
    ----------
    results : Results
        Of `Rietveld`, `Pawley` or `LeBail`.
    folder : path
        Made if it is missing. Files are named by number and name of the frame.
    phases : sequence of str
        Names; none for all that have atoms.
    stack : Stack, optional
        What was refined: observed and calculated patterns are then written.
    method : WholePattern, optional
        With the settings that gave the results; needed with a stack.
    overwrite : bool
        Whether files that exist may be replaced.

    Returns
    -------
    list of Path

    Raises
    ------
    ResultsError
        If the results are of another kind, no phase is determined in any frame, or the stack
        does not fit.
    StoreError
        If a file exists and may not be replaced, or cannot be written; before the first is
        written, in the first case.
    """
    who = "export_cif"
    chosen = choose_phases(results, phases, who)
    if stack is not None and method is None:
        raise ResultsError(f"{who}: patterns need the method too; give method=xrd.Rietveld(…)")
    readings = [_Reading.of(results, number, phase) for number, phase in chosen.items()]
    frames = np.flatnonzero(np.any([r.refined.found for r in readings], axis=0)).tolist()
    if not frames:
        names = ", ".join(p.name for p in chosen.values())
        raise ResultsError(
            f"{who}: {names} determined in none of {len(results)} frames; nothing to write"
        )
    target = Path(folder)
    paths = [target / _file_name(results, i) for i in frames]
    if not overwrite and (there := [p for p in paths if p.exists()]):
        raise StoreError(
            f"{there[0]}: exists, and {len(there) - 1} more of {len(paths)} files; give another "
            "folder, or allow to overwrite"
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
        for frame, path in zip(frames, paths, strict=True):
            pattern = None
            if stack is not None and method is not None:
                pattern = _pattern(results, stack, method, frame)
            write_cif(path, [_frame(results, readings, frame, pattern)])
    except OSError as error:
        where = f", frame {frame} ({results.names[frame]})" if target.is_dir() else ""
        raise StoreError(f"{target}{where}: CIF not written; {reason(error)}") from error
    return paths


@dataclass(frozen=True)
class _Reading:
    """One phase in all frames: value and standard uncertainty of what is written of it.

    Places are (frames, sites, 3), displacements (frames, sites, 6), the others
    (frames, sites); lengths are of `contacts`.
    """

    number: int
    refined: RefinedPhase
    places: tuple[FloatArray, FloatArray]
    occupancies: tuple[FloatArray, FloatArray]
    equivalents: tuple[FloatArray, FloatArray]
    displacements: tuple[FloatArray, FloatArray]
    contacts: Contacts
    lengths: tuple[FloatArray, FloatArray]

    @classmethod
    def of(cls, results: Results, number: int, phase: Phase) -> _Reading:
        refined = read_phase_rows(results, number, phase)
        prefix = f"{phase.name}."
        tensors = [site_displacements(results, prefix, s) for s in refined.sites]
        weights = _equivalent_weights(phase)
        contacts = find_contacts(refined.phase).about()
        bonds = bond_lengths(refined.rows, contacts)
        return cls(
            number,
            refined,
            _stacked(results, [site_coordinates(results, prefix, s) for s in refined.sites]),
            _stacked(results, [site_occupancy(results, prefix, s) for s in refined.sites]),
            _stacked(
                results,
                [Linear(t.value @ weights[:, None], weights[None] @ t.slope) for t in tensors],
            ),
            _stacked(results, tensors),
            contacts,
            (bonds.value, bonds.stderr(refined.rows.covariance)),
        )

    def structure(self, results: Results, frame: int) -> RefinedStructure:
        """The phase in one frame."""
        rows, p = self.refined.rows, self.number
        contacts, images = self.contacts, self.contacts.symmetry
        labels = contacts.labels
        ends = zip(contacts.centre.tolist(), contacts.neighbour.tolist(), images, strict=True)
        length, error = (part[frame].tolist() for part in self.lengths)
        share = spread = None
        if "weight_fraction" in results.columns:
            share, spread = (
                100.0 * float(results[f"weight_fraction{s}"][frame, p]) for s in ("", "_stderr")
            )
        r_bragg = results["r_bragg"][frame, p] / 100.0 if "r_bragg" in results.columns else np.nan
        return RefinedStructure(
            phase=self.refined.phase,
            cell=tuple(rows.cell[frame].tolist()),
            cell_covariance=rows.covariance[frame, :6, :6],
            atoms=tuple(self._atom(k, frame) for k in range(len(self.refined.sites))),
            r_bragg=float(r_bragg) if np.isfinite(r_bragg) else None,
            bonds=tuple(
                BondRow(labels[i], labels[j], image, length[n], error[n])
                for n, (i, j, image) in enumerate(ends)
            ),
            weight_fraction=share,
            weight_fraction_stderr=spread or 0.0,
        )

    def _atom(self, k: int, frame: int) -> RefinedAtom:
        site, atom = self.refined.sites[k], self.refined.phase.atoms[k]
        x, y, z = self.places[0][frame, k].tolist()
        dx, dy, dz = self.places[1][frame, k].tolist()
        plain = RefinedAtom(
            label=atom.label,
            element=atom.element,
            position=(x, y, z),
            position_stderr=(dx, dy, dz),
            occupancy=float(self.occupancies[0][frame, k, 0]),
            occupancy_stderr=float(self.occupancies[1][frame, k, 0]),
            u_iso=float(self.equivalents[0][frame, k, 0]),
            u_iso_stderr=float(self.equivalents[1][frame, k, 0]),
        )
        if not site.anisotropic:
            return plain
        tensor, spread = (tuple(part[frame, k].tolist()) for part in self.displacements)
        return replace(plain, u_aniso=tensor, u_aniso_stderr=spread)


def _stacked(results: Results, parts: list[Linear]) -> tuple[FloatArray, FloatArray]:
    """Values and standard uncertainties (frames, sites, n)."""
    value = np.stack([p.value for p in parts], axis=1)
    return value, np.stack([p.stderr(results) for p in parts], axis=1)


def _equivalent_weights(phase: Phase) -> FloatArray:
    """Weights (6,) of U_ij in U_eq = (1/3)·Σ U_ij·a*_i·a*_j·(a_i·a_j).

    R. X. Fischer and E. Tillmanns, Acta Cryst. C44 (1988) 775. They are of the phase's own cell.
    """
    tensor = metric(phase.cell)[0]
    reciprocal = np.sqrt(np.diag(np.linalg.inv(tensor)))
    return np.array(
        [
            (1.0 if i == j else 2.0) * tensor[i, j] * reciprocal[i] * reciprocal[j] / 3.0
            for i, j in PAIRS
        ]
    )


def _frame(
    results: Results, readings: Sequence[_Reading], frame: int, pattern: RefinedPattern | None
) -> RefinedFrame:
    there = [r for r in readings if r.refined.found[frame]]
    temperature = results.variables.get("temperature")
    kelvin = None
    if temperature is not None and temperature.unit in TEMPERATURE_UNITS:
        kelvin = float(kelvin_from(temperature.values[frame], temperature.unit))
    return RefinedFrame(
        name=results.names[frame],
        structures=tuple(r.structure(results, frame) for r in there),
        pattern=pattern,
        probe=_PROBES.get(str(results.attrs.get("radiation", "")), ""),
        temperature=kelvin,
    )


def _pattern(results: Results, stack: Stack, method: WholePattern, frame: int) -> RefinedPattern:
    curves = pattern_curves(results, stack, np.array([frame]), method)
    return RefinedPattern(
        two_theta=curves.x,
        observed=curves.observed[0],
        calculated=curves.calculated[0],
        background=curves.background[0],
        weight=curves.weight[0],
        wavelength=float(results.attrs["wavelength"]),
        r_p=float(results["rp"][frame]) / 100.0,
        r_wp=float(results["rwp"][frame]) / 100.0,
        r_exp=float(results["rexp"][frame]) / 100.0,
        goodness=float(results["gof"][frame]),
        parameters=int(np.isfinite(results["value"][frame]).sum()),
    )


def _file_name(results: Results, frame: int) -> str:
    """Number and name of a frame as a file's name on any system."""
    digits = max(4, len(str(len(results) - 1)))
    name = re.sub(r"[^\w.-]+", "_", results.names[frame]).strip("_.")[:_LONGEST_NAME]
    return f"{frame:0{digits}d}_{name}.cif" if name else f"{frame:0{digits}d}.cif"
