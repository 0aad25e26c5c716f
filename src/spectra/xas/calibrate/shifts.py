"""Shifts of spectra against a template, by least squares, for all frames at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from spectra.xas.calibrate.near import NearTemplate

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_STEPS = 50
_AT_ONCE = 1 << 19
_TRIAL = 0.5
_SMALL = 1e-7
_ALIKE = 1e-12


@dataclass(frozen=True)
class Shifts:
    """Energies to add to those of each frame, and how the frames compare with the template.

    Parameters
    ----------
    shift, stderr : array (frames,)
        eV; NaN where no shift within the bound fits.
    scale : array (frames,)
        What the template is multiplied by.
    misfit : array (frames,)
        Root mean square of the residuals over the scale.
    """

    shift: FloatArray
    stderr: FloatArray
    scale: FloatArray
    misfit: FloatArray


def fit_shifts(
    energy: FloatArray,
    spectra: FloatArray,
    template: CubicSpline,
    *,
    degree: int,
    bound: float,
    errors: FloatArray | None = None,
    start: FloatArray | None = None,
) -> Shifts:
    """Fit the shifts of spectra against a template.

    Each spectrum is modelled as b·T(E + s) plus a polynomial of E. The start is the best of
    trial shifts half an eV apart; Gauss–Newton steps follow, in which b and the polynomial are
    eliminated exactly. Shifts that stay between two knots of the template are found from few
    sums over the points of a frame (`NearTemplate`), others from all points in every step.

    Parameters
    ----------
    energy : array (points,)
        eV.
    spectra : array (frames, points)
        Finite.
    template : CubicSpline
        Defined from ``energy[0] - bound`` to ``energy[-1] + bound``.
    degree : int
        Of the polynomial beside the template; 0 is an offset.
    bound : float
        Largest shift, eV.
    errors : array (frames, points), optional
        Standard uncertainties of spectrum and template together. Without them the noise is
        estimated from the residuals, with its correlation between neighbouring points.
    start : array (frames,), optional
        Shifts to start from instead of trials; NaN is none.
    """
    x = (energy - energy.mean()) / np.ptp(energy)
    powers = x[:, None] ** np.arange(degree + 1)
    problem = _Problem(energy, template, powers, bound)
    # Points picked by a mask leave the frames scattered in memory.
    spectra = np.ascontiguousarray(spectra)
    size = max(1, _AT_ONCE // energy.size)
    parts = []
    for first in range(0, len(spectra), size):
        rows = slice(first, first + size)
        begin = np.full(len(spectra[rows]), np.nan) if start is None else start[rows].copy()
        known = None if errors is None else errors[rows]
        parts.append(problem.fit(spectra[rows], known, begin))
    return Shifts(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@dataclass(frozen=True)
class _Problem:
    """The template, the polynomials (points, columns) beside it, and the largest shift."""

    energy: FloatArray
    template: CubicSpline
    powers: FloatArray
    bound: float

    def fit(
        self, spectra: FloatArray, errors: FloatArray | None, shift: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Shift, stderr, scale and misfit of some frames, from shifts that are changed."""
        new = ~np.isfinite(shift)
        if new.any():
            shift[new] = self._best_trial(spectra[new])
        if errors is not None:
            return self._far(spectra, errors, shift)
        near = NearTemplate.of(self.template, self.energy, self.powers)
        done = self._near(near, spectra, shift)
        far = np.flatnonzero(~near.holds(shift))
        if far.size:
            rest = self._far(spectra[far], None, shift[far])
            for column, values in zip(done, rest, strict=True):
                column[far] = values
        return done

    def _best_trial(self, spectra: FloatArray) -> FloatArray:
        """Of trial shifts common to all frames, the one that leaves each frame the least."""
        count = int(np.ceil(self.bound / _TRIAL))
        trials = np.zeros(1)
        if count > 1:
            trials = np.linspace(-self.bound, self.bound, 2 * count + 1)[1:-1]
        beside = np.linalg.qr(self.powers)[0]
        moved = self.template(self.energy[:, None] + trials)
        moved = moved - beside @ (beside.T @ moved)
        size = np.sqrt((moved**2).sum(axis=0))
        # Only what a positive template explains counts: an edge is no edge upside down.
        along = spectra @ (moved / np.where(size > 0, size, 1.0))
        return np.asarray(trials[np.argmax(np.maximum(along, 0.0), axis=1)], dtype=float)

    def _near(
        self, near: NearTemplate, spectra: FloatArray, shift: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Results by the sums; what crosses a knot is left there and gets NaN."""
        frames = np.flatnonzero(near.holds(shift))
        products = near.project(spectra)

        def fit(frames: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
            mixing = near.mixing(shift[frames])
            turned = np.swapaxes(mixing, 1, 2)
            normal = _independent(turned @ near.normal @ mixing)
            right = turned @ products[frames][:, :, None]
            return np.asarray(np.linalg.solve(normal, right)[:, :, 0]), normal, mixing

        _settle(lambda some: fit(some)[0], shift, frames, self.bound, near.holds)
        frames = np.flatnonzero(near.holds(shift))
        c, normal, mixing = fit(frames)
        unit = np.zeros((c.shape[1], 1))
        unit[1] = 1.0
        # The normal equations are symmetric: a row of their inverse is a column of it.
        slope = near.expand((mixing @ np.linalg.solve(normal, unit[None]))[:, :, 0])
        c_zero = c.copy()
        c_zero[:, 1] = 0.0
        residuals = spectra[frames] - near.expand((mixing @ c_zero[:, :, None])[:, :, 0])
        found = self._conclude(c, slope, residuals, shift[frames], None)
        results = tuple(np.full(len(shift), np.nan) for _ in found)
        for column, values in zip(results, found, strict=True):
            column[frames] = values
        return results

    def _far(
        self, spectra: FloatArray, errors: FloatArray | None, shift: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Results from all points, with the uncertainties of each where they are given."""
        w = np.ones(spectra.shape)
        if errors is not None:
            measured = np.isfinite(errors) & (errors > 0)
            errors = np.where(measured, errors, 0.0)
            w = np.where(measured, 1.0 / np.where(measured, errors, 1.0), 0.0)

        def fit(frames: IntArray) -> FloatArray:
            weighted, normal = _normal(self._columns(shift[frames]), w[frames])
            right = weighted @ spectra[frames][:, :, None]
            return np.asarray(np.linalg.solve(normal, right)[:, :, 0])

        _settle(fit, shift, np.arange(len(shift)), self.bound)
        columns = self._columns(shift)
        weighted, normal = _normal(columns, w)
        forms: FloatArray = np.asarray(np.linalg.solve(normal, weighted))
        c = (forms @ spectra[:, :, None])[:, :, 0]
        background = np.einsum("fpc,fc->fp", columns[:, :, 2:], c[:, 2:])
        residuals = spectra - columns[:, :, 0] * c[:, :1] - background
        return self._conclude(c, forms[:, 1], residuals, shift, errors)

    def _columns(self, shift: FloatArray) -> FloatArray:
        """Template, its derivative, and the polynomials (frames, points, columns)."""
        at = self.energy + shift[:, None]
        both = np.stack([self.template(at), self.template(at, 1)], axis=2)
        beside = np.broadcast_to(self.powers, (len(shift), *self.powers.shape))
        return np.concatenate([both, beside], axis=2)

    def _conclude(
        self,
        c: FloatArray,
        form: FloatArray,
        residuals: FloatArray,
        shift: FloatArray,
        errors: FloatArray | None,
    ) -> tuple[FloatArray, ...]:
        """Results of coefficients (frames, columns); `form` gives that of the derivative."""
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = form / c[:, :1]
            if errors is None:
                variance = correlated_variance(slope, residuals, c.shape[1])
            else:
                variance = ((slope * errors) ** 2).sum(axis=1)
            misfit = np.sqrt((residuals**2).mean(axis=1)) / c[:, 0]
        good = (c[:, 0] > 0) & (np.abs(shift) < self.bound) & np.isfinite(variance)
        stderr = np.sqrt(np.abs(variance))
        return tuple(np.where(good, v, np.nan) for v in (shift, stderr, c[:, 0], misfit))


def _settle(
    fit: Callable[[IntArray], FloatArray],
    shift: FloatArray,
    active: IntArray,
    bound: float,
    holds: Callable[[FloatArray], NDArray[np.bool_]] | None = None,
) -> None:
    """Change the shifts by Gauss–Newton steps until they settle, or no longer hold."""
    for _ in range(_STEPS):
        if active.size == 0:
            return
        c = fit(active)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.clip(np.nan_to_num(c[:, 1] / c[:, 0]), -_TRIAL, _TRIAL)
        shift[active] = np.clip(shift[active] + step, -bound, bound)
        active = active[np.abs(step) > _SMALL]
        if holds is not None:
            active = active[holds(shift[active])]


def _normal(columns: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted columns (frames, columns, points), and the matrix of the normal equations."""
    weighted: FloatArray = np.swapaxes(columns * w[:, :, None] ** 2, 1, 2)
    return weighted, _independent(weighted @ columns)


def _independent(normal: FloatArray) -> FloatArray:
    """Normal equations (frames, columns, columns), NaN where the columns depend on each other."""
    square = np.diagonal(normal, axis1=1, axis2=2)
    size = np.sqrt(np.where(square > 0, square, 1.0))
    alike = np.linalg.det(normal / size[:, :, None] / size[:, None, :]) < _ALIKE
    normal[alike] = np.nan
    return normal


def correlated_variance(forms: FloatArray, residuals: FloatArray, parameters: int) -> FloatArray:
    """Variance of linear forms of spectra whose noise shows in residuals.

    Neighbouring points may be correlated (interpolated scans, slow drifts), so the
    autocovariance of the residuals is taken along, up to the first lag at which it no longer
    stands out of its own scatter, 2/√points.

    Parameters
    ----------
    forms, residuals : array (frames, points)
    parameters : int
        Parameters fitted, for the degrees of freedom.

    Returns
    -------
    array (frames,)
    """
    n = residuals.shape[1]
    at_zero, variance = _dots(residuals, residuals), _dots(forms, forms)
    # Where the correlations cancel the form itself, its plain variance is the least there is.
    least = 0.1 * variance
    rows = np.flatnonzero(at_zero > 0)
    left, right, go_on = residuals[rows], forms[rows], np.ones(len(rows), bool)
    for lag in range(1, n // 2):
        rho = _dots(left[:, lag:], left[:, :-lag]) / at_zero[rows]
        go_on &= rho > 2 / np.sqrt(n)
        if not go_on.any():
            break
        if 2 * go_on.sum() < len(rows):
            rows, rho, left, right = rows[go_on], rho[go_on], left[go_on], right[go_on]
            go_on = go_on[go_on]
        both = _dots(right[:, lag:], right[:, :-lag])
        variance[rows] += np.where(go_on, 2 * rho * both, 0.0)
    out: FloatArray = np.maximum(variance, least) * at_zero / (n - parameters)
    return out


def _dots(one: FloatArray, other: FloatArray) -> FloatArray:
    """Sums of products over the points of each frame (frames,)."""
    return np.asarray((one[:, None, :] @ other[:, :, None])[:, 0, 0])
