"""Parametric refinement: parameters as smooth functions of temperature, time or charge."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.fit.joint import Common, Problem, solve_jointly
from spectra.method import Method
from spectra.results import Results, Table
from spectra.settings import setting
from spectra.stack import Stack, Variable
from spectra.status import Status
from spectra.xrd.pattern.alone import refine_alone
from spectra.xrd.pattern.coefficients import (
    describe_functions,
    judge_functions,
    table_with_functions,
)
from spectra.xrd.pattern.function_names import make_function
from spectra.xrd.pattern.held import Known, refine_held
from spectra.xrd.pattern.lebail import LeBail
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.pawley import Pawley
from spectra.xrd.pattern.plan import PatternPlan
from spectra.xrd.pattern.refine import Refined
from spectra.xrd.pattern.rietveld import Rietveld
from spectra.xrd.pattern.subject import Subject
from spectra.xrd.pattern.wholepattern import WholePattern

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

_REFINEMENTS: Mapping[str, type[WholePattern]] = {m.name: m for m in (Rietveld, Pawley, LeBail)}
# Stands for an unknown variable, in frames whose result is thrown away.
_ANYWHERE = 300.0


@dataclass(frozen=True)
class ParametricPlan:
    """What each frame needs to know of the answer for all.

    Attributes
    ----------
    pattern : PatternPlan
        Of the refinement, its starts the joint answer.
    known : Known
        The functions.
    used : bool array (frames,)
        Frames that had a part in the functions.
    free_value, free_stderr : array (frames, functions)
        What the frames gave by themselves.
    converged : bool
    table : Table
    attrs : dict
    """

    pattern: PatternPlan
    known: Known
    used: BoolArray
    free_value: FloatArray
    free_stderr: FloatArray
    converged: bool
    table: Table
    attrs: dict[str, Any]

    def take(self, start: int, stop: int) -> ParametricPlan:
        """The part for some frames."""
        some = slice(start, stop)
        return replace(
            self,
            pattern=self.pattern.cut_again(start, stop),
            used=self.used[some],
            free_value=self.free_value[some],
            free_stderr=self.free_stderr[some],
        )


@dataclass(frozen=True, kw_only=True)
class Parametric(Method):
    """Refine all frames of a sequence at once, some parameters as functions of a variable.

    G. W. Stinton and J. S. O. Evans, J. Appl. Cryst. 40 (2007) 87. First every frame is refined
    by itself, as `refinement` says; then the coefficients of the functions and all other
    parameters of all frames are refined together. A frame has the values of the functions and
    their uncertainties, and in its other parameters the uncertainty that comes from them. Damaged
    frames, and frames without the variable, have no part in the functions; neither have those
    without a phase in the functions of this phase.

    Parameters
    ----------
    refinement : Rietveld or Pawley
        Or a mapping of its settings, its name under ``method``.
    functions : mapping of str to str
        Parameter (with wildcards) to function, see
        `spectra.xrd.pattern.function_names.make_function`:
        ``constant``, ``polynomial 2``, ``spline 5``, ``einstein``, ``debye``, ``sigmoid``.
    variable : str
        Name of a variable of the frames.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack, Variable
    >>> from spectra.xrd import Rietveld
    >>> x = np.arange(25.0, 75.0, 0.02)
    >>> angles = 28.44, 47.30, 56.12, 69.13  # of silicon, Cu Kα1
    >>> lines = sum(900 * np.exp(-(((x - at) / 0.08) ** 2)) for at in angles)
    >>> counts = np.random.default_rng(0).poisson([20 + lines] * 4)
    >>> stack = Stack.from_arrays(x, counts, noise="counts",
    ...     metadata={"wavelength": 1.540593},
    ...     variables={"temperature": Variable(300.0 + 20.0 * np.arange(4), "K", "temperature")})
    >>> method = Parametric(
    ...     refinement=Rietveld(phases="Si", profile=("w",)), functions={"Si.a": "constant"})
    >>> bool(np.ptp(method(stack)["a"]) < 1e-9)
    True
    """

    name: ClassVar[str] = "xrd.Parametric"
    block_size: ClassVar[int] = 32

    refinement: WholePattern | Mapping[str, Any] = setting(  # noqa: RUF009
        None, "refinement of each frame"
    )
    functions: Mapping[str, str] = setting(None, "parameters as functions of the variable")
    variable: str = setting("temperature", "variable of the frames")

    def __post_init__(self) -> None:
        super().__post_init__()
        set_ = object.__setattr__
        with self.naming("refinement"):
            set_(self, "refinement", _make_refinement(self.refinement))
        set_(self, "functions", dict(self.functions or {}))
        if not self.functions:
            raise SettingError(
                f"{self.name}: functions is empty; name at least one, "
                "e.g. {'CuO.a': 'polynomial 2'}"
            )

    def settings(self) -> dict[str, Any]:
        """The settings as plain data."""
        inner = self._inner
        own = {"method": inner.name, **inner.settings()}
        return {
            "refinement": own,
            "functions": dict(self.functions),
            "variable": self.variable,
        }

    @property
    def _inner(self) -> WholePattern:
        assert isinstance(self.refinement, WholePattern)
        return self.refinement

    def prepare(self, source: Stack) -> ParametricPlan:
        """Refine every frame by itself, then all of them together.

        Raises
        ------
        StackError
            If the frames have no such variable, or the refinement cannot use them.
        SettingError
            If a parameter is not refined, or a function does not suit it.
        """
        variable = self._variable(source)
        plan = self._inner.prepare(source).whole()
        matched = self._match(plan.model, plan.free)
        alone = refine_alone(self._inner, source, plan)
        used = alone.good & np.isfinite(variable.values)
        if not used.any():
            raise StackError(
                f"{self.name}: none of the {source.n_frames} frames could be refined with a known "
                f"{self.variable!r}"
            )
        rows = np.flatnonzero(used)
        t = variable.values[rows]
        free = alone.free[rows] & ~_tied(plan.model)
        functions, starts = [], []
        layout = plan.model.layout
        for column, text in matched.items():
            parameter = layout.parameters[column]
            subject = Subject(parameter.name, parameter.unit, self.variable, variable.unit)
            known = free[:, column] & (alone.stderr[rows, column] > 0)
            y, sigma = alone.theta[rows, column][known], alone.stderr[rows, column][known]
            functions.append(make_function(text, subject, t[known]))
            starts.append(functions[-1].guess(t[known], y, 1.0 / sigma**2))
        at = np.array(list(matched), np.intp)
        common = Common(tuple(functions), at, layout.lower[at], layout.upper[at])
        problem = Problem(
            alone.blocks(rows), common, t, free, layout.lower, layout.upper, alone.scale[rows]
        )
        joint = solve_jointly(problem, alone.theta[rows], np.concatenate(starts))
        theta = alone.theta.copy()
        theta[rows] = joint.theta
        widened, fit = judge_functions(problem, joint, alone.cost[rows])
        attrs = {
            **plan.attrs,
            **describe_functions(common, list(matched.values()), layout.names, joint.beta, widened),
            "function_variable": {"name": self.variable, "unit": variable.unit},
            "function_fit": {**fit, "frames": len(rows), "passes": joint.iterations},
        }
        return ParametricPlan(
            pattern=replace(plan, start=theta),
            known=Known(common, joint.beta, widened),
            used=used,
            free_value=np.where(alone.free[:, at], alone.theta[:, at], np.nan),
            free_stderr=alone.stderr[:, at],
            converged=joint.converged,
            table=table_with_functions(
                plan.table, [layout.names[c] for c in matched], list(matched.values())
            ),
            attrs=attrs,
        )

    def narrow(self, plan: ParametricPlan, start: int, stop: int) -> ParametricPlan:
        """Give the starts for frames ``start:stop``."""
        return plan.take(start, stop)

    def narrow_block(self, plan: ParametricPlan, start: int, stop: int) -> ParametricPlan:
        """Give the starts for some frames of the block the plan was cut for."""
        return plan.take(start, stop)

    def table(self, plan: ParametricPlan) -> Table:
        """Declare the table of refined patterns."""
        return plan.table

    def fit(self, block: Stack, plan: ParametricPlan) -> Results:
        """Refine all frames of a block, with the functions as they are."""
        t = self._variable(block).values
        keep = self._inner.keep

        def refine_frames(
            objective: PatternObjective, rows: IntArray, pattern: PatternPlan
        ) -> tuple[PatternObjective, Refined, FloatArray]:
            assert pattern.start is not None
            at = np.where(np.isfinite(t[rows]), t[rows], _ANYWHERE)
            result, shared = refine_held(
                objective, pattern.start[rows], pattern.free, at, plan.known, keep
            )
            return objective, result, shared

        found = self._inner.fit_with(block, plan.pattern, refine_frames)
        columns = {**found.columns, "free_value": plan.free_value.copy()}
        columns["free_value_stderr"] = plan.free_stderr.copy()
        status, messages = found.status.copy(), list(found.messages)
        unrefined = np.isnan(found["rwp"])
        unknown = ~np.isfinite(t) & ~unrefined
        for name, values in plan.table.empty(1).items():
            columns[name][unknown | unrefined] = values[0]
        for i in range(len(block)):
            if unknown[i]:
                status[i] = Status.BAD_INPUT
                told = messages[i], f"{self.variable} is not known"
                messages[i] = "; ".join(filter(None, told))
            elif not plan.used[i]:
                messages[i] = "; ".join(filter(None, (messages[i], "no part in the functions")))
            elif not plan.converged:
                status[i] = Status.NOT_CONVERGED
                messages[i] = "; ".join(filter(None, (messages[i], "functions not converged")))
        return replace(
            found,
            table=plan.table,
            columns=columns,
            status=status,
            messages=tuple(messages),
            attrs=plan.attrs,
        )

    def _variable(self, source: Stack) -> Variable:
        if self.variable not in source.variables:
            known = list(source.variables)
            near = difflib.get_close_matches(self.variable, known, 1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"they have {', '.join(known) or 'none'}"
            )
            raise StackError(
                f"{self.name}: the frames have no variable {self.variable!r}; {hint} "
                "Add it with stack.with_variables(...)"
            )
        return source.variables[self.variable]

    def _match(self, model: PatternModel, free: BoolArray) -> dict[int, str]:
        """Place of each parameter that follows a function, and the function's text."""
        matched: dict[int, str] = {}
        tied = _tied(model)
        for pattern, text in self.functions.items():
            hits = np.flatnonzero(model.layout.match([pattern])).tolist()
            refined = [c for c in hits if free[c] and not tied[c]]
            if not refined:
                name = model.layout.names[hits[0]]
                why = (
                    "tied" if tied[hits[0]] else "not refined; name it in the refinement's `refine`"
                )
                raise SettingError(f"{self.name}: functions name {name!r}, which is {why}")
            for column in refined:
                if column in matched:
                    raise SettingError(
                        f"{self.name}: functions name {model.layout.names[column]!r} twice"
                    )
                matched[column] = text
        return matched


def _tied(model: PatternModel) -> BoolArray:
    return model.ties.tied if model.ties else np.zeros(model.layout.size, bool)


def _make_refinement(value: Any) -> WholePattern:
    """The refinement, from itself or its settings."""
    if isinstance(value, Mapping):
        settings = dict(value)
        name = settings.pop("method", Rietveld.name)
        if name not in _REFINEMENTS:
            raise SettingError(
                f"{Parametric.name}: refinement {name!r}; expected {Rietveld.name} or {Pawley.name}"
            )
        made = _REFINEMENTS[name].from_settings(settings)
        assert isinstance(made, WholePattern)
        value = made
    if not isinstance(value, WholePattern) or isinstance(value, LeBail):
        seen = getattr(value, "name", value)
        raise SettingError(
            f"{Parametric.name}: refinement is {seen}; expected {Rietveld.name}(...) or "
            f"{Pawley.name}(...), whose intensities are parameters"
        )
    return value
