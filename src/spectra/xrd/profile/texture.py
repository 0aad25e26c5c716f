"""Preferred orientation as a factor on intensities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, lpmv

from spectra.errors import SettingError
from spectra.symmetry import IntArray, reflection_images
from spectra.xrd.lattice import orthogonalization
from spectra.xrd.profile.intensity import Factor
from spectra.xrd.profile.terms import Coefficient, Declared, FloatArray
from spectra.xrd.profile.widths import cosine_to_axis

# Singular values below this part of the greatest belong to dependent functions.
_DEPENDENT = 1e-8


@dataclass(frozen=True, eq=False)
class MarchDollase(Declared):
    """Preferred orientation along one axis, (1/m)·Σ(r²·cos²α + sin²α/r)^(−3/2).

    The sum goes over the m equivalent reflections, α the angle of each to the axis: W. A.
    Dollase, J. Appl. Cryst. 19 (1986) 267, doi:10.1107/S0021889886089458. r < 1 for plates in
    reflection, r = 1 without preference; its mean over all directions is 1. Angles belong to
    the cell the term was made with.

    Parameters
    ----------
    cosine2 : array (R, m)
        cos²α of all images of each reflection under the rotations of the Laue group.
    """

    cosine2: FloatArray

    @classmethod
    def of(
        cls, hkl: ArrayLike, axis: ArrayLike, cell: ArrayLike, rotations: IntArray
    ) -> MarchDollase:
        """Return the term of reflections.

        Parameters
        ----------
        hkl : array (R, 3)
        axis : array (3,)
            The reciprocal vector that is oriented, e.g. [0, 0, 1] for plates (00l).
        cell : array (6,)
        rotations : int array (m, 3, 3)
            Of the Laue group, see `Operations.laue`.

        Raises
        ------
        SettingError
            For the axis [0, 0, 0].
        """
        pole = np.asarray(axis, dtype=float)
        if not pole.any():
            raise SettingError("axis [0 0 0]; expected a reflection such as [0, 0, 1]")
        # A Friedel mate makes the same angle, so that half of the rotations are enough.
        family = reflection_images(hkl, rotations[np.linalg.det(rotations) > 0.0])
        # The direction [uvw] along the reciprocal vector: u = G*·h.
        basis = orthogonalization(cell)
        direct = pole @ np.linalg.inv(basis) @ np.linalg.inv(basis).T
        cosine = cosine_to_axis(family.reshape(-1, 3), direct, cell)
        return cls((cosine**2).reshape(family.shape[:2]))

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """R."""
        return (Coefficient("march", "", "March-Dollase r", 1.0, 0.05, 20.0),)

    def evaluate(self, values: FloatArray, two_theta: FloatArray) -> Factor:
        """The factor for values (rows, 1) and 2θ (rows, R) in deg."""
        r = np.asarray(values, dtype=float)[..., 0, None, None]
        c2 = self.cosine2
        inside = r * r * c2 + (1.0 - c2) / r
        power = 1.0 / (inside * np.sqrt(inside))
        slope = -1.5 * power / inside * (2.0 * r * c2 - (1.0 - c2) / (r * r))
        value = power.mean(axis=-1)
        return Factor(value, slope.mean(axis=-1)[..., None], np.zeros(value.shape))


@dataclass(frozen=True, eq=False)
class HarmonicTexture(Declared):
    """Preferred orientation of a sample that is turned, in spherical harmonics.

    J(hkl) = 1 + Σ c_i·k_i(hkl), with the k_i of even order l those combinations of the real
    harmonics which the Laue group leaves as they are, of mean square 1 over the sphere: H.-J.
    Bunge, Texture Analysis in Materials Science (1982), ch. 4; M. Järvinen, J. Appl. Cryst. 26
    (1993) 525. c are 0 without preference; the mean of J² over the sphere is 1 + Σc². Angles belong
    to the cell the term was made with.

    Parameters
    ----------
    labels : tuple of str
        "c2_1" is the first harmonic of order 2.
    functions : array (R, n)
    """

    labels: tuple[str, ...]
    functions: FloatArray

    @classmethod
    def of(
        cls, hkl: ArrayLike, cell: ArrayLike, rotations: IntArray, order: int
    ) -> HarmonicTexture:
        """Return the term of reflections, with harmonics up to an even order.

        Parameters
        ----------
        hkl : array (R, 3)
        cell : array (6,)
        rotations : int array (m, 3, 3)
            Of the Laue group.
        order : int
            2, 4 … 20.

        Raises
        ------
        SettingError
            For another order.
        """
        if order not in range(2, 21, 2):
            raise SettingError(f"order {order}; expected an even number from 2 to 20")
        labels: list[str] = []
        columns: list[FloatArray] = []
        basis = orthogonalization(cell)
        for degree in range(2, order + 1, 2):
            mixing = _invariant(degree, basis, rotations)
            harmonics = _real_harmonics(degree, np.asarray(hkl, dtype=float) @ np.linalg.inv(basis))
            for i, row in enumerate(mixing):
                labels.append(f"c{degree}_{i + 1}")
                columns.append((harmonics * row).sum(axis=-1))
        count = len(np.asarray(hkl))
        functions = np.stack(columns, axis=-1) if columns else np.empty((count, 0))
        return cls(tuple(labels), functions)

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """The c."""
        meaning = "coefficient of a harmonic of order"
        return tuple(
            Coefficient(n, "", f"{meaning} {n[1:].partition('_')[0]}", 0.0, -10.0, 10.0)
            for n in self.labels
        )

    def evaluate(self, values: FloatArray, two_theta: FloatArray) -> Factor:
        """The factor for values (rows, n) and 2θ (rows, R) in deg.

        Nothing keeps it from being negative: a c too great for any sample is to be seen.
        """
        weights = np.asarray(values, dtype=float)[..., None, :]
        value = 1.0 + (self.functions * weights).sum(axis=-1)
        by_values = np.broadcast_to(self.functions, (*value.shape, len(self.labels)))
        return Factor(value, by_values.copy(), np.zeros(value.shape))


def _real_harmonics(degree: int, vectors: FloatArray) -> FloatArray:
    """Real harmonics (N, 2l + 1) of directions (N, 3), of mean square 1 over the sphere."""
    unit = vectors / np.sqrt((vectors**2).sum(axis=-1, keepdims=True))
    azimuth = np.arctan2(unit[:, 1], unit[:, 0])
    columns = []
    for m in range(degree + 1):
        ratio = np.exp(gammaln(degree - m + 1) - gammaln(degree + m + 1))
        scale = np.sqrt((2 * degree + 1) * ratio * (1.0 if m == 0 else 2.0))
        polar = scale * lpmv(m, degree, np.clip(unit[:, 2], -1.0, 1.0))
        columns += [polar] if m == 0 else [polar * np.cos(m * azimuth), polar * np.sin(m * azimuth)]
    return np.stack(columns, axis=-1)


def _invariant(degree: int, basis: FloatArray, rotations: IntArray) -> FloatArray:
    """Orthonormal combinations (n, 2l + 1) of real harmonics that the Laue group keeps.

    The mean of the harmonics over the group is a projection in their space; it is found from
    their values at directions, and its range by the harmonic it keeps most of, then the next.
    """
    size = 2 * degree + 1
    directions = _spread(4 * size)
    hkl = directions @ basis
    total = np.zeros((len(directions), size))
    for rotation in rotations:
        total += _real_harmonics(degree, hkl @ rotation @ np.linalg.inv(basis))
    total /= len(rotations)
    projection, *_ = np.linalg.lstsq(_real_harmonics(degree, directions), total, rcond=None)
    projection = 0.5 * (projection + projection.T)
    rows: list[FloatArray] = []
    for _ in range(size):
        rest = projection - sum((np.outer(r, r) for r in rows), np.zeros((size, size)))
        # The first of equal ones, whatever rounding says.
        best = int(np.argmax(np.diag(rest).round(6)))
        if rest[best, best] < _DEPENDENT**0.5:
            break
        rows.append(rest[best] / np.sqrt(rest[best, best]))
    return np.array(rows).reshape(-1, size)


def _spread(count: int) -> FloatArray:
    """Directions (count, 3) spread over the sphere along a spiral."""
    i = np.arange(count) + 0.5
    z, azimuth = 1.0 - 2.0 * i / count, np.pi * (1.0 + 5.0**0.5) * i
    radius = np.sqrt(1.0 - z**2)
    return np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=-1)
