"""Normalised and flattened spectra, from a stack and what `Normalize` found for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError
from spectra.fit.uncertainty import point_sigma
from spectra.results import Results
from spectra.stack import Stack
from spectra.status import Status
from spectra.xas.lines import Lines, line_at
from spectra.xas.polynomials import TOGETHER, Scale, products
from spectra.xas.ranges import index_nearest

FloatArray = NDArray[np.float64]


def normalized(stack: Stack, results: Results) -> Stack:
    """Absorption less the line before the edge, over the edge step.

    Parameters
    ----------
    stack : Stack
        Of absorption, frames × points over energy.
    results : Results
        Of `Normalize` on this stack.

    Returns
    -------
    Stack
        With the quantity ``norm``. Frames without a result are NaN and carry its status and
        message. Uncertainties are there if those of the stack are known (``given`` or
        ``counts``); they hold the points', the line's and the edge step's. The last two are
        common to the points of a spectrum.

    Raises
    ------
    ResultsError
        If the results are not those of `Normalize` on this stack.
    """
    return _curves(stack, results, flat=False)


def flattened(stack: Stack, results: Results) -> Stack:
    """Normalised absorption with the slope and curvature after the edge taken out.

    From E0 on, what the polynomial after the edge differs from its value at E0 is subtracted.
    Parameters, returns and raises as in `normalized`.
    """
    return _curves(stack, results, flat=True)


def _curves(stack: Stack, results: Results, *, flat: bool) -> Stack:
    scale = _checked_scale(stack, results)
    y = np.asarray(stack.signal[:], dtype=float)
    curves = np.empty_like(y)
    errors = None
    if stack.noise != "unknown":
        given = None if stack.errors is None else np.asarray(stack.errors[:], dtype=float)
        errors = point_sigma(y, given, stack.noise)
    lines = Lines(*(results[name] for name in ("line", "polynomial", "lines_cov", "exponent")))
    step, at = results["edge_step"], results["step_energy"]
    # The same memory again and again stays in the processor's cache.
    room = np.empty((2, TOGETHER, y.shape[1]))
    for start in range(0, len(y), TOGETHER):
        rows = slice(start, start + TOGETHER)
        some = lines.take(rows)
        _fill(scale, y[rows], some, step[rows], at[rows], curves[rows], room, flat=flat)
        if errors is not None:
            _propagate(scale, curves[rows], some, step[rows], at[rows], errors[rows], flat=flat)
    status = np.where(stack.status == Status.OK, results.status, stack.status).astype(np.int8)
    return replace(
        stack,
        signal=curves,
        errors=errors,
        noise="unknown" if errors is None else "given",
        quantity="norm",
        status=status,
        messages=results.messages,
    )


def _checked_scale(stack: Stack, results: Results) -> Scale:
    """The scale of the results' polynomials, which must be the stack's."""
    if results.table.name != "normalize":
        raise ResultsError(f"a table {results.table.name!r} is not one of xas.Normalize")
    if len(results) != len(stack):
        raise ResultsError(f"{len(results)} rows of results for {len(stack)} frames")
    scale = Scale.of(stack.x)
    found = (results.attrs["origin"], results.attrs["scale"])
    if found != (scale.origin, scale.scale):
        raise ResultsError(
            f"the results are of an axis about {found[0]:g} ± {found[1]:g} eV, the stack's is "
            f"about {scale.origin:g} ± {scale.scale:g} eV: give the stack that was normalised"
        )
    return scale


def _fill(
    scale: Scale,
    y: FloatArray,
    lines: Lines,
    step: FloatArray,
    at: FloatArray,
    out: FloatArray,
    room: FloatArray,
    *,
    flat: bool,
) -> None:
    """Write the curves of some frames, with room to work in (2, frames, points)."""
    points = len(scale.x)
    pre = lines.pre / step[:, None]
    known = np.isfinite(at)
    before, after = room[:, : len(y)]
    if not flat or not known.any():
        np.multiply(y, 1.0 / step[:, None], out=out)
        out -= line_at(replace(lines, pre=pre), scale, 0, points)
        return
    edge = index_nearest(scale.x, np.where(known, at, scale.x[-1]))
    # The slope of the polynomial alone: its constant drops out.
    bend = lines.post / step[:, None]
    bend[:, 0] = 0.0
    bend[:, 0] = -_evaluate_at(bend, scale.at(np.where(known, at, scale.origin)))
    begin, end = int(edge.min()), int(edge.max())
    curved = np.flatnonzero(lines.exponent)
    if curved.size:
        curves = line_at(replace(lines, pre=pre).take(curved), scale, 0, points)
        pre[curved] = 0.0
    both = np.zeros((len(y), max(2, bend.shape[1])))
    both[:, :2] = pre
    both[:, : bend.shape[1]] += bend
    # Every point is taken from one of the two, whatever frames stand beside.
    products(pre, scale.powers(scale.x, 2).T, before)
    products(both, scale.powers(scale.x, both.shape[1]).T, after)
    after[:, :begin] = before[:, :begin]
    early = np.arange(begin, end) < edge[:, None]
    np.copyto(after[:, begin:end], before[:, begin:end], where=early)
    np.multiply(y, 1.0 / step[:, None], out=before)
    np.subtract(before, after, out=out)
    if curved.size:
        out[curved] -= curves


def _evaluate_at(coefficients: FloatArray, u: FloatArray) -> FloatArray:
    """Polynomials (rows, powers) each at its own u (rows,)."""
    total = coefficients[:, -1].copy()
    for column in coefficients.T[-2::-1]:
        total = total * u + column
    return total


def _propagate(
    scale: Scale,
    norm: FloatArray,
    lines: Lines,
    step: FloatArray,
    at: FloatArray,
    sigma: FloatArray,
    *,
    flat: bool,
) -> None:
    """Turn uncertainties of the points (frames, points) into those of the curves.

    n = (μ − pre)/Δ has dn = (dμ − dpre − n dΔ)/Δ, and the flattened curve, beyond E0, less
    (post(E) − post(E0))/Δ with its own uncertainty and all covariances.
    """
    covariance = lines.covariance
    powers = covariance.shape[1] - 2
    at_step = scale.powers(np.where(np.isfinite(at), at, scale.origin), powers)
    basis = scale.powers(scale.x, powers)
    gradient = np.zeros((*norm.shape, covariance.shape[1]))
    exponent = lines.exponent.astype(float)[:, None]
    victoreen = (scale.x / scale.origin) ** np.where(exponent >= 0, -exponent, 0.0)
    gradient[..., :2] = victoreen[..., None] * scale.powers(scale.x, 2)
    if flat:
        bend = (basis - at_step[:, None]) * (scale.x >= at[:, None])[..., None]
        gradient[..., 2:] = bend
    gradient[..., 2:] += norm[..., None] * at_step[:, None]
    common = np.einsum("fpi,fij,fpj->fp", gradient, covariance, gradient, optimize=True)
    np.sqrt(sigma**2 + common, out=sigma)
    sigma /= step[:, None]
