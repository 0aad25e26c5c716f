"""Refined structures as CIF: one data block for each frame and phase.

Names are those of the core dictionary and of the powder dictionary of the International Union
of Crystallography; values carry their standard uncertainties in parentheses.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import spectra
from spectra.errors import SettingError
from spectra.notation import with_uncertainty
from spectra.reference import Phase
from spectra.symmetry import find_group
from spectra.xrd.crystal.geometry import cell_volumes
from spectra.xrd.lattice import CELL_NAMES

FloatArray = NDArray[np.float64]

_ANISO = ("11", "22", "33", "12", "13", "23")
# Digits of the points of a pattern: more than any counter or goniometer has.
_DIGITS = 9


@dataclass(frozen=True)
class RefinedAtom:
    """One site as it was refined; a standard uncertainty of zero means that it was held.

    Parameters
    ----------
    label, element : str
    position, position_stderr : tuple of float (3)
        Fractional coordinates.
    occupancy, occupancy_stderr : float
    u_iso, u_iso_stderr : float
        U_iso, or U_eq where `u_aniso` is given (angstrom²).
    u_aniso, u_aniso_stderr : tuple of float (6), optional
        U11, U22, U33, U12, U13, U23 (angstrom²).
    """

    label: str
    element: str
    position: tuple[float, float, float]
    position_stderr: tuple[float, float, float] = (0.0, 0.0, 0.0)
    occupancy: float = 1.0
    occupancy_stderr: float = 0.0
    u_iso: float = 0.0
    u_iso_stderr: float = 0.0
    u_aniso: tuple[float, ...] | None = None
    u_aniso_stderr: tuple[float, ...] = (0.0,) * 6


@dataclass(frozen=True)
class BondRow:
    """A distance (angstrom) between two sites, the second one's image by CIF's code."""

    first: str
    second: str
    symmetry: str
    distance: float
    stderr: float


@dataclass(frozen=True)
class ReflectionRow:
    """A reflection: |F|² observed and calculated, spacing (angstrom) and multiplicity."""

    hkl: tuple[int, int, int]
    f2_observed: float
    f2_calculated: float
    d: float
    multiplicity: int


@dataclass(frozen=True)
class RefinedStructure:
    """A phase in one frame.

    Parameters
    ----------
    phase : Phase
        For the name, the formula and the space group.
    cell : tuple of float (6)
        a, b, c (angstrom), alpha, beta, gamma (deg).
    cell_covariance : array (6, 6), optional
    atoms : tuple of RefinedAtom
    weight_fraction, weight_fraction_stderr : float, optional
        Per cent of the sample's mass.
    r_bragg : float, optional
        R factor of the integrated intensities, as a fraction.
    bonds : tuple of BondRow
    reflections : tuple of ReflectionRow
    """

    phase: Phase
    cell: tuple[float, ...]
    cell_covariance: FloatArray | None = None
    atoms: tuple[RefinedAtom, ...] = ()
    weight_fraction: float | None = None
    weight_fraction_stderr: float = 0.0
    r_bragg: float | None = None
    bonds: tuple[BondRow, ...] = ()
    reflections: tuple[ReflectionRow, ...] = ()

    def __post_init__(self) -> None:
        covariance = self.cell_covariance
        if len(self.cell) != 6 or (covariance is not None and covariance.shape != (6, 6)):
            seen = None if covariance is None else covariance.shape
            raise SettingError(
                f"phase {self.phase.name!r}: cell of {len(self.cell)} values and covariance "
                f"{seen}; expected 6 and (6, 6)"
            )


@dataclass(frozen=True)
class RefinedPattern:
    """The pattern of a frame, each array (points,), and how it was fitted.

    Parameters
    ----------
    two_theta : array
        Degrees, as measured.
    observed, calculated, background : array
    weight : array
        1/σ² of a point in the fit; 0 where it was left out.
    wavelength : float, optional
        Angstrom.
    r_p, r_wp, r_exp : float, optional
        As fractions.
    goodness : float, optional
        R_wp/R_exp.
    parameters : int, optional
        How many were refined.
    """

    two_theta: FloatArray
    observed: FloatArray
    calculated: FloatArray
    background: FloatArray
    weight: FloatArray
    wavelength: float | None = None
    r_p: float | None = None
    r_wp: float | None = None
    r_exp: float | None = None
    goodness: float | None = None
    parameters: int | None = None

    def __post_init__(self) -> None:
        names = ("two_theta", "observed", "calculated", "background", "weight")
        sizes = {n: np.shape(getattr(self, n)) for n in names}
        if len(set(sizes.values())) != 1 or len(sizes["two_theta"]) != 1:
            raise SettingError(f"pattern: arrays of shapes {sizes}; expected one length for all")


@dataclass(frozen=True)
class RefinedFrame:
    """What a refinement found in one frame.

    Parameters
    ----------
    name : str
        Unique among the frames of a file.
    structures : tuple of RefinedStructure
        The phases of the frame.
    pattern : RefinedPattern, optional
    probe : {"x-ray", "neutron", ""}
        Empty where it is not known; nothing is then said of it.
    temperature : float, optional
        Kelvin.
    """

    name: str
    structures: tuple[RefinedStructure, ...] = ()
    pattern: RefinedPattern | None = None
    probe: str = "x-ray"
    temperature: float | None = None


def write_cif(path: str | os.PathLike[str], frames: Iterable[RefinedFrame]) -> Path:
    """Write refined frames as CIF.

    A frame of one phase is one block. A frame of several is a block with the pattern and the
    list of phases, and one block for each phase.

    Parameters
    ----------
    path : str or PathLike
        Written anew, and put in place only when it is complete.
    frames : iterable of RefinedFrame

    Returns
    -------
    Path

    Raises
    ------
    SettingError
        If two frames or phases would have the same block.
    """
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    seen: set[str] = set()
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as out:
            for frame in frames:
                for name, lines in _blocks(frame):
                    if name.lower() in seen:
                        raise SettingError(
                            f"{target}: two blocks are called {name!r}; "
                            "give frames and phases different names"
                        )
                    seen.add(name.lower())
                    out.write("\n".join((f"data_{name}", *lines, "", "")))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _blocks(frame: RefinedFrame) -> Iterator[tuple[str, list[str]]]:
    whole = _block_name(frame.name)
    if len(frame.structures) == 1:
        yield whole, [*_origin(whole), *_structure(frame.structures[0]), *_measurement(frame)]
        return
    names = [f"{whole}_{_block_name(s.phase.name)}" for s in frame.structures]
    table = [
        (i + 1, s.phase.name, block, _optional(s.weight_fraction, s.weight_fraction_stderr))
        for i, (s, block) in enumerate(zip(frame.structures, names, strict=True))
    ]
    heads = ("id", "name", "block_id", "mass_%")
    listing = _loop([f"_pd_phase_{h}" for h in heads], table)
    yield whole, [*_origin(whole), *listing, *_measurement(frame)]
    for block, structure in zip(names, frame.structures, strict=True):
        link = [_item("_pd_block_diffractogram_id", whole)]
        yield block, [*_origin(block), *link, *_structure(structure)]


def _origin(block: str) -> list[str]:
    return [
        _item("_pd_block_id", block),
        _item("_audit_creation_method", f"spectra {spectra.__version__}"),
    ]


def _structure(structure: RefinedStructure) -> list[str]:
    phase = structure.phase
    covariance = structure.cell_covariance
    cov = np.zeros((6, 6)) if covariance is None else covariance
    size, gradient = (part[0] for part in cell_volumes(np.array([structure.cell], dtype=float)))
    lines = [_item("_pd_phase_name", phase.name)]
    if phase.formula:
        lines.append(_item("_chemical_formula_sum", _hill(phase.formula)))
    for k, name in enumerate(CELL_NAMES):
        part = "length" if k < 3 else "angle"
        error = math.sqrt(max(cov[k, k], 0.0))
        lines.append(f"_cell_{part}_{name} {_number(structure.cell[k], error)}")
    error = math.sqrt(max(float(gradient @ cov @ gradient), 0.0))
    lines.append(f"_cell_volume {_number(float(size), error)}")
    lines += _symmetry(phase)
    lines += _atoms(structure.atoms)
    if structure.r_bragg is not None:
        lines.append(f"_refine_ls_R_I_factor {structure.r_bragg:.4f}")
    if structure.bonds:
        heads = ("atom_site_label_1", "atom_site_label_2", "site_symmetry_2", "distance")
        rows = [
            (b.first, b.second, b.symmetry, _number(b.distance, b.stderr)) for b in structure.bonds
        ]
        lines += _loop([f"_geom_bond_{h}" for h in heads], rows)
    return lines + _reflections(structure.reflections)


def _symmetry(phase: Phase) -> list[str]:
    group = find_group(phase.space_group, phase.cell[3], phase.cell[5])
    # A setting that has no symbol is told by its operations alone.
    lines = (
        []
        if group is None
        else [
            _item("_space_group_name_H-M_alt", group.xhm()),
            _item("_space_group_name_Hall", group.hall),
            f"_space_group_IT_number {group.number}",
            _item("_space_group_crystal_system", group.crystal_system_str()),
        ]
    )
    rows = [(k + 1, t) for k, t in enumerate(phase.operations.triplets())]
    return lines + _loop(["_space_group_symop_id", "_space_group_symop_operation_xyz"], rows)


def _atoms(atoms: Sequence[RefinedAtom]) -> list[str]:
    if not atoms:
        return []
    heads = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
    rows = []
    for a in atoms:
        place = zip(a.position, a.position_stderr, strict=True)
        rows.append(
            (
                *(a.label, a.element, *(_number(v, e) for v, e in place)),
                _number(a.occupancy, a.occupancy_stderr),
                "Uiso" if a.u_aniso is None else "Uani",
                _number(a.u_iso, a.u_iso_stderr),
            )
        )
    names = [f"_atom_site_{h}" for h in (*heads, "adp_type", "U_iso_or_equiv")]
    lines = _loop(names, rows)
    aniso = [
        (a.label, *(_number(v, e) for v, e in zip(a.u_aniso, a.u_aniso_stderr, strict=True)))
        for a in atoms
        if a.u_aniso is not None
    ]
    names = ["_atom_site_aniso_label", *(f"_atom_site_aniso_U_{k}" for k in _ANISO)]
    return lines + (_loop(names, aniso) if aniso else [])


def _reflections(reflections: Sequence[ReflectionRow]) -> list[str]:
    if not reflections:
        return []
    heads = (
        *("index_h", "index_k", "index_l", "F_squared_meas", "F_squared_calc"),
        *("d_spacing", "symmetry_multiplicity"),
    )
    rows = [
        (*r.hkl, _plain(r.f2_observed), _plain(r.f2_calculated), _plain(r.d), r.multiplicity)
        for r in reflections
    ]
    return _loop([f"_refln_{h}" for h in heads], rows)


def _measurement(frame: RefinedFrame) -> list[str]:
    lines = [_item("_diffrn_radiation_probe", frame.probe)] if frame.probe else []
    if frame.temperature is not None:
        lines.append(f"_diffrn_ambient_temperature {_plain(frame.temperature)}")
    pattern = frame.pattern
    if pattern is None:
        return lines
    fit = {
        "_pd_proc_ls_prof_R_factor": pattern.r_p,
        "_pd_proc_ls_prof_wR_factor": pattern.r_wp,
        "_pd_proc_ls_prof_wR_expected": pattern.r_exp,
        "_refine_ls_goodness_of_fit_all": pattern.goodness,
    }
    if pattern.wavelength is not None:
        lines.append(f"_diffrn_radiation_wavelength {_plain(pattern.wavelength)}")
    lines += [f"{name} {value:.5f}" for name, value in fit.items() if value is not None]
    if pattern.parameters is not None:
        lines.append(f"_refine_ls_number_parameters {pattern.parameters}")
    lines.append(f"_pd_meas_number_of_points {len(pattern.two_theta)}")
    columns = {
        "_pd_meas_2theta_scan": pattern.two_theta,
        "_pd_meas_intensity_total": pattern.observed,
        "_pd_calc_intensity_total": pattern.calculated,
        "_pd_proc_intensity_bkg_calc": pattern.background,
        "_pd_proc_ls_weight": pattern.weight,
    }
    values = zip(*(np.asarray(c, dtype=float).tolist() for c in columns.values()), strict=True)
    return lines + _loop(list(columns), [tuple(_plain(v) for v in row) for row in values])


def _item(name: str, value: str) -> str:
    """A name with text as its value; a text of several lines stands between semicolons."""
    import gemmi

    quoted = gemmi.cif.quote(value)
    return f"{name}\n{quoted}" if quoted.startswith(";") else f"{name} {quoted}"


def _loop(names: Sequence[str], rows: Sequence[tuple[str | int, ...]]) -> list[str]:
    import gemmi

    lines = ["loop_", *names]
    for row in rows:
        # An unknown value stays bare; quoted it would be the text of a question mark.
        texts = [str(v) if str(v) in ("?", ".") else gemmi.cif.quote(str(v)) for v in row]
        lines.append(" ".join(texts))
    return lines


def _number(value: float, stderr: float) -> str:
    """A value with its uncertainty; ``?`` where it is not known."""
    return with_uncertainty(value, stderr) if math.isfinite(value) else "?"


def _plain(value: float) -> str:
    return f"{value:.{_DIGITS}g}" if math.isfinite(value) else "?"


def _optional(value: float | None, stderr: float) -> str:
    return "?" if value is None else _number(value, stderr)


def _hill(formula: str) -> str:
    """A plain formula as CIF has it, ``CuCr2O4`` as ``Cr2 Cu O4``; another one as it stands."""
    parts = re.findall(r"([A-Z][a-z]?)([\d.]*)", formula)
    if "".join(e + n for e, n in parts) != formula.replace(" ", ""):
        return formula
    first = ("C", "H") if any(e == "C" for e, _ in parts) else ()
    rank = {e: k - len(first) for k, e in enumerate(first)}
    return " ".join(e + n for e, n in sorted(parts, key=lambda p: (rank.get(p[0], 0), p[0])))


def _block_name(name: str) -> str:
    """What may stand as a block's name: printable, without blanks."""
    return re.sub(r"[^!-~]+", "_", name.strip())[:75] or "unnamed"
