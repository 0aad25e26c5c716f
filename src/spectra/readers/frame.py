"""What a reader gives: frames; and the registry of readers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectra.stack import Noise

if TYPE_CHECKING:
    from spectra.readers.tables import Table

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """What is measured in a frame of a file that may hold several such, as in C 1s and O 1s.

    Parameters
    ----------
    name : str
        Frames of one name belong together: a sequence.
    places : tuple of str
        What else it may be called, such as the identifier of its block.
    detail : bool
        Whether it is but a part of another region's frames, taken only if asked for.
    """

    name: str
    places: tuple[str, ...] = ()
    detail: bool = False


@dataclass(frozen=True)
class Frame:
    """One pattern as a file holds it.

    Parameters
    ----------
    x, y : array (points,)
    errors : array (points,), optional
        NaN where not known.
    noise : {"counts", "given", "unknown"}
    variables : mapping of name to (value, unit)
        What the file says of this frame, e.g. ``{"temperature": (6.8, "K")}``.
    metadata : mapping
        What holds for the measurement, e.g. ``{"wavelength": 0.413263}``.
    axis, unit : str
        ``two_theta``/``deg``, ``q``/``1/angstrom``, ``energy``/``eV``, ``binding_energy``/``eV``,
        ``kinetic_energy``/``eV``, ``raman_shift``/``1/cm`` or ``wavelength``/``nm``.
    quantity : str
        What `y` is: ``intensity``, ``mu`` or ``norm``.
    channels : mapping of name to array (points,)
        Further signals recorded with `y`, e.g. ``reference``.
    name : str
        To tell frames of one file apart.
    note : str
        What must be known about the frame although it is usable.
    assumed : str
        What had to be assumed of the positions; void where the user says what they are.
    region : Region, optional
        Of files that may hold several.
    """

    x: FloatArray
    y: FloatArray
    errors: FloatArray | None = None
    noise: Noise = "unknown"
    variables: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    axis: str = "two_theta"
    unit: str = "deg"
    quantity: str = "intensity"
    channels: Mapping[str, FloatArray] = field(default_factory=dict)
    name: str = ""
    note: str = ""
    assumed: str = ""
    region: Region | None = None


@dataclass(frozen=True)
class Reader:
    """A format family.

    Parameters
    ----------
    name : str
    extensions : tuple of str
        Lower case, with the dot.
    sniff : callable
        (first bytes, path) to whether the file is of this format.
    read : callable
        Path to frames; raises `ReaderError`.
    tables : callable, optional
        Path to the tables of columns that the frames are made of (`spectra.readers.tables`),
        of which others can be made; raises `ReaderError`.
    """

    name: str
    extensions: tuple[str, ...]
    sniff: Callable[[bytes, Path], bool]
    read: Callable[[Path], list[Frame]]
    tables: Callable[[Path], list[Table]] | None = None


# In the order in which they are asked; text takes what nobody else wants.
_OWN = (
    "spectra.readers.bruker",
    "spectra.readers.bruker_raw4",
    "spectra.readers.brml",
    "spectra.readers.uxd",
    "spectra.readers.panalytical",
    "spectra.readers.rigaku",
    "spectra.readers.rigaku_zip",
    "spectra.readers.vamas",
    "spectra.readers.phi",
    "spectra.readers.specs_xml",
    "spectra.readers.specs_xy",
    "spectra.readers.scienta",
    "spectra.readers.thermo",
    "spectra.readers.casaxps",
    "spectra.readers.electron_columns",
    "spectra.readers.nexus_electrons",
    "spectra.readers.absorption_hdf5",
    "spectra.readers.nexus_foreign",
    "spectra.readers.npz",
    "spectra.readers.wdf",
    "spectra.readers.spc",
    "spectra.readers.jcamp",
    "spectra.readers.rod",
    "spectra.readers.jasco",
    "spectra.readers.witec",
    "spectra.readers.labspec",
    "spectra.readers.wire_text",
    "spectra.readers.bwtek",
    "spectra.readers.athena",
    "spectra.readers.xdi",
    "spectra.readers.photon_factory",
    "spectra.readers.ssrl",
    "spectra.readers.gsas",
    "spectra.readers.gsas2",
    "spectra.readers.fullprof",
    "spectra.readers.images",
    "spectra.readers.fit2d",
    "spectra.readers.pdcif",
    "spectra.readers.spec",
    "spectra.readers.columns",
    "spectra.readers.text",
)


@lru_cache(maxsize=1)
def list_readers() -> tuple[Reader, ...]:
    """All readers: those of other packages (entry points ``spectra.readers``), then ours."""
    outside = [point.load() for point in entry_points(group="spectra.readers")]
    return (*outside, *(importlib.import_module(name).READER for name in _OWN))


def noise_of(y: FloatArray, errors: FloatArray | None) -> Noise:
    """What intensities scatter like: whole non-negative numbers are counts.

    Uncertainties that are nothing but the roots of such counts say the same.
    """
    finite = y[np.isfinite(y)]
    whole = finite.size > 0 and bool((finite >= 0).all() and (finite == np.rint(finite)).all())
    if errors is None:
        return "counts" if whole else "unknown"
    known = np.isfinite(errors) & np.isfinite(y) & (y > 0)
    if whole and known.any():
        # 2e-3: files round uncertainties to a few digits.
        same = np.abs(errors[known] - np.sqrt(y[known])) <= 2e-3 * errors[known]
        if same.mean() > 0.99:
            return "counts"
    return "given"


def scaled_errors(y: FloatArray, factor: FloatArray) -> FloatArray:
    """Uncertainties of counts that have been multiplied by a factor, as behind an absorber.

    Counts n times a factor a scatter by a·√n, at least by one count.
    """
    return np.sqrt(np.maximum(y / factor, 1.0)) * factor


def clean_errors(errors: FloatArray) -> tuple[FloatArray, str]:
    """Replace uncertainties that are zero, negative or not finite by NaN, and say so."""
    bad = ~(errors > 0) | ~np.isfinite(errors)
    count = int(bad.sum())
    if not count:
        return errors, ""
    return np.where(
        bad, np.nan, errors
    ), f"{count} points without a positive uncertainty are not used"


def tube(alpha1: float, alpha2: float, ratio: float, anode: str) -> dict[str, float | str]:
    """Metadata of what a file says of its tube, so far as it can be true.

    Parameters
    ----------
    alpha1, alpha2 : float
        Wavelengths in angstrom.
    ratio : float
        Of the intensities of α2 and α1.
    anode : str
    """
    metadata: dict[str, float | str] = {}
    if 0.1 < alpha1 < 10:
        metadata["wavelength"] = alpha1
        if alpha1 < alpha2 < 1.05 * alpha1 and 0 < ratio < 1:
            metadata |= {"wavelength2": alpha2, "ratio": ratio}
    if anode:
        metadata["anode"] = anode
    return metadata
