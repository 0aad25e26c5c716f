"""`xas.OverAbsorption`: fluorescence of samples that are not thin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spectra.correction import Correction
from spectra.errors import SettingError
from spectra.settings import setting
from spectra.stack import Stack
from spectra.status import Status
from spectra.xas.calibrate.composition import absorption_at, absorption_of
from spectra.xas.calibrate.frames import (
    edge_energy,
    errors_of,
    load_spectra,
    remark,
    usable,
    with_errors,
)
from spectra.xas.curves import flattened, normalized
from spectra.xas.normalize import Normalize

FloatArray = NDArray[np.float64]

_STEPS = 60
_CLOSE = 1e-13


@dataclass(frozen=True, kw_only=True)
class OverAbsorption(Correction):
    """Undo the flattening of fluorescence spectra by the sample's own absorption.

    A slab of thickness d, the beam at φ and the detector at θ to its surface, emits
    I ∝ μₐ/(μₜ + gμ_f)·{1 − exp[−(μₜ + gμ_f)d/sin φ]}, g = sin φ/sin θ (Booth and Bridges, Phys.
    Scr. T115 (2005) 202, eq. 1). With x the absorption of the absorber over its edge step Δμ,
    A = (μ_rest + gμ_f)/Δμ and B = dΔμ/sin φ the normalised spectrum is N = F(x)/F(1),

        F(x) = x/(x + A)·{1 − exp[−(x + A)B]},

    which is solved for x at every point, exactly and not to first order in the fine structure,
    so XANES is served as well. An infinitely thick slab gives x = NA/(1 + A − N), the formula of
    Haskel's FLUO (D. Haskel, Argonne 1999) and of Larch's ``fluo_corr``. Coefficients are those
    of Elam, Ravel and Sieber by xraydb, taken at the edge (as FLUO does), or at each energy; Δμ
    is that of the absorber alone, where Larch takes the difference of the whole sample's.

    Spectra that are not normalised (quantity ``norm``) are so by `Normalize` first, flattened if
    coefficients are taken at each energy; the result is normalised. Uncertainties are propagated
    by dx/dN; those of composition, thickness and angles are not known here. Where N is more than
    the sample can emit at all, the point becomes NaN with a message: composition or normalisation
    are wrong there.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> energy = np.arange(5250.0, 6000.0, 1.0)
    >>> true = 1 / (1 + np.exp(-(energy - 5470) / 2)) + 0.3 * np.exp(-(((energy - 5490) / 5) ** 2))
    >>> weak = 1.2 * true / (1 + 0.2 * true)
    >>> stack = Stack.from_arrays(energy, weak, axis_name="energy", axis_unit="eV", quantity="norm")
    >>> corrected = OverAbsorption(formula="V2O5", element="V")(stack)
    >>> bool(corrected.signal.max() > stack.signal.max())
    True
    """

    name: ClassVar[str] = "xas.OverAbsorption"

    formula: str = setting("", "composition of the sample, such as V2O5")
    element: str = setting("", "absorber; empty takes that of the stack's metadata")
    edge: str = setting("", "edge, such as K; empty takes that of the metadata, or K")
    line: str = setting("", "family of fluorescence lines, such as Ka; empty takes the strongest")
    angle_in: float = setting(45.0, "between beam and surface", unit="deg", within="above 0 to 90")
    angle_out: float = setting(
        45.0, "between surface and detector", unit="deg", within="above 0 to 90"
    )
    thickness: float = setting(0.0, "of the slab; 0 is infinitely thick", unit="um")
    density: float = setting(1.0, "of the slab, needed with a thickness", unit="g/cm^3")
    coefficients: Literal["edge", "energies"] = setting(
        "edge", "absorption coefficients are those at the edge, or at each energy"
    )

    normalize: Normalize | Mapping[str, Any] = setting(  # noqa: RUF009 - a method is frozen
        Normalize(), "how spectra are normalised that are not: settings of xas.Normalize"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        with self.naming("normalize"):
            object.__setattr__(self, "normalize", Normalize.given(self.normalize))
        if not self.formula:
            raise SettingError(f"{self.name}: it needs formula=..., such as V2O5")
        for name in ("angle_in", "angle_out"):
            if not 0 < getattr(self, name) <= 90:
                raise SettingError(
                    f"{self.name}: {name} = {getattr(self, name)!r}; expected degrees above 0 to 90"
                )
        if self.thickness < 0 or not self.density > 0:
            raise SettingError(
                f"{self.name}: thickness = {self.thickness!r} um, density = {self.density!r} "
                "g/cm^3; expected 0 or more, and above 0"
            )
        if self.coefficients not in ("edge", "energies"):
            raise SettingError(
                f"{self.name}: coefficients = {self.coefficients!r}; expected edge or energies"
            )

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = load_spectra(stack, self.name)
        background, depth, facts = self._slab(full)
        if full.quantity != "norm":
            full = self._normalised(full)
        measured = np.asarray(full.signal)
        good = usable(full)[:, None]
        x, slope = solve_slab(measured, background, depth)
        corrected = replace(full, signal=np.where(good, x, measured))
        errors = errors_of(full)
        if errors is not None:
            corrected = with_errors(corrected, np.where(good, errors * slope, errors))
        lost = good & np.isnan(x) & np.isfinite(measured)
        counts = lost.sum(axis=1)
        nothing = good[:, 0] & (counts > 0) & ~np.isfinite(x).any(axis=1)
        what = "points are more than the sample can emit; check formula and normalisation"
        remarks = {i: f"{counts[i]} {what}" for i in np.flatnonzero(counts).tolist()}
        corrected = remark(corrected, {i: r for i, r in remarks.items() if not nothing[i]})
        corrected = remark(corrected, {i: r for i, r in remarks.items() if nothing[i]}, bad=True)
        return corrected, {**facts, "points_lost": int(lost.sum())}

    def _normalised(self, stack: Stack) -> Stack:
        """Spectra over their edge step; those that have none are bad."""
        assert isinstance(self.normalize, Normalize)
        results = self.normalize(stack)
        curves = flattened if self.coefficients == "energies" else normalized
        made = replace(curves(stack, results), status=stack.status, messages=stack.messages)
        failed = usable(stack) & (results.status != Status.OK)
        why = {
            i: results.messages[i] or Status(int(results.status[i])).label
            for i in np.flatnonzero(failed).tolist()
        }
        return remark(made, why, bad=True)

    def _slab(self, stack: Stack) -> tuple[FloatArray, FloatArray, dict[str, Any]]:
        """A and B of the slab (points,) or (1,), and what they come from."""
        edge_energy(stack, self.element, self.edge, self.name)
        element = self.element or str(stack.metadata["element"])
        edge = self.edge or str(stack.metadata.get("edge", "")) or "K"
        at = absorption_of(self.formula, element, edge, self.line, self.density, self.name)
        step, rest = np.array([at.step]), np.array([at.below])
        if self.coefficients == "energies":
            step, rest = absorption_at(self.formula, element, stack.x, at, self.density)
        sin_in = np.sin(np.radians(self.angle_in))
        g = sin_in / np.sin(np.radians(self.angle_out))
        depth = self.thickness * 1e-4 * step / sin_in if self.thickness else np.full(1, np.inf)
        facts = {
            "edge": at.edge,
            "line": at.line,
            "edge_step_per_cm": at.step,
            "below_edge_per_cm": at.below,
            "at_line_per_cm": at.at_line,
        }
        return (rest + g * at.at_line) / step, depth, facts


def emitted(x: FloatArray, background: FloatArray, depth: FloatArray) -> FloatArray:
    """F(x), the emission of a slab at the absorption x, over that of an endless edge.

    Parameters
    ----------
    x : array (frames, points)
        Absorption over the edge step.
    background, depth : array (points,) or (1,)
        A and B of `OverAbsorption`; an infinite B is an infinitely thick slab.
    """
    with np.errstate(over="ignore"):
        out: FloatArray = x / (x + background) * -np.expm1(-(x + background) * depth)
    return out


def solve_slab(
    norm: FloatArray, background: FloatArray, depth: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Solve F(x)/F(1) = N for x by Newton's method; give also dx/dN.

    Parameters
    ----------
    norm : array (frames, points)
        N.
    background, depth : array (points,) or (1,)
        A and B of `OverAbsorption`.

    Returns
    -------
    x, slope : array (frames, points)
        NaN where N is more than any absorption gives.
    """
    unit = emitted(np.ones(1), background, depth)
    target = norm * unit
    possible = np.isfinite(target) & (target < 1)
    aim = np.where(possible, target, unit)
    # The thick slab's answer lies below the root, and F is concave: no step passes it.
    x = aim * background / (1 - aim)
    for _ in range(_STEPS):
        step = (aim - emitted(x, background, depth)) / _rise(x, background, depth)
        x = np.maximum(x + step, -0.9 * background)
        if (np.abs(step) <= _CLOSE * (1 + np.abs(x))).all():
            break
    slope = unit / _rise(x, background, depth)
    return np.where(possible, x, np.nan), np.where(possible, slope, np.nan)


def _rise(x: FloatArray, background: FloatArray, depth: FloatArray) -> FloatArray:
    """dF/dx."""
    total = x + background
    endless = np.isinf(depth)
    b = np.where(endless, 0.0, depth)
    full = np.where(endless, 1.0, -np.expm1(-total * b))
    out: FloatArray = background / total**2 * full + x / total * b * np.exp(-total * b)
    return out
