"""The lines of a powder pattern: where each stands, how strong and how wide it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Lines:
    """Pseudo-Voigt lines of some frames, with their derivatives by the parameters.

    Attributes
    ----------
    center : array (rows, L)
        Position, deg 2θ.
    area : array (rows, L)
        Integrated intensity, counts·deg; zero for a line out of reach.
    fwhm : array (rows, L)
        Full width at half maximum, deg.
    eta : array (rows, L)
        Lorentzian share.
    slopes : array (rows, L, 4, P)
        Derivatives of centre, area, fwhm and eta by the P parameters.
    """

    center: FloatArray
    area: FloatArray
    fwhm: FloatArray
    eta: FloatArray
    slopes: FloatArray

    @classmethod
    def concatenate(cls, parts: Sequence[Lines]) -> Lines:
        """Put the lines of several phases side by side."""
        return cls(
            **{
                name: np.concatenate([getattr(part, name) for part in parts], axis=1)
                for name in cls.__annotations__
            }
        )

    def lines(self, which: NDArray[np.intp]) -> Lines:
        """Some of the lines of all rows."""
        return Lines(**{name: values[:, which] for name, values in vars(self).items()})

    def take(self, part: slice) -> Lines:
        """The lines of some of the rows."""
        return Lines(**{name: values[part] for name, values in vars(self).items()})
