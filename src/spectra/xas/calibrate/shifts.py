"""Shifts of spectra against a template, by least squares, for all frames at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

FloatArray = NDArray[np.float64]

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
    background : array (frames, points)
        The polynomial beside it.
    misfit : array (frames,)
        Root mean square of the residuals over the scale.
    """

    shift: FloatArray
    stderr: FloatArray
    scale: FloatArray
    background: FloatArray
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
    eliminated exactly.

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
    size = max(1, _AT_ONCE // energy.size)
    parts = []
    for first in range(0, len(spectra), size):
        rows = slice(first, first + size)
        begin = np.full(len(spectra[rows]), np.nan) if start is None else start[rows].copy()
        known = None if errors is None else errors[rows]
        parts.append(_fit_rows(energy, spectra[rows], template, powers, bound, known, begin))
    return Shifts(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _fit_rows(
    energy: FloatArray,
    spectra: FloatArray,
    template: CubicSpline,
    powers: FloatArray,
    bound: float,
    errors: FloatArray | None,
    shift: FloatArray,
) -> tuple[FloatArray, ...]:
    """Shift, stderr, scale, background and misfit of some frames."""
    w = np.ones(spectra.shape)
    if errors is not None:
        measured = np.isfinite(errors) & (errors > 0)
        errors = np.where(measured, errors, 0.0)
        w = np.where(measured, 1.0 / np.where(measured, errors, 1.0), 0.0)
    new = ~np.isfinite(shift)
    if new.any():
        shift[new] = _best_trial(energy, spectra[new], template, powers, bound)
    active = np.arange(len(spectra))
    for _ in range(_STEPS):
        columns = _columns(energy, template, powers, shift[active])
        c = _coefficients(columns, spectra[active], w[active])
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.clip(np.nan_to_num(c[:, 1] / c[:, 0]), -_TRIAL, _TRIAL)
        shift[active] = np.clip(shift[active] + step, -bound, bound)
        active = active[np.abs(step) > _SMALL]
        if active.size == 0:
            break
    return _conclude(spectra, w, _columns(energy, template, powers, shift), shift, bound, errors)


def _best_trial(
    energy: FloatArray,
    spectra: FloatArray,
    template: CubicSpline,
    powers: FloatArray,
    bound: float,
) -> FloatArray:
    """Of trial shifts common to all frames, the one that leaves each frame the least."""
    count = int(np.ceil(bound / _TRIAL))
    trials = np.linspace(-bound, bound, 2 * count + 1)[1:-1] if count > 1 else np.zeros(1)
    explained = np.empty((len(trials), len(spectra)))
    for i, trial in enumerate(trials.tolist()):
        basis = np.linalg.qr(np.column_stack([powers, template(energy + trial)]))[0]
        along = spectra @ basis
        # Only what a positive template explains counts: an edge is no edge upside down.
        positive = along[:, -1] * (basis[:, -1] @ template(energy + trial)) > 0
        explained[i] = np.where(positive, along[:, -1] ** 2, 0.0) + (along[:, :-1] ** 2).sum(axis=1)
    return np.asarray(trials[np.argmax(explained, axis=0)], dtype=float)


def _columns(
    energy: FloatArray, template: CubicSpline, powers: FloatArray, shift: FloatArray
) -> FloatArray:
    """Template, its derivative, and the polynomials (frames, points, columns)."""
    at = energy + shift[:, None]
    both = np.stack([template(at), template(at, 1)], axis=2)
    return np.concatenate([both, np.broadcast_to(powers, (len(shift), *powers.shape))], axis=2)


def _coefficients(columns: FloatArray, spectra: FloatArray, w: FloatArray) -> FloatArray:
    """Coefficients of the columns by least squares (frames, columns)."""
    weighted, normal = _normal(columns, w)
    return np.asarray(np.linalg.solve(normal, weighted @ spectra[:, :, None])[:, :, 0])


def _normal(columns: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted columns (frames, columns, points), and the matrix of the normal equations.

    Frames on which the columns are not independent get a matrix of NaN.
    """
    weighted: FloatArray = np.swapaxes(columns * w[:, :, None] ** 2, 1, 2)
    normal = weighted @ columns
    square = np.diagonal(normal, axis1=1, axis2=2)
    size = np.sqrt(np.where(square > 0, square, 1.0))
    alike = np.linalg.det(normal / size[:, :, None] / size[:, None, :]) < _ALIKE
    normal[alike] = np.nan
    return weighted, normal


def _conclude(
    spectra: FloatArray,
    w: FloatArray,
    columns: FloatArray,
    shift: FloatArray,
    bound: float,
    errors: FloatArray | None,
) -> tuple[FloatArray, ...]:
    weighted, normal = _normal(columns, w)
    forms = np.linalg.solve(normal, weighted)
    c = (forms @ spectra[:, :, None])[:, :, 0]
    background = np.einsum("fpc,fc->fp", columns[:, :, 2:], c[:, 2:])
    residuals = spectra - columns[:, :, 0] * c[:, :1] - background
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = forms[:, 1] / c[:, :1]
        if errors is None:
            variance = correlated_variance(slope, residuals, columns.shape[2])
        else:
            variance = ((slope * errors) ** 2).sum(axis=1)
        misfit = np.sqrt((residuals**2).mean(axis=1)) / c[:, 0]
    good = (c[:, 0] > 0) & (np.abs(shift) < bound) & np.isfinite(variance)
    return (
        np.where(good, shift, np.nan),
        np.where(good, np.sqrt(np.abs(variance)), np.nan),
        np.where(good, c[:, 0], np.nan),
        background,
        np.where(good, misfit, np.nan),
    )


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
    at_zero = (residuals**2).sum(axis=1)
    variance = (forms**2).sum(axis=1)
    go_on = at_zero > 0
    for lag in range(1, n // 2):
        rho = (residuals[:, lag:] * residuals[:, :-lag]).sum(axis=1)
        rho = rho / np.where(at_zero > 0, at_zero, 1.0)
        go_on = go_on & (rho > 2 / np.sqrt(n))
        if not go_on.any():
            break
        both = (forms[:, lag:] * forms[:, :-lag]).sum(axis=1)
        variance = variance + np.where(go_on, 2 * rho * both, 0.0)
    # Where the correlations cancel the form itself, its plain variance is the least there is.
    least = 0.1 * (forms**2).sum(axis=1)
    out: FloatArray = np.maximum(variance, least) * at_zero / (n - parameters)
    return out
