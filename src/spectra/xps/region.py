"""`Region`: a window of core levels separated into species, background and all in one fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.fit.gaps import filled
from spectra.fit.quality import judge_counts, judge_finite
from spectra.method import Method
from spectra.results import Results, Table
from spectra.settings import setting
from spectra.status import Status
from spectra.xps.build import BACKGROUNDS, LOSSES, SIGN, Background, Built, build
from spectra.xps.curves import plain_background
from spectra.xps.frames import Frames
from spectra.xps.measured import how_measured, need_spectra, transmission_of
from spectra.xps.model import Model, load_model
from spectra.xps.quantities import fractions, mean_valence, species_quantities
from spectra.xps.search import best_of, seeded_starts
from spectra.xps.start import Starts, plan_starts
from spectra.xps.statistics import less_than_noise, lone_point, misfit_statistics, not_noise
from spectra.xps.suppositions import weigh_suppositions
from spectra.xps.table import region_table
from spectra.xps.verdict import (
    calm_told,
    far_told,
    held_by_bounds,
    misfit_told,
    on_bounds,
    outside_told,
    valence_told,
    warnings_of,
)

if TYPE_CHECKING:
    from spectra.fit.batch import StackFit
    from spectra.stack import Stack

Losses = tuple[float, float, float, float]
ModelSpec = str | Model | Mapping[str, Any]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Frames that a typical one is the mean of.
_TYPICAL = 16
_FEWEST = 10
# What has no value without an uncertainty; areas that are not known singly still have a sum.
_QUOTED = ("position", "fwhm", "fraction", "valence")


@dataclass(frozen=True)
class Plan:
    """What all blocks share.

    Attributes
    ----------
    x : array (points,)
        Binding energies of the window.
    points : slice
        Where they stand on the stack's axis.
    starts : Starts
    shared : mapping of str to float
        Values of the parameters that all frames have in common.
    covariance : array (shared, shared)
    """

    x: FloatArray
    points: slice
    starts: Starts
    shared: Mapping[str, float]
    covariance: FloatArray


@dataclass(frozen=True, kw_only=True)
class Region(Method):
    """Separate a window of core levels into species, their background fitted with them.

    The model is Σ Aⱼ·[sⱼ(E) + k·∫sⱼ] on a polynomial: the Shirley background is made of the
    fitted peaks (active), and so are Tougaard's losses, so that their uncertainty is part of
    that of the areas. Counts are fitted by their Poisson likelihood; never give spectra that a
    background was subtracted from. Uncertainties hold the covariances of all parameters; where
    χ² is improbable they are widened by it, and where neighbouring residuals hang together by how
    much they do. Where one Shirley strength for all levels does not hold, what that moves is in
    them, and a message says so, as of a background of another kind. Species that cannot be told
    apart have large uncertainties and a message. Which binding energies mean which species differs
    from source to source: the set's name stands in the results' attributes beside the mean valence.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xps import Model, Species
    >>> model = Model(name="two", species=(
    ...     Species(name="a", level="C 1s", position=284.8),
    ...     Species(name="b", level="C 1s", position=288.8)))
    >>> energy = np.linspace(280, 294, 141)
    >>> def line(at): return np.exp(-(((energy - at) / 0.7) ** 2))
    >>> counts = 100 + 900 * line(284.8) + 300 * line(288.8)
    >>> stack = Stack.from_arrays(energy, counts, noise="counts", axis_name="binding_energy")
    >>> Region(model=model)(stack)["fraction"].round(2).tolist()
    [[0.75, 0.25]]
    """

    name: ClassVar[str] = "xps.Region"
    block_size: ClassVar[int] = 512

    model: str | Model | Mapping[str, Any] | tuple[ModelSpec, ...] = setting(  # noqa: RUF009
        (), "names of sets in reference_patterns/xps, TOML files or models, one or several"
    )
    window: tuple[float, float] = setting(
        (0.0, 0.0), "binding energies fitted; 0, 0 takes the whole axis", unit="eV"
    )
    background: str = setting("shirley", "what the peaks throw", within=", ".join(BACKGROUNDS))
    degree: int = setting(0, "degree of the polynomial below, -1 for none", within="-1 to 4")
    shirley_each: bool = setting(False, "whether every species has its own Shirley strength")
    losses: str | Losses = setting(  # noqa: RUF009
        "metals", f"Tougaard's cross section: {', '.join(LOSSES)}, or C, C', D and gap (eV)"
    )
    common: tuple[str, ...] = setting(
        (), "parameters that all frames share; 'positions' means all species' positions"
    )
    starts: int = setting(1, "starts of each fit, to look for other minima", within="1 or more")
    seed: int = setting(0, "of the starts after the first", within="0 or more")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "losses", _losses(self.name, self.losses))
        if self.background not in BACKGROUNDS:
            raise SettingError(
                f"{self.name}: background = {self.background!r}; expected {', '.join(BACKGROUNDS)}"
            )
        if not -1 <= self.degree <= 4 or self.starts < 1:
            raise SettingError(
                f"{self.name}: degree = {self.degree}, starts = {self.starts}; expected -1 to 4 "
                "and 1 or more"
            )
        low, high = self.window
        if not low < high and self.window != (0.0, 0.0):
            raise SettingError(
                f"{self.name}: window = {self.window}; expected two rising energies in eV, such "
                "as (510, 528), or (0, 0)"
            )
        if self.seed < 0:
            raise SettingError(f"{self.name}: seed = {self.seed}; expected 0 or more")
        with self.naming("model"):
            if isinstance(self.model, Mapping):
                object.__setattr__(self, "model", load_model(self.model))
            if isinstance(self.model, tuple):
                parts = tuple(load_model(m) if isinstance(m, Mapping) else m for m in self.model)
                object.__setattr__(self, "model", parts)

    @cached_property
    def species_model(self) -> Model:
        """The model of all species in the window."""
        with self.naming("model"):
            return load_model(self.model)

    def prepare(self, source: Stack) -> Plan:
        """Cut the window, and settle what all frames share."""
        need_spectra(source, self.name)
        points = self._points(source)
        x = np.asarray(source.x[points], dtype=float)
        built = self.built(x)
        typical = _typical(source, points)
        plan = Plan(x, points, plan_starts(built, x, typical), {}, np.zeros((0, 0)))
        names = self._common(built)
        if not names:
            return plan
        from spectra.xps.shared import settle

        parts = (self._parts(block.load(), plan) for _, block in source.blocks(self.block_size))
        shared, covariance = settle(built, x, names, parts)
        return replace(plan, shared=shared, covariance=covariance)

    def table(self, plan: Plan) -> Table:
        """Declare one column of species each, and their parameters."""
        return self._table(self.built(plan.x))

    def _table(self, built: Built) -> Table:
        return region_table(self.species_model, tuple(built.params))

    def fit(self, block: Stack, plan: Plan) -> Results:
        """Fit every frame of a block."""
        part = self._parts(block, plan)
        built = self.built(plan.x)
        table = self._table(built)
        columns = table.empty(len(block))
        status, messages = part.status.copy(), list(part.messages)
        rows = np.flatnonzero(status == Status.OK)
        if rows.size:
            self._fill(built, part, rows, plan, columns, status, messages)
        at = columns["position"]
        columns["transmission"] = transmission_of(block, self.species_model, at)
        attrs = {
            "model": self.species_model.name,
            "source": self.species_model.source,
            "background": self.background,
            "species": [s.name for s in self.species_model.species],
            "errors": part.errors,
            "measured": how_measured(block),
            "region": {
                "model": self.species_model.to_plain(),
                "background": plain_background(self.background_on(plan.x)),
            },
        }
        return Results(
            *(table, columns, status, tuple(messages), block.names, block.variables, attrs)
        )

    def _fill(
        self,
        built: Built,
        part: Frames,
        rows: IntArray,
        plan: Plan,
        columns: dict[str, NDArray[Any]],
        status: NDArray[np.int8],
        messages: list[str],
    ) -> None:
        """Fit the good frames and write their columns, status and messages."""
        fixed = part.fixed(built, plan.shared)
        tries = seeded_starts(fixed, part.starts, self.starts, self.seed)
        fits, others = best_of(fixed, plan.x, part, tries)
        names = tuple(built.params)
        left = part.misfit(fits)
        values, cov = self._propagated(fits, left.widening, plan, names)
        supposed = weigh_suppositions(
            *(self.species_model, built, self.background_on(plan.x), plan.x),
            *(fits, left, part.errors),
        )
        cov = cov + supposed.doubt(fits, names)
        found = species_quantities(self.species_model, plan.x, names, values, cov)
        told = np.isin(fits.status, (Status.OK, Status.AT_BOUND))
        area, area_cov = found.values["area"], found.area_covariance
        put: dict[str, tuple[FloatArray, FloatArray]] = {
            n: (v, found.variance[n]) for n, v in found.values.items()
        }
        put["fraction"] = fractions(self.species_model, area, area_cov)
        put["valence"] = mean_valence(self.species_model, area, area_cov)
        for name in _QUOTED:
            value, variance = put[name]
            put[name] = np.where(np.isnan(variance), np.nan, value), variance
        put["parameter"] = values, np.einsum("rii->ri", cov)
        for name, (value, variance) in put.items():
            mask = told.reshape(-1, *[1] * (value.ndim - 1))
            columns[name][rows] = np.where(mask, value, np.nan)
            # Of what is tied to be constant rounding may leave less than nothing.
            sigma = np.sqrt(np.maximum(variance, 0.0))
            columns[f"{name}_stderr"][rows] = np.where(mask, sigma, np.nan)
        sigma = np.sqrt(np.einsum("rii->ri", area_cov))
        with np.errstate(invalid="ignore", divide="ignore"):
            correlation = area_cov / sigma[:, :, None] / sigma[:, None, :]
        columns["area_correlation"][rows] = np.where(told[:, None, None], correlation, np.nan)
        statistics = misfit_statistics(left, part.errors)
        for name, value in statistics.items():
            columns[name][rows] = np.where(told, value, np.nan)
        columns["other_minima"][rows] = np.where(told, others, -1)
        status[rows] = fits.status
        if on_bounds(built, plan.shared):
            status[rows[fits.status == Status.OK]] = Status.AT_BOUND
        model, chi2 = self.species_model, statistics["chi2_reduced"]
        texts = zip(
            warnings_of(model, correlation, columns["fraction_stderr"][rows], others),
            held_by_bounds(built, names, values),
            misfit_told(told & not_noise(left), chi2, statistics["abbe"], part.errors),
            calm_told(told & less_than_noise(left, fits, part.errors), chi2),
            supposed.told(told, plan.x.size),
            far_told(np.where(told, lone_point(left, fits, part.y, part.errors), -1), plan.x),
            strict=True,
        )
        of_all = outside_told(model, built, plan.x), valence_told(model)
        for row, said in zip(rows.tolist(), texts, strict=True):
            messages[row] = "; ".join(filter(None, (messages[row], *of_all, *said)))

    def _propagated(
        self, fits: StackFit, widening: FloatArray, plan: Plan, names: tuple[str, ...]
    ) -> tuple[FloatArray, FloatArray]:
        """All parameters (frames, n) and their widened covariances (frames, n, n)."""
        # A bound on a position or an area is no measurement: what it holds stays uncertain.
        values, cov = fits.propagated(names, tuple(plan.shared), plan.covariance, names)
        own = cov
        if plan.shared:
            # What is shared has been widened by what all frames leave behind already.
            own = fits.propagated(names, tuple(plan.shared), 0.0 * plan.covariance, names)[1]
        return values, cov + own * (widening - 1.0)[:, None, None]

    def prepared(self, block: Stack, plan: Plan) -> tuple[Built, Frames]:
        """The model with what all frames share held, and a block's frames as they are fitted."""
        part = self._parts(block, plan)
        return part.fixed(self.built(plan.x), plan.shared), part

    def background_on(self, x: FloatArray) -> Background:
        """What lies under the lines in a window."""
        c, curvature, d, gap = (float(v) for v in self.losses)
        ends = float(x[0]), float(x[-1])
        losses = (c, curvature, d, gap)
        return Background(self.background, self.shirley_each, self.degree, losses, *ends)

    def built(self, x: FloatArray) -> Built:
        """The model on the binding energies of a window, with its starts, bounds and ties."""
        return build(self.species_model, self.background_on(x))

    def _points(self, source: Stack) -> slice:
        low, high = self.window if self.window != (0.0, 0.0) else (-np.inf, np.inf)
        inside = np.flatnonzero((source.x >= low) & (source.x <= high))
        name, unit = source.axis.name, source.axis.unit
        # A bare "energy" says nothing by its name: its unit must. Degrees are what a stack of
        # arrays has where no unit was given.
        unsaid = name == "binding_energy" and unit in ("", "deg")
        if not unsaid and (name not in ("binding_energy", "energy") or unit != "eV"):
            raise StackError(
                f"{self.name}: the axis is {name} ({unit or 'without a unit'}); expected "
                "binding_energy in eV (convert kinetic energies by xps.Calibrate)"
            )
        if inside.size < _FEWEST:
            raise StackError(
                f"{self.name}: {inside.size} points between {low:g} and {high:g} eV; the axis "
                f"runs from {source.x[0]:g} to {source.x[-1]:g}"
            )
        return slice(int(inside[0]), int(inside[-1]) + 1)

    def _common(self, built: Built) -> tuple[str, ...]:
        free = [n for n, p in built.params.items() if p.vary and not p.expr]
        names: list[str] = []
        for name in self.common:
            meant = [n for n in free if n.endswith("_center")] if name == "positions" else [name]
            names += [n for n in meant if n not in names]
        if unknown := [n for n in names if n not in free]:
            raise SettingError(
                f"{self.name}: common = {', '.join(unknown)}; free parameters are {', '.join(free)}"
            )
        return tuple(names)

    def _parts(self, block: Stack, plan: Plan) -> Frames:
        y = np.asarray(block.signal, dtype=float)[:, plan.points]
        errors = None if block.errors is None else np.asarray(block.errors)[:, plan.points]
        judged, said = judge_counts(y) if block.noise == "counts" else judge_finite(y)
        status = np.where(block.status == Status.OK, judged, block.status).astype(np.int8)
        messages = [a or b for a, b in zip(block.messages, said, strict=True)]
        good = np.flatnonzero(status == Status.OK)
        sigma = None if errors is None else errors[good]
        return Frames.of(y[good], sigma, block.noise, plan.starts, status, tuple(messages))


def _losses(owner: str, given: str | Losses) -> Losses:
    """C, C′, D and gap of a name, or as they are given."""
    if not isinstance(given, str):
        c, curvature, d, gap = given
        if not (c > 0 and d >= 0 and gap >= 0 and (curvature >= 0 or d > 0)):
            raise SettingError(
                f"{owner}: losses = {given}; expected C > 0 (eV^2), C', D of 0 or more (eV^2; "
                "above 0 with C' < 0, or there is a pole at a loss) and a gap of 0 or more (eV)"
            )
        if curvature > 0 and d > 0:
            raise SettingError(f"{owner}: losses = {given}; {SIGN}")
        return given
    if given not in LOSSES:
        raise SettingError(
            f"{owner}: losses = {given!r}; expected {', '.join(LOSSES)}, or four numbers"
        )
    return LOSSES[given]


def _typical(source: Stack, points: slice) -> FloatArray:
    """Mean (points,) of some good frames all over the sequence."""
    some = np.unique(np.linspace(0, len(source) - 1, _TYPICAL).astype(int))
    y = np.concatenate(
        [np.asarray(source.signal[i : i + 1], dtype=float)[:, points] for i in some.tolist()]
    )
    y = y[judge_finite(y)[0] == Status.OK]
    y = y[np.isfinite(y).any(axis=1)]
    if not len(y):
        return np.ones(points.stop - points.start)
    y = filled(np.arange(float(y.shape[1])), y)
    return np.asarray(y.mean(axis=0))
