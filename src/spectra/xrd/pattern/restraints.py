"""Restraints: distances between atoms as further observations of every pattern.

A distance d of the refined structure is observed as d₀ ± s, which adds (d − d₀)²/s² to the cost
(J. Waser, Acta Cryst. 16 (1963) 1091).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.phase import Phase
from spectra.xrd.crystal.bonds import find_contacts
from spectra.xrd.crystal.constraints import site_constraints
from spectra.xrd.crystal.geometry import RefinedRows, Vectors, lengths
from spectra.xrd.pattern.layout import Layout
from spectra.xrd.pattern.phase import PhaseModel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

Spec = tuple[str, str, float, float]

# How far (angstrom) beyond the distance wanted one is looked for in the reference structure.
_BEYOND = 1.0


@dataclass(frozen=True)
class PhaseRestraints:
    """Restrained distances of one phase.

    Parameters
    ----------
    vectors : Vectors (n)
    matrix : array (6 + 3·sites, P)
        Cell and coordinates = matrix·θ + offset.
    offset : array (6 + 3·sites,)
    target, sigma : array (n,)
        Angstrom.
    """

    vectors: Vectors
    matrix: FloatArray
    offset: FloatArray
    target: FloatArray
    sigma: FloatArray

    def distances(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Distances (rows, n) in angstrom, and their derivatives (rows, n, P)."""
        # Row by row in one order, however many rows there are.
        whole = np.matmul(theta[:, None, :], self.matrix.T)[:, 0] + self.offset
        cell, places = whole[:, :6], whole[:, 6:].reshape(len(theta), -1, 3)
        nothing = np.zeros((len(theta), whole.shape[1], whole.shape[1]))
        found = lengths(RefinedRows(cell, places, nothing), self.vectors)
        return found.value, np.matmul(found.jacobian, self.matrix)


@dataclass(frozen=True)
class Restraints:
    """Restrained distances of all phases."""

    phases: tuple[PhaseRestraints, ...]

    @classmethod
    def of(
        cls,
        layout: Layout,
        phases: Sequence[Phase],
        models: Sequence[PhaseModel],
        specs: Sequence[Spec],
    ) -> Restraints:
        """Read restraints (phase, sites, distance, uncertainty), the last two in angstrom.

        Sites are a pair of labels, e.g. ``"Cr1-O1"``. Of all the distances between two sites
        and their images the one is meant that is nearest to the distance given in the phase as
        it was loaded; those that symmetry makes equal to it are one observation with it.

        Raises
        ------
        SettingError
            For an unknown phase or site, with near names, a pair without such a distance, or
            a phase whose atoms are not part of the model.
        """
        known = [p.name for p in phases]
        by_phase: dict[str, list[Spec]] = {}
        for spec in specs:
            if spec[0] not in known:
                raise SettingError(
                    f"restraints: there is no phase {spec[0]!r}{_hint(spec[0], known)}"
                )
            by_phase.setdefault(spec[0], []).append(spec)
        made = []
        for phase, model in zip(phases, models, strict=True):
            if own := by_phase.get(phase.name):
                matrix, offset = _map(layout, phase, model)
                vectors = [_find(phase, s) for s in own]
                made.append(
                    PhaseRestraints(
                        _joined(vectors),
                        matrix,
                        offset,
                        np.array([s[2] for s in own]),
                        np.array([s[3] for s in own]),
                    )
                )
        return cls(tuple(made))

    def __bool__(self) -> bool:
        return bool(self.phases)

    def evaluate(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Cost (rows,), gradient (rows, P) and Hessian (rows, P, P), as in `Evaluation`."""
        n_rows, size = theta.shape
        cost, gradient = np.zeros(n_rows), np.zeros((n_rows, size))
        hessian = np.zeros((n_rows, size, size))
        for phase in self.phases:
            distance, slopes = phase.distances(theta)
            misfit = (phase.target - distance) / phase.sigma
            scaled = slopes / phase.sigma[:, None]
            cost += (misfit**2).sum(axis=1)
            gradient += np.matmul(misfit[:, None, :], scaled)[:, 0]
            hessian += np.matmul(scaled.transpose(0, 2, 1), scaled)
        return cost, gradient, hessian


def _map(layout: Layout, phase: Phase, model: PhaseModel) -> tuple[FloatArray, FloatArray]:
    """How cell and coordinates of a phase follow from the parameters: matrix and offset."""
    sites = site_constraints(phase)
    names = layout.names
    size = 6 + 3 * len(sites)
    matrix, offset = np.zeros((size, len(names))), np.zeros(size)
    constraint = model.constraint
    at = [names.index(f"{phase.name}.{n}") for n in constraint.names]
    matrix[:6, at], offset[:6] = constraint.matrix, constraint.offset
    for i, site in enumerate(sites):
        own = [f"{phase.name}.{site.label}.{n}" for n in site.coordinate_names]
        if missing := [n for n in own if n not in names]:
            raise SettingError(
                f"restraints: {missing[0]} is no parameter of this refinement: only a Rietveld "
                "refinement has atoms"
            )
        rows = slice(6 + 3 * i, 9 + 3 * i)
        matrix[rows, [names.index(n) for n in own]] = site.coordinate_matrix
        offset[rows] = site.coordinate_offset
    return matrix, offset


def _find(phase: Phase, spec: Spec) -> Vectors:
    """The vector (1) that a restraint means."""
    _, pair, target, sigma = spec
    labels = [site.label for site in site_constraints(phase)]
    where = f"restraints: {phase.name}, {pair!r}"
    if not (target > 0 and sigma > 0):
        raise SettingError(f"{where}: {target} ± {sigma}; expected positive lengths (angstrom)")
    first, second = _sites(where, pair, labels)
    one, other = phase.atoms[first].element, phase.atoms[second].element
    contacts = find_contacts(phase, limits={f"{one}-{other}": target + _BEYOND})
    use = np.flatnonzero((contacts.centre == first) & (contacts.neighbour == second))
    if use.size == 0:
        raise SettingError(f"{where}: no such distance below {target + _BEYOND:g} angstrom")
    nearest = use[np.abs(contacts.distance[use] - target).argmin()]
    return contacts.vectors.take(np.array([nearest]))


def _sites(where: str, pair: str, labels: list[str]) -> tuple[int, int]:
    """Numbers of the sites of a pair such as ``Cr1-O1``."""
    text = pair.replace("–", "-")
    for i, sign in enumerate(text):
        if sign == "-" and text[:i] in labels and text[i + 1 :] in labels:
            return labels.index(text[:i]), labels.index(text[i + 1 :])
    one, _, other = text.partition("-")
    wrong = next((n for n in (one, other) if n not in labels), pair)
    raise SettingError(f"{where}: there is no site {wrong!r}{_hint(wrong, labels)}")


def _joined(vectors: Sequence[Vectors]) -> Vectors:
    parts = (
        np.concatenate([getattr(v, name) for v in vectors])
        for name in ("start", "end", "rotation", "translation")
    )
    return Vectors(*parts)


def _hint(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 3)
    return f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(known)}"
