"""What belongs to the diffractometer: radiation, geometry, widths, and our own file of it."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import ReaderError, SettingError, StoreError, reason
from spectra.reference import emission_spectrum
from spectra.reference import radiation as tube

FloatArray = NDArray[np.float64]

PROFILE_NAMES = ("u", "v", "w", "p", "x", "y", "z", "s_l", "h_l", "soller", "soller_sum")
REFINABLE = (*PROFILE_NAMES, "zero", "polarisation")
RADIATIONS = ("xray", "neutron")
GEOMETRIES = ("debye_scherrer", "bragg_brentano")
_FORMAT = "spectra instrument 1"
_LONGEST = 100.0


@dataclass(frozen=True)
class EmissionLine:
    """One wavelength (angstrom), its weight, and its natural full width (angstrom).

    The weights of an instrument have the sum 1.
    """

    wavelength: float
    weight: float = 1.0
    fwhm: float = 0.0


@dataclass(frozen=True)
class Instrument:
    """A diffractometer of constant wavelength.

    Parameters
    ----------
    lines : tuple of EmissionLine
        The first is the one positions are given for.
    radiation : {"xray", "neutron"}
    geometry : {"debye_scherrer", "bragg_brentano"}
    polarisation : float
        P of `intensity.Polarisation`; 1 for neutrons.
    monochromator : float
        2θ_M of `intensity.Polarisation` (deg).
    radius : float, optional
        Of the diffractometer (mm).
    u, v, w, p : float
        Γ_G² = u·tan²θ + v·tanθ + w + p/cos²θ (deg², of a full width at half maximum).
    x, y, z : float
        Γ_L = x/cosθ + y·tanθ + z (deg).
    s_l, h_l : float
        Half heights of sample and detector slit over the radius.
    soller, soller_sum : float
        Apertures (rad) of `soller.SollerSlits`, where both beams diverge.
    zero : float
        Offset of the 2θ scale, observed less true (deg).
    refined : tuple of str
        Values that were refined from a standard, of `REFINABLE`.
    covariance : tuple of tuple of float
        Their covariance matrix.
    name, source : str

    Raises
    ------
    SettingError
        For values that no diffractometer has.

    Examples
    --------
    >>> Instrument(emission_lines("Cu Ka1"), geometry="bragg_brentano").wavelength
    1.5405929
    """

    lines: tuple[EmissionLine, ...]
    radiation: str = "xray"
    geometry: str = "debye_scherrer"
    polarisation: float = 0.5
    monochromator: float = 0.0
    radius: float | None = None
    u: float = 0.0
    v: float = 0.0
    w: float = 1e-3
    p: float = 0.0
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    s_l: float = 0.0
    h_l: float = 0.0
    soller: float = 0.0
    soller_sum: float = 0.0
    zero: float = 0.0
    refined: tuple[str, ...] = ()
    covariance: tuple[tuple[float, ...], ...] = ()
    name: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        _check_lines(self.lines)
        for field, allowed in (("radiation", RADIATIONS), ("geometry", GEOMETRIES)):
            if getattr(self, field) not in allowed:
                raise SettingError(
                    f"{field} {getattr(self, field)!r}; expected {' or '.join(allowed)}"
                )
        for field in (*REFINABLE, "monochromator"):
            if not math.isfinite(getattr(self, field)):
                raise SettingError(f"{field} {getattr(self, field)}; expected a number")
        if not 0.0 <= self.polarisation <= 1.0:
            raise SettingError(f"polarisation {self.polarisation}; expected 0 to 1")
        if self.radiation == "neutron" and self.polarisation != 1.0:
            raise SettingError(
                f"polarisation {self.polarisation} with neutrons; give 1, for which the "
                "polarisation factor is 1"
            )
        if self.radius is not None and not (math.isfinite(self.radius) and self.radius > 0):
            raise SettingError(f"radius {self.radius}; expected millimetres above 0")
        for field in ("s_l", "h_l", "soller", "soller_sum"):
            if not 0.0 <= getattr(self, field) < 1.0:
                raise SettingError(f"{field} {getattr(self, field)}; expected 0 to 1")
        _check_covariance(self.refined, self.covariance)

    @property
    def wavelength(self) -> float:
        """Of the first line (angstrom)."""
        return self.lines[0].wavelength

    @property
    def values(self) -> dict[str, float]:
        """The values a refinement may change, by name."""
        return {n: float(getattr(self, n)) for n in REFINABLE}

    @property
    def stderr(self) -> dict[str, float]:
        """Standard uncertainties of those that were refined from a standard."""
        return {n: math.sqrt(self.covariance[i][i]) for i, n in enumerate(self.refined)}

    def to_plain(self) -> dict[str, Any]:
        """The instrument as plain data that `from_plain` takes back."""
        return {k: v for k, v in dataclasses.asdict(self).items() if v is not None}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Instrument:
        """Make the instrument again from what `to_plain` gave."""
        return cls(**_fields(dict(data)))

    def refined_to(
        self, values: Mapping[str, float], covariance: ArrayLike | None = None, source: str = ""
    ) -> Instrument:
        """The instrument with values from a refinement of a standard.

        Parameters
        ----------
        values : mapping
            Of names of `REFINABLE`.
        covariance : array (n, n), optional
            Of these values in their order.
        source : str
            What they were refined from.
        """
        unknown = [n for n in values if n not in REFINABLE]
        if unknown:
            raise SettingError(f"no value {unknown[0]!r}; there are {', '.join(REFINABLE)}")
        matrix = [] if covariance is None else np.asarray(covariance, dtype=float).tolist()
        changes: dict[str, Any] = {n: float(v) for n, v in values.items()}
        changes["refined"] = () if covariance is None else tuple(values)
        changes["covariance"] = tuple(tuple(row) for row in matrix)
        return dataclasses.replace(self, **changes, source=source or self.source)


def emission_lines(spec: str | float | Sequence[float]) -> tuple[EmissionLine, ...]:
    """Emission lines of a tube or of given wavelengths.

    Parameters
    ----------
    spec : str, float or sequence of float
        A name of `reference.radiation` ("Cu", "Cu Ka1"), "Cu spectrum" for the doublet as the
        sum of Lorentzians that it is, a wavelength (angstrom), or two wavelengths and the ratio
        of the second's intensity to the first's.

    Examples
    --------
    >>> [round(line.weight, 4) for line in emission_lines("Cu")]
    [0.6667, 0.3333]
    """
    if isinstance(spec, str) and spec.endswith(" spectrum"):
        return tuple(EmissionLine(*line) for line in emission_spectrum(spec.split()[0]))
    if isinstance(spec, str):
        known = tube(spec)
        if known.wavelength2 is None:
            return (EmissionLine(known.wavelength),)
        spec = (known.wavelength, known.wavelength2, known.ratio)
    if isinstance(spec, (int, float)):
        return (EmissionLine(float(spec)),)
    if len(spec) != 3:
        raise SettingError(
            f"{len(spec)} numbers for the emission lines; expected a wavelength, or two and the "
            "ratio of their intensities"
        )
    first, second, ratio = (float(v) for v in spec)
    if not (math.isfinite(ratio) and ratio > 0):
        raise SettingError(f"ratio of intensities {ratio}; expected a number above 0")
    weight = 1.0 / (1.0 + ratio)
    return (EmissionLine(first, weight), EmissionLine(second, 1.0 - weight))


def _check_lines(lines: tuple[EmissionLine, ...]) -> None:
    if not lines:
        raise SettingError("an instrument without emission lines; give emission_lines('Cu')")
    for line in lines:
        if not 0.0 < line.wavelength < _LONGEST:
            raise SettingError(f"wavelength {line.wavelength}; expected angstrom, 0 to 100")
        if not 0.0 <= line.fwhm < line.wavelength:
            raise SettingError(f"width {line.fwhm} of an emission line; expected angstrom, from 0")
        if not 0.0 < line.weight <= 1.0:
            raise SettingError(f"weight {line.weight} of an emission line; expected 0 to 1")
    total = sum(line.weight for line in lines)
    if abs(total - 1.0) > 1e-6:
        raise SettingError(f"weights of the emission lines with the sum {total}; expected 1")


def _check_covariance(names: tuple[str, ...], matrix: tuple[tuple[float, ...], ...]) -> None:
    unknown = [n for n in names if n not in REFINABLE]
    if unknown or len(set(names)) < len(names):
        raise SettingError(f"refined {names}; expected different ones of {', '.join(REFINABLE)}")
    if len(matrix) != len(names) or any(len(row) != len(names) for row in matrix):
        raise SettingError(f"covariance of {len(names)} values; expected as many rows and columns")
    values = np.array(matrix).reshape(len(names), len(names))
    if not np.isfinite(values).all() or (np.diag(values) < 0).any():
        raise SettingError("covariance with a negative variance or what is not a number")
    if not np.allclose(values, values.T, rtol=1e-6, atol=0.0):
        raise SettingError("covariance that is not symmetric")


def write_instrument(instrument: Instrument, path: str | Path) -> None:
    """Write our own file of an instrument, TOML, which `read_instrument` takes back exactly.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    try:
        Path(path).write_text(_to_toml(instrument), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path}: {reason(error)}") from None


def _to_toml(instrument: Instrument) -> str:
    """All fields; of the strings JSON writes what TOML reads."""
    rows = [f"format = {json.dumps(_FORMAT)}"]
    rows += [f"{n} = {_quoted(getattr(instrument, n))}" for n in ("name", "source")]
    rows += [f"{n} = {json.dumps(getattr(instrument, n))}" for n in ("radiation", "geometry")]
    rows += [f"{n} = {getattr(instrument, n)!r}" for n in ("polarisation", "monochromator")]
    rows[-1] += "  # 2theta, deg"
    if instrument.radius is not None:
        rows.append(f"radius = {float(instrument.radius)!r}  # mm")
    rows.append(f"zero = {float(instrument.zero)!r}  # deg, observed less true")
    rows += ["refined = [" + ", ".join(json.dumps(n) for n in instrument.refined) + "]"]
    rows.append("covariance = [")
    rows += ["  [" + ", ".join(repr(float(v)) for v in r) + "]," for r in instrument.covariance]
    rows += ["]", "", "[profile]  # u, v, w, p in deg^2 and x, y, z in deg, full widths"]
    rows += [f"{n} = {float(getattr(instrument, n))!r}" for n in PROFILE_NAMES]
    for line in instrument.lines:
        rows += ["", "[[lines]]", f"wavelength = {float(line.wavelength)!r}  # angstrom"]
        rows.append(f"weight = {float(line.weight)!r}")
        if line.fwhm:
            rows.append(f"fwhm = {float(line.fwhm)!r}  # angstrom")
    return "\n".join(rows) + "\n"


def _quoted(text: str) -> str:
    # DEL, which JSON leaves as it is and TOML forbids.
    return json.dumps(text, ensure_ascii=True).replace("\x7f", "\\u007F")


def from_toml(path: Path, text: str) -> Instrument:
    """Read our own file.

    Raises
    ------
    ReaderError
        If it is not one, or holds what no instrument has.
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ReaderError(
            path, f"not a TOML file ({error})", expected="an instrument", remedy="check the file"
        ) from None
    if data.get("format") != _FORMAT:
        raise ReaderError(path, f"format {data.get('format')!r}", expected=f"format = {_FORMAT!r}")
    try:
        return Instrument(**_fields(data))
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise ReaderError(
            path,
            f"not an instrument: {error}",
            expected="the keys that write_instrument writes",
            remedy="write the file again with write_instrument",
        ) from None


def _fields(data: dict[str, Any]) -> dict[str, Any]:
    """Arguments of Instrument of what the file holds."""
    plain = {k: v for k, v in data.items() if k not in ("format", "profile", "lines")}
    numbers = ("polarisation", "monochromator", "radius", "zero")
    fields: dict[str, Any] = {k: float(v) if k in numbers else v for k, v in plain.items()}
    for name in ("name", "source"):
        fields[name] = str(plain.get(name, ""))
    profile = data.get("profile", {})
    unknown = [n for n in profile if n not in PROFILE_NAMES]
    if unknown:
        raise KeyError(f"profile value {unknown[0]!r}")
    fields |= {n: float(v) for n, v in profile.items()}
    fields["refined"] = tuple(str(n) for n in plain.get("refined", ()))
    fields["covariance"] = tuple(
        tuple(float(v) for v in row) for row in plain.get("covariance", ())
    )
    fields["lines"] = tuple(
        EmissionLine(
            float(line["wavelength"]),
            float(line.get("weight", 1.0)),
            float(line.get("fwhm", 0.0)),
        )
        for line in data.get("lines", ())
    )
    return fields
