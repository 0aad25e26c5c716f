"""Backgrounds of soft edges: a line and steps in fixed proportion, and what is left over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.covariance import covariance

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class Steps:
    """Arctan steps in fixed proportion, of height one in all.

    Each is ½ + arctan((E − E_i)/(Γ/2))/π, the integral of a Lorentzian of full width Γ.

    Parameters
    ----------
    positions : array (frames, steps)
        In eV.
    shares : array (steps,)
    width : float
        Γ in eV.
    """

    positions: FloatArray
    shares: FloatArray
    width: float

    def at(self, energy: FloatArray) -> FloatArray:
        """The steps (frames, points) at energies (frames, points)."""
        apart = (energy[:, None, :] - self.positions[:, :, None]) / (0.5 * self.width)
        steps = 0.5 + np.arctan(apart) / np.pi
        return np.asarray(np.matmul((self.shares / self.shares.sum())[None, None, :], steps)[:, 0])


@dataclass(frozen=True)
class Background:
    """A line and a sum of steps, fitted to every frame outside its peaks.

    Parameters
    ----------
    steps : Steps
    middle : float
        Where the line's slope has no effect (eV).
    design : array (frames, points, 3)
        Constant, slope, and steps of height one in all.
    outside : bool array (points,)
        Points that it was fitted to.
    parameters : array (frames, 3)
        The last is the height of all steps together.
    parameter_covariance : array (frames, 3, 3)
    misfit : array (frames,)
        χ² per degree of freedom of the points outside.
    """

    steps: Steps
    middle: float
    design: FloatArray
    outside: BoolArray
    parameters: FloatArray
    parameter_covariance: FloatArray
    misfit: FloatArray

    @property
    def curve(self) -> FloatArray:
        """The background (frames, points)."""
        return np.asarray(np.matmul(self.design, self.parameters[:, :, None])[:, :, 0])

    def at(self, energy: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The background at some energies of each frame (frames, n), and its variance."""
        design = _design(energy, self.middle, self.steps)
        value = np.matmul(design, self.parameters[:, :, None])[:, :, 0]
        spread = np.matmul(design, self.parameter_covariance)
        return value, np.asarray((spread * design).sum(axis=2))

    def sum_covariance(self, weights: FloatArray, variance: FloatArray) -> FloatArray:
        """Covariances of weighted sums of the spectrum less this background.

        With sums uᵀ(y − A·θ) and θ = C·AᵀW·y over the points outside, the points' own scatter,
        that of the background, and what both share add up.

        Parameters
        ----------
        weights : array (frames, sums, points)
        variance : array (frames, points)
            Of the points.

        Returns
        -------
        array (frames, sums, sums)
        """
        own = np.matmul(weights * variance[:, None, :], weights.transpose(0, 2, 1))
        along = np.matmul(weights, self.design)
        shared = np.matmul(weights[:, :, self.outside], self.design[:, self.outside])
        cov = self.parameter_covariance
        cross = np.matmul(np.matmul(along, cov), shared.transpose(0, 2, 1))
        both = np.matmul(np.matmul(along, cov), along.transpose(0, 2, 1))
        return np.asarray(own + both - cross - cross.transpose(0, 2, 1))


def fit_background(
    energy: FloatArray, y: FloatArray, variance: FloatArray, steps: Steps, outside: BoolArray
) -> Background:
    """Fit a line and steps to the points outside the peaks, by weighted least squares.

    Parameters
    ----------
    energy : array (points,)
    y, variance : array (frames, points)
    steps : Steps
    outside : bool array (points,)
    """
    middle = float(energy.mean())
    design = _design(np.broadcast_to(energy, y.shape), middle, steps)
    part = np.ascontiguousarray(design[:, outside])
    weight = 1.0 / np.ascontiguousarray(variance[:, outside])
    weighted = (part * weight[:, :, None]).transpose(0, 2, 1)
    cov = covariance(np.matmul(weighted, part), np.ones((len(y), 3), dtype=bool))
    measured = np.ascontiguousarray(y[:, outside])
    moment = np.matmul(weighted, measured[:, :, None])
    found = np.matmul(cov, moment)
    left = measured - np.matmul(part, found)[:, :, 0]
    dof = max(int(np.count_nonzero(outside)) - 3, 1)
    misfit = (weight * left**2).sum(axis=1) / dof
    return Background(steps, middle, design, outside, found[:, :, 0], cov, misfit)


def _design(energy: FloatArray, middle: float, steps: Steps) -> FloatArray:
    """Constant, slope and steps (frames, n, 3) at energies of each frame (frames, n)."""
    return np.stack([np.ones_like(energy), energy - middle, steps.at(energy)], axis=2)
