"""The curves of many paths as cubic pieces on one grid, for all frames at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.xas.paths.path import FloatArray, ScatteringPath

QUANTITIES = ("amplitude", "phase", "real_p", "mean_free_path")


@dataclass(frozen=True, eq=False)
class PathCurves:
    """Amplitude, phase, Re p and λ of paths as the cubic splines through FEFF's points.

    The splines are interpolating with "not-a-knot" ends, as FITPACK's (and Larch's). Outside
    FEFF's grid the pieces at the ends go on: a k below zero is what an E0 above the photon's
    energy gives.

    Attributes
    ----------
    breaks : array (pieces + 1,)
        Wavenumbers (1/angstrom) between which the pieces lie.
    coefficients : array (paths, quantities, 4, pieces)
        Of the powers 0 to 3 of k − breaks; quantities in the order of `QUANTITIES`.
    degeneracy, reff : array (paths,)
        ``reff`` in angstrom.
    """

    breaks: FloatArray
    coefficients: FloatArray
    degeneracy: FloatArray
    reff: FloatArray

    def __len__(self) -> int:
        return len(self.reff)

    def at(self, k: FloatArray) -> FloatArray:
        """Values at wavenumbers (1/angstrom) of any shape: (paths, quantities, *shape)."""
        piece, u = self._place(k)
        c = self.coefficients
        value = c[:, :, 3][..., piece]
        for power in (2, 1, 0):
            value = value * u + c[:, :, power][..., piece]
        return np.asarray(value)

    def slopes_at(self, k: FloatArray) -> FloatArray:
        """Derivatives with respect to k, of the shape of `at`."""
        piece, u = self._place(k)
        c = self.coefficients
        slope = 3.0 * u * c[:, :, 3][..., piece] + 2.0 * c[:, :, 2][..., piece]
        return np.asarray(slope * u + c[:, :, 1][..., piece])

    def _place(self, k: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
        k = np.asarray(k, dtype=float)
        piece = np.searchsorted(self.breaks, k, side="right") - 1
        piece = np.clip(piece, 0, len(self.breaks) - 2)
        return piece, k - self.breaks[piece]


def path_curves(paths: Sequence[ScatteringPath]) -> PathCurves:
    """The curves of some paths on the grid that all their points form.

    Raises
    ------
    SettingError
        For no paths.
    """
    if not paths:
        raise SettingError("no paths; give at least one")
    ends = min(path.k_max for path in paths)
    breaks = np.unique(np.concatenate([path.k[path.k <= ends] for path in paths]))
    return PathCurves(
        breaks,
        np.stack([_pieces(path, breaks) for path in paths]),
        np.array([path.degeneracy for path in paths]),
        np.array([path.reff for path in paths]),
    )


def _pieces(path: ScatteringPath, breaks: FloatArray) -> FloatArray:
    """Coefficients (quantities, 4, pieces) of a path's splines between the breaks."""
    from scipy.interpolate import make_interp_spline

    values = np.stack([getattr(path, name) for name in QUANTITIES], axis=1)
    spline = make_interp_spline(path.k, values, k=3)
    at = breaks[:-1]
    parts = [spline(at, nu=n) / factor for n, factor in enumerate((1.0, 1.0, 2.0, 6.0))]
    return np.stack(parts, axis=1).transpose(2, 1, 0)
