"""Smooth functions of a frame variable that a parameter of a sequence may follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from spectra.xrd.pattern.function_starts import best_shape, combine, fit_linear, polish
from spectra.xrd.pattern.subject import Subject
from spectra.xrd.pattern.vibrations import heat, motion
from spectra.xrd.profile.terms import Coefficient

FloatArray = NDArray[np.float64]

_CUBIC = 3
# Characteristic temperatures (K) that are tried, and allowed.
_TEMPERATURES = np.geomspace(30.0, 3000.0, 60)
_COLDEST, _HOTTEST = 1.0, 1e5
# Steps of a sigmoid tried over the range: places, and widths as shares of it.
_PLACES = np.linspace(0.0, 1.0, 41)
_SHARES = np.array([0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3])


@dataclass(frozen=True)
class Polynomial:
    """Σ c_k·(t − origin)^k; a constant if the degree is zero.

    Parameters
    ----------
    subject : Subject
    degree : int
    origin : float
        In the variable's unit.
    """

    subject: Subject
    degree: int
    origin: float

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """One for each power."""
        return tuple(
            self.subject.coefficient(f"c{k}", f"coefficient of ({self._argument})^{k}", k)
            for k in range(self.degree + 1)
        )

    @property
    def _argument(self) -> str:
        return f"{self.subject.variable} - {self.origin:g}"

    def evaluate(self, t: FloatArray, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values and derivatives, as `Function.evaluate`."""
        slopes = (t - self.origin)[:, None] ** np.arange(self.degree + 1)
        return combine(slopes, beta), slopes

    def guess(self, t: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Weighted linear least squares."""
        return fit_linear(self.evaluate(t, np.zeros(self.degree + 1))[1], y, weight)


@dataclass(frozen=True)
class Spline:
    """A cubic B-spline (C. de Boor, A Practical Guide to Splines (1978), ch. IX).

    Parameters
    ----------
    subject : Subject
    knots : tuple of float
        Places where cubic pieces meet, the ends of the range included, in the variable's unit.
    """

    subject: Subject
    knots: tuple[float, ...]

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """One for each B-spline."""
        count = len(self.knots) + _CUBIC - 1
        return tuple(
            self.subject.coefficient(f"b{k}", f"weight of B-spline {k}") for k in range(count)
        )

    def evaluate(self, t: FloatArray, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values and derivatives, as `Function.evaluate`."""
        ends = [self.knots[0]] * _CUBIC, [self.knots[-1]] * _CUBIC
        whole = np.array([*ends[0], *self.knots, *ends[1]])
        slopes = np.asarray(BSpline(whole, np.eye(len(self.coefficients)), _CUBIC)(t))
        return combine(slopes, beta), slopes

    def guess(self, t: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Weighted linear least squares."""
        return fit_linear(self.evaluate(t, np.zeros(len(self.coefficients)))[1], y, weight)


def _theta(kind: str) -> Coefficient:
    """A characteristic temperature."""
    return Coefficient("theta", "K", f"{kind.title()} temperature", 300.0, _COLDEST, _HOTTEST)


@dataclass(frozen=True)
class Expansion:
    """A length that grows as its vibrations take up heat, ln(f/f₀) = α·T·D(θ/T).

    D is Einstein's x/(eˣ − 1) (D. C. Wallace, Thermodynamics of Crystals (1972)), or Debye's
    (3/x³)·∫₀ˣ s³/(eˢ − 1)ds; it is 1 for T far above θ, where α is the expansivity.

    Parameters
    ----------
    subject : Subject
    kind : {"einstein", "debye"}
    offset : float
        Added to the variable to make kelvin of it.
    """

    subject: Subject
    kind: str
    offset: float

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """f₀, α and θ."""
        return (
            self.subject.coefficient("f0", "value at 0 K"),
            Coefficient("alpha", "1/K", "relative expansion per kelvin at high temperature"),
            _theta(self.kind),
        )

    def evaluate(self, t: FloatArray, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values and derivatives, as `Function.evaluate`."""
        warmth, by_theta = heat(t + self.offset, float(beta[2]), self.kind)
        growth = np.exp(beta[1] * warmth)
        value = beta[0] * growth
        slopes = np.stack([growth, value * warmth, value * beta[1] * by_theta], axis=1)
        return value, slopes

    def guess(self, t: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Least squares for ln f at the best of some θ, then for all three."""
        logarithm = np.log(np.abs(y))

        def design(theta: float) -> FloatArray:
            return np.stack([np.ones_like(t), heat(t + self.offset, theta, self.kind)[0]], axis=1)

        found = best_shape(design, logarithm, weight * y**2, _TEMPERATURES.tolist())
        (start, alpha), theta = found
        sign = np.sign(float(np.median(y)))
        return polish(self, np.array([sign * np.exp(start), alpha, theta]), t, y, weight)


@dataclass(frozen=True)
class Displacement:
    """A mean square displacement, U = U₀ + s·T·D(θ/T).

    Einstein: T·D = (θ/2)·coth(θ/2T). Debye: D = φ(x) + x/4 with φ(x) = (1/x)·∫₀ˣ s/(eˢ − 1)ds
    (B. T. M. Willis and A. W. Pryor, Thermal Vibrations in Crystallography (1975), eq. 4.46).
    U₀ is static disorder; for T far above θ, s is the slope.

    Parameters
    ----------
    subject : Subject
    kind : {"einstein", "debye"}
    offset : float
        Added to the variable to make kelvin of it.
    """

    subject: Subject
    kind: str
    offset: float

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """U₀, s and θ."""
        return (
            self.subject.coefficient("static", "static part"),
            Coefficient("slope", f"{self.subject.unit}/K", "increase at high temperature"),
            _theta(self.kind),
        )

    def evaluate(self, t: FloatArray, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values and derivatives, as `Function.evaluate`."""
        shake, by_theta = motion(t + self.offset, float(beta[2]), self.kind)
        slopes = np.stack([np.ones_like(t), shake, beta[1] * by_theta], axis=1)
        return beta[0] + beta[1] * shake, slopes

    def guess(self, t: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Least squares at the best of some θ, then for all three."""

        def design(theta: float) -> FloatArray:
            return np.stack([np.ones_like(t), motion(t + self.offset, theta, self.kind)[0]], axis=1)

        linear, theta = best_shape(design, y, weight, _TEMPERATURES.tolist())
        return polish(self, np.array([*linear, theta]), t, y, weight)


@dataclass(frozen=True)
class Sigmoid:
    """A step, before + (after − before)/(1 + exp(−(t − centre)/width)).

    Parameters
    ----------
    subject : Subject
    low, high : float
        Range of the variable.
    """

    subject: Subject
    low: float
    high: float

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Values before and after, centre and width."""
        span, unit = self.high - self.low, self.subject.variable_unit
        name = self.subject.variable
        return (
            self.subject.coefficient("before", "value long before the step"),
            self.subject.coefficient("after", "value long after the step"),
            Coefficient(
                *("center", unit, f"{name} of the step", 0.5 * (self.low + self.high)),
                *(self.low - span, self.high + span),
            ),
            Coefficient(
                "width", unit, f"{name} in which it takes place", 0.1 * span, 1e-4 * span, 2 * span
            ),
        )

    def evaluate(self, t: FloatArray, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values and derivatives, as `Function.evaluate`."""
        before, after, center, width = beta.tolist()
        z = (t - center) / width
        share = 0.5 * (1.0 + np.tanh(0.5 * z))
        bend = (after - before) * share * (1.0 - share) / width
        slopes = np.stack([1.0 - share, share, -bend, -bend * z], axis=1)
        return before + (after - before) * share, slopes

    def guess(self, t: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Least squares at the best of some places and widths, then for all four."""
        span = self.high - self.low

        def design(shape: tuple[float, float]) -> FloatArray:
            return self.evaluate(t, np.array([0.0, 1.0, *shape]))[1][:, :2]

        shapes = [
            (self.low + p * span, s * span) for p in _PLACES.tolist() for s in _SHARES.tolist()
        ]
        linear, shape = best_shape(design, y, weight, shapes)
        return polish(self, np.array([*linear, *shape]), t, y, weight)
