"""Fits of the pre-edge: curved baselines, and peaks together with them, for many spectra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectra.status import Status
from spectra.xas.baseline import Baseline, Foot

if TYPE_CHECKING:
    import lmfit

FloatArray = NDArray[np.float64]

# lmfit's names of line shapes that `spectra.fit` has exact derivatives of.
SHAPES = {
    "gaussian": "GaussianModel",
    "lorentzian": "LorentzianModel",
    "pseudo_voigt": "PseudoVoigtModel",
    "voigt": "VoigtModel",
    "pearson7": "Pearson7Model",
    "moffat": "MoffatModel",
    "split_lorentzian": "SplitLorentzianModel",
}
_STEP = 1e-6
_NARROWEST, _WIDEST = 0.05, 500.0
# How far the centre of a curved baseline may lie beyond the range (eV).
_BEYOND = 25.0


def curved_model(kind: str, foot: Foot) -> tuple[lmfit.Model, lmfit.Parameters]:
    """A line and a step or Lorentzian, with the starts and bounds that Larch gives them.

    ``larch.xafs.pre_edge_baseline``, version 2026.3.1: the amplitude is not negative, sigma
    lies between 0.05 and 500 eV, and the centre within 25 eV of the range.
    """
    from lmfit.models import LinearModel, LorentzianModel, StepModel

    low, high = float(foot.x[0]), float(foot.x[-1])
    edge = float(foot.x[foot.peaks][-1])
    if kind == "lorentzian":
        rising, center = LorentzianModel(prefix="base_"), high
    else:
        rising, center = StepModel(form=kind, prefix="base_"), edge + 0.1 * (high - edge)
    model = rising + LinearModel(prefix="base_")
    params = model.make_params(
        base_amplitude={"value": 1.0, "min": 0.0},
        base_center={"value": center, "min": low - _BEYOND, "max": high + _BEYOND},
        base_sigma={"value": 2.0, "min": _NARROWEST, "max": _WIDEST},
        base_slope=0.0,
        base_intercept=0.0,
    )
    return model, params


def spline_model(foot: Foot) -> tuple[lmfit.Model, lmfit.Parameters]:
    """The line and spline of `spectra.xas.baseline.spline_basis` as a model of four parameters."""
    from lmfit import Model

    inside = foot.x[foot.peaks]
    knots = (float(inside[0]), float(inside[-1]))
    origin, span = float(foot.x[0]), float(foot.x[-1] - foot.x[0])

    def foot_spline(x: Any, c0: Any, c1: Any, c2: Any, c3: Any) -> Any:
        cubes = [np.maximum((x - knot) / span, 0.0) ** 3 for knot in knots]
        return c0 + c1 * (x - origin) / span + c2 * cubes[0] + c3 * cubes[1]

    model = Model(foot_spline, prefix="base_")
    return model, model.make_params(base_c0=0.0, base_c1=0.0, base_c2=0.0, base_c3=0.0)


def curved_baseline(kind: str, foot: Foot, part: FloatArray, sigma: FloatArray | None) -> Baseline:
    """Fit a line and an arctan, erf or Lorentzian to the free points of each frame.

    Parameters
    ----------
    kind : {"arctan", "erf", "lorentzian"}
    foot : Foot
    part : array (frames, points)
        Values at the foot's points, of the order of 1.
    sigma : array (frames, points), optional
        Their standard uncertainties; without them the scatter about the fit tells them.
    """
    from spectra.fit.batch import fit_stack

    model, params = curved_model(kind, foot)
    free = foot.free
    fits = fit_stack(
        model,
        params,
        foot.x[free],
        part[:, free],
        weights=None if sigma is None else 1.0 / sigma[:, free],
        errors="residual" if sigma is None else "given",
    )
    names = list(fits.var_names)
    values = _evaluate(model, dict(zip(fits.names, fits.values.T, strict=True)), foot.x)
    slopes = np.empty((len(part), len(names), len(foot.x)))
    for i, name in enumerate(names):
        moved = dict(zip(fits.names, fits.values.T, strict=True))
        step = _STEP * np.maximum(np.abs(moved[name]), 1.0)
        moved[name] = moved[name] + step
        slopes[:, i] = (_evaluate(model, moved, foot.x) - values) / step[:, None]
    good = np.isin(fits.status, (Status.OK, Status.AT_BOUND))
    return Baseline(values, slopes, np.nan_to_num(fits.covar), good)


def _evaluate(model: lmfit.Model, values: Mapping[str, FloatArray], x: FloatArray) -> FloatArray:
    """A composite model for parameters (frames,) each."""
    total: Any = 0.0
    for component in model.components:
        roots = {n: n[len(component.prefix) :] for n in component.param_names}
        own = {roots[n]: values[n][:, None] for n in component.param_names}
        total = total + component.func(x[None, :], **own, **component.opts)
    return np.asarray(total, dtype=float)


@dataclass(frozen=True)
class Components:
    """Fitted peaks: values and uncertainties (frames, peaks), and whether each fit is good."""

    position: FloatArray
    height: FloatArray
    fwhm: FloatArray
    area: FloatArray
    stderr: Mapping[str, FloatArray]
    status: NDArray[np.int8]


def fit_components(
    kind: str,
    shape: str,
    count: int,
    foot: Foot,
    part: FloatArray,
    peaks: FloatArray,
    sigma: FloatArray | None,
) -> Components:
    """Fit some peaks of one line shape together with their baseline.

    Parameters
    ----------
    kind : str
        Baseline, one of `spectra.xas.baseline.BASELINES`.
    shape : str
        Of `SHAPES`.
    count : int
        Peaks; they start evenly spread over the part of the range where the signal is more than
        a fifth of its highest.
    foot : Foot
    part : array (frames, points)
        Values at the foot's points, of the order of 1.
    peaks : array (frames, points)
        The same less a baseline, to start from.
    sigma : array (frames, points), optional
    """
    import lmfit.models

    from spectra.fit.batch import fit_stack

    model, params = spline_model(foot) if kind == "spline" else curved_model(kind, foot)
    inside = foot.x[foot.peaks]
    width = float(inside[-1] - inside[0])
    starts: dict[str, FloatArray] = {}
    for i, (center, height) in enumerate(_spread(foot, peaks, count)):
        prefix = f"p{i + 1}_"
        one = getattr(lmfit.models, SHAPES[shape])(prefix=prefix)
        model, own = one + model, one.make_params()
        first = 0.15 * width / count
        own[f"{prefix}center"].set(
            value=float(inside.mean()), min=float(inside[0]), max=float(inside[-1])
        )
        own[f"{prefix}sigma"].set(value=first, min=_NARROWEST, max=width)
        if f"{prefix}sigma_r" in own:
            own[f"{prefix}sigma_r"].set(value=first, min=_NARROWEST, max=width)
        own[f"{prefix}amplitude"].set(value=1.0, min=0.0)
        params.update(own)
        starts[f"{prefix}center"] = center
        starts[f"{prefix}amplitude"] = np.maximum(height, 1e-3) * 2.5 * first
    fits = fit_stack(
        model,
        params,
        foot.x,
        part,
        weights=None if sigma is None else 1.0 / sigma,
        errors="residual" if sigma is None else "given",
        starts=starts,
    )
    columns = {"position": "center", "height": "height", "fwhm": "fwhm", "area": "amplitude"}
    found: dict[str, FloatArray] = {}
    stderr: dict[str, FloatArray] = {}
    for name, own_name in columns.items():
        labels = [f"p{i + 1}_{own_name}" for i in range(count)]
        known = [label in fits.names for label in labels]
        blank = np.full(len(part), np.nan)
        found[name] = np.stack(
            [np.asarray(fits[n]) if k else blank for n, k in zip(labels, known, strict=True)], 1
        )
        stderr[name] = np.stack(
            [fits.uncertainty(n) if k else blank for n, k in zip(labels, known, strict=True)], 1
        )
    order = np.argsort(found["position"], axis=1)
    found = {k: np.take_along_axis(v, order, axis=1) for k, v in found.items()}
    stderr = {k: np.take_along_axis(v, order, axis=1) for k, v in stderr.items()}
    return Components(**found, stderr=stderr, status=fits.status)


def _spread(foot: Foot, peaks: FloatArray, count: int) -> list[tuple[FloatArray, FloatArray]]:
    """Where some peaks start: positions and heights (frames,) each."""
    inside = np.flatnonzero(foot.peaks)
    part, x = peaks[:, inside], foot.x[inside]
    top = part.argmax(axis=1)
    rows = np.arange(len(part))
    high = part > 0.2 * part[rows, top][:, None]
    low_end, high_end = x[high.argmax(axis=1)], x[len(x) - 1 - high[:, ::-1].argmax(axis=1)]
    if count == 1:
        return [(x[top], part[rows, top])]
    out = []
    for i in range(count):
        center = low_end + (high_end - low_end) * (i + 0.5) / count
        k = np.clip(np.searchsorted(x, center), 0, len(x) - 1)
        out.append((center, part[rows, k]))
    return out
