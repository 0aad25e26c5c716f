"""|F|² of reflections and its exact derivatives by the structure's free parameters.

F(h) = Σ_sites occupancy·f·Σ_images T·exp(2πi h·(R·x + t)) over the unit cell (International
Tables B (2010), ch. 1.2). Images that differ by a centring vector scatter alike and are
counted, not summed; so are those that an inversion of the group pairs, after the origin is
moved to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import SettingError
from spectra.phase import Phase
from spectra.symmetry import DENOMINATOR, Operations
from spectra.xrd.crystal.constraints import PAIRS, SiteConstraint, site_constraints
from spectra.xrd.crystal.scattering import FormFactors
from spectra.xrd.lattice import metric

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# How far (angstrom) a refined atom may move along an axis, and what displacements (angstrom²)
# may become: below zero too, which tells of an absorption that was not corrected.
REACH = 1.0
DISPLACEMENT_BOUNDS = (-0.1, 1.0)
# Elements of an array worked on at a time, so that it stays in the processor's cache.
_CHUNK = 16384


@dataclass(frozen=True, eq=False)
class _Site:
    """A site compiled for given reflections; I distinct images, p coordinates, q U_ij.

    phase (I, R) and slopes (I, p, R): 2πh·(R·x + t) = phase + Σ slopes·x; decay (I, q, R): the
    exponent of T is Σ decay·U, with no U (q = 0) for an isotropic site; `weight` is the
    multiplicity over I. The last four say where its parameters stand.
    """

    kind: int
    weight: float
    phase: FloatArray
    slopes: FloatArray
    decay: FloatArray
    coordinates: tuple[int, ...]
    occupancy: int
    displacements: tuple[int, ...]
    anisotropic: bool

    @property
    def tensor(self) -> tuple[int, ...]:
        """Where the U_ij stand that make every image's damping its own."""
        return self.displacements if self.anisotropic else ()

    @property
    def moving(self) -> tuple[int, ...]:
        """Where the parameters stand of which the sum over the images depends."""
        return (*self.coordinates, *self.tensor)


@dataclass(frozen=True, eq=False)
class StructureFactors:
    """|F|² of a phase's reflections as a function of its free parameters.

    Build it with `StructureFactors.of`.

    Attributes
    ----------
    names : tuple of str
        What symmetry leaves free, e.g. ``"O1.x"``, ``"O1.occupancy"``, ``"O1.u_iso"`` or
        ``"O1.u11"``; occupancies are 1 on a full site, special or not.
    start, lower, upper : array (n,)
        The phase's own values and bounds.
    constraints : tuple of SiteConstraint
    factors : FormFactors
        One for each kind of scatterer.

    Examples
    --------
    >>> from spectra.reference import load_phase
    >>> silicon = StructureFactors.of(load_phase("Si"), [[1, 1, 1], [2, 2, 2]], "neutron")
    >>> silicon.names
    ('Si1.occupancy', 'Si1.u_iso')
    >>> square, by_values, by_inverse_d2 = silicon.evaluate([[1.0, 0.0]], [[0.1017, 0.4068]])
    >>> square.round(1).tolist(), by_values.shape
    ([[550.9, 0.0]], (1, 2, 2))
    """

    names: tuple[str, ...]
    start: FloatArray
    lower: FloatArray
    upper: FloatArray
    constraints: tuple[SiteConstraint, ...]
    factors: FormFactors
    _sites: tuple[_Site, ...]
    _present: FloatArray
    _centric: bool

    @classmethod
    def of(
        cls,
        phase: Phase,
        hkl: ArrayLike,
        radiation: str = "xray",
        wavelength: float | None = None,
        table: str = "waasmaier-kirfel",
    ) -> StructureFactors:
        """Compile the structure factors of a phase.

        Parameters
        ----------
        phase : Phase
            With atoms. Anisotropic displacements are taken on its cell's a*, b*, c* throughout:
            a row whose axis is longer by 1 % has them smaller by 2 %, far below their errors.
        hkl : int array (R, 3)
        radiation, wavelength, table
            As for `FormFactors.of`.

        Raises
        ------
        SettingError
            For a phase without atoms, an unknown scatterer or wrong indices.
        """
        indices = np.asarray(hkl)
        if indices.ndim != 2 or indices.shape[1] != 3 or (indices != np.rint(indices)).any():
            raise SettingError(f"hkl of shape {indices.shape}; expected whole numbers (R, 3)")
        if not phase.atoms:
            raise SettingError(
                f"phase {phase.name!r} has no atoms, so no structure factors; give a CIF with "
                "coordinates, or refine it without a structure (Pawley, Le Bail)"
            )
        indices = indices.astype(np.int64)
        sites = site_constraints(phase)
        kinds = tuple(dict.fromkeys(site.atom.scatterer for site in sites))
        factors = FormFactors.of(kinds, radiation, wavelength, table)
        names, start, lower, upper = _parameters(phase, sites)
        compiled, place = [], 0
        for site in sites:
            kind = kinds.index(site.atom.scatterer)
            compiled.append(_compile(phase, site, indices, kind, place))
            place += len(site.coordinate_names) + 1 + len(site.displacement_names)
        turns = indices @ phase.operations.centrings.T % DENOMINATOR
        return cls(
            *(names, start, lower, upper, sites, factors, tuple(compiled)),
            (turns == 0).all(axis=1).astype(float),
            phase.operations.inversion is not None,
        )

    def evaluate(
        self, values: ArrayLike, inverse_d2: ArrayLike
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """|F|² and its first derivatives.

        |F|² is the mean of |F(h)|² and |F(−h)|², which a powder does not tell apart and which
        differ by f″ in a structure without inversion.

        Parameters
        ----------
        values : array (rows, n)
            The parameters `names`.
        inverse_d2 : array (rows, R)
            1/d² (1/angstrom²).

        Returns
        -------
        square : array (rows, R)
            Electrons² (X-rays) or fm² (neutrons) for a unit cell.
        by_values : array (rows, R, n)
        by_inverse_d2 : array (rows, R)
        """
        x = np.asarray(values, dtype=float)
        q = np.asarray(inverse_d2, dtype=float)
        count, reflections = len(x), len(self._present)
        if x.shape != (count, len(self.names)) or q.shape != (count, reflections):
            raise SettingError(
                f"values {x.shape} and inverse_d2 {q.shape}; expected (rows, {len(self.names)}) "
                f"and (rows, {reflections})"
            )
        square, by_d2 = np.empty_like(q), np.empty_like(q)
        by_values = np.empty((*q.shape, len(self.names)))
        step = max(1, _CHUNK // max(1, reflections))
        for first in range(0, count, step):
            rows = slice(first, first + step)
            part = self._evaluate(x[rows], q[rows])
            square[rows], by_d2[rows] = part[0], part[2]
            by_values[rows] = np.moveaxis(part[1], 0, -1)
        return square, by_values, by_d2

    def sites(self, values: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Coordinates and occupancies of the sites.

        Parameters
        ----------
        values : array (rows, n)

        Returns
        -------
        coordinates : array (rows, sites, 3)
            Fractional.
        occupancies : array (rows, sites)
        matrix : array (sites, 3, n)
            ∂coordinates/∂values, the same for all rows.
        """
        x = np.asarray(values, dtype=float)
        shape = (len(self.constraints), 3, len(self.names))
        matrix, offset = np.zeros(shape), np.zeros(shape[:2])
        for i, (site, compiled) in enumerate(zip(self.constraints, self._sites, strict=True)):
            matrix[i][:, list(compiled.coordinates)] = site.coordinate_matrix
            offset[i] = site.coordinate_offset
        coordinates = (x[:, None, None, :] * matrix).sum(axis=-1) + offset
        return coordinates, x[:, [s.occupancy for s in self._sites]], matrix

    def displacements(self, values: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """U_ij (rows, sites, 6) in angstrom² of the sites, as in CIF, and ∂U/∂values.

        The second array is (sites, 6, n). Isotropic sites have U_iso as a tensor.
        """
        x = np.asarray(values, dtype=float)
        matrix = np.zeros((len(self.constraints), 6, len(self.names)))
        for i, (site, compiled) in enumerate(zip(self.constraints, self._sites, strict=True)):
            matrix[i][:, list(compiled.displacements)] = site.displacement_matrix
        return (x[:, None, None, :] * matrix).sum(axis=-1), matrix

    def _evaluate(self, x: FloatArray, q: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """|F|² (rows, R), ∂/∂values (n, rows, R) and ∂/∂(1/d²) (rows, R) of a few rows."""
        form, slope = self.factors.evaluate(q / 4.0)
        anomalous = self.factors.anomalous
        by_values = np.empty((len(self.names), *q.shape))
        by_sine = None if self._centric else np.empty_like(by_values)
        # F(h) = (P − V) + i(Q + U) and F(−h) = (P + V) + i(U − Q), with the sums P, Q of
        # f + f′ and U, V of f″ times the cosine and sine parts of the geometry.
        p, u = np.zeros(q.shape), np.zeros(q.shape)
        q_part, v = (None, None) if self._centric else (np.zeros(q.shape), np.zeros(q.shape))
        parts = []
        for site in self._sites:
            cosine, sine = _geometry(site, x, by_values, by_sine)
            scale = site.weight * _damping(site, x, q) * self._present
            filled = scale * x[:, site.occupancy, None]
            real = form[site.kind] + anomalous[site.kind].real
            imaginary = float(anomalous[site.kind].imag)
            p += filled * real * cosine
            u += filled * imaginary * cosine
            if q_part is not None and v is not None and sine is not None:
                q_part += filled * real * sine
                v += filled * imaginary * sine
            parts.append((cosine, sine, scale, filled, real, imaginary))
        square = p**2 + u**2
        if q_part is not None and v is not None:
            square += q_part**2 + v**2
        by_d2 = np.zeros(q.shape)
        for site, (cosine, sine, scale, filled, real, imaginary) in zip(
            self._sites, parts, strict=True
        ):
            along = 2.0 * (p * real + u * imaginary)
            total, bare = along * cosine, p * cosine
            for k in site.moving:
                by_values[k] *= along * filled
            if by_sine is not None and q_part is not None and v is not None and sine is not None:
                across = 2.0 * (q_part * real + v * imaginary)
                total, bare = total + across * sine, bare + q_part * sine
                for k in site.moving:
                    by_values[k] += by_sine[k] * (across * filled)
            by_values[site.occupancy] = total * scale
            by_d2 += 0.5 * filled * slope[site.kind] * bare
            if not site.anisotropic:
                place = site.displacements[0]
                by_values[place] = (-2.0 * np.pi**2) * q * total * filled
                by_d2 += (-2.0 * np.pi**2) * x[:, place, None] * total * filled
        return square, by_values, by_d2


def _geometry(
    site: _Site, x: FloatArray, by_cosine: FloatArray, by_sine: FloatArray | None
) -> tuple[FloatArray, FloatArray | None]:
    """Σ T·cos and Σ T·sin over the images, (rows or 1, R); derivatives into (n, rows, R).

    The sines are left out (None) where an inversion makes them vanish.
    """
    for k in site.moving:
        by_cosine[k] = 0.0
        if by_sine is not None:
            by_sine[k] = 0.0
    # Rows where the structure moves; one for all rows where it cannot.
    shape = by_cosine.shape[1:] if site.moving else (1, by_cosine.shape[2])
    cosine, sine = np.zeros(shape), np.zeros(shape)
    scratch = np.empty(shape)
    for image in range(len(site.phase)):
        angle = np.repeat(site.phase[image][None], shape[0], axis=0)
        for k, slope in zip(site.coordinates, site.slopes[image], strict=True):
            angle += np.multiply(x[:, k, None], slope, out=scratch)
        c, s = np.cos(angle), np.sin(angle, out=angle)
        if site.tensor:
            exponent = np.zeros(shape)
            for k, decay in zip(site.tensor, site.decay[image], strict=True):
                exponent += np.multiply(x[:, k, None], decay, out=scratch)
            damping = np.exp(exponent, out=exponent)
            c *= damping
            s *= damping
        cosine += c
        sine += s
        for k, slope in zip(site.coordinates, site.slopes[image], strict=True):
            by_cosine[k] -= np.multiply(slope, s, out=scratch)
            if by_sine is not None:
                by_sine[k] += np.multiply(slope, c, out=scratch)
        for k, decay in zip(site.tensor, site.decay[image], strict=True):
            by_cosine[k] += np.multiply(decay, c, out=scratch)
            if by_sine is not None:
                by_sine[k] += np.multiply(decay, s, out=scratch)
    return cosine, None if by_sine is None else sine


def _damping(site: _Site, x: FloatArray, q: FloatArray) -> FloatArray | float:
    """exp(−8π²U·s²) = exp(−2π²U/d²); 1 where the images have their own."""
    if site.anisotropic:
        return 1.0
    return np.asarray(np.exp((-2.0 * np.pi**2) * x[:, site.displacements[0], None] * q))


def _parameters(
    phase: Phase, sites: tuple[SiteConstraint, ...]
) -> tuple[tuple[str, ...], FloatArray, FloatArray, FloatArray]:
    """Names, starts and bounds, site by site: coordinates, occupancy, displacements."""
    names: list[str] = []
    start: list[float] = []
    lower: list[float] = []
    upper: list[float] = []
    lengths = dict(zip("xyz", phase.cell[:3], strict=True))
    for site in sites:
        for name, value in zip(site.coordinate_names, site.coordinate_start, strict=True):
            names.append(f"{site.label}.{name}")
            start.append(value)
            lower.append(value - REACH / lengths[name])
            upper.append(value + REACH / lengths[name])
        names.append(f"{site.label}.occupancy")
        start.append(site.atom.occupancy)
        lower.append(min(0.0, site.atom.occupancy))
        upper.append(max(1.0, site.atom.occupancy))
        for name, value in zip(site.displacement_names, site.displacement_start, strict=True):
            names.append(f"{site.label}.{name}")
            start.append(value)
            lower.append(min(DISPLACEMENT_BOUNDS[0], value))
            upper.append(max(DISPLACEMENT_BOUNDS[1], value))
    return tuple(names), np.array(start), np.array(lower), np.array(upper)


def _compile(phase: Phase, site: SiteConstraint, hkl: IntArray, kind: int, place: int) -> _Site:
    operations = phase.operations
    chosen = _distinct_images(operations, site)
    rotations = operations.rotations[chosen]
    # h·(R·x + t) = (h·R)·x + h·t, and the origin moves to the inversion, if there is one.
    turned = np.matmul(hkl[None], rotations).astype(float)
    shifts = operations.translations[chosen]
    origin = np.zeros(3) if operations.inversion is None else operations.inversion / 2.0
    steps = (hkl @ shifts.T - (hkl @ origin)[:, None]).T / DENOMINATOR
    slopes = 2.0 * np.pi * np.matmul(turned, site.coordinate_matrix)
    fixed = 2.0 * np.pi * (np.matmul(turned, site.coordinate_offset) + steps)
    p, q = len(site.coordinate_names), len(site.displacement_names)
    # exp(−2π² Σ h_i h_j a*_i a*_j U_ij): off-diagonal terms stand twice.
    inverse = np.linalg.inv(metric(phase.cell)[0])
    reciprocal = np.sqrt(np.diag(inverse))
    lengths = turned * reciprocal
    each = np.stack(
        [(2.0 if i != j else 1.0) * lengths[..., i] * lengths[..., j] for i, j in PAIRS],
        axis=-1,
    )
    tensor = site.displacement_matrix if site.anisotropic else np.empty((6, 0))
    decay = (-2.0 * np.pi**2) * np.matmul(each, tensor)
    return _Site(
        kind=kind,
        weight=site.multiplicity / len(chosen),
        phase=fixed,
        slopes=np.ascontiguousarray(np.swapaxes(slopes, 1, 2)),
        decay=np.ascontiguousarray(np.swapaxes(decay, 1, 2)),
        coordinates=tuple(range(place, place + p)),
        occupancy=place + p,
        displacements=tuple(range(place + p + 1, place + p + 1 + q)),
        anisotropic=site.anisotropic,
    )


def _distinct_images(operations: Operations, site: SiteConstraint) -> list[int]:
    """Operations whose images of the site differ by no centring vector nor by the inversion.

    Every class of images so joined is as large as the others, for centring vectors and the
    inversion form a normal subgroup: each stands for multiplicity/classes atoms.
    """
    places = operations.rotations @ site.symmetry.position
    places = places + operations.translations / DENOMINATOR
    if operations.inversion is not None:
        paired = operations.inversion / DENOMINATOR - places
    chosen: list[int] = []
    for index, place in enumerate(places):
        others = [places[chosen]]
        if operations.inversion is not None:
            others.append(paired[chosen])
        apart = np.concatenate(others)[:, None] - place - operations.centrings / DENOMINATOR
        if not (np.abs(apart - np.rint(apart)) < 1e-5).all(axis=-1).any():
            chosen.append(index)
    return chosen
