"""Parameters that the frames of a sequence share, and all frames fitted with them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import StackError
from spectra.fit.covariance import covariance
from spectra.fit.joint import Common, Joint, Problem, eliminate, solve_jointly
from spectra.fit.solver import Evaluation
from spectra.xas.shells.model import Model
from spectra.xas.shells.observe import Observed
from spectra.xas.shells.parameters import Parameter
from spectra.xas.shells.spread import middles

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

Observer = Callable[[], Iterator[tuple[int, Observed]]]
"""Gives, each time it is called, the first frame of every block and what was observed in it."""


@dataclass(frozen=True)
class Coefficient:
    """One number that all frames share, with its bounds."""

    name: str
    lower: float
    upper: float


@dataclass(frozen=True)
class Polynomial:
    """A parameter of all frames: Σ c_i·(x − origin)^i, or one number if the degree is 0.

    The variable t of `evaluate` is the number of the frame.

    Attributes
    ----------
    parameter : Parameter
    x : array (frames,)
        The variable less its origin.
    origin : float
    """

    parameter: Parameter
    x: FloatArray
    origin: float

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """With the bounds of the parameter where there is only one."""
        p = self.parameter
        names = p.coefficient_names
        if not p.vary:
            return (Coefficient(names[0], p.value, p.value),)
        if len(names) == 1:
            return (Coefficient(names[0], p.lower, p.upper),)
        return tuple(Coefficient(name, -np.inf, np.inf) for name in names)

    def evaluate(self, t: FloatArray, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values (n,) of frames t (n,), and their derivatives (n, K) by the coefficients."""
        slopes = self.x[t.astype(np.intp)][:, None] ** np.arange(len(beta))
        # Term by term: the order of the sum must not hang on how many frames there are.
        value = np.zeros(len(t))
        for column, coefficient in zip(slopes.T, beta.tolist(), strict=True):
            value = value + coefficient * column
        return value, slopes

    @property
    def start(self) -> list[float]:
        """Where the coefficients start."""
        return [self.parameter.value, *[0.0] * (len(self.coefficients) - 1)]


@dataclass(frozen=True)
class Shared:
    """What all frames share: coefficients, and what is known of them.

    Attributes
    ----------
    common : Common
    beta : array (K,)
    covariance, unscaled : array (K, K)
        Scaled by misfit as those of the frames, and from the noise alone.
    inverse : array (K, K)
        Of the information on the coefficients that were fitted; zero for those held.
    converged : bool
    passes : int
        Through all frames.
    """

    common: Common[Polynomial]
    beta: FloatArray
    covariance: FloatArray
    unscaled: FloatArray
    inverse: FloatArray
    converged: bool = True
    passes: int = 0

    @property
    def names(self) -> list[str]:
        """Of the coefficients."""
        return [c.name for f in self.common.functions for c in f.coefficients]

    @property
    def fitted(self) -> BoolArray:
        """Which of the coefficients are fitted (K,)."""
        vary = [f.parameter.vary for f in self.common.functions for _ in f.coefficients]
        return np.array(vary, dtype=bool)

    def told(self) -> dict[str, Any]:
        """Values and covariances as plain data."""
        if not self.names:
            return {}
        errors = [np.sqrt(np.diagonal(c)) for c in (self.covariance, self.unscaled)]
        return {
            "common": [
                {
                    "name": name,
                    "value": float(value),
                    "stderr": _plain(scaled),
                    "stderr_unscaled": _plain(unscaled),
                    "fitted": bool(fitted),
                }
                for name, value, scaled, unscaled, fitted in zip(
                    self.names, self.beta, *errors, self.fitted, strict=True
                )
            ],
            "common_origins": {
                f.parameter.name: f.origin for f in self.common.functions if f.parameter.over
            },
            "common_covariance": [[_plain(v) for v in row] for row in self.covariance],
            "common_covariance_unscaled": [[_plain(v) for v in row] for row in self.unscaled],
            "common_converged": self.converged,
        }


def _plain(value: float) -> float | None:
    """A number as JSON can hold it."""
    return float(value) if np.isfinite(value) else None


def make_common(
    owner: str, model: Model, variables: Mapping[str, Any], n: int
) -> Common[Polynomial]:
    """The functions of all parameters that frames share.

    Raises
    ------
    StackError
        If a variable is missing or says nothing.
    """
    functions, columns = [], []
    for column, parameter in enumerate(model.parameters.slots):
        if not parameter.shared:
            continue
        x, origin = np.zeros(n), 0.0
        if parameter.over:
            x, origin = _variable(owner, parameter, variables)
        functions.append(Polynomial(parameter, x, origin))
        columns.append(column)
    shared = [f.parameter for f in functions]
    return Common(
        tuple(functions),
        np.array(columns, dtype=np.intp),
        np.array([p.lower for p in shared]),
        np.array([p.upper for p in shared]),
    )


def _variable(
    owner: str, parameter: Parameter, variables: Mapping[str, Any]
) -> tuple[FloatArray, float]:
    name = parameter.over
    if name not in variables:
        raise StackError(
            f"{owner}: {parameter.name} is to follow {name!r}, a variable that the frames lack; "
            f"they have {', '.join(sorted(variables)) or 'none'}"
        )
    values = np.asarray(variables[name].values, dtype=float)
    known = np.unique(values[np.isfinite(values)])
    needed = len(parameter.coefficient_names)
    if len(known) < needed:
        raise StackError(
            f"{owner}: {parameter.name} as a polynomial of degree {parameter.degree} needs "
            f"{needed} different values of {name!r}; there are {len(known)}"
        )
    origin = float(known.mean())
    return values - origin, origin


def known_only(common: Common[Polynomial]) -> Shared:
    """What frames share if nothing of it is fitted."""
    beta = np.array([value for f in common.functions for value in f.start])
    known = [f.parameter.stderr**2 for f in common.functions for _ in f.coefficients]
    variance = np.diag(known).reshape(len(beta), len(beta))
    return Shared(common, beta, variance, variance, np.zeros_like(variance))


@dataclass(frozen=True)
class Sequence:
    """All frames that can be fitted together.

    Attributes
    ----------
    frames : int array (n,)
        Numbers of the frames.
    free : bool array (n, P)
        Slots that the frame's paths depend on.
    theta : array (n, P)
        Where each frame stands.
    """

    frames: IntArray
    free: BoolArray
    theta: FloatArray


def fit_sequence(
    model: Model,
    shared: Shared,
    observed: Observer,
    sequence: Sequence,
    n_idp: float,
) -> tuple[Joint, Shared]:
    """Fit what frames share, and what each has for itself, in one least-squares problem.

    Parameters
    ----------
    model : Model
    shared : Shared
        Where the coefficients start.
    observed : callable
    sequence : Sequence
        With starts.
    n_idp : float
        Independent points of each frame.
    """
    frames = sequence.frames
    number = np.full(int(frames.max(initial=-1)) + 1, -1)
    number[frames] = np.arange(len(frames))

    def blocks() -> Iterator[tuple[IntArray, Any]]:
        for first, seen in observed():
            at = first + seen.rows
            mine = np.where(at < len(number), number[np.minimum(at, len(number) - 1)], -1)
            keep = np.flatnonzero(mine >= 0)
            if keep.size:
                yield mine[keep], seen.objective.take(keep)

    lower = np.array([p.lower for p in model.parameters.slots])
    upper = np.array([p.upper for p in model.parameters.slots])
    problem = Problem(
        blocks,
        shared.common,
        frames.astype(float),
        sequence.free,
        lower,
        upper,
        np.ones(len(frames)),
    )
    joint = solve_jointly(problem, sequence.theta, shared.beta)
    return joint, _spread(problem, joint, shared, observed, number, n_idp)


def _spread(
    problem: Problem,
    joint: Joint,
    shared: Shared,
    observed: Observer,
    number: IntArray,
    n_idp: float,
) -> Shared:
    """Covariance of what is shared, from the scatter of the frames.

    With u_f = T_fᵀ·g_f, the part of a frame's gradient g that its own parameters cannot take up,
    δβ = S⁻¹·Σ u_f, so that the covariance is S⁻¹·(Σ T_fᵀ·M_f·T_f)·S⁻¹ for M_f that of g_f. What is
    known from elsewhere, with a covariance V, moves the rest by G = −S⁻¹·S_k.
    """
    size, common, fitted = len(joint.beta), shared.common, shared.fitted
    _, slopes = common.evaluate(problem.t, joint.beta)
    sums = [np.zeros((size, size)), np.zeros((size, size))]
    count = len(joint.theta)
    for first, seen in observed():
        at = first + seen.rows
        mine = np.where(at < len(number), number[np.minimum(at, len(number) - 1)], -1)
        keep = np.flatnonzero(mine >= 0)
        if not keep.size:
            continue
        rows = mine[keep]
        objective = seen.objective.take(keep)
        by_beta = common.spread(slopes[rows], problem.on[rows], joint.theta.shape[1])
        own = problem.own[rows]
        varied = own.sum(axis=1) + np.count_nonzero(fitted) / count
        middle = middles(objective, joint.theta[rows], seen.sigma[keep], own, n_idp, varied)
        flat = np.zeros(own.shape)
        found = Evaluation(joint.theta[rows], joint.cost[rows], flat, middle.normal)
        turned = by_beta - eliminate(found, by_beta, own).toward
        for i, matrix in enumerate((middle.scaled, middle.unscaled)):
            each = np.matmul(np.matmul(turned.transpose(0, 2, 1), matrix), turned)
            for one in each:
                sums[i] = sums[i] + one
    inverse = np.nan_to_num(covariance(joint.information[None], fitted[None])[0])
    undetermined = fitted & (np.diagonal(inverse) <= 0)
    spreads = [
        _with_known(inverse, joint.information, middle_sum, common, fitted, undetermined)
        for middle_sum in sums
    ]
    return Shared(
        common, joint.beta, spreads[0], spreads[1], inverse, joint.converged, joint.iterations
    )


def _with_known(
    inverse: FloatArray,
    information: FloatArray,
    middle: FloatArray,
    common: Common[Polynomial],
    fitted: BoolArray,
    undetermined: BoolArray,
) -> FloatArray:
    stderr = np.array([f.parameter.stderr for f in common.functions for _ in f.coefficients])
    moved = np.eye(len(fitted)) - np.matmul(inverse, information)
    moved = np.where(fitted, 0.0, moved)
    known = np.matmul(moved * np.where(fitted, 0.0, stderr**2), moved.T)
    spread = np.matmul(np.matmul(inverse, middle), inverse) + known
    return np.where(undetermined[:, None] | undetermined, np.nan, spread)
