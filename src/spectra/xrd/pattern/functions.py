"""Smooth functions of a frame variable that a parameter of a sequence may follow."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from spectra.errors import SettingError
from spectra.fit.solver import Evaluation, minimize
from spectra.xrd.pattern.vibrations import heat, motion
from spectra.xrd.profile.terms import Coefficient

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Shape = TypeVar("Shape")

_HIGHEST_DEGREE = 8
_FEWEST_KNOTS, _MOST_KNOTS = 2, 40
_CUBIC = 3
# Characteristic temperatures (K) that are tried, and allowed.
_TEMPERATURES = np.geomspace(30.0, 3000.0, 60)
_COLDEST, _HOTTEST = 1.0, 1e5
# Steps of a sigmoid tried over the range: places, and widths as shares of it.
_PLACES = np.linspace(0.0, 1.0, 41)
_SHARES = np.array([0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3])


class Function(Protocol):
    """A function g(t; β) of a frame variable."""

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """The coefficients β, with units and bounds."""
        ...

    def evaluate(self, t: FloatArray, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values (n,) at t (n,), and their derivatives (n, K) by β (K,)."""
        ...

    def guess(self, t: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Coefficients (K,) for values y (n,) of weights 1/σ²."""
        ...


@dataclass(frozen=True)
class Subject:
    """What a function is for.

    Parameters
    ----------
    name, unit : str
        The parameter.
    variable, variable_unit : str
        What it is a function of.
    """

    name: str
    unit: str
    variable: str
    variable_unit: str

    def coefficient(
        self, name: str, meaning: str, power: int = 0, lower: float = -np.inf, upper: float = np.inf
    ) -> Coefficient:
        """A coefficient in the parameter's unit over the variable's to a power."""
        unit = self.unit
        if power and self.variable_unit:
            unit = f"{unit or '1'}/{self.variable_unit}" + (f"^{power}" if power > 1 else "")
        return Coefficient(name, unit, meaning, 0.0, lower, upper)


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
        return _dot(slopes, beta), slopes

    def guess(self, t: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Weighted linear least squares."""
        return _linear(self.evaluate(t, np.zeros(self.degree + 1))[1], y, weight)


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
        return _dot(slopes, beta), slopes

    def guess(self, t: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Weighted linear least squares."""
        return _linear(self.evaluate(t, np.zeros(len(self.coefficients)))[1], y, weight)


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

        found = _best(design, logarithm, weight * y**2, _TEMPERATURES.tolist())
        (start, alpha), theta = found
        sign = np.sign(float(np.median(y)))
        return _polished(self, np.array([sign * np.exp(start), alpha, theta]), t, y, weight)


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

        linear, theta = _best(design, y, weight, _TEMPERATURES.tolist())
        return _polished(self, np.array([*linear, theta]), t, y, weight)


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
        linear, shape = _best(design, y, weight, shapes)
        return _polished(self, np.array([*linear, *shape]), t, y, weight)


KINDS = ("constant", "polynomial", "spline", "einstein", "debye", "sigmoid")


def make_function(text: str, subject: Subject, t: FloatArray) -> Function:
    """Make the function that a setting names.

    Parameters
    ----------
    text : str
        ``constant``, ``polynomial N`` (degree), ``spline N`` (knots, the ends included),
        ``einstein``, ``debye`` or ``sigmoid``. For displacements (``u_iso``, ``u11``, …)
        ``einstein`` and ``debye`` are `Displacement`, for all else `Expansion`.
    subject : Subject
    t : array (n,)
        Values of the variable in the frames that the parameter was refined in.

    Raises
    ------
    SettingError
        For an unknown function, a missing or wrong number, too few different values of the
        variable for its coefficients, or a variable that is no temperature.
    """
    words = text.split()
    where = f"functions: {subject.name!r} = {text!r}"
    if not words or words[0] not in KINDS:
        near = difflib.get_close_matches(words[0] if words else "", KINDS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; expected one of {', '.join(KINDS)}"
        raise SettingError(f"{where}: no such function{hint}")
    distinct = np.unique(t)
    if distinct.size == 0:
        raise SettingError(f"{where}: no frame determines {subject.name!r}")
    made = _make(words[0], _number(where, words), subject, distinct, where)
    if distinct.size < (count := len(made.coefficients)):
        raise SettingError(
            f"{where} has {count} coefficients, but {subject.variable!r} has only "
            f"{distinct.size} different values in the frames that determine {subject.name!r}; "
            "choose a simpler function"
        )
    return made


def _make(kind: str, number: int, subject: Subject, t: FloatArray, where: str) -> Function:
    low, high = float(t[0]), float(t[-1])
    match kind:
        case "constant":
            return Polynomial(subject, 0, 0.0)
        case "polynomial":
            return Polynomial(subject, number, 0.5 * (low + high))
        case "spline":
            # Between the values that there are, so that every piece has its share of them.
            return Spline(subject, tuple(np.quantile(t, np.linspace(0, 1, number)).tolist()))
        case "sigmoid":
            return Sigmoid(subject, low, high)
    offset = _to_kelvin(subject, where)
    if low + offset <= 0:
        raise SettingError(f"{where}: temperature {low + offset:g} K; expected above 0 K")
    last = subject.name.rsplit(".", 1)[-1]
    if re.fullmatch(r"u_iso|u\d\d", last):
        return Displacement(subject, kind, offset)
    return Expansion(subject, kind, offset)


def _number(where: str, words: list[str]) -> int:
    """The number behind the name of a function, 0 for those that have none."""
    allowed = {
        "polynomial": (1, _HIGHEST_DEGREE, "a degree"),
        "spline": (_FEWEST_KNOTS, _MOST_KNOTS, "a number of knots"),
    }
    if words[0] not in allowed:
        if len(words) > 1:
            raise SettingError(f"{where}: {words[0]} takes no number")
        return 0
    low, high, what = allowed[words[0]]
    if len(words) != 2 or not words[1].isdecimal() or not low <= int(words[1]) <= high:
        raise SettingError(
            f"{where}: expected {what} from {low} to {high}, as in '{words[0]} {max(low, 2)}'"
        )
    return int(words[1])


def _to_kelvin(subject: Subject, where: str) -> float:
    offsets = {"K": 0.0, "kelvin": 0.0, "degC": 273.15, "°C": 273.15, "C": 273.15}
    if subject.variable_unit not in offsets:
        raise SettingError(
            f"{where} is a function of temperature, but {subject.variable!r} has the unit "
            f"{subject.variable_unit!r}; expected one of {', '.join(offsets)}"
        )
    return offsets[subject.variable_unit]


def _dot(slopes: FloatArray, beta: FloatArray) -> FloatArray:
    """Σ over the last axis, row by row in one order."""
    return np.asarray((slopes * beta).sum(axis=-1))


def _linear(design: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
    """Coefficients (K,) of weighted linear least squares."""
    root = np.sqrt(weight)
    scale = np.sqrt((design**2).sum(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    matrix = design / scale * root[:, None]
    return np.asarray(np.linalg.lstsq(matrix, y * root, rcond=None)[0] / scale)


def _best(
    design: Callable[[Shape], FloatArray], y: FloatArray, weight: FloatArray, shapes: list[Shape]
) -> tuple[FloatArray, Shape]:
    """The shape whose design fits best, with its linear coefficients."""
    found = []
    for shape in shapes:
        matrix = design(shape)
        linear = _linear(matrix, y, weight)
        found.append((float((weight * (y - _dot(matrix, linear)) ** 2).sum()), linear))
    best = int(np.argmin([cost for cost, _ in found]))
    return found[best][1], shapes[best]


def _polished(
    function: Function, start: FloatArray, t: FloatArray, y: FloatArray, weight: FloatArray
) -> FloatArray:
    """All coefficients by least squares from a start."""
    lower, upper = (np.array([[getattr(c, b) for c in function.coefficients]]) for b in _BOUNDS)
    every = np.ones((1, len(start)), bool)
    solution = minimize(_Curve(function, t, y, weight), start[None], lower, upper, every)
    return np.asarray(solution.theta[0])


_BOUNDS = ("lower", "upper")


@dataclass(frozen=True)
class _Curve:
    """Values that a function is fitted to, as the solver wants to see them: one row."""

    function: Function
    t: FloatArray
    y: FloatArray
    weight: FloatArray

    def take(self, rows: IntArray) -> _Curve:
        return self

    def evaluate(self, theta: FloatArray) -> Evaluation:
        value, slopes = self.function.evaluate(self.t, theta[0])
        misfit = self.y - value
        weighted = slopes * self.weight[:, None]
        return Evaluation(
            theta,
            np.array([(self.weight * misfit**2).sum()]),
            np.matmul(weighted.T, misfit)[None],
            np.matmul(weighted.T, slopes)[None],
        )
