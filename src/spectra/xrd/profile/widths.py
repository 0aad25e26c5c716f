"""Widths of powder lines: instrument, size and microstrain.

A line is the convolution of a Gaussian of fwhm Γ_G and a Lorentzian of fwhm Γ_L, both in deg
2θ. Gaussian parts add as squares and Lorentzian parts plainly, so that each term gives what it
adds to Γ_G² (deg²) and to Γ_L (deg). Coefficients are in deg² and deg; those of GSAS
(centideg², of a variance) are converted where its files are read.

Angles to the axes of the crystal belong to the metric a term was made with: that they turn
with the cell is of second order and left out of the derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import SettingError
from spectra.xrd.lattice import metric
from spectra.xrd.profile.terms import (
    BY_TWO_THETA,
    DEGREES,
    Coefficient,
    Declared,
    FloatArray,
    Theta,
    gather,
)

# Least fwhm (deg) of the Gaussian part: far below any instrument's, far above rounding.
FLOOR = 1e-4


@dataclass(frozen=True)
class Contribution:
    """What a term adds to the widths of R lines in each row.

    Attributes
    ----------
    gauss2, lorentz : array (rows, R)
        Added to Γ_G² (deg²) and Γ_L (deg).
    gauss2_by_values, lorentz_by_values : array (rows, R, n)
    gauss2_by_two_theta, lorentz_by_two_theta : array (rows, R)
        Per deg of 2θ.
    """

    gauss2: FloatArray
    lorentz: FloatArray
    gauss2_by_values: FloatArray
    lorentz_by_values: FloatArray
    gauss2_by_two_theta: FloatArray
    lorentz_by_two_theta: FloatArray


class WidthTerm(Protocol):
    """One cause of line widths."""

    @property
    def coefficients(self) -> tuple[Coefficient, ...]: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    def evaluate(
        self, values: FloatArray, two_theta: FloatArray, wavelength: ArrayLike
    ) -> Contribution: ...


@dataclass(frozen=True)
class LinearWidth(Declared):
    """A width that is a sum of value × function of θ.

    Parameters
    ----------
    coefficients : tuple of Coefficient
    gauss2, lorentz : tuple of str
        For each coefficient, the function by which it enters Γ_G² and Γ_L: "tan2", "tan",
        "one", "sec2", "sec", or "" where it does not enter.
    """

    coefficients: tuple[Coefficient, ...]
    gauss2: tuple[str, ...]
    lorentz: tuple[str, ...]

    def evaluate(
        self, values: FloatArray, two_theta: FloatArray, wavelength: ArrayLike
    ) -> Contribution:
        """Widths of lines.

        Parameters
        ----------
        values : array (rows, n)
        two_theta : array (rows, R)
            Deg.
        wavelength : float or array (R,)
            Not used by linear widths.

        Returns
        -------
        Contribution
        """
        angle = Theta.of(two_theta)
        shape, weights = angle.sine.shape, np.asarray(values, dtype=float)
        used = [k for k in dict.fromkeys(self.gauss2 + self.lorentz) if k]
        functions = {kind: _function(kind, angle) for kind in used}
        parts = []
        for kinds in (self.gauss2, self.lorentz):
            total, slope = np.zeros(shape), np.zeros(shape)
            by_values = np.zeros((*shape, len(kinds)))
            for i, kind in enumerate(kinds):
                if kind:
                    function, derivative = functions[kind]
                    total += weights[..., i, None] * function
                    slope += weights[..., i, None] * derivative
                    by_values[..., i] = function
            parts.append((total, by_values, slope))
        (gauss2, by_gauss, slope_gauss), (lorentz, by_lorentz, slope_lorentz) = parts
        return Contribution(gauss2, lorentz, by_gauss, by_lorentz, slope_gauss, slope_lorentz)


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray((a * b).sum(axis=-1))


def _function(kind: str, angle: Theta) -> tuple[FloatArray, FloatArray]:
    """One function of θ and its derivative by 2θ (per deg)."""
    s, c = angle.sine, angle.cosine
    tangent, secant = s / c, 1.0 / c
    if kind == "tan2":
        return tangent**2, 2.0 * tangent * secant**2 * BY_TWO_THETA
    if kind == "tan":
        return tangent, secant**2 * BY_TWO_THETA
    if kind == "sec2":
        return secant**2, 2.0 * tangent * secant**2 * BY_TWO_THETA
    if kind == "sec":
        return secant, tangent * secant * BY_TWO_THETA
    return np.ones_like(s), np.zeros_like(s)


CAGLIOTI = LinearWidth(
    (
        Coefficient("u", "deg^2", "U of Γ_G² = U·tan²θ + V·tanθ + W + P/cos²θ"),
        Coefficient("v", "deg^2", "V of Γ_G²"),
        Coefficient("w", "deg^2", "W of Γ_G²", 1e-3),
        Coefficient("p", "deg^2", "P of Γ_G²"),
    ),
    ("tan2", "tan", "one", "sec2"),
    ("", "", "", ""),
)
"""Gaussian width of an instrument.

G. Caglioti, A. Paoletti and F. P. Ricci, Nucl. Instrum. 3 (1958) 223; P after R. A. Young and
P. Desai, Arch. Nauki Mater. 10 (1989) 71.
"""

LORENTZ = LinearWidth(
    (
        Coefficient("x", "deg", "X of Γ_L = X/cosθ + Y·tanθ + Z"),
        Coefficient("y", "deg", "Y of Γ_L"),
        Coefficient("z", "deg", "Z of Γ_L"),
    ),
    ("", "", ""),
    ("sec", "tan", "one"),
)
"""Lorentzian width of an instrument.

P. Thompson, D. E. Cox and J. B. Hastings, J. Appl. Cryst. 20 (1987) 79.
"""

SIZE = LinearWidth(
    (Coefficient("size", "deg", "size: Γ_L = size/cosθ", 0.01, 0.0),), ("",), ("sec",)
)
"""Isotropic crystallite size, Lorentzian; see `crystallite_size`."""

SIZE_GAUSS = LinearWidth(
    (Coefficient("size_gauss2", "deg^2", "size: Γ_G² = size_gauss2/cos²θ", 1e-4, 0.0),),
    ("sec2",),
    ("",),
)
"""Gaussian share of the isotropic size; its width is √size_gauss2."""

STRAIN = LinearWidth(
    (Coefficient("strain", "deg", "microstrain: Γ_L = strain·tanθ", 0.01, 0.0),), ("",), ("tan",)
)
"""Isotropic microstrain, Lorentzian; see `microstrain`."""

STRAIN_GAUSS = LinearWidth(
    (Coefficient("strain_gauss2", "deg^2", "microstrain: Γ_G² = strain_gauss2·tan²θ", 1e-4, 0.0),),
    ("tan2",),
    ("",),
)
"""Gaussian share of the isotropic microstrain; its width is √strain_gauss2."""


@dataclass(frozen=True, eq=False)
class UniaxialSize(Declared):
    """Needles or plates: crystallites of one size along an axis, another across it.

    Γ_L = √((A·cosφ)² + (E·sinφ)²)/cosθ with φ the angle of the line's hkl to the axis. A and E
    are the coefficients `size_axis` and `size_equator`, each giving its size by
    `crystallite_size`: an ellipsoid of revolution in the inverse sizes (A. C. Larson and
    R. B. Von Dreele, GSAS, LAUR 86-748; B. H. Toby and R. B. Von Dreele, J. Appl. Cryst. 46
    (2013) 544).

    Parameters
    ----------
    cosine2 : array (R,)
        cos²φ of each line, see `cosine_to_axis`.
    """

    cosine2: FloatArray

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """The two values."""
        return (
            Coefficient("size_axis", "deg", "size along the axis: Γ_L = size_axis/cosθ", 0.01, 0.0),
            Coefficient("size_equator", "deg", "size across the axis", 0.01, 0.0),
        )

    def evaluate(
        self, values: FloatArray, two_theta: FloatArray, wavelength: ArrayLike
    ) -> Contribution:
        """Widths of lines: as `LinearWidth.evaluate`."""
        weights = np.asarray(values, dtype=float)
        axis, equator = weights[..., 0, None], weights[..., 1, None]
        c2, s2 = self.cosine2, 1.0 - self.cosine2
        root = np.sqrt(axis**2 * c2 + equator**2 * s2)
        none = root <= 0.0
        inverse = np.where(none, 0.0, 1.0 / np.where(none, 1.0, root))
        # Of two zero coefficients, each grows by itself.
        by_axis = np.where(none, np.sqrt(c2), axis * c2 * inverse)
        by_equator = np.where(none, np.sqrt(s2), equator * s2 * inverse)
        secant, slope = _function("sec", Theta.of(two_theta))
        zero = np.zeros(root.shape)
        return Contribution(
            zero,
            root * secant,
            np.zeros((*root.shape, 2)),
            gather([by_axis * secant, by_equator * secant], root.shape),
            zero,
            root * slope,
        )


def cosine_to_axis(hkl: ArrayLike, axis: ArrayLike, cell: ArrayLike) -> FloatArray:
    """Cosine (R,) of the angle between reciprocal vectors hkl and the direction [uvw].

    h·u/(|h*|·|u|), the lengths by the metric (International Tables B (2010), ch. 1.1).

    Parameters
    ----------
    hkl : array (R, 3)
    axis : array (3,)
        Lattice direction [uvw]; for plates (00l) of any hexagonal or tetragonal cell [001].
    cell : array (6,)

    Raises
    ------
    SettingError
        For the direction [000].
    """
    h, u = np.asarray(hkl, dtype=float), np.asarray(axis, dtype=float)
    if not u.any():
        raise SettingError("axis [0 0 0]; expected a direction such as [0, 0, 1]")
    tensor, _ = metric(cell)
    long = np.sqrt(_dot(h @ np.linalg.inv(tensor), h))
    return np.asarray(np.clip((h @ u) / (long * np.sqrt(u @ tensor @ u)), -1.0, 1.0))


@dataclass(frozen=True)
class LineWidths:
    """Widths of R lines in each row, with derivatives by all values of all terms.

    Attributes
    ----------
    gamma_g, gamma_l : array (rows, R)
        Deg.
    gamma_g_by_values, gamma_l_by_values : array (rows, R, n)
        The values of the terms in their order, one after the other.
    gamma_g_by_two_theta, gamma_l_by_two_theta : array (rows, R)
    floored : bool array (rows, R)
        Where Γ_G² fell below the floor or Γ_L below 0, and was set to that.
    """

    gamma_g: FloatArray
    gamma_l: FloatArray
    gamma_g_by_values: FloatArray
    gamma_l_by_values: FloatArray
    gamma_g_by_two_theta: FloatArray
    gamma_l_by_two_theta: FloatArray
    floored: NDArray[np.bool_]


def line_widths(
    terms: Sequence[WidthTerm],
    values: Sequence[FloatArray],
    two_theta: FloatArray,
    wavelength: ArrayLike,
    natural: float = 0.0,
    floor: float = FLOOR,
) -> LineWidths:
    """Sum terms and take the root.

    An emission line of the full width Δλ is a Lorentzian, which adds 2·Δλ/λ·tanθ to Γ_L.

    Where the sum leaves the range of widths it is held at the limit, and all derivatives of
    that width are zero there: those of what is returned.

    Parameters
    ----------
    terms : sequence of WidthTerm
    values : sequence of array (rows, n)
        Of each term.
    two_theta : array (rows, R)
        Deg.
    wavelength : float or array (R,)
        Angstrom.
    natural : float
        Δλ of the emission line, angstrom.
    floor : float
        Least Γ_G (deg).

    Returns
    -------
    LineWidths
    """
    parts = [t.evaluate(v, two_theta, wavelength) for t, v in zip(terms, values, strict=True)]
    if not parts:
        raise SettingError("no width terms; a line needs at least CAGLIOTI")
    gauss2 = np.sum([p.gauss2 for p in parts], axis=0)
    spectrum = 2.0 * DEGREES * natural / np.asarray(wavelength, dtype=float)
    tangent, tangent_slope = _function("tan", Theta.of(two_theta))
    lorentz = np.sum([p.lorentz for p in parts], axis=0) + spectrum * tangent
    low_g, low_l = ~(gauss2 > floor**2), ~(lorentz >= 0.0)
    gamma_g = np.sqrt(np.where(low_g, floor**2, gauss2))
    half = np.where(low_g, 0.0, 0.5 / gamma_g)
    free = np.where(low_l, 0.0, 1.0)
    by_values_g = np.concatenate([p.gauss2_by_values for p in parts], axis=-1)
    by_values_l = np.concatenate([p.lorentz_by_values for p in parts], axis=-1)
    return LineWidths(
        gamma_g,
        np.where(low_l, 0.0, lorentz),
        by_values_g * half[..., None],
        by_values_l * free[..., None],
        half * np.sum([p.gauss2_by_two_theta for p in parts], axis=0),
        free * (np.sum([p.lorentz_by_two_theta for p in parts], axis=0) + spectrum * tangent_slope),
        low_g | low_l,
    )


def crystallite_size(
    width: ArrayLike, wavelength: float, shape_factor: float = 0.9
) -> tuple[FloatArray, FloatArray]:
    """Size D = K·λ/Γ of crystallites (angstrom), and its derivative by the width.

    P. Scherrer, Nachr. Ges. Wiss. Göttingen (1918) 98, with Γ·cosθ = `width` the full width at
    half maximum in 2θ and K = 0.9 (J. I. Langford and A. J. C. Wilson, J. Appl. Cryst. 11
    (1978) 102: 0.89 for the fwhm of spheres; K = 1 with an integral breadth gives the
    volume-weighted column length). Infinite for a width of 0.

    Parameters
    ----------
    width : array
        Deg, the coefficient of 1/cosθ; for a Gaussian share the root of its coefficient.
    wavelength : float
        Angstrom.
    shape_factor : float
        K.

    Returns
    -------
    size, by_width : array
        Angstrom, angstrom/deg.
    """
    w = np.asarray(width, dtype=float)
    with np.errstate(divide="ignore"):
        size = shape_factor * wavelength * DEGREES / w
        return np.asarray(size), np.asarray(-shape_factor * wavelength * DEGREES / w**2)


def microstrain(width: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Microstrain ε = Γ/(4·tanθ), dimensionless, and its derivative by the width.

    A. R. Stokes and A. J. C. Wilson, Proc. Phys. Soc. London 56 (1944) 174: β = 4ε·tanθ, with ε
    the maximum strain; here with the full width at half maximum in place of the integral
    breadth. The full width of the distribution of Δd/d is twice that.

    Parameters
    ----------
    width : array
        Deg, the coefficient of tanθ; for a Gaussian share the root of its coefficient.

    Returns
    -------
    strain, by_width : array
        Dimensionless, 1/deg.
    """
    w = np.asarray(width, dtype=float)
    return w / (4.0 * DEGREES), np.full_like(w, 1.0 / (4.0 * DEGREES))
