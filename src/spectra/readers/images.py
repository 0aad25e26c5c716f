"""Detector images through fabio, integrated with pyFAI into patterns."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader

EXTENSIONS = (
    *(".edf", ".cbf", ".tif", ".tiff", ".mar2300", ".mar3450", ".mar1200", ".mccd", ".img"),
    *(".ge", ".spe2d", ".edf.gz", ".cbf.gz"),
)


def _sniff(head: bytes, path: Path) -> bool:
    return path.name.lower().endswith(EXTENSIONS)


def _refuse(path: Path) -> list[Frame]:
    raise ReaderError(
        path,
        "a detector image needs a geometry",
        expected="poni=, the calibration that pyFAI wrote",
        remedy="read(..., poni='calibration.poni')",
    )


class Integrator:
    """Turn images into patterns with one geometry.

    Parameters
    ----------
    poni : path
        pyFAI's calibration.
    n_points : int
        Points of the pattern.
    unit : {"2th_deg", "q_A^-1"}
    mask : path, optional
        Image that is not zero where pixels are bad.
    """

    def __init__(
        self,
        poni: str | Path,
        *,
        n_points: int = 3000,
        unit: str = "2th_deg",
        mask: str | Path = "",
    ) -> None:
        import pyFAI

        if unit not in ("2th_deg", "q_A^-1"):
            raise ReaderError(poni, f"unit {unit!r}", expected="2th_deg or q_A^-1")
        try:
            self._integrator = pyFAI.load(str(poni))
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ReaderError(poni, f"not a pyFAI calibration ({error})") from None
        self._n_points, self._unit = n_points, unit
        self._mask = _open(Path(mask))[0][0] != 0 if mask else None

    def read(self, path: Path) -> list[Frame]:
        """Read and integrate every image of a file; uncertainties are those of Poisson counts."""
        frames = []
        for i, (image, header) in enumerate(_open(path)):
            shape = self._integrator.detector.shape
            if shape is not None and tuple(shape) != image.shape:
                raise ReaderError(
                    path,
                    f"image of {image.shape} pixels",
                    expected=f"{tuple(shape)} as in the calibration",
                    remedy="use the calibration that belongs to this detector and binning",
                )
            result = self._integrator.integrate1d(
                image.astype(np.float32),
                self._n_points,
                unit=self._unit,
                mask=self._mask,
                error_model="poisson",
                correctSolidAngle=True,
                method=("bbox", "csr", "cython"),
            )
            empty = ~(np.asarray(result.count) > 0)
            y = np.where(empty, np.nan, result.intensity).astype(float)
            errors = np.where(empty | ~(result.sigma > 0), np.nan, result.sigma).astype(float)
            wavelength = self._integrator.wavelength
            metadata = {"wavelength": float(wavelength * 1e10)} if wavelength else {}
            two_theta = self._unit == "2th_deg"
            frames.append(
                Frame(
                    np.asarray(result.radial, dtype=float),
                    y,
                    errors,
                    "given",
                    _variables(header),
                    metadata,
                    axis="two_theta" if two_theta else "q",
                    unit="deg" if two_theta else "1/angstrom",
                    name=f"image {i}",
                )
            )
        return frames


def _open(path: Path) -> list[tuple[Any, dict[str, Any]]]:
    import fabio

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = fabio.open(str(path))
            images = [file] if file.nframes == 1 else list(file)
            return [(np.asarray(f.data), dict(f.header)) for f in images]
    except (OSError, ValueError, RuntimeError, KeyError, IndexError, TypeError) as error:
        raise ReaderError(
            path,
            f"fabio cannot read it ({type(error).__name__}: {error})",
            expected="an image",
            remedy="check the file; copy it again",
        ) from None


def _variables(header: dict[str, Any]) -> dict[str, tuple[float, str]]:
    known = {
        "temperature": ("K", ("temperature", "temp", "sample_temperature")),
        "time": ("s", ("time_of_day", "time_of_frame", "epoch")),
        "exposure": ("s", ("exposure_time", "exptime", "exposure", "count_time")),
    }
    lower = {str(k).strip().lower(): v for k, v in header.items()}
    out = {}
    for name, (unit, keys) in known.items():
        for key in keys:
            try:
                out[name] = (float(str(lower[key]).split()[0]), unit)
                break
            except (KeyError, ValueError, IndexError):
                continue
    return out


READER = Reader("image", EXTENSIONS, _sniff, _refuse)
