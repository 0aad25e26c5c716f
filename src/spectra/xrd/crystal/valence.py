"""Bond valences: what the lengths of its bonds say of an atom's charge."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spectra.errors import SettingError
from spectra.reference import Phase, reference_folder
from spectra.xrd.crystal.bonds import Contacts, bond_lengths
from spectra.xrd.crystal.geometry import Derived, FloatArray, RefinedRows


@dataclass(frozen=True)
class BondValence:
    """Parameters of a pair of ions: a bond of length R has the valence exp((r0 − R)/b).

    Attributes
    ----------
    cation : str
    valence : int
        Of the cation.
    anion : str
    r0, b : float
        Angstrom.
    source : str
        The paper that determined them.
    """

    cation: str
    valence: int
    anion: str
    r0: float
    b: float
    source: str


def bond_valence(cation: str, valence: int, anion: str) -> BondValence:
    """Return the parameters of a pair of ions from `reference_patterns/`.

    Raises
    ------
    SettingError
        For a pair that is not in the table.

    Examples
    --------
    >>> bond_valence("V", 5, "O").r0
    1.803
    """
    table = _table()
    if (cation, valence, anion) not in table:
        have = ", ".join(f"{c}{v}+–{a}" for c, v, a in table if c == cation) or "none"
        raise SettingError(
            f"no bond-valence parameters of {cation}{valence}+–{anion}; of {cation} there are: "
            f"{have}"
        )
    return table[(cation, valence, anion)]


def guess_valences(phase: Phase, contacts: Contacts) -> dict[str, int]:
    """Find the valence of each cation site that its bonds agree with best.

    Of the valences in the table, the one whose sum over the bonds comes nearest to itself in
    the reference structure.

    Parameters
    ----------
    phase : Phase
    contacts : Contacts

    Returns
    -------
    dict of str to int
        Valences by label; a site is missing where the table has no parameters for it.
    """
    reference = RefinedRows.of(phase)
    found: dict[str, int] = {}
    ionic = contacts.take(contacts.between_ions).about()
    for site in dict.fromkeys(ionic.centre.tolist()):
        label, element = contacts.labels[site], contacts.elements[site]
        bonds = ionic.take(np.flatnonzero(ionic.centre == site))
        anions = {contacts.elements[j] for j in bonds.neighbour.tolist()}
        misfit = {}
        for valence in sorted({v for c, v, _ in _table() if c == element}):
            if all((element, valence, a) in _table() for a in anions):
                sums = valence_sums(reference, phase, bonds, {label: valence})
                misfit[valence] = abs(float(sums.value[0, site]) - valence)
        if misfit:
            found[label] = min(misfit, key=lambda v: misfit[v])
    return found


def valence_limits(
    phase: Phase, valences: Mapping[str, int], weakest: float = 0.04
) -> dict[str, float]:
    """Distances beyond which bonds are too weak to count, as `find_contacts` takes them.

    Large cations with lone pairs or many neighbours, such as Pb²⁺ and K⁺, have bonds beyond
    the widest gap that add up.

    Parameters
    ----------
    phase : Phase
    valences : mapping of str to int
        Of cations, by label or element.
    weakest : float
        Valence of the weakest bond that counts.

    Examples
    --------
    >>> from spectra.reference import load_phase
    >>> {k: round(v, 3) for k, v in valence_limits(load_phase("V2O5"), {"V": 5}).items()}
    {'V-O': 2.994}
    """
    anions = {a for _, _, a in _table()} & {a.element for a in phase.atoms}
    found: dict[str, float] = {}
    for atom in phase.atoms:
        valence = valences.get(atom.label, valences.get(atom.element))
        if valence is None:
            continue
        for anion in sorted(anions):
            pair = _table().get((atom.element, valence, anion))
            if pair is not None:
                name = f"{atom.element}-{anion}"
                limit = pair.r0 - pair.b * math.log(weakest)
                found[name] = max(limit, found.get(name, 0.0))
    return found


def valence_sums(
    refined: RefinedRows, phase: Phase, contacts: Contacts, valences: Mapping[str, int]
) -> Derived:
    """Bond-valence sums (rows, sites), V = Σ exp((r0 − R)/b) over the bonds of a site.

    I. D. Brown and D. Altermatt, Acta Cryst. B41 (1985) 244. A neighbour counts with its
    occupancy. Uncertainties are those of the distances alone; r0 itself is good to about
    0.02 Å, which shifts all frames together.

    Parameters
    ----------
    refined : RefinedRows
    phase : Phase
        For the occupancies.
    contacts : Contacts
        Of these, the bonds between cations and anions count.
    valences : mapping of str to int
        Of cations, by label or element.

    Returns
    -------
    Derived
        Positive for anions too. NaN for a site without bonds, or with one whose cation has no
        valence given.

    Raises
    ------
    SettingError
        Where a pair has no parameters.
    """
    contacts = contacts.take(contacts.between_ions)
    bonds = bond_lengths(refined, contacts)
    r0, b = _parameters(contacts, valences)
    occupancy = np.array([a.occupancy for a in phase.atoms])[contacts.neighbour]
    strength = occupancy * np.exp((r0 - bonds.value) / b)
    slope = -(strength / b)[..., None] * bonds.jacobian
    sites = len(contacts.labels)
    value = np.full((len(refined), sites), np.nan)
    jacobian = np.full((len(refined), sites, refined.parameters), np.nan)
    for site in np.unique(contacts.centre).tolist():
        own = np.flatnonzero(contacts.centre == site)
        value[:, site] = np.take(strength, own, axis=1).sum(axis=1)
        jacobian[:, site] = np.take(slope, own, axis=1).sum(axis=1)
    return Derived(value, jacobian)


def _parameters(contacts: Contacts, valences: Mapping[str, int]) -> tuple[FloatArray, FloatArray]:
    """r0 and b (n,) of contacts; NaN where the cation's valence is not given."""
    r0, b = np.full(len(contacts), np.nan), np.full(len(contacts), np.nan)
    ends = zip(contacts.centre.tolist(), contacts.neighbour.tolist(), strict=True)
    for k, (centre, neighbour) in enumerate(ends):
        cation, anion = (centre, neighbour) if contacts.cations[centre] else (neighbour, centre)
        label, element = contacts.labels[cation], contacts.elements[cation]
        valence = valences.get(label, valences.get(element))
        if valence is not None:
            pair = bond_valence(element, valence, contacts.elements[anion])
            r0[k], b[k] = pair.r0, pair.b
    return r0, b


@lru_cache(maxsize=1)
def _table() -> dict[tuple[str, int, str], BondValence]:
    path = reference_folder() / "bond_valence.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    found = {}
    for cation, valence, anion, r0, b, source in data["pairs"]["table"]:
        pair = BondValence(cation, valence, anion, r0, b, data["sources"][source])
        found[(cation, valence, anion)] = pair
    return found
