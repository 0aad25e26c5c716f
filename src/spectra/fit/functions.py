"""Terms of a model that are functions of x: known ones exactly, others by finite differences."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from spectra.fit.model import Points, Sum

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Gradient = tuple[FloatArray, ...]
Values = Callable[..., Any]
"""(x (rows or 1, points), *parameters (rows, 1)) to values (rows, points)."""
Gradients = Callable[..., tuple[FloatArray, Gradient]]
"""The same to values and their derivatives by each parameter."""

_TINY = 1e-15
# Least magnitude that a parameter's step is a fraction of, for parameters near zero.
_LEAST = 1e-4
_STEP = float(np.finfo(float).eps ** 0.2)
_SHORT_STEP = 1e-7


@dataclass(frozen=True)
class FunctionTerm:
    """A function of x and of some parameters.

    Parameters
    ----------
    evaluate : callable
        (x, *parameters) to values and derivatives.
    columns : int array
        Where its parameters stand.
    """

    evaluate: Gradients
    columns: IntArray

    def add_value(self, theta: FloatArray, at: Points, total: FloatArray) -> None:
        """Add the function to `total`."""
        total += self.evaluate(at.x, *(theta[:, c, None] for c in self.columns))[0]

    def add_value_and_slopes(
        self, theta: FloatArray, at: Points, total: FloatArray, slopes: FloatArray
    ) -> FloatArray | None:
        """Add the function to `total` and write its derivatives."""
        value, gradient = self.evaluate(at.x, *(theta[:, c, None] for c in self.columns))
        total += value
        for i, slope in enumerate(gradient):
            slopes[:, i] = slope
        return None


@dataclass(frozen=True)
class ScaledTerm:
    """A model times a constant, so that it can be subtracted.

    Parameters
    ----------
    model : Sum
    factor : float
    """

    model: Sum
    factor: float

    @property
    def columns(self) -> IntArray:
        """The parameters of the model."""
        return self.model.columns

    def add_value(self, theta: FloatArray, at: Points, total: FloatArray) -> None:
        """Add the scaled model to `total`."""
        total += self.factor * self.model.value(theta, at)

    def add_value_and_slopes(
        self, theta: FloatArray, at: Points, total: FloatArray, slopes: FloatArray
    ) -> FloatArray | None:
        """Add the scaled model to `total` and write its derivatives."""
        value, inner = self.model.value_and_derivatives(theta, at)
        total += self.factor * value
        np.multiply(inner, self.factor, out=slopes)
        return None


@dataclass(frozen=True)
class ProductTerm:
    """The product of two models, or their quotient.

    Parameters
    ----------
    left, right : Sum
    quotient : bool
        Whether `right` divides.
    """

    left: Sum
    right: Sum
    quotient: bool = False

    @property
    def columns(self) -> IntArray:
        """The parameters of both."""
        return np.concatenate([self.left.columns, self.right.columns])

    def add_value(self, theta: FloatArray, at: Points, total: FloatArray) -> None:
        """Add the product to `total`."""
        left, right = self.left.value(theta, at), self.right.value(theta, at)
        total += left / right if self.quotient else left * right

    def add_value_and_slopes(
        self, theta: FloatArray, at: Points, total: FloatArray, slopes: FloatArray
    ) -> FloatArray | None:
        """Add the product to `total` and write its derivatives."""
        left, by_left = self.left.value_and_derivatives(theta, at)
        right, by_right = self.right.value_and_derivatives(theta, at)
        n = self.left.columns.size
        by_value = (1.0 / right, -left / right**2) if self.quotient else (right, left)
        total += left / right if self.quotient else left * right
        np.multiply(by_left, by_value[0][:, None, :], out=slopes[:, :n])
        np.multiply(by_right, by_value[1][:, None, :], out=slopes[:, n:])
        return None


def by_differences(values: Values) -> Gradients:
    """Make a function give its derivatives, by central differences of fourth order.

    M. Abramowitz and I. Stegun, Handbook of Mathematical Functions (1964), eq. 25.3.6. With
    steps of ε^(1/5) of a parameter the derivatives are good to about 1e-12 of it; a step that
    changes the function by more than that part is shortened, for parameters as small as the
    coefficients of high powers. Where the function has no values on one side (a logarithm, a
    root), a one-sided difference serves.

    Parameters
    ----------
    values : callable
        (x, *parameters) to values.
    """

    def evaluate(x: FloatArray, *parameters: FloatArray) -> tuple[FloatArray, Gradient]:
        def shifted(i: int, step: FloatArray) -> FloatArray:
            moved = parameters[i] + step
            result = values(x, *parameters[:i], moved, *parameters[i + 1 :])
            return np.asarray(result, dtype=float)

        with np.errstate(all="ignore"):
            here = np.asarray(values(x, *parameters), dtype=float)
            slopes = []
            for i, p in enumerate(parameters):
                h = _step_length(here, shifted, i, p)
                near = shifted(i, h) - shifted(i, -h)
                far = shifted(i, 2 * h) - shifted(i, -2 * h)
                slope = (8.0 * near - far) / (12.0 * h)
                if not np.isfinite(slope).all():
                    slope = _one_sided(slope, here, shifted, i, p)
                slopes.append(slope)
        return here, tuple(slopes)

    return evaluate


def _step_length(
    here: FloatArray,
    shifted: Callable[[int, FloatArray], FloatArray],
    i: int,
    parameter: FloatArray,
) -> FloatArray:
    h = _STEP * np.maximum(np.abs(parameter), _LEAST)
    response = np.nanmax(np.abs(shifted(i, h) - here), axis=-1, keepdims=True, initial=0.0)
    size = np.nanmax(np.abs(here), axis=-1, keepdims=True, initial=0.0)
    response = np.where(np.isfinite(response), response, 0.0)
    wanted = _STEP * np.maximum(size, np.finfo(float).tiny)
    shorter = np.minimum(1.0, wanted / np.maximum(response, np.finfo(float).tiny))
    return np.asarray(h * shorter)


def _one_sided(
    slope: FloatArray,
    here: FloatArray,
    shifted: Callable[[int, FloatArray], FloatArray],
    i: int,
    parameter: FloatArray,
) -> FloatArray:
    h = _SHORT_STEP * np.maximum(np.abs(parameter), _LEAST)
    for step in (h, -h):
        other = (shifted(i, step) - here) / step
        slope = np.where(np.isfinite(slope), slope, other)
    return slope


def broadcasting_twin(function: Callable[..., Any]) -> Callable[..., Any]:
    """Copy a function with ``max``, ``min`` and `math` replaced by what takes arrays.

    Many model functions guard a width with ``max(tiny, sigma)``, which needs one number. Their
    twin does the same for a column of widths; functions of the same module that they call are
    copied along.
    """
    return _twin(function, {})


def _twin(function: Callable[..., Any], done: dict[int, Any]) -> Callable[..., Any]:
    if not isinstance(function, types.FunctionType):
        return function
    if id(function) in done:
        return done[id(function)]  # type: ignore[no-any-return]
    space: dict[str, Any] = {"max": _larger, "min": _smaller}
    twin = types.FunctionType(
        function.__code__,
        space,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    twin.__kwdefaults__ = function.__kwdefaults__
    done[id(function)] = twin
    for name, thing in function.__globals__.items():
        if name in space:
            continue
        if isinstance(thing, types.FunctionType) and thing.__module__ == function.__module__:
            space[name] = _twin(thing, done)
        elif isinstance(thing, types.ModuleType) and thing.__name__ == "math":
            space[name] = np
        elif getattr(thing, "__module__", None) == "math":
            space[name] = getattr(np, thing.__name__, thing)
        else:
            space[name] = thing
    return twin


def _larger(*values: Any) -> Any:
    return np.maximum(*values) if len(values) == 2 else max(*values)


def _smaller(*values: Any) -> Any:
    return np.minimum(*values) if len(values) == 2 else min(*values)


def exponential(
    x: FloatArray, amplitude: FloatArray, decay: FloatArray
) -> tuple[FloatArray, Gradient]:
    """Evaluate A·exp(−x/τ)."""
    tau = np.where(np.abs(decay) < _TINY, _TINY, decay)
    unit = np.exp(-x / tau)
    value = amplitude * unit
    return value, (unit, value * x / tau**2)


def power_law(
    x: FloatArray, amplitude: FloatArray, exponent: FloatArray
) -> tuple[FloatArray, Gradient]:
    """Evaluate A·x^n."""
    unit = x**exponent
    positive = x > 0
    log = np.log(np.where(positive, x, 1.0))
    return amplitude * unit, (unit, np.where(positive, amplitude * unit * log, 0.0))


def moffat(
    x: FloatArray,
    amplitude: FloatArray,
    center: FloatArray,
    sigma: FloatArray,
    beta: FloatArray,
) -> tuple[FloatArray, Gradient]:
    """Evaluate A·(1 + t²)^−β, t = (x − c)/σ (A. F. J. Moffat, A&A 3 (1969) 455)."""
    width = np.maximum(_TINY, sigma)
    t = (x - center) / width
    inside = 1.0 + t * t
    unit = inside**-beta
    value = amplitude * unit
    by_center = value * 2.0 * beta * t / (inside * width)
    return value, (unit, by_center, by_center * t, -value * np.log(inside))


def split_lorentzian(
    x: FloatArray,
    amplitude: FloatArray,
    center: FloatArray,
    sigma: FloatArray,
    sigma_r: FloatArray,
) -> tuple[FloatArray, Gradient]:
    """Evaluate 2A/(π(s + r))·1/(1 + t²), t = (x − c)/s left and (x − c)/r right of c."""
    s, r = np.maximum(_TINY, sigma), np.maximum(_TINY, sigma_r)
    right = x >= center
    width = np.where(right, r, s)
    t = (x - center) / width
    unit = 2.0 / (np.pi * (s + r)) / (1.0 + t * t)
    value = amplitude * unit
    by_center = value * 2.0 * t / (1.0 + t * t) / width
    common = -value / (s + r)
    by_width = by_center * t
    return value, (
        unit,
        by_center,
        common + np.where(right, 0.0, by_width),
        common + np.where(right, by_width, 0.0),
    )


def step(form: str) -> Gradients:
    """A step from 0 to A: ``erf``, ``atan`` or ``logistic`` of t = (x − c)/σ."""
    unit_and_slope = _STEPS[form]

    def evaluate(
        x: FloatArray, amplitude: FloatArray, center: FloatArray, sigma: FloatArray
    ) -> tuple[FloatArray, Gradient]:
        width = np.where(np.abs(sigma) < _TINY, _TINY, sigma)
        t = (x - center) / width
        unit, slope = unit_and_slope(t)
        by_t = -amplitude * slope / width
        return amplitude * unit, (unit, by_t, by_t * t)

    return evaluate


def _error_step(t: FloatArray) -> tuple[FloatArray, FloatArray]:
    return 0.5 * (1.0 + erf(t)), np.exp(-(t**2)) / np.sqrt(np.pi)


def _arctan_step(t: FloatArray) -> tuple[FloatArray, FloatArray]:
    return 0.5 + np.arctan(t) / np.pi, 1.0 / (np.pi * (1.0 + t**2))


def _logistic_step(t: FloatArray) -> tuple[FloatArray, FloatArray]:
    unit = 0.5 * (1.0 + np.tanh(0.5 * t))
    return unit, unit * (1.0 - unit)


_STEPS: dict[str, Callable[[FloatArray], tuple[FloatArray, FloatArray]]] = {
    "erf": _error_step,
    "atan": _arctan_step,
    "arctan": _arctan_step,
    "logistic": _logistic_step,
}


def step_forms() -> Sequence[str]:
    """Names that `step` knows."""
    return tuple(_STEPS)
