"""Turn fitted windows into the table of tracked peaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.fit.breadths import breadth_and_gradient
from spectra.fit.cutting import Windows
from spectra.fit.doublet import Doublet
from spectra.fit.lineshapes import Profile
from spectra.fit.quantities import NAMES, Quantities
from spectra.fit.uncertainty import misfit_scale, propagate
from spectra.fit.windows import WindowFit
from spectra.results import Table
from spectra.status import Status
from spectra.xrd.groups import Expectation
from spectra.xrd.tails import Finished
from spectra.xrd.tracks import PeakStatus, found

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class TableFiller:
    """Fill the table of tracked peaks for one block."""

    table: Table
    expectation: Expectation
    profile: Profile | Doublet

    def columns(
        self, fits: Sequence[Finished], rows: IntArray, *, absolute: bool
    ) -> dict[str, NDArray[Any]]:
        """Return all columns.

        Parameters
        ----------
        fits : sequence of Finished
            Of the frames `rows` of the block.
        rows : int array
        absolute : bool
            Whether the uncertainties of the points are known (else they come from the
            residual).
        """
        n_frames = len(self.expectation.center)
        columns = self.table.empty(n_frames)
        merged = self.expectation.merged_with
        gone = np.where(merged >= 0, PeakStatus.MERGED, PeakStatus.LOST)
        columns["peak_status"][:] = gone.astype(np.int8)
        columns["merged_with"][:] = np.where(self.expectation.expected, -1, merged)
        chi2, dof = np.zeros(n_frames), np.zeros(n_frames)
        for done in fits:
            frame = rows[done.windows.frame]
            np.add.at(chi2, frame, done.fit.chi2)
            np.add.at(dof, frame, done.fit.dof)
            scale = misfit_scale(done.fit.chi2, done.fit.dof, absolute=absolute)
            self._fill_windows(columns, frame, done, scale)
        with np.errstate(invalid="ignore", divide="ignore"):
            columns["chi2_reduced"][:] = np.where(dof > 0, chi2 / dof, np.nan)
        there = found(columns["peak_status"])
        columns["n_peaks"][:] = there.sum(axis=1)
        # Peaks of different windows were fitted independently.
        apart = there[:, :, None] & there[:, None, :] & ~np.isfinite(columns["center_cov"])
        np.einsum("fpp->fp", apart)[...] = False
        columns["center_cov"][apart] = 0.0
        return columns

    def judge(
        self, columns: dict[str, NDArray[Any]], status: NDArray[np.int8], faint: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int8], tuple[str, ...]]:
        """Give the frames their final status, and say which peaks are missing."""
        status = status.copy()
        labels = self.table.coords["peak"]["label"].tolist()
        peaks = columns["peak_status"]
        columns["n_peaks"][status != Status.OK] = 0
        lost = self.expectation.expected & (peaks == PeakStatus.LOST)
        remarkable = (lost | (peaks == PeakStatus.AT_BOUND)).any(axis=1) | ~found(peaks).any(axis=1)
        notes = [""] * len(peaks)
        for i in np.flatnonzero((status == Status.OK) & remarkable).tolist():
            status[i], notes[i] = self._judge_frame(i, peaks[i], bool(faint[i]), labels)
        return status, tuple(notes)

    def _judge_frame(
        self, i: int, peaks: NDArray[np.int8], faint: bool, labels: list[str]
    ) -> tuple[Status, str]:
        if not found(peaks).any():
            if (peaks == PeakStatus.NOT_CONVERGED).any():
                return Status.NOT_CONVERGED, "no window's fit converged"
            if faint:
                return Status.NO_SIGNAL, "no peak, and less than 10 % of the usual intensity"
            return Status.LOST, "no peak found"
        missing = self.expectation.expected[i] & (peaks == PeakStatus.LOST)
        bound = peaks == PeakStatus.AT_BOUND
        note = _list_of("lost", missing, labels) + _list_of("at a bound", bound, labels)
        return (Status.AT_BOUND if bound.any() else Status.OK), note.strip("; ")

    def _fill_windows(
        self,
        columns: dict[str, NDArray[Any]],
        frame: IntArray,
        done: Finished,
        scale: FloatArray,
    ) -> None:
        members, windows, fit = done.members, done.windows, done.fit
        n_peaks = members.shape[1]
        m = len(self.profile.shape_names)
        first = np.arange(n_peaks) * (2 + m)
        cov = fit.cov * scale[:, None, None]
        center_cov = cov[:, first[:, None], first[None, :]]
        good = fit.present & (fit.status != Status.NOT_CONVERGED)[:, None]
        both = good[:, :, None] & good[:, None, :]
        at = frame[:, None, None], members[:, :, None], members[:, None, :]
        columns["center_cov"][at] = np.where(both, center_cov, np.nan)
        for k in range(n_peaks):
            part = slice(int(first[k]), int(first[k]) + 2 + m)
            values = _told(done.told, k, scale)
            values |= _of_parameters(self.profile, fit.theta[:, part], cov[:, part, part])
            values |= self._background(fit.theta, values["center"], windows)
            values["window_low"], values["window_high"] = windows.low, windows.high
            where = frame, members[:, k]
            for name, value in values.items():
                mask = good[:, k].reshape(-1, *[1] * (value.ndim - 1))
                columns[name][where] = np.where(mask, value, np.nan)
            bound = np.asarray(fit.at_bound[:, part][:, self._own_bounds()].any(axis=1))
            columns["peak_status"][where] = _peak_status(fit, k, bound)
            partner = fit.merged_with[:, k]
            named = members[np.arange(len(members)), np.maximum(partner, 0)]
            columns["merged_with"][where] = np.where(partner >= 0, named, -1)

    def _own_bounds(self) -> list[int]:
        """Parameters whose bounds are ours: centre and width; a shape's bounds are natural."""
        widths = sum(name.startswith("fwhm") for name in self.profile.shape_names)
        return [0, 2] if widths == 1 else [0]

    def _background(
        self, theta: FloatArray, center: FloatArray, windows: Windows
    ) -> dict[str, FloatArray]:
        """Background polynomial about the peak's centre, from powers of u over the window."""
        n_terms = self.table.size("term")
        coefficients = theta[:, theta.shape[1] - n_terms :]
        middle = 0.5 * (windows.low + windows.high)
        half = 0.5 * (windows.high - windows.low)
        shift = (center - middle) / half
        poly = np.zeros((len(theta), n_terms))
        for i in range(n_terms):
            for j in range(i + 1):
                poly[:, j] += coefficients[:, i] * comb(i, j) * shift ** (i - j) / half**j
        return {"background_poly": poly}


def _told(told: Quantities, k: int, scale: FloatArray) -> dict[str, FloatArray]:
    """Middles and half widths of the central 68 % intervals of peak number `k`."""
    values = {}
    for q, name in enumerate(NAMES):
        values[name] = told.value[:, k, q] + told.move[:, k, q] * scale
        values[f"{name}_stderr"] = told.stderr[:, k, q] * np.sqrt(scale)
    return values


def _of_parameters(
    profile: Profile | Doublet, theta: FloatArray, cov: FloatArray
) -> dict[str, FloatArray]:
    """What is told of one peak's parameters (rows, 2 + m) themselves."""
    error = np.sqrt(np.einsum("rii->ri", cov))
    breadth, slopes = breadth_and_gradient(profile, *theta[:, 2:].T)
    gradient = np.zeros_like(theta)
    for j, slope in enumerate(slopes):
        gradient[:, 2 + j] = slope
    # What was held (a weak peak's shape, or one at its natural bound) has no variance.
    known = np.where(np.isfinite(cov), cov, 0.0)
    return {
        "breadth": breadth,
        "breadth_stderr": np.sqrt(propagate(gradient, known)),
        "shape": theta[:, -1],
        "shape_stderr": error[:, -1],
        "significance": theta[:, 1] / error[:, 1],
        "parameters": theta,
    }


def _peak_status(fit: WindowFit, k: int, bound: NDArray[np.bool_]) -> NDArray[np.int8]:
    failed = fit.status == Status.NOT_CONVERGED
    status = np.where(bound, PeakStatus.AT_BOUND, PeakStatus.OK)
    status = np.where(failed, PeakStatus.NOT_CONVERGED, status)
    gone = np.where(fit.merged_with[:, k] >= 0, PeakStatus.MERGED, PeakStatus.LOST)
    return np.where(fit.present[:, k], status, gone).astype(np.int8)


def _list_of(what: str, mask: NDArray[np.bool_], labels: list[str]) -> str:
    names = [labels[i] for i in np.flatnonzero(mask)]
    if not names:
        return ""
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return f"{what}: {shown}; "
