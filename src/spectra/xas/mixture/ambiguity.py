"""How far resolved spectra can be turned into others that fit the data just as well."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.spatial import ConvexHull

from spectra.errors import ResultsError
from spectra.results import Results

FloatArray = NDArray[np.float64]

_ROUNDS = 200
# Searches besides that from the answer itself.
_STARTS = 6
# Shares of a turn that are tried, until one is allowed.
_PARTS = np.concatenate([1.0 - np.geomspace(1e-9, 0.1, 17), np.linspace(0.9, 0.0, 46)])


@dataclass(frozen=True)
class Bands:
    """Extremes among the answers that fit alike, for each component.

    Parameters
    ----------
    share, share_low, share_high : array (k,)
        Signal of the component over that of all, ‖c·s‖/‖C·S‖: as resolved, least and most.
    concentration_low, concentration_high : array (frames, k)
        Of the component where its share is least and most.
    spectra_low, spectra_high : array (k, points)
    """

    share: FloatArray
    share_low: FloatArray
    share_high: FloatArray
    concentration_low: FloatArray
    concentration_high: FloatArray
    spectra_low: FloatArray
    spectra_high: FloatArray


def rotational_bands(results: Results, *, tolerance: float = 0.01) -> Bands:
    """Feasible bands of the results of `CurveResolution`.

    Every C·T with T⁻¹·S fits exactly as C with S. Among all T for which concentrations and
    spectra are not below −`tolerance` (and concentrations still add up to one where they did),
    those are sought for which the share of a component is least and most (MCR-BANDS: R. Tauler,
    J. Chemom. 15 (2001) 627; J. Jaumot and R. Tauler, Chemom. Intell. Lab. Syst. 103 (2010) 96).
    Components do not change places: each new spectrum holds more of its old one than of any
    other. Unimodality and absences are not asked for again, so that where these were, the bands
    are rather too wide. The search goes downhill from the answer given and from a few others: it
    finds extremes, and no proof that there are no wider ones.

    Parameters
    ----------
    results : Results
    tolerance : float
        How far below zero noise may carry a concentration or a spectrum.

    Raises
    ------
    ResultsError
        If the results are not of `CurveResolution`.
    """
    if results.table.name != "resolution":
        raise ResultsError(
            f"rotational_bands works on the results of xas.CurveResolution, not on a table "
            f"{results.table.name!r}"
        )
    everywhere = np.asarray(results["concentration"])
    concentration = everywhere[np.isfinite(everywhere).all(axis=1)]
    if len(concentration) == 0:
        raise ResultsError("rotational_bands: no frame has concentrations")
    spectra = np.asarray(results.attrs["spectra"])
    closed = bool(results.attrs["closed"])
    turning = _Turning(concentration, spectra, closed, tolerance)
    k = len(spectra)
    identity = np.eye(k)
    low = [turning.extreme(j, 1.0) for j in range(k)]
    high = [turning.extreme(j, -1.0) for j in range(k)]
    return Bands(
        share=np.array([turning.share(identity, j) for j in range(k)]),
        share_low=np.array([turning.share(t, j) for j, t in enumerate(low)]),
        share_high=np.array([turning.share(t, j) for j, t in enumerate(high)]),
        concentration_low=np.column_stack([everywhere @ t[:, j] for j, t in enumerate(low)]),
        concentration_high=np.column_stack([everywhere @ t[:, j] for j, t in enumerate(high)]),
        spectra_low=np.stack([np.linalg.solve(t, spectra)[j] for j, t in enumerate(low)]),
        spectra_high=np.stack([np.linalg.solve(t, spectra)[j] for j, t in enumerate(high)]),
    )


class _Turning:
    """The matrices T under which an answer stays one."""

    def __init__(
        self, concentration: FloatArray, spectra: FloatArray, closed: bool, tolerance: float
    ) -> None:
        self._gram_c, self._gram_s = concentration.T @ concentration, spectra @ spectra.T
        self._all = float(np.sqrt(np.trace(self._gram_c @ self._gram_s)))
        # A linear inequality holds for all rows if it does for the corners of their hull.
        self._c, self._s = _corners(concentration), _corners(spectra.T).T
        self._floor_c = np.minimum(-tolerance, self._c.min(initial=0.0))
        self._floor_s = np.minimum(-tolerance, self._s.min(initial=0.0))
        self._k, self._closed = len(spectra), closed

    def share(self, turn: FloatArray, j: int) -> float:
        """Share of a component after a turn."""
        # The search may step on a singular turn before it is told that it is not allowed.
        back = np.linalg.pinv(turn)
        size = (turn[:, j] @ self._gram_c @ turn[:, j]) * (back[j] @ self._gram_s @ back[j])
        return float(np.sqrt(max(size, 0.0))) / self._all

    def extreme(self, j: int, sign: float) -> FloatArray:
        """The turn with the least (`sign` 1) or largest (−1) share of a component."""
        options: Any = {"maxiter": _ROUNDS, "ftol": 1e-9}
        rule: Any = {"type": "ineq", "fun": self._room}
        best, least = self._turn(self._starts[0]), np.inf

        def signed(free: FloatArray) -> float:
            return sign * self.share(self._turn(free), j)

        for start in self._starts:
            found: Any = minimize(signed, start, method="SLSQP", constraints=rule, options=options)
            turn = self._turn(self._kept(found.x))
            if (value := sign * self.share(turn, j)) < least:
                best, least = turn, value
        return best

    @cached_property
    def _starts(self) -> list[FloatArray]:
        """No turn at all, and some into different directions as far as these go."""
        size = self._k * (self._k - 1)
        ways = np.random.default_rng(0).uniform(-1.0, 1.0, (_STARTS, size))
        return [np.zeros(size), *(self._kept(way) for way in ways)]

    def _kept(self, free: FloatArray) -> FloatArray:
        """A turn taken back so far that it is allowed."""
        for part in _PARTS:
            if self._room(part * free).min() >= 0.0:
                return np.asarray(part * free)
        return np.zeros_like(free)

    def _turn(self, free: FloatArray) -> FloatArray:
        """T from its elements off the diagonal: rows add up to one, or the diagonal is one."""
        turn = np.zeros((self._k, self._k))
        turn[~np.eye(self._k, dtype=bool)] = free
        np.fill_diagonal(turn, 1.0 - turn.sum(axis=1) if self._closed else 1.0)
        return turn

    def _room(self, free: FloatArray) -> FloatArray:
        """How far concentrations and spectra are above their floors, and stay themselves."""
        turn = self._turn(free)
        # Beyond a singular turn everything is wrong: keep the search on this side.
        if np.linalg.det(turn) < 1e-6:
            return np.full(self._c.size + self._s.size + self._k**2, -1.0)
        above_c = self._c @ turn - self._floor_c
        back = np.linalg.inv(turn)
        above_s = back @ self._s - self._floor_s
        own = np.diag(back)[:, None] - back
        return np.concatenate([above_c.ravel(), above_s.ravel(), own.ravel()])


def _corners(rows: FloatArray) -> FloatArray:
    """Rows (n, k) at the corners of the convex hull of all of them, with the origin left out."""
    if rows.shape[1] == 1 or len(rows) <= rows.shape[1] + 2:
        return rows
    # QJ: concentrations that add up to one lie in a plane.
    return rows[ConvexHull(rows, qhull_options="QJ").vertices]
