"""The background of AUTOBK: the spline that leaves the least of χ(R) below rbkg.

M. Newville, P. Līviņš, Y. Yacoby, J. J. Rehr, E. A. Stern, Phys. Rev. B 47 (1993) 14126, with
the knots, the transform and the clamps of Larch's ``autobk`` (version 2026.3).

With E0 given, χ on the grid is d − B·c for the interpolated absorption d over the edge step and
the coefficients c of the spline, and what is minimised is

    P + s²·Q,  s = 0.1 + 10·P/N,

P being the sum of squares of the N real and imaginary parts of χ(R) below rbkg and Q that of χ
at the clamped ends. (Larch divides by the edge step afterwards: there the clamps' strength hangs
on the unit of the absorption, and they outgrow all else in counts.) Where it is stationary, c
minimises P + λ·Q with λ = s²/(1 + 20·s·Q/N). In the coordinates in which P is round and Q
diagonal, P and Q are functions of λ alone: what is left is one equation per spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from spectra.units import EV_PER_K2, k_from_energy
from spectra.xas.exafs.chi import k_grid
from spectra.xas.exafs.fourier import N_FFT
from spectra.xas.exafs.splines import cubic_basis, interpolation_weights
from spectra.xas.exafs.windows import make_window
from spectra.xas.polynomials import products
from spectra.xas.ranges import index_below

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

FEWEST_SPLINES, MOST_SPLINES = 5, 128
_LEAST_SCALE, _SCALE = 0.1, 10.0
# No shell lies so low (angstrom).
_LOW_RBKG = 0.75
# Singular values below this part of the largest are none.
_TOLD = 1e-10
_ROUNDS = 100
_CLOSE = 1e-14
# The grid has its last point if a hundredth of a step or less is missing.
_ROUNDING = 1.01


@dataclass(frozen=True)
class AutobkSettings:
    """What AUTOBK is told: see `spectra.xas.Background`."""

    rbkg: float
    k_min: float
    k_max: float
    k_step: float
    k_weight: int
    window: str
    taper: float
    clamp_points: int
    clamp_low: float
    clamp_high: float

    @property
    def r_step(self) -> float:
        """Step of the transform's R (angstrom)."""
        return float(np.pi / (self.k_step * N_FFT))


def lower_reach(settings: AutobkSettings) -> AutobkSettings:
    """Settings of a background that leaves all shells alone, without clamps."""
    return replace(settings, rbkg=min(settings.rbkg, _LOW_RBKG), clamp_points=0)


@dataclass(frozen=True)
class Extent:
    """Which points and how large a grid the background of each frame takes: (frames,) each.

    Attributes
    ----------
    first, last : int array
        First and last point of the axis that is used.
    k_max : array
        End of the range (1/angstrom).
    points : int array
        Of the grid of k.
    splines : int array
        Number of B-splines.
    r_points : int array
        Points of χ(R) that are minimised.
    enough : bool array
        Whether the range holds the least number of splines that there are.
    """

    first: IntArray
    last: IntArray
    k_max: FloatArray
    points: IntArray
    splines: IntArray
    r_points: IntArray
    enough: NDArray[np.bool_]


def find_extent(x: FloatArray, e0: FloatArray, settings: AutobkSettings) -> Extent:
    """Find the extent of the background for each edge energy, by Larch's rules."""
    rbkg = max(settings.rbkg, 2.0 * settings.r_step)
    first = index_below(x, e0)
    k_max = np.clip(k_from_energy(x[-1], e0), 0.0, settings.k_max)
    last = np.minimum(len(x), 2 + index_below(x, e0 + k_max**2 * EV_PER_K2)) - 1
    span = np.maximum(k_max - settings.k_min, settings.k_step)
    asked = 1 + (2.0 * rbkg * span / np.pi).astype(np.intp)
    return Extent(
        first=first,
        last=last,
        k_max=k_max,
        points=(_ROUNDING + k_max / settings.k_step).astype(np.intp),
        splines=np.clip(asked, FEWEST_SPLINES, MOST_SPLINES),
        r_points=(1 + (asked - 1) * np.pi / (2.0 * settings.r_step * span)).astype(np.intp),
        enough=asked >= FEWEST_SPLINES,
    )


@dataclass(frozen=True)
class Problem:
    """The matrices of the background: of all frames, or with one more dimension one each.

    Attributes
    ----------
    k : array (points,)
    knots : array ([frames,] splines + 4)
    basis : array ([frames,] points, splines)
        B.
    equations : int
        N.
    rest : array ([frames,] equations or fewer, points)
        From d to what has the least of P as its sum of squares.
    project : array ([frames,] splines, points)
        From d to the coordinates z = R·c of the minimum of P, with the transform of B = Q·R.
    solve : array ([frames,] splines, splines)
        R⁻¹.
    directions : array ([frames,] splines, clamps)
        Directions of z in which Q is diagonal.
    strengths : array ([frames,] clamps)
        Its roots there, S.
    clamped : array ([frames,] clamps, points)
        From d to the ends' χ in these coordinates, at the minimum of P.
    """

    k: FloatArray
    knots: FloatArray
    basis: FloatArray
    equations: int
    rest: FloatArray
    project: FloatArray
    solve: FloatArray
    directions: FloatArray
    strengths: FloatArray
    clamped: FloatArray

    @cached_property
    def onto(self) -> FloatArray:
        """From d to the clamps' coordinates, those of the minimum of P, and what P has left."""
        return np.concatenate([self.clamped, self.project, self.rest], axis=-2)

    def only(self) -> Problem:
        """The matrices of the first frame for all."""
        alone = {k: v if k in ("k", "equations") else v[0] for k, v in vars(self).items()}
        # The transform takes small steps in R: few of its equations tell something of their own.
        _, sizes, directions = np.linalg.svd(alone.pop("rest"), full_matrices=False)
        told = sizes > _TOLD * sizes[0]
        return Problem(**alone, rest=sizes[told, None] * directions[told])


@dataclass(frozen=True)
class Solution:
    """χ (not yet over the edge step) of frames on their grid.

    Attributes
    ----------
    chi : array (frames, points)
    coefficients : array (frames, splines)
    knots : array (frames, splines + 4)
    shares : array (frames, clamps)
        By how much of its distance each clamp pulls.
    objective : array (frames,)
        P + s²·Q of χ over the edge step.
    converged : bool array (frames,)
    """

    chi: FloatArray
    coefficients: FloatArray
    knots: FloatArray
    shares: FloatArray
    objective: FloatArray
    converged: NDArray[np.bool_]


def own_problems(
    x: FloatArray, e0: FloatArray, extent: Extent, settings: AutobkSettings
) -> Problem:
    """Matrices of frames with edge energies of their own, but points and grids of one size."""
    points, splines = int(extent.points[0]), int(extent.splines[0])
    k = k_grid(settings.k_step, points)
    measured = k_from_energy(x[int(extent.first[0]) :], e0[:, None])
    knots = _knots_at(nearest_points(measured, extent.k_max, splines, settings.k_min), measured)
    basis = cubic_basis(knots, k)
    taps = k**settings.k_weight * np.stack(
        [_window(points, settings, end) for end in extent.k_max.tolist()]
    )
    transform = _transform(points, int(extent.r_points[0]), settings.k_step) * taps[:, None, :]
    explained, triangle = np.linalg.qr(transform @ basis)
    solve = np.linalg.inv(triangle)
    project = np.swapaxes(explained, 1, 2) @ transform
    weights, rows = _clamps(points, settings)
    of_basis = weights[:, None] * basis[:, rows] @ solve
    padding = max(0, len(rows) - splines)
    of_basis = np.pad(of_basis, ((0, 0), (0, 0), (0, padding)))
    u, strengths, vt = np.linalg.svd(of_basis, full_matrices=False)
    directions = np.swapaxes(vt, 1, 2)[:, :splines]
    at_ends = np.zeros((len(e0), len(rows), points))
    at_ends[:, np.arange(len(rows)), rows] = weights
    clamped = np.swapaxes(u, 1, 2) @ (at_ends - of_basis[..., :splines] @ project)
    return Problem(
        k=k,
        knots=knots,
        basis=basis,
        equations=transform.shape[1],
        rest=transform - explained @ project,
        project=project,
        solve=solve,
        directions=directions,
        strengths=strengths,
        clamped=clamped,
    )


def own_interpolation(
    x: FloatArray, e0: FloatArray, extent: Extent, settings: AutobkSettings
) -> FloatArray:
    """Matrices (frames, points, n) from absorption at the points used to that on the grid."""
    first, last = int(extent.first[0]), int(extent.last[0])
    measured = k_from_energy(x[first : last + 1], e0[:, None])
    return interpolation_weights(measured, k_grid(settings.k_step, int(extent.points[0])))


def solve_background(problem: Problem, d: FloatArray, edge_step: FloatArray) -> Solution:
    """Find the background of frames from their absorption on the grid (frames, points).

    Coefficients and χ are in the unit of the absorption, in which `edge_step` (frames,) is given;
    clamps and objective are those of the absorption over it.
    """
    splines, clamps = problem.directions.shape[-2:]
    found, z, rest = np.split(apply(problem.onto, d), (clamps, clamps + splines), axis=1)
    ends = found / edge_step[:, None]
    least = _squares(rest) / edge_step**2
    strengths = np.broadcast_to(problem.strengths, ends.shape)
    weight, converged = _balance(least, ends, strengths, problem.equations)
    shares = weight[:, None] * strengths / (1.0 + weight[:, None] * strengths**2)
    pull = shares * found
    coefficients = apply(problem.solve, z + apply(problem.directions, pull))
    p, q = _sums(weight, least, ends, strengths)
    scale = _LEAST_SCALE + _SCALE * p / problem.equations
    return Solution(
        chi=_less(d, apply(problem.basis, coefficients)),
        coefficients=coefficients,
        knots=np.broadcast_to(problem.knots, (len(d), problem.knots.shape[-1])),
        shares=shares,
        objective=p + scale**2 * q,
        converged=converged,
    )


def without_clamps(problem: Problem, d: FloatArray) -> FloatArray:
    """What χ is where P alone is minimised, from absorption on the grid (frames, points)."""
    coefficients = apply(problem.solve, apply(problem.project, d))
    return _less(d, apply(problem.basis, coefficients))


def _less(d: FloatArray, background: FloatArray) -> FloatArray:
    """The difference, in the memory of what is taken off."""
    return np.subtract(d, background, out=background)


def apply(matrix: FloatArray, values: FloatArray) -> FloatArray:
    """A matrix, or one for each frame, on the values of frames (frames, n)."""
    if matrix.ndim == 2:
        return products(values, matrix.T)
    return np.asarray(np.matmul(matrix, values[:, :, None])[:, :, 0])


def _balance(
    least: FloatArray, ends: FloatArray, strengths: FloatArray, equations: int
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Solve λ = s²/(1 + 20·s·Q/N) for each frame; and tell whether it was found.

    The right side is positive at 0 and bounded: a root lies between bounds that every step
    narrows, and what leaves them is taken back to their geometric mean.
    """
    low, high = np.full(len(least), 1e-300), np.full(len(least), np.inf)
    weight = (_LEAST_SCALE + _SCALE * least / equations) ** 2
    done = np.zeros(len(least), bool)
    for _ in range(_ROUNDS):
        p, q = _sums(weight, least, ends, strengths)
        scale = _LEAST_SCALE + _SCALE * p / equations
        new = scale**2 / (1.0 + 2.0 * _SCALE * scale * q / equations)
        low = np.where(new >= weight, weight, low)
        high = np.where(new <= weight, weight, high)
        inside = (new > low) & (new < high)
        middle = np.sqrt(low) * np.sqrt(np.where(np.isfinite(high), high, 1.0))
        close = np.abs(new - weight) <= _CLOSE * weight
        weight = np.where(done | close, weight, np.where(inside, new, middle))
        done |= close
        if done.all():
            break
    return weight, done


def _sums(
    weight: FloatArray, least: FloatArray, ends: FloatArray, strengths: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """P and Q at some λ."""
    left = ends / (1.0 + weight[:, None] * strengths**2)
    moved = weight[:, None] * strengths * left
    return least + _squares(moved), _squares(left)


def _squares(values: FloatArray) -> FloatArray:
    """Sums of squares of rows."""
    return np.asarray(np.einsum("ij,ij->i", values, values))


def nearest_points(measured: FloatArray, k_max: FloatArray, splines: int, k_min: float) -> IntArray:
    """Points (frames, splines) of k (frames, n) nearest to even steps of it.

    A spline takes its knots from them; where two are the same, there is none.
    """
    wanted = k_min + np.arange(splines) * (k_max - k_min)[:, None] / (splines - 1)
    return np.asarray(np.abs(measured[:, None, :] - wanted[..., None]).argmin(axis=2))


def _knots_at(points: IntArray, measured: FloatArray) -> FloatArray:
    """Knots of the cubic spline that goes through those points."""
    at = np.take_along_axis(measured, points, axis=1)
    ends = [np.repeat(end, 4, axis=1) for end in (at[:, :1], at[:, -1:])]
    return np.concatenate([ends[0], at[:, 2:-2], ends[1]], axis=1)


@lru_cache(maxsize=4096)
def _window(points: int, settings: AutobkSettings, k_max: float) -> FloatArray:
    k = k_grid(settings.k_step, points)
    return make_window(k, settings.k_min, k_max, settings.taper, settings.window)


@lru_cache(maxsize=64)
def _transform(points: int, r_points: int, k_step: float) -> FloatArray:
    """Real and imaginary parts of χ(R) at the first points of R: (2·r_points, points)."""
    angle = 2.0 * np.pi / N_FFT * np.outer(np.arange(r_points), np.arange(points))
    parts = np.stack([np.cos(angle), -np.sin(angle)], axis=1).reshape(2 * r_points, points)
    return np.asarray(k_step / np.sqrt(np.pi) * parts)


def _clamps(points: int, settings: AutobkSettings) -> tuple[FloatArray, IntArray]:
    """Weights of the clamped points, and which they are."""
    count = settings.clamp_points
    weights = np.repeat(np.abs([settings.clamp_low, settings.clamp_high]), count)
    rows = np.concatenate([np.arange(count), np.arange(points - count, points)])
    return weights[weights > 0], rows[weights > 0]
