"""Calibration curves: from what an edge shows to the valence, with the standards' uncertainty.

Every curve runs through standards, each known by an indicator I and a valence v, both uncertain.
The valence of a sample is v = g(I); its variance is the sum of what the sample's own I adds,
(∂g/∂I)²·u²(I), and of what all standards add, Σ (∂g/∂Iᵢ)²·u²(Iᵢ) + (∂g/∂vᵢ)²·u²(vᵢ). The second
part is common to all samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.fit.errors_in_both import FittedLine, fit_line
from spectra.fit.uncertainty import misfit_scale

FloatArray = NDArray[np.float64]

# Relative steps by which standards are moved to see what they do to a curve.
_STEP = 1e-4


@dataclass(frozen=True)
class Standard:
    """What is known of a standard: its valence and the indicator measured on it."""

    name: str
    valence: float
    valence_stderr: float
    value: float
    stderr: float


@dataclass(frozen=True)
class Read:
    """Valences of frames.

    Attributes
    ----------
    valence : array (frames,)
    own : array (frames,)
        Standard uncertainty from that of the frame's own indicator.
    shares : array (frames, K)
        What each of K independent deviations of the standards, one standard uncertainty large,
        does to the valence.
    """

    valence: FloatArray
    own: FloatArray
    shares: FloatArray

    @property
    def common(self) -> FloatArray:
        """Standard uncertainty (frames,) from all standards."""
        return np.asarray(np.sqrt(np.square(self.shares).sum(axis=1)))


class Calibration(ABC):
    """A curve through standards that gives a valence for each value of the indicator."""

    chi2: float = 0.0
    dof: int = 0
    fewest = 2

    def __init__(self, standards: list[Standard]) -> None:
        if len(standards) < self.fewest:
            raise SettingError(f"a calibration needs {self.fewest} standards or more")
        for s in standards:
            if not np.isfinite((s.valence, s.valence_stderr, s.value, s.stderr)).all():
                raise SettingError(f"the standard {s.name!r} is not known in numbers: {s}")
        if len({s.valence for s in standards}) < 2:
            raise SettingError("all standards have the same valence; two differing ones are needed")
        order = np.argsort([s.value for s in standards], kind="stable")
        self.standards = [standards[i] for i in order]
        self.value = np.array([s.value for s in self.standards])
        self.stderr = np.array([s.stderr for s in self.standards])
        self.valence = np.array([s.valence for s in self.standards])
        self.valence_stderr = np.array([s.valence_stderr for s in self.standards])

    @property
    @abstractmethod
    def n_shares(self) -> int:
        """Number K of independent deviations of the standards."""

    @abstractmethod
    def read(self, value: FloatArray, stderr: FloatArray) -> Read:
        """Valences of samples from their indicators (frames,); NaN where the curve ends."""

    def beyond(self, valence: FloatArray) -> FloatArray:
        """How far valences lie outside those of the standards (frames,); 0 within."""
        outside = np.maximum(self.valence.min() - valence, valence - self.valence.max())
        return np.asarray(np.maximum(outside, 0.0))


class Line(Calibration):
    """A straight line, errors of both coordinates weighed; it may be drawn on beyond."""

    def __init__(self, standards: list[Standard]) -> None:
        super().__init__(standards)
        if np.ptp(self.value) == 0:
            raise SettingError("all standards have the same indicator: it tells no valence")
        self.line: FittedLine = fit_line(self.value, self.valence, self.stderr, self.valence_stderr)
        self.chi2, self.dof = self.line.chi2, self.line.dof
        scale = misfit_scale(np.array(self.chi2), np.array(self.dof), absolute=True)
        size, axes = np.linalg.eigh(self.line.cov * float(scale))
        # C = R·Rᵀ; without errors it is zero, which has no Cholesky factor.
        self.root = axes * np.sqrt(np.maximum(size, 0.0))

    @property
    def n_shares(self) -> int:
        return 2

    def read(self, value: FloatArray, stderr: FloatArray) -> Read:
        shares = self.root[0] + value[:, None] * self.root[1]
        valence = self.line.intercept + self.line.slope * value
        return Read(valence, np.abs(self.line.slope) * stderr, shares)


class _Through(Calibration):
    """A curve that goes through every standard and ends at the outermost."""

    def __init__(self, standards: list[Standard]) -> None:
        super().__init__(standards)
        up = np.diff(self.valence)
        if (np.diff(self.value) <= 0).any() or not ((up > 0).all() or (up < 0).all()):
            told = ", ".join(f"{s.name} ({s.value:.4g}: {s.valence:g})" for s in self.standards)
            raise SettingError(
                f"the indicator does not go one way with the valence of the standards: {told}; "
                "take a line, another indicator, or leave a standard out"
            )

    @abstractmethod
    def _curve(self, value: FloatArray, at: FloatArray, valence: FloatArray) -> FloatArray:
        """Valences at some values of a curve through the points (at, valence)."""

    @property
    def n_shares(self) -> int:
        return 2 * len(self.standards)

    def read(self, value: FloatArray, stderr: FloatArray) -> Read:
        inside = (value >= self.value[0]) & (value <= self.value[-1])
        safe = np.where(inside, value, self.value[0])
        step = _STEP * np.diff(self.value).min()
        low = np.maximum(safe - step, self.value[0])
        high = np.minimum(safe + step, self.value[-1])
        where = np.concatenate([safe, high, low])
        valence, above, below = np.split(self._curve(where, self.value, self.valence), 3)
        slope = (above - below) / (high - low)
        shares = np.zeros((len(safe), self.n_shares))
        for i, (at, up) in enumerate(zip(self.stderr, self.valence_stderr, strict=True)):
            if at:
                shares[:, 2 * i] = self._moved(safe, i, step, 0.0) / step * at
            if up:
                shares[:, 2 * i + 1] = self._moved(safe, i, 0.0, _STEP) / _STEP * up
        nothing = np.where(inside, 0.0, np.nan)
        own = np.abs(slope) * stderr
        return Read(valence + nothing, own + nothing, shares + nothing[:, None])

    def _moved(self, value: FloatArray, i: int, at: float, valence: float) -> FloatArray:
        """Half the change of the curve as one standard moves to and fro."""
        one = np.eye(len(self.standards))[i]
        there = self._curve(value, self.value + at * one, self.valence + valence * one)
        back = self._curve(value, self.value - at * one, self.valence - valence * one)
        return 0.5 * (there - back)


class Monotone(_Through):
    """A smooth monotone curve through the standards.

    Piecewise cubic Hermite interpolation: F. N. Fritsch and J. Butland, SIAM J. Sci. Stat.
    Comput. 5 (1984) 300, doi:10.1137/0905021.
    """

    fewest = 3

    def _curve(self, value: FloatArray, at: FloatArray, valence: FloatArray) -> FloatArray:
        from scipy.interpolate import PchipInterpolator

        return np.asarray(PchipInterpolator(at, valence, extrapolate=True)(value))


class Segments(_Through):
    """Straight pieces from standard to standard: no shape is assumed."""

    def _curve(self, value: FloatArray, at: FloatArray, valence: FloatArray) -> FloatArray:
        piece = np.clip(np.searchsorted(self.value, value, side="right") - 1, 0, len(at) - 2)
        share = (value - at[piece]) / (at[piece + 1] - at[piece])
        return np.asarray(valence[piece] + share * (valence[piece + 1] - valence[piece]))


CURVES: dict[str, type[Calibration]] = {"line": Line, "monotone": Monotone, "segments": Segments}
