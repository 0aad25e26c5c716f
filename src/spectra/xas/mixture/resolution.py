"""`CurveResolution`: pure spectra and concentrations of a series, without standards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.fit.uncertainty import misfit_scale
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.stack import Stack
from spectra.status import Status
from spectra.xas.mixture.alternating import (
    Constraints,
    Resolved,
    bootstrapped,
    normal_of,
    project,
    resolve,
)
from spectra.xas.mixture.bounded import covariances
from spectra.xas.mixture.frames import (
    Frames,
    finish,
    frames_of,
    points_of,
)
from spectra.xas.mixture.normalised import OnNormalised
from spectra.xas.mixture.starting import evolving_factors, purest_frames

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]
Absence = tuple[int, int, int]

STARTS = ("simplisma", "efa")
NONNEGATIVE = ("concentrations", "spectra")

_FEWEST_POINTS = 6
_MOST_COMPONENTS = 8
# Frames, spread evenly over the sequence, that the spectra are resolved from.
_MOST_FRAMES = 2000


@dataclass(frozen=True)
class ResolutionPlan:
    """Resolved spectra (k, points), those of the bootstrap, and what each frame may hold."""

    table: Table
    points: IntArray
    spectra: FloatArray
    scattered: FloatArray
    allowed: BoolArray
    attrs: dict[str, Any]
    normalising: Any = None


@dataclass(frozen=True, kw_only=True)
class CurveResolution(OnNormalised):
    """MCR-ALS: D = C·S + E for a whole stack of normalised absorption.

    The spectra S are resolved from up to 2000 frames spread over the sequence, by alternating least
    squares under constraints (see `resolve`); every frame is then fitted with them by itself, under
    the same constraints but unimodality, which only shapes the spectra. The spectra are in
    ``attrs["spectra"]`` and come as a Stack from `component_spectra`; ``attrs["lack_of_fit"]`` (%)
    stands beside ``attrs["lack_of_fit_pca"]``, below which no model of as many components can come,
    and ``attrs["convergence"]`` has it for every round.

    The answer is seldom the only one: other spectra may obey the constraints and fit just
    as well. `rotational_bands` tells how far it can be turned; no uncertainty given here
    includes that. ``concentration_stderr`` is the noise of the frame with the spectra as they are
    and, with `bootstrap`, the scatter of these (``attrs["spectra_stderr"]``) as well.

    Parameters
    ----------
    components : int, optional
        How many; not needed where `start` names frames. `PrincipalComponents` helps to choose:
        drifts of a long series count as components there, and should not here.
    start : str or tuple of str
        First estimates: ``simplisma`` (the purest frames), ``efa`` (evolving factors), or the
        names of frames that are nearly pure, in the order the components shall have.
    nonnegative : tuple of str
        Which of ``concentrations`` and ``spectra`` are not negative.
    closure : bool
        Whether concentrations add up to one, as edge steps of one element do.
    unimodal : bool
        Whether each concentration rises and falls once along the sequence.
    absent : tuple of (int, int, int)
        Selectivity and local rank: component (from 1) and the first and last frame (from 0)
        where it is not there.
    rounds : int
    tolerance : float
        Relative change of the lack of fit at which the rounds end.
    bootstrap : int
        Number of series with residuals drawn anew (0 for none).
    seed : int
    window, normalize
        As in `OnNormalised`.

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
    >>> curves = CurveResolution(start=("reduced", "oxidised"))(stack)
    >>> curves["concentration"][2:].round(2).tolist()
    [[0.7, 0.3], [0.4, 0.6]]
    """

    name: ClassVar[str] = "xas.CurveResolution"
    block_size: ClassVar[int] = 512

    components: int | None = setting(None, "number of components", within="1 … 8")
    start: str | tuple[str, ...] = setting("simplisma", "first estimates, or names of frames")
    nonnegative: tuple[str, ...] = setting(NONNEGATIVE, "what is not negative")
    closure: bool = setting(True, "whether concentrations add up to one")
    unimodal: bool = setting(False, "whether each concentration has one maximum")
    absent: tuple[Absence, ...] = setting((), "component, first and last frame without it")
    rounds: int = setting(500, "most rounds", within="≥ 1")
    tolerance: float = setting(1e-5, "change at which the rounds end", within="> 0")
    bootstrap: int = setting(0, "series with residuals drawn anew", within="0 or ≥ 10")
    seed: int = setting(0, "seed of the bootstrap", within="≥ 0")

    def __post_init__(self) -> None:
        super().__post_init__()
        set_ = object.__setattr__
        set_(self, "nonnegative", tuple(self.nonnegative))
        set_(self, "absent", tuple(tuple(int(v) for v in a) for a in self.absent))
        if isinstance(self.start, str) and self.start not in STARTS:
            raise SettingError(
                f"{self.name}: start = {self.start!r}; expected {', '.join(STARTS)}, or a tuple "
                "of names of frames"
            )
        if not isinstance(self.start, str):
            set_(self, "start", tuple(str(s) for s in self.start))
        if unknown := set(self.nonnegative) - set(NONNEGATIVE):
            raise SettingError(
                f"{self.name}: nonnegative = {sorted(unknown)}; expected {', '.join(NONNEGATIVE)}"
            )
        known = self.components is None or 1 <= self.components <= _MOST_COMPONENTS
        if not known or self.rounds < 1 or not self.tolerance > 0 or self.seed < 0:
            raise SettingError(
                f"{self.name}: components = {self.components!r}, rounds = {self.rounds!r}, "
                f"tolerance = {self.tolerance!r}, seed = {self.seed!r}; expected 1 … "
                f"{_MOST_COMPONENTS}, ≥ 1, > 0, ≥ 0"
            )
        named = None if isinstance(self.start, str) else len(self.start)
        if self.components is None and named is None:
            raise SettingError(
                f"{self.name}: give the number of components (xas.PrincipalComponents helps to "
                "choose it), or the names of frames to start from"
            )
        if named is not None and self.components not in (None, named):
            raise SettingError(
                f"{self.name}: {self.components} components, but {named} frames to start from"
            )
        if self.bootstrap != 0 and self.bootstrap < 10:
            raise SettingError(f"{self.name}: bootstrap = {self.bootstrap!r}; expected 0 or ≥ 10")

    def prepare(self, source: Stack) -> ResolutionPlan:
        """Resolve the spectra of the sequence.

        Raises
        ------
        StackError
            If it is not normalised, or has too few frames or points.
        SettingError
            If a frame of `start` is not there, or an absence is not within the sequence.
        """
        normalising = self.plan_normalisation(source)
        source = self.normalised(source)
        points = points_of(source, self.window, _FEWEST_POINTS, self.name)
        rows, data = _model_frames(source, points, self.name)
        _, singular, spectra = np.linalg.svd(data, full_matrices=False)
        count = len(self.start) if self.components is None else self.components
        if count >= min(data.shape):
            raise StackError(
                f"{self.name}: {count} components of {data.shape[0]} frames and "
                f"{data.shape[1]} points; at most {min(data.shape) - 1}"
            )
        allowed = self._allowed(len(source), count)
        first = self._first(source, rows, data, spectra[:count])
        found = resolve(
            data,
            first,
            allowed[rows],
            self.constraints,
            rounds=self.rounds,
            tolerance=self.tolerance,
        )
        scattered = bootstrapped(
            data,
            found,
            allowed[rows],
            self.constraints,
            times=self.bootstrap,
            seed=self.seed,
            rounds=self.rounds,
            tolerance=self.tolerance,
        )
        attrs = self._attrs(source, points, data, singular, found, scattered)
        return ResolutionPlan(
            resolution_table(count), points, found.spectra, scattered, allowed, attrs, normalising
        )

    def narrow(self, plan: ResolutionPlan, start: int, stop: int) -> ResolutionPlan:
        """The part of the plan that frames ``start:stop`` need."""
        return replace(plan, allowed=plan.allowed[start:stop])

    narrow_block = narrow

    def table(self, plan: ResolutionPlan) -> Table:
        """Declare the table."""
        return plan.table

    def fit(self, block: Stack, plan: ResolutionPlan) -> Results:
        """Concentrations of every frame of a block."""
        block = self.normalised_block(block, plan.normalising)
        frames = frames_of(block, plan.points, complete=False)
        y, weight, rule = frames.y, frames.weight, self.constraints
        found = project(y, weight, plan.spectra, plan.allowed, rule)
        residual = y - np.matmul(found[:, None, :], plan.spectra)[:, 0, :]
        used = weight > 0
        chi2 = (weight * residual**2).sum(axis=1)
        dof = frames.count - (plan.allowed.sum(axis=1) - self.closure)
        variance = _variances(frames, plan, rule)
        variance *= misfit_scale(chi2, dof, absolute=frames.known)[:, None]
        if len(plan.scattered):
            again = [project(y, weight, s, plan.allowed, rule) for s in plan.scattered]
            variance += np.var(np.stack(again), axis=0, ddof=1)
        norm = np.maximum(np.where(used, y**2, 0.0).sum(axis=1), np.finfo(float).tiny)
        columns = {
            "concentration": found,
            "concentration_stderr": np.sqrt(variance),
            "r_factor": np.where(used, residual**2, 0.0).sum(axis=1) / norm,
            "chi2_reduced": chi2 / np.maximum(dof, 1),
        }
        if not plan.attrs["converged"]:
            _mark_unsettled(frames, self.rounds)
        return finish(plan.table, columns, frames, block, plan.attrs)

    @property
    def constraints(self) -> Constraints:
        """What concentrations and spectra obey."""
        return Constraints(
            "concentrations" in self.nonnegative,
            "spectra" in self.nonnegative,
            self.closure,
            self.unimodal,
        )

    def _allowed(self, n_frames: int, count: int) -> BoolArray:
        """Which components each frame may hold (frames, k)."""
        allowed = np.ones((n_frames, count), dtype=bool)
        for number, first, last in self.absent:
            if not (1 <= number <= count and 0 <= first <= last < n_frames):
                raise SettingError(
                    f"{self.name}: absent = ({number}, {first}, {last}); expected a component "
                    f"1 … {count} and frames 0 … {n_frames - 1}"
                )
            allowed[first : last + 1, number - 1] = False
        if empty := np.flatnonzero(~allowed.any(axis=1)).tolist():
            raise SettingError(f"{self.name}: absent leaves nothing in frame {empty[0]}")
        return allowed

    def _first(
        self,
        source: Stack,
        rows: IntArray,
        data: FloatArray,
        spectra: FloatArray,
    ) -> FloatArray:
        """First estimates of the spectra (k, points)."""
        if not isinstance(self.start, str):
            return data[[_row_of(name, source, rows, self.name) for name in self.start]]
        if self.start == "simplisma":
            clean = (data @ spectra.T) @ spectra
            return data[purest_frames(clean, len(spectra))]
        concentration = evolving_factors(data, len(spectra))
        if self.closure:
            concentration /= np.maximum(concentration.sum(axis=1, keepdims=True), 1e-12)
        return np.asarray(np.linalg.lstsq(concentration, data, rcond=None)[0])

    def _attrs(
        self,
        source: Stack,
        points: IntArray,
        data: FloatArray,
        singular: FloatArray,
        found: Resolved,
        scattered: FloatArray,
    ) -> dict[str, Any]:
        """What holds for the whole sequence."""
        total = (data**2).sum()
        left = (singular[len(found.spectra) :] ** 2).sum()
        attrs: dict[str, Any] = {
            "components": len(found.spectra),
            "energy": source.x[points].tolist(),
            "spectra": found.spectra.tolist(),
            "lack_of_fit": 100.0 * found.lack[-1],
            "lack_of_fit_pca": 100.0 * float(np.sqrt(left / total)),
            "variance": 1.0 - found.lack[-1] ** 2,
            "convergence": [100.0 * v for v in found.lack],
            "converged": found.converged,
            "closed": self.closure,
            "frames": len(data),
            "errors": "given" if source.noise == "given" else "residual",
            "ambiguity": "not in the uncertainties; see xas.rotational_bands",
            "title": source.title,
        }
        if len(scattered):
            attrs["spectra_stderr"] = scattered.std(axis=0, ddof=1).tolist()
        return attrs


def resolution_table(count: int) -> Table:
    """Declare the table of `CurveResolution`."""
    columns = (
        Column(
            "concentration",
            "",
            "share of the component",
            ("component",),
            stderr=True,
            headline="share",
        ),
        Column("r_factor", "", "sum of squared residuals over that of squared data"),
        Column("chi2_reduced", "", "χ² per degree of freedom (unit weights without errors)"),
    )
    coords = {"component": {"label": np.array([f"c{i + 1}" for i in range(count)])}}
    return Table("resolution", columns, coords, "concentration")


def _model_frames(source: Stack, points: IntArray, method: str) -> tuple[IntArray, FloatArray]:
    """Frames that the spectra are resolved from: their indices and signals."""
    stride = -(-len(source) // _MOST_FRAMES)
    chosen, kept = [], []
    for i, block in source.blocks():
        inside = np.flatnonzero((i + np.arange(len(block))) % stride == 0)
        frames = frames_of(block.load()[inside], points, complete=True)
        chosen.append(i + inside[frames.usable])
        kept.append(frames.y[frames.usable])
    rows, data = np.concatenate(chosen), np.concatenate(kept)
    if len(rows) < 3:
        raise StackError(
            f"{method}: {len(rows)} frames with all {len(points)} points of the window; at least "
            "3 are needed; narrow the window to what all frames have"
        )
    return rows, data


def _row_of(name: str, source: Stack, rows: IntArray, method: str) -> int:
    """Place of a named frame among those that the spectra are resolved from."""
    at = [place for place, i in enumerate(rows.tolist()) if source.names[i] == name]
    if len(at) != 1:
        raise SettingError(
            f"{method}: start names the frame {name!r}, of which the sequence has {len(at)} that "
            "can be used"
        )
    return at[0]


def _variances(frames: Frames, plan: ResolutionPlan, rule: Constraints) -> FloatArray:
    """Variances of concentrations (frames, k) for unit weight, without the bound at zero."""
    normal = normal_of(frames.y, frames.weight, plan.spectra, rule)
    out = np.zeros_like(normal.moment)
    for pattern in np.unique(plan.allowed, axis=0):
        rows = np.flatnonzero((plan.allowed == pattern).all(axis=1))
        members = tuple(np.flatnonzero(pattern).tolist())
        out[rows] = np.einsum("rii->ri", covariances(normal[rows], members))
    return np.maximum(out, 0.0)


def _mark_unsettled(frames: Frames, rounds: int) -> None:
    """Frames of a resolution that did not settle."""
    for i in np.flatnonzero(frames.usable):
        frames.status[i] = Status.NOT_CONVERGED
        frames.messages[i] = f"the spectra were still changing after {rounds} rounds"
