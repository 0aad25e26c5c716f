"""`xas.Rebin`: spectra averaged into the bins of an XAFS scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.correction import Correction
from spectra.errors import SettingError, StackError
from spectra.settings import setting
from spectra.stack import Stack
from spectra.units import EV_PER_K2
from spectra.xas.calibrate.frames import edge_energy, errors_of, load_spectra, with_errors

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Rebin(Correction):
    """Average spectra over bins: even in energy to beyond the edge, even in k in the EXAFS.

    A spectrum is taken for the straight lines between its points and averaged exactly over each
    bin, so the integral over any run of bins is that of the spectrum, and nothing depends on
    which bin a point next to a limit falls in. The new energies are the middles of the bins.
    Bins that reach beyond the measured axis are left out; a bin that touches a NaN is NaN; bins
    finer than the points are interpolated linearly, and the record counts these. Uncertainties
    are propagated as if those of the points were independent; those of neighbouring bins share
    a point.

    The regions and their default steps are those of Larch's ``rebin_xafs`` and of Athena: the
    step around the edge is E0/25000 rounded down to 0.05 eV if none is given.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> energy = np.arange(5250.0, 6000.0, 0.1)
    >>> mu = 1 / (1 + np.exp(-(energy - 5465) / 2))
    >>> stack = Stack.from_arrays(energy, mu, axis_name="energy", axis_unit="eV", quantity="mu")
    >>> stack.n_points, Rebin(e0=5465.0)(stack).n_points
    (7500, 514)
    """

    name: ClassVar[str] = "xas.Rebin"

    e0: float = setting(
        0.0, "energy that the regions are counted from; 0 takes the tabulated edge", unit="eV"
    )
    element: str = setting("", "absorber; empty takes that of the stack's metadata")
    edge: str = setting("", "edge, such as K; empty takes that of the metadata, or K")
    pre_step: float = setting(2.0, "step before the edge", unit="eV", within="above 0")
    xanes_start: float = setting(-30.0, "start of the region of the edge, from E0", unit="eV")
    xanes_step: float = setting(
        0.0, "step around the edge; 0 takes E0/25000 rounded down to 0.05 eV", unit="eV"
    )
    exafs_start: float = setting(15.0, "start of the EXAFS, from E0", unit="eV", within="above 0")
    k_step: float = setting(0.05, "step in the EXAFS", unit="1/angstrom", within="above 0")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("pre_step", "exafs_start", "k_step"):
            if not getattr(self, name) > 0:
                raise SettingError(
                    f"{self.name}: {name} = {getattr(self, name)!r}; expected above 0"
                )
        if not self.xanes_start < self.exafs_start:
            raise SettingError(
                f"{self.name}: xanes_start = {self.xanes_start!r}; expected below exafs_start = "
                f"{self.exafs_start!r}"
            )
        if self.xanes_step < 0 or self.e0 < 0:
            raise SettingError(
                f"{self.name}: xanes_step = {self.xanes_step!r}, e0 = {self.e0!r}; "
                "expected 0 or more"
            )

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = load_spectra(stack, self.name)
        e0 = self.e0 or edge_energy(full, self.element, self.edge, self.name)
        if not full.x[0] < e0 < full.x[-1]:
            raise StackError(
                f"{self.name}: E0 = {e0:g} eV is not on the axis from {full.x[0]:g} to "
                f"{full.x[-1]:g} eV; check e0"
            )
        limits = self.limits(e0, float(full.x[0]), float(full.x[-1]))
        if limits.size < 2:
            raise StackError(
                f"{self.name}: no bin fits into the axis from {full.x[0]:g} to {full.x[-1]:g} eV; "
                "give smaller steps"
            )
        weights = bin_weights(full.x, limits)
        errors = errors_of(full)
        new = replace(
            full,
            axis=replace(full.axis, values=(limits[1:] + limits[:-1]) / 2),
            signal=_averaged(np.asarray(full.signal), weights),
            errors=None,
            noise="unknown",
            channels={k: _averaged(np.asarray(v), weights) for k, v in full.channels.items()},
        )
        if errors is not None:
            new = with_errors(new, np.sqrt(_averaged(errors**2, weights**2)))
        points = np.histogram(full.x, limits)[0]
        return new, {
            "e0": e0,
            "points_before": full.n_points,
            "points_after": new.n_points,
            "bins_without_a_point": int((points == 0).sum()),
        }

    def limits(self, e0: float, low: float, high: float) -> FloatArray:
        """Limits of the bins from `low` to `high`, in eV."""
        step = self.xanes_step or 0.05 * max(1, int(e0 / 1250))
        start = e0 + self.xanes_start
        before = start - self.pre_step * np.arange(int(max(start - low, 0) / self.pre_step), 0, -1)
        count = max(1, round((self.exafs_start - self.xanes_start) / step))
        around = np.linspace(start, e0 + self.exafs_start, count + 1)
        first = np.sqrt(self.exafs_start / EV_PER_K2)
        last = np.sqrt(max(high - e0, self.exafs_start) / EV_PER_K2)
        k = first + self.k_step * np.arange(1, int((last - first) / self.k_step + 1e-9) + 1)
        every = np.concatenate([before, around, e0 + EV_PER_K2 * k**2])
        tiny = 1e-9 * abs(e0)
        inside = every[(every >= low - tiny) & (every <= high + tiny)]
        return np.asarray(np.clip(inside, low, high))


def bin_weights(x: FloatArray, limits: FloatArray) -> FloatArray:
    """Weights (bins, points) of the mean over each bin of the straight lines between points.

    Parameters
    ----------
    x : array (points,)
        Increasing.
    limits : array (bins + 1,)
        Increasing, from ``x[0]`` to ``x[-1]``.
    """
    h = np.diff(x)
    u = np.clip((limits[:, None] - x[:-1]) / h, 0.0, 1.0)
    # Integrals up to each limit of the two hats that share an interval.
    up_to = np.zeros((len(limits), len(x)))
    up_to[:, :-1] += h * (u - u**2 / 2)
    up_to[:, 1:] += h * u**2 / 2
    weights: FloatArray = np.diff(up_to, axis=0) / np.diff(limits)[:, None]
    return np.where(np.abs(weights) < 1e-12, 0.0, weights)


def _averaged(rows: FloatArray, weights: FloatArray) -> FloatArray:
    """Rows (frames, points) averaged over bins; NaN where a point with a weight is none."""
    missing = ~np.isfinite(rows)
    out: FloatArray = np.where(missing, 0.0, rows) @ weights.T
    if missing.any():
        out[missing.astype(float) @ (weights > 0).T > 0] = np.nan
    return out
