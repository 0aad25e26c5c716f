"""Refine cells and corrections against the positions of indexed peaks, all frames at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spectra.fit.covariance import covariance
from spectra.xrd.likelihood import Frames, Likelihood, State, factor
from spectra.xrd.minima import NEVER, Minimum, mix, outer, posterior
from spectra.xrd.model import CellModel
from spectra.xrd.pulls import fade
from spectra.xrd.scatter import STRAY, floors, judge

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# A phase is there if it shows at least this share of the intensity of its indexed lines.
_LEAST_SHOWN = 0.3
# Weights of the rough pass, in fwhm.
_SOFT = (0.5, 0.1)
_SCALES = np.linspace(-0.02, 0.02, 41)
# Reflections of other phases nearer than this many fwhm are not told apart from a peak: surely
# below the first, not beyond the second.
_SAME_LINE = (0.5, 1.0)
# Axes this close to each other (relative) may be taken for one another; how far they are
# parted to find both orders.
_ALIKE = 0.005
_PART = 5e-4
# Minima of a floor whose cost is higher than the least by this are not sought one by one.
_HOPELESS = 30.0


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
class Refiner:
    """Robust maximum likelihood on peak positions, averaged over what is not known of them.

    The position of an observed peak that stands for several unresolved reflections is
    modelled as that of the indexed reflection r plus the pull of its neighbours s that have
    no peak of their own: Σ w_s(x_s − x_r)/(1 + Σ w_s) with w_s = ε·exp(−(1 − ε)Δ²/4σ²),
    ε = I_s/I_r, Δ = x_s − x_r, σ = fwhm/2.355. For a weak neighbour it is the first-order
    shift of the least-squares fit of one Gaussian to the sum of two,
    ε∫p′(x)p(x − Δ)dx/∫p′(x)²dx = εΔ·exp(−Δ²/4σ²); for an equal one it is the centroid; for a
    stronger one (ε > 1) r and s change places, w_s(ε) = 1/w_s(1/ε), so that it does not matter
    which of them the peak was indexed as. Between 1 and 1.5 fwhm the pull fades out. A
    neighbour that two peaks could have makes both uncertain by its whole pull.

    Where such partners are about as strong (ε > 0.3), their being seen as one line says that
    they are not split by more than about half of its width: a weak observation Δ = 0 ± fwhm/2,
    worth one observation however many such lines there are. It decides only what the
    positions leave open, such as b and c of a nearly tetragonal cell. Which of two such axes is
    the longer one shows in merged lines only by which of (h k l) and (h l k) is the stronger,
    and that little is not known so well: intensities as calculated, the other way round, and
    equal ones are averaged over too.

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
    excess_share: float = 0.05

    def refine(self, observed: Observations) -> Refinement:
        """Refine every frame."""
        used, rough = self._roughly(observed)
        wrong = 1.0 - (1.0 - self.wrong_share) * self._own(observed, used, rough)
        return self._average(observed, used, wrong, rough.theta)

    def rough(self, observed: Observations) -> Refinement:
        """Refine with positions as uncertain as a tenth of their widths: enough to index by."""
        used, state = self._roughly(observed)
        frames = self._frames(observed, used, np.full(used.shape, self.wrong_share))
        tau = _SOFT[-1] * np.where(used, observed.fwhm, 0.0).max(axis=1, initial=0.0)
        return self._finish(observed, used, frames, tau, state)

    @property
    def _likelihood(self) -> Likelihood:
        return Likelihood(self.model, self.reflection, self.pull_uncertainty, self.floor)

    def _average(
        self, observed: Observations, used: BoolArray, wrong: FloatArray, theta: FloatArray
    ) -> Refinement:
        """Average over the floors, and over the minima of each."""
        likelihood = self._likelihood
        sigma = np.sqrt(np.einsum("ftt->ft", observed.cov) + self.floor**2)
        levels, log_prior = floors(sigma, observed.fwhm, used)
        frames = self._frames(observed, used, wrong)
        state = likelihood.linearise(frames, theta)
        plain, first = [], []
        # From the widest floor to none, each from where the last one ended.
        for tau in levels:
            state = likelihood.minimise(frames, tau, state)
            state = likelihood.linearise(frames, state.theta)
            plain.append(Minimum.of(likelihood, frames, tau, state))
            first.append(self._minima(observed, frames, tau, plain[-1], (1.0,)))
        # Nothing is left to judge the scatter by where there are as many unknowns.
        free = self._finish(observed, used, frames, np.zeros(len(used)), state).dof
        share = np.where(free > 0, self.excess_share, 0.0)
        with np.errstate(divide="ignore"):
            prior = np.concatenate([log_prior + np.log(share), np.log(1.0 - share)[None]])
        cost = np.stack([np.min([m.cost for m in found], axis=0) for found in first])
        cost = cost - 2.0 * prior
        hopeful = cost < cost.min(axis=0) + _HOPELESS
        minima, logs, taus = [], [], []
        for k, (tau, found) in enumerate(zip(levels, first, strict=True)):
            rows = np.flatnonzero(hopeful[k])
            all_ = found + self._minima(observed, frames, tau, plain[k], (0.0, -1.0), rows)[:-1]
            minima += all_
            logs += [prior[k]] * len(all_)
            taus += [tau] * len(all_)
        weight = posterior(np.stack([m.cost for m in minima]), np.stack(logs))
        mean = mix(weight, [m.theta for m in minima])
        variance = mix(weight, [tau**2 for tau in taus])
        state = likelihood.linearise(frames, mean)
        result = self._finish(observed, used, frames, np.sqrt(variance), state)
        spread = [m.cov + outer(m.theta - mean) for m in minima]
        cov = np.where(np.isfinite(result.cov), mix(weight, spread), np.nan)
        floored = mix(weight, [(tau > 0).astype(float) for tau in taus])
        return replace(result, cov=cov, doubt=floored)

    def _minima(
        self,
        observed: Observations,
        frames: Frames,
        tau: FloatArray,
        plain: Minimum,
        tilts: tuple[float, ...],
        rows: IntArray | None = None,
    ) -> list[Minimum]:
        """Give the minima for one floor: where axes are nearly of the same length, several.

        Lines that are not resolved leave it open which of two such axes is the longer one, and
        each order has a minimum of its own. They are sought from both sides of their middle, with
        several sets of intensities, in all frames or just `rows`. What pulled the axes further
        apart is not an order but a loss of hold. The plain minimum comes last; the nearer to
        it another one is, the less it counts, so that none is counted twice.
        """
        likelihood = self._likelihood
        rows = np.arange(len(tau)) if rows is None else rows
        found: list[Minimum] = []
        fresh = np.ones(len(tau))
        for pair in self.alike():
            one, two = pair
            middle = 0.5 * (plain.theta[:, one] + plain.theta[:, two])
            for tilt in tilts:
                strength = self._strengths(observed, frames.used, pair, tilt)
                some = replace(frames, strength=strength).take(rows)
                begin = likelihood.linearise(some, plain.theta[rows])
                for part in (_PART, -_PART):
                    trial = plain.theta.copy()
                    trial[:, one], trial[:, two] = middle * (1 + part), middle * (1 - part)
                    state = likelihood.linearise(some, trial[rows]).keep(begin)
                    end = likelihood.minimise(some, tau[rows], state)
                    minimum = Minimum.of(likelihood, some, tau[rows], end)
                    lost = np.abs(end.theta[:, one] / end.theta[:, two] - 1.0) >= _ALIKE
                    same = np.where(lost, 0.0, plain.likeness(rows, minimum, one, two))
                    fresh[rows] = np.minimum(fresh[rows], 1.0 - same)
                    minimum = replace(minimum, cost=minimum.cost + NEVER * lost)
                    found.append(plain.put(rows, minimum))
        return [*found, replace(plain, cost=plain.cost - 2.0 * np.log(np.maximum(fresh, 1e-300)))]

    def alike(self) -> list[tuple[int, int]]:
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
        for p, constraint in enumerate(self.model.constraints):
            if constraint is not None:
                short = used[:, self._tracks(p)].sum(axis=1) < len(constraint.names)
                held[:, self.model.columns(p)] = short[:, None]
        return held

    def _tracks(self, phase: int) -> BoolArray:
        """Tell the tracks that show a phase."""
        at = np.maximum(self.reflection, 0)
        return np.asarray((self.reflection >= 0) & (self.model.phase[at] == phase))

    def _frames(self, observed: Observations, used: BoolArray, wrong: FloatArray) -> Frames:
        """Put together what the likelihood needs; phases that are held say nothing."""
        held = self._held(used)
        free = np.ones((len(used), len(self.model.hkl)), bool)
        frame, track = np.nonzero(observed.found & (self.reflection >= 0))
        free[frame, self.reflection[track]] = False
        speaks = used.copy()
        for p, constraint in enumerate(self.model.constraints):
            if constraint is not None:
                short = held[:, [self.model.columns(p).start]]
                speaks &= ~(short & self._tracks(p)[None, :])
        return Frames(
            center=observed.center,
            fwhm=observed.fwhm,
            cov=observed.cov,
            used=speaks,
            wrong=wrong,
            strength=self._strengths(observed, used),
            free=free,
            held=held,
        )

    def _roughly(self, observed: Observations) -> tuple[BoolArray, State]:
        """Tell what can be refined against, and refine with all positions weighted by widths.

        At first hardly, then fully, so that no precise but wrong peak can draw the cell to itself.
        """
        likelihood = self._likelihood
        used = observed.found & (self.reflection >= 0) & np.isfinite(observed.center)
        used &= self._present(used)
        frames = self._frames(observed, used, np.zeros(used.shape))
        state = likelihood.linearise(frames, self._scaled(observed, used), pulls=False)
        for soft in _SOFT:
            state = likelihood.minimise(frames, np.zeros(len(used)), state, soft=soft)
        near = used & (np.abs(np.where(used, state.raw, 0.0)) < STRAY * observed.fwhm)
        present = used & self._present(near)
        frames = self._frames(observed, present, np.zeros(used.shape))
        return present, likelihood.linearise(frames, state.theta)

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

    def _own(self, observed: Observations, used: BoolArray, rough: State) -> FloatArray:
        """Give the probability of each peak to be mostly its own phase's, by intensities."""
        at = np.maximum(self.reflection, 0)
        phase = self.model.phase
        frames = self._frames(observed, used, np.zeros(used.shape))
        fwhm = np.where(used, observed.fwhm, 1.0)[:, :, None]
        distance = np.abs(rough.position[:, None, :] - rough.position[:, at][:, :, None])
        foreign = np.where(np.isfinite(distance), fade(distance / fwhm, *_SAME_LINE), 0.0)
        foreign *= phase[None, :] != phase[at][:, None]
        foreign *= frames.free[:, None, :]
        other = (foreign * frames.strength[:, None, :]).sum(axis=2)
        ratio = other / np.maximum(frames.strength[:, at], 1e-300)
        # One half where both are equal; a tenth of the intensity does not count.
        return np.asarray(1.0 / (1.0 + np.minimum(ratio, 1e3) ** 4))

    def _strengths(
        self,
        observed: Observations,
        used: BoolArray,
        pair: tuple[int, int] | None = None,
        tilt: float = 1.0,
    ) -> FloatArray:
        """Intensities (frames, R) of all reflections as their phases' peaks in the frame say.

        Those that change places with two axes (`pair`, numbers of parameters) are drawn together
        (`tilt` 0) or exchanged (−1).
        """
        scale = self._phase_scales(observed, used)
        intensity = self.model.intensity
        if pair is not None and tilt != 1.0:
            other = self.model.exchanged(*pair)
            own = np.log(np.maximum(intensity, 1e-12))
            intensity = np.exp(0.5 * ((1.0 + tilt) * own + (1.0 - tilt) * own[other]))
        return np.asarray(intensity[None, :] * scale[:, self.model.phase])

    def _finish(
        self,
        observed: Observations,
        used: BoolArray,
        frames: Frames,
        tau: FloatArray,
        state: State,
    ) -> Refinement:
        likelihood = self._likelihood
        residual = np.where(used, state.raw, 0.0)
        variance = np.where(used, likelihood.variance(frames, tau, state), 1.0)
        fwhm = np.where(used, observed.fwhm, 1.0)
        right = np.where(used, judge(residual, variance, fwhm, frames.wrong)[0], 0.0)
        # What says nothing of its phase may still be it.
        silent = used & ~state.known & (np.abs(residual) < STRAY * fwhm)
        right = np.where(silent, 1.0, right)
        normal = likelihood.weigh(frames, tau, state)[0]
        cov = covariance(normal, np.ones(state.theta.shape, bool))
        good = state.known & (right > 0.5)
        lower = factor(observed.cov, good, state.extra)
        chi2 = np.linalg.solve(lower, np.where(good, residual, 0.0)[:, :, None])[:, :, 0]
        # One line of a tetragonal cell determines neither a nor c, yet takes one freedom.
        jacobian = np.where(good[:, :, None], state.jacobian, 0.0)
        length = np.linalg.norm(jacobian, axis=1)
        unit = jacobian / np.where(length > 0, length, 1.0)[:, None, :]
        there = (good.sum(axis=1) > 0)[:, None] & np.isfinite(np.einsum("fpp->fp", cov))
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
