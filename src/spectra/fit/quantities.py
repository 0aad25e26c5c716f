"""What a fitted window says of its peaks: values and intervals, to second order in the noise.

An estimate of maximum likelihood and its standard uncertainty s are not independent: a peak of
few counts that comes out narrow by chance also claims to be well known. With the estimate's own
bias this gives the pull (estimate − truth)/s a mean m of the order n^−½ for n counts, and the
interval estimate ± s misses the truth on one side more often than on the other. So the interval
is moved by −m·s. By the expansion of Cornish and Fisher the quantiles of the pull are
m + z + (z² − 1)·skewness/6: at z = ±1 the skewness drops out, and value ± s is then the central
68 % confidence interval up to terms of the order 1/n (P. Hall, The Bootstrap and Edgeworth
Expansion (1992), ch. 2; N. J. Johnson, J. Am. Stat. Assoc. 73 (1978) 536 for the mean of a
sample). For N counts, whose likelihood is largest at N, it is (N + ½) ± √N.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.breadths import fwhm_and_gradient
from spectra.fit.cutting import Windows
from spectra.fit.losses import Counts
from spectra.fit.model import Model
from spectra.fit.objective import SpectraObjective
from spectra.fit.uncertainty import propagate

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

NAMES = ("center", "area", "fwhm", "height", "background")

# Relative uncertainties of area and fwhm below which the move is at most some 2 % of s.
_SHARP = 0.02
# Where the second order is larger than this the third is not small either.
_LARGEST = 0.3
# Steps of the differences that stand for derivatives, in standard uncertainties.
_STEP = 0.02


@dataclass(frozen=True)
class Quantities:
    """Values and standard uncertainties of `NAMES`, arrays (rows, K, quantities).

    Attributes
    ----------
    value : array
        At the fitted parameters.
    stderr : array
        For the weights used, not scaled by χ²; NaN where not determined.
    move : array
        From the value to the middle of its central 68 % interval. Where the covariance is
        scaled by a factor, so is this.
    """

    value: FloatArray
    stderr: FloatArray
    move: FloatArray

    @classmethod
    def of(cls, model: Model, windows: Windows, theta: FloatArray, cov: FloatArray) -> Quantities:
        """Evaluate fitted parameters, without any move (see `moves`).

        Backgrounds are those at the fitted centres, taken as places without uncertainty.
        """
        # What was held (a weak peak's shape, or one at its natural bound) has no variance.
        known = np.where(np.isfinite(cov), cov, 0.0)
        value = _values(model, windows, theta, theta)
        gradient = _gradients(model, windows, theta)
        stderr = np.sqrt(propagate(gradient, known[:, None, None]))
        first = np.array([model.first_parameter(k) for k in range(len(model.peaks))])
        variance = np.einsum("rii->ri", cov)
        for q in range(2):
            stderr[:, :, q] = np.sqrt(variance[:, first + q])
        return cls(value, stderr, np.zeros_like(value))

    def blurred(self, present: BoolArray) -> BoolArray:
        """Windows (rows,) in which the noise moves more of `present` (rows, K) than can be left."""
        unsure = self.stderr[:, :, 1:3] > _SHARP * self.value[:, :, 1:3]
        return np.asarray((unsure & present[:, :, None]).any(axis=(1, 2)))


def moves(
    objective: SpectraObjective,
    model: Model,
    windows: Windows,
    theta: FloatArray,
    cov: FloatArray,
) -> FloatArray:
    """Ways from values to the middles of their central 68 % intervals.

    Parameters
    ----------
    objective : SpectraObjective
        With the loss that was minimised.
    model : Model
        Peaks of one profile.
    windows : Windows
    theta : array (rows, P)
    cov : array (rows, P, P)
        NaN for what is not determined.

    Returns
    -------
    array (rows, K, quantities)
        Zero where the uncertainty is not known.
    """
    told = Quantities.of(model, windows, theta, cov)
    gradient = _gradients(model, windows, theta)
    about = _Neighbourhood(objective, model, windows, theta, np.where(np.isfinite(cov), cov, 0.0))
    move = -told.stderr * about.pull_means(gradient, told.stderr)
    return np.where(np.isfinite(move), move, 0.0)


@dataclass(frozen=True)
class _Neighbourhood:
    """Curves about fitted parameters, with the curvature of model and information."""

    objective: SpectraObjective
    model: Model
    windows: Windows
    theta: FloatArray
    cov: FloatArray

    def pull_means(self, gradient: FloatArray, stderr: FloatArray) -> FloatArray:
        """Give the mean of the pulls to the order n^−½ (rows, K, quantities).

        For a quantity φ with gradient b and variance s² = bᵀCb let u = C·b/s be the step along
        which it changes by s, f the model, f₁ = uᵀ∂f and f₂ = uᵀ∂²f·u its change along u to
        first and second order, and tr(C·∂²f) what noise adds to it on the mean. The bias of φ is
        −½·s·Σ ω·f₁·tr(C·∂²f) + ½·tr(C·∂²φ) (M. J. Box, J. R. Stat. Soc. B 33 (1971) 171; the
        formula of D. R. Cox and E. J. Snell, ibid. 30 (1968) 248, gives the same for counts),
        and the change of s along u makes

            m = Σ ω·f₁·[f₂ − ½·tr(C·∂²f) − ½·κ·ω·f₁²] + [½·tr(C·∂²φ) − uᵀ∂²φ·u]/s,

        with κ = 1 for counts, whose information ω = 1/f follows the curve, and 0 for weights
        that do not.
        """
        curve = self.objective.value(self.theta)
        o = self.objective
        _, omega = o.loss.cost_and_information(curve, o.y[o.rows], o.weight[o.rows])
        follows = np.zeros_like(omega)
        if isinstance(o.loss, Counts):
            follows = np.where(curve > o.loss.floor, omega, 0.0)
        bend, value_bend = self._trace(curve)
        spread = np.matmul(self.cov[:, None, None], gradient[..., None])[..., 0]
        means = np.zeros(stderr.shape)
        here = _values(self.model, self.windows, self.theta, self.theta)
        for k in range(stderr.shape[1]):
            for q in range(stderr.shape[2]):
                s = stderr[:, k, q]
                usable = np.isfinite(s) & (s > 0)
                safe = np.where(usable, s, 1.0)
                step = np.where(usable[:, None], spread[:, k, q] / safe[:, None], 0.0)
                slope, second, bent = self._along(step, curve, here)
                inner = second - 0.5 * bend - 0.5 * follows * slope**2
                mean = (omega * slope * inner).sum(axis=1)
                mean += (0.5 * value_bend[:, k, q] - bent[:, k, q]) / safe
                means[:, k, q] = np.where(usable, mean, 0.0)
        return np.clip(means, -_LARGEST, _LARGEST)

    def _along(
        self, step: FloatArray, curve: FloatArray, here: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """First and second derivative of the curve along a step, and second of the values."""
        up, down = self.theta + _STEP * step, self.theta - _STEP * step
        above, below = self.objective.value(up), self.objective.value(down)
        slope = (above - below) / (2.0 * _STEP)
        second = (above + below - 2.0 * curve) / _STEP**2
        values = _values(self.model, self.windows, up, self.theta)
        values += _values(self.model, self.windows, down, self.theta)
        return slope, second, (values - 2.0 * here) / _STEP**2

    def _trace(self, curve: FloatArray) -> tuple[FloatArray, FloatArray]:
        """tr(C·∂²) of the curve (rows, points) and of the values (rows, K, quantities).

        No second derivative mixes peaks, so blocks of C will do, all peaks' at once.
        """
        n_peaks = len(self.model.peaks)
        width = self.model.background_slice.start // n_peaks
        block = np.arange(n_peaks)[:, None] * width + np.arange(width)
        cov = self.cov[:, block[:, :, None], block[:, None, :]]
        scale = np.sqrt(np.einsum("rkii->rki", cov))
        safe = np.where(scale > 0, scale, 1.0)
        strength, axes = np.linalg.eigh(cov / safe[..., :, None] / safe[..., None, :])
        root = axes * np.sqrt(np.maximum(strength, 0.0))[..., None, :] * scale[..., None]
        here = _values(self.model, self.windows, self.theta, self.theta)
        bend, bent = np.zeros_like(curve), np.zeros_like(here)
        for j in range(width):
            step = np.zeros_like(self.theta)
            step[:, block.ravel()] = root[..., j].reshape(len(step), -1)
            _, second, values = self._along(step, curve, here)
            bend += second
            bent += values
        return bend, bent


def _values(model: Model, windows: Windows, theta: FloatArray, place: FloatArray) -> FloatArray:
    """`NAMES` of all peaks (rows, K, quantities), the background at the centres in `place`."""
    out = np.empty((len(theta), len(model.peaks), len(NAMES)))
    for k, (_, profile) in enumerate(model.peaks):
        first = model.first_parameter(k)
        center, area, *shape = theta[:, first : first + 2 + len(profile.shape_names)].T
        out[:, k, 0], out[:, k, 1] = center, area
        out[:, k, 2] = fwhm_and_gradient(profile, *shape)[0]
        out[:, k, 3] = area * profile.peak_height_and_gradient(*shape)[0]
        powers = _powers(windows, place[:, first], model.degree)
        out[:, k, 4] = (theta[:, model.background_slice] * powers).sum(axis=1)
    return out


def _gradients(model: Model, windows: Windows, theta: FloatArray) -> FloatArray:
    """Derivatives of `_values` by the parameters (rows, K, quantities, P)."""
    out = np.zeros((len(theta), len(model.peaks), len(NAMES), model.n_parameters))
    for k, (_, profile) in enumerate(model.peaks):
        first = model.first_parameter(k)
        last = first + 2 + len(profile.shape_names)
        center, area, *shape = theta[:, first:last].T
        out[:, k, 0, first] = 1.0
        out[:, k, 1, first + 1] = 1.0
        out[:, k, 2, first + 2 : last] = np.stack(
            [np.broadcast_to(s, area.shape) for s in fwhm_and_gradient(profile, *shape)[1]], axis=1
        )
        top, slopes = profile.peak_height_and_gradient(*shape)
        out[:, k, 3, first + 1] = top
        out[:, k, 3, first + 2 : last] = np.stack([area * s for s in slopes], axis=1)
        out[:, k, 4, model.background_slice] = _powers(windows, center, model.degree)
    return out


def _powers(windows: Windows, x: FloatArray, degree: int) -> FloatArray:
    """Powers of the background's variable u at one x of each window (rows, degree + 1)."""
    middle = 0.5 * (windows.low + windows.high)
    half = 0.5 * (windows.high - windows.low)
    u = (x - middle) / np.maximum(half, np.finfo(float).tiny)
    return np.asarray(u[:, None] ** np.arange(degree + 1))
