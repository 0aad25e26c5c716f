"""`xas.Align`: bring spectra whose energies wander onto one axis, by a foil or a standard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from spectra.correction import Correction
from spectra.errors import SettingError, StackError
from spectra.fit.interpolate import interpolate_errors, shift_rows
from spectra.settings import A_FILE, setting
from spectra.stack import Stack, Variable
from spectra.xas.calibrate.frames import (
    edge_energy,
    errors_of,
    load_spectra,
    remark,
    signal_of,
    typical_spectrum,
    usable,
    with_errors,
)
from spectra.xas.calibrate.inflection import steepest_points
from spectra.xas.calibrate.shifts import Shifts, fit_shifts
from spectra.xas.calibrate.standard import Standard

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_ROUNDS = 10
_CLOSE = 1e-5
_ODD = 5.0
_FEWEST = 8


@dataclass(frozen=True, kw_only=True)
class Align(Correction):
    """Shift the energies of each spectrum so that all agree on those of a reference.

    The reference channel r of a frame is fitted by least squares as b·T(E + s) plus a
    polynomial, T a cubic spline through the template; the shift s is what must be added to the
    energies of the frame. Signal and channels are then read off at E − s by the polynomial
    through the four points around, as `spectra.fit.interpolate` does; nothing is extrapolated,
    and points outside of what was measured are NaN.

    The standard uncertainty of s follows from the residuals, whose correlation between
    neighbouring points is taken along, or from given uncertainties of the signal where that is
    aligned itself. Shifts against the mean of the sequence average to zero. Shifts against
    another spectrum carry what the two differ in besides their energies (resolution, thickness):
    no uncertainty tells of that. A frame whose reference cannot be aligned keeps its data and is
    marked ``bad_input``.

    Adds the variable ``energy_shift`` (eV).

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> energy = np.arange(5400.0, 5600.0, 0.5)
    >>> foil = [0.5 + np.arctan((energy - e0) / 1.5) / np.pi for e0 in (5465.0, 5465.3)]
    >>> stack = Stack.from_arrays(energy, foil, axis_name="energy", axis_unit="eV", quantity="mu")
    >>> aligned = Align(channel="", to="first")(stack)
    >>> aligned.variables["energy_shift"].values.round(2).tolist()
    [0.0, -0.3]
    """

    name: ClassVar[str] = "xas.Align"

    channel: str = setting("reference", "channel of the foil; empty aligns the signal itself")
    to: Literal["mean", "first", "standard", "tabulated"] = setting(
        "mean",
        "what to align to: the mean of the sequence, its first frame, the standard given, or the "
        "tabulated energy of the edge, at which the reference then rises most steeply",
    )
    standard: Standard | None = setting(  # noqa: RUF009 - a standard is frozen
        None,
        "spectrum to align to: a file, a Stack, or two lists of energies and absorption",
        files=A_FILE,
    )
    element: str = setting("", "element of the foil; empty takes that of the stack's metadata")
    edge: str = setting("", "edge of the foil, such as K; empty takes that of the metadata, or K")
    window: tuple[float, float] = setting(
        (-30.0, 60.0), "part of the reference that is compared, around its edge", unit="eV"
    )
    background: int = setting(
        1, "degree of the polynomial beside the template; 0 is an offset", within="0 to 3"
    )
    max_shift: float = setting(5.0, "largest shift looked for", unit="eV", within="above 0")

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.standard is None) == (self.to == "standard"):
            raise SettingError(
                f'{self.name}: standard=... and to="standard" go together; give both or neither'
            )
        if not self.window[0] < self.window[1]:
            raise SettingError(
                f"{self.name}: window = {self.window!r}; expected two rising energies in eV"
            )
        if not 0 <= self.background <= 3:
            raise SettingError(f"{self.name}: background = {self.background!r}; expected 0 to 3")
        if not self.max_shift > 0:
            raise SettingError(f"{self.name}: max_shift = {self.max_shift!r}; expected eV above 0")

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = load_spectra(stack, self.name)
        spectra = signal_of(full, self.channel)
        at_edge = self._edge(full, spectra)
        shift, stderr, remarks = self._shifts(full, spectra, at_edge)
        for frame in np.flatnonzero(usable(full) & ~np.isfinite(shift)).tolist():
            remarks.setdefault(
                frame, f"{self._what} cannot be aligned within {self.max_shift:g} eV"
            )
        moved = _moved(full, np.nan_to_num(shift))
        if self.standard is not None:
            moved = replace(moved, inputs=(*moved.inputs, *self.standard.load()[2]))
        moved = moved.with_variables(energy_shift=Variable(shift, "eV", "energy shift", stderr))
        known = np.isfinite(shift)
        return remark(moved, remarks, bad=True), {
            "edge": at_edge,
            "frames": int(known.sum()),
            "mean_shift": float(shift[known].mean()) if known.any() else None,
            "largest_shift": float(np.abs(shift[known]).max()) if known.any() else None,
        }

    @property
    def _what(self) -> str:
        return f"channel {self.channel!r}" if self.channel else "the signal"

    def _edge(self, stack: Stack, spectra: FloatArray) -> float:
        """Energy of the reference's edge, around which the window stands."""
        if self.element or self.to == "tabulated":
            return edge_energy(stack, self.element, self.edge, self.name)
        x, typical = typical_spectrum(stack, spectra)
        if x.size == 0:
            raise StackError(
                f"{self.name}: {self._what} holds numbers in no usable frame; check the channel"
            )
        found = steepest_points(x, typical[None], low=x[0], high=x[-1], half_width=2.0)[0][0]
        if not np.isfinite(found):
            raise StackError(
                f"{self.name}: {self._what} has no edge from {x[0]:g} to {x[-1]:g} eV; "
                'check the channel, or name the edge with element="Ni"'
            )
        return float(found)

    def _shifts(
        self, stack: Stack, spectra: FloatArray, at_edge: float
    ) -> tuple[FloatArray, FloatArray, dict[int, str]]:
        """Shift and uncertainty of each frame, and what is wrong with some."""
        shift = np.full(len(spectra), np.nan)
        stderr = shift.copy()
        low, high = at_edge + self.window[0], at_edge + self.window[1]
        part = self._part(stack.x, low, high)
        whole = np.asarray(np.isfinite(spectra[:, part]).all(axis=1))
        level = np.where(whole[:, None], spectra[:, part], 0.0)
        flat = np.asarray(whole & (np.ptp(level, axis=1) == 0))
        good = np.asarray(usable(stack) & whole & ~flat)
        remarks = {
            i: f"{self._what} "
            + ("is constant" if flat[i] else f"lacks points from {low:g} to {high:g} eV")
            for i in np.flatnonzero(usable(stack) & ~good).tolist()
        }
        if good.any():
            errors = errors_of(stack, self.channel)
            chosen = None if errors is None else errors[good]
            found = self._aligned(stack.x, spectra[good], chosen, part, at_edge)
            shift[good], stderr[good] = found
        return shift, stderr, remarks

    def _part(self, x: FloatArray, low: float, high: float) -> slice:
        """Points of the window."""
        inside = np.flatnonzero((x >= low) & (x <= high))
        if inside.size < _FEWEST:
            raise StackError(
                f"{self.name}: {inside.size} points from {low:g} to {high:g} eV, where the edge "
                f"of {self._what} should be; the axis runs from {x[0]:g} to {x[-1]:g} eV; "
                "check element, edge and window"
            )
        return slice(int(inside[0]), int(inside[-1]) + 1)

    def _aligned(
        self,
        x: FloatArray,
        spectra: FloatArray,
        errors: FloatArray | None,
        part: slice,
        at_edge: float,
    ) -> tuple[FloatArray, FloatArray]:
        if self.to == "tabulated":
            at, stderr = steepest_points(
                x,
                spectra,
                low=max(x[part][0], at_edge - self.max_shift),
                high=min(x[part][-1], at_edge + self.max_shift),
                half_width=2.0,
            )
            return at_edge - at, stderr
        task = _Task(self, x, spectra, errors, part)
        if self.to == "mean":
            return task.to_mean()
        if self.to == "first":
            return task.to_first()
        assert self.standard is not None
        return task.to_standard(*self.standard.load()[:2])


@dataclass(frozen=True)
class _Task:
    """Usable frames, the points compared, and the settings."""

    settings: Align
    x: FloatArray
    spectra: FloatArray
    errors: FloatArray | None
    part: slice

    def to_mean(self) -> tuple[FloatArray, FloatArray]:
        """Against the mean of the frames, which gets sharper as they are aligned."""
        n = len(self.spectra)
        start: FloatArray | None = None
        shift, template, keep = np.zeros(n), self.spectra.mean(axis=0), np.ones(n, bool)
        found: Shifts | None = None
        for _ in range(_ROUNDS):
            found = self._fit(self.x, template, self._noise_against_mean(), start)
            keep = np.isfinite(found.shift)
            if not keep.any():
                break
            odd = found.misfit > _ODD * np.median(found.misfit[keep])
            keep &= ~odd
            before, shift = shift, found.shift - found.shift[keep].mean()
            start = shift
            if np.nanmax(np.abs(shift - before)) < _CLOSE:
                break
            template = self._mean(shift[keep], found, keep)
        assert found is not None
        return shift if keep.any() else found.shift, found.stderr

    def to_first(self) -> tuple[FloatArray, FloatArray]:
        """Against the first frame, whose own shift is zero by definition."""
        noise = None
        if self.errors is not None:
            noise = np.sqrt(self.errors**2 + self.errors[:1] ** 2)[:, self.part]
        found = self._fit(self.x, self.spectra[0], noise)
        shift, stderr = found.shift.copy(), found.stderr.copy()
        shift[0], stderr[0] = 0.0, 0.0
        return shift, stderr

    def to_standard(self, energy: FloatArray, mu: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Against a spectrum given, taken as free of noise unless residuals tell the noise."""
        noise = None if self.errors is None else self.errors[:, self.part]
        found = self._fit(energy, mu, noise)
        return found.shift, found.stderr

    def _noise_against_mean(self) -> FloatArray | None:
        """Standard uncertainties of a spectrum less the mean that it is part of."""
        if self.errors is None:
            return None
        n, square = len(self.errors), self.errors[:, self.part] ** 2
        return np.asarray(np.sqrt(square * (1 - 2 / n) + square.mean(axis=0) / n))

    def _fit(
        self,
        energy: FloatArray,
        template: FloatArray,
        noise: FloatArray | None,
        start: FloatArray | None = None,
    ) -> Shifts:
        bound = self.settings.max_shift
        known = np.isfinite(template)
        spline = CubicSpline(energy[known], template[known])
        low, high = spline.x[0] + bound, spline.x[-1] - bound
        inside = (self.x[self.part] >= low) & (self.x[self.part] <= high)
        if inside.sum() < _FEWEST:
            raise StackError(
                f"{self.settings.name}: the template runs from {spline.x[0]:g} to "
                f"{spline.x[-1]:g} eV and shares {inside.sum()} points of the window with shifts "
                f"up to {bound:g} eV; widen the window or lower max_shift"
            )
        return fit_shifts(
            self.x[self.part][inside],
            self.spectra[:, self.part][:, inside],
            spline,
            degree=self.settings.background,
            bound=bound,
            errors=None if noise is None else noise[:, inside],
            start=start,
        )

    def _mean(self, shift: FloatArray, found: Shifts, keep: BoolArray) -> FloatArray:
        """Mean of the aligned frames on a common scale; NaN where one of them ends."""
        scale = found.scale[keep, None] / found.scale[keep].mean()
        window, room = self.x[self.part], self.settings.max_shift
        near = self._around(window[0] - room, window[-1] + room)
        # What is shifted to the ends of that comes from beyond them.
        wide = self._around(window[0] - 2 * room, window[-1] + 2 * room, beyond=2)
        rows = self.spectra[keep, wide] / scale
        aligned = shift_rows(self.x[wide], [rows], shift)[0]
        inside = slice(near.start - wide.start, near.stop - wide.start)
        template = np.full(self.x.shape, np.nan)
        # The mean over whatever there is would have a step where a frame ends.
        template[near] = aligned[:, inside].mean(axis=0)
        return template

    def _around(self, low: float, high: float, beyond: int = 0) -> slice:
        """Points that two energies lie within, and some more on either side."""
        first = int(np.searchsorted(self.x, low, side="right")) - 1 - beyond
        last = int(np.searchsorted(self.x, high)) + 1 + beyond
        return slice(max(first, 0), min(last, len(self.x)))


def _moved(stack: Stack, shift: FloatArray) -> Stack:
    """The stack with the signals of each frame shifted by so much; no shift keeps every bit."""
    rows = [np.asarray(s, dtype=float) for s in (stack.signal, *stack.channels.values())]
    signals = shift_rows(stack.x, rows, shift)
    channels = dict(zip(stack.channels, signals[1:], strict=True))
    errors = errors_of(stack)
    moved = replace(stack, signal=signals[0], errors=None, noise="unknown", channels=channels)
    if errors is not None:
        frames, errors = np.flatnonzero(shift != 0), errors.copy()
        errors[frames] = interpolate_errors(stack.x, errors[frames], stack.x - shift[frames, None])
    return with_errors(moved, errors)
