"""Refine cells and corrections against the positions of indexed peaks, all frames at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spectra.fit.solver import covariance
from spectra.xrd.model import CELL_RANGE, CellModel
from spectra.xrd.pulls import fade, find_pulls
from spectra.xrd.scatter import WRONG_WIDTH, floors, judge

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

_ITERATIONS = 60
# What a step still gains in χ² where the minimum is taken as reached.
_CONVERGED = 1e-15
# A phase is there if it shows at least this share of the intensity of its indexed lines.
_LEAST_SHOWN = 0.3
# Weights of the rough pass, in fwhm, and when it is good enough.
_SOFT = (0.5, 0.1)
_ROUGH = 1e-8
_SCALES = np.linspace(-0.02, 0.02, 41)
# Reflections of other phases nearer than this many fwhm are not told apart from a peak: surely
# below the first, not beyond the second.
_SAME_LINE = (0.5, 1.0)
# Axes this close to each other (relative) may be taken for one another; how far they are
# parted to find both orders.
_ALIKE = 0.005
_PART = 5e-4


@dataclass(frozen=True)
class Observations:
    """Peaks of some frames, arrays (frames, tracks) unless said otherwise.

    Attributes
    ----------
    center, fwhm, area : array
    cov : array (frames, tracks, tracks)
    found : bool array
    """

    center: FloatArray
    cov: FloatArray
    fwhm: FloatArray
    area: FloatArray
    found: BoolArray

    def take(self, rows: IntArray) -> Observations:
        """The observations of some frames."""
        return Observations(**{name: value[rows] for name, value in vars(self).items()})


@dataclass(frozen=True)
class Refinement:
    """Outcome, one row per frame.

    Attributes
    ----------
    theta : array (frames, P)
    cov : array (frames, P, P)
        With the floor; NaN for what is not determined.
    residual : array (frames, tracks)
        Observed − calculated; NaN for tracks without reflection or peak.
    right : array (frames, tracks)
        Probability of each peak to show its reflection; 0 where it is not refined against.
    chi2 : array (frames,)
        Without a floor, of the peaks that are `used`.
    dof : int array (frames,)
    excess : array (frames,)
        Root of the mean variance of positions beyond their uncertainties.
    doubt : array (frames,)
        Probability that there is such a variance.
    position : array (frames, R)
        Calculated positions of all reflections.
    weak_information : array (frames, P, P)
        Information that comes from lines being seen unsplit.
    """

    theta: FloatArray
    cov: FloatArray
    residual: FloatArray
    right: FloatArray
    chi2: FloatArray
    dof: IntArray
    excess: FloatArray
    doubt: FloatArray
    position: FloatArray
    weak_information: FloatArray

    @property
    def used(self) -> BoolArray:
        """Peaks that are rather right than wrong, (frames, tracks)."""
        return np.asarray(self.right > 0.5)


@dataclass(frozen=True)
class _State:
    """The model at some parameters: what a step needs, one row per frame."""

    theta: FloatArray
    position: FloatArray
    raw: FloatArray
    jacobian: FloatArray
    known: BoolArray
    extra: FloatArray
    information: FloatArray
    pulled: FloatArray
    penalty: FloatArray

    def take(self, rows: IntArray | BoolArray) -> _State:
        return _State(**{name: value[rows] for name, value in vars(self).items()})

    def keep(self, before: _State) -> _State:
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

    def put(self, rows: IntArray | BoolArray, other: _State) -> None:
        for name, value in vars(self).items():
            value[rows] = getattr(other, name)


@dataclass(frozen=True)
class Refiner:
    """Robust maximum likelihood on peak positions, averaged over what is not known of them.

    The position of an observed peak that stands for several unresolved reflections is
    modelled as that of the indexed reflection r plus the pull of its neighbours s that have
    no peak of their own: Σ w_s(x_s − x_r)/(1 + Σ w_s) with w_s = ε·exp(−(1 − ε)Δ²/4σ²),
    ε = I_s/I_r, Δ = x_s − x_r, σ = fwhm/2.355. For a weak neighbour it is the first-order
    shift of the least-squares fit of one Gaussian to the sum of two,
    ε∫p′(x)p(x − Δ)dx/∫p′(x)²dx = εΔ·exp(−Δ²/4σ²); for an equal one it is the centroid; for a
    stronger one (ε > 1) r and s change places, w_s(ε) = 1/w_s(1/ε), so that it does not matter
    which of them the peak was indexed as. Between 1 and 1.5 fwhm the pull fades out.

    Where such partners are about as strong (ε > 0.3), their being seen as one line says that
    they are not split by more than about half of its width: a weak observation Δ = 0 ± fwhm/2,
    worth one observation however many such lines there are. It decides only what the
    positions leave open, such as b and c of a nearly tetragonal cell.

    How positions scatter about the model is told in `spectra.xrd.scatter`. Nothing in it is
    decided by a limit, every minimisation goes on until it has converged, and where there are
    several minima (floors of the scatter, orders of nearly equal axes) the answer is their mean,
    weighted by their likelihoods, with a covariance that holds the distances between them
    (J. A. Hoeting et al., Stat. Sci. 14 (1999) 382, eq. 1–3, with Laplace's approximation of each
    minimum). So the answer does not hang on rounding.

    Parameters
    ----------
    model : CellModel
    reflection : int array (tracks,)
        The reflection of each track, or -1.
    pull_uncertainty : float
        Fraction of a pull that counts as its uncertainty.
    floor : float
        Uncertainty of every position that counting statistics do not know of.
    wrong_share : float
        Prior probability of a peak to show something else than its reflection.
    excess_share : float
        Prior probability that positions scatter by more than their uncertainties.
    """

    model: CellModel
    reflection: IntArray
    pull_uncertainty: float = 0.2
    floor: float = 0.0
    wrong_share: float = 0.02
    excess_share: float = 0.2

    def refine(self, observed: Observations) -> Refinement:
        """Refine every frame."""
        used, rough = self._roughly(observed)
        wrong = 1.0 - (1.0 - self.wrong_share) * self._own(observed, used, rough)
        return self._average(observed, used, wrong, rough.theta)

    def rough(self, observed: Observations) -> Refinement:
        """Refine with positions as uncertain as a tenth of their widths: enough to index by."""
        used, state = self._roughly(observed)
        none = np.full(used.shape, self.wrong_share)
        tau = _SOFT[-1] * np.where(used, observed.fwhm, 0.0).max(axis=1, initial=0.0)
        return self._finish(observed, used, none, tau, state)

    def _average(
        self, observed: Observations, used: BoolArray, wrong: FloatArray, start: FloatArray
    ) -> Refinement:
        """Average over the floors and over the minima of each."""
        n_frames, n_starts = len(used), 1 + 2 * len(self._alike())
        sigma = np.sqrt(np.einsum("ftt->ft", observed.cov) + self.floor**2)
        levels, log_prior = floors(sigma, observed.fwhm, used)
        rows = np.tile(np.arange(n_frames), n_starts)
        many, some, doubtful = observed.take(rows), used[rows], wrong[rows]
        # From the widest floor to none, each from where the last one ended; where axes may be
        # taken for one another, also from both of their orders: a wide floor knows of none.
        state = self._linearise(observed, used, start)
        costs, thetas, covs = [], [], []
        for tau in levels:
            state = self._minimise(observed, used, wrong, tau, state)
            state = self._linearise(observed, used, state.theta)
            starts = self._parted(state.theta)
            ends = state
            if starts:
                trial = self._linearise(many, some, np.concatenate([state.theta, *starts]))
                trial = trial.keep(state.take(rows))
                ends = self._minimise(many, some, doubtful, tau[rows], trial)
            costs.append(self._cost(many, doubtful, tau[rows], ends))
            thetas.append(ends.theta)
            normal = self._weigh(many, doubtful, tau[rows], ends)[0]
            covs.append(covariance(normal, np.ones(ends.theta.shape, bool)))
        shape = (len(levels), n_starts, n_frames)
        cost = np.stack(costs).reshape(shape)
        theta = np.stack(thetas).reshape(*shape, -1)
        cost = np.where(self._orderly(theta), cost, np.inf)
        free = self._freedoms(observed, used, wrong, state)
        weight = _posterior(cost, log_prior, np.where(free > 0, self.excess_share, 0.0))
        mean = np.einsum("ksf,ksfp->fp", weight, theta)
        variance = np.einsum("kf,ksf->f", levels**2, weight)
        result = self._finish(
            observed, used, wrong, np.sqrt(variance), self._linearise(observed, used, mean)
        )
        known = np.isfinite(result.cov)
        within = np.stack(covs).reshape(*shape, *known.shape[1:])
        within = np.where(np.isfinite(within), within, 0.0)
        off = theta - mean
        spread = np.einsum("ksf,ksfpq->fpq", weight, within)
        spread = spread + np.einsum("ksf,ksfp,ksfq->fpq", weight, off, off)
        cov = np.where(known, spread, np.nan)
        return replace(result, cov=cov, doubt=1.0 - weight[-1].sum(axis=0))

    def _parted(self, theta: FloatArray) -> list[FloatArray]:
        """The same with axes of nearly the same length in both of their orders.

        Lines that are not resolved leave it open which of two such axes is the longer one, and
        each order has a minimum of its own.
        """
        starts = []
        for first, second in self._alike():
            middle = 0.5 * (theta[:, first] + theta[:, second])
            for part in (_PART, -_PART):
                trial = theta.copy()
                trial[:, first], trial[:, second] = middle * (1 + part), middle * (1 - part)
                starts.append(trial)
        return starts

    def _orderly(self, theta: FloatArray) -> BoolArray:
        """Tell the minima (levels, starts, frames) that count.

        Those from parted axes do unless the axes were pulled further apart, which is not an order
        but a loss of hold; the plain one does where there is no other.
        """
        good = np.ones(theta.shape[:3], bool)
        for k, (first, second) in enumerate(self._alike()):
            rows = slice(2 * k + 1, 2 * k + 3)
            good[:, rows] = (
                np.abs(theta[:, rows, :, first] / theta[:, rows, :, second] - 1) < _ALIKE
            )
        if good.shape[1] > 1:
            good[:, 0] = ~good[:, 1:].any(axis=1)
        return good

    def _alike(self) -> list[tuple[int, int]]:
        """Pairs of parameters that are axes of one phase, nearly of the same length."""
        pairs: list[tuple[int, int]] = []
        start = self.model.initial(1)[0]
        for p, constraint in enumerate(self.model.constraints):
            if constraint is None:
                continue
            first = self.model.columns(p).start
            axes = [first + i for i, name in enumerate(constraint.names) if name in "abc"]
            for one, other in combinations(axes, 2):
                if abs(start[one] / start[other] - 1.0) < _ALIKE:
                    pairs.append((one, other))
        return pairs

    def _present(self, used: BoolArray) -> BoolArray:
        """Tell the tracks whose phase shows enough of its lines to be there at all."""
        present = np.ones(used.shape, bool)
        at = np.maximum(self.reflection, 0)
        strength = np.where(self.reflection >= 0, self.model.intensity[at], 0.0)
        for p in range(len(self.model.constraints)):
            mine = (self.reflection >= 0) & (self.model.phase[at] == p)
            shown = (used[:, mine] * strength[mine]).sum(axis=1)
            absent = shown < _LEAST_SHOWN * strength[mine].sum()
            present[:, mine] &= ~absent[:, None]
        return present

    def _held(self, used: BoolArray) -> BoolArray:
        """Tell the parameters (frames, P) of phases with fewer peaks than parameters.

        They stay where they are: free, they would follow every neighbour.
        """
        held = np.zeros((len(used), self.model.n_parameters), bool)
        at = np.maximum(self.reflection, 0)
        for p, constraint in enumerate(self.model.constraints):
            if constraint is not None:
                mine = (self.reflection >= 0) & (self.model.phase[at] == p)
                short = used[:, mine].sum(axis=1) < len(constraint.names)
                held[:, self.model.columns(p)] = short[:, None]
        return held

    def _roughly(self, observed: Observations) -> tuple[BoolArray, _State]:
        """Tell what can be refined against, and refine with all positions weighted by widths.

        At first hardly, then fully. The further a peak is off, the less it counts (the estimator
        of Geman and McClure), so that no precise but wrong peak can draw the cell to itself.
        """
        used = observed.found & (self.reflection >= 0) & np.isfinite(observed.center)
        used &= self._present(used)
        state = self._linearise(observed, used, self._scaled(observed, used), pulls=False)
        none = np.zeros(used.shape)
        for soft in _SOFT:
            state = self._minimise(observed, used, none, np.zeros(len(used)), state, soft=soft)
        near = used & (np.abs(np.where(used, state.raw, 0.0)) < WRONG_WIDTH * observed.fwhm)
        present = used & self._present(near)
        return present, self._linearise(observed, present, state.theta)

    def _scaled(self, observed: Observations, used: BoolArray) -> FloatArray:
        """Scale the axes of each phase so that most of its peaks fall into place.

        A consensus rather than a mean: after a jump, tracks that went astray count nothing.
        """
        start = self.model.initial(len(used))
        theta = start.copy()
        at = np.maximum(self.reflection, 0)
        for p, constraint in enumerate(self.model.constraints):
            mine = np.flatnonzero((self.reflection >= 0) & (self.model.phase[at] == p))
            if constraint is None or mine.size == 0:
                continue
            columns = np.arange(self.model.n_parameters)[self.model.columns(p)]
            lengths = columns[[name in "abc" for name in constraint.names]]
            best = np.full(len(theta), -np.inf)
            for scale in _SCALES:
                trial = start.copy()
                trial[:, lengths] *= 1.0 + scale
                position, _ = self.model.positions(trial)
                off = (observed.center[:, mine] - position[:, at[mine]]) / observed.fwhm[:, mine]
                there = used[:, mine] & np.isfinite(off)
                near = np.where(there, np.exp(-0.5 * np.where(there, off, 0.0) ** 2), 0.0)
                score = near.sum(axis=1) - abs(scale)
                better = np.flatnonzero(score > best)
                best[better] = score[better]
                theta[np.ix_(better, lengths)] = trial[np.ix_(better, lengths)]
        return theta

    def _own(self, observed: Observations, used: BoolArray, rough: _State) -> FloatArray:
        """Give the probability of each peak to be mostly its own phase's, by intensities."""
        at = np.maximum(self.reflection, 0)
        phase = self.model.phase
        strength = self._strengths(observed, used)
        fwhm = np.where(used, observed.fwhm, 1.0)[:, :, None]
        distance = np.abs(rough.position[:, None, :] - rough.position[:, at][:, :, None])
        foreign = np.where(np.isfinite(distance), fade(distance / fwhm, *_SAME_LINE), 0.0)
        foreign *= phase[None, :] != phase[at][:, None]
        foreign *= self._without_peak(observed)[:, None, :]
        other = (foreign * strength[:, None, :]).sum(axis=2)
        ratio = other / np.maximum(strength[:, at], 1e-300)
        # One half where both are equal; a tenth of the intensity does not count.
        return np.asarray(1.0 / (1.0 + np.minimum(ratio, 1e3) ** 4))

    def _without_peak(self, observed: Observations) -> BoolArray:
        """Tell the reflections (frames, R) that have no peak of their own."""
        free = np.ones((len(observed.found), len(self.model.hkl)), bool)
        frame, track = np.nonzero(observed.found & (self.reflection >= 0))
        free[frame, self.reflection[track]] = False
        return free

    def _strengths(self, observed: Observations, used: BoolArray) -> FloatArray:
        """Intensities (frames, R) of all reflections as their phases' peaks in the frame say."""
        scale = self._phase_scales(observed, used)
        return np.asarray(self.model.intensity[None, :] * scale[:, self.model.phase])

    def _minimise(
        self,
        observed: Observations,
        used: BoolArray,
        wrong: FloatArray,
        tau: FloatArray,
        state: _State,
        *,
        soft: float = 0.0,
    ) -> _State:
        """Minimise by Levenberg and Marquardt, with weights that follow the residuals.

        Each step is judged by the χ² with the weights it was made with: as in the EM algorithm
        the likelihood then grows with every one. How uncertain pulls are is taken from where it
        begins; could it follow, the fit would widen what it does not like.
        """
        state = state.take(np.arange(len(used)))
        lowest, highest = self.model.limits()
        rows, damping = np.arange(len(used)), np.zeros(len(used))
        for _ in range(_ITERATIONS if soft == 0.0 else _ITERATIONS // 4):
            here, part, there = state.take(rows), observed.take(rows), used[rows]
            normal, right, lower, before = self._weigh(
                part, wrong[rows], tau[rows], here, soft=soft
            )
            damped = normal.copy()
            np.einsum("fpp->fp", damped)[...] *= 1.0 + damping[rows, None]
            step = _bounded_step(damped, right, lowest - here.theta, highest - here.theta)
            theta = here.theta + step
            trial = self._linearise(part, there, theta, pulls=soft == 0.0).keep(here)
            white = np.linalg.solve(lower, np.where(here.known, trial.raw, 0.0)[:, :, None])
            after = np.square(white[:, :, 0]).sum(axis=1)
            after += trial.penalty - here.penalty
            good = after <= before + 1e-12 * np.abs(before) + 1e-9
            state.put(rows[good], trial.take(good))
            damping[rows] = np.where(
                good,
                np.where(damping[rows] > 1e-6, 0.1 * damping[rows], 0.0),
                np.maximum(10.0 * damping[rows], 1e-3),
            )
            gain = _form(normal, step)
            still = np.where(good, gain > (_ROUGH if soft else _CONVERGED), damping[rows] < 1e8)
            rows = rows[still]
            # Frames that have converged rest, so that each one's steps are its own.
            if rows.size == 0:
                break
        return state

    def _weigh(
        self,
        observed: Observations,
        wrong: FloatArray,
        tau: FloatArray,
        state: _State,
        *,
        soft: float = 0.0,
    ) -> tuple[FloatArray, ...]:
        """Normal matrix, right side, Cholesky factor of the covariance, and χ²."""
        residual = np.where(state.known, state.raw, 0.0)
        information, pulled = state.information, state.pulled
        if soft > 0.0:
            sigma = np.where(state.known, soft * observed.fwhm, 1.0)
            more = (sigma * (1.0 + (residual / (2.0 * sigma)) ** 2)) ** 2 + state.extra
            information, pulled = self._hold_corrections(
                observed, state.known, state.theta, information, pulled
            )
        else:
            variance = self._variance(observed, tau, state)
            fwhm = np.where(state.known, observed.fwhm, 1.0)
            effective = judge(residual, variance, fwhm, wrong)[1]
            more = effective - variance + state.extra + tau[:, None] ** 2
        lower = self._factor(observed, state.known, more)
        both = np.concatenate([residual[:, :, None], state.jacobian], axis=2)
        white = np.linalg.solve(lower, both)
        slope = white[:, :, 1:].transpose(0, 2, 1)
        normal = np.matmul(slope, white[:, :, 1:]) + information
        right = np.matmul(slope, white[:, :, :1])[:, :, 0] + pulled
        return normal, right, lower, np.square(white[:, :, 0]).sum(axis=1)

    def _variance(self, observed: Observations, tau: FloatArray, state: _State) -> FloatArray:
        """Variances (frames, tracks) of right positions, 1 where there are none."""
        variance = np.einsum("ftt->ft", observed.cov) + state.extra + tau[:, None] ** 2
        return np.where(state.known, variance, 1.0)

    def _factor(self, observed: Observations, known: BoolArray, more: FloatArray) -> FloatArray:
        """Cholesky factor of the covariance of positions plus further variances."""
        cov = np.where(known[:, :, None] & known[:, None, :], observed.cov, 0.0)
        np.einsum("ftt->ft", cov)[...] += np.where(known, more, 1.0)
        return np.asarray(np.linalg.cholesky(cov))

    def _cost(
        self, observed: Observations, wrong: FloatArray, tau: FloatArray, state: _State
    ) -> FloatArray:
        """−2 ln of the restricted likelihood, but for a constant (frames,)."""
        residual = np.where(state.known, state.raw, 0.0)
        variance = self._variance(observed, tau, state)
        fwhm = np.where(state.known, observed.fwhm, 1.0)
        _, effective, single = judge(residual, variance, fwhm, wrong)
        normal, _, lower, chi2 = self._weigh(observed, wrong, tau, state)
        # The mixture knows of no correlations; what they change is taken from normal errors
        # with its effective variances.
        alone = np.where(state.known, residual**2 / effective + np.log(effective), 0.0)
        joint = 2.0 * np.log(np.einsum("ftt->ft", lower))
        joint = chi2 + np.where(state.known, joint, 0.0).sum(axis=1)
        cost = np.where(state.known, single - alone, 0.0).sum(axis=1) + joint + state.penalty
        # Laplace's approximation of the integral over the parameters, each at home within its
        # bounds, so that what is not determined has a finite volume too.
        scale = np.ones(self.model.n_parameters)
        scale[: self.model.n_cell] = CELL_RANGE * self.model.initial(1)[0, : self.model.n_cell]
        matrix = normal * scale[:, None] * scale + np.eye(len(scale))
        return np.asarray(cost + np.linalg.slogdet(matrix)[1])

    def _freedoms(
        self, observed: Observations, used: BoolArray, wrong: FloatArray, state: _State
    ) -> IntArray:
        """Degrees of freedom of the peaks that are rather right than wrong."""
        return self._finish(observed, used, wrong, np.zeros(len(used)), state).dof

    def _hold_corrections(
        self,
        observed: Observations,
        used: BoolArray,
        theta: FloatArray,
        information: FloatArray,
        pulled: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Keep corrections near zero, to about a width, while wrong peaks are still about."""
        fwhm = np.where(used, observed.fwhm, 0.0).max(axis=1, initial=0.0)
        middle = np.where(used, observed.center, 0.0).max(axis=1, initial=0.0)
        some = np.flatnonzero((fwhm > 0) & (middle > 0))
        information, pulled = information.copy(), pulled.copy()
        for k, aberration in enumerate(self.model.aberrations):
            at = self.model.n_cell + k
            span = 0.5 * middle[some, None] * np.array([0.4, 1.0, 1.6])
            largest = np.abs(aberration.shift(span, self.model.radius)).max(axis=1)
            power = (largest / fwhm[some]) ** 2
            information[some, at, at] += power
            pulled[some, at] -= power * theta[some, at]
        return information, pulled

    def _finish(
        self,
        observed: Observations,
        used: BoolArray,
        wrong: FloatArray,
        tau: FloatArray,
        state: _State,
    ) -> Refinement:
        residual = np.where(state.known, state.raw, 0.0)
        fwhm = np.where(state.known, observed.fwhm, 1.0)
        right = judge(residual, self._variance(observed, tau, state), fwhm, wrong)[0]
        right = np.where(state.known, right, 0.0)
        normal = self._weigh(observed, wrong, tau, state)[0]
        cov = covariance(normal, np.ones(state.theta.shape, bool))
        good = right > 0.5
        lower = self._factor(observed, good, state.extra)
        chi2 = np.linalg.solve(lower, np.where(good, residual, 0.0)[:, :, None])[:, :, 0]
        # One line of a tetragonal cell determines neither a nor c, yet takes one freedom.
        jacobian = np.where(good[:, :, None], state.jacobian, 0.0)
        length = np.linalg.norm(jacobian, axis=1)
        unit = jacobian / np.where(length > 0, length, 1.0)[:, None, :]
        there = good.any(axis=1)[:, None] & np.isfinite(np.einsum("fpp->fp", cov))
        determined = np.maximum(there.sum(axis=1), np.linalg.matrix_rank(unit, tol=1e-7))
        return Refinement(
            theta=state.theta,
            cov=cov,
            residual=np.where(observed.found & (self.reflection >= 0), state.raw, np.nan),
            right=right,
            chi2=np.square(chi2).sum(axis=1),
            dof=good.sum(axis=1) - determined,
            excess=tau,
            doubt=np.zeros(len(tau)),
            position=state.position,
            weak_information=state.information,
        )

    def _linearise(
        self, observed: Observations, used: BoolArray, theta: FloatArray, *, pulls: bool = True
    ) -> _State:
        """Residuals and their derivatives, with the pulls of neighbours."""
        position, slopes = self.model.positions(theta)
        at = np.maximum(self.reflection, 0)
        expected, jacobian = position[:, at], slopes[:, at]
        extra = np.full(used.shape, self.floor**2)
        n_frames, n = theta.shape
        information, pulled = np.zeros((n_frames, n, n)), np.zeros((n_frames, n))
        penalty = np.zeros(n_frames)
        if pulls:
            strength = self._strengths(observed, used)
            free = self._without_peak(observed)
            found = find_pulls(position, slopes, at, strength, observed.fwhm, used, free)
            expected = expected + found.shift
            jacobian = jacobian + found.slope
            extra = extra + self.pull_uncertainty**2 * found.spread
            information, pulled, penalty = found.information, found.pulled, found.penalty
        known = used & np.isfinite(expected)
        held = self._held(used)
        jacobian = np.where(held[:, None, :], 0.0, jacobian)
        information = np.where(held[:, :, None] | held[:, None, :], 0.0, information)
        pulled = np.where(held, 0.0, pulled)
        return _State(
            theta=theta,
            position=position,
            raw=observed.center - expected,
            jacobian=np.where(known[:, :, None], jacobian, 0.0),
            known=known,
            extra=extra,
            information=information,
            pulled=pulled,
            penalty=penalty,
        )

    def _phase_scales(self, observed: Observations, used: BoolArray) -> FloatArray:
        """Observed over calculated intensity of each phase in each frame; 0 where absent."""
        at = np.maximum(self.reflection, 0)
        n_phases = len(self.model.constraints)
        scale = np.zeros((len(used), n_phases))
        calculated = self.model.intensity[at]
        area = np.where(used, observed.area, 0.0)
        for p in range(n_phases):
            mine = (used & (self.model.phase[at] == p)) * calculated
            some = mine.any(axis=1)
            scale[some, p] = (mine * area)[some].sum(axis=1) / (mine**2)[some].sum(axis=1)
        return scale


def _posterior(cost: FloatArray, log_prior: FloatArray, share: FloatArray) -> FloatArray:
    """Weights (levels, starts, frames) that sum to one; the last level is that of no floor."""
    with np.errstate(divide="ignore"):
        prior = np.concatenate([log_prior + np.log(share), np.log(1.0 - share)[None]])
    log_weight = prior[:, None] - 0.5 * cost
    log_weight = log_weight - log_weight.max(axis=(0, 1))
    weight = np.exp(log_weight)
    return np.asarray(weight / weight.sum(axis=(0, 1)))


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
