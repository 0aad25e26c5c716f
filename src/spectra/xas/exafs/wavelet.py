"""`Wavelet`: where in k and R the oscillations of χ(k) are, and the lobes of these maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.method import Method
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.stack import Stack
from spectra.xas.exafs.cauchy import Cauchy
from spectra.xas.exafs.chi import chi_of, k_of
from spectra.xas.exafs.high_r import high_r_points, white_level
from spectra.xas.exafs.lobes import Lobe, find_lobes, inner_maxima
from spectra.xas.exafs.lobevalues import LobeReader, ridge
from spectra.xas.exafs.maps import MapOperator, Mother, map_operator
from spectra.xas.exafs.morlet import Morlet
from spectra.xas.exafs.screening import (
    NOISES,
    check_noise,
    check_range,
    known_errors,
    needed_points,
    require_distances,
    require_range,
    screen_chi,
    stderr_of,
    title_of,
)
from spectra.xas.exafs.windows import WINDOWS, make_window
from spectra.xas.frames import Verdicts

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IntArray = NDArray[np.intp]
Ends = tuple[float, float]

MOTHERS = ("cauchy", "morlet")
# Frames whose median map tells where the lobes are.
_SAMPLE = 64
_FEWEST = 12
# Lobes lower than so many standard uncertainties are none.
_SIGNIFICANT = 3.0
_MOST_LOBES = 8
_INTEGRALS = ("integral", "integral_stderr")


@dataclass(frozen=True)
class WaveletPlan:
    """What holds for all frames.

    Attributes
    ----------
    table : Table
    mother : Cauchy or Morlet
    weight : array (points,)
        k^w Ω(k) of the grid of χ(k).
    step : float
        Of it (1/angstrom).
    used : slice
        Points of it that weigh something.
    at : int array (k,)
        Points of it that the map has.
    k, r : array
        Of the map.
    high : int array
        Points of χ(R) that the noise is read off.
    lobes : tuple of Lobe
    attrs : dict
    """

    table: Table
    mother: Mother
    weight: FloatArray
    step: float
    used: slice
    at: IntArray
    k: FloatArray
    r: FloatArray
    high: IntArray
    lobes: tuple[Lobe, ...]
    attrs: dict[str, Any]

    def operator(self) -> MapOperator:
        """From χ(k) to the map; computed once in a process."""
        return map_operator(self.mother, self.weight, self.step, self.used, self.at, self.r)


@dataclass(frozen=True, kw_only=True)
class Wavelet(Method):
    """Continuous wavelet transforms of χ(k): lobes of |W(k, R)| through a sequence.

    A map is linear in χ(k), so that one product of matrices gives those of many frames at once
    on a chosen grid. Lobes are looked for on the median map of the sequence, or in given windows;
    in each frame the nearest maximum in a lobe's window is located between the points of the map
    by the polynomial of the fourth degree through log |W| about it. Uncertainties are those of
    χ(k), given or read off high R as white in k, carried through transform, modulus and
    polynomial with all their correlations, to first order.

    R is that of χ(R): without the shift of the phase.

    Parameters
    ----------
    mother : {"cauchy", "morlet"}
        `Cauchy` has `order`, `Morlet` has `kappa` and `sigma`; both tell what these resolve and
        how the modulus is normalised: a sine of amplitude A has A on its ridge, whatever the
        settings and grids are.
    k_weight : int
    k_range, taper, window
        As in `FourierTransform`, but that with a taper of 0 all points of the range count
        wholly.
    r_range : (low, high)
        Of the map.
    points : (k, R)
        About how many points the map has; those of k are points of χ(k).
    lobes : mapping
        ``{"V-O": [[k_low, k_high], [r_low, r_high]]}``: windows of lobes, instead of those that
        are found.
    lobe_share : float
        Lobes that are found are at least so high, as a share of the highest.
    keep_maps : bool
        Whether the table holds |W| itself, in single precision.
    noise_range, noise
        As in `FourierTransform`.
    """

    name: ClassVar[str] = "xas.Wavelet"
    block_size: ClassVar[int] = 192

    mother: str = setting("cauchy", "kind of wavelet", within=", ".join(MOTHERS))
    order: float = setting(100.0, "order of a Cauchy wavelet", within="≥ 1")
    kappa: float = setting(10.0, "frequency of a Morlet wavelet", within="> 0")
    sigma: float = setting(1.0, "width of a Morlet wavelet", within="> 0")
    k_weight: int = setting(2, "exponent of k", within="0, 1, 2, 3")
    k_range: tuple[float, float] = setting((3.0, 12.0), "range of k", unit="1/angstrom")
    window: str = setting("hanning", "shape of the window", within=", ".join(WINDOWS))
    taper: float = setting(1.0, "width of the window's tapers", unit="1/angstrom", within="≥ 0")
    r_range: tuple[float, float] = setting((0.5, 6.0), "range of R of the map", unit="angstrom")
    points: tuple[int, int] = setting((100, 100), "points of the map in k and in R", within="≥ 12")
    lobes: Mapping[str, tuple[Ends, Ends]] = setting((), "windows of lobes in k and in R")
    lobe_share: float = setting(0.2, "least height of lobes that are found", within="0 to 1")
    keep_maps: bool = setting(False, "whether the table holds the maps")
    noise_range: tuple[float, float] = setting(
        (15.0, 25.0), "R at which there is nothing but noise", unit="angstrom"
    )
    noise: str = setting(
        "auto", "given with χ(k) where it is, or always high R's", within=", ".join(NOISES)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_noise(self.name, self.noise)
        for name, known in (("mother", MOTHERS), ("window", tuple(WINDOWS))):
            if getattr(self, name) not in known:
                raise SettingError(
                    f"{self.name}: {name} = {getattr(self, name)!r}; expected {', '.join(known)}"
                )
        for name in ("k_range", "r_range", "noise_range"):
            object.__setattr__(self, name, check_range(self.name, name, getattr(self, name)))
        if self.k_weight not in (0, 1, 2, 3):
            raise SettingError(f"{self.name}: k_weight = {self.k_weight!r}; expected 0, 1, 2, 3")
        if not (self.order >= 1 and self.kappa > 0 and self.sigma > 0 and self.taper >= 0):
            raise SettingError(
                f"{self.name}: order must be 1 or more, kappa and sigma positive and taper not "
                "negative"
            )
        if not 0 <= self.lobe_share <= 1:
            raise SettingError(f"{self.name}: lobe_share = {self.lobe_share}; expected 0 to 1")
        if min(self.points) < _FEWEST:
            raise SettingError(f"{self.name}: points = {self.points}; expected ≥ {_FEWEST} each")
        object.__setattr__(self, "points", tuple(int(n) for n in self.points))
        lobes = {}
        for name, ends in dict(self.lobes).items():
            lobes[name] = tuple(check_range(self.name, f"lobes[{name!r}]", e) for e in ends)
        object.__setattr__(self, "lobes", lobes)

    def mother_wavelet(self) -> Mother:
        """The wavelet that the settings describe."""
        if self.mother == "cauchy":
            return Cauchy(float(self.order))
        return Morlet(float(self.kappa), float(self.sigma))

    def prepare(self, source: Stack | Results) -> WaveletPlan:
        """Lay out the map and find the lobes.

        Raises
        ------
        StackError
            If the source is no χ(k), or ends before k_range.
        SettingError
            If a lobe's window is not within the map.
        """
        plan = self._layout(source)
        lobes = self._given(plan) if self.lobes else self._found(plan, source)
        attrs = {**plan.attrs, "lobes": [lobe.name for lobe in lobes]}
        table = _table(lobes, plan.k, plan.r, self.keep_maps)
        return replace(plan, table=table, lobes=lobes, attrs=attrs)

    def _layout(self, source: Stack | Results) -> WaveletPlan:
        """The plan without lobes."""
        grid = k_of(self.name, source)
        require_range(self.name, grid, self.k_range)
        require_distances(self.name, self.r_range, float(grid[1] - grid[0]))
        step, (low, high) = float(grid[1] - grid[0]), self.k_range
        if self.taper > 0:
            window = make_window(grid, low, high, self.taper, self.window)
        else:
            tiny = 1e-6 * step
            window = ((grid >= low - tiny) & (grid <= high + tiny)).astype(float)
        inside = np.flatnonzero(window)
        first, last = np.searchsorted(grid, [low - 1e-6 * step, high + 1e-6 * step]).tolist()
        stride = max(1, round((last - first) / self.points[0]))
        at = np.arange(first, last, stride)
        if len(at) < _FEWEST:
            raise SettingError(
                f"{self.name}: k_range = [{low:g}, {high:g}] holds {len(at)} points of χ(k); "
                f"expected {_FEWEST} or more"
            )
        r = np.linspace(*self.r_range, self.points[1])
        mother = self.mother_wavelet()
        attrs = {
            "title": title_of(source),
            # A report makes maps of single frames from them again.
            "settings": self.settings(),
        }
        return WaveletPlan(
            table=_table((), grid[at], r, self.keep_maps),
            mother=mother,
            weight=np.asarray(window * grid**self.k_weight),
            step=step,
            used=slice(int(inside[0]), int(inside[-1]) + 1),
            at=at,
            k=grid[at],
            r=r,
            high=high_r_points(self.name, self.noise_range, step),
            lobes=(),
            attrs=attrs,
        )

    def _given(self, plan: WaveletPlan) -> tuple[Lobe, ...]:
        """Lobes in the windows of the settings, expected in their middles."""
        out = []
        for name, (k_ends, r_ends) in self.lobes.items():
            ends = []
            for axis, (low, high), what in ((plan.r, r_ends, "R"), (plan.k, k_ends, "k")):
                if low < axis[0] or high > axis[-1]:
                    raise SettingError(
                        f"{self.name}: lobe {name!r} goes from {low:g} to {high:g} in {what}, the "
                        f"map from {axis[0]:.4g} to {axis[-1]:.4g}; widen the map or narrow it"
                    )
                first, last = np.searchsorted(axis, [low, high]).tolist()
                first, last = max(first, 2), min(last + 1, len(axis) - 2)
                if first >= last:
                    raise SettingError(
                        f"{self.name}: lobe {name!r} lies on the rim of the map in {what}, where "
                        "no maximum can be told; widen the map or move it"
                    )
                ends.append((first, last))
            middle = [(first + last) // 2 for first, last in ends]
            out.append(Lobe(name, middle[0], middle[1], ends[0], ends[1]))
        return tuple(out)

    def _found(self, plan: WaveletPlan, source: Stack | Results) -> tuple[Lobe, ...]:
        """Lobes of the median map of some frames."""
        sample = np.unique(np.linspace(0, len(source) - 1, min(len(source), _SAMPLE)).astype(int))
        values, good, _ = self._screened(source[sample].load(), plan)
        if not good.any():
            return ()
        real, imag = plan.operator()(values[good][:, plan.used])
        median = np.median(np.sqrt(real**2 + imag**2), axis=0)
        return tuple(
            replace(lobe, name=f"R {plan.r[lobe.r]:.2f} k {plan.k[lobe.k]:.1f}")
            for lobe in find_lobes(median, self.lobe_share, _MOST_LOBES)
        )

    def _screened(
        self, block: Stack | Results, plan: WaveletPlan
    ) -> tuple[FloatArray, NDArray[np.bool_], Verdicts]:
        chi = chi_of(self.name, block)
        return screen_chi(chi, needed_points(plan.weight), self.k_range, block)

    def table(self, plan: WaveletPlan) -> Table:
        """Declare the table."""
        return plan.table

    def fit(self, block: Stack | Results, plan: WaveletPlan) -> Results:
        """Transform every frame of a block and read its lobes."""
        columns = plan.table.empty(len(block))
        values, good, verdicts = self._screened(block, plan)
        rows = np.flatnonzero(good)
        errors = stderr_of(chi_of(self.name, block), self.noise)
        if rows.size:
            chi = np.ascontiguousarray(values[rows][:, plan.used])
            variance = self._variance(chi, errors, rows, plan)
            self._read(chi, variance, rows, plan, columns, verdicts)
        attrs = {**plan.attrs, "errors": "residual" if errors is None else "given"}
        return Results(
            table=plan.table,
            columns=columns,
            status=verdicts.status,
            messages=tuple(verdicts.messages),
            names=block.names,
            variables=block.variables,
            attrs=attrs,
        )

    def _read(
        self,
        chi: FloatArray,
        variance: FloatArray,
        rows: IntArray,
        plan: WaveletPlan,
        columns: dict[str, NDArray[Any]],
        verdicts: Verdicts,
    ) -> None:
        """Fill the columns of frames that have χ(k)."""
        operator = plan.operator()
        real, imag = operator(chi)
        modulus = np.sqrt(real**2 + imag**2)
        if self.keep_maps:
            columns["modulus"][rows] = modulus
        columns["ridge_r"][rows], columns["ridge_height"][rows] = ridge(modulus, plan.r)
        highest = inner_maxima(modulus)
        reader = LobeReader(operator, plan.k, plan.r, variance)
        for i, lobe in enumerate(plan.lobes):
            lobe_values = reader.read(real, imag, modulus, highest, lobe)
            numbers, found = lobe_values.numbers, lobe_values.found
            clear = numbers["height"] > _SIGNIFICANT * numbers["height_stderr"]
            for name, value in numbers.items():
                kept = (found & clear) | (name in _INTEGRALS)
                columns[name][rows, i] = np.where(kept, value, np.nan)
            verdicts.note(rows[~found], f"lobe {lobe.name}: no maximum {_in_window(lobe, plan)}")
            verdicts.note(
                rows[found & ~clear],
                f"lobe {lobe.name}: lower than {_SIGNIFICANT:g} standard uncertainties",
            )

    def _variance(
        self, chi: FloatArray, errors: FloatArray | None, rows: IntArray, plan: WaveletPlan
    ) -> FloatArray:
        """Variances of χ(k) at the points of the window (frames, points)."""
        white = white_level(chi, plan.weight[plan.used], plan.step, plan.used, plan.high)
        sigma = np.broadcast_to(white[:, None], chi.shape)
        known = known_errors(errors, rows, needed_points(plan.weight))
        if known is not None:
            known = known[:, plan.used]
            sigma = np.where(np.isfinite(known), known, sigma)
        return np.square(sigma)


@dataclass(frozen=True)
class WaveletMap:
    """W(k, R) of one frame.

    Attributes
    ----------
    name : str
        Of the frame.
    k : array (k,)
        1/angstrom.
    r : array (R,)
        Angstrom.
    values : complex array (R, k)
        In 1/angstrom^k_weight.
    k_weight : int
    """

    name: str
    k: FloatArray
    r: FloatArray
    values: ComplexArray
    k_weight: int

    @property
    def modulus(self) -> FloatArray:
        """|W| (R, k)."""
        return np.abs(self.values)

    @property
    def phase(self) -> FloatArray:
        """Phase of W (rad), (R, k)."""
        return np.angle(self.values)


def wavelet_map(source: Stack | Results, method: Wavelet, frame: int = 0) -> WaveletMap:
    """The map of one frame, on the grid of a method.

    Parameters
    ----------
    source : Stack or Results
        χ(k), as `Wavelet` takes it.
    method : Wavelet
    frame : int

    Raises
    ------
    StackError
        If the frame has no χ(k) in the range.
    """
    one = source[frame : frame + 1].load()
    plan = method._layout(one)
    values, good, verdicts = method._screened(one, plan)
    if not good.all():
        raise StackError(verdicts.messages[0] or f"{one.names[0]}: no χ(k)")
    real, imag = plan.operator()(np.ascontiguousarray(values[:, plan.used]))
    return WaveletMap(one.names[0], plan.k, plan.r, (real + 1j * imag)[0], method.k_weight)


def _in_window(lobe: Lobe, plan: WaveletPlan) -> str:
    k, r = plan.k[slice(*lobe.k_ends)], plan.r[slice(*lobe.r_ends)]
    return f"between k {k[0]:.3g} and {k[-1]:.3g}, R {r[0]:.3g} and {r[-1]:.3g}"


def _table(lobes: tuple[Lobe, ...], k: FloatArray, r: FloatArray, maps: bool) -> Table:
    own = ("lobe",)
    # The unit of |W| is 1/angstrom^k_weight.
    columns = [
        Column("lobe_r", "angstrom", "R of the lobe's maximum, phase not corrected", own, True),
        Column("lobe_k", "1/angstrom", "k of the lobe's maximum", own, True),
        Column("height", "", "|W| there, in angstrom^-k_weight", own, True),
        Column("integral", "", "|W| over the lobe's window, in angstrom^-k_weight", own, True),
        Column("ridge_r", "angstrom", "R at which |W| is highest at each k", ("k",)),
        Column("ridge_height", "", "|W| there, in angstrom^-k_weight", ("k",)),
    ]
    if maps:
        columns.append(Column("modulus", "", "|W(k, R)|", ("r", "k"), dtype="float32"))
    ends = {
        "r_low": [r[lobe.r_ends[0]] for lobe in lobes],
        "r_high": [r[lobe.r_ends[1] - 1] for lobe in lobes],
        "k_low": [k[lobe.k_ends[0]] for lobe in lobes],
        "k_high": [k[lobe.k_ends[1] - 1] for lobe in lobes],
    }
    coords = {
        "lobe": {
            "label": np.array([lobe.name for lobe in lobes], dtype=str),
            **{name: np.array(value, dtype=float) for name, value in ends.items()},
        },
        "k": {"k": k},
        "r": {"r": r},
    }
    return Table("wavelet", tuple(columns), coords, "lobe_r")
