"""What is fitted: parameters with bounds and ties, and how each runs through a sequence."""

from __future__ import annotations

import difflib
import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.fit.expressions import CONSTANTS, FUNCTIONS, Dual, Expression, parse_expression
from spectra.fit.ties import in_order

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_KEYS = ("value", "min", "max", "vary", "expr", "across", "stderr")
_MOST_POWERS = 6


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes
    ----------
    name : str
    value : float
        Where the fit starts, or the value that is held.
    lower, upper : float
    vary : bool
    expr : str
        What it follows from, instead of being varied; empty if it does not.
    degree : int or None
        None for a value of its own in each frame, else the degree of the polynomial that all
        frames share; 0 for one value.
    over : str
        Variable of the frames that the polynomial is of.
    stderr : float
        Standard uncertainty of a value that is known from elsewhere and held; 0 if it is exact.
    """

    name: str
    value: float
    lower: float
    upper: float
    vary: bool
    expr: str
    degree: int | None
    over: str
    stderr: float

    @property
    def shared(self) -> bool:
        """Whether it has coefficients that all frames share."""
        return self.stderr > 0 or (self.vary and self.degree is not None)

    @property
    def coefficient_names(self) -> list[str]:
        """Of the coefficients that frames share."""
        if not self.degree:
            return [self.name]
        return [f"{self.name}.c{i}" for i in range(self.degree + 1)]


def parse_parameter(owner: str, name: str, given: Any) -> Parameter:
    """A parameter from a number, an expression, or a mapping of what is said of it.

    Raises
    ------
    SettingError
    """
    _check_name(owner, name)
    where = f"{owner}: parameter {name!r}"
    if isinstance(given, str):
        given = {"expr": given}
    elif not isinstance(given, Mapping):
        given = {"value": given}
    if unknown := [key for key in given if key not in _KEYS]:
        near = difflib.get_close_matches(unknown[0], _KEYS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_KEYS)}"
        raise SettingError(f"{where} has no {unknown[0]!r}; {hint}")
    expr = str(given.get("expr") or "")
    value = _number(where, "value", given.get("value", 0.0))
    lower = _number(where, "min", given.get("min", -np.inf), finite=False)
    upper = _number(where, "max", given.get("max", np.inf), finite=False)
    stderr = _number(where, "stderr", given.get("stderr", 0.0))
    degree, over = _parse_across(where, given.get("across", "frame"))
    if expr and (over or degree is not None or "value" in given or stderr):
        raise SettingError(f"{where} is an expression and more; leave the rest out")
    if stderr < 0:
        raise SettingError(f"{where}: stderr = {stderr:g}; expected 0 or more")
    if not (lower <= value <= upper and lower < upper) and not expr:
        raise SettingError(f"{where} starts at {value:g}, outside its bounds {lower:g} … {upper:g}")
    vary = bool(given.get("vary", not (expr or stderr)))
    if vary and (expr or stderr):
        raise SettingError(
            f"{where} cannot be varied: it "
            + (
                "follows from an expression"
                if expr
                else "is known with a stderr; for a value that the data may pull use restraints"
            )
        )
    return Parameter(name, value, lower, upper, vary, expr, degree, over, stderr)


def _check_name(owner: str, name: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise SettingError(f"{owner}: {name!r} is no name of a parameter; take letters and digits")
    if name in FUNCTIONS or name in CONSTANTS:
        raise SettingError(f"{owner}: the parameter {name!r} has the name of a function; rename it")


def _number(where: str, what: str, given: Any, *, finite: bool = True) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError, OverflowError):
        value = float("nan")
    if np.isnan(value) or (finite and not np.isfinite(value)):
        raise SettingError(f"{where}: {what} = {given!r}; expected a number")
    return value


def _parse_across(where: str, given: Any) -> tuple[int | None, str]:
    if given in ("frame", "common"):
        return (None if given == "frame" else 0), ""
    expected = 'expected "frame", "common" or {polynomial = 2, over = "x"}'
    if not isinstance(given, Mapping) or given.keys() != {"polynomial", "over"}:
        raise SettingError(f"{where}: across = {given!r}; {expected}")
    degree = given["polynomial"]
    if not isinstance(degree, int) or not 0 <= degree <= _MOST_POWERS:
        raise SettingError(f"{where}: polynomial = {degree!r}; expected 0 to {_MOST_POWERS}")
    return degree, str(given["over"])


@dataclass(frozen=True)
class Parameters:
    """All parameters of a fit.

    Attributes
    ----------
    all : tuple of Parameter
        In the order in which they were given.
    slots : tuple of Parameter
        Those that have a number in each frame which is not simply held: varied or known with an
        uncertainty.
    expressions : mapping of str to Expression
        In an order in which each needs only what stands before it.
    """

    all: tuple[Parameter, ...]
    slots: tuple[Parameter, ...]
    expressions: Mapping[str, Expression]

    @classmethod
    def of(cls, owner: str, given: Mapping[str, Any], variables: frozenset[str]) -> Parameters:
        """Parse parameters.

        Raises
        ------
        SettingError
        """
        found = tuple(parse_parameter(owner, name, what) for name, what in given.items())
        known = frozenset(p.name for p in found) | variables
        parsed = {
            p.name: (parse_expression(p.expr, known, p.name), -np.inf, np.inf)
            for p in found
            if p.expr
        }
        slots = tuple(p for p in found if p.vary or p.stderr > 0)
        return cls(found, slots, {name: parsed[name][0] for name in in_order(parsed)})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all."""
        return tuple(p.name for p in self.all)

    @property
    def needs(self) -> set[str]:
        """Names that expressions use."""
        return {name for e in self.expressions.values() for name in e.names}

    def evaluate(self, theta: FloatArray, variables: Mapping[str, Dual]) -> dict[str, Dual]:
        """All parameters for the values of the slots (rows, slots), and the variables."""
        one = np.ones(())
        found = dict(variables)
        for p in self.all:
            if not p.expr:
                found[p.name] = Dual(np.asarray(p.value), {})
        for i, p in enumerate(self.slots):
            found[p.name] = Dual(theta[:, i], {i: one})
        for name, expression in self.expressions.items():
            found[name] = expression.evaluate(found)
        return found
