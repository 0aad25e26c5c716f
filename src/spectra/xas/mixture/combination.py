"""`LinearCombination`: spectra as sums of standards, all frames at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri_exp

from spectra.errors import SettingError, StackError
from spectra.fit.uncertainty import misfit_scale
from spectra.results import Column, Results, Table
from spectra.settings import ANY_FILE, setting
from spectra.stack import Stack
from spectra.status import Status
from spectra.xas.mixture.bounded import covariances, solve, subsets
from spectra.xas.mixture.frames import (
    Frames,
    finish,
    frames_of,
    points_of,
)
from spectra.xas.mixture.normalised import OnNormalised
from spectra.xas.mixture.ranking import PENALTIES, Ranking, rank
from spectra.xas.mixture.resample import resampled
from spectra.xas.mixture.shifted import SHIFTS, Mixing, Mixture
from spectra.xas.mixture.standards import load_standards

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MOST_STANDARDS = 10
_CONFIDENCE = 0.95
# A weight below this is none.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class MixturePlan:
    """How standards mix, the points of the window, and which combinations are tried."""

    table: Table
    points: IntArray
    mixing: Mixing
    combinations: tuple[tuple[int, ...], ...]
    attrs: dict[str, Any]
    normalising: Any = None


@dataclass(frozen=True, kw_only=True)
class LinearCombination(OnNormalised):
    """Shares of standards in every spectrum of a stack of normalised absorption.

    Each frame is fitted by least squares as Σ w_j·s_j(E − δ), with w_j ≥ 0. Standards are
    taken as exact and are interpolated by cubic splines; the data are never interpolated.

    ``weight`` obeys the bound. ``weight_free`` is the fit without it: it scatters normally
    about the truth everywhere, and is what to average or to test against zero. Both have the
    same uncertainty, that of the fit without bounds with all the standards allowed, so that a
    weight of zero carries one as well; it then is one-sided, the status is ``at_bound``, and
    ``weight_upper`` is the limit below which the weight is with 95 % (flat prior on w ≥ 0;
    Particle Data Group, Review of Particle Physics, section Statistics). Where errors are not
    given they come from the residual: they then hold only where the standards do describe the
    spectra, and where neighbouring points scatter independently. They hold neither the standards'
    own noise nor the doubt about the edge steps, of samples and of standards, which the weights are
    proportional to.

    With a `penalty`, all combinations of up to `largest` standards are ranked in each frame and
    the best one's weights are given: ``aic`` and ``bic`` (H. Akaike, IEEE Trans. Autom. Control
    19 (1974) 716; G. Schwarz, Ann. Stat. 6 (1978) 461), or ``hamilton``, the smallest
    combination that the F-test of R factors does not reject at 5 % against the one that fits best
    (W. C. Hamilton, Acta Cryst. 18 (1965) 502). The uncertainties are those within the
    chosen combination and do not include the doubt about the choice.

    Parameters
    ----------
    standards : tuple of str
        Names of frames of the same stack, files (``"file.h5"`` or ``"file.h5::name"``), or names
        in ``reference_patterns/xanes``.
    sum_to_one : bool
        Whether weights add up to one.
    shift : {"none", "common", "each"}
        Whether the standards may shift in energy, together or each by itself; a positive shift
        moves them to higher energies.
    shift_limit : float
        The largest shift (eV).
    penalty : {"none", "aic", "bic", "hamilton"}
    largest : int
        Most standards in a combination that is ranked.
    bootstrap : int
        Number of resamplings of the points (0 for none): adds ``weight_bootstrap`` with its
        scatter, and the central 95 % ``weight_low`` to ``weight_high``.
    seed : int
        Of the resamplings.
    window, normalize
        As in `OnNormalised`; by default all energies that data and standards have in common.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> energy = np.arange(5460.0, 5520.0, 0.5)
    >>> def edge(at): return 0.5 + np.arctan((energy - at) / 1.5) / np.pi
    >>> shares = np.array([[1.0, 0.0], [0.0, 1.0], [0.7, 0.3], [0.4, 0.6]])
    >>> spectra = shares @ [edge(5480), edge(5485)]
    >>> stack = Stack.from_arrays(
    ...     energy, spectra, axis_name="energy", axis_unit="eV", quantity="norm",
    ...     names=("reduced", "oxidised", "first", "second"))
    >>> fitted = LinearCombination(standards=("reduced", "oxidised"))(stack)
    >>> fitted["weight"][2:].round(2).tolist()
    [[0.7, 0.3], [0.4, 0.6]]
    """

    name: ClassVar[str] = "xas.LinearCombination"
    block_size: ClassVar[int] = 512

    standards: tuple[str, ...] = setting(
        (), "frames, files or references to combine", files=ANY_FILE
    )
    sum_to_one: bool = setting(True, "whether weights add up to one")
    shift: str = setting("none", "shifts of the standards", within=", ".join(SHIFTS))
    shift_limit: float = setting(3.0, "largest shift", unit="eV", within="> 0")
    penalty: str = setting("none", "how combinations are ranked", within=", ".join(PENALTIES))
    largest: int = setting(4, "most standards in a combination that is ranked", within="≥ 1")
    bootstrap: int = setting(0, "resamplings of the points", within="0 or ≥ 20")
    seed: int = setting(0, "seed of the resamplings", within="≥ 0")

    def __post_init__(self) -> None:
        super().__post_init__()
        given: Any = self.standards
        given = (given,) if isinstance(given, str) else given
        object.__setattr__(self, "standards", tuple(str(s) for s in given))
        for name, known in (("shift", SHIFTS), ("penalty", PENALTIES)):
            if getattr(self, name) not in known:
                raise SettingError(
                    f"{self.name}: {name} = {getattr(self, name)!r}; expected {', '.join(known)}"
                )
        if not self.standards:
            raise SettingError(f"{self.name}: give standards")
        if not self.shift_limit > 0 or self.largest < 1 or self.seed < 0:
            raise SettingError(
                f"{self.name}: shift_limit = {self.shift_limit!r}, largest = {self.largest!r}, "
                f"seed = {self.seed!r}; expected > 0, ≥ 1, ≥ 0"
            )
        if self.bootstrap != 0 and self.bootstrap < 20:
            raise SettingError(f"{self.name}: bootstrap = {self.bootstrap!r}; expected 0 or ≥ 20")

    def prepare(self, source: Stack) -> MixturePlan:
        """Load the standards and choose the points.

        Raises
        ------
        SettingError
            If a standard is not known or there are too many.
        StackError
            If the stack or a standard is not normalised, too few points are left, or two
            standards cannot be told apart in the window.
        """
        normalising = self.plan_normalisation(source)
        source = self.normalised(source)
        standards = load_standards(self.standards, source, self.normalised)
        if len(standards) > _MOST_STANDARDS:
            raise SettingError(
                f"{self.name}: {len(standards)} standards; at most {_MOST_STANDARDS}: all their "
                "combinations are tried. Leave out those that PrincipalComponents rejects"
            )
        margin = 0.0 if self.shift == "none" else self.shift_limit
        covered = np.all([s.covers(source.x, margin) for s in standards], axis=0)
        needed = 2 * len(standards) + 2
        points = points_of(source, self.window, needed, self.name, covered)
        energy = source.x[points]
        mixing = Mixing(energy, standards, self.sum_to_one, self.shift, self.shift_limit)
        _tell_apart(mixing, self.name)
        tried = tuple(subsets(len(standards), self.largest)) if self.penalty != "none" else ()
        labels = [s.label for s in standards]
        attrs = {
            "standards": labels,
            "window": [float(energy[0]), float(energy[-1])],
            "points": len(points),
            "errors": "given" if source.noise == "given" else "residual",
            "title": source.title,
        }
        table = mixture_table(labels, tried, self.shift, self.bootstrap > 0)
        return MixturePlan(table, points, mixing, tried, attrs, normalising)

    def table(self, plan: MixturePlan) -> Table:
        """Declare the table."""
        return plan.table

    def fit(self, block: Stack, plan: MixturePlan) -> Results:
        """Fit every frame of a block."""
        block = self.normalised_block(block, plan.normalising)
        frames = frames_of(block, plan.points, complete=False)
        mixing = plan.mixing
        _check_counts(frames, 2 * len(mixing.standards) + 2)
        everyone = tuple(range(len(mixing.standards)))
        columns: dict[str, NDArray[Any]] = {}
        if self.penalty == "none":
            columns |= self._columns(frames, mixing, mixing.fit(frames, everyone), everyone)
        else:
            ranking = rank(frames, mixing, plan.combinations, self.penalty)
            columns |= self._ranked(frames, mixing, ranking, plan.combinations)
        return finish(plan.table, columns, frames, block, plan.attrs)

    def _ranked(
        self,
        frames: Frames,
        mixing: Mixing,
        ranking: Ranking,
        tried: Sequence[tuple[int, ...]],
    ) -> dict[str, NDArray[Any]]:
        """Columns of the best combination of each frame, and of the ranking."""
        columns: dict[str, NDArray[Any]] = {}
        for chosen in np.unique(ranking.best).tolist():
            rows = np.flatnonzero(ranking.best == chosen)
            part = frames.take(rows)
            members = tried[chosen]
            own = self._columns(part, mixing, mixing.fit(part, members), members)
            frames.status[rows] = part.status
            for row, message in zip(rows.tolist(), part.messages, strict=True):
                frames.messages[row] = message
            for name, values in own.items():
                if name not in columns:
                    columns[name] = np.full((len(ranking.best), *values.shape[1:]), np.nan)
                columns[name][rows] = values
        return columns | {
            "best": ranking.best,
            "delta_aic": ranking.aic,
            "delta_bic": ranking.bic,
            "hamilton": ranking.hamilton,
            "combination_r_factor": ranking.r_factor,
        }

    def _columns(
        self, frames: Frames, mixing: Mixing, mixture: Mixture, members: tuple[int, ...]
    ) -> dict[str, NDArray[Any]]:
        """Columns of the table from the mixtures of some frames, and their statuses."""
        size = len(mixing.standards)
        normal = mixing.normal(frames, mixture, members)
        unbounded, free_chi2 = solve(normal, members)
        dof = frames.count - (len(members) - self.sum_to_one) - mixing.n_shifts(members)
        scale = misfit_scale(free_chi2, dof, absolute=frames.known)
        cov = scale[:, None, None] * covariances(normal, members)
        error = np.sqrt(np.maximum(np.einsum("rii->ri", cov), 0.0))
        residual = frames.y - mixing.curve(mixture)
        used = frames.weight > 0
        chi2 = (frames.weight * residual**2).sum(axis=1)
        norm = np.maximum((frames.y**2).sum(axis=1), np.finfo(float).tiny)
        total = cov[:, :size, :size].sum(axis=(1, 2))
        columns = {
            "weight": mixture.weight,
            "weight_stderr": error[:, :size],
            "weight_free": unbounded[:, :size],
            "weight_free_stderr": error[:, :size],
            "weight_upper": upper_limit(unbounded[:, :size], error[:, :size]),
            "weight_covariance": cov[:, :size, :size],
            "total": mixture.weight.sum(axis=1),
            "total_stderr": np.sqrt(np.maximum(total, 0.0)) * (not self.sum_to_one),
            "r_factor": np.where(used, residual**2, 0.0).sum(axis=1) / norm,
            "chi2_reduced": chi2 / np.maximum(dof, 1),
            "points": frames.count,
        }
        if self.shift != "none":
            # A standard without a share has no shift either.
            there = np.ones_like(mixture.shift, dtype=bool)
            if self.shift == "each":
                there = mixture.weight > 0
            columns["shift"] = np.where(there, mixture.shift, np.nan)
            columns["shift_stderr"] = np.where(there, error[:, size:], np.nan)
        if self.bootstrap:
            columns |= resampled(frames, mixing, mixture, members, self.bootstrap, self.seed)
        _judge(frames, mixing, mixture, members)
        return columns


def mixture_table(
    labels: Sequence[str], tried: Sequence[tuple[int, ...]], shift: str, bootstrap: bool
) -> Table:
    """Declare the table of `LinearCombination`."""
    each = ("standard",)
    columns = [
        Column(
            "weight", "", "share of the standard, not negative", each, stderr=True, headline="share"
        ),
        Column("weight_free", "", "share without the bound at zero", each, stderr=True),
        Column("weight_upper", "", "limit that holds the share with 95 %", each),
        Column("weight_covariance", "", "covariance of the shares", ("standard", "standard")),
        Column("total", "", "sum of the shares", stderr=True),
        Column("r_factor", "", "sum of squared residuals over that of squared data"),
        Column(
            "chi2_reduced", "", "χ² per degree of freedom; of the residual if errors are not given"
        ),
        Column("points", "", "number of points fitted").as_int(),
    ]
    coords: dict[str, dict[str, NDArray[Any]]] = {"standard": {"label": np.array(labels)}}
    if shift == "common":
        coords["shifted"] = {"label": np.array(["all"])}
    elif shift == "each":
        coords["shifted"] = {"label": np.array(labels)}
    if shift != "none":
        columns.append(Column("shift", "eV", "shift of the standard", ("shifted",), stderr=True))
    if bootstrap:
        columns += [
            Column("weight_bootstrap", "", "mean share of the resamplings", each, stderr=True),
            Column("weight_low", "", "2.5 % of the resamplings are below", each),
            Column("weight_high", "", "2.5 % of the resamplings are above", each),
        ]
    if tried:
        names = [" + ".join(labels[i] for i in members) for members in tried]
        coords["combination"] = {"label": np.array(names)}
        several = ("combination",)
        columns += [
            Column("best", "", "index of the best combination").as_int(),
            Column("delta_aic", "", "Akaike's criterion less the smallest", several),
            Column("delta_bic", "", "Schwarz's criterion less the smallest", several),
            Column("hamilton", "", "probability of so bad an R factor, if it were right", several),
            Column("combination_r_factor", "", "R factor", several),
        ]
    return Table("combination", tuple(columns), coords, "weight")


def upper_limit(value: FloatArray, error: FloatArray) -> FloatArray:
    """Limit u with P(w < u | w ≥ 0) = 95 % for w normal about `value` with `error`."""
    safe = np.where(error > 0, error, np.nan)
    # In logarithms: far below zero the tail itself is too small for a number.
    limit = value - safe * ndtri_exp(np.log(1.0 - _CONFIDENCE) + log_ndtr(value / safe))
    return np.where(error > 0, np.maximum(limit, 0.0), value)


def _tell_apart(mixing: Mixing, method: str) -> None:
    """Refuse standards that are the same in the window."""
    energy, standards = mixing.energy, mixing.standards
    for j, i in combinations(range(len(standards)), 2):
        if np.abs(mixing.still[:, i] - mixing.still[:, j]).max() < 1e-9:
            raise StackError(
                f"{method}: {standards[j].label!r} and {standards[i].label!r} are the same from "
                f"{energy[0]:g} to {energy[-1]:g} eV; leave one of them out"
            )


def _check_counts(frames: Frames, needed: int) -> None:
    """Mark frames that have too few points."""
    for i in np.flatnonzero(frames.usable & (frames.count < needed)):
        frames.status[i] = Status.BAD_INPUT
        frames.messages[i] = f"{frames.count[i]} usable points; at least {needed} are needed"


def _judge(frames: Frames, mixing: Mixing, mixture: Mixture, members: tuple[int, ...]) -> None:
    """Statuses and messages of fitted frames."""
    labels = [mixing.standards[i].label for i in members]
    # A standard among the frames has none of the others but for rounding.
    zero = mixture.weight[:, list(members)] <= _ROUNDING
    astray = ~mixture.converged | (np.abs(mixture.shift) >= mixing.limit).any(axis=1)
    for i in np.flatnonzero(frames.usable & zero.any(axis=1)):
        names = ", ".join(label for label, none in zip(labels, zero[i], strict=True) if none)
        frames.status[i] = Status.AT_BOUND
        frames.messages[i] = f"no share of {names}: uncertainties are one-sided"
    for i in np.flatnonzero(np.isin(frames.status, (Status.OK, Status.AT_BOUND)) & astray):
        frames.status[i] = Status.NOT_CONVERGED
        shifts = ", ".join(f"{v:.3g}" for v in mixture.shift[i])
        frames.messages[i] = f"the shift ({shifts} eV) ran to its limit or did not settle"
