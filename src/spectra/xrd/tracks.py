"""The table of tracked peaks: what `Peaks` fills and `Cell` reads."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.results import Column, Table


class PeakStatus(IntEnum):
    """What became of one peak in one frame; values are NaN unless OK or AT_BOUND."""

    OK = 0
    LOST = 1
    MERGED = 2
    AT_BOUND = 3
    NOT_CONVERGED = 4

    @property
    def label(self) -> str:
        """The status as it is written in tables, e.g. ``not_converged``."""
        return self.name.lower()


def peaks_table(
    axis_unit: str,
    coords: dict[str, NDArray[Any]],
    n_terms: int,
    shape_names: tuple[str, ...] = ("fwhm", "eta"),
) -> Table:
    """Declare the table of tracked peaks.

    Parameters
    ----------
    axis_unit : str
        Unit of the pattern's axis (deg, 1/angstrom).
    coords : dict of arrays (peaks,)
        ``label`` (p01…), ``start`` (centre where the track was first seen, axis unit),
        ``group`` (number of the set of overlapping peaks that was fitted together).
    n_terms : int
        Number of coefficients of the background polynomial.
    shape_names : tuple of str
        Shape parameters of the profile.
    """
    u = axis_unit
    per_peak = ("peak",)
    columns = (
        Column("center", u, "peak position (of the Kα1 component)", per_peak, stderr=True),
        Column("fwhm", u, "full width at half maximum of one component", per_peak, stderr=True),
        Column("breadth", u, "integral breadth of one component", per_peak, stderr=True),
        Column("area", f"counts*{u}", "integrated intensity", per_peak, stderr=True),
        Column("height", "counts", "intensity of the profile at its centre", per_peak, stderr=True),
        Column("shape", "", "shape parameter of the profile", per_peak, stderr=True),
        Column(
            "background",
            "counts",
            "background under the centre, without tails of peaks in other windows",
            per_peak,
            stderr=True,
        ),
        Column(
            "background_poly",
            "counts",
            "coefficients of the background in powers of (x - center), constant first",
            ("peak", "term"),
        ),
        Column(
            "parameters",
            "",
            "parameters of the best fit: centre, area, then the profile's shape parameters",
            ("peak", "parameter"),
        ),
        Column("window_low", u, "lower end of the window the peak was fitted in", per_peak),
        Column("window_high", u, "upper end of the window the peak was fitted in", per_peak),
        Column("significance", "", "area over its standard uncertainty", per_peak),
        Column("peak_status", "", "code of PeakStatus", per_peak, dtype="int8"),
        Column(
            "merged_with", "", "index of the peak that stands for both, or -1", per_peak
        ).as_int(),
        Column("center_cov", f"{u}^2", "covariance of the positions", ("peak", "peak")),
        Column("n_peaks", "", "number of peaks found").as_int(),
        Column("chi2_reduced", "", "chi square per degree of freedom, all windows together"),
    )
    dims = {
        "peak": coords,
        "term": {"order": np.arange(n_terms)},
        "parameter": {"name": np.array(["center", "area", *shape_names])},
    }
    return Table("peaks", columns, dims, default="center")


def found(peak_status: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Which entries of ``peak_status`` carry numbers."""
    return np.isin(peak_status, (PeakStatus.OK, PeakStatus.AT_BOUND))
