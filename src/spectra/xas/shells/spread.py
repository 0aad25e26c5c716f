"""How fitted parameters scatter: from the noise of χ(k), and as the misfit tells.

The parameters minimise |W·L·(χ − model)|², not χ² of independent points: what is compared in R or q
space is correlated, and noise may grow with k. So the covariance is A⁻¹·M·A⁻¹ with A = JᵀJ and
M = Jᵀ·Σ·J, where Σ = W·L·diag(σ_k²)·Lᵀ·W is that of the residuals (H. White, Econometrica 48 (1980)
817), which is right for any σ_k.

Where the misfit is larger than this noise can make it, the covariance is the field's, A⁻¹·χ²_ν
(M. Newville, J. Synchrotron Rad. 8 (2001) 96), which takes all misfit for noise that is white in R.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from spectra.fit.uncertainty import IMPROBABLE
from spectra.xas.shells.objective import ShellsObjective

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Middles:
    """Covariances of the gradients of frames at their minima, and how well they are fitted.

    Attributes
    ----------
    normal : array (rows, P, P)
        A, with the restraints.
    scaled, unscaled : array (rows, P, P)
        By the misfit where it is larger than the noise can make it, and by the noise.
    chi_square : array (rows,)
        Of the data, for `n_idp` independent points.
    reduced : array (rows,)
        Over n_idp less the number of varied parameters.
    r_factor : array (rows,)
        Sum of squares of what is left over that of the data.
    probability : array (rows,)
        Of so large a misfit from the noise alone.
    """

    normal: FloatArray
    scaled: FloatArray
    unscaled: FloatArray
    chi_square: FloatArray
    reduced: FloatArray
    r_factor: FloatArray
    probability: FloatArray


def middles(
    objective: ShellsObjective,
    theta: FloatArray,
    sigma: FloatArray,
    own: BoolArray,
    n_idp: float,
    varied: FloatArray,
) -> Middles:
    """Judge fitted frames.

    Parameters
    ----------
    objective : ShellsObjective
    theta : array (rows, P)
        At the minimum.
    sigma : array (rows, points)
        Standard uncertainty of χ(k).
    own : bool array (rows, P)
        Parameters that each frame was fitted with.
    n_idp : float
    varied : array (rows,)
        Number of varied parameters, with the frame's share of those of all.
    """
    n_rows, size = theta.shape
    found = Middles(
        *(np.zeros((n_rows, size, size)) for _ in range(3)),
        *(np.full(n_rows, np.nan) for _ in range(4)),
    )
    known = objective.known(theta)
    restraints = np.zeros((n_rows, size, size))
    for _, slopes in objective.restrained(known, n_rows, size):
        restraints += slopes[:, :, None] * slopes[:, None, :]
    dof = n_idp + sum(objective.shares) - varied
    for part, residual, jacobian in objective.residuals(theta, known):
        frames = objective.rows[part]
        map_ = objective.maps[int(objective.which[frames[0]])]
        factors = objective.factors(frames, map_)
        joined = map_.joined
        noise = (
            np.ascontiguousarray(joined.T)
            * sigma[part[:, None], map_.points][:, None, :]
            * factors[:, :, None]
        )
        data = np.matmul(objective.chi[frames[:, None, None], map_.points], joined)[:, 0] * factors
        misfit = (residual**2).sum(axis=1)
        square = np.matmul(jacobian, jacobian.transpose(0, 2, 1))
        probability = _probability(
            jacobian * own[part][:, :, None], noise, misfit, restraints[part]
        )
        reduced = np.where(dof[part] > 0, misfit / np.where(dof[part] > 0, dof[part], 1.0), np.nan)
        through = np.matmul(jacobian, noise)
        unscaled = np.matmul(through, through.transpose(0, 2, 1))
        large = (probability < IMPROBABLE) & np.isfinite(reduced)
        grown = np.where(large, np.nan_to_num(reduced), 1.0)[:, None, None] * square
        found.normal[part] = square + restraints[part]
        found.unscaled[part] = unscaled + restraints[part]
        found.scaled[part] = np.where(large[:, None, None], grown, unscaled) + restraints[part]
        found.chi_square[part], found.reduced[part] = misfit, reduced
        found.r_factor[part] = misfit / np.maximum((data**2).sum(axis=1), np.finfo(float).tiny)
        found.probability[part] = probability
    return found


def _probability(
    jacobian: FloatArray, noise: FloatArray, misfit: FloatArray, restraints: FloatArray
) -> FloatArray:
    """Probability that noise makes a misfit so large (rows,).

    The misfit is a sum of squares of correlated normal numbers; its mean and variance, 2·tr B²
    for the covariance B of the residuals after the fit, are those of a multiple of χ² with
    2·(tr B)²/(2·tr B²) degrees of freedom (F. E. Satterthwaite, Biometrics Bull. 2 (1946) 110).
    """
    size = jacobian.shape[1]
    normal = np.matmul(jacobian, jacobian.transpose(0, 2, 1)) + restraints
    scale = np.sqrt(np.maximum(np.einsum("rii->ri", normal), 0.0))
    inverse = np.where(scale > 0, 1.0 / np.where(scale > 0, scale, 1.0), 0.0)
    unit = normal * inverse[:, :, None] * inverse[:, None, :]
    # Nothing is solved for what a frame does not vary.
    unit += np.eye(size) * np.where(scale > 0, 1e-12, 1.0)[:, None, :]
    flat = jacobian * inverse[:, :, None]
    taken = np.matmul(flat.transpose(0, 2, 1), np.linalg.solve(unit, np.matmul(flat, noise)))
    left = noise - taken
    small = np.matmul(left, left.transpose(0, 2, 1))
    mean = np.einsum("rii->r", small)
    spread = (small * small).sum(axis=(1, 2))
    usable = (mean > 0) & (spread > 0)
    freedom = mean**2 / np.where(usable, spread, 1.0)
    ratio = misfit / np.where(usable, mean, 1.0)
    found = gammaincc(0.5 * np.where(usable, freedom, 1.0), 0.5 * freedom * ratio)
    return np.where(usable, found, np.nan)
