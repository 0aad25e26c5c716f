"""`MonteCarlo`: uncertainties from spectra drawn anew, beside the linear ones."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.fit.batch import StackFit, fit_stack
from spectra.method import Method
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.status import Status
from spectra.xps.build import Built
from spectra.xps.endpoints import plain_region
from spectra.xps.frames import Frames
from spectra.xps.quantities import fractions, mean_valence, species_quantities
from spectra.xps.region import Plan, Region

if TYPE_CHECKING:
    from spectra.stack import Stack

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

NAMES = ("area", "fraction", "valence")
"""Of what uncertainties are drawn."""

_INTERVALS = {"68": (0.15865525393145707, 0.8413447460685429), "95": (0.025, 0.975)}
# Fits that are worked out at once, and relative differences of uncertainties that are told.
_TOGETHER, _TOLD = 4096, 0.2
_FEWEST = 20


@dataclass(frozen=True)
class MonteCarloPlan:
    """What all blocks share, and which of their frames are drawn.

    Attributes
    ----------
    region : Plan
    chosen : bool array (frames,)
    """

    region: Plan
    chosen: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class MonteCarlo(Method):
    """Fit a region, and again to spectra drawn from its fit: a parametric bootstrap.

    Each chosen frame's fitted curve is given noise as its own (counts are drawn from Poisson's
    distribution) `draws` times and fitted again by the same solver (B. Efron and R. J. Tibshirani,
    An Introduction to the Bootstrap (1993), sect. 6.5). Where χ² of the frame is improbable the
    noise drawn is as much larger as the linear uncertainties are; parameters that all frames share
    are drawn from their own covariance. The results are those of `xps.Region`, and beside them the
    mean and standard deviation of what was drawn and its central 68 and 95 % intervals, which need
    not be symmetric. Standard deviations that differ from the linear uncertainties by more than a
    fifth, and by more than the draws scatter, are told.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xps import Model, Region, Species
    >>> model = Model(name="one", species=(Species(name="a", level="C 1s", position=284.8),))
    >>> energy = np.linspace(280, 290, 101)
    >>> curve = 100 + 900 * np.exp(-(((energy - 284.8) / 0.7) ** 2))
    >>> counts = np.random.default_rng(1).poisson(curve)
    >>> stack = Stack.from_arrays(energy, counts, noise="counts", axis_name="binding_energy")
    >>> results = MonteCarlo(region=Region(model=model), draws=100)(stack)
    >>> (results["area_drawn_stderr"] / results["area_stderr"]).round(1).tolist()
    [[1.0]]
    """

    name: ClassVar[str] = "xps.MonteCarlo"
    block_size: ClassVar[int] = 64

    region: Region | Mapping[str, Any] = setting(Region(), "the region that is fitted")  # noqa: RUF009
    draws: int = setting(200, "spectra drawn of each frame", within=f"{_FEWEST} or more")
    frames: tuple[int, ...] = setting((), "frames to draw for, counted from 0; none for all")
    seed: int = setting(0, "of the draws", within="0 or more")

    def __post_init__(self) -> None:
        super().__post_init__()
        with self.naming("region"):
            object.__setattr__(self, "region", plain_region(self.region))
        object.__setattr__(self, "frames", tuple(self.frames))
        if self.draws < _FEWEST:
            raise SettingError(f"{self.name}: draws = {self.draws}; expected {_FEWEST} or more")
        if self.seed < 0:
            raise SettingError(f"{self.name}: seed = {self.seed}; expected 0 or more")

    @cached_property
    def _region(self) -> Region:
        return Region.given(self.region)

    def prepare(self, source: Stack) -> MonteCarloPlan:
        """Prepare the region, and find the chosen frames.

        Raises
        ------
        SettingError
            For a frame that there is not.
        """
        count = len(source)
        if wrong := [i for i in self.frames if not 0 <= i < count]:
            raise SettingError(
                f"{self.name}: frames = {', '.join(map(str, wrong))}; expected 0 to {count - 1}"
            )
        chosen = np.zeros(count, bool)
        chosen[list(self.frames) or slice(None)] = True
        return MonteCarloPlan(self._region.prepare(source), chosen)

    def narrow(self, plan: MonteCarloPlan, start: int, stop: int) -> MonteCarloPlan:
        """Give the part of the plan that frames ``start:stop`` need."""
        return replace(plan, chosen=plan.chosen[start:stop])

    narrow_block = narrow

    def table(self, plan: MonteCarloPlan) -> Table:
        """Declare the region's columns and those of what was drawn."""
        table = self._region.table(plan.region)
        columns = list(table.columns)
        for name in NAMES:
            one = table.column(name)
            drawn = replace(one, name=f"{name}_drawn", meaning=f"mean of drawn: {one.meaning}")
            columns.append(drawn)
            for share in _INTERVALS:
                meaning = f"central {share} % of drawn: {one.meaning}"
                dims = (*one.dims, "limit")
                columns.append(Column(f"{name}_{share}", one.unit, meaning, dims))
        columns.append(Column("draws", "", "spectra drawn whose fits converged").as_int())
        coords = {**table.coords, "limit": {"label": np.array(["low", "high"])}}
        return replace(table, columns=tuple(columns), coords=coords)

    def fit(self, block: Stack, plan: MonteCarloPlan) -> Results:
        """Fit every frame of a block, and draw for the chosen ones."""
        region = self._region
        linear = region.fit(block, plan.region)
        table = self.table(plan)
        columns = {**table.empty(len(block)), **linear.columns}
        messages = list(linear.messages)
        built, part = region.prepared(block, plan.region)
        frames = np.flatnonzero(part.status == Status.OK)
        wanted = plan.chosen[frames] & np.isin(linear.status[frames], (Status.OK, Status.AT_BOUND))
        step = max(1, _TOGETHER // self.draws)
        good = np.flatnonzero(wanted)
        for some in (good[i : i + step] for i in range(0, good.size, step)):
            values = linear["parameter"][frames[some]]
            found, used = self._draw(built, part.take(some), values, plan.region)
            rows = frames[some]
            columns["draws"][rows] = used.sum(axis=1)
            for name, value in found.items():
                _write(columns, rows, name, value, used)
        for row in frames[good].tolist():
            told = self._told({n: v[row] for n, v in columns.items()})
            messages[row] = "; ".join(filter(None, (messages[row], told)))
        attrs = {**linear.attrs, "draws": self.draws, "seed": self.seed}
        return replace(linear, table=table, columns=columns, messages=tuple(messages), attrs=attrs)

    def _draw(
        self, built: Built, part: Frames, values: FloatArray, plan: Plan
    ) -> tuple[dict[str, FloatArray], NDArray[np.bool_]]:
        """Quantities (frames, draws, ...) of drawn spectra, and whether their fits converged."""
        labels = tuple(built.params)
        begin = {n: values[:, i] for i, n in enumerate(labels) if not built.params[n].expr}
        fits = _fit(built, plan.x, part, begin)
        scale = part.misfit(fits).widening * (fits.redchi if part.errors == "residual" else 1.0)
        n, times = len(part.y), self.draws
        curves, y, shared = fits.best_fit(), np.empty((n, times, plan.x.size)), []
        for row in range(n):
            # Of its own counts, so that no frame's draws hang on its neighbours.
            rng = np.random.default_rng([self.seed, zlib.crc32(part.y[row].tobytes())])
            weights = None if part.weights is None else part.weights[row]
            y[row] = _noisy(rng, curves[row], weights, float(scale[row]), times)
            shared.append(_shared(rng, built, plan, times))
        y[np.broadcast_to(np.isnan(part.y)[:, None], y.shape)] = np.nan
        again = {k: np.repeat(fits[k], times) for k in begin}
        again |= {k: np.concatenate([s[k] for s in shared]) for k in plan.shared}
        weights = None if part.weights is None else np.repeat(part.weights, times, axis=0)
        many = replace(part, y=y.reshape(n * times, -1), weights=weights, starts={})
        drawn = _fit(built, plan.x, many, again)
        used = np.isin(drawn.status, (Status.OK, Status.AT_BOUND)).reshape(n, times)
        columns = [drawn.names.index(name) for name in labels]
        return self._quantities(plan.x, labels, drawn.values[:, columns], n), used

    def _quantities(
        self, x: FloatArray, labels: tuple[str, ...], values: FloatArray, n: int
    ) -> dict[str, FloatArray]:
        """Areas, fractions and valences (frames, draws, ...) of fits (rows, parameters)."""
        model = self._region.species_model
        size = values.shape[1]
        none = np.zeros((len(values), size, size))
        area = species_quantities(model, x, labels, values, none).values["area"]
        bare = np.zeros((len(values), area.shape[1], area.shape[1]))
        found = {
            "area": area,
            "fraction": fractions(model, area, bare)[0],
            "valence": mean_valence(model, area, bare)[0],
        }
        return {k: v.reshape(n, -1, *v.shape[1:]) for k, v in found.items()}

    def _told(self, row: Mapping[str, Any]) -> str:
        """Where drawn and linear uncertainties of one frame differ."""
        lost = self.draws - int(row["draws"])
        said = [f"{lost} of {self.draws} drawn spectra could not be fitted"] * (lost > 0)
        least = max(_TOLD, 3.0 / np.sqrt(2.0 * self.draws))
        species = [f" of {s.name}" for s in self._region.species_model.species]
        ratios: list[str] = []
        for name in NAMES:
            kinds = (row[f"{name}_drawn_stderr"], row[f"{name}_stderr"])
            drawn, linear = (np.atleast_1d(kind) for kind in kinds)
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = drawn / linear
            ratios += [
                f"{name}{label} {r:.2g} times"
                for label, r in zip([""] if name == "valence" else species, ratio, strict=True)
                if np.isfinite(r) and (r > 1.0 + least or r < 1.0 / (1.0 + least))
            ]
        if ratios:
            said.append(f"Monte Carlo uncertainties are not the linear ones: {', '.join(ratios)}")
        return "; ".join(said)


def _fit(built: Built, x: FloatArray, part: Frames, starts: Mapping[str, FloatArray]) -> StackFit:
    return fit_stack(
        *(built.model, built.params, x, part.y),
        weights=part.weights,
        errors=part.errors,
        starts=starts,
    )


def _noisy(
    rng: np.random.Generator,
    curve: FloatArray,
    weights: FloatArray | None,
    scale: float,
    times: int,
) -> FloatArray:
    """Spectra (times, points) about a curve; their variance is `scale` times what it should be."""
    shape = (times, curve.size)
    if weights is None:
        mean = np.maximum(np.nan_to_num(curve), 1e-9)
        if scale <= 1.0:
            return rng.poisson(mean, shape).astype(float)
        # Counts of mean m and variance s·m.
        return rng.negative_binomial(mean / (scale - 1.0), 1.0 / scale, shape).astype(float)
    sigma = np.divide(1.0, weights, out=np.zeros_like(curve), where=weights > 0)
    return np.asarray(curve + np.sqrt(scale) * np.nan_to_num(sigma) * rng.normal(size=shape))


def _shared(
    rng: np.random.Generator, built: Built, plan: Plan, times: int
) -> dict[str, FloatArray]:
    """Values (times,) of the parameters that all frames share, within their bounds."""
    if not plan.shared:
        return {}
    mean = np.array(list(plan.shared.values()))
    drawn = rng.multivariate_normal(mean, plan.covariance, times, method="eigh")
    return {
        name: np.clip(drawn[:, i], built.params[name].min, built.params[name].max)
        for i, name in enumerate(plan.shared)
    }


def _write(
    columns: dict[str, NDArray[Any]],
    rows: IntArray,
    name: str,
    values: FloatArray,
    used: NDArray[np.bool_],
) -> None:
    """Write mean, standard deviation and intervals of what was drawn (frames, draws, ...)."""
    for row, drawn, good in zip(rows.tolist(), values, used, strict=True):
        some = drawn[good]
        if len(some) < _FEWEST // 2:
            continue
        columns[f"{name}_drawn"][row] = some.mean(axis=0)
        columns[f"{name}_drawn_stderr"][row] = some.std(axis=0, ddof=1)
        for share, ends in _INTERVALS.items():
            columns[f"{name}_{share}"][row] = np.quantile(some, ends, axis=0).T
