"""`SmoothBackground`: χ(k) of absorption by a smoothing spline, as smooth as χ(R) allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.optimize import brentq

from spectra.results import Column
from spectra.settings import setting
from spectra.stack import Stack
from spectra.status import Status
from spectra.xas.exafs.autobk import (
    AutobkSettings,
    apply,
    find_extent,
    own_interpolation,
    own_problems,
    without_clamps,
)
from spectra.xas.exafs.chi import k_grid
from spectra.xas.exafs.fourier import N_FFT
from spectra.xas.exafs.removal import Removal, RemovalPlan
from spectra.xas.exafs.removed import Refused, Removed, Spectra
from spectra.xas.exafs.splines import cubic_basis
from spectra.xas.exafs.spread import Spread
from spectra.xas.exafs.windows import make_window
from spectra.xas.frames import few_of
from spectra.xas.polynomials import products

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_KNOT_STEP = 0.5
_STIFFEST, _STEPS = 3.0, 33
_SHORTEST = 2.0 * np.pi
# R of background, shells and noise in Cook and Sayers' criterion (angstrom).
_LOW, _SHELLS, _NOISE = (0.0, 0.25), (1.0, 5.0), (9.0, 10.0)
_REFERENCE = 0.75


@dataclass(frozen=True, kw_only=True)
class SmoothBackground(Removal):
    """χ(k) of absorption spectra, by a smoothing spline.

    The background is the cubic spline with a knot every 0.5 1/angstrom that minimises
    Σ k^2w·(μ − μ₀)² + α·∫(d²μ₀/dk²)² dk. It is as smooth as it can be while the mean height of
    χ(R) below 0.25 angstrom, less that of the noise (9 to 10 angstrom), is at most `content` of
    the greatest between 1 and 5 angstrom (J. W. Cook, D. E. Sayers, J. Appl. Phys. 52 (1981)
    5024), and never less stiff than a spline of 1 + 2·`stiffness`·Δk/π coefficients. The number
    of coefficients that α leaves (``freedom``) is found for frames from all of the sequence, and
    their median is taken for all: differences between frames are then theirs alone.

    With α given the background is linear in the spectrum; standard uncertainties are propagated
    as by `Background`. Where `Background` follows χ(R) below rbkg to the last, this one leaves
    what a smooth curve cannot follow: their difference is what the choice of a background is
    worth.

    Examples
    --------
    >>> import numpy as np
    >>> energy = np.concatenate([np.arange(8700.0, 9020.0, 1.0), np.arange(9020.0, 9900.0, 2.5)])
    >>> k = np.sqrt(np.maximum(energy - 8979.0, 0.0) / 3.81)
    >>> chi = 0.5 * np.sin(2 * 2.2 * k) * np.exp(-0.01 * k**2) * (k > 1.0)
    >>> mu = (1.0 + chi) / (1 + np.exp(-(energy - 8979.0) / 1.5))
    >>> stack = Stack.from_arrays(energy, mu, axis_name="energy", axis_unit="eV", quantity="mu")
    >>> results = SmoothBackground(normalize={"e0": 8979.0})(stack)
    >>> results.table.name, bool(results["freedom"][0] < 12)
    ('background', True)
    """

    name: ClassVar[str] = "xas.SmoothBackground"

    k_weight: int = setting(2, "power of k that weights χ", within="0 to 3")
    content: float = setting(
        0.05, "χ(R) of the background over that of the shells, at most", within="0.001 to 0.5"
    )
    stiffness: float = setting(
        1.0, "R that the background may follow χ(R) to", unit="angstrom", within="0.5 to 4"
    )
    freedom: float | None = setting(
        None, "effective number of coefficients of the background, instead", within="3 to 30"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        freedom = self.freedom
        self.refuse(
            content=not 0.001 <= self.content <= 0.5,
            stiffness=not 0.5 <= self.stiffness <= 4.0,
            freedom=freedom is not None and not _STIFFEST <= freedom <= 30.0,
        )

    def prepare(self, source: Stack) -> RemovalPlan:
        """Check the stack, and find what is common to all frames."""
        plan = super().prepare(source)
        freedom = self.freedom
        if freedom is None:
            searched = replace(plan, attrs={**plan.attrs, "freedom": np.nan})
            found = self.fit(few_of(source), searched)
            known = found["freedom"][found.ok()]
            freedom = float(np.median(known)) if known.size else _STIFFEST
        return replace(plan, attrs={**plan.attrs, "freedom": freedom})

    def splines(self, k_max: float) -> int:
        """The number of B-splines up to some k."""
        return int(max(k_max, _SHORTEST) / _KNOT_STEP) + 3

    def further_columns(self) -> tuple[Column, ...]:
        """Columns beside those of all backgrounds."""
        return (Column("freedom", "", "effective number of coefficients of the background"),)

    @property
    def reach(self) -> float:
        """It is told by the shell alone."""
        return 0.0

    @property
    def remedy(self) -> str:
        """What to do if it reaches the first shell."""
        return f"lower stiffness from {self.stiffness:g} to about {{r}}, or raise content"

    def remove(self, spectra: Spectra, plan: RemovalPlan) -> Iterator[Removed | Refused]:
        """Remove the background of each spectrum."""
        settings = AutobkSettings(
            rbkg=_REFERENCE,
            k_min=0.0,
            k_max=self.end,
            k_step=self.k_step,
            k_weight=1,
            window="hanning",
            taper=0.1,
            clamp_points=0,
            clamp_low=0.0,
            clamp_high=0.0,
        )
        extent = find_extent(spectra.x, spectra.e0, settings)
        short = np.flatnonzero(extent.k_max < _SHORTEST)
        yield Refused(short, Status.BAD_INPUT, tuple(map(_too_short, extent.k_max[short])))
        good = np.flatnonzero(extent.k_max >= _SHORTEST)
        for rows, part in spectra.alike(good, extent, common=plan.common):
            yield self._remove(part, rows, settings, plan)

    def _remove(
        self, spectra: Spectra, rows: IntArray, settings: AutobkSettings, plan: RemovalPlan
    ) -> Removed:
        """The background of spectra with grids of one size."""
        e0 = spectra.e0[:1] if plan.common else spectra.e0
        extent = find_extent(spectra.x, e0, settings)
        smoother = find_smoother(int(extent.points[0]), self.k_step, self.k_weight, self.stiffness)
        weights = own_interpolation(spectra.x, e0, extent, settings)
        reference = own_problems(spectra.x, e0, extent, settings)
        if plan.common:
            weights, reference = weights[0], reference.only()
        first, last = int(extent.first[0]), int(extent.last[0])
        d = apply(weights, spectra.y[:, first : last + 1])
        z = products(d, smoother.project.T)
        freedom = float(plan.attrs["freedom"])
        if np.isfinite(freedom):
            shares = np.broadcast_to(smoother.shares(freedom), z.shape)
        else:
            shares = smoother.stiffest(d, z, self.content)
        splines = len(smoother.strengths)
        nothing = np.zeros((len(smoother.modes), 0)), np.zeros((0, weights.shape[-1]))
        spread = Spread(weights, *nothing, smoother.modes, smoother.project @ weights)
        return Removed(
            rows=rows,
            chi=d - products(shares * z, smoother.modes.T),
            variance=spectra.spread(spread, shares, first, last),
            reference=without_clamps(reference, d),
            coefficients=products(shares * z, smoother.coefficients.T),
            knots=np.broadcast_to(smoother.knots, (len(d), splines + 4)),
            further={
                "freedom": shares.sum(axis=1),
                "k_max": np.broadcast_to(extent.k_max, len(rows)),
            },
        )


def _too_short(k_max: float) -> str:
    return (
        f"k ends at {k_max:.2f} 1/angstrom, too short for a background, which needs "
        f"{_SHORTEST:.1f} 1/angstrom; measure farther beyond the edge, or ask for no EXAFS of this "
        "spectrum"
    )


@dataclass(frozen=True)
class Smoother:
    """Smoothing splines of all α: in these modes each coefficient is shrunk by itself.

    A. Demmler, C. Reinsch, Numer. Math. 24 (1975) 375: with BᵀW·B and the penalty Ω made
    diagonal together, the spline's coefficients are U·(Uᵀ·BᵀW·d)/(1 + α·γ).

    Attributes
    ----------
    knots : array (splines + 4,)
    coefficients : array (splines, splines)
        U.
    modes : array (points, splines)
        B·U.
    project : array (splines, points)
        Uᵀ·BᵀW.
    strengths : array (splines,)
        γ.
    alphas : array (steps,)
        From the stiffest spline to the least stiff.
    parts : three arrays (points, 2·R)
        Weighted cosines and sines of χ(R) of background, shells and noise.
    """

    knots: FloatArray
    coefficients: FloatArray
    modes: FloatArray
    project: FloatArray
    strengths: FloatArray
    alphas: FloatArray
    parts: tuple[FloatArray, ...]

    def shares(self, freedom: float) -> FloatArray:
        """What is left of each mode (splines,) where so many coefficients are."""
        alpha = _alpha(self.strengths, min(freedom, 0.9 * len(self.strengths)))
        return np.asarray(1.0 / (1.0 + alpha * self.strengths))

    def stiffest(self, d: FloatArray, z: FloatArray, content: float) -> FloatArray:
        """What is left of each mode (frames, splines) in the stiffest spline that will do."""
        whole = [products(d, part) for part in self.parts]
        modes = [self.modes.T @ part for part in self.parts]
        shares = np.zeros_like(z)
        done = np.zeros(len(d), bool)
        for i, alpha in enumerate(self.alphas.tolist()):
            shrunk = 1.0 / (1.0 + alpha * self.strengths)
            low, shells, noise = (
                _magnitude(w - products(shrunk * z, m)) for w, m in zip(whole, modes, strict=True)
            )
            excess = low.mean(axis=1) - noise.mean(axis=1)
            enough = (excess <= content * shells.max(axis=1)) | (i == len(self.alphas) - 1)
            shares[enough & ~done] = shrunk
            done |= enough
            if done.all():
                break
        return shares


@lru_cache(maxsize=32)
def find_smoother(points: int, k_step: float, k_weight: int, stiffness: float) -> Smoother:
    """The smoothing splines on a grid of k.

    Parameters
    ----------
    points : int
    k_step : float
        1/angstrom.
    k_weight : int
    stiffness : float
        R (angstrom) that the least stiff spline follows χ(R) to.
    """
    k = k_grid(k_step, points)
    end = float(k[-1])
    inner = np.linspace(0.0, end, int(end / _KNOT_STEP) + 1)
    knots = np.concatenate([np.zeros(3), inner, np.full(3, end)])
    basis = cubic_basis(knots[None], k)[0]
    weighted = basis * (k ** (2 * k_weight) * k_step)[:, None]
    gamma, modes = scipy.linalg.eigh(_bending(knots), basis.T @ weighted)
    gamma = np.maximum(gamma, 0.0)
    most = min(1.0 + 2.0 * stiffness * end / np.pi, 0.8 * len(gamma))
    wanted = np.linspace(_STIFFEST, most, _STEPS)
    alphas = np.array([_alpha(gamma, freedom) for freedom in wanted.tolist()])
    window = make_window(k, 2.0, end - 0.5, 1.0, "hanning") * k**k_weight
    return Smoother(
        knots=knots,
        coefficients=modes,
        modes=basis @ modes,
        project=(weighted @ modes).T,
        strengths=gamma,
        alphas=alphas,
        parts=tuple(_waves(points, k_step, window, *part) for part in (_LOW, _SHELLS, _NOISE)),
    )


def _bending(knots: FloatArray) -> FloatArray:
    """Integrals of products of the B-splines' second derivatives, exact by Gauss' two points."""
    inner = np.unique(knots)
    middle, half = 0.5 * (inner[1:] + inner[:-1]), 0.5 * np.diff(inner)
    at = np.concatenate([middle - half / np.sqrt(3.0), middle + half / np.sqrt(3.0)])
    count = len(knots) - 4
    bend = np.asarray(BSpline(knots, np.eye(count), 3).derivative(2)(at))
    return np.asarray(bend.T @ (np.concatenate([half, half])[:, None] * bend))


def _alpha(gamma: FloatArray, freedom: float) -> float:
    """The α at which so many coefficients are left."""

    def excess(log: float) -> float:
        return float((1.0 / (1.0 + np.exp(log) * gamma)).sum()) - freedom

    return float(np.exp(brentq(excess, -60.0, 60.0)))


def _waves(points: int, k_step: float, window: FloatArray, low: float, high: float) -> FloatArray:
    r_step = np.pi / (k_step * N_FFT)
    index = np.arange(int(np.ceil(low / r_step)), int(high / r_step) + 1, 2)
    angle = 2.0 * np.pi / N_FFT * np.outer(np.arange(points), index)
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1) * window[:, None]


def _magnitude(parts: FloatArray) -> FloatArray:
    half = parts.shape[1] // 2
    return np.asarray(np.hypot(parts[:, :half], parts[:, half:]))
