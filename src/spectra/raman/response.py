"""`raman.Response`: divide by how well the spectrometer sees each Raman shift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray

from spectra.corrected import errors_of, remark, signal_of, usable, with_errors
from spectra.correction import Correction
from spectra.errors import SettingError
from spectra.fit.interpolate import interpolate_errors, interpolate_rows
from spectra.raman.frames import check_window, load_spectra, within
from spectra.settings import setting
from spectra.stack import Stack

FloatArray = NDArray[np.float64]

_FEWEST = 4
# Repeats from whose scatter nothing is learnt.
_FEW = 2


@dataclass(frozen=True, kw_only=True)
class Response(Correction):
    """Divide spectra by the relative response of the spectrometer.

    The response is the spectrum of a luminescence standard as this spectrometer measured it, over
    the certified one, a polynomial in the Raman shift (ASTM E2911; S. J. Choquette et al., Appl.
    Spectrosc. 61 (2007) 117, for NIST's SRM 2241 to 2243). It is brought to the mean 1 over the
    points given, and interpolated between them by the polynomial through four. Points outside
    of what was measured, or of the range certified, become NaN.

    Relative uncertainties of intensity and response are added in quadrature, where both are
    known; what the response brings is common to all spectra, and neighbouring points share it.
    `Response.of` takes the spectrum of the standard from a Stack.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> shift = np.arange(200.0, 1000.0, 2.0)
    >>> band = 500 / (1 + ((shift - 520) / 6) ** 2)
    >>> sensitivity = 1 - ((shift - 600) / 800) ** 2
    >>> stack = Stack.from_arrays(
    ...     shift, band * sensitivity, axis_name="raman_shift", axis_unit="1/cm")
    >>> flat = Response(shift=shift, measured=sensitivity, certified=(1.0,))(stack)
    >>> bool(np.ptp(flat.signal[0, 10:-10] / band[10:-10]) < 1e-6)
    True
    """

    name: ClassVar[str] = "raman.Response"

    shift: tuple[float, ...] = setting((), "Raman shifts of the standard's points", unit="1/cm")
    measured: tuple[float, ...] = setting((), "intensities of the standard as measured")
    measured_stderr: tuple[float, ...] = setting(
        (), "their standard uncertainties; none takes them for free of noise"
    )
    certified: tuple[float, ...] = setting(
        (1.0,), "coefficients of the certified intensity: of 1, of the Raman shift, of its square …"
    )
    window: tuple[()] | tuple[float, float] = setting(
        (), "range certified; empty takes all", unit="1/cm"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        x, y = np.array(self.shift, dtype=float), np.array(self.measured, dtype=float)
        if len(x) < _FEWEST or len(x) != len(y):
            raise SettingError(
                f"{self.name}: shift and measured are {len(x)} Raman shifts and {len(y)} "
                f"intensities of the standard; expected as many of both, {_FEWEST} or more"
            )
        if not (np.diff(x) > 0).all() or not np.isfinite(y).all():
            raise SettingError(
                f"{self.name}: expected rising Raman shifts and finite intensities of the standard"
            )
        if len(self.measured_stderr) not in (0, len(x)):
            raise SettingError(
                f"{self.name}: measured_stderr has {len(self.measured_stderr)} uncertainties; "
                f"expected one for each of {len(x)} points, or none"
            )
        if negative := [v for v in self.measured_stderr if v < 0]:
            raise SettingError(
                f"{self.name}: measured_stderr holds {negative[0]:g}; expected 0 or more"
            )
        if not self.certified:
            raise SettingError(f"{self.name}: certified = (); expected a coefficient or more")
        check_window(self.name, self.window)

    @classmethod
    def of(
        cls,
        standard: Stack,
        certified: Sequence[float] = (1.0,),
        *,
        window: tuple[()] | tuple[float, float] = (),
    ) -> Self:
        """The response by spectra of a standard.

        Parameters
        ----------
        standard : Stack
            Repeats are averaged. The uncertainty is that of their scatter if there are three or
            more, and what their own uncertainties or counts say if there are fewer.
        certified : sequence of float
            Coefficients of rising powers, as in the certificate.
        window : tuple of float
            Range of Raman shifts certified (1/cm); all if empty.
        """
        full = load_spectra(standard, cls.name)
        rows, errors = signal_of(full)[usable(full)], errors_of(full)
        known = np.isfinite(rows).all(axis=0) & within(full.x, window)
        rows = rows[:, known]
        stderr: tuple[float, ...] = ()
        if len(rows) > _FEW:
            stderr = tuple((rows.std(axis=0, ddof=1) / np.sqrt(len(rows))).tolist())
        elif errors is not None and len(rows):
            own = errors[usable(full)][:, known]
            stderr = tuple((np.sqrt((own**2).sum(axis=0)) / len(rows)).tolist())
        return cls(
            shift=tuple(full.x[known].tolist()),
            measured=tuple(rows.mean(axis=0).tolist()) if len(rows) else (),
            measured_stderr=stderr,
            certified=tuple(certified),
            window=window,
        )

    def response(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Relative response and its standard uncertainty at Raman shifts (points,); NaN outside."""
        own = np.array(self.shift)
        light = polynomial.polyval(own, np.array(self.certified))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.array(self.measured) / light
            stderr = np.array(self.measured_stderr or np.zeros(len(own))) / np.abs(light)
        used = within(own, self.window) & (ratio > 0) & np.isfinite(ratio)
        mean = ratio[used].mean() if used.any() else np.nan
        rows = np.where(used, ratio / mean, np.nan)[None]
        found = interpolate_rows(own, rows, x[None])[0]
        errors = interpolate_errors(own, (stderr / mean)[None], x[None])[0]
        return np.where(found > 0, found, np.nan), errors

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = load_spectra(stack, self.name)
        spectra, errors = signal_of(full), errors_of(full)
        seen, stderr = self.response(full.x)
        good = usable(full)[:, None]
        divisor = np.where(good, seen, 1.0)
        new = spectra / divisor
        corrected = replace(full, signal=new)
        if errors is not None:
            relative = np.where(good, stderr / seen, 0.0)
            corrected = with_errors(corrected, np.hypot(errors / divisor, new * relative))
        lost = ~np.isfinite(new).any(axis=1) & usable(full)
        remarks = dict.fromkeys(
            np.flatnonzero(lost).tolist(), "no point within the range of the response"
        )
        known = np.isfinite(seen)
        return remark(corrected, remarks, bad=True), {
            "points": int(known.sum()),
            "smallest": float(seen[known].min()) if known.any() else None,
            "largest": float(seen[known].max()) if known.any() else None,
        }
