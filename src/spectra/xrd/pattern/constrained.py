"""Patterns whose parameters are tied to each other, or whose distances are restrained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from spectra.fit.solver import Evaluation
from spectra.fit.ties import chain
from spectra.xrd.pattern.objective import PatternObjective
from spectra.xrd.pattern.restraints import Restraints
from spectra.xrd.pattern.ties import PatternTies

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class ConstrainedPattern(PatternObjective):
    """Patterns as a function of the parameters that are not tied.

    All parameters keep their places; what is asked of a tied one is put in its place by what it
    is tied to, and derivatives by it are zero.

    Parameters
    ----------
    ties : PatternTies
    restraints : Restraints
    """

    ties: PatternTies
    restraints: Restraints

    @property
    def tied(self) -> BoolArray:
        """Which parameters (P,) follow from others."""
        return self.ties.tied

    def vary(self, free: BoolArray) -> Self:
        """The same objective with derivatives by the `free` parameters (P,) only."""
        return super().vary(free | self.ties.followers(free))

    def evaluate(self, theta: FloatArray) -> Evaluation:
        """Cost, gradient and Hessian at parameters (rows, P)."""
        own, slopes = self.ties.expand(theta)
        found = super().evaluate(own)
        cost, by_distances, squares = self.restraints.evaluate(own)
        held = np.ones(theta.shape[1], bool)
        held[self.active] = False
        by_distances[:, held] = 0.0
        squares[:, held], squares[:, :, held] = 0.0, 0.0
        gradient, hessian = chain(slopes, found.gradient + by_distances, found.hessian + squares)
        # A tied parameter that is active draws in what it hangs on, which may be held.
        gradient[:, held] = 0.0
        hessian[:, held], hessian[:, :, held] = 0.0, 0.0
        return Evaluation(own, found.cost + cost, gradient, hessian)

    def complete(
        self, theta: FloatArray, cov: FloatArray, free: BoolArray
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Put tied parameters in place, with their covariance.

        See `PatternObjective.complete`.
        """
        own, slopes = self.ties.expand(theta)
        known = np.where(self.tied, False, np.isfinite(np.einsum("rii->ri", cov)))
        inner = np.matmul(np.matmul(slopes, np.nan_to_num(cov)), slopes.transpose(0, 2, 1))
        following = self.ties.followers(free)
        # Of a tied parameter all is known that it hangs on and that was refined.
        unknown = free & ~known & ~self.tied
        spoilt = self.ties.followers(unknown)
        good = known | (following & ~spoilt)
        whole = np.where(good[:, :, None] & good[:, None, :], inner, np.nan)
        return own, whole, free | following

    def curve(self, theta: FloatArray) -> FloatArray:
        """Calculated patterns (rows, points)."""
        return super().curve(self.ties.expand(theta)[0])
