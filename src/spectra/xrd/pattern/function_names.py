"""Functions of a frame variable by the names that settings give them."""

from __future__ import annotations

import difflib
import re

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.units import TEMPERATURE_UNITS, kelvin_from
from spectra.xrd.pattern.functions import Displacement, Expansion, Polynomial, Sigmoid, Spline
from spectra.xrd.pattern.subject import Function, Subject

FloatArray = NDArray[np.float64]

_HIGHEST_DEGREE = 8
_FEWEST_KNOTS, _MOST_KNOTS = 2, 40

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
    if subject.variable_unit not in TEMPERATURE_UNITS:
        raise SettingError(
            f"{where} is a function of temperature, but {subject.variable!r} has the unit "
            f"{subject.variable_unit!r}; expected one of {', '.join(TEMPERATURE_UNITS)}"
        )
    return float(kelvin_from(0.0, subject.variable_unit))
