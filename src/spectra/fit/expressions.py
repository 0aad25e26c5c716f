"""Expressions that tie parameters to each other: parsed by a whitelist, never run as code.

The language is the arithmetic of Python with the functions of `FUNCTIONS`, as `lmfit` uses it
in ``Parameter.expr``. Values carry their exact derivatives along (forward differentiation), so
that uncertainties travel through a tie without numerical differences.
"""

from __future__ import annotations

import ast
import difflib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, erf, erfc, gamma, gammaln, loggamma, wofz

from spectra.errors import SettingError

Array = NDArray[Any]
_LONGEST = 2000
_DEEPEST = 60
_TWO_OVER_ROOT_PI = 2.0 / np.sqrt(np.pi)


@dataclass(frozen=True)
class Dual:
    """Values (rows,) and their derivatives by the variables they depend on.

    Parameters
    ----------
    value : array (rows,) or scalar
    slopes : dict of int to array (rows,) or scalar
        Number of a variable to the derivative by it; what is missing is zero.
    """

    value: Array
    slopes: dict[int, Array]

    def map(self, value: Array, slope: Array) -> Dual:
        """A function of this one, of given value and derivative by it."""
        return Dual(value, {k: slope * s for k, s in self.slopes.items()})


def _combine(a: Dual, b: Dual, value: Array, by_a: Array, by_b: Array) -> Dual:
    slopes = {k: by_a * s for k, s in a.slopes.items()}
    for k, s in b.slopes.items():
        slopes[k] = slopes[k] + by_b * s if k in slopes else by_b * s
    return Dual(value, slopes)


def _power(a: Dual, b: Dual) -> Dual:
    value = a.value**b.value
    by_a = b.value * a.value ** (b.value - 1.0) if a.slopes else np.zeros(())
    by_b = value * np.log(a.value) if b.slopes else np.zeros(())
    return _combine(a, b, value, by_a, by_b)


def _larger(a: Dual, b: Dual) -> Dual:
    first = a.value >= b.value
    return _combine(a, b, np.where(first, a.value, b.value), first * 1.0, ~first * 1.0)


def _smaller(a: Dual, b: Dual) -> Dual:
    first = a.value <= b.value
    return _combine(a, b, np.where(first, a.value, b.value), first * 1.0, ~first * 1.0)


def _atan2(a: Dual, b: Dual) -> Dual:
    square = a.value**2 + b.value**2
    return _combine(a, b, np.arctan2(a.value, b.value), b.value / square, -a.value / square)


def _log_beta(a: Dual, b: Dual) -> Dual:
    both = digamma(a.value + b.value)
    return _combine(
        a, b, betaln(a.value, b.value), digamma(a.value) - both, digamma(b.value) - both
    )


_OPERATORS: Mapping[type[ast.operator], Callable[[Dual, Dual], Dual]] = {
    ast.Add: lambda a, b: _combine(a, b, a.value + b.value, np.ones(()), np.ones(())),
    ast.Sub: lambda a, b: _combine(a, b, a.value - b.value, np.ones(()), -np.ones(())),
    ast.Mult: lambda a, b: _combine(a, b, a.value * b.value, b.value, a.value),
    ast.Div: lambda a, b: _combine(a, b, a.value / b.value, 1.0 / b.value, -a.value / b.value**2),
    ast.Pow: _power,
}

_ONE: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda x: 1.0 / x),
    "log10": (np.log10, lambda x: 1.0 / (x * np.log(10.0))),
    "log2": (np.log2, lambda x: 1.0 / (x * np.log(2.0))),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda x: -np.sin(x)),
    "tan": (np.tan, lambda x: 1.0 / np.cos(x) ** 2),
    "arcsin": (np.arcsin, lambda x: 1.0 / np.sqrt(1.0 - x**2)),
    "arccos": (np.arccos, lambda x: -1.0 / np.sqrt(1.0 - x**2)),
    "arctan": (np.arctan, lambda x: 1.0 / (1.0 + x**2)),
    "sinh": (np.sinh, np.cosh),
    "cosh": (np.cosh, np.sinh),
    "tanh": (np.tanh, lambda x: 1.0 - np.tanh(x) ** 2),
    "abs": (np.abs, np.sign),
    "erf": (erf, lambda x: _TWO_OVER_ROOT_PI * np.exp(-(x**2))),
    "erfc": (erfc, lambda x: -_TWO_OVER_ROOT_PI * np.exp(-(x**2))),
    "log1p": (np.log1p, lambda x: 1.0 / (1.0 + x)),
    "expm1": (np.expm1, np.exp),
    "square": (np.square, lambda x: 2.0 * x),
    "gammaln": (gammaln, digamma),
    "gamfcn": (gamma, lambda x: gamma(x) * digamma(x)),
    "loggammafcn": (loggamma, digamma),
    "wofz": (wofz, lambda x: 1j * _TWO_OVER_ROOT_PI - 2.0 * x * wofz(x)),
}
_SAME: Mapping[str, str] = {
    "fabs": "abs",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "lgamma": "gammaln",
    "gamma": "gamfcn",
}
_TWO: Mapping[str, Callable[[Dual, Dual], Dual]] = {
    "max": _larger,
    "maximum": _larger,
    "min": _smaller,
    "minimum": _smaller,
    "pow": _power,
    "arctan2": _atan2,
    "atan2": _atan2,
    "betalnfnc": _log_beta,
}
_PARTS: Mapping[str, Callable[[Array], Array]] = {"real": np.real, "imag": np.imag}
CONSTANTS: Mapping[str, float] = {"pi": float(np.pi), "e": float(np.e)}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Array, Array], Array]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
FUNCTIONS = (*_ONE, *_SAME, *_TWO, *_PARTS)
"""Names of the functions an expression may call."""
_ARGUMENTS = {name: 2 if name in _TWO else 1 for name in FUNCTIONS}
Function = Callable[..., Dual]


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Parameters
    ----------
    text : str
    tree : ast.expr
    names : frozenset of str
        Parameters that it uses.

    Examples
    --------
    >>> tie = parse_expression("2*sigma + pi", {"sigma"})
    >>> result = tie.evaluate({"sigma": Dual(np.array([1.0]), {0: np.array([1.0])})})
    >>> float(result.value[0].round(6)), float(result.slopes[0][0])
    (5.141593, 2.0)
    """

    text: str
    tree: ast.expr
    names: frozenset[str]

    def evaluate(
        self, parameters: Mapping[str, Dual], functions: Mapping[str, Function] | None = None
    ) -> Dual:
        """Value and derivatives for given parameters, and functions that it was parsed with."""
        with np.errstate(all="ignore"):
            return _evaluate(self.tree, parameters, functions or {})


def parse_expression(
    text: str,
    known: set[str] | frozenset[str],
    owner: str = "",
    *,
    kind: str = "parameter",
    functions: Mapping[str, int] | None = None,
) -> Expression:
    """Parse an expression in the parameters `known`.

    Parameters
    ----------
    text : str
    known : set of str
    owner : str
        The parameter that the expression is for, to be named in errors.
    kind : str
        What the names are, for errors.
    functions : mapping of str to int, optional
        Further functions that it may call, with their numbers of arguments.

    Raises
    ------
    SettingError
        For what is not arithmetic, an unknown name, or an expression of absurd size.
    """
    where = f"the expression {text!r}" + (f" of {owner!r}" if owner else "")
    if len(text) > _LONGEST:
        raise SettingError(f"{where[:80]}… is longer than {_LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        names: set[str] = set()
        _check(tree, _Language(known, kind, _ARGUMENTS | dict(functions or {})), names, 0)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SettingError(f"{where} cannot be read: {error}") from None
    except _RefusedError as refusal:
        raise SettingError(f"{where}: {refusal}") from None
    return Expression(text, tree, frozenset(names))


class _RefusedError(Exception):
    pass


@dataclass(frozen=True)
class _Language:
    """Names of an expression, what kind of thing they are, and arguments of its functions."""

    known: set[str] | frozenset[str]
    kind: str
    functions: Mapping[str, int]


def _check(node: ast.expr, language: _Language, names: set[str], depth: int) -> None:
    """Refuse everything that is not in the whitelist; collect the names of parameters."""
    if depth > _DEEPEST:
        raise _RefusedError(f"nested deeper than {_DEEPEST} levels")
    inner: list[ast.expr]
    match node:
        case ast.Constant(value=bool() | int() | float() | complex() as number):
            if abs(number) > sys.float_info.max:
                raise _RefusedError(f"the number {ast.unparse(node)[:20]}… is too large")
            inner = []
        case ast.Name(id=name):
            _check_name(name, language.known, language.kind)
            if name in language.known:
                names.add(name)
            inner = []
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            inner = [left, right]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            inner = [operand]
        case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right])) if (
            type(op) in _COMPARISONS
        ):
            inner = [left, right, node.body, node.orelse]
        case ast.Call(func=ast.Name(id=function), args=args, keywords=[]):
            _check_call(function, len(args), language.functions)
            inner = list(args)
        case _:
            raise _RefusedError(
                f"{ast.unparse(node)!r} is not allowed: only arithmetic, comparisons in "
                f"'a if x > y else b', and the functions {', '.join(language.functions)}"
            )
    for child in inner:
        _check(child, language, names, depth + 1)


def _check_call(function: str, count: int, functions: Mapping[str, int]) -> None:
    if function not in functions:
        near = difflib.get_close_matches(function, functions, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise _RefusedError(f"there is no function {function!r}{hint}")
    if count != functions[function]:
        raise _RefusedError(f"{function} takes {functions[function]} argument(s), not {count}")


def _check_name(name: str, known: set[str] | frozenset[str], kind: str) -> None:
    if name in known or name in CONSTANTS:
        return
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(known))}"
    raise _RefusedError(f"there is no {kind} {name!r}{hint}")


def _evaluate(
    node: ast.expr, parameters: Mapping[str, Dual], functions: Mapping[str, Function]
) -> Dual:
    """Walk a tree that `_check` has passed."""
    match node:
        case ast.Constant(value=value):
            return Dual(np.asarray(value), {})
        case ast.Name(id=name):
            return parameters[name] if name in parameters else Dual(np.asarray(CONSTANTS[name]), {})
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](
                _evaluate(left, parameters, functions), _evaluate(right, parameters, functions)
            )
        case ast.UnaryOp(op=op, operand=operand):
            inner = _evaluate(operand, parameters, functions)
            return inner if isinstance(op, ast.UAdd) else inner.map(-inner.value, -np.ones(()))
        case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right])):
            a, b = (
                _evaluate(left, parameters, functions).value,
                _evaluate(right, parameters, functions).value,
            )
            return _choose(
                _COMPARISONS[type(op)](a, b),
                _evaluate(node.body, parameters, functions),
                _evaluate(node.orelse, parameters, functions),
            )
        case ast.Call(func=ast.Name(id=function), args=args):
            found = [_evaluate(a, parameters, functions) for a in args]
            return functions[function](*found) if function in functions else _call(function, found)
    raise AssertionError(ast.dump(node))


def _choose(test: Array, yes: Dual, no: Dual) -> Dual:
    zero = np.zeros(())
    slopes = {
        k: np.where(test, yes.slopes.get(k, zero), no.slopes.get(k, zero))
        for k in yes.slopes.keys() | no.slopes.keys()
    }
    return Dual(np.where(test, yes.value, no.value), slopes)


def _call(function: str, args: list[Dual]) -> Dual:
    if function in _TWO:
        return _TWO[function](*args)
    (x,) = args
    if function in _PARTS:
        part = _PARTS[function]
        return Dual(part(x.value), {k: part(s) for k, s in x.slopes.items()})
    value, slope = _ONE[_SAME.get(function, function)]
    return x.map(value(x.value), slope(x.value) if x.slopes else np.zeros(()))
