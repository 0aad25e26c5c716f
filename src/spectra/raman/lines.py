"""Lines by which Raman spectrometers are calibrated, and where a spectrum shows them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.fit.uncertainty import robust_covariance
from spectra.reference import reference_folder
from spectra.status import Status
from spectra.units import raman_shift_from_wavelength

if TYPE_CHECKING:
    from spectra.fit.batch import StackFit

FloatArray = NDArray[np.float64]

_CLEAR = 5.0
_FEWEST = 7


@dataclass(frozen=True)
class Lines:
    """Positions (lines,) and their standard uncertainties in 1/cm, and where they come from."""

    position: FloatArray
    stderr: FloatArray
    source: str


def list_standards() -> tuple[str, ...]:
    """Names of the standards in `reference_patterns/raman/calibration.toml`."""
    return tuple(_table())


def lines_of(standard: str, laser: float | None = None) -> Lines:
    """Lines of a standard over Raman shift.

    Parameters
    ----------
    standard : str
        ``Si``, ``polystyrene`` or ``neon``.
    laser : float, optional
        Wavelength of the laser in air (nm), from which emission lines are counted.

    Raises
    ------
    SettingError
        For an unknown standard, or emission lines without a laser.
    """
    if standard not in list_standards():
        raise SettingError(
            f"no standard {standard!r}; there are {', '.join(list_standards())}, or give lines"
        )
    entry = _table()[standard]
    position, stderr = np.array(entry["lines"], dtype=float).T
    if entry["unit"] == "nm":
        if laser is None:
            raise SettingError(
                f"lines of {standard} are wavelengths; give the laser line, as in laser=532.1"
            )
        vacuum = vacuum_wavelength(position)
        stderr = 1e7 / vacuum**2 * stderr
        position = raman_shift_from_wavelength(vacuum, vacuum_wavelength(np.array(laser)))
    return Lines(position, stderr, str(entry["source"]))


def vacuum_wavelength(wavelength: FloatArray) -> FloatArray:
    """Wavelength in vacuum (nm) of light whose wavelength in standard air is known (nm).

    E. R. Peck, K. Reeder, J. Opt. Soc. Am. 62 (1972) 958, equation 3; σ is taken from the
    wavelength in air, which changes the result by parts in 1e9.

    Examples
    --------
    >>> round(float(vacuum_wavelength(np.array(841.84269))), 4)
    842.074
    """
    square = (1e3 / wavelength) ** 2
    refractivity = 5791817.0 / (238.0185 - square) + 167909.0 / (57.362 - square)
    return np.asarray(wavelength * (1.0 + 1e-8 * refractivity))


def find_lines(
    x: FloatArray, y: FloatArray, lines: FloatArray, search: float
) -> tuple[FloatArray, FloatArray]:
    """Where a spectrum shows lines: pseudo-Voigts on a straight line, each fitted by itself.

    Parameters
    ----------
    x, y : array (points,)
        NaN where not measured.
    lines : array (n,)
        Where they should be, rising.
    search : float
        How far from there they may be, at most half way to the next.

    Returns
    -------
    position, stderr : array (n,)
        NaN for lines outside of the spectrum, and those less clear than 5 σ. The uncertainty is
        the larger one of those for points that scatter alike and as they do: strong lines have
        more noise than what is beside them.
    """
    out = np.full((2, len(lines)), np.nan)
    middle = (lines[1:] + lines[:-1]) / 2
    low = np.maximum(lines - search, np.append(-np.inf, middle))
    high = np.minimum(lines + search, np.append(middle, np.inf))
    for i in range(len(lines)):
        part = (x >= low[i]) & (x <= high[i]) & np.isfinite(y)
        if part.sum() >= _FEWEST and x[0] <= lines[i] <= x[-1]:
            out[:, i] = _fit_line(x[part], y[part])
    return out[0], out[1]


def _fit_line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Centre of the peak in a window and its standard uncertainty; NaN where none is clear."""
    from lmfit.models import LinearModel, PseudoVoigtModel

    from spectra.fit.batch import fit_stack

    base = float(min(y[0], y[-1]))
    top = int(y.argmax())
    height = float(y[top] - base)
    if not height > 0 or top in (0, len(x) - 1):
        return np.nan, np.nan
    width = max(float((y > base + height / 2).sum()), 2.0) * float(np.median(np.diff(x)))
    model = PseudoVoigtModel() + LinearModel()
    params = model.make_params(
        center={"value": float(x[top]), "min": float(x[0]), "max": float(x[-1])},
        amplitude={"value": 1.3 * height * width, "min": 0.0},
        sigma={"value": width / 2, "min": width / 20, "max": float(np.ptp(x))},
        fraction={"value": 0.5, "min": 0.0, "max": 1.0},
        slope=0.0,
        intercept=base,
    )
    fits = fit_stack(model, params, x, y[None])
    center, stderr = float(fits["center"][0]), float(fits.uncertainty("center")[0])
    area, unsure = float(fits["amplitude"][0]), float(fits.uncertainty("amplitude")[0])
    good = fits.status[0] in (Status.OK, Status.AT_BOUND) and area > _CLEAR * unsure
    if not (good and stderr > 0):
        return np.nan, np.nan
    return center, max(stderr, _robust_stderr(fits, y))


def _robust_stderr(fits: StackFit, y: FloatArray) -> float:
    """Standard uncertainty of the centre where the points of a line scatter more than others."""
    known = np.array([fits.uncertainty(n)[0] > 0 for n in fits.var_names])
    cov = robust_covariance(fits.jacobian()[0, known].T, y - fits.best_fit()[0])
    at = [n for n, k in zip(fits.var_names, known, strict=True) if k].index("center")
    return float(np.sqrt(cov[at, at]))


def _table() -> dict[str, dict[str, object]]:
    path = reference_folder() / "raman" / "calibration.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))
