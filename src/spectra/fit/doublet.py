"""Lines of a laboratory tube: a profile at Kα1 and once more at Kα2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.fit.lineshapes import Profile

FloatArray = NDArray[np.float64]
Gradient = tuple[FloatArray, ...]


@dataclass(frozen=True)
class Doublet:
    """A profile as the Kα1/Kα2 doublet of a laboratory tube, of unit total area.

    Both components have the same shape. The centre is that of Kα1 at 2θ₁ (deg); Kα2 stands
    at 2θ₂ = 2 arcsin((λ₂/λ₁) sin θ₁) by Bragg's law. Where that has no solution it is left
    out.

    Parameters
    ----------
    profile : Profile
    wavelength_ratio : float
        λ₂/λ₁.
    intensity_ratio : float
        r = I(Kα2)/I(Kα1); the components have areas 1/(1 + r) and r/(1 + r).
    """

    profile: Profile
    wavelength_ratio: float
    intensity_ratio: float

    @property
    def name(self) -> str:
        """Name of the profile."""
        return self.profile.name

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Parameters after the centre."""
        return self.profile.shape_names

    @property
    def bounds(self) -> Mapping[str, tuple[float, float]]:
        """Allowed range of each shape parameter."""
        return self.profile.bounds

    @property
    def defaults(self) -> Mapping[str, float]:
        """Where shape parameters that are not widths start."""
        return self.profile.defaults

    def value(self, x: ArrayLike, center: ArrayLike, *shape: ArrayLike) -> FloatArray:
        """Doublet at x: (..., points)."""
        second, share, _ = self._second(center)
        first = self.profile.value(x, center, *shape)
        return (1.0 - share) * first + share * self.profile.value(x, second, *shape)

    def value_and_gradient(
        self, x: ArrayLike, center: ArrayLike, *shape: ArrayLike
    ) -> tuple[FloatArray, Gradient]:
        """Doublet and its derivatives by the centre of Kα1 and each shape parameter."""
        second, share, slope = self._second(center)
        one, gradient_one = self.profile.value_and_gradient(x, center, *shape)
        two, gradient_two = self.profile.value_and_gradient(x, second, *shape)
        rest = 1.0 - share
        by_center = rest * gradient_one[0] + share * slope * gradient_two[0]
        others = zip(gradient_one[1:], gradient_two[1:], strict=True)
        return rest * one + share * two, (by_center, *(rest * a + share * b for a, b in others))

    def peak_height_and_gradient(self, *shape: ArrayLike) -> tuple[FloatArray, Gradient]:
        """Height of the Kα1 component alone, and its derivatives by the shape parameters."""
        height, gradient = self.profile.peak_height_and_gradient(*shape)
        share = 1.0 / (1.0 + self.intensity_ratio)
        return share * height, tuple(share * g for g in gradient)

    def _second(self, center: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Centre of Kα2, its share of the area, and its derivative by the centre of Kα1."""
        theta = np.radians(0.5 * np.asarray(center, dtype=float))
        sine = self.wavelength_ratio * np.sin(theta)
        reached = np.abs(sine) < 1.0
        sine = np.where(reached, sine, 0.0)
        slope = self.wavelength_ratio * np.cos(theta) / np.sqrt(1.0 - sine**2)
        share = np.where(reached, self.intensity_ratio / (1.0 + self.intensity_ratio), 0.0)
        return np.degrees(2.0 * np.arcsin(sine)), share, slope
