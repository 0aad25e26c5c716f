"""The likelihood of peak positions as a function of cells and corrections, and its minima."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.xrd.model import CELL_RANGE, CellModel
from spectra.xrd.pulls import find_pulls
from spectra.xrd.scatter import judge

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

_ITERATIONS = 60
# What a step still gains in χ² where the minimum is taken as reached, also in a rough pass.
_CONVERGED = 1e-9
_ROUGH = 1e-8


@dataclass(frozen=True)
class Frames:
    """What is observed in some frames, and what is held of it, one row per frame.

    Attributes
    ----------
    center, fwhm : array (frames, tracks)
    cov : array (frames, tracks, tracks)
    used : bool array (frames, tracks)
        Peaks to refine against.
    wrong : array (frames, tracks)
        Prior probability of each to show something else.
    strength : array (frames, R)
        Intensities of all reflections on one scale.
    free : bool array (frames, R)
        Reflections without a peak of their own.
    held : bool array (frames, P)
        Parameters that stay as they are.
    """

    center: FloatArray
    fwhm: FloatArray
    cov: FloatArray
    used: BoolArray
    wrong: FloatArray
    strength: FloatArray
    free: BoolArray
    held: BoolArray

    def take(self, rows: IntArray | BoolArray) -> Frames:
        """Give some of the frames."""
        return Frames(**{name: value[rows] for name, value in vars(self).items()})


@dataclass(frozen=True)
class State:
    """The model at some parameters: what a step needs, one row per frame.

    Attributes
    ----------
    theta : array (frames, P)
    position : array (frames, R)
    raw : array (frames, tracks)
        Observed − calculated.
    jacobian : array (frames, tracks, P)
    known : bool array (frames, tracks)
    extra : array (frames, tracks)
        Variance of positions besides counting.
    information, pulled, penalty : array (frames, ...)
        The weak observations, see `spectra.xrd.pulls.Pulls`.
    """

    theta: FloatArray
    position: FloatArray
    raw: FloatArray
    jacobian: FloatArray
    known: BoolArray
    extra: FloatArray
    information: FloatArray
    pulled: FloatArray
    penalty: FloatArray

    def take(self, rows: IntArray | BoolArray) -> State:
        """Give some of the frames."""
        return State(**{name: value[rows] for name, value in vars(self).items()})

    def put(self, rows: IntArray | BoolArray, other: State) -> None:
        """Replace some of the frames by those of `other`, which has just these."""
        for name, value in vars(self).items():
            value[rows] = getattr(other, name)

    def keep(self, before: State) -> State:
        """The same with the variances of pulls and the weak observations of `before`."""
        step = self.theta - before.theta
        turn = np.matmul(before.information, step[:, :, None])[:, :, 0]
        return replace(
            self,
            extra=before.extra,
            information=before.information,
            pulled=before.pulled - turn,
            penalty=before.penalty - ((2.0 * before.pulled - turn) * step).sum(axis=1),
        )


@dataclass(frozen=True)
class Likelihood:
    """The likelihood of positions; the parameters are told in `spectra.xrd.refine.Refiner`."""

    model: CellModel
    reflection: IntArray
    pull_uncertainty: float
    floor: float

    def linearise(self, frames: Frames, theta: FloatArray, *, pulls: bool = True) -> State:
        """Give residuals and their derivatives, with the pulls of neighbours."""
        position, slopes = self.model.positions(theta)
        at = np.maximum(self.reflection, 0)
        expected, jacobian = position[:, at], slopes[:, at]
        extra = np.full(frames.used.shape, self.floor**2)
        n_frames, n = theta.shape
        information, pulled = np.zeros((n_frames, n, n)), np.zeros((n_frames, n))
        penalty = np.zeros(n_frames)
        if pulls:
            found = find_pulls(
                position, slopes, at, frames.strength, frames.fwhm, frames.used, frames.free
            )
            expected = expected + found.shift
            jacobian = jacobian + found.slope
            extra = extra + self.pull_uncertainty**2 * found.spread + found.claimed
            information, pulled, penalty = found.information, found.pulled, found.penalty
        known = frames.used & np.isfinite(expected)
        held = frames.held
        loose = known[:, :, None] & ~held[:, None, :]
        return State(
            theta=theta,
            position=position,
            raw=frames.center - expected,
            jacobian=np.where(loose, jacobian, 0.0),
            known=known,
            extra=extra,
            information=np.where(held[:, :, None] | held[:, None, :], 0.0, information),
            pulled=np.where(held, 0.0, pulled),
            penalty=penalty,
        )

    def minimise(
        self, frames: Frames, tau: FloatArray, start: State, *, soft: float = 0.0
    ) -> State:
        """Minimise by Levenberg and Marquardt, with weights that follow the residuals.

        Each step is judged by the χ² with the weights it was made with: as in the EM algorithm
        the likelihood then grows with every one. How uncertain pulls are is taken from where it
        begins; could it follow, the fit would widen what it does not like.

        Parameters
        ----------
        frames : Frames
        tau : array (frames,)
            Floor of the positions' scatter.
        start : State
        soft : float
            Instead of by their uncertainties, weigh positions by this many of their widths, the
            less the further they are off (S. Geman and D. E. McClure, Bull. Int. Stat. Inst. 52
            (1987) 5), and without pulls.
        """
        state = start.take(np.arange(len(tau)))
        lowest, highest = self.model.limits()
        rows, damping = np.arange(len(tau)), np.zeros(len(tau))
        enough = _ROUGH if soft else _CONVERGED
        for _ in range(_ITERATIONS // 4 if soft else _ITERATIONS):
            here, part = state.take(rows), frames.take(rows)
            normal, right, lower, before = self.weigh(part, tau[rows], here, soft=soft)
            damped = normal.copy()
            np.einsum("fpp->fp", damped)[...] *= 1.0 + damping[rows, None]
            step = _bounded_step(damped, right, lowest - here.theta, highest - here.theta)
            trial = self.linearise(part, here.theta + step, pulls=soft == 0.0).keep(here)
            white = np.linalg.solve(lower, np.where(here.known, trial.raw, 0.0)[:, :, None])
            after = np.square(white[:, :, 0]).sum(axis=1) + trial.penalty - here.penalty
            good = after <= before + 1e-12 * np.abs(before) + 1e-9
            state.put(rows[good], trial.take(good))
            less = np.where(damping[rows] > 1e-6, 0.1 * damping[rows], 0.0)
            damping[rows] = np.where(good, less, np.maximum(10.0 * damping[rows], 1e-3))
            # Frames that have converged rest, so that each one's steps are its own.
            rows = rows[np.where(good, _form(normal, step) > enough, damping[rows] < 1e8)]
            if rows.size == 0:
                break
        return state

    def weigh(
        self, frames: Frames, tau: FloatArray, state: State, *, soft: float = 0.0
    ) -> tuple[FloatArray, ...]:
        """Give normal matrix, right side, Cholesky factor of the covariance, and χ²."""
        residual = np.where(state.known, state.raw, 0.0)
        information, pulled = state.information, state.pulled
        if soft > 0.0:
            sigma = np.where(state.known, soft * frames.fwhm, 1.0)
            more = (sigma * (1.0 + (residual / (2.0 * sigma)) ** 2)) ** 2 + state.extra
            information, pulled = self._hold_corrections(frames, state)
        else:
            variance = self.variance(frames, tau, state)
            width = np.where(state.known, frames.fwhm, 1.0)
            effective = judge(residual, variance, width, frames.wrong)[1]
            more = effective - variance + state.extra + tau[:, None] ** 2
        lower = factor(frames.cov, state.known, more)
        white = np.linalg.solve(lower, np.concatenate([residual[:, :, None], state.jacobian], 2))
        slope = white[:, :, 1:].transpose(0, 2, 1)
        normal = np.matmul(slope, white[:, :, 1:]) + information
        right = np.matmul(slope, white[:, :, :1])[:, :, 0] + pulled
        return normal, right, lower, np.square(white[:, :, 0]).sum(axis=1)

    def variance(self, frames: Frames, tau: FloatArray, state: State) -> FloatArray:
        """Give variances (frames, tracks) of right positions, 1 where there are none."""
        variance = np.einsum("ftt->ft", frames.cov) + state.extra + tau[:, None] ** 2
        return np.where(state.known, variance, 1.0)

    def cost(self, frames: Frames, tau: FloatArray, state: State) -> FloatArray:
        """Give −2 ln of the likelihood integrated over the parameters, but for a constant."""
        residual = np.where(state.known, state.raw, 0.0)
        variance = self.variance(frames, tau, state)
        width = np.where(state.known, frames.fwhm, 1.0)
        _, effective, single = judge(residual, variance, width, frames.wrong)
        normal, _, lower, chi2 = self.weigh(frames, tau, state)
        # The mixture knows of no correlations; what they change is taken from normal errors
        # with its effective variances.
        alone = residual**2 / effective + np.log(effective)
        joint = 2.0 * np.log(np.einsum("ftt->ft", lower))
        cost = np.where(state.known, single - alone + joint, 0.0).sum(axis=1) + chi2
        # Laplace's approximation of the integral, with every parameter at home within its
        # bounds, so that what is not determined has a finite volume too.
        scale = np.ones(self.model.n_parameters)
        scale[: self.model.n_cell] = CELL_RANGE * self.model.initial(1)[0, : self.model.n_cell]
        matrix = normal * scale[:, None] * scale + np.eye(len(scale))
        return np.asarray(cost + state.penalty + np.linalg.slogdet(matrix)[1])

    def _hold_corrections(self, frames: Frames, state: State) -> tuple[FloatArray, FloatArray]:
        """Keep corrections near zero, to about a width, while wrong peaks are still about."""
        fwhm = np.where(state.known, frames.fwhm, 0.0).max(axis=1, initial=0.0)
        middle = np.where(state.known, frames.center, 0.0).max(axis=1, initial=0.0)
        some = np.flatnonzero((fwhm > 0) & (middle > 0))
        information, pulled = state.information.copy(), state.pulled.copy()
        for k, aberration in enumerate(self.model.aberrations):
            at = self.model.n_cell + k
            span = 0.5 * middle[some, None] * np.array([0.4, 1.0, 1.6])
            largest = np.abs(aberration.shift(span, self.model.radius)).max(axis=1)
            power = (largest / fwhm[some]) ** 2
            information[some, at, at] += power
            pulled[some, at] -= power * state.theta[some, at]
        return information, pulled


def factor(cov: FloatArray, known: BoolArray, more: FloatArray) -> FloatArray:
    """Cholesky factor of the covariance of known positions plus further variances."""
    whole = np.where(known[:, :, None] & known[:, None, :], cov, 0.0)
    np.einsum("ftt->ft", whole)[...] += np.where(known, more, 1.0)
    return np.asarray(np.linalg.cholesky(whole))


def _form(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """Quadratic form vᵀ·M·v of each row."""
    return np.asarray((np.matmul(matrix, vector[:, :, None])[:, :, 0] * vector).sum(axis=1))


def _bounded_step(
    normal: FloatArray, right: FloatArray, lowest: FloatArray, highest: FloatArray
) -> FloatArray:
    """Solve symmetric systems within bounds; what would leave them goes there and is held."""
    step = _solve(normal, right)
    held = (step < lowest) | (step > highest)
    rows = np.flatnonzero(held.any(axis=1))
    if rows.size:
        fixed = np.where(held[rows], np.clip(step[rows], lowest[rows], highest[rows]), 0.0)
        rest = right[rows] - np.matmul(normal[rows], fixed[:, :, None])[:, :, 0]
        free = ~held[rows]
        part = np.where(free[:, :, None] & free[:, None, :], normal[rows], 0.0)
        step[rows] = fixed + np.where(free, _solve(part, np.where(free, rest, 0.0)), 0.0)
    return np.clip(step, lowest, highest)


def _solve(normal: FloatArray, right: FloatArray) -> FloatArray:
    """Solve symmetric systems; directions without information stay where they are."""
    diagonal = np.einsum("fpp->fp", normal)
    known = diagonal > 0
    scale = np.where(known, np.sqrt(np.where(known, diagonal, 1.0)), 1.0)
    matrix = normal / scale[:, :, None] / scale[:, None, :]
    eigenvalues, vectors = np.linalg.eigh(matrix)
    good = eigenvalues > 1e-10 * np.maximum(eigenvalues[:, -1:], 1e-300)
    inverse = np.where(good, 1.0 / np.where(good, eigenvalues, 1.0), 0.0)
    turned = np.matmul(vectors.transpose(0, 2, 1), (right / scale)[:, :, None])[:, :, 0]
    step = np.matmul(vectors, (turned * inverse)[:, :, None])[:, :, 0]
    return np.asarray(step / scale)
