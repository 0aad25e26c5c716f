"""Build the model of a pattern from settings, instrument and phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks, peak_widths

from spectra.errors import SettingError
from spectra.reference import Phase
from spectra.xrd.aberrations import Aberration, get_aberrations
from spectra.xrd.crystal.reflections import Reflections, reflections
from spectra.xrd.lattice import CellConstraint
from spectra.xrd.pattern.amplitude import Amplitude
from spectra.xrd.pattern.background import Background
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.phase import PhaseModel
from spectra.xrd.profile.axial import AxialHeights, AxialTerm
from spectra.xrd.profile.instrument import Instrument, emission_lines
from spectra.xrd.profile.instrument_files import read_instrument
from spectra.xrd.profile.intensity import (
    CapillaryAbsorption,
    FactorTerm,
    LorentzFactor,
    PitschkeRoughness,
    PlateAbsorption,
    Polarisation,
    SuorttiRoughness,
)
from spectra.xrd.profile.soller import SollerSlits
from spectra.xrd.profile.stephens import StephensStrain
from spectra.xrd.profile.texture import HarmonicTexture, MarchDollase
from spectra.xrd.profile.widths import (
    CAGLIOTI,
    LORENTZ,
    SIZE,
    SIZE_GAUSS,
    STRAIN,
    STRAIN_GAUSS,
    UniaxialSize,
    WidthTerm,
    cosine_to_axis,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

WIDTHS: Mapping[str, WidthTerm] = {
    "size": SIZE,
    "strain": STRAIN,
    "size_gauss": SIZE_GAUSS,
    "strain_gauss": STRAIN_GAUSS,
}
FACTORS: Mapping[str, FactorTerm] = {
    "capillary": CapillaryAbsorption(),
    "plate": PlateAbsorption(),
    "suortti": SuorttiRoughness(),
    "pitschke": PitschkeRoughness(),
}
# Lines this far (deg) beyond the range are listed, for their tails.
_MARGIN = 1.0
# Error by which axial divergence may be cut into few lines, of their height.
_AXIAL = 1e-4


@dataclass(frozen=True)
class Geometry:
    """What is known of the measurement before anything is refined.

    Parameters
    ----------
    instrument : Instrument
    aberrations : tuple of Aberration
    radius : float
        Millimetres.
    """

    instrument: Instrument
    aberrations: tuple[Aberration, ...]
    radius: float


@dataclass(frozen=True)
class Measurement:
    """What the model of a pattern takes from the measurement.

    Parameters
    ----------
    instrument : Instrument
    limits : (float, float)
        Range of 2θ (deg) that is used.
    fwhm : float
        Typical width of the lines (deg).
    """

    instrument: Instrument
    limits: tuple[float, float]
    fwhm: float

    def to_plain(self) -> dict[str, Any]:
        """As plain data that `from_plain` takes back."""
        return {
            "instrument": self.instrument.to_plain(),
            "limits": list(self.limits),
            "fwhm": self.fwhm,
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Measurement:
        """Make it again from what `to_plain` gave."""
        low, high = (float(v) for v in data["limits"])
        return cls(Instrument.from_plain(data["instrument"]), (low, high), float(data["fwhm"]))


def make_instrument(
    name: str,
    path: str,
    radiation: str | None,
    wavelength: float | None,
    geometry: str | None,
    metadata: Mapping[str, Any],
) -> Instrument:
    """Return the instrument from its file, the settings and what the patterns say.

    Settings come first, then the patterns, then the file.

    Raises
    ------
    SettingError
        If no wavelength is known.
    """
    made = read_instrument(path) if path else None
    changes: dict[str, Any] = {}
    lines = None
    if radiation not in (None, "neutron"):
        lines = emission_lines(str(radiation))
    elif wavelength is not None:
        lines = emission_lines(wavelength)
    elif metadata.get("wavelength2") and metadata.get("ratio"):
        first, second = float(metadata["wavelength"]), float(metadata["wavelength2"])
        lines = emission_lines((first, second, float(metadata["ratio"])))
    elif metadata.get("wavelength") and (made is None or len(made.lines) == 1):
        lines = emission_lines(float(metadata["wavelength"]))
    if lines is not None:
        changes["lines"] = lines
    elif made is None:
        raise SettingError(
            f"{name}: the patterns carry no wavelength; give `wavelength` (angstrom), "
            "`radiation` (e.g. 'Cu') or the file of an `instrument`"
        )
    if radiation == "neutron" or metadata.get("radiation") == "neutron":
        changes |= {"radiation": "neutron", "polarisation": 1.0}
    if geometry is not None:
        changes["geometry"] = geometry
    elif made is None and lines is not None and len(lines) > 1:
        changes["geometry"] = "bragg_brentano"
    return replace(made, **changes) if made else Instrument(**changes)


def geometry_of(
    name: str, instrument: Instrument, corrections: tuple[str, ...], radius: float
) -> Geometry:
    """Look up the corrections for an instrument's geometry."""
    aberration_geometry = (
        "bragg_brentano" if instrument.geometry == "bragg_brentano" else "transmission"
    )
    return Geometry(
        instrument,
        get_aberrations(corrections, aberration_geometry),
        instrument.radius or radius,
    )


def list_reflections(
    name: str, phase: Phase, instrument: Instrument, high: float, margin: float
) -> Reflections:
    """List the reflections of a phase up to 2θ = `high` (deg), for cells off by `margin`.

    Raises
    ------
    SettingError
        If there are none.
    """
    longest = max(line.wavelength for line in instrument.lines)
    shortest = min(line.wavelength for line in instrument.lines)
    angle = min(high + _MARGIN, 179.0)
    d_min = shortest / (2.0 * np.sin(np.radians(angle / 2.0)))
    listed = reflections(
        phase, d_min, instrument.wavelength, radiation=instrument.radiation, margin=margin
    )
    if len(listed) == 0:
        raise SettingError(
            f"{name}: {phase.name} has no reflection below 2θ = {high:g} deg at "
            f"{longest:g} angstrom; check the wavelength and the cell"
        )
    return listed


def build_model(
    geometry: Geometry,
    phases: Sequence[Phase],
    listed: Sequence[Reflections],
    amplitudes: Sequence[Amplitude],
    *,
    widths: Sequence[tuple[str, ...]],
    factors: tuple[str, ...],
    shapes: Sequence[tuple[WidthTerm, ...]],
    textures: Sequence[tuple[FactorTerm, ...]],
    background: Background,
    limits: tuple[float, float],
    cell_range: float,
    fwhm: float,
) -> PatternModel:
    """Put the model together.

    Parameters
    ----------
    geometry : Geometry
    phases, listed, amplitudes : sequences
        The phases, their reflections and strengths.
    widths : sequence of tuple of str
        For each phase, of `WIDTHS` or ``stephens``.
    factors : tuple of str
        Of `FACTORS`.
    shapes, textures : sequences of tuples of terms
        Sizes that hang on the direction, and preferred orientation, for each phase.
    background : Background
    limits : (float, float)
        Range of 2θ (deg).
    cell_range : float
    fwhm : float
        Typical width of the lines (deg), for the number of nodes of axial divergence.
    """
    instrument = geometry.instrument
    polarisation = Polarisation(instrument.monochromator, instrument.polarisation)
    axial = _axial(instrument)
    made, nodes = [], []
    for phase, found, amplitude, own, shape, texture in zip(
        phases, listed, amplitudes, widths, shapes, textures, strict=True
    ):
        made.append(
            PhaseModel(
                name=phase.name,
                hkl=found.hkl,
                cell=phase.cell,
                constraint=CellConstraint.of(phase.crystal_system),
                amplitude=amplitude,
                widths=(*(_width(n, phase, found) for n in own), *shape),
                factors=texture,
                cell_range=cell_range,
            )
        )
        nodes.append(_axial_nodes(axial, instrument, found, fwhm))
    return PatternModel(
        emission=instrument.lines,
        radius=geometry.radius,
        phases=tuple(made),
        aberrations=geometry.aberrations,
        widths=(CAGLIOTI, LORENTZ),
        factors=(LorentzFactor(), polarisation, *(_named("factors", FACTORS, n) for n in factors)),
        background=background,
        limits=limits,
        axial=axial,
        nodes=tuple(nodes),
    )


def typical_fwhm(x: FloatArray, y: FloatArray) -> float:
    """Median fwhm (deg) of the strongest lines of a pattern; NaN points are bridged."""
    good = np.isfinite(y)
    filled = np.interp(x, x[good], y[good])
    flat = filled - np.median(filled)
    inner = find_peaks(flat)[0]
    strong = inner[np.argsort(flat[inner])[::-1][:12]]
    if strong.size == 0:
        return float(10.0 * np.median(np.diff(x)))
    points = peak_widths(flat, np.sort(strong), rel_height=0.5)[0]
    return float(max(np.median(points), 2.0) * np.median(np.diff(x)))


def _width(name: str, phase: Phase, listed: Reflections) -> WidthTerm:
    """A cause of width in a phase."""
    if name == "stephens":
        return StephensStrain.of(listed.hkl, phase.operations.laue(), phase.cell)
    term: WidthTerm = _named("widths", {**WIDTHS, "stephens": None}, name)
    return term


def make_shape(
    phase: Phase, listed: Reflections, axis: Sequence[float] | None
) -> tuple[WidthTerm, ...]:
    """Needles or plates of a phase along an axis [uvw]."""
    if axis is None:
        return ()
    return (UniaxialSize(cosine_to_axis(listed.hkl, axis, phase.cell) ** 2),)


def make_texture(
    phase: Phase, listed: Reflections, axis: Sequence[float] | None, order: int | None
) -> tuple[FactorTerm, ...]:
    """Preferred orientation of a phase: along an axis (hkl), in harmonics up to an order."""
    laue = phase.operations.laue()
    terms: list[FactorTerm] = []
    if axis is not None:
        terms.append(MarchDollase.of(listed.hkl, axis, phase.cell, laue))
    if order is not None:
        terms.append(HarmonicTexture.of(listed.hkl, phase.cell, laue, order))
    return tuple(terms)


def _axial(instrument: Instrument) -> AxialTerm:
    """What axial divergence is described by, from the values of it that are known.

    Raises
    ------
    SettingError
        If both heights and Soller slits are given.
    """
    slits = instrument.soller > 0.0 or instrument.soller_sum > 0.0
    if slits and (instrument.s_l > 0.0 or instrument.h_l > 0.0):
        raise SettingError(
            f"s_l = {instrument.s_l:g}, h_l = {instrument.h_l:g} and soller = "
            f"{instrument.soller:g}, soller_sum = {instrument.soller_sum:g}: two descriptions of "
            "axial divergence; give the heights for a slender diffracted beam alone, soller and "
            "soller_sum where both beams diverge"
        )
    return SollerSlits(instrument.soller_sum > 0.0) if slits else AxialHeights()


def _axial_nodes(
    axial: AxialTerm, instrument: Instrument, listed: Reflections, fwhm: float
) -> IntArray:
    sine = np.minimum(instrument.wavelength / (2.0 * listed.d), 0.999)
    angle = np.degrees(2.0 * np.arcsin(sine))
    known = [getattr(instrument, c.name) for c in axial.coefficients]
    needed = axial.needed(angle, known, np.full(len(angle), fwhm), _AXIAL)
    return np.asarray(needed, np.intp)


def _named(what: str, known: Mapping[str, Any], name: str) -> Any:
    if name not in known:
        raise SettingError(f"{what}: no {name!r}; there are {', '.join(known)}")
    return known[name]
