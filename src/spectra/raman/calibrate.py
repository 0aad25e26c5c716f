"""`raman.Calibrate`: the Raman shifts of a whole stack, by the lines of a standard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray

from spectra.corrected import signal_of, usable
from spectra.correction import Correction
from spectra.errors import SettingError, StackError
from spectra.fit.medians import median_of_finite
from spectra.raman.frames import check_laser, laser_of, load_spectra
from spectra.raman.lines import Lines, find_lines, lines_of
from spectra.settings import setting
from spectra.stack import Stack

FloatArray = NDArray[np.float64]


class Curve(NamedTuple):
    """What is added to Raman shifts: a polynomial in u = (x - middle)/half.

    Parameters
    ----------
    middle, half : float
    coefficients : array (degree + 1,)
    covariance : array (degree + 1, degree + 1)
    chi2 : float
        Of the lines, by the uncertainties they came with.
    """

    middle: float
    half: float
    coefficients: FloatArray
    covariance: FloatArray
    chi2: float

    def values(self, x: FloatArray) -> FloatArray:
        """The shift at positions (points,)."""
        return np.asarray(polynomial.polyval((x - self.middle) / self.half, self.coefficients))

    def stderr(self, x: FloatArray) -> FloatArray:
        """Its standard uncertainty there."""
        powers = polynomial.polyvander((x - self.middle) / self.half, len(self.coefficients) - 1)
        return np.asarray(np.sqrt(np.einsum("pi,ij,pj->p", powers, self.covariance, powers)))


@dataclass(frozen=True, kw_only=True)
class Calibrate(Correction):
    """Move the axis so that the lines of a standard lie where they should.

    The differences between where lines should be and where they are found are fitted by a
    polynomial of low degree (0 is a shift), weighted by the uncertainties of both. Where the
    lines scatter by more than these say, the uncertainty of the polynomial is enlarged by the
    root of χ² per degree of freedom. It is recorded, for the axis as a whole and at each line.
    Beyond the outermost lines a polynomial of degree 1 or more is extrapolated.

    Lines are looked for in the median of the usable frames, unless it is told where they were
    found: `Calibrate.of` takes them from the spectrum of a standard, for stacks of samples. No
    number but the axis changes. Lines of neon need the wavelength of the laser in air, from the
    setting or the stack's metadata.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> shift = np.arange(200.0, 1000.0, 2.0)
    >>> band = 500 / (1 + ((shift - 520) / 6) ** 2)
    >>> stack = Stack.from_arrays(
    ...     shift, band, axis_name="raman_shift", axis_unit="1/cm")
    >>> moved = Calibrate(standard="Si")(stack)
    >>> float((moved.x - stack.x)[0].round(1))
    0.5
    """

    name: ClassVar[str] = "raman.Calibrate"

    standard: str = setting("Si", "Si, polystyrene or neon; other lines need no name")
    lines: tuple[float, ...] = setting((), "lines instead of the standard's", unit="1/cm")
    lines_stderr: tuple[float, ...] = setting((), "their standard uncertainties", unit="1/cm")
    found: tuple[float, ...] = setting(
        (), "where each line was found, in the same order; empty looks for them", unit="1/cm"
    )
    found_stderr: tuple[float, ...] = setting((), "standard uncertainties of that", unit="1/cm")
    degree: int = setting(0, "degree of the polynomial; 0 is a shift", within="0 to 4")
    search: float = setting(
        12.0, "how far a line may be from its place", unit="1/cm", within="above 0"
    )
    laser: float = setting(0.0, "laser line in air; 0 takes that of the metadata", unit="nm")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.degree <= 4:
            raise SettingError(f"{self.name}: degree = {self.degree!r}; expected 0 to 4")
        check_laser(self.name, self.laser)
        if not self.search > 0:
            raise SettingError(f"{self.name}: search = {self.search!r}; expected 1/cm above 0")
        for values, others, what in (
            (self.lines_stderr, self.lines, "lines_stderr and lines"),
            (self.found_stderr, self.found, "found_stderr and found"),
        ):
            if len(values) not in (0, len(others)):
                raise SettingError(f"{self.name}: {what} differ in number")
        if list(self.lines) != sorted(set(self.lines)):
            raise SettingError(f"{self.name}: lines = {self.lines!r}; expected rising Raman shifts")
        if self.found and len(self.found) != len(self.lines):
            raise SettingError(
                f"{self.name}: {len(self.found)} lines found of {len(self.lines)}; expected lines "
                "and found to go together, as Calibrate.of makes them"
            )

    @classmethod
    def of(cls, spectra: Stack, **settings: Any) -> Self:
        """The calibration by the spectrum of a standard, to be applied to other stacks.

        Parameters
        ----------
        spectra : Stack
        **settings
            Of `Calibrate`.

        Raises
        ------
        StackError
            If too few lines are found.
        """
        own = cls(**settings)
        known, found, stderr = own._look(load_spectra(spectra, cls.name))
        return replace(
            own,
            lines=tuple(known.position.tolist()),
            lines_stderr=tuple(known.stderr.tolist()),
            found=tuple(found.tolist()),
            found_stderr=tuple(stderr.tolist()),
        )

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = load_spectra(stack, self.name)
        if self.found:
            known, found = self._given_lines(), np.array(self.found)
            stderr = np.array(self.found_stderr or np.zeros(len(found)))
        else:
            known, found, stderr = self._look(full)
        curve = self._fit(known, found, stderr)
        x = full.x + curve.values(full.x)
        if not (np.diff(x) > 0).all():
            raise StackError(
                f"{self.name}: a polynomial of degree {self.degree} through {len(found)} lines "
                "turns the axis back on itself; lower the degree"
            )
        moved = replace(full, axis=replace(full.axis, values=x))
        rest = known.position - found - curve.values(found)
        between = (full.x >= found.min()) & (full.x <= found.max())
        at = full.x[between] if between.any() else found
        return moved, {
            "source": known.source,
            "lines": [
                {"line": a, "line_stderr": e, "found": b, "stderr": s, "rest": r}
                for a, e, b, s, r in zip(
                    *(v.tolist() for v in (known.position, known.stderr, found, stderr, rest)),
                    strict=True,
                )
            ],
            "shift": float(curve.values(found).mean()),
            "stderr": float(curve.stderr(at).max()),
            "middle": curve.middle,
            "half": curve.half,
            "coefficients": curve.coefficients.tolist(),
            "covariance": curve.covariance.tolist(),
            "chi2": curve.chi2,
        }

    def _given_lines(self, laser: float | None = None) -> Lines:
        """Lines of the settings, or of the standard they name."""
        if not self.lines:
            return lines_of(self.standard, self.laser or laser)
        stderr = np.array(self.lines_stderr or np.zeros(len(self.lines)))
        return Lines(np.array(self.lines), stderr, "lines given")

    def _look(self, full: Stack) -> tuple[Lines, FloatArray, FloatArray]:
        """Lines that are found in a stack, where, and how surely."""
        stated = None if self.lines or self.laser else laser_of(full, self.name)
        known = self._given_lines(stated)
        good = usable(full)
        if not good.any():
            raise StackError(f"{self.name}: no frame is usable")
        typical = median_of_finite(signal_of(full)[good], 0)
        found, stderr = find_lines(full.x, typical, known.position, self.search)
        seen = np.isfinite(found)
        if seen.sum() <= self.degree:
            whose = "those given" if self.lines else self.standard
            raise StackError(
                f"{self.name}: {seen.sum()} lines of {whose} "
                f"found within {self.search:g} 1/cm from their places; a polynomial of "
                f"degree {self.degree} needs {self.degree + 1}; check standard, search and degree"
            )
        return (
            Lines(known.position[seen], known.stderr[seen], known.source),
            found[seen],
            stderr[seen],
        )

    def _fit(self, known: Lines, found: FloatArray, stderr: FloatArray) -> Curve:
        if len(found) <= self.degree:
            raise StackError(
                f"{self.name}: {len(found)} lines; degree {self.degree} needs {self.degree + 1}"
            )
        sigma = np.hypot(known.stderr, stderr)
        # Lines without any uncertainty weigh alike; their scatter alone tells.
        unknown = not (sigma > 0).all()
        weights = np.ones(len(found)) if unknown else 1.0 / sigma
        middle = float((found.max() + found.min()) / 2)
        half = float(np.ptp(found) / 2) or 1.0
        powers = polynomial.polyvander((found - middle) / half, self.degree)
        inverse = np.linalg.pinv(powers * weights[:, None])
        wanted = known.position - found
        coefficients = inverse @ (wanted * weights)
        chi2 = float((((wanted - powers @ coefficients) * weights) ** 2).sum())
        freedom = len(found) - self.degree - 1
        scatter = chi2 / freedom if freedom else (np.nan if unknown else 1.0)
        factor = scatter if unknown else max(scatter, 1.0)
        return Curve(middle, half, coefficients, factor * inverse @ inverse.T, chi2)
