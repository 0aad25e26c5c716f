"""Coordination polyhedra: volumes, mean bonds and distortions, with their uncertainties."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.reference import Phase
from spectra.xrd.crystal.bonds import Contacts, bond_angles, bond_lengths
from spectra.xrd.crystal.geometry import (
    Derived,
    FloatArray,
    IntArray,
    RefinedRows,
    cell_volumes,
)
from spectra.xrd.lattice import orthogonalization

# Volume, in cubes of the distance from centre to corner, and angle (deg) between neighbouring
# corners, of the regular tetrahedron and octahedron; number of edges.
_REGULAR = {
    4: (8.0 / (9.0 * np.sqrt(3.0)), float(np.degrees(np.arccos(-1.0 / 3.0))), 6),
    6: (4.0 / 3.0, 90.0, 12),
}
# Two members nearer than this (angstrom) are one corner, shared in disorder.
_SAME_CORNER = 0.4
# Bonds whose lengths differ by less, relatively, are equal by symmetry.
_EQUAL = 1e-12
# A corner may stand this far (in the volume of the polyhedron) outside a face that is flat.
_FLAT = 1e-7


@dataclass(frozen=True)
class Polyhedron:
    """The corners about one centre and the triangles of their hull.

    Attributes
    ----------
    name : str
        Of what it is made, e.g. ``"VO5"``.
    label : str
        The centre's.
    corners : int array (corners,)
        Numbers of contacts.
    faces : int array (triangles, 3)
        Numbers of corners, counterclockwise seen from outside; none if the corners lie in a
        plane.
    edges : int array (edges, 2)
        Numbers of contacts between which a regular tetrahedron or octahedron has its ideal
        angle; none for other shapes.
    """

    name: str
    label: str
    corners: IntArray
    faces: IntArray
    edges: IntArray


@dataclass(frozen=True)
class PolyhedraMeasures:
    """What polyhedra measure, every quantity (rows, polyhedra).

    Attributes
    ----------
    volume : Derived
        Of the convex hull (angstrom³); NaN where the corners lie in a plane.
    mean_length : Derived
        Mean distance from the centre, l̄ (angstrom).
    baur : Derived
        D = Σ|l − l̄|/(n·l̄) (W. H. Baur, Acta Cryst. B30 (1974) 1195).
    length_distortion : Derived
        Δ = Σ((l − l̄)/l̄)²/n (I. D. Brown and R. D. Shannon, Acta Cryst. A29 (1973) 266).
    quadratic_elongation : Derived
        Σ(l/l₀)²/n, l₀ of the regular polyhedron of the same volume; NaN unless it is a
        tetrahedron or octahedron (K. Robinson, G. V. Gibbs and P. H. Ribbe, Science 172 (1971)
        567).
    angle_variance : Derived
        Σ(θ − θ₀)²/(m − 1) (deg²) over the m angles of a tetrahedron (109.47°) or octahedron
        (90°); the same paper.
    other_faces : bool array (rows, polyhedra)
        Where the hull has other faces than in the reference structure.
    """

    volume: Derived
    mean_length: Derived
    baur: Derived
    length_distortion: Derived
    quadratic_elongation: Derived
    angle_variance: Derived
    other_faces: NDArray[np.bool_]


def find_polyhedra(
    phase: Phase, contacts: Contacts, centres: Sequence[str] | None = None
) -> tuple[Polyhedron, ...]:
    """Find the polyhedra about centres in the reference structure.

    Parameters
    ----------
    phase : Phase
    contacts : Contacts
        Of the phase. A centre's corners are its neighbours of the other charge; all of its
        neighbours where there are none of these.
    centres : sequence of str, optional
        Labels or elements; by default all cations with at least three neighbours.

    Examples
    --------
    >>> from spectra.reference import load_phase
    >>> from spectra.xrd.crystal.bonds import find_contacts
    >>> phase = load_phase("V2O5")
    >>> [p.name for p in find_polyhedra(phase, find_contacts(phase))]
    ['VO5']
    """
    chosen = contacts.about(centres)
    reference = RefinedRows.of(phase)
    axes = orthogonalization(reference.cell)[0]
    points = contacts.vectors.fractional(reference.coordinates)[0] @ axes.T
    found = []
    for site in dict.fromkeys(chosen.centre.tolist()):
        about = np.flatnonzero(contacts.centre == site)
        ions = np.intersect1d(about, contacts.between_ions)
        corners = _corners(ions if len(ions) else about, points)
        if len(corners) < 3:
            continue
        elements = Counter(contacts.elements[j] for j in contacts.neighbour[corners].tolist())
        name = contacts.elements[site] + "".join(
            f"{e}{n if n > 1 else ''}" for e, n in sorted(elements.items())
        )
        faces, edges = _hull(points[corners]), _edges(corners, points)
        found.append(Polyhedron(name, contacts.labels[site], corners, faces, edges))
    return tuple(found)


def measure_polyhedra(
    refined: RefinedRows, contacts: Contacts, polyhedra: Sequence[Polyhedron]
) -> PolyhedraMeasures:
    """Measure polyhedra in every row.

    The volume is that of the hull, V = V_cell·Σ det(p₁, p₂, p₃)/6 over its triangles. Where a row
    has another hull than the reference structure, its own is taken.

    Parameters
    ----------
    refined : RefinedRows
    contacts : Contacts
        Those that `find_polyhedra` was given.
    polyhedra : sequence of Polyhedron
    """
    columns: list[tuple[Derived, ...]] = []
    other = np.zeros((len(refined), len(polyhedra)), dtype=bool)
    for k, polyhedron in enumerate(polyhedra):
        bonds = bond_lengths(refined, contacts.take(polyhedron.corners))
        mean = _mean(bonds)
        size, other[:, k] = _volume(refined, contacts, polyhedron)
        columns.append(
            (
                size,
                mean,
                _baur(bonds, mean),
                _length_distortion(bonds, mean),
                _elongation(bonds, size, polyhedron),
                _angle_variance(refined, contacts, polyhedron),
            )
        )
    joined = [_join(refined, [c[i] for c in columns]) for i in range(6)]
    size, mean, baur, length_distortion, elongation, variance = joined
    return PolyhedraMeasures(size, mean, baur, length_distortion, elongation, variance, other)


def _corners(members: IntArray, points: FloatArray) -> IntArray:
    """Members without those that share a corner with an earlier one."""
    kept: list[int] = []
    for member in members.tolist():
        apart = np.linalg.norm(points[kept] - points[member], axis=-1)
        if not kept or apart.min() > _SAME_CORNER:
            kept.append(member)
    return np.array(kept, dtype=np.intp)


def _hull(points: FloatArray) -> IntArray:
    """Triangles (triangles, 3) of the convex hull, outward; none for points in a plane."""
    from scipy.spatial import ConvexHull, QhullError

    none = np.empty((0, 3), dtype=np.intp)
    if len(points) < 4 or not np.isfinite(points).all():
        return none
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if spread[2] < 1e-6 * spread[0]:
        return none
    try:
        hull = ConvexHull(points)
    except QhullError:
        return none
    faces = np.asarray(hull.simplices, dtype=np.intp)
    a, b, c = (points[faces[:, k]] for k in range(3))
    inward = (np.cross(b - a, c - a) * hull.equations[:, :3]).sum(axis=1) < 0
    faces[inward] = faces[inward][:, ::-1]
    return faces


def _edges(corners: IntArray, points: FloatArray) -> IntArray:
    """Pairs of contacts at the ideal angle of a tetrahedron or octahedron; none otherwise."""
    none = np.empty((0, 2), dtype=np.intp)
    first, second = np.triu_indices(len(corners), 1)
    pairs = np.stack([corners[first], corners[second]], axis=1)
    if len(corners) == 4:
        return pairs if len(_hull(points[corners])) else none
    if len(corners) != 6:
        return none
    unit = points[corners] / np.linalg.norm(points[corners], axis=1)[:, None]
    cosine = (unit[first] * unit[second]).sum(axis=1)
    order = np.argsort(cosine, kind="stable")
    across = order[:3]
    # In an octahedron every corner has one across; in a prism it has not.
    ends = np.concatenate([first[across], second[across]])
    if len(np.unique(ends)) != 6 or cosine[across].max() > -0.5:
        return none
    return pairs[np.sort(order[3:])]


def _mean(bonds: Derived) -> Derived:
    return Derived(bonds.value.mean(axis=1)[:, None], bonds.jacobian.mean(axis=1)[:, None])


def _baur(bonds: Derived, mean: Derived) -> Derived:
    deviation = _deviation(bonds, mean)
    value = np.abs(deviation).mean(axis=1)[:, None]
    weight = np.sign(deviation)[..., None] * _relative(bonds, mean)
    return Derived(value, weight.mean(axis=1)[:, None])


def _length_distortion(bonds: Derived, mean: Derived) -> Derived:
    deviation = _deviation(bonds, mean)
    value = (deviation**2).mean(axis=1)[:, None]
    weight = 2.0 * deviation[..., None] * _relative(bonds, mean)
    return Derived(value, weight.mean(axis=1)[:, None])


def _deviation(bonds: Derived, mean: Derived) -> FloatArray:
    """l/l̄ − 1 (rows, n); zero for bonds that differ in the last bits alone."""
    deviation = bonds.value / mean.value - 1.0
    return np.asarray(np.where(np.abs(deviation) < _EQUAL, 0.0, deviation))


def _relative(bonds: Derived, mean: Derived) -> FloatArray:
    """Derivatives (rows, n, parameters) of l/l̄."""
    ratio = bonds.value / mean.value
    slope = bonds.jacobian - ratio[..., None] * mean.jacobian
    return np.asarray(slope / mean.value[..., None])


def _elongation(bonds: Derived, size: Derived, polyhedron: Polyhedron) -> Derived:
    if not len(polyhedron.edges):
        return _nothing(size)
    regular = _REGULAR[len(polyhedron.corners)][0]
    # l₀² = (V/regular)^(2/3)
    ideal = np.cbrt(size.value / regular) ** 2
    value = (bonds.value**2).mean(axis=1)[:, None] / ideal
    slope = (2.0 * bonds.value[..., None] * bonds.jacobian).mean(axis=1)[:, None]
    slope = slope / ideal[..., None]
    slope -= (2.0 / 3.0 * value / size.value)[..., None] * size.jacobian
    return Derived(value, slope)


def _angle_variance(refined: RefinedRows, contacts: Contacts, polyhedron: Polyhedron) -> Derived:
    if not len(polyhedron.edges):
        empty = np.zeros((len(refined), 1, refined.parameters))
        return _nothing(Derived(empty[..., 0], empty))
    _, ideal, count = _REGULAR[len(polyhedron.corners)]
    angles = bond_angles(refined, contacts, polyhedron.edges)
    deviation = angles.value - ideal
    value = (deviation**2).sum(axis=1)[:, None] / (count - 1)
    slope = (2.0 * deviation[..., None] * angles.jacobian).sum(axis=1)[:, None] / (count - 1)
    return Derived(value, slope)


def _volume(
    refined: RefinedRows, contacts: Contacts, polyhedron: Polyhedron
) -> tuple[Derived, NDArray[np.bool_]]:
    vectors = contacts.vectors.take(polyhedron.corners)
    points = vectors.fractional(refined.coordinates)
    fraction, gradient = _hull_volume(points, polyhedron.faces)
    other = np.zeros(len(refined), dtype=bool)
    if len(polyhedron.faces):
        other = ~_is_hull(points, polyhedron.faces, fraction) & np.isfinite(
            fraction * refined.cell.sum(axis=1)
        )
    for row in np.flatnonzero(other):
        axes = orthogonalization(refined.cell[row])
        faces = _hull(points[row] @ axes.T)
        fraction[row], gradient[row] = (
            part[0] for part in _hull_volume(points[row : row + 1], faces)
        )
    cell, by_cell = cell_volumes(refined.cell)
    parts = np.zeros((len(refined), len(vectors), refined.parameters))
    vectors.add_gradient(gradient, parts)
    jacobian = cell[:, None] * parts.sum(axis=1)
    jacobian[:, :6] += fraction[:, None] * by_cell
    return Derived((cell * fraction)[:, None], jacobian[:, None]), other


def _hull_volume(points: FloatArray, faces: IntArray) -> tuple[FloatArray, FloatArray]:
    """Volume (rows,) within triangles, and its derivatives (rows, corners, 3) by the points."""
    gradient = np.zeros_like(points)
    if not len(faces):
        return np.full(len(points), np.nan), gradient + np.nan
    a, b, c = (np.take(points, faces[:, k], axis=1) for k in range(3))
    value = (a * np.cross(b, c)).sum(axis=-1).sum(axis=-1) / 6.0
    # d det(a, b, c) = (b × c)·da and its rotations.
    for corner, slope in ((0, np.cross(b, c)), (1, np.cross(c, a)), (2, np.cross(a, b))):
        for face, point in enumerate(faces[:, corner].tolist()):
            gradient[:, point] += slope[:, face] / 6.0
    return value, gradient


def _is_hull(points: FloatArray, faces: IntArray, size: FloatArray) -> NDArray[np.bool_]:
    """Whether triangles (outward) still have every point on their inner side (rows,)."""
    a, b, c = (points[:, faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    height = (normal[:, :, None] * (points[:, None] - a[:, :, None])).sum(axis=-1)
    return np.asarray(height.max(axis=(1, 2)) <= _FLAT * 6.0 * np.abs(size))


def _nothing(like: Derived) -> Derived:
    return Derived(np.full_like(like.value, np.nan), np.full_like(like.jacobian, np.nan))


def _join(refined: RefinedRows, parts: list[Derived]) -> Derived:
    rows, parameters = len(refined), refined.parameters
    value = np.concatenate([np.empty((rows, 0)), *(p.value for p in parts)], axis=1)
    empty = np.empty((rows, 0, parameters))
    return Derived(value, np.concatenate([empty, *(p.jacobian for p in parts)], axis=1))
