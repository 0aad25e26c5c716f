"""How many components a series has: Malinowski's errors, indicator and tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

FloatArray = NDArray[np.float64]

_SIGNIFICANT = 0.05
# Series have fewer components than this; the ratios of the last eigenvalues mean nothing.
_MOST = 20


@dataclass(frozen=True)
class Indicators:
    """What eigenvalues say if the first n = 1 … c of them are of components.

    Parameters
    ----------
    eigenvalue : array (c,)
        Squares of the singular values, largest first.
    variance : array (c,)
        Cumulative share of the sum of squares.
    real_error : array (c,)
        RE, the noise left over; NaN at n = c.
    imbedded_error : array (c,)
        IE, the part of it that stays in the reproduced data.
    indicator : array (c,)
        IND, smallest at the number of components.
    reduced_eigenvalue : array (c,)
        REV, equal for those of noise alone.
    significance : array (c,)
        Probability of so large a REV among those of noise; NaN at n = c.
    growth : array (c,)
        Growth ratio GR, largest at the number of components; NaN at n > c − 2.
    """

    eigenvalue: FloatArray
    variance: FloatArray
    real_error: FloatArray
    imbedded_error: FloatArray
    indicator: FloatArray
    reduced_eigenvalue: FloatArray
    significance: FloatArray
    growth: FloatArray

    def suggestions(self) -> dict[str, int]:
        """Numbers of components: least ``ind``, last significant by ``f_test``, most ``growth``.

        The first two suppose noise of one size that is independent from point to point; drifts,
        misaligned energies and errors of normalisation count as components (A. Manceau, M.
        Marcus and T. Lenoir, J. Synchrotron Rad. 21 (2014) 1140). The growth ratio
        stands noise that is correlated between frames and between points; it wants many of
        both, and components well above the noise, and looks among the first 20.
        """
        known = np.isfinite(self.indicator)
        if not known.any():
            return {"ind": 1, "f_test": 1, "growth": 1}
        least = int(np.argmin(np.where(known, self.indicator, np.inf))) + 1
        grown = self.growth[:_MOST]
        growth = int(np.argmax(np.where(np.isfinite(grown), grown, -np.inf))) + 1
        noise = np.flatnonzero(~(self.significance < _SIGNIFICANT))
        return {"ind": least, "f_test": max(int(noise[0]), 1), "growth": growth}

    def within(self, noise: float, shape: tuple[int, int]) -> int:
        """The fewest components that leave no more than a known noise.

        The real error of r·(c−n) points itself scatters by 1/√(2r(c−n)) of the noise; three
        times that is allowed.
        """
        left = max(shape) * np.maximum(min(shape) - np.arange(1, min(shape) + 1), 1)
        limit = noise * (1.0 + 3.0 / np.sqrt(2.0 * left))
        return int(np.flatnonzero(~(self.real_error > limit))[0]) + 1

    def to_plain(self) -> dict[str, list[float | None]]:
        """The arrays as lists, with None for NaN."""
        return {
            name: [float(v) if np.isfinite(v) else None for v in getattr(self, name).tolist()]
            for name in self.__dataclass_fields__
        }


def indicators(eigenvalue: FloatArray, shape: tuple[int, int]) -> Indicators:
    """Malinowski's figures for a matrix of spectra.

    With r the larger and c the smaller dimension, λ_j the eigenvalues and n components:
    RE = √(Σ_{j>n} λ_j / (r(c−n))), IE = RE·√(n/c), IND = RE/(c−n)² (E. R. Malinowski, Anal. Chem.
    49 (1977) 606 and 612), REV_n = λ_n/((r−n+1)(c−n+1)), and the F-test of REV_n against all
    smaller ones with 1 and c−n degrees of freedom (J. Chemom. 3 (1989) 49; 4 (1990) 102). With
    V_n = Σ_{j>n} λ_j, GR_n = ln(V_{n−1}/V_n) / ln(V_n/V_{n+1}) (S. C. Ahn and A. R. Horenstein,
    Econometrica 81 (2013) 1203): how steeply what is left falls up to n, over how steeply after.

    Parameters
    ----------
    eigenvalue : array (c,)
    shape : (int, int)
        Of the matrix.

    Examples
    --------
    >>> found = indicators(np.array([100.0, 10.0, 0.011, 0.010, 0.009]), (50, 5))
    >>> found.suggestions()
    {'ind': 2, 'f_test': 2, 'growth': 2}
    """
    r, c = max(shape), min(shape)
    value = np.maximum(eigenvalue[:c], 0.0)
    n = np.arange(1, c + 1)
    below = np.concatenate([np.cumsum(value[::-1])[::-1][1:], [0.0]])
    freedom = (r - n + 1.0) * (c - n + 1.0)
    room = np.concatenate([np.cumsum(freedom[::-1])[::-1][1:], [0.0]])
    left = (c - n).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        real = np.where(left > 0, np.sqrt(below / (r * left)), np.nan)
        f = np.where(left > 0, (value / freedom) * room / below, np.nan)
        # Tail of F with 1 and ν degrees of freedom.
        tail = betainc(0.5 * np.maximum(left, 1.0), 0.5, left / (left + f))
        return Indicators(
            eigenvalue=value,
            variance=np.cumsum(value) / value.sum(),
            real_error=real,
            imbedded_error=real * np.sqrt(n / c),
            indicator=np.where(left > 0, real / np.maximum(left, 1.0) ** 2, np.nan),
            reduced_eigenvalue=value / freedom,
            significance=np.where(left > 0, np.where(np.isnan(tail), 0.0, tail), np.nan),
            growth=_growth(value),
        )


def _growth(value: FloatArray) -> FloatArray:
    """Growth ratios of eigenvalues (c,), largest first; NaN for the last two."""
    left = np.concatenate([np.cumsum(value[::-1])[::-1], [0.0]])
    out = np.full(len(value), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        fall = np.log(left[:-2] / left[1:-1])
        out[: max(len(value) - 2, 0)] = fall[:-1] / fall[1:]
    return out
