"""Factors on the intensity of powder lines as functions of 2θ.

Each is a term with named values whose `evaluate` gives the factor and its derivatives by the
values and by 2θ. Preferred orientation is in `texture`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spectra.xrd.profile.terms import BY_TWO_THETA, Coefficient, Declared, FloatArray, Theta, gather


@dataclass(frozen=True)
class Factor:
    """A factor on the intensities of R lines in each row.

    Attributes
    ----------
    value : array (rows, R)
    by_values : array (rows, R, n)
    by_two_theta : array (rows, R)
        Per deg of 2θ.
    """

    value: FloatArray
    by_values: FloatArray
    by_two_theta: FloatArray


class FactorTerm(Protocol):
    """One cause of intensity."""

    @property
    def coefficients(self) -> tuple[Coefficient, ...]: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    def evaluate(self, values: FloatArray, two_theta: FloatArray) -> Factor: ...


@dataclass(frozen=True)
class LorentzFactor(Declared):
    """Lorentz factor of a powder, 1/(sin²θ·cosθ).

    B. E. Warren, X-ray Diffraction (1969), ch. 4.
    """

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """None."""
        return ()

    def evaluate(self, values: FloatArray, two_theta: FloatArray) -> Factor:
        """The factor for values (rows, 0) and 2θ (rows, R) in deg."""
        angle = Theta.of(two_theta)
        s, c = angle.sine, angle.cosine
        value = 1.0 / (s * s * c)
        slope = value * (s / c - 2.0 * c / s) * BY_TWO_THETA
        return Factor(value, np.empty((*value.shape, 0)), slope)


@dataclass(frozen=True)
class Polarisation(Declared):
    """Polarisation factor (P + (1 − P)·M·cos²2θ)/(P + (1 − P)·M).

    P is the share of the intensity that arrives at the sample (or would, were a monochromator
    in the diffracted beam before it) with its electric vector perpendicular to the plane of
    diffraction, and M = cos²2θ_M of a monochromator whose plane is that of diffraction. Its
    value at 2θ = 0 is 1 (L. V. Azaroff, Acta Cryst. 8 (1955) 701).

    - no monochromator, tube: P = 0.5, θ_M = 0.
    - tube with monochromator: P = 0.5 and its 2θ_M (graphite, Cu Kα: 26.6°).
    - synchrotron, vertical diffraction plane, 99 % polarised in the orbit: P = 0.99.
    - neutrons: P = 1, the factor is 1.
    - GSAS: POLA is P if IPOLA = 0; (1 + POLA·cos²2θ) if IPOLA = 1, so that P = 1/(1 + POLA).
      GSAS-II: `Polariz.` is P.
    - TOPAS: LP_Factor(a) is P = 0.5 and 2θ_M = a; LP_Factor(90) is a synchrotron, P = 1.
    - FullProf: P = 1 − K and M = Cthm.

    Parameters
    ----------
    monochromator : float
        2θ_M (deg).
    start_value : float
        P of the instrument.
    """

    monochromator: float = 0.0
    start_value: float = 0.5

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """P."""
        meaning = "share polarised perpendicular to the diffraction plane"
        return (Coefficient("polarisation", "", meaning, self.start_value, 0.0, 1.0),)

    def evaluate(self, values: FloatArray, two_theta: FloatArray) -> Factor:
        """The factor for values (rows, 1) and 2θ (rows, R) in deg."""
        share = np.asarray(values, dtype=float)[..., 0, None]
        angle = np.radians(np.asarray(two_theta, dtype=float))
        m = np.cos(np.radians(self.monochromator)) ** 2
        c2 = np.cos(angle) ** 2
        bottom = share + (1.0 - share) * m
        value = (share + (1.0 - share) * m * c2) / bottom
        by_share = ((1.0 - m * c2) - value * (1.0 - m)) / bottom
        slope = -(1.0 - share) * m * np.sin(2.0 * angle) / bottom * (2.0 * BY_TWO_THETA)
        return Factor(value, by_share[..., None], slope)


@dataclass(frozen=True)
class CapillaryAbsorption(Declared):
    """Transmission of a cylinder in Debye–Scherrer geometry, fully bathed in the beam.

    A(μR, θ) after N. N. Lobanov and L. Alte da Veiga, 6th European Powder Diffraction
    Conference, Abstract P12-16 (1998), in the form that GSAS-II uses (B. H. Toby and R. B.
    Von Dreele, J. Appl. Cryst. 46 (2013) 544); within 0.9 % of the integral over the cylinder up to
    μR = 2.5 and within 1.3 % up to 10. At μR = 3 one formula follows another, with a step of up
    to 1.2 %, or 2.5 % close to backscattering.
    """

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """μR."""
        return (Coefficient("mu_r", "", "absorption μ × radius of the capillary", 0.0, 0.0, 10.0),)

    def evaluate(self, values: FloatArray, two_theta: FloatArray) -> Factor:
        """The factor for values (rows, 1) and 2θ (rows, R) in deg."""
        angle = Theta.of(two_theta)
        mu_r, y = np.broadcast_arrays(np.asarray(values, dtype=float)[..., 0, None], angle.sine**2)
        thin = mu_r <= 3.0
        value = np.empty(y.shape)
        by_mu_r, by_y = np.empty(y.shape), np.empty(y.shape)
        for where, formula in ((thin, _thin_cylinder), (~thin, _thick_cylinder)):
            parts = formula(mu_r[where], y[where])
            value[where], by_mu_r[where], by_y[where] = parts
        slope = by_y * 2.0 * angle.sine * angle.cosine * BY_TWO_THETA
        return Factor(value, by_mu_r[..., None], slope)


def _thin_cylinder(m: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A for μR ≤ 3, and its derivatives by μR and y = sin²θ."""
    root, quarter = np.sqrt(y), y**0.25
    damp = np.exp(-0.024551 * y)
    k0 = 16.0 / (3.0 * np.pi)
    k1 = (25.99978 - 0.01911 * quarter) * damp + 0.109561 * root - 26.04556
    k2 = (
        -0.02489 - 0.39499 * y + 1.219077 * y * root - 1.31268 * y**2
        + 0.871081 * y**2 * root - 0.2327 * y**3
    )  # fmt: skip
    k3 = 0.003045 + 0.018167 * y - 0.03305 * y**2
    safe = np.where(y > 0.0, y, 1.0)
    # The formula has roots of y: at θ = 0 its slope by y is not finite, by θ of no use.
    k1_y = -0.25 * 0.01911 * quarter / safe * damp + 0.5 * 0.109561 * root / safe
    k1_y = k1_y - 0.024551 * (25.99978 - 0.01911 * quarter) * damp
    k2_y = (
        -0.39499 + 1.5 * 1.219077 * root - 2.0 * 1.31268 * y
        + 2.5 * 0.871081 * y * root - 3.0 * 0.2327 * y**2
    )  # fmt: skip
    k3_y = 0.018167 - 2.0 * 0.03305 * y
    value = np.exp(-m * (k0 + m * (k1 + m * (k2 + m * k3))))
    by_m = -value * (k0 + m * (2.0 * k1 + m * (3.0 * k2 + 4.0 * m * k3)))
    return value, by_m, -value * m * m * (k1_y + m * (k2_y + m * k3_y))


def _thick_cylinder(m: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A for μR > 3, and its derivatives by μR and y = sin²θ."""
    k1 = 1.433902 + 11.07504 * y - 8.77629 * y**2 + 10.02088 * y**3 - 3.36778 * y**4
    k1_y = 11.07504 - 2.0 * 8.77629 * y + 3.0 * 10.02088 * y**2 - 4.0 * 3.36778 * y**3
    grow, low = np.exp(3.27094 * y), 1.0 + 11.53544 * y
    top = 0.337894 + 13.77317 * y
    k2 = (0.013869 - 0.01249 * y) * grow + top / low**1.555039
    k2_y = (3.27094 * (0.013869 - 0.01249 * y) - 0.01249) * grow
    k2_y = k2_y + (13.77317 - 1.555039 * 11.53544 * top / low) / low**1.555039
    wide = 1.0 + 23.12967 * y
    k3 = 1.933433 / wide**1.686715 - 0.13576 * np.sqrt(y) + 1.163198
    safe = np.where(y > 0.0, y, 1.0)
    k3_y = -1.933433 * 1.686715 * 23.12967 / wide**2.686715 - 0.5 * 0.13576 / np.sqrt(safe)
    last = 1.0 + 0.41051 * y
    k4 = 0.044365 - 0.04259 / last**148.4202
    k4_y = 0.04259 * 148.4202 * 0.41051 / last**149.4202
    base = 1.0 + k2 * (m - 3.0)
    power = base**-k3
    value = ((k1 - k4) * power + k4) / 100.0
    by_m = -(k1 - k4) * k3 * power / base * k2 / 100.0
    by_y = (k1_y - k4_y) * power + k4_y
    by_y = by_y - (k1 - k4) * power * (k3_y * np.log(base) + k3 * k2_y * (m - 3.0) / base)
    return value, by_m, by_y / 100.0


@dataclass(frozen=True)
class PlateAbsorption(Declared):
    """Flat plate of finite thickness in symmetric reflection, 1 − exp(−2μt/sinθ).

    H. P. Klug and L. E. Alexander, X-ray Diffraction Procedures, 2nd ed. (1974), ch. 5. It is
    1 for a thick plate, whose absorption does not hang on θ.
    """

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """μt."""
        return (Coefficient("mu_t", "", "absorption μ × thickness of the plate", 1.0, 1e-6),)

    def evaluate(self, values: FloatArray, two_theta: FloatArray) -> Factor:
        """The factor for values (rows, 1) and 2θ (rows, R) in deg."""
        mu_t = np.asarray(values, dtype=float)[..., 0, None]
        angle = Theta.of(two_theta)
        s, c = angle.sine, angle.cosine
        exponent = 2.0 * mu_t / s
        rest = np.exp(-exponent)
        slope = -rest * exponent * c / s * BY_TWO_THETA
        return Factor(-np.expm1(-exponent), (rest * 2.0 / s)[..., None], slope)


@dataclass(frozen=True)
class SuorttiRoughness(Declared):
    """Surface roughness (a + (1 − a)·exp(−b/sinθ))/(a + (1 − a)·exp(−b)).

    P. Suortti, J. Appl. Cryst. 5 (1972) 325, scaled to 1 at θ = 90° as in GSAS and GSAS-II
    (their SRA is a and SRB is b). It is 1 for a = 1 or b = 0, where the other value has no
    influence: refine both from a start between.
    """

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Both values."""
        return (
            Coefficient("roughness_a", "", "Suortti's a", 0.7, 0.0, 1.0),
            Coefficient("roughness_b", "", "Suortti's b", 0.1, 0.0, 5.0),
        )

    def evaluate(self, values: FloatArray, two_theta: FloatArray) -> Factor:
        """The factor for values (rows, 2) and 2θ (rows, R) in deg."""
        numbers = np.asarray(values, dtype=float)
        a, b = numbers[..., 0, None], numbers[..., 1, None]
        angle = Theta.of(two_theta)
        s, c = angle.sine, angle.cosine
        here, there = np.exp(-b / s), np.exp(-b)
        bottom = a + (1.0 - a) * there
        value = (a + (1.0 - a) * here) / bottom
        by_a = ((1.0 - here) - value * (1.0 - there)) / bottom
        by_b = (1.0 - a) * (value * there - here / s) / bottom
        slope = (1.0 - a) * here * b * c / (s * s) / bottom * BY_TWO_THETA
        return Factor(value, gather([by_a, by_b], value.shape), slope)


@dataclass(frozen=True)
class PitschkeRoughness(Declared):
    """Surface roughness (1 − a·q·(1 − b·q))/(1 − a·(1 − b)), q = 1/sinθ.

    W. Pitschke, H. Hermann and N. Mattern, Powder Diffr. 8 (1993) 74, scaled to 1 at θ = 90°;
    TOPAS' Surface_Roughness_Pitschke_et_al(a, b).
    """

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Both values."""
        return (
            Coefficient("roughness_a", "", "Pitschke's a1", 0.0, 0.0, 0.99),
            Coefficient("roughness_b", "", "Pitschke's a2", 0.05, 0.0, 1.0),
        )

    def evaluate(self, values: FloatArray, two_theta: FloatArray) -> Factor:
        """The factor for values (rows, 2) and 2θ (rows, R) in deg."""
        numbers = np.asarray(values, dtype=float)
        a, b = numbers[..., 0, None], numbers[..., 1, None]
        angle = Theta.of(two_theta)
        q = 1.0 / angle.sine
        bottom = 1.0 - a * (1.0 - b)
        value = (1.0 - a * q * (1.0 - b * q)) / bottom
        by_a = (value * (1.0 - b) - q * (1.0 - b * q)) / bottom
        by_b = a * (q * q - value) / bottom
        by_q = -a * (1.0 - 2.0 * b * q) / bottom
        slope = -by_q * q * q * angle.cosine * BY_TWO_THETA
        return Factor(value, gather([by_a, by_b], value.shape), slope)


def product(
    terms: Sequence[FactorTerm], values: Sequence[FloatArray], two_theta: FloatArray
) -> Factor:
    """All factors in one, with derivatives by all values in the order of the terms.

    Parameters
    ----------
    terms : sequence of FactorTerm
    values : sequence of array (rows, n)
        Of each term.
    two_theta : array (rows, R)
        Deg.
    """
    angles = np.asarray(two_theta, dtype=float)
    value, slope = np.ones(angles.shape), np.zeros(angles.shape)
    by_values = np.empty((*angles.shape, 0))
    for term, numbers in zip(terms, values, strict=True):
        part = term.evaluate(numbers, angles)
        before = by_values * part.value[..., None]
        by_values = np.concatenate([before, value[..., None] * part.by_values], axis=-1)
        slope = slope * part.value + value * part.by_two_theta
        value = value * part.value
    return Factor(value, by_values, slope)
