"""From an `lmfit` model to a batched one: line shapes we know, and functions we do not."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.fit import functions
from spectra.fit.functions import FunctionTerm, ProductTerm, ScaledTerm
from spectra.fit.lineshapes import PROFILES
from spectra.fit.model import PeakFamily, Points, Polynomial, Sum, Term

if TYPE_CHECKING:
    import lmfit

FloatArray = NDArray[np.float64]

_SIGMA = "2.3548200450309493*max(1e-15, sigma)"
# How the parameters of our profiles follow from those of lmfit's functions of the same shape.
_PROFILES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "gaussian": ("gaussian", {"fwhm": _SIGMA}),
    "lorentzian": ("lorentzian", {"fwhm": "2*max(1e-15, sigma)"}),
    "pvoigt": ("pseudo_voigt", {"fwhm": "2*max(1e-15, sigma)", "eta": "fraction"}),
    "voigt": ("voigt", {"fwhm_gauss": _SIGMA, "fwhm_lorentz": "2*gamma"}),
    "pearson7": (
        "pearson7",
        {"fwhm": "2*max(1e-15, sigma)*sqrt(2**(1/expon) - 1)", "exponent": "expon"},
    ),
}
_POLYNOMIALS: Mapping[str, tuple[str, ...]] = {
    "constant": ("c",),
    "linear": ("intercept", "slope"),
    "parabolic": ("c", "b", "a"),
    "polynomial": tuple(f"c{i}" for i in range(8)),
}
_KNOWN: Mapping[str, functions.Gradients] = {
    "exponential": functions.exponential,
    "powerlaw": functions.power_law,
    "moffat": functions.moffat,
    "split_lorentzian": functions.split_lorentzian,
}


@dataclass(frozen=True)
class Translation:
    """A batched model and where its parameters come from.

    Attributes
    ----------
    model : Sum
    sources : tuple of (str, mapping)
        For each parameter of `model` an expression, and what the names in it are called among
        the parameters of the `lmfit` model.
    """

    model: Sum
    sources: tuple[tuple[str, Mapping[str, str]], ...]


def translate(model: lmfit.Model, example: Mapping[str, float], x: FloatArray) -> Translation:
    """Make a batched model of an `lmfit` model.

    Gaussian, Lorentzian, Voigt, pseudo-Voigt, Pearson VII, Moffat and split Lorentzian peaks,
    polynomials, exponentials, power laws and smooth steps get exact derivatives, and so do sums,
    differences, products and quotients of such. A function of `spectra.fit.own` brings its own
    terms. Any other function is evaluated for many spectra at once by broadcasting, and
    differentiated numerically.

    Parameters
    ----------
    model : lmfit.Model
        Single or composite.
    example : mapping of str to float
        Plausible values of its parameters, to try functions out with.
    x : array (points,)

    Raises
    ------
    SettingError
        If a function cannot be evaluated for many spectra at once, or the model has more than
        one independent variable.
    """
    builder = _Builder(dict(example), np.asarray(x, dtype=float))
    terms = builder.terms(model)
    return Translation(Sum(terms, len(builder.sources)), tuple(builder.sources))


@dataclass
class _Builder:
    """Collects the parameters while the tree of a model is walked."""

    example: dict[str, float]
    x: FloatArray
    sources: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def terms(self, model: lmfit.Model) -> list[Term]:
        """Addends of a model; peaks of the same profile together."""
        families: dict[str, list[list[int]]] = {}
        terms = self._walk(model, families)
        for profile, members in families.items():
            terms.append(PeakFamily(PROFILES[profile], np.array(members).T))
        return terms

    def _walk(self, model: lmfit.Model, families: dict[str, list[list[int]]]) -> list[Term]:
        from lmfit import CompositeModel

        if not isinstance(model, CompositeModel):
            return self._leaf(model, families)
        if model.op is operator.add:
            return self._walk(model.left, families) + self._walk(model.right, families)
        if model.op is operator.sub:
            return [*self._walk(model.left, families), ScaledTerm(self._sum(model.right), -1.0)]
        left, right = self._sum(model.left), self._sum(model.right)
        if model.op in (operator.mul, operator.truediv):
            return [ProductTerm(left, right, quotient=model.op is operator.truediv)]
        return [self._combined(model, left, right)]

    def _sum(self, model: lmfit.Model) -> Sum:
        terms = self.terms(model)
        return Sum(terms, len(self.sources))

    def _leaf(self, model: lmfit.Model, families: dict[str, list[list[int]]]) -> list[Term]:
        variable, options = independent_variable(model), _options(model)
        kind = model.func.__name__ if _is_from_lmfit(model.func) else ""
        names = _arguments(model, self.example)
        terms = getattr(model.func, "terms", None)
        if terms is not None:
            return list(terms(self._columns(list(names), names)))
        if kind in _PROFILES:
            profile, widths = _PROFILES[kind]
            texts = ["center", "amplitude"]
            texts += [widths.get(name, name) for name in PROFILES[profile].shape_names]
            if kind == "voigt" and "gamma" not in names:
                names = names | {"gamma": names["sigma"]}
            families.setdefault(profile, []).append([self._add(t, names) for t in texts])
            return []
        if kind in _POLYNOMIALS:
            roots = [root for root in _POLYNOMIALS[kind] if root in names]
            return [Polynomial(self._columns(roots, names))]
        form = options.get("form", "linear")
        if kind == "step" and form in functions.step_forms():
            roots = ["amplitude", "center", "sigma"]
            return [FunctionTerm(functions.step(form), self._columns(roots, names))]
        if kind in _KNOWN:
            return [FunctionTerm(_KNOWN[kind], self._columns(list(names), names))]
        values = self._vectorised(model, names, variable, options)
        return [FunctionTerm(functions.by_differences(values), self._columns(list(names), names))]

    def _add(self, text: str, names: Mapping[str, str]) -> int:
        self.sources.append((text, names))
        return len(self.sources) - 1

    def _columns(self, roots: list[str], names: Mapping[str, str]) -> NDArray[np.intp]:
        return np.array([self._add(root, names) for root in roots], dtype=np.intp)

    def _vectorised(
        self,
        model: lmfit.Model,
        names: Mapping[str, str],
        variable: str,
        options: Mapping[str, Any],
    ) -> functions.Values:
        """Return the model's function for columns of parameters, tried out on two spectra."""
        roots = list(names)
        first = [float(self.example[name]) for name in names.values()]
        second = [value * 1.001 + 1e-9 for value in first]

        def bind(function: Callable[..., Any]) -> functions.Values:
            def values(x: FloatArray, *parameters: Any) -> Any:
                arguments = dict(zip(roots, parameters, strict=True))
                return function(**{variable: x}, **arguments, **options)

            return values

        plain = bind(model.func)
        with np.errstate(all="ignore"):
            expected = np.stack([np.asarray(plain(self.x, *p)) for p in (first, second)])
        columns = [np.array([[a], [b]]) for a, b in zip(first, second, strict=True)]
        problem = ""
        for function in (model.func, functions.broadcasting_twin(model.func)):
            values = bind(function)
            problem = _differs(values, self.x, columns, expected)
            if not problem:
                return values
        raise SettingError(_not_vectorisable(model.name, problem))

    def _combined(self, model: lmfit.CompositeModel, left: Sum, right: Sum) -> Term:
        """Two models joined by a function that we do not know, such as a convolution."""
        columns = np.concatenate([left.columns, right.columns])

        def values(x: FloatArray, *parameters: FloatArray) -> FloatArray:
            theta = np.zeros((len(parameters[0]), len(self.sources)))
            theta[:, columns] = np.concatenate(parameters, axis=1)
            at = Points(x, x)
            return np.asarray(model.op(left.value(theta, at), right.value(theta, at)))

        expected, tried = [], []
        for shift in (1.0, 1.001):
            example = {k: v * shift for k, v in self.example.items()}
            parameters = {k: example[k] for k in model.param_names}
            expected.append(model.eval(**{independent_variable(model): self.x}, **parameters))
            tried.append(example)
        columns_tried = [
            np.array([[_value(self.sources[c], e)] for e in tried]) for c in columns.tolist()
        ]
        problem = _differs(values, self.x, columns_tried, np.stack(expected))
        if problem:
            name = f"{getattr(model.op, '__name__', model.op)} in {model.name}"
            raise SettingError(_not_vectorisable(name, problem))
        return FunctionTerm(functions.by_differences(values), columns)


def _value(source: tuple[str, Mapping[str, str]], example: Mapping[str, float]) -> float:
    from spectra.fit.expressions import Dual, parse_expression

    text, names = source
    expression = parse_expression(text, frozenset(names))
    found = {n: Dual(np.array([example[names[n]]]), {}) for n in expression.names}
    return float(np.ravel(expression.evaluate(found).value)[0])


def _differs(
    values: functions.Values, x: FloatArray, columns: list[FloatArray], expected: FloatArray
) -> str:
    """Say how a function of many spectra differs from that of each; empty if it does not."""
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(values(x[None, :], *columns), dtype=float)
    except Exception as error:  # noqa: BLE001 - a user's function may raise anything
        return f"{type(error).__name__}: {error}"
    if found.shape != expected.shape:
        return f"it gives an array of shape {found.shape} instead of {expected.shape}"
    if not np.allclose(found, expected, rtol=1e-9, atol=0.0, equal_nan=True):
        return "it gives other values for two spectra together than for each alone"
    return ""


def _not_vectorisable(name: str, problem: str) -> str:
    return (
        f"{name} cannot be evaluated for many spectra at once: {problem}. It is called with x of "
        "shape (1, points) and each parameter of shape (spectra, 1), and must give (spectra, "
        "points): use numpy's functions (np.exp for math.exp, np.where for if, np.maximum for "
        "max), index and sum along the last axis only"
    )


def _is_from_lmfit(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).startswith("lmfit.")


def _options(model: lmfit.Model) -> dict[str, Any]:
    """Arguments of the function that are neither the variable nor parameters."""
    given = model.independent_vars_defvals.items()
    defaults = {name: value for name, value in given if value is not inspect.Parameter.empty}
    return {**defaults, **model.opts}


def independent_variable(model: lmfit.Model) -> str:
    """Name of the one independent variable."""
    from lmfit import CompositeModel

    if isinstance(model, CompositeModel):
        return independent_variable(model.left)
    options = _options(model)
    variables = [name for name in model.independent_vars if name not in options]
    if len(variables) != 1:
        raise SettingError(
            f"the model {model.name} has the independent variables {', '.join(variables)}; "
            "fit_stack takes models of one"
        )
    return str(variables[0])


def _arguments(model: lmfit.Model, known: Mapping[str, float]) -> dict[str, str]:
    """Parameters as the function calls them, and as the whole model does."""
    own = {name[len(model.prefix) :]: name for name in model.param_names}
    # A Voigt's gamma is an argument of its function but not among its parameter names.
    for root in inspect.signature(model.func).parameters:
        if model.prefix + root in known and root not in model.independent_vars:
            own.setdefault(root, model.prefix + root)
    return own
