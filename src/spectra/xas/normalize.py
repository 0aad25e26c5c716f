"""`Normalize`: edge energy, edge step and the lines that normalise absorption spectra."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.method import Method
from spectra.results import Results, Table
from spectra.settings import setting
from spectra.stack import Stack
from spectra.status import Status
from spectra.xas.across import Across
from spectra.xas.edge import (
    Found,
    MainEdge,
    find_main_edge,
    inflection_point,
    local_cubics,
    search_limits,
    steepest_point,
)
from spectra.xas.frames import (
    SIGNIFICANT,
    Verdicts,
    alike_spectra,
    few_of,
    require_energies,
    screen,
    source_attrs,
    spectra_of,
    widen_by_shift,
)
from spectra.xas.lines import edge_step, fit_lines, unit_lines
from spectra.xas.local import LocalPolynomials
from spectra.xas.noise import Noise, find_noise, points_together
from spectra.xas.normalizeplan import NormalizePlan, normalize_table
from spectra.xas.polynomials import Scale
from spectra.xas.positions import edge_shape, first_moment, half_step, integral_edge
from spectra.xas.ranges import Ranges, find_ranges, index_nearest
from spectra.xas.tabulated import tabulated_edge

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

DEFINITIONS = ("derivative", "second_derivative", "half_step", "larch", "sequence")
# Farther from the tabulated edge than this it is another element's (eV).
_CHEMICAL = 60.0
_FEWEST = 3
_ENERGIES = ("e0", "edge_half", "edge_integral", "edge_moment")
# A scan that ends nearer to the edge than this has not seen the step (eV).
_BEYOND = 20.0


@dataclass(frozen=True, kw_only=True)
class Normalize(Method):
    """Edge energy, edge step, and the lines before and after the edge, of absorption spectra.

    A line (or Victoreen's, a line through μ·Eⁿ) is fitted before the edge and a polynomial to
    what it leaves after the edge, both unweighted over ranges relative to E0; the edge step is
    the polynomial at the point nearest to E0. With the same E0 and ranges these are the numbers
    of Larch's ``pre_edge`` (`spectra.xas.ranges` has its rules for what is not given). The
    curves themselves come from `normalized` and `flattened`.

    E0 is looked for on the main edge only, never on a pre-edge peak (`spectra.xas.edge`):
    ``derivative``, the greatest derivative of local cubics over ± `smoothing`;
    ``second_derivative``, the zero of the second derivative next to it; ``half_step``, where
    half of the edge step is crossed last; ``sequence``, the median of the derivative's over the
    sequence, one for all frames; ``larch``, the point that Larch's ``find_e0`` takes, pre-edge
    peak or not; or a number. With `search` the derivative is looked for between two energies
    instead (the first inflection of a foil, say).

    A stack that is normalised already (quantity ``norm``) is taken as it is, line 0 and edge step
    1, as long as nothing is said about ranges, degrees or exponent: other ranges than those that
    it was normalised with would change it once more. Uncertainties of line and step are then
    those that the ranges not given would have.

    Uncertainties come from the points': those of counts or given with the spectra, or estimated
    from their scatter (`spectra.xas.noise`), and for energies also that of the shifts by which
    `Align` moved the spectra; that of E0 is carried into the edge step.
    What they do not hold is the choice of the ranges.

    Examples
    --------
    >>> import numpy as np
    >>> energy = np.arange(5300.0, 6000.0, 1.0)
    >>> mu = 0.5 - 1e-4 * (energy - 5480) + 2.0 / (1 + np.exp(-(energy - 5480) / 2))
    >>> stack = Stack.from_arrays(energy, mu, axis_name="energy", axis_unit="eV", quantity="mu")
    >>> results = Normalize()(stack)
    >>> results["e0"].round(2).tolist(), results["edge_step"].round(4).tolist()
    ([5480.0], [2.0])
    """

    name: ClassVar[str] = "xas.Normalize"
    block_size: ClassVar[int] = 1920

    e0: float | str = setting(
        "derivative", "edge energy, or how it is found", unit="eV", within=", ".join(DEFINITIONS)
    )
    search: tuple[float, float] | None = setting(
        None, "energies between which the derivative is searched", unit="eV"
    )
    smoothing: float = setting(2.0, "half-width of local cubics", unit="eV", within="> 0")
    pre_edge: tuple[float | None, float | None] = setting(
        (None, None), "range of the line before the edge, from E0", unit="eV"
    )
    post_edge: tuple[float | None, float | None] = setting(
        (None, None), "range of the polynomial after the edge, from E0", unit="eV"
    )
    degree: int | None = setting(None, "degree of the polynomial after the edge", within="0 to 5")
    pre_degree: int = setting(1, "1 for a line before the edge, 0 for a constant", within="0, 1")
    exponent: int = setting(0, "Victoreen exponent n of the line before the edge")
    element: str = setting("", "element whose edge it must be; empty for any")
    edge: str = setting("K", "edge of that element, e.g. K, L3")

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.e0, str) and self.e0 not in DEFINITIONS:
            raise SettingError(
                f"{self.name}: e0 = {self.e0!r}; expected a number or {', '.join(DEFINITIONS)}"
            )
        for name in ("search", "pre_edge", "post_edge"):
            low, high = getattr(self, name) or (None, None)
            if low is not None and high is not None and not low < high:
                raise SettingError(f"{self.name}: {name} = {low}, {high}; give (low, high)")
        if not self.smoothing > 0:
            raise SettingError(f"{self.name}: smoothing = {self.smoothing}; give a positive number")
        if self.degree is not None and not 0 <= self.degree <= 5:
            raise SettingError(f"{self.name}: degree = {self.degree}; expected 0 to 5")
        if self.pre_degree not in (0, 1):
            raise SettingError(f"{self.name}: pre_degree = {self.pre_degree}; expected 0 or 1")

    def prepare(self, source: Stack) -> NormalizePlan:
        """Check the stack, and find what is common to all frames.

        Raises
        ------
        StackError
            If the axis is not energy in eV.
        SettingError
            If the element has no such edge, or `search` lies beyond the scan.
        """
        require_energies(self.name, source)
        if self.search is not None and not (
            source.x[0] < self.search[1] and self.search[0] < source.x[-1]
        ):
            raise SettingError(
                f"{self.name}: search = {self.search[0]:g} to {self.search[1]:g} eV lies beyond "
                f"the scan, {source.x[0]:g} to {source.x[-1]:g} eV"
            )
        scale = Scale.of(source.x)
        tabulated = tabulated_edge(self.name, self.element, self.edge) if self.element else np.nan
        attrs = {
            **source_attrs(source),
            "origin": scale.origin,
            "scale": scale.scale,
            "e0": self.e0,
            "normalised": self._is_normalised(source),
            "together": points_together(source),
        }
        powers = 3 if self.degree is None else self.degree + 1
        table = normalize_table(powers)
        plan = NormalizePlan(table, np.nan, tabulated, attrs, self._is_normalised(source))
        if self.e0 != "sequence":
            return plan if isinstance(self.e0, str) else replace(plan, e0=float(self.e0))
        first = replace(self, e0="derivative")
        found = first.fit(few_of(source), plan)
        energies = found["e0"][found.ok()]
        common = float(np.median(energies)) if energies.size else np.nan
        return replace(plan, e0=common, attrs={**attrs, "sequence_e0": common})

    def table(self, plan: NormalizePlan) -> Table:
        """Declare the table."""
        return plan.table

    def fit(self, block: Stack, plan: NormalizePlan) -> Results:
        """Normalise every frame of a block."""
        y, errors = spectra_of(block)
        columns, verdicts = plan.table.empty(len(block)), Verdicts(block)
        finite = screen(y, verdicts)
        whole = Scale.of(block.x)
        groups = alike_spectra(y, errors, finite, np.flatnonzero(verdicts.good))
        for points, rows, some, sigma in groups:
            scale = whole if points.all() else whole.only(points)
            values = self._normalize(scale, Across.of(some), sigma, block.noise, plan)
            keep = self._judge(scale, values, rows, verdicts, plan)
            for name, column in columns.items():
                column[rows[keep]] = values[name][keep]
        shifted = _ENERGIES[1:] if np.isfinite(plan.e0) else _ENERGIES
        widen_by_shift(columns, block, tuple(name for name in shifted if name in columns))
        return verdicts.results(plan.table, columns, block, plan.attrs)

    def _normalize(
        self,
        scale: Scale,
        y: Across,
        errors: FloatArray | None,
        kind: str,
        plan: NormalizePlan,
    ) -> dict[str, NDArray[Any]]:
        """Columns for frames that share their points, all of them finite."""
        x, powers = scale.x, plan.table.size("power")
        main = find_main_edge(x, y)
        noise = find_noise(x, y, errors, kind, main.half, plan.attrs["together"])
        cubics = local_cubics(x, self.smoothing)
        found = self._find_edge(scale, y, noise, main, cubics, plan)
        ranges = self._ranges(x, found.energy)
        fitted = fit_lines(scale, y, noise, ranges, self.exponent, powers)
        at = x[ranges.edge]
        fitted_step, step_variance = edge_step(fitted, scale, at, found.variance)
        lines = unit_lines(fitted) if plan.normalised else fitted
        step = np.ones_like(fitted_step) if plan.normalised else fitted_step
        shape = edge_shape(scale, y, noise, lines, found.energy, at)
        half, half_variance, point = half_step(scale, y, noise, lines, shape, cubics)
        numbers = {
            "e0": (found.energy, found.variance),
            "edge_step": (step, step_variance),
            "edge_half": (half, half_variance),
        }
        asked = {column.name for column in plan.table.columns}
        if "edge_integral" in asked:
            numbers["edge_integral"] = integral_edge(shape, point)
        if "edge_moment" in asked:
            numbers["edge_moment"] = first_moment(scale, noise, lines, shape, cubics, point)
        values: dict[str, NDArray[Any]] = {}
        for name, (value, variance) in numbers.items():
            values[name], values[f"{name}_stderr"] = value, np.sqrt(variance)
        values |= {
            "fitted_step": fitted_step,
            "step_energy": at,
            "pre_low": ranges.pre_low,
            "pre_high": ranges.pre_high,
            "post_low": ranges.post_low,
            "post_high": ranges.post_high,
            "post_degree": ranges.post_degree,
            "exponent": lines.exponent,
            "line": lines.pre,
            "polynomial": lines.post,
            "lines_cov": lines.covariance,
            "noise_before": np.sqrt(_level(noise, ranges, after=False)),
            "noise_after": np.sqrt(_level(noise, ranges, after=True)),
        }
        return values

    def _is_normalised(self, source: Stack) -> bool:
        """Whether the spectra are normalised, and nothing is said of how they should be."""
        said = (*self.pre_edge, *self.post_edge, self.degree)
        unsaid = all(v is None for v in said) and self.pre_degree == 1 and not self.exponent
        return source.quantity == "norm" and unsaid

    def _ranges(self, x: FloatArray, e0: FloatArray) -> Ranges:
        return find_ranges(x, e0, self.pre_edge, self.post_edge, self.degree, self.pre_degree)

    def _find_edge(
        self,
        scale: Scale,
        y: Across,
        noise: Noise,
        main: MainEdge,
        cubics: LocalPolynomials,
        plan: NormalizePlan,
    ) -> Found:
        """E0 by the definition asked for, kept within the axis."""
        x = scale.x
        low, high = search_limits(main)
        if self.search is not None:
            low, high = (np.full(y.count, float(v)) for v in self.search)
        if np.isfinite(plan.e0):
            e0 = np.full(y.count, plan.e0)
            found = Found(e0, np.zeros(y.count), index_nearest(x, e0))
        elif self.e0 == "larch":
            from spectra.xas.largest_derivative import larch_edge

            found = larch_edge(x, y.frames())
        elif self.e0 == "second_derivative":
            found = inflection_point(x, y, cubics, noise, low, high)
        else:
            found = steepest_point(x, y, cubics, noise, low, high)
        inside = np.clip(found.energy, x[1], x[-2])
        found = replace(found, energy=inside)
        if self.e0 != "half_step":
            return found
        ranges = self._ranges(x, found.energy)
        lines = fit_lines(scale, y, noise, ranges, self.exponent, plan.table.size("power"))
        lines = unit_lines(lines) if plan.normalised else lines
        shape = edge_shape(scale, y, noise, lines, found.energy, x[ranges.edge])
        half, variance, _ = half_step(scale, y, noise, lines, shape, cubics)
        known = np.isfinite(half)
        return Found(
            np.where(known, half, found.energy),
            np.where(known, variance, found.variance),
            index_nearest(x, np.where(known, half, found.energy)),
        )

    def _judge(
        self,
        scale: Scale,
        values: dict[str, NDArray[Any]],
        rows: IntArray,
        verdicts: Verdicts,
        plan: NormalizePlan,
    ) -> NDArray[np.bool_]:
        """Mark frames whose numbers mean nothing; give which of them do."""
        x, e0, step = scale.x, values["e0"], values["fitted_step"]
        error = values["edge_step_stderr"]
        none = ~(step > SIGNIFICANT * error)
        verdicts.mark(
            rows[none],
            Status.NO_SIGNAL,
            lambda i: (
                f"no edge: the step at {e0[none][i]:.1f} eV is {step[none][i]:.3g} ± "
                f"{error[none][i]:.2g}"
            ),
        )
        said = np.isfinite(plan.tabulated)
        other = (np.abs(e0 - plan.tabulated) > _CHEMICAL) if said else np.zeros(len(e0), bool)
        verdicts.mark(
            rows[other],
            Status.LOST,
            lambda i: (
                f"the edge found at {e0[other][i]:.1f} eV is not the {self.element} {self.edge} "
                f"edge (tabulated {plan.tabulated:.1f} eV); wrong element, or a wrong energy scale"
            ),
        )
        before = np.searchsorted(x, e0 + values["pre_high"], side="right")
        after = len(x) - np.searchsorted(x, e0 + values["post_low"])
        short = (before < _FEWEST) | (after < _FEWEST) | (values["pre_high"] >= values["post_low"])
        short |= x[-1] < e0 + _BEYOND
        verdicts.mark(
            rows[short],
            Status.BAD_INPUT,
            lambda i: (
                f"the scan ({x[0]:.1f} to {x[-1]:.1f} eV) leaves no room for the ranges before "
                f"or after the edge at {e0[short][i]:.1f} eV; it is truncated, or set pre_edge and "
                "post_edge"
            ),
        )
        return np.asarray(~(other | short | none))


def _level(noise: Noise, ranges: Ranges, *, after: bool) -> FloatArray:
    """Mean variance of the points of a frame on one side of the edge."""
    if noise.points is None:
        return noise.after if after else noise.before
    index = np.arange(noise.points.shape[1])
    first = ranges.post_first if after else ranges.pre_first
    last = ranges.post_last if after else ranges.pre_last
    use = (index >= first[:, None]) & (index < last[:, None])
    total = np.where(use, noise.points, 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(use.sum(axis=1), 1))
