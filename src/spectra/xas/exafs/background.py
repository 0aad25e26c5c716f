"""`Background`: χ(k) of absorption spectra by AUTOBK, and the curve that is taken off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError, SettingError
from spectra.results import Column, Results
from spectra.settings import setting
from spectra.stack import Stack
from spectra.status import Status
from spectra.units import k_from_energy
from spectra.xas.exafs.autobk import (
    FEWEST_SPLINES,
    AutobkSettings,
    Extent,
    Problem,
    apply,
    find_extent,
    lower_reach,
    nearest_points,
    own_interpolation,
    own_problems,
    solve_background,
    without_clamps,
)
from spectra.xas.exafs.banded import Banded
from spectra.xas.exafs.removal import Removal, RemovalPlan
from spectra.xas.exafs.removed import Refused, Removed, Spectra
from spectra.xas.exafs.splines import cubic_basis
from spectra.xas.exafs.spread import Spread, find_spread
from spectra.xas.exafs.windows import WINDOWS
from spectra.xas.polynomials import alike

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_ROWS = 64


@dataclass(frozen=True, kw_only=True)
class Background(Removal):
    """χ(k) of absorption spectra, by the background of AUTOBK.

    The background is a cubic spline in k whose coefficients leave the least of the Fourier
    transform of k^w·χ(k) below `rbkg`, with the ends of χ drawn to zero by clamps (Newville et
    al., Phys. Rev. B 47 (1993) 14126; the numbers are those of Larch's ``autobk``, whose knots,
    clamps and transform these are). χ = (μ − μ₀)/Δμ with the edge step Δμ of `Normalize`.

    `rbkg` should be a little below the distance of the nearest shell in χ(R), half of the bond's
    length for oxides with short bonds; the spline has 1 + 2·rbkg·Δk/π coefficients. As in Larch
    the clamps compare χ with the transform's sum of squares in the unit of the absorption, so
    that spectra given as ``mu`` and as ``norm`` differ a little at the clamped end; only what has
    an edge step above 100, and is no absorption but counts, is taken over that step.

    All frames have the edge energy of the sequence unless `normalize` says otherwise: then their k
    compare, and they share their matrices, which is eighty times faster than each frame with its
    own (``normalize = {e0 = "derivative"}``).

    Standard uncertainties of χ come from those of the points (`Normalize`), through interpolation
    and spline, with the edge step's; E0 and the clamp's weight are taken as they are. They hold
    for each point; neighbouring points of the grid are correlated.

    Examples
    --------
    >>> import numpy as np
    >>> energy = np.concatenate([np.arange(8700.0, 9020.0, 1.0), np.arange(9020.0, 9900.0, 2.5)])
    >>> k = np.sqrt(np.maximum(energy - 8979.0, 0.0) / 3.81)
    >>> chi = 0.5 * np.sin(2 * 2.2 * k) * np.exp(-0.01 * k**2) * (k > 1.0)
    >>> mu = (1.0 + chi) / (1 + np.exp(-(energy - 8979.0) / 1.5))
    >>> stack = Stack.from_arrays(energy, mu, axis_name="energy", axis_unit="eV", quantity="mu")
    >>> results = Background(normalize={"e0": 8979.0})(stack)
    >>> results["chi"].shape, round(float(results["k_max"][0]), 2)
    ((1, 311), 15.53)
    """

    name: ClassVar[str] = "xas.Background"

    rbkg: float = setting(
        1.0, "R below which χ(R) is background", unit="angstrom", within="0.2 to 4"
    )
    k_min: float = setting(0.0, "begin of the range", unit="1/angstrom", within="0 or more")
    window: str = setting("hanning", "window of the transform", within=", ".join(WINDOWS))
    taper: float = setting(0.1, "width of the window's ends", unit="1/angstrom", within="> 0")
    clamp_points: int = setting(3, "points of χ at either end that are clamped", within="0 to 20")
    clamp_low: float = setting(0.0, "strength of the clamp at low k", within="0 or more")
    clamp_high: float = setting(1.0, "strength of the clamp at high k", within="0 or more")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k_max is not None and self.k_min >= self.k_max:
            raise SettingError(
                f"{self.name}: k_min = {self.k_min:g} is not below k_max = {self.k_max:g} "
                "1/angstrom; lower k_min or raise k_max"
            )
        self.refuse(
            rbkg=not 0.2 <= self.rbkg <= 4.0,
            k_min=not 0.0 <= self.k_min < self.end,
            window=self.window not in WINDOWS,
            taper=not self.taper > 0,
            clamp_points=not 0 <= self.clamp_points <= 20,
            clamp_low=not 0 <= self.clamp_low < np.inf,
            clamp_high=not 0 <= self.clamp_high < np.inf,
        )

    def splines(self, k_max: float) -> int:
        """The number of B-splines up to some k."""
        asked = 1 + int(2.0 * self.rbkg * max(k_max - self.k_min, 0.0) / np.pi)
        return max(FEWEST_SPLINES, asked)

    def further_columns(self) -> tuple[Column, ...]:
        """Columns beside those of all backgrounds."""
        return (Column("objective", "", "sum of squares that the background leaves below rbkg"),)

    @property
    def reach(self) -> float:
        """R up to which the background follows χ(R) (angstrom)."""
        return self.rbkg

    @property
    def remedy(self) -> str:
        """What to do if it reaches the first shell."""
        return f"lower rbkg from {self.rbkg:g} to about {{r}}"

    def remove(self, spectra: Spectra, plan: RemovalPlan) -> Iterator[Removed | Refused]:
        """Remove the background of each spectrum."""
        settings = self._settings()
        extent = find_extent(spectra.x, spectra.e0, settings)
        good, refused = self._refuse(spectra, extent)
        yield refused
        lower = find_extent(spectra.x, spectra.e0, lower_reach(settings))
        further = (lower.splines, lower.r_points)
        for rows, part in spectra.alike(good, extent, *further, common=plan.common):
            if plan.common:
                matrices = _common(spectra.x.tobytes(), float(part.e0[0]), settings)
            else:
                matrices = find_matrices(spectra.x, part.e0, settings)
            yield from self._solve(part, rows, matrices)

    def _settings(self) -> AutobkSettings:
        return AutobkSettings(
            rbkg=self.rbkg,
            k_min=self.k_min,
            k_max=self.end,
            k_step=self.k_step,
            k_weight=self.k_weight,
            window=self.window,
            taper=self.taper,
            clamp_points=self.clamp_points,
            clamp_low=self.clamp_low,
            clamp_high=self.clamp_high,
        )

    def _refuse(self, spectra: Spectra, extent: Extent) -> tuple[IntArray, Refused]:
        """Frames that can have the background asked for, and those that cannot."""
        sparse = np.zeros(len(spectra.e0), bool)
        for (first, splines), rows in alike(extent.first, extent.splines):
            e0, one, own = np.unique(spectra.e0[rows], return_index=True, return_inverse=True)
            measured = k_from_energy(spectra.x[first:], e0[:, None])
            nearest = nearest_points(measured, extent.k_max[rows][one], splines, self.k_min)
            repeated = np.asarray((np.diff(nearest, axis=1) <= 0).any(axis=1))
            sparse[rows] = repeated[own]
        needed = 0.5 * np.pi * (FEWEST_SPLINES - 1) / self.rbkg
        bad = np.flatnonzero(sparse | ~extent.enough)
        reasons = tuple(
            f"k from {self.k_min:g} to {extent.k_max[i]:.2f} 1/angstrom is too short for a "
            f"background with rbkg = {self.rbkg:g}, which needs {needed:.1f} 1/angstrom; measure "
            "farther beyond the edge, or ask for no EXAFS of this spectrum"
            if not extent.enough[i]
            else f"the points are too sparse for the {extent.splines[i]} knots of rbkg = "
            f"{self.rbkg:g}; measure more of them, or lower rbkg or k_max"
            for i in bad.tolist()
        )
        good = np.flatnonzero(~sparse & extent.enough)
        return good, Refused(bad, Status.BAD_INPUT, reasons)

    def _solve(
        self, spectra: Spectra, rows: IntArray, matrices: Matrices
    ) -> Iterator[Removed | Refused]:
        """Backgrounds of spectra that share the size of their matrices."""
        extent = matrices.extent
        first, last = int(extent.first[0]), int(extent.last[0])
        d = matrices.interpolated(spectra.y[:, first : last + 1])
        found = solve_background(matrices.problem, d, spectra.edge_step)
        lost = np.flatnonzero(~found.converged)
        reason = f"the clamp's strength was not found; set clamp_high = 0 (now {self.clamp_high:g})"
        yield Refused(rows[lost], Status.NOT_CONVERGED, (reason,) * len(lost))
        k_max = np.broadcast_to(extent.k_max, len(rows))
        yield Removed(
            rows=rows,
            chi=found.chi,
            variance=spectra.spread(matrices.spread, found.shares, first, last),
            reference=without_clamps(matrices.reference, d),
            coefficients=found.coefficients,
            knots=found.knots,
            further={"objective": found.objective, "k_max": k_max},
        )


@dataclass(frozen=True)
class Matrices:
    """Matrices of some frames, or of all: for the background, its noise, and one of lower R."""

    extent: Extent
    problem: Problem
    spread: Spread
    reference: Problem

    def interpolated(self, y: FloatArray) -> FloatArray:
        """Absorption on the grid from that at the points used (frames, n)."""
        return apply(self.spread.interpolate, y) if self._bands is None else self._bands(y)

    @cached_property
    def _bands(self) -> Banded | None:
        weights = self.spread.interpolate
        return Banded.of(weights) if weights.ndim == 2 else None


def find_matrices(x: FloatArray, e0: FloatArray, settings: AutobkSettings) -> Matrices:
    """Find the matrices of frames with edge energies of their own, but of one size."""
    extent = find_extent(x, e0, settings)
    problem = own_problems(x, e0, extent, settings)
    spread = find_spread(problem, own_interpolation(x, e0, extent, settings))
    lower = lower_reach(settings)
    reference = own_problems(x, e0, find_extent(x, e0, lower), lower)
    return Matrices(extent, problem, spread, reference)


@lru_cache(maxsize=8)
def _common(axis: bytes, e0: float, settings: AutobkSettings) -> Matrices:
    """Matrices of all frames with the same points and edge energy."""
    one = find_matrices(np.frombuffer(axis), np.array([e0]), settings)
    spread = Spread(*(value[0] for value in vars(one.spread).values()))
    return Matrices(one.extent, one.problem.only(), spread, one.reference.only())


def background_curve(stack: Stack, results: Results) -> Stack:
    """The background μ₀(E) that was taken off a stack.

    Parameters
    ----------
    stack : Stack
        Of absorption, frames × points over energy.
    results : Results
        Of `Background` or `SmoothBackground` on this stack.

    Returns
    -------
    Stack
        Of the same quantity, NaN below E0, beyond the range and in frames without a result.

    Raises
    ------
    ResultsError
        If the results are not of a background or not of so many frames.
    """
    if results.table.name != "background":
        raise ResultsError(f"a table {results.table.name!r} is not one of xas.Background")
    if len(results) != len(stack):
        raise ResultsError(f"{len(results)} rows of results for {len(stack)} frames")
    curves = np.full((len(stack), stack.n_points), np.nan)
    rows = np.flatnonzero(results["splines"] > 0)
    for (splines,), some in alike(results["splines"][rows]):
        own = rows[some]
        for start in range(0, len(own), _ROWS):
            part = own[start : start + _ROWS]
            knots = results["knots"][part, : splines + 4]
            k = k_from_energy(stack.x, results["e0"][part, None])
            basis = cubic_basis(knots, np.clip(k, 0.0, results["k_max"][part, None]))
            curve = np.matmul(basis, results["coefficients"][part, :splines, None])[..., 0]
            inside = (k >= 0) & (k <= results["k_max"][part, None] * (1 + 1e-12))
            curves[part] = np.where(inside, curve, np.nan)
    return replace(
        stack,
        signal=curves,
        errors=None,
        noise="unknown",
        channels={},
        status=results.status.astype(np.int8),
        messages=results.messages,
    )
