"""Structures from CIF files (S. R. Hall, F. H. Allen, I. D. Brown, Acta Cryst. A47 (1991) 655)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spectra.errors import ReaderError
from spectra.phase import Atom, Displacements, Phase, read_species
from spectra.symmetry import read_operations


def read_phase(path: Path) -> Phase:
    """Read the phase of the first data block with a cell.

    Raises
    ------
    ReaderError
        For a file that is no CIF, has no cell or no usable symmetry.
    """
    import gemmi

    try:
        document = gemmi.cif.read(str(path))
    except (ValueError, RuntimeError, OSError, UnicodeDecodeError) as error:
        raise ReaderError(path, f"not a CIF file ({error})", remedy="check the file") from None
    block = next((b for b in document if b.find_value("_cell_length_a")), None)
    if block is None:
        raise ReaderError(path, "no data block has a cell", expected="_cell_length_a")
    small = gemmi.make_small_structure_from_block(block)
    aniso = _anisotropic(block)
    atoms = tuple(_atom(site, aniso.get(site.label), small.cell) for site in small.sites)
    cell: Any = tuple(float(v) for v in small.cell.parameters)
    names = (block.find_value("_chemical_name_common"), block.find_value("_pd_phase_name"))
    name = next((n.strip("'\" ") for n in names if n and n not in ("?", ".")), path.stem)
    formula = (block.find_value("_chemical_formula_sum") or "").strip("'\"")
    return Phase(name or path.stem, cell, _symmetry(path, small), atoms, formula, path.name)


def _symmetry(path: Path, small: Any) -> str:
    """Symbol of the space group, or its operations where they are those of no tabulated one."""
    if not small.spacegroup:
        # Operations outrank the symbol, which often lacks its setting.
        small.determine_and_set_spacegroup("s.h2")
    if small.spacegroup:
        return str(small.spacegroup.xhm())
    triplets = "; ".join(small.symops)
    if "," in triplets:
        alpha, gamma = small.cell.alpha, small.cell.gamma
        operations = read_operations(triplets, alpha, gamma)
        if operations is None:
            raise ReaderError(
                path,
                f"the {len(small.symops)} symmetry operators form no space group",
                expected="every operator of the group once",
                remedy="export the CIF again, or leave the operators out and give the symbol",
            )
        return "; ".join(operations.triplets())
    raise ReaderError(
        path,
        f"space group {small.spacegroup_hm!r} is not known",
        expected="a Hermann-Mauguin symbol or all symmetry operators",
        remedy="add the operators as _space_group_symop_operation_xyz",
    )


def _atom(site: Any, u_aniso: Displacements | None, cell: Any) -> Atom:
    """An atom of a CIF; U_eq is taken from the anisotropic displacements if not given."""
    species = site.type_symbol or site.element.name
    # gemmi also knows elements by their labels; "X" is what it does not know.
    known = site.element.name
    if known != "X" and read_species(species)[0] != read_species(known)[0]:
        species = known
    u_iso = site.u_iso
    if u_aniso is not None and not u_iso:
        u_iso = _equivalent(u_aniso, cell)
    x, y, z = site.fract.tolist()
    return Atom(site.label, species, x, y, z, site.occ, u_iso, u_aniso)


def _equivalent(u_aniso: Displacements, cell: Any) -> float:
    """U_eq = ⅓ Σ U_ij a*_i a*_j a_i·a_j.

    R. X. Fischer and E. Tillmanns, Acta Cryst. C44 (1988) 775.
    """
    metric = np.array(cell.metric_tensor().as_mat33().tolist())
    reciprocal = np.sqrt(np.diag(np.linalg.inv(metric)))
    u11, u22, u33, u12, u13, u23 = u_aniso
    tensor = np.array([[u11, u12, u13], [u12, u22, u23], [u13, u23, u33]])
    return float((tensor * metric * np.outer(reciprocal, reciprocal)).sum() / 3.0)


def _anisotropic(block: Any) -> dict[str, Displacements]:
    """Anisotropic displacements (angstrom²) by label; those given as B are divided by 8π²."""
    import gemmi

    found: dict[str, Displacements] = {}
    for letter, factor in (("B", 1.0 / (8.0 * np.pi**2)), ("U", 1.0)):
        tags = [f"{letter}_{ij}" for ij in ("11", "22", "33", "12", "13", "23")]
        for row in block.find("_atom_site_aniso_", ["label", *tags]):
            values = [gemmi.cif.as_number(row[i]) * factor for i in range(1, 7)]
            if np.isfinite(values).all() and any(values):
                u11, u22, u33, u12, u13, u23 = values
                found[gemmi.cif.as_string(row[0])] = (u11, u22, u33, u12, u13, u23)
    return found
