"""`Evidence`: what each species of a region buys, and whether a further line is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.fit.batch import StackFit
from spectra.fit.photolines import get_photoline
from spectra.fit.residuals import STRONG_EVIDENCE
from spectra.method import Method
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.status import Status
from spectra.xps.alternatives import EXTRA, with_one_more, without
from spectra.xps.build import Built
from spectra.xps.endpoints import plain_region
from spectra.xps.frames import Frames
from spectra.xps.model import Model
from spectra.xps.region import Plan, Region
from spectra.xps.search import best_of, seeded_starts
from spectra.xps.statistics import misfit_statistics, not_noise

if TYPE_CHECKING:
    from spectra.stack import Stack

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

# Of the window, where a further line may not start: its ends.
_MARGIN = 0.03


@dataclass(frozen=True)
class EvidencePlan:
    """What all blocks share.

    Attributes
    ----------
    whole : Plan
        Of the region itself.
    without : tuple of (Region, Plan) or None
        Of the models without one of the species each; None where none is left.
    """

    whole: Plan
    without: tuple[tuple[Region, Plan] | None, ...]


@dataclass(frozen=True, kw_only=True)
class Evidence(Method):
    """Weigh a region's model against those with one component less or more.

    Every frame is fitted with the model, with each of its species left out in turn (what is tied
    to its area goes with it), and, where the residual is not noise by χ² or Abbe's criterion, with
    one more line of free position, width and area. ΔBIC = BIC(other) − BIC(model) with BIC =
    −2·ln L + p·ln n (G. Schwarz, Ann. Stat. 6 (1978) 461): above 0 the model is better supported
    than the other, by 6 strongly. Where χ² is improbable even so, −2·ln L is divided by χ²/dof of
    the richer model (K. P. Burnham and D. R. Anderson, Model Selection and Multimodel Inference,
    2nd ed. (2002), sect. 2.5), or a wrong line shape would be taken for evidence. The messages say
    it in words, and the attribute ``series`` for all frames together.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xps import Model, Region, Species
    >>> model = Model(name="two", species=(
    ...     Species(name="a", level="C 1s", position=284.8, shape={"mixing": 0.0}),
    ...     Species(name="b", level="C 1s", position=288.8, shape={"mixing": 0.0})))
    >>> energy = np.linspace(280, 294, 141)
    >>> curve = 100 + 900 * np.exp(-(((energy - 284.8) / 0.7) ** 2))
    >>> counts = np.random.default_rng(1).poisson(curve)
    >>> stack = Stack.from_arrays(energy, counts, noise="counts", axis_name="binding_energy")
    >>> found = Evidence(region=Region(model=model))(stack)
    >>> found.messages[0]
    'without a: delta BIC = +16806; without b: delta BIC = -11: b is not needed'
    """

    name: ClassVar[str] = "xps.Evidence"
    block_size: ClassVar[int] = 256

    region: Region | Mapping[str, Any] = setting(Region(), "the region that is fitted")  # noqa: RUF009

    def __post_init__(self) -> None:
        super().__post_init__()
        with self.naming("region"):
            object.__setattr__(self, "region", plain_region(self.region))

    @cached_property
    def _region(self) -> Region:
        return Region.given(self.region)

    @cached_property
    def _model(self) -> Model:
        return self._region.species_model

    def prepare(self, source: Stack) -> EvidencePlan:
        """Settle what all frames share, for each of the models."""
        region = self._region
        whole = region.prepare(source)
        others: list[tuple[Region, Plan] | None] = []
        for species in self._model.species:
            left = without(self._model, species.name, region.background_on(whole.x))
            if left is None:
                others.append(None)
                continue
            params = replace(region, model=left, common=()).built(whole.x).params
            common = tuple(n for n in region.common if n == "positions" or n in params)
            other = replace(region, model=left, common=common)
            others.append((other, other.prepare(source)))
        return EvidencePlan(whole, tuple(others))

    def table(self, plan: EvidencePlan) -> Table:
        """Declare a column of species and those of the further line."""
        per = ("species",)
        columns = (
            Column("bic", "", "Bayesian information criterion of the model"),
            Column("delta_bic_without", "", "BIC without a species, less the model's", per),
            Column("delta_bic_one_more", "", "BIC with one more line, less the model's"),
            Column("one_more_position", "eV", "where that line stands", stderr=True),
            Column("one_more_fwhm", "eV", "its full width at half maximum", stderr=True),
            Column("one_more_area", "eV", "its area, in counts eV", stderr=True),
            Column("chi2_reduced", "", "sum of squared residuals per degree of freedom"),
            Column("residual_sd", "", "standard deviation of the residuals in their uncertainties"),
            Column("abbe", "", "Abbe criterion of the residuals: 1 for noise, less for structure"),
        )
        species = self._model.species
        labels, levels = (np.array([getattr(s, k) for s in species]) for k in ("name", "level"))
        coords = {"species": {"label": labels, "level": levels}}
        return Table("evidence", columns, coords, default="delta_bic_without")

    def fit(self, block: Stack, plan: EvidencePlan) -> Results:
        """Weigh the models on every frame of a block."""
        table = self.table(plan)
        columns = table.empty(len(block))
        built, part = self._region.prepared(block, plan.whole)
        status, messages = part.status.copy(), list(part.messages)
        rows = np.flatnonzero(status == Status.OK)
        if rows.size:
            tries = seeded_starts(built, part.starts, self._region.starts, self._region.seed)
            fits, _ = best_of(built, plan.whole.x, part, tries)
            status[rows] = fits.status
            self._weigh(block, plan, built, part, fits, rows, columns)
            for row in rows.tolist():
                told = _words(self._model, {n: v[row] for n, v in columns.items()})
                messages[row] = "; ".join(filter(None, (messages[row], told)))
        attrs = {"model": self._model.name, "source": self._model.source, "errors": part.errors}
        return Results(
            *(table, columns, status, tuple(messages), block.names, block.variables, attrs)
        )

    def conclude(self, results: Results) -> Results:
        """Say what all frames together say of each species."""
        delta = results["delta_bic_without"]
        # What no frame could tell is unknown, not 0.
        weighed = np.where(np.isfinite(delta).any(axis=0), np.nansum(delta, axis=0), np.nan)
        sums = {s.name: float(v) for s, v in zip(self._model.species, weighed, strict=True)}
        texts = [_of_species(name, total) for name, total in sums.items() if np.isfinite(total)]
        asked = results["delta_bic_one_more"]
        better = int((asked < -STRONG_EVIDENCE).sum())
        fitted = int(np.isfinite(results["bic"]).sum())
        if fitted:
            texts.append(f"one more line is strongly preferred in {better} of {fitted} frames")
        said = "; ".join(texts)
        told = {"delta_bic_without": sums, "frames_with_one_more": better, "said": said}
        return replace(results, attrs={**results.attrs, "series": told})

    def _weigh(
        self,
        block: Stack,
        plan: EvidencePlan,
        built: Built,
        part: Frames,
        fits: StackFit,
        rows: IntArray,
        columns: dict[str, NDArray[Any]],
    ) -> None:
        """Fit the other models and write what they say."""
        good = _good(fits)
        left = part.misfit(fits)
        found = misfit_statistics(left, part.errors)
        for name in ("bic", "chi2_reduced", "residual_sd", "abbe"):
            columns[name][rows] = np.where(good, found[name], np.nan)
        scale = left.scale
        for k, other in enumerate(plan.without):
            if other is None:
                continue
            region, own = other
            lesser, same = region.prepared(block, own)
            tries = [same.starts, _starts_of(fits, lesser.params)]
            fewer, _ = best_of(lesser, own.x, same, tries)
            delta = _delta_bic(fits, fewer, scale, part)
            columns["delta_bic_without"][rows, k] = np.where(good & _good(fewer), delta, np.nan)
        asked = np.flatnonzero(good & not_noise(left))
        if asked.size:
            begin = {n: v[asked] for n, v in _starts_of(fits, built.params).items()}
            some = replace(part.take(asked), starts=begin)
            again, _ = best_of(built, plan.whole.x, some, [begin])
            self._one_more(plan.whole, some, again, rows[asked], columns)

    def _one_more(
        self,
        plan: Plan,
        part: Frames,
        fits: StackFit,
        rows: IntArray,
        columns: dict[str, NDArray[Any]],
    ) -> None:
        """Fit one more line where the residual is highest."""
        x = plan.x
        margin = _MARGIN * float(x[-1] - x[0])
        model = with_one_more(self._model, float(x[0]) + margin, float(x[-1]) - margin)
        built = part.fixed(replace(self._region, model=model).built(x), plan.shared)
        profile = get_photoline(model.species[-1].profile)
        start = [float(built.params[f"{EXTRA}_{n}"].value) for n in profile.shape_names]
        at, area = _highest(x, profile.value(x, x[:, None], *start), fits, part, margin)
        begin = _starts_of(fits, built.params)
        begin |= {f"{EXTRA}_center": at, f"{EXTRA}_area": area}
        more, _ = best_of(built, x, part, [begin])
        good = _good(more)
        left = part.misfit(more)
        scale = left.widening
        delta = _delta_bic(fits, more, left.scale, part)
        names = (f"{EXTRA}_center", f"{EXTRA}_area", *(f"{EXTRA}_{n}" for n in profile.shape_names))
        values, cov = more.propagated(names, (), None, names)
        width, slopes = profile.width(*values.T[2:])
        gradient = np.stack([np.broadcast_to(s, width.shape) for s in slopes], axis=1)
        inner = np.matmul(np.matmul(gradient[:, None], cov[:, 2:, 2:]), gradient[:, :, None])
        variance = np.einsum("rii->ri", cov) * scale[:, None]
        told = {
            "one_more_position": (values[:, 0], variance[:, 0]),
            "one_more_area": (values[:, 1], variance[:, 1]),
            "one_more_fwhm": (width, inner[:, 0, 0] * scale),
        }
        columns["delta_bic_one_more"][rows] = np.where(good, delta, np.nan)
        for name, (value, square) in told.items():
            columns[name][rows] = np.where(good, value, np.nan)
            columns[f"{name}_stderr"][rows] = np.where(good, np.sqrt(square), np.nan)


def _good(fits: StackFit) -> BoolArray:
    return np.isin(fits.status, (Status.OK, Status.AT_BOUND))


def _starts_of(fits: StackFit, params: Mapping[str, Any]) -> dict[str, FloatArray]:
    """The values of a fit as starts of another model's free parameters."""
    return {n: fits[n] for n in fits.names if n in params and not params[n].expr}


def _delta_bic(fits: StackFit, other: StackFit, scale: FloatArray, part: Frames) -> FloatArray:
    """BIC(other) − BIC(model) of each frame; `scale` is what misfit divides −2·ln L by."""
    n = np.maximum(np.isfinite(part.y).sum(axis=1), 1)
    paid = (len(other.var_names) - len(fits.var_names)) * np.log(n)
    if part.errors == "residual":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(n * np.log(other.chi2 / fits.chi2) + paid)
    return np.asarray((other.chi2 - fits.chi2) / scale + paid)


def _highest(
    x: FloatArray, lines: FloatArray, fits: StackFit, part: Frames, margin: float
) -> tuple[FloatArray, FloatArray]:
    """Position and area (frames,) of the line (positions, points) that the residuals ask for."""
    left = part.misfit(fits)
    scaled, weight = left.residuals, left.weights
    # Frame by frame: no bit of a sum may hang on how many frames there are.
    seen = np.matmul(lines[None], (scaled * weight)[:, :, None])[:, :, 0]
    norm = np.matmul((lines**2)[None], (weight**2)[:, :, None])[:, :, 0]
    inside = (x > x[0] + margin) & (x < x[-1] - margin)
    height = np.where(inside & (norm > 0), seen / np.sqrt(np.maximum(norm, 1e-300)), -np.inf)
    best = height.argmax(axis=1)
    row = np.arange(len(best))
    area = seen[row, best] / np.maximum(norm[row, best], 1e-300)
    return x[best], np.maximum(area, 1e-6 * np.maximum(fits.best_fit().max(axis=1), 0.25))


def _of_species(name: str, delta: float) -> str:
    text = f"without {name}: delta BIC = {delta:+.0f}"
    if delta < 0:
        return f"{text}: {name} is not needed"
    return f"{text}: weak evidence for {name}" if delta < STRONG_EVIDENCE else text


def _words(model: Model, row: Mapping[str, Any]) -> str:
    """What the numbers of one frame say."""
    said = [
        _of_species(s.name, float(delta))
        for s, delta in zip(model.species, row["delta_bic_without"], strict=True)
        if np.isfinite(delta)
    ]
    extra = float(row["delta_bic_one_more"])
    if np.isfinite(extra):
        text = f"one more line at {row['one_more_position']:.1f} eV: delta BIC = {extra:+.0f}"
        better = extra < -STRONG_EVIDENCE
        said.append(f"{text}: it is preferred" if better else f"{text}: not preferred")
    return "; ".join(said)
