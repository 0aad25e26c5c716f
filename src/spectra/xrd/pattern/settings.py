"""Settings of whole-pattern refinements: what they are, and which are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.kinds import Bound
from spectra.method import Method
from spectra.reference import PHASE_FILES, Phase
from spectra.settings import setting
from spectra.xrd.pattern.restraints import Spec as RestraintSpec
from spectra.xrd.profile.instrument_files import INSTRUMENT_FILES

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
PhaseSpec = str | Path | Phase | Mapping[str, Any]

_ERRORS = ("auto", "counts", "given", "residual")


@dataclass(frozen=True, kw_only=True)
class PatternSettings(Method):
    """Settings that Rietveld, Pawley and Le Bail refinements share."""

    phases: tuple[PhaseSpec, ...] = setting((), "phases in the pattern", files=PHASE_FILES)
    instrument: str = setting("", "file of the instrument", files=INSTRUMENT_FILES)
    radiation: str | None = setting(None, "Kα doublet, e.g. 'Cu', or 'neutron'")
    wavelength: float | None = setting(None, "wavelength", unit="angstrom", within="> 0")
    geometry: str | None = setting(
        None, "diffraction geometry", within="debye_scherrer, bragg_brentano"
    )
    corrections: tuple[str, ...] = setting(("zero",), "corrections of positions that are refined")
    radius: float = setting(200.0, "radius of the diffractometer", unit="mm", within="> 0")
    profile: tuple[str, ...] = setting((), "widths of the instrument that are refined")
    widths: tuple[str, ...] | Mapping[str, tuple[str, ...]] = setting(
        ("size", "strain"), "widths of the sample that are refined: of all phases, or by phase"
    )
    uniaxial: Mapping[str, tuple[float, float, float]] = setting(
        None, "axis [uvw] of needles or plates, by phase: another size along it"
    )
    march_dollase: Mapping[str, tuple[float, float, float]] = setting(
        None, "axis hkl of preferred orientation, by phase"
    )
    harmonics: Mapping[str, int] = setting(
        None, "order of spherical harmonics of preferred orientation, by phase"
    )
    factors: tuple[str, ...] = setting((), "factors on intensities, e.g. 'capillary'")
    low: float | None = setting(None, "lower end of the range used", unit="deg")
    high: float | None = setting(None, "upper end of the range used", unit="deg")
    exclude: tuple[tuple[float, float], ...] = setting((), "ranges left out", unit="deg")
    background_degree: int = setting(5, "degree of the background", within="0 to 36")
    background_inverse: bool = setting(False, "whether 1/2θ is added to the background")
    humps: tuple[tuple[float, float], ...] = setting(
        (), "centre and fwhm of broad maxima of the background", unit="deg"
    )
    refine: tuple[str, ...] = setting((), "further parameters that are refined, with wildcards")
    hold: tuple[str, ...] = setting((), "parameters that are held, with wildcards")
    start: Mapping[str, float] = setting(None, "where parameters start")
    ties: Mapping[str, str] = setting(None, "parameters as expressions of others")
    bounds: Mapping[str, tuple[Bound, Bound]] = setting(
        None, "lower and upper bounds of parameters, with wildcards"
    )
    restraints: tuple[RestraintSpec, ...] = setting(
        (),
        "phase, pair of sites, distance and its uncertainty, as ('CuO', 'Cu1-O1', 1.95, 0.01)",
        unit="angstrom",
    )
    standard: Mapping[str, float] = setting(
        None, "phase added to the sample, and its share in the mass of the whole", within="0 to 1"
    )
    keep: float = setting(4.0, "smallest scale over uncertainty to be present", within="> 0")
    cell_range: float = setting(0.03, "how far cells may go", within="0 to 0.2")
    cell_error: float = setting(0.004, "how far cells may be off at the start", within="0 to 0.05")
    coarse_frames: int = setting(8, "frames of the coarse pass", within="1 or more")
    errors: str = setting("auto", "origin of uncertainties", within="auto, counts, given, residual")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._make_plain()
        if not self.phases:
            raise SettingError(f"{self.name}: phases is empty; name at least one phase")
        checks = {
            "wavelength": self.wavelength is None or self.wavelength > 0,
            "geometry": self.geometry in (None, "debye_scherrer", "bragg_brentano"),
            "radius": self.radius > 0,
            "background_degree": 0 <= self.background_degree <= 36,
            "keep": self.keep > 0,
            "cell_range": 0 < self.cell_range <= 0.2,
            "cell_error": 0 <= self.cell_error <= 0.05,
            "coarse_frames": self.coarse_frames >= 1,
            "errors": self.errors in _ERRORS,
            "standard": all(0 < v < 1 for v in self.standard.values()),
        }
        for name, good in checks.items():
            if not good:
                within = self.__dataclass_fields__[name].metadata["range"]
                raise SettingError(
                    f"{self.name}: {name} = {getattr(self, name)!r}; expected {within}"
                )
        if len(self.standard) > 1:
            raise SettingError(
                f"{self.name}: standard = {self.standard!r}; expected one phase, as in "
                "{'Al2O3': 0.1}"
            )
        for pair in (*self.exclude, *self.humps):
            if len(pair) != 2:
                raise SettingError(f"{self.name}: {pair!r}; expected two numbers (deg)")
        if any(a >= b for a, b in self.exclude):
            raise SettingError(f"{self.name}: exclude = {self.exclude}; expected (from, to) pairs")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise SettingError(f"{self.name}: low = {self.low} is not below high = {self.high}")

    def _make_plain(self) -> None:
        """Bring settings into the form in which a recipe can hold them."""
        set_ = object.__setattr__
        if isinstance(self.widths, Mapping):
            set_(self, "widths", {k: _words(v) for k, v in self.widths.items()})
        else:
            set_(self, "widths", _words(self.widths))
        for name in ("phases", "corrections", "profile", "factors", "refine", "hold"):
            value = getattr(self, name)
            if isinstance(value, str | Path | Phase | Mapping):
                value = (value,)
            set_(self, name, tuple(str(v) if isinstance(v, Path) else v for v in value))
        set_(self, "instrument", str(self.instrument))
        set_(self, "start", dict(self.start or {}))
        set_(self, "harmonics", dict(self.harmonics or {}))
        for name in ("march_dollase", "uniaxial"):
            axes = (getattr(self, name) or {}).items()
            set_(self, name, {k: tuple(float(i) for i in v) for k, v in axes})
        set_(self, "standard", {k: float(v) for k, v in (self.standard or {}).items()})
        set_(self, "ties", {k: str(v) for k, v in (self.ties or {}).items()})
        set_(self, "bounds", {k: _pair(self.name, k, v) for k, v in (self.bounds or {}).items()})
        set_(self, "restraints", tuple(_restraint(self.name, r) for r in self.restraints))
        for name in ("exclude", "humps"):
            set_(self, name, tuple(tuple(float(v) for v in pair) for pair in getattr(self, name)))

    def used(self, x: FloatArray) -> BoolArray:
        """Which of the points x (deg) count: those in the range, and not excluded."""
        low, high = self._range()
        use = (x >= low) & (x <= high)
        for first, last in self.exclude:
            use &= ~((x >= first) & (x <= last))
        return use

    def _check_names(self, phases: list[Phase]) -> None:
        """Refuse settings by phase that name none."""
        known = [p.name for p in phases]
        by_phase: dict[str, Mapping[str, Any]] = {
            "march_dollase": self.march_dollase,
            "harmonics": self.harmonics,
            "uniaxial": self.uniaxial,
            "standard": self.standard,
        }
        if isinstance(self.widths, Mapping):
            by_phase["widths"] = self.widths
        for what, names in by_phase.items():
            if unknown := [n for n in names if n not in known]:
                raise SettingError(
                    f"{self.name}: {what} names the phase {unknown[0]!r}; there are "
                    f"{', '.join(known)}"
                )

    def _widths_of(self, name: str) -> tuple[str, ...]:
        if not isinstance(self.widths, Mapping):
            return self.widths
        return self.widths.get(name, ("size", "strain"))

    def _range(self) -> tuple[float, float]:
        return (
            -np.inf if self.low is None else self.low,
            np.inf if self.high is None else self.high,
        )


def _words(value: str | Sequence[str]) -> tuple[str, ...]:
    """One word or several."""
    return (value,) if isinstance(value, str) else tuple(value)


def _pair(method: str, name: str, value: Any) -> tuple[float, float]:
    """Bounds as two numbers in order."""
    try:
        low, high = (float(v) for v in value)
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not low < high:
        raise SettingError(f"{method}: bounds of {name!r} are {value!r}; expected (lower, upper)")
    return low, high


def _restraint(method: str, value: Any) -> RestraintSpec:
    try:
        phase, sites, distance, sigma = value
        return str(phase), str(sites), float(distance), float(sigma)
    except (TypeError, ValueError):
        raise SettingError(
            f"{method}: restraint {value!r}; expected (phase, sites, distance, uncertainty), "
            "e.g. ('CuO', 'Cu1-O1', 1.95, 0.01)"
        ) from None
