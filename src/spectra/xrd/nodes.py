"""The coarse pass: find and fit the peaks of a few frames spread over the sequence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.breadths import fwhm_of
from spectra.fit.find import FoundPeaks, find_peaks
from spectra.fit.model import Points
from spectra.fit.windows import WindowFit, WindowFitter
from spectra.xrd.follow import NodePeaks
from spectra.xrd.groups import Expectation, Grouping
from spectra.xrd.plan import FREE_SHAPE_SIGNIFICANCE, alpha2_distance
from spectra.xrd.samples import NodeData

FloatArray = NDArray[np.float64]

# Misfit of a profile that a strong peak may show without its being taken for another peak,
# as a fraction of its fitted intensity above the background, and the least share of a neighbour's
# area that a peak found in its flank must have.
_PROFILE_MISFIT = 0.05
_LEAST_SHARE = 0.08


@dataclass(frozen=True)
class NodeFitter:
    """Find and fit the peaks of one node.

    Parameters
    ----------
    fitter : WindowFitter
    grouping : Grouping
    threshold : float
        Smallest significance of a peak.
    fwhm_max : float, optional
    wavelength_ratio : float
        λ(Kα2)/λ(Kα1), or 1.
    shape : array (further shape parameters,)
        Where shapes start.
    """

    fitter: WindowFitter
    grouping: Grouping
    threshold: float
    fwhm_max: float | None
    wavelength_ratio: float
    shape: FloatArray

    def fit(self, x: FloatArray, node: NodeData) -> NodePeaks:
        """Find peaks, fit them, look again with the widths so learnt, and in the residual."""
        found = self._find(x, node.y, node.sigma, None)
        peaks = self._fit(x, node, found.position, found.fwhm, found.significance)[0]
        strong = peaks.significance > 2.0 * self.threshold
        if np.count_nonzero(strong) >= 3:
            trend = width_trend(x, peaks.center[strong], peaks.fwhm[strong])
            found = self._find(x, node.y, node.sigma, trend)
            width = np.interp(found.position, x, trend)
            peaks = self._fit(x, node, found.position, width, found.significance)[0]
        peaks, model, lines = self._fit(x, node, peaks.center, peaks.fwhm, peaks.significance)
        if len(peaks.center) == 0:
            return peaks
        residual = node.y - model
        sigma = np.hypot(node.sigma, _PROFILE_MISFIT * lines)
        trend = width_trend(x, peaks.center, peaks.fwhm)
        extra = self._beside(self._find(x, residual, sigma, trend), peaks)
        if len(extra):
            centers = np.concatenate([peaks.center, extra.position])
            order = np.argsort(centers)
            fwhm = np.concatenate([peaks.fwhm, extra.fwhm])[order]
            significance = np.concatenate([peaks.significance, extra.significance])[order]
            peaks = self._fit(x, node, centers[order], fwhm, significance)[0]
        return peaks

    def _find(
        self, x: FloatArray, y: FloatArray, sigma: FloatArray, fwhm: FloatArray | None
    ) -> FoundPeaks:
        found = find_peaks(x, y, sigma, threshold=self.threshold, fwhm_max=self.fwhm_max, fwhm=fwhm)
        ghost_at = found.position + alpha2_distance(found.position, self.wavelength_ratio)
        if self.wavelength_ratio == 1.0 or len(found) == 0:
            return found
        near = np.abs(found.position[:, None] - ghost_at[None, :]) < 0.6 * found.fwhm[:, None]
        weaker = found.significance[:, None] < 0.85 * found.significance[None, :]
        own = np.eye(len(found), dtype=bool)
        ghost = np.asarray((near & weaker & ~own).any(axis=1))
        return found.take(np.flatnonzero(~ghost))

    def _beside(self, extra: FoundPeaks, peaks: NodePeaks) -> FoundPeaks:
        """Of the peaks found in the residual, those that a misfitting neighbour cannot feign."""
        if len(extra) == 0:
            return extra
        distance = np.abs(extra.position[:, None] - peaks.center[None, :])
        near = distance < 2.5 * peaks.fwhm[None, :]
        area = 1.06 * extra.height * extra.fwhm
        share = area[:, None] / peaks.area[None, :]
        too_small = near & (share < _LEAST_SHARE)
        on_top = distance < 0.5 * peaks.fwhm[None, :]
        feigned = np.asarray((too_small | on_top).any(axis=1))
        return extra.take(np.flatnonzero(~feigned))

    def _fit(
        self,
        x: FloatArray,
        node: NodeData,
        center: FloatArray,
        fwhm: FloatArray,
        significance: FloatArray,
    ) -> tuple[NodePeaks, FloatArray, FloatArray]:
        """Fit peaks at given places; also curves over the axis.

        These are the model, NaN outside the windows, and the peaks without the background, 0
        outside.
        """
        n, m = len(center), self.shape.size
        model, lines = np.full(len(x), np.nan), np.zeros(len(x))
        if n == 0:
            none = np.empty(0)
            return NodePeaks(node.frame, none, none, np.empty((0, m)), none, none), model, lines
        one = (1, n)
        expectation = Expectation(
            center=center.reshape(one),
            fwhm=fwhm.reshape(one),
            shape=np.broadcast_to(self.shape, (1, n, m)),
            shape_free=significance > FREE_SHAPE_SIGNIFICANCE,
            expected=np.ones(one, bool),
            merged_with=np.full(one, -1),
            reach=fwhm.reshape(one).copy(),
            search=np.zeros(one),
            tail=alpha2_distance(center, self.wavelength_ratio).reshape(one),
        )
        rows: list[tuple[float, ...]] = []
        for members, windows in self.grouping.windows(expectation):
            fit = self.fitter.fit(x, node.y[None], node.sigma[None], windows)
            rows += self._rows(fit, members.shape[1])
            curve = self.fitter.model(members.shape[1])
            for r in range(len(members)):
                inside = (x >= windows.low[r]) & (x <= windows.high[r])
                row = slice(r, r + 1)
                at = Points.scaled(x[inside][None], windows.low[row], windows.high[row])
                model[inside] = curve.value(fit.theta[row], at)[0]
                lines[inside] = model[inside] - curve.background(fit.theta[row], at)[0]
        table = np.array(sorted(rows)).reshape(-1, 4 + m)
        peaks = NodePeaks(
            frame=node.frame,
            center=table[:, 0],
            area=table[:, 1],
            fwhm=table[:, 2],
            significance=table[:, 3],
            shape=table[:, 4:],
        )
        return peaks, model, lines

    def _rows(self, fit: WindowFit, n_peaks: int) -> list[tuple[float, ...]]:
        """Centre, area, fwhm, significance and shape of the peaks that were kept."""
        model = self.fitter.model(n_peaks)
        m = len(self.fitter.profile.shape_names)
        rows = []
        for r, k in np.argwhere(fit.present).tolist():
            first = model.first_parameter(k)
            center, area, *shape = fit.theta[r, first : first + 2 + m]
            error = float(np.sqrt(fit.cov[r, first + 1, first + 1]))
            significance = area / error if np.isfinite(error) and error > 0 else 0.0
            width = float(fwhm_of(self.fitter.profile, *shape))
            # Found above the threshold it was; neighbours may make its own area unsure.
            rows.append((center, area, width, significance, *shape[1:]))
        return rows


def width_trend(x: FloatArray, center: FloatArray, fwhm: FloatArray) -> FloatArray:
    """Robust straight line of log fwhm along the axis (points,); the median below six peaks."""
    log_width = np.log(fwhm)
    if len(center) < 6:
        return np.full(len(x), float(np.exp(np.median(log_width))))
    left, right = np.array_split(np.argsort(center, kind="stable"), 2)
    a, b = float(np.median(center[left])), float(np.median(center[right]))
    low, high = float(np.median(log_width[left])), float(np.median(log_width[right]))
    return np.asarray(np.exp(low + (high - low) / (b - a) * (np.clip(x, a, b) - a)))
