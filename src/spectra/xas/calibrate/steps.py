"""`xas.RemoveSteps`: sudden changes of the monitor, found and levelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spectra.correction import Correction
from spectra.errors import SettingError, StackError
from spectra.fit.neighbours import expected_by_neighbours
from spectra.fit.patterns import Patterns, step_patterns
from spectra.settings import setting
from spectra.stack import Stack, Variable
from spectra.xas.calibrate.frames import (
    errors_of,
    load_spectra,
    remark,
    signal_of,
    usable,
    with_errors,
    with_signal,
)

FloatArray = NDArray[np.float64]
# Frame, point before the step, height and its standard uncertainty.
_Step = tuple[int, int, float, float]

_POINTS = 12
_AT_ONCE = 1 << 15


@dataclass(frozen=True, kw_only=True)
class RemoveSteps(Correction):
    """Find steps between neighbouring points and move all that follows back by their height.

    A step is judged like a spike of `xas.Deglitch`: beside a cubic through the twelve points
    around it must exceed `threshold` times the noise further around and `contrast` times what
    cubic and step together leave; so an absorption edge, which rises over several points, is no
    step. Steps closer than six points to an end are not looked for. With `neighbours` the
    spectrum expected by the frames before and after is subtracted first.

    The height of a step is known with its standard uncertainty only, which is recorded: all
    points behind it share that error. Adds the variable ``steps``, steps removed.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> energy = np.arange(5400.0, 5600.0, 0.5)
    >>> mu = 1 / (1 + np.exp(-(energy - 5465) / 2)) + np.random.default_rng(0).normal(0, 0.001, 400)
    >>> mu[300:] += 0.1
    >>> stack = Stack.from_arrays(energy, mu, axis_name="energy", axis_unit="eV", quantity="mu")
    >>> RemoveSteps()(stack).variables["steps"].values.tolist()
    [1.0]
    """

    name: ClassVar[str] = "xas.RemoveSteps"

    channel: str = setting("", "channel that is mended; empty mends the signal")
    acts: Literal["offset", "factor"] = setting(
        "offset",
        "what a jump of the monitor does: it adds to ln(I0/I1) in transmission, and multiplies "
        "a yield over I0",
    )
    threshold: float = setting(10.0, "times the noise that a step must exceed", within="3 or more")
    contrast: float = setting(
        6.0, "times what is left of the curve around beside it", within="2 or more"
    )
    most: int = setting(10, "steps removed from a spectrum at most", within="1 or more")
    neighbours: int = setting(
        0, "frames before and after that a spectrum is compared with; 0 takes it by itself"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.acts not in ("offset", "factor"):
            raise SettingError(f"{self.name}: acts = {self.acts!r}; expected offset or factor")
        if not self.threshold >= 3:
            raise SettingError(f"{self.name}: threshold = {self.threshold!r}; expected 3 or more")
        if not self.contrast >= 2:
            raise SettingError(f"{self.name}: contrast = {self.contrast!r}; expected 2 or more")
        if self.most < 1:
            raise SettingError(f"{self.name}: most = {self.most!r}; expected 1 or more")
        if self.neighbours < 0:
            raise SettingError(
                f"{self.name}: neighbours = {self.neighbours!r}; expected 0 or more frames"
            )

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = load_spectra(stack, self.name)
        if full.n_points < _POINTS:
            raise StackError(f"{self.name}: {full.n_points} points; expected {_POINTS} or more")
        measured = signal_of(full, self.channel)
        spectra = _logarithm(measured) if self.acts == "factor" else measured
        good = usable(full)
        rest = spectra - expected_by_neighbours(spectra, good, self.neighbours)
        pattern = step_patterns(full.x, _POINTS)
        level = np.zeros(spectra.shape)
        changed: list[_Step] = []
        size = max(1, _AT_ONCE // full.n_points)
        for start in range(0, full.n_frames, size):
            rows = np.arange(start, min(start + size, full.n_frames))
            rows = rows[good[rows]]
            level[rows], found = self._levels(rest[rows], pattern)
            changed += [(int(rows[i]), place, height, error) for i, place, height, error in found]
        return self._levelled(full, measured, level, sorted(changed))

    def _levels(self, spectra: FloatArray, pattern: Patterns) -> tuple[FloatArray, list[_Step]]:
        """Sum of the steps up to each point, and (frame, place, height, stderr) of each."""
        level, found = np.zeros(spectra.shape), []
        active = np.arange(len(spectra))
        behind = np.arange(spectra.shape[1])
        for _ in range(self.most):
            judged = pattern.judge(spectra[active] - level[active])
            out = judged.stands_out(self.threshold, self.contrast)
            rows = np.flatnonzero(out.any(axis=1))
            if rows.size == 0:
                break
            place = np.argmax(np.where(out, judged.strength, 0.0)[rows], axis=1)
            height, unit = pattern.coefficients(judged.forms[rows, place], place)
            stderr = unit[:, 0] * np.maximum(judged.noise, judged.typical)[rows, place]
            active = active[rows]
            level[active] += height * (behind > place[:, None])
            found += list(
                zip(
                    active.tolist(),
                    place.tolist(),
                    height[:, 0].tolist(),
                    stderr.tolist(),
                    strict=True,
                )
            )
        return level, found

    def _levelled(
        self,
        stack: Stack,
        measured: FloatArray,
        level: FloatArray,
        changed: list[_Step],
    ) -> tuple[Stack, Mapping[str, Any]]:
        factor = self.acts == "factor"
        new = measured / np.exp(level) if factor else measured - level
        corrected = with_signal(stack, self.channel, np.where(level == 0, measured, new))
        if not self.channel and changed:
            # Levelled counts are no counts any longer; their uncertainties stay what they were.
            errors = errors_of(stack)
            if errors is not None and factor:
                errors = errors / np.exp(level)
            corrected = with_errors(corrected, errors)
        counts = np.bincount([c[0] for c in changed], minlength=stack.n_frames)
        middles = (stack.x[1:] + stack.x[:-1]) / 2
        what = f" of {self.channel}" if self.channel else ""
        first = {frame: middles[place] for frame, place, *_ in reversed(changed)}
        remarks = {
            frame: f"{counts[frame]} step{'s' if counts[frame] > 1 else ''}{what} removed, "
            f"the first at {energy:.2f} eV"
            for frame, energy in first.items()
        }
        record = [
            {
                "frame": frame,
                "energy": float(middles[place]),
                "height": float(np.exp(height)) if factor else height,
                "stderr": float(np.exp(height)) * stderr if factor else stderr,
            }
            for frame, place, height, stderr in changed
        ]
        counted = Variable(counts.astype(float), "", "steps removed")
        return remark(corrected, remarks).with_variables(steps=counted), {"changed": record}


def _logarithm(spectra: FloatArray) -> FloatArray:
    return np.log(np.where(spectra > 0, spectra, np.nan))
