"""Line shapes together with their integral from below, each with exact derivatives.

An active Shirley background of a peak of area A is A·k·C(x), C the integral of the profile from
−∞ to x: the electrons of the peak that have lost energy, at higher binding energy. For these
shapes C has a formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from spectra.fit.lineshapes import PROFILES, Profile
from spectra.fit.photolines import PHOTOLINES, share_of_area
from spectra.fit.pseudo_voigt import GAUSS, LN2

FloatArray = NDArray[np.float64]
Gradient = tuple[FloatArray, ...]
WithIntegral = Callable[..., tuple[FloatArray, Gradient, FloatArray, Gradient]]
"""(x, center, *shape) to g, its derivatives by centre and shape, C, and its by shape alone.

The derivative of C by the centre is −g.
"""

_ROOT = float(np.sqrt(LN2))
# 2(x − c)/w from which on an error function is 1 to the last digit.
_NEAR = 7.2
# Exponents of Gaussians below which they are nothing, and slow as they underflow.
_UNDERFLOW = -80.0
_ERF_SCALE = 0.3275911
_ERF_POWERS = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


@dataclass(frozen=True)
class LineArrays:
    """Arrays of one shape that a line shape is written into; None for what is not wanted.

    Attributes
    ----------
    value, by_center : array
        g and its derivative by the centre.
    by_shape : sequence of array or None
        Its derivatives by each shape parameter.
    integral : array or None
        C.
    integral_by_shape : sequence of array or None
        Its derivatives by each shape parameter.
    """

    value: FloatArray
    by_center: FloatArray | None
    by_shape: Sequence[FloatArray | None]
    integral: FloatArray | None
    integral_by_shape: Sequence[FloatArray | None]

    @classmethod
    def empty(cls, like: FloatArray, shapes: int) -> LineArrays:
        """Arrays for everything, of the shape and precision of one."""
        value, by_center, integral = (np.empty_like(like) for _ in range(3))
        by_shape, integral_by_shape = (
            [np.empty_like(like) for _ in range(shapes)] for _ in range(2)
        )
        return cls(value, by_center, by_shape, integral, integral_by_shape)

    def told(self) -> tuple[Any, Any, Any, Any]:
        """As `WithIntegral` gives them."""
        gradient = (self.by_center, *self.by_shape)
        return self.value, gradient, self.integral, tuple(self.integral_by_shape)


def fill_line(
    profile: Profile,
    x: FloatArray,
    center: FloatArray,
    shape: Sequence[FloatArray],
    out: LineArrays,
) -> None:
    """Write a line shape, its integral and derivatives, as far as there are arrays for them.

    Parameters
    ----------
    profile : Profile
        One of `WITH_INTEGRAL` if its integral is wanted.
    x, center, shape : arrays
        In the precision of the arrays, which broadcast to theirs.
    out : LineArrays
    """
    if profile.name in _FILL:
        _FILL[profile.name](x, center, *shape, out)
        return
    if out.integral is None:
        g, gradient = profile.evaluate(x, center, *shape)
    else:
        found = WITH_INTEGRAL[profile.name](x, center, *shape)
        g, gradient, out.integral[...], by_shape = found
        _copy(by_shape, out.integral_by_shape)
    out.value[...] = g
    _copy(gradient, (out.by_center, *out.by_shape))


def _copy(found: Sequence[FloatArray], wanted: Sequence[FloatArray | None]) -> None:
    for value, out in zip(found, wanted, strict=False):
        if out is not None:
            out[...] = value


def pseudo_voigt_with_integral(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, eta: FloatArray
) -> tuple[FloatArray, Gradient, FloatArray, Gradient]:
    """Pseudo-Voigt g and C = η·(½ + arctan(t)/π) + (1 − η)·½(1 + erf(t√ln 2)), t = 2(x − c)/w.

    In the precision of its arguments.
    """
    out = LineArrays.empty(np.asarray(x - center - fwhm - eta), 2)
    _fill_pseudo_voigt(x, center, fwhm, eta, out)
    return out.told()


def _fill_pseudo_voigt(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, eta: FloatArray, out: LineArrays
) -> None:
    inverse = 1.0 / fwhm
    a, b = GAUSS * inverse, 2.0 / np.pi * inverse
    g = out.value
    t = np.subtract(x, center, out=np.empty_like(g))
    t *= 2.0 * inverse
    # In one array after another that was made already: new ones would cost as much again.
    lorentz = t * t
    bell = lorentz * -LN2
    np.maximum(bell, _UNDERFLOW, out=bell)
    np.exp(bell, out=bell)
    lorentz += 1.0
    np.divide(1.0, lorentz, out=lorentz)
    by_eta, integral_by_eta = out.by_shape[1], out.integral_by_shape[1]
    if by_eta is not None:
        np.multiply(lorentz, b, out=by_eta)
        by_eta -= a * bell
    if (integral := out.integral) is not None:
        _fill_half_erf(t, bell, integral)
        difference = np.arctan(t, out=integral_by_eta)
        difference *= 1.0 / np.pi
        difference -= integral
        integral += 0.5
        integral += eta * difference
    bell *= a * (1.0 - eta)
    part = np.multiply(lorentz, b * eta, out=out.by_center)
    np.add(bell, part, out=g)
    if out.by_center is None:
        return
    part *= lorentz
    bell *= LN2
    part += bell
    part *= t
    part *= 4.0 * inverse
    t *= 0.5
    by_width, integral_by_width = out.by_shape[0], out.integral_by_shape[0]
    if by_width is not None:
        np.multiply(t, part, out=by_width)
        by_width -= np.multiply(g, inverse, out=bell)
    if integral_by_width is not None:
        np.multiply(t, g, out=integral_by_width)
        np.negative(integral_by_width, out=integral_by_width)


def _fill_half_erf(t: FloatArray, bell: FloatArray, out: FloatArray) -> None:
    """Write ½·erf(t√ln 2), where exp(−t² ln 2) is known.

    In single precision by M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions
    (1964), eq. 7.1.26, good to 1.5e-7.
    """
    if t.dtype == np.float32:
        p = np.abs(t)
        p *= _ERF_SCALE * _ROOT
        p += 1.0
        np.divide(1.0, p, out=p)
        np.multiply(p, 0.5 * _ERF_POWERS[-1], out=out)
        for coefficient in _ERF_POWERS[-2::-1]:
            out += 0.5 * coefficient
            out *= p
        out *= bell
        np.subtract(0.5, out, out=out)
        np.copysign(out, t, out=out)
        return
    # Of a long spectrum few points need more than its sign.
    np.copysign(0.5, t, out=out)
    near = np.abs(t) < _NEAR
    out[near] = 0.5 * erf(_ROOT * t[near])


def _fill_gl_sum(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, mixing: FloatArray, out: LineArrays
) -> None:
    eta, slope = share_of_area(mixing)
    _fill_pseudo_voigt(x, center, fwhm, eta, out)
    for by_mixing in (out.by_shape[1], out.integral_by_shape[1]):
        if by_mixing is not None:
            by_mixing *= slope


def _gl_sum(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, mixing: FloatArray
) -> tuple[FloatArray, Gradient, FloatArray, Gradient]:
    out = LineArrays.empty(np.asarray(x - center - fwhm - mixing), 2)
    _fill_gl_sum(x, center, fwhm, mixing, out)
    return out.told()


def _gaussian(
    x: FloatArray, center: FloatArray, fwhm: FloatArray
) -> tuple[FloatArray, Gradient, FloatArray, Gradient]:
    g, gradient = PROFILES["gaussian"].evaluate(x, center, fwhm)
    t = 2.0 * (x - center) / fwhm
    return g, gradient, 0.5 + 0.5 * erf(_ROOT * t), (-0.5 * t * g,)


def _lorentzian(
    x: FloatArray, center: FloatArray, fwhm: FloatArray
) -> tuple[FloatArray, Gradient, FloatArray, Gradient]:
    g, gradient = PROFILES["lorentzian"].evaluate(x, center, fwhm)
    t = 2.0 * (x - center) / fwhm
    return g, gradient, 0.5 + np.arctan(t) / np.pi, (-0.5 * t * g,)


def _exponential_tail(
    x: FloatArray, center: FloatArray, fwhm: FloatArray, tail: FloatArray
) -> tuple[FloatArray, Gradient, FloatArray, Gradient]:
    """C = Φ − τ·g, Φ the Gaussian's, since τ·g′ = G − g."""
    g, gradient = PHOTOLINES["exponential_tail"].evaluate(x, center, fwhm, tail)
    _, _, phi, (by_width,) = _gaussian(x, center, fwhm)
    return g, gradient, phi - tail * g, (by_width - tail * gradient[1], -g - tail * gradient[2])


WITH_INTEGRAL: Mapping[str, WithIntegral] = {
    "gaussian": _gaussian,
    "lorentzian": _lorentzian,
    "pseudo_voigt": pseudo_voigt_with_integral,
    "gl_sum": _gl_sum,
    "exponential_tail": _exponential_tail,
}
"""By the profile's name."""

_FILL: Mapping[str, Callable[..., None]] = {
    "pseudo_voigt": _fill_pseudo_voigt,
    "gl_sum": _fill_gl_sum,
}
