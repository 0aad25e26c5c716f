"""Ties: parameters of a pattern that follow from others by an expression."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.fit.expressions import CONSTANTS, FUNCTIONS, Expression, parse_expression
from spectra.fit.ties import Ties, in_order
from spectra.xrd.pattern.layout import Layout

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# A word of an expression, dots included, that is not part of a number such as 1.5e3.
_WORD = re.compile(r"(?<![\w.])[^\W\d][\w.]*")


@dataclass(frozen=True)
class PatternTies:
    """Some parameters of a pattern as expressions of the others.

    Parameters
    ----------
    ties : Ties
        The parameters under plain names, in their order.
    tied : bool array (P,)
        Which of them are expressions.
    needed : bool array (P, P)
        Which (column) parameters each (row) depends on in the end; itself if it is not tied.
    """

    ties: Ties
    tied: BoolArray
    needed: BoolArray

    @classmethod
    def of(cls, layout: Layout, expressions: Mapping[str, str]) -> PatternTies:
        """Read expressions such as ``{"CuO.size": "0.8 * CuCr2O4.size"}``.

        The names of parameters stand in them as they are; for the rest see
        `spectra.fit.expressions`.

        Raises
        ------
        SettingError
            For a parameter that does not exist, with near names, an expression outside the
            language, or ties in a circle.
        """
        names = layout.names
        plain = {name: f"p{i}" for i, name in enumerate(names)}
        parsed: dict[str, tuple[Expression, float, float]] = {}
        for name, text in expressions.items():
            if name not in plain:
                raise SettingError(f"ties: there is no parameter {name!r}{_hint(name, names)}")
            parsed[plain[name]] = (_parse(name, str(text), plain), -np.inf, np.inf)
        order = _ordered(parsed, {v: k for k, v in plain.items()})
        tied = np.array([plain[n] in parsed for n in names])
        free = tuple(plain[n] for n in names if plain[n] not in parsed)
        nothing = np.zeros(len(free))
        ties = Ties(
            names=tuple(plain.values()),
            variables=free,
            start=nothing,
            lower=nothing - np.inf,
            upper=nothing + np.inf,
            free=np.ones(len(free), bool),
            expressions={n: parsed[n] for n in order},
        )
        needed = np.diag(~tied)
        for name in order:
            sources = [int(n[1:]) for n in parsed[name][0].names]
            needed[int(name[1:])] = needed[sources].any(axis=0)
        return cls(ties, tied, needed)

    def expand(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Parameters (rows, P) with the tied ones in place, and ∂own/∂θ (rows, P, P).

        Columns of tied parameters are zero.
        """
        n_rows, size = theta.shape
        variables = np.flatnonzero(~self.tied)
        found = self.ties.values(theta[:, variables])
        own = theta.copy()
        slopes = np.zeros((n_rows, size, size))
        slopes[:, variables, variables] = 1.0
        for name in self.ties.expressions:
            row, result = int(name[1:]), found[name]
            own[:, row] = result.value
            for variable, slope in result.slopes.items():
                slopes[:, row, variables[variable]] = slope
        return own, slopes

    def sources(self, wanted: BoolArray) -> BoolArray:
        """The parameters (P,) that the `wanted` ones (P,) depend on."""
        return np.asarray(self.needed[wanted].any(axis=0))

    def followers(self, free: BoolArray) -> BoolArray:
        """Tied parameters (..., P) that depend on any of the `free` ones (..., P)."""
        depends = (free[..., None, :] & self.needed).any(axis=-1)
        return np.asarray(depends & self.tied)


def _parse(owner: str, text: str, plain: Mapping[str, str]) -> Expression:
    """Parse an expression in which parameters have their own names."""
    names = "|".join(re.escape(n) for n in sorted(plain, key=len, reverse=True))
    found = re.compile(rf"(?<![\w.])(?:{names})(?![\w.(])")
    # Between the names stands arithmetic; what else there is would be a misspelt name.
    for word in _WORD.findall(found.sub(" ", text)):
        if word not in FUNCTIONS and word not in CONSTANTS and word not in ("if", "else"):
            raise SettingError(
                f"ties: {owner!r} = {text!r}: there is no parameter {word!r}"
                f"{_hint(word, tuple(plain))}"
            )
    translated = found.sub(lambda match: plain[match[0]], text)
    try:
        return parse_expression(translated, frozenset(plain.values()))
    except SettingError as error:
        raise SettingError(f"ties: {owner!r} = {text!r} is no arithmetic: {error}") from None


def _ordered(
    parsed: Mapping[str, tuple[Expression, float, float]], names: Mapping[str, str]
) -> list[str]:
    try:
        return in_order(parsed)
    except SettingError:
        circle = ", ".join(names[n] for n in parsed)
        raise SettingError(f"ties: some of {circle} need each other in a circle") from None


def _hint(name: str, names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, names, 3)
    return f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(names)}"
