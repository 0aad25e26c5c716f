"""Refine cells and corrections against the positions of indexed peaks, all frames at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spectra.fit.find import FWHM_PER_SIGMA
from spectra.fit.solver import covariance
from spectra.xrd.aberrations import Aberration
from spectra.xrd.lattice import CellConstraint, inverse_d2

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# A cell that would leave this range of its start (relative) is not determined by its peaks.
CELL_RANGE = 0.05
_ITERATIONS = 25
# Neighbours further away than this many fwhm do not pull.
_PULL_RANGE = 1.5
# Neighbours at least this strong against the indexed reflection count as one line with it.
_EQUAL_PARTNER = 0.3
# A phase is there if it shows at least this share of the intensity of its indexed lines.
_LEAST_SHOWN = 0.3
# Weights of the rough pass, and what counts as a stray peak in it, both in fwhm.
_SOFT = (0.5, 0.1)
_STRAY = 0.4
_SCALES = np.linspace(-0.02, 0.02, 41)
# Reflections of other phases nearer than this many fwhm are not told apart from a peak.
_SAME_LINE = 0.75
# Axes this close to each other (relative) may be taken for one another; how far they are
# parted to find both orders.
_ALIKE = 0.005
_PART = 5e-4
_WEAKEST = 1e-3


@dataclass(frozen=True)
class Axis:
    """How spacings become positions: in 2θ (deg) for a wavelength, or in q (1/angstrom)."""

    wavelength: float | None

    def position(self, inverse_d2: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Position for 1/d² and its derivative by 1/d²; NaN beyond 2θ = 180°."""
        root = np.sqrt(inverse_d2)
        if self.wavelength is None:
            return 2.0 * np.pi * root, np.pi / root
        sine = 0.5 * self.wavelength * root
        sine = np.where(sine < 1.0, sine, np.nan)
        slope = 0.5 * self.wavelength / (root * np.sqrt(1.0 - sine**2))
        return np.degrees(2.0 * np.arcsin(sine)), np.degrees(slope)

    def spacing(self, position: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Spacing d for a position and its derivative by the position."""
        if self.wavelength is None:
            d = 2.0 * np.pi / position
            return d, -d / position
        theta = 0.5 * np.radians(position)
        d = 0.5 * self.wavelength / np.sin(theta)
        return d, np.radians(-0.5 * d / np.tan(theta))


@dataclass(frozen=True)
class CellModel:
    """Reflections of all phases and what they depend on.

    Attributes
    ----------
    axis : Axis
    hkl : int array (R, 3)
    phase : int array (R,)
    intensity : array (R,)
        Relative within each phase.
    constraints : tuple of CellConstraint or None
        One per phase; None for a standard whose cell is held.
    start : array (phases, 6)
    aberrations : tuple of Aberration
    radius : float
        mm
    """

    axis: Axis
    hkl: NDArray[np.int32]
    phase: IntArray
    intensity: FloatArray
    constraints: tuple[CellConstraint | None, ...]
    start: FloatArray
    aberrations: tuple[Aberration, ...]
    radius: float

    @property
    def n_cell(self) -> int:
        """Number of free cell parameters, all phases together."""
        return sum(len(c.names) for c in self.constraints if c is not None)

    @property
    def n_parameters(self) -> int:
        """Number of free parameters."""
        return self.n_cell + len(self.aberrations)

    def columns(self, phase: int) -> slice:
        """Where the cell parameters of a phase stand."""
        sizes = [0 if c is None else len(c.names) for c in self.constraints]
        first = sum(sizes[:phase])
        return slice(first, first + sizes[phase])

    def initial(self, n_frames: int) -> FloatArray:
        """Parameters (frames, P) of the start cells without corrections."""
        parts = [c.free(s) for c, s in zip(self.constraints, self.start, strict=True) if c]
        one = np.concatenate([*parts, np.zeros(len(self.aberrations))])
        return np.tile(one, (n_frames, 1))

    def limits(self) -> tuple[FloatArray, FloatArray]:
        """Bounds of the parameters (P,): cells within `CELL_RANGE` of their start."""
        free = self.initial(1)[0, : self.n_cell]
        open_ = np.full(len(self.aberrations), np.inf)
        low = np.concatenate([free * (1.0 - CELL_RANGE), -open_])
        return low, np.concatenate([free * (1.0 + CELL_RANGE), open_])

    def cells(self, theta: FloatArray) -> FloatArray:
        """Cells (frames, phases, 6) of parameters (frames, P)."""
        cells = np.tile(self.start, (len(theta), 1, 1))
        for p, constraint in enumerate(self.constraints):
            if constraint is not None:
                cells[:, p] = constraint.cell(theta[:, self.columns(p)])
        return cells

    def positions(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Positions (frames, R) and their derivatives (frames, R, P)."""
        cells = self.cells(theta)
        n_frames, n_reflections = len(theta), len(self.hkl)
        position = np.empty((n_frames, n_reflections))
        jacobian = np.zeros((n_frames, n_reflections, self.n_parameters))
        for p, constraint in enumerate(self.constraints):
            mine = np.flatnonzero(self.phase == p)
            value, slope = inverse_d2(self.hkl[mine], cells[:, p])
            position[:, mine], chain = self.axis.position(value)
            if constraint is not None:
                by_free = chain[:, :, None] * (slope @ constraint.matrix)
                columns = np.arange(self.n_parameters)[self.columns(p)]
                jacobian[:, mine[:, None], columns[None, :]] = by_free
        ideal = position.copy()
        stretch = np.ones_like(position)
        for k, aberration in enumerate(self.aberrations):
            size = theta[:, self.n_cell + k, None]
            shift = aberration.shift(ideal, self.radius)
            position += size * shift
            stretch += size * aberration.slope(ideal, self.radius)
            jacobian[:, :, self.n_cell + k] = shift
        jacobian[:, :, : self.n_cell] *= stretch[:, :, None]
        # Reflections beyond 2θ = 180° have no position and must not spoil the others.
        return position, np.where(np.isfinite(position)[:, :, None], jacobian, 0.0)


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
        Not scaled; NaN for what is not determined.
    residual : array (frames, tracks)
        Observed − calculated; NaN for tracks without reflection or peak.
    used : bool array (frames, tracks)
    chi2 : array (frames,)
    cost : array (frames,)
        −2 ln of the likelihood, but for a constant: what tells minima apart.
    dof : int array (frames,)
    position : array (frames, R)
        Calculated positions of all reflections.
    weak_information : array (frames, P, P)
        Information that comes from lines being seen unsplit.
    """

    theta: FloatArray
    cov: FloatArray
    residual: FloatArray
    used: BoolArray
    chi2: FloatArray
    cost: FloatArray
    dof: IntArray
    position: FloatArray
    weak_information: FloatArray

    def put(self, rows: IntArray, other: Refinement) -> Refinement:
        """The same with some frames taken from another refinement of just these."""
        parts = {name: value.copy() for name, value in vars(self).items()}
        for name, value in parts.items():
            value[rows] = getattr(other, name)
        return Refinement(**parts)


@dataclass(frozen=True)
class Refiner:
    """Least squares on peak positions.

    The position of an observed peak that stands for several unresolved reflections is
    modelled as that of the indexed reflection r plus the pull of its neighbours s that have
    no peak of their own: Σ w_s(x_s − x_r)/(1 + Σ w_s) with w_s = ε·exp(−(1 − ε)Δ²/4σ²),
    ε = I_s/I_r, Δ = x_s − x_r, σ = fwhm/2.355. For a weak neighbour it is the first-order
    shift of the least-squares fit of one Gaussian to the sum of two,
    ε∫p′(x)p(x − Δ)dx/∫p′(x)²dx = εΔ·exp(−Δ²/4σ²); for an equal one it is the centroid; for a
    stronger one (ε > 1) r and s change places, w_s(ε) = 1/w_s(1/ε), so that it does not matter
    which of them the peak was indexed as.

    Where such partners are about as strong (ε > 0.3), their being seen as one line says that
    they are not split by more than about half of its width: a weak observation Δ = 0 ± fwhm/2,
    worth one observation however many such lines there are. It decides only what the
    positions leave open, such as b and c of a nearly tetragonal cell.

    Parameters
    ----------
    model : CellModel
    reflection : int array (tracks,)
        The reflection of each track, or -1.
    pull_uncertainty : float
        Fraction of a pull that counts as its uncertainty.
    floor : float
        Uncertainty of every position that counting statistics do not know of.
    outlier : float
        Studentised residual beyond which a peak is left out.
    max_outliers : float
        Largest fraction left out.
    soft : float
        Further uncertainty of every position, in fwhm; for a first rough pass.
    """

    model: CellModel
    reflection: IntArray
    pull_uncertainty: float = 0.2
    floor: float = 0.0
    outlier: float = 5.0
    max_outliers: float = 0.25
    soft: float = 0.0

    def refine(self, observed: Observations, start: FloatArray | None = None) -> Refinement:
        """Refine every frame."""
        indexed = self.reflection >= 0
        used = observed.found & indexed & np.isfinite(observed.center)
        used &= self._present(used)
        first = self.model.initial(len(used)) if start is None else start
        total = used.sum(axis=1)
        rough = self._roughly(observed, used, first)
        used = self._without_strays(observed, used, rough) & self._own(observed, used, rough)
        used &= self._present(used)
        result = self._either_order(observed, used, rough.theta)
        for _ in range(4):
            out = self._outliers(observed, result, total)
            rows = np.flatnonzero(out.any(axis=1))
            if rows.size == 0:
                break
            # The other frames stay as they are: no frame's bits hang on its neighbours.
            kept = (result.used & ~out)[rows]
            again = self._either_order(observed.take(rows), kept, result.theta[rows])
            result = result.put(rows, again)
        return result

    def _either_order(
        self, observed: Observations, used: BoolArray, start: FloatArray
    ) -> Refinement:
        """Refine; where axes are nearly of the same length, from both of their orders.

        Lines that are not resolved leave it open which of two such axes is the longer one, and
        each order has a minimum of its own. The answer is the mean of both, weighted by their
        likelihoods (widened by the misfit), and the covariance holds the distance between
        them: rounding must not choose, and what is open must show in the uncertainty.
        """
        pairs = self._alike()
        if not pairs:
            return self._minimise(observed, used, start)
        # Whatever pulls two axes further apart was not an order but a loss of hold.
        found, alike = [], []
        for first, second in pairs:
            middle = 0.5 * (start[:, first] + start[:, second])
            for part in (_PART, -_PART):
                trial = start.copy()
                trial[:, first], trial[:, second] = middle * (1 + part), middle * (1 - part)
                one = self._minimise(observed, used, trial)
                found.append(one)
                alike.append(abs(one.theta[:, first] / one.theta[:, second] - 1) < _ALIKE)
        plain = self._minimise(observed, used, start)
        found.append(plain)
        alike.append(~np.any(alike, axis=0))
        cost = np.where(alike, np.stack([f.cost for f in found]), np.inf)
        best = cost.min(axis=0)
        chi2 = np.stack([f.chi2 for f in found]).min(axis=0)
        scale = np.maximum(chi2 / np.maximum(plain.dof, 1), 1.0)
        weight = np.exp(-0.5 * (cost - best) / scale)
        weight /= weight.sum(axis=0)
        theta = sum(w[:, None] * f.theta for w, f in zip(weight, found, strict=True))
        result = self._finish(observed, used, np.asarray(theta))
        off = np.stack([f.theta for f in found]) - theta
        between = np.einsum("mf,mfp,mfq->fpq", weight, off, off) / scale[:, None, None]
        return replace(result, cov=result.cov + between)

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

    def _roughly(self, observed: Observations, used: BoolArray, start: FloatArray) -> Refinement:
        """Refine with all positions weighted by their widths, at first hardly, then fully.

        The further a peak is off, the less it counts (the estimator of Geman and McClure), so
        that no precise but wrong peak can draw the cell to itself.
        """
        theta = self._scaled(observed, used, start)
        for soft in _SOFT:
            result = replace(self, soft=soft)._minimise(observed, used, theta)
            theta = result.theta
        return result

    def _scaled(self, observed: Observations, used: BoolArray, start: FloatArray) -> FloatArray:
        """Scale the axes of each phase so that most of its peaks fall into place.

        A consensus rather than a mean: after a jump, tracks that went astray count nothing.
        """
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

    def _own(self, observed: Observations, used: BoolArray, rough: Refinement) -> BoolArray:
        """Tell the peaks that are mostly their own phase's, by its intensity in the frame."""
        at = np.maximum(self.reflection, 0)
        phase = self.model.phase
        scale = self._phase_scales(observed, used)
        strength = self.model.intensity[None, :] * scale[:, phase]
        distance = np.abs(rough.position[:, None, :] - rough.position[:, at][:, :, None])
        fwhm = np.where(used, observed.fwhm, 1.0)[:, :, None]
        foreign = (distance < _SAME_LINE * fwhm) & (phase[None, :] != phase[at][:, None])
        own_peak = np.zeros(rough.position.shape, bool)
        frame, track = np.nonzero(used)
        own_peak[frame, self.reflection[track]] = True
        foreign &= ~own_peak[:, None, :]
        other = (foreign * strength[:, None, :]).sum(axis=2)
        return np.asarray(other <= strength[:, at])

    def _without_strays(
        self, observed: Observations, used: BoolArray, result: Refinement
    ) -> BoolArray:
        """Drop peaks that lie off by a good part of their width before precision counts."""
        with np.errstate(invalid="ignore"):
            stray = used & (np.abs(result.residual) > _STRAY * observed.fwhm)
        # With too few peaks left there is no telling which ones are astray.
        left = (used & ~stray).sum(axis=1)
        trusted = (left > self.model.n_parameters) | (left > 0.5 * used.sum(axis=1))
        return np.asarray(used & ~(stray & trusted[:, None]))

    def _outliers(self, observed: Observations, result: Refinement, total: IntArray) -> BoolArray:
        """Tell the worst peaks of frames that can spare them."""
        sigma = np.sqrt(np.einsum("ftt->ft", observed.cov) + self.floor**2)
        with np.errstate(invalid="ignore"):
            z = np.where(result.used, np.abs(result.residual) / sigma, np.nan)
        n_used = result.used.sum(axis=1)
        spare = n_used - 1 >= np.maximum((1 - self.max_outliers) * total, 0)
        spare &= result.dof >= 2
        middle = np.ones(len(z))
        some = n_used > 0
        middle[some] = 1.4826 * np.nanmedian(z[some], axis=1)
        limit = self.outlier * np.maximum(middle, 1.0)
        worst = np.where(np.isfinite(z), z, -1.0)
        # The worst and what is nearly as bad go together; the rest is judged anew.
        top = worst.max(axis=1, initial=-1.0)
        out = (worst > limit[:, None]) & (worst > 0.7 * top[:, None]) & spare[:, None]
        room = np.floor(self.max_outliers * total) - (total - n_used)
        rank = np.argsort(np.argsort(-worst, axis=1, kind="stable"), axis=1, kind="stable")
        return np.asarray(out & (rank < room[:, None]))

    def _minimise(self, observed: Observations, used: BoolArray, start: FloatArray) -> Refinement:
        theta = start.copy()
        lowest, highest = self.model.limits()
        # Frames that have converged rest, so that each one's steps are its own.
        rows = np.arange(len(theta))
        for iteration in range(_ITERATIONS):
            here = theta[rows]
            step = self._step(observed.take(rows), used[rows], here, pulls=iteration >= 3)
            theta[rows] = np.clip(here + step, lowest, highest)
            small = np.abs(step) <= 1e-11 * np.maximum(np.abs(theta[rows]), 1e-3)
            if iteration >= 5:
                rows = rows[~small.all(axis=1)]
            if rows.size == 0:
                break
        return self._finish(observed, used, theta)

    def _step(
        self, observed: Observations, used: BoolArray, theta: FloatArray, *, pulls: bool
    ) -> FloatArray:
        """One Gauss–Newton step (frames, P)."""
        parts = self._linearise(observed, used, theta, pulls=pulls)
        residual, jacobian, information, pulled, _, _ = parts
        if self.soft > 0.0:
            information, pulled = self._hold_corrections(observed, used, theta, *parts[2:4])
        normal = np.matmul(jacobian.transpose(0, 2, 1), jacobian) + information
        right = np.matmul(jacobian.transpose(0, 2, 1), residual[:, :, None])[:, :, 0] + pulled
        return _solve(normal, right)

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

    def _finish(self, observed: Observations, used: BoolArray, theta: FloatArray) -> Refinement:
        parts = self._linearise(observed, used, theta, pulls=True)
        residual, jacobian, information, _, raw, log_determinant = parts
        normal = np.matmul(jacobian.transpose(0, 2, 1), jacobian) + information
        cov = covariance(normal, np.ones(theta.shape, bool))
        chi2 = np.einsum("ft,ft->f", residual, residual)
        # One line of a tetragonal cell determines neither a nor c, yet takes one freedom.
        determined = np.isfinite(np.einsum("fpp->fp", cov)).sum(axis=1)
        length = np.linalg.norm(jacobian, axis=1)
        unit = jacobian / np.where(length > 0, length, 1.0)[:, None, :]
        determined = np.maximum(determined, np.linalg.matrix_rank(unit, tol=1e-7))
        return Refinement(
            theta=theta,
            cov=cov,
            residual=raw,
            used=used,
            chi2=chi2,
            cost=chi2 + log_determinant,
            dof=used.sum(axis=1) - determined,
            position=self.model.positions(theta)[0],
            weak_information=information,
        )

    def _linearise(
        self, observed: Observations, used: BoolArray, theta: FloatArray, *, pulls: bool
    ) -> tuple[FloatArray, ...]:
        """Whitened residuals and Jacobian, weak information and its pull, raw residuals, ln|C|."""
        position, slopes = self.model.positions(theta)
        at = np.maximum(self.reflection, 0)
        expected, jacobian = position[:, at], slopes[:, at]
        extra = np.full(used.shape, self.floor**2)
        n = self.model.n_parameters
        information, pulled = np.zeros((len(theta), n, n)), np.zeros((len(theta), n))
        if pulls:
            weight, delta = self._neighbours(observed, used, position)
            total = 1.0 + weight.sum(axis=2)
            share = weight / total[:, :, None]
            pull = (share * delta).sum(axis=2)
            expected = expected + pull
            jacobian = jacobian + np.matmul(share, slopes)
            jacobian = jacobian - share.sum(axis=2)[:, :, None] * slopes[:, at]
            spread = (share * delta**2).sum(axis=2) - pull**2
            extra = extra + self.pull_uncertainty**2 * np.maximum(spread, 0.0)
            information, pulled = self._unsplit(observed, share, weight, delta, slopes)
        known = used & np.isfinite(expected)
        raw = np.where(observed.found & (self.reflection >= 0), observed.center - expected, np.nan)
        if self.soft > 0.0:
            sigma = np.where(known, self.soft * observed.fwhm, 1.0)
            miss = np.where(known, raw, 0.0) / (2.0 * sigma)
            extra = extra + (sigma * (1.0 + miss**2)) ** 2
        cov = np.where(known[:, :, None] & known[:, None, :], observed.cov, 0.0)
        np.einsum("ftt->ft", cov)[...] += np.where(known, extra, 1.0)
        lower = np.linalg.cholesky(cov)
        residual = np.where(known, raw, 0.0)
        jacobian = np.where(known[:, :, None], jacobian, 0.0)
        whitened = np.linalg.solve(lower, np.concatenate([residual[:, :, None], jacobian], axis=2))
        log_determinant = 2.0 * np.log(np.einsum("ftt->ft", lower)).sum(axis=1)
        return whitened[:, :, 0], whitened[:, :, 1:], information, pulled, raw, log_determinant

    def _neighbours(
        self, observed: Observations, used: BoolArray, position: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Weights and distances of every reflection seen from every track (frames, T, R)."""
        n_frames, n_reflections = position.shape
        at = np.maximum(self.reflection, 0)
        scale = self._phase_scales(observed, used)
        strength = self.model.intensity[None, :] * scale[:, self.model.phase]
        # A reflection with a peak of its own pulls nobody.
        own = np.zeros((n_frames, n_reflections), bool)
        frame, track = np.nonzero(observed.found & (self.reflection >= 0))
        own[frame, self.reflection[track]] = True
        delta = position[:, None, :] - position[:, at][:, :, None]
        fwhm = np.where(used, observed.fwhm, 1.0)[:, :, None]
        near = (np.abs(delta) < _PULL_RANGE * fwhm) & used[:, :, None] & ~own[:, None, :]
        ratio = strength[:, None, :] / np.maximum(strength[:, at], 1e-300)[:, :, None]
        ratio = np.where(near, np.clip(ratio, _WEAKEST, 1.0 / _WEAKEST), 0.0)
        delta = np.where(near, delta, 0.0)
        weaker = np.minimum(ratio, 1.0 / np.where(near, ratio, 1.0))
        sigma2 = (fwhm / FWHM_PER_SIGMA) ** 2
        weight = weaker * np.exp(-(1.0 - weaker) * delta**2 / (4.0 * sigma2))
        # A stronger neighbour is what the indexed reflection pulls, the other way round.
        return np.where(ratio > 1.0, 1.0 / np.maximum(weight, _WEAKEST), weight), delta

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

    def _unsplit(
        self,
        observed: Observations,
        share: FloatArray,
        weight: FloatArray,
        delta: FloatArray,
        slopes: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Information of lines that are seen unsplit (frames, P, P), and its pull (frames, P)."""
        at = np.maximum(self.reflection, 0)
        partner = weight > _EQUAL_PARTNER
        frame, track, other = np.nonzero(partner)
        n_frames, n = len(weight), self.model.n_parameters
        information, pulled = np.zeros((n_frames, n, n)), np.zeros((n_frames, n))
        if frame.size == 0:
            return information, pulled
        count = partner.sum(axis=(1, 2))
        split = slopes[frame, other] - slopes[frame, at[track]]
        sigma = 0.5 * observed.fwhm[frame, track]
        power = 1.0 / (sigma**2 * count[frame])
        np.add.at(information, frame, power[:, None, None] * split[:, :, None] * split[:, None, :])
        distance = delta[frame, track, other]
        np.add.at(pulled, frame, -(power * distance)[:, None] * split)
        return information, pulled


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
