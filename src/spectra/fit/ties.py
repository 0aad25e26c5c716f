"""How the parameters of a model follow from those that the solver varies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.fit.expressions import Dual, Expression, parse_expression
from spectra.fit.objective import SpectraObjective
from spectra.fit.solver import Evaluation

if TYPE_CHECKING:
    import lmfit

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class Ties:
    """Parameters of `lmfit`: some varied or fixed (the variables), others expressions of them.

    Attributes
    ----------
    names : tuple of str
        All parameters.
    variables : tuple of str
        Those that are not expressions.
    start, lower, upper : array (variables,)
    free : bool array (variables,)
    expressions : mapping of str to (Expression, lower, upper)
        In an order in which each needs only what stands before it.
    """

    names: tuple[str, ...]
    variables: tuple[str, ...]
    start: FloatArray
    lower: FloatArray
    upper: FloatArray
    free: BoolArray
    expressions: Mapping[str, tuple[Expression, float, float]]

    @classmethod
    def of(cls, params: lmfit.Parameters) -> Ties:
        """Read `lmfit.Parameters`.

        Raises
        ------
        SettingError
            For a value that is not finite, an expression outside the language, or a circle.
        """
        variables = [p for p in params.values() if not p.expr]
        for p in variables:
            if not np.isfinite(p.value):
                raise SettingError(f"the parameter {p.name!r} starts at {p.value}: give a value")
        known = frozenset(params)
        parsed = {
            p.name: (parse_expression(p.expr, known, p.name), float(p.min), float(p.max))
            for p in params.values()
            if p.expr
        }
        return cls(
            names=tuple(params),
            variables=tuple(p.name for p in variables),
            start=np.array([float(p.value) for p in variables]),
            lower=np.array([float(p.min) for p in variables]),
            upper=np.array([float(p.max) for p in variables]),
            free=np.array([bool(p.vary) for p in variables]),
            expressions={name: parsed[name] for name in in_order(parsed)},
        )

    def values(self, phi: FloatArray, names: Sequence[str] | None = None) -> dict[str, Dual]:
        """Parameters with their derivatives by the variables, from variables (rows, F).

        Parameters
        ----------
        phi : array (rows, F)
        names : sequence of str, optional
            Which are needed; all by default.
        """
        one = np.ones(())
        found = {name: Dual(phi[:, i], {i: one}) for i, name in enumerate(self.variables)}
        wanted = set(self.expressions) if names is None else self._needed(names)
        for name, (expression, low, high) in self.expressions.items():
            if name in wanted:
                found[name] = _clip(expression.evaluate(found), low, high)
        return found

    def _needed(self, names: Sequence[str]) -> set[str]:
        needed: set[str] = set()
        open_ = [n for n in names if n in self.expressions]
        while open_:
            name = open_.pop()
            if name not in needed:
                needed.add(name)
                open_ += [n for n in self.expressions[name][0].names if n in self.expressions]
        return needed


def in_order(parsed: Mapping[str, tuple[Expression, float, float]]) -> list[str]:
    """Names of expressions so that each follows what it needs."""
    order: list[str] = []
    left = dict(parsed)
    while left:
        ready = [n for n, (e, _, _) in left.items() if not (e.names & left.keys())]
        if not ready:
            raise SettingError(f"the expressions of {', '.join(left)} need each other in a circle")
        order += ready
        for name in ready:
            del left[name]
    return order


def _clip(dual: Dual, low: float, high: float) -> Dual:
    if low == -np.inf and high == np.inf:
        return dual
    inside = (dual.value >= low) & (dual.value <= high)
    return dual.map(np.clip(dual.value, low, high), inside * 1.0)


@dataclass(frozen=True)
class TiedObjective:
    """Spectra as a function of the variables instead of the model's own parameters.

    Parameters
    ----------
    inner : SpectraObjective
    ties : Ties
    sources : sequence of (Expression, mapping)
        For each parameter of the model an expression, and what the names in it are called
        among the parameters of `ties`.
    whole : array (rows or 1, variables), optional
        Of an objective of the free variables alone: what holds the values of the others.
    """

    inner: SpectraObjective
    ties: Ties
    sources: Sequence[tuple[Expression, Mapping[str, str]]]
    whole: FloatArray | None = None
    alone: IntArray | None = field(init=False)

    def __post_init__(self) -> None:
        alone = _alone(self.sources, self.ties.variables)
        if alone is not None and self.whole is not None:
            alone = alone[self.ties.free]
        object.__setattr__(self, "alone", alone)

    def take(self, rows: IntArray) -> TiedObjective:
        """The same objective for some of the rows."""
        whole = self.whole if self.whole is None or len(self.whole) == 1 else self.whole[rows]
        return replace(self, inner=self.inner.take(rows), whole=whole)

    def of_varied(self, whole: FloatArray) -> TiedObjective:
        """The same of the free variables alone, the others held as in `whole` (rows, variables)."""
        found = self.ties.values(self.ties.start[None])
        held = set()
        for place, (_, called) in enumerate(self.sources):
            moved = {v for name in called.values() for v in found[name].slopes}
            if not self.ties.free[list(moved)].any():
                held.add(place)
        model = self.inner.model.without(frozenset(held)) if held else self.inner.model
        return replace(self, inner=replace(self.inner, model=model), whole=whole)

    def complete(self, theta: FloatArray) -> FloatArray:
        """All variables (rows, V), from those that this is an objective of."""
        if self.whole is None:
            return theta
        every = np.tile(self.whole, (len(theta), 1)) if len(self.whole) == 1 else self.whole.copy()
        every[:, self.ties.free] = theta
        return every

    def evaluate(self, theta: FloatArray) -> Evaluation:
        """Cost, gradient and Hessian by the variables (rows, F)."""
        own, slopes = self.expand(theta)
        found = self.inner.evaluate(own)
        gradient, hessian = self._chain(slopes, found.gradient, found.hessian)
        return Evaluation(theta, found.cost, gradient, hessian)

    def residual_and_jacobian(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """√ω·(y − f) (rows, points) and √ω·∂f/∂φ (rows, F, points), for few rows."""
        own, slopes = self.expand(theta)
        residual, jacobian = self.inner.residual_and_jacobian(own)
        return residual, np.matmul(slopes.transpose(0, 2, 1), jacobian)

    def information(self, theta: FloatArray, omega: FloatArray) -> FloatArray:
        """Σ ω·∂f/∂φ·∂f/∂φᵀ (rows, F, F) for given ω (rows, points)."""
        own, slopes = self.expand(theta)
        inner = self.inner.information(own, omega)
        return self._chain(slopes, np.zeros(own.shape), inner)[1]

    def value(self, theta: FloatArray) -> FloatArray:
        """Model curves (rows, points)."""
        return self.inner.value(self.expand(theta)[0])

    def expand(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The model's parameters (rows, P) and their derivatives by the variables (rows, P, F)."""
        names = [name for _, own in self.sources for name in own.values()]
        found = self.ties.values(self.complete(theta), names)
        n_rows, n_variables = theta.shape
        varied = np.arange(n_variables) if self.whole is None else np.flatnonzero(self.ties.free)
        place = {variable: i for i, variable in enumerate(varied.tolist())}
        own = np.empty((n_rows, len(self.sources)))
        slopes = np.zeros((n_rows, len(self.sources), n_variables))
        for p, (expression, called) in enumerate(self.sources):
            result = expression.evaluate({n: found[called[n]] for n in expression.names})
            own[:, p] = result.value
            for variable in result.slopes.keys() & place.keys():
                slopes[:, p, place[variable]] = result.slopes[variable]
        return own, slopes

    def _chain(
        self, slopes: FloatArray, gradient: FloatArray, hessian: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Dᵀ·g and Dᵀ·H·D for D (rows, P, F)."""
        if self.alone is not None:
            at = self.alone
            scale = slopes[:, at, np.arange(at.size)]
            found = scale[:, :, None] * hessian[:, at[:, None], at]
            found *= scale[:, None, :]
            # Indexing has laid rows side by side; whoever sums over one needs it in one piece.
            return scale * gradient[:, at], np.ascontiguousarray(found)
        return chain(slopes, gradient, hessian)


def chain(
    slopes: FloatArray, gradient: FloatArray, hessian: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Dᵀ·g and Dᵀ·H·D for D (rows, P, F)."""
    turned = slopes.transpose(0, 2, 1)
    lower = np.matmul(turned, gradient[:, :, None])[:, :, 0]
    return lower, np.matmul(np.matmul(turned, hessian), slopes)


def _alone(
    sources: Sequence[tuple[Expression, Mapping[str, str]]], variables: Sequence[str]
) -> IntArray | None:
    """Where each variable's parameter of the model stands, if each has just one of its own."""
    places: dict[str, int] = {}
    for place, (expression, called) in enumerate(sources):
        for name in expression.names:
            places[called[name]] = place
            if len(expression.names) > 1 or len(places) <= place:
                return None
    if len(places) < len(sources) or places.keys() != set(variables):
        return None
    return np.array([places[name] for name in variables])
