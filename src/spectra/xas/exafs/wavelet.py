"""`Wavelet`: where in k and R the oscillations of χ(k) are, and the lobes of these maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.results import Results
from spectra.settings import setting
from spectra.stack import Stack
from spectra.xas.exafs.cauchy import Cauchy
from spectra.xas.exafs.chi import chi_of
from spectra.xas.exafs.high_r import high_r_points, white_level
from spectra.xas.exafs.kmethod import KBlock, KMethod, used_points
from spectra.xas.exafs.lobes import Lobe, find_lobes, inner_maxima
from spectra.xas.exafs.lobevalues import LobeReader, ridge
from spectra.xas.exafs.maps import Mother
from spectra.xas.exafs.morlet import Morlet
from spectra.xas.exafs.screening import check_range, title_of
from spectra.xas.exafs.waveletplan import Ends, WaveletPlan, given_lobes, wavelet_table
from spectra.xas.exafs.windows import make_window

FloatArray = NDArray[np.float64]

MOTHERS = ("cauchy", "morlet")
# Frames whose median map tells where the lobes are.
_SAMPLE = 64
_FEWEST = 12
# Lobes lower than so many standard uncertainties are none.
_SIGNIFICANT = 3.0
_MOST_LOBES = 8
_INTEGRALS = ("integral", "integral_stderr")


@dataclass(frozen=True, kw_only=True)
class Wavelet(KMethod):
    """Continuous wavelet transforms W(k, R) of χ(k): lobes of their modulus through a sequence.

    A map is linear in χ(k), so that one product of matrices gives those of many frames at once
    on a chosen grid. Lobes are looked for on the median map of the sequence, or in given windows;
    in each frame the nearest maximum in a lobe's window is located between the points of the map
    by the polynomial of the fourth degree through log ``|W|`` about it. Uncertainties are those of
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
    k_range, taper, window, noise_range, noise
        As in `KMethod`, but that with a taper of 0 all points of the range count wholly.
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

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> k = 0.05 * np.arange(301)
    >>> chi = np.sin(2 * 2.0 * k) * np.exp(-0.01 * k**2)
    >>> stack = Stack.from_arrays(k, chi, axis_name="k", axis_unit="1/angstrom", quantity="chi")
    >>> lobes = Wavelet(k_range=(3.0, 11.0))(stack)
    >>> lobes["lobe_r"].round(1).tolist()
    [[2.0]]
    """

    name: ClassVar[str] = "xas.Wavelet"
    block_size: ClassVar[int] = 192

    mother: str = setting("cauchy", "kind of wavelet", within=", ".join(MOTHERS))
    order: float = setting(100.0, "order of a Cauchy wavelet", within="≥ 1")
    kappa: float = setting(10.0, "frequency of a Morlet wavelet", within="> 0")
    sigma: float = setting(1.0, "width of a Morlet wavelet", within="> 0")
    k_weight: int = setting(2, "exponent of k", within="0, 1, 2, 3")
    r_range: tuple[float, float] = setting((0.5, 6.0), "range of R of the map", unit="angstrom")
    points: tuple[int, int] = setting((100, 100), "points of the map in k and in R", within="≥ 12")
    lobes: Mapping[str, tuple[Ends, Ends]] = setting((), "windows of lobes in k and in R")
    lobe_share: float = setting(0.2, "least height of lobes that are found", within="0 to 1")
    keep_maps: bool = setting(False, "whether the table holds the maps")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.one_of("mother", MOTHERS)
        if self.k_weight not in (0, 1, 2, 3):
            raise SettingError(f"{self.name}: k_weight = {self.k_weight!r}; expected 0, 1, 2, 3")
        if not (self.order >= 1 and self.kappa > 0 and self.sigma > 0):
            raise SettingError(
                f"{self.name}: order must be 1 or more, and kappa and sigma positive"
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
        plan = self.lay_out(source)
        if self.lobes:
            lobes = given_lobes(self.name, self.lobes, plan)
        else:
            lobes = self._found(plan, source)
        attrs = {**plan.attrs, "lobes": [lobe.name for lobe in lobes]}
        table = wavelet_table(lobes, plan.k, plan.r, maps=self.keep_maps)
        return replace(plan, table=table, lobes=lobes, attrs=attrs)

    def lay_out(self, source: Stack | Results) -> WaveletPlan:
        """The plan without lobes."""
        grid = self.grid(source)
        step, (low, high) = float(grid[1] - grid[0]), self.k_range
        if self.taper > 0:
            window = make_window(grid, low, high, self.taper, self.window)
        else:
            tiny = 1e-6 * step
            window = ((grid >= low - tiny) & (grid <= high + tiny)).astype(float)
        first, last = np.searchsorted(grid, [low - 1e-6 * step, high + 1e-6 * step]).tolist()
        stride = max(1, round((last - first) / self.points[0]))
        at = np.arange(first, last, stride)
        if len(at) < _FEWEST:
            raise SettingError(
                f"{self.name}: k_range = [{low:g}, {high:g}] holds {len(at)} points of χ(k); "
                f"expected {_FEWEST} or more"
            )
        used = used_points(window)
        r = np.linspace(*self.r_range, self.points[1])
        mother = self.mother_wavelet()
        attrs = {
            "title": title_of(source),
            # A report makes maps of single frames from them again.
            "settings": self.settings(),
        }
        return WaveletPlan(
            table=wavelet_table((), grid[at], r, maps=self.keep_maps),
            mother=mother,
            weight=np.asarray(window * grid**self.k_weight),
            step=step,
            used=used,
            at=at,
            k=grid[at],
            r=r,
            high=high_r_points(self.name, self.noise_range, step, used.stop - used.start),
            lobes=(),
            attrs=attrs,
        )

    def _found(self, plan: WaveletPlan, source: Stack | Results) -> tuple[Lobe, ...]:
        """Lobes of the median map of some frames."""
        sample = np.unique(np.linspace(0, len(source) - 1, min(len(source), _SAMPLE)).astype(int))
        some = source[sample].load()
        values, good, _ = self.screened(chi_of(self.name, some), some, plan)
        if not good.any():
            return ()
        real, imag = plan.operator()(values[good][:, plan.used])
        median = np.median(np.sqrt(real**2 + imag**2), axis=0)
        return tuple(
            replace(lobe, name=f"R {plan.r[lobe.r]:.2f} k {plan.k[lobe.k]:.1f}")
            for lobe in find_lobes(median, self.lobe_share, _MOST_LOBES)
        )

    def transform(self, block: KBlock, plan: WaveletPlan) -> None:
        """Fill the columns: ridges, lobes and, if they are kept, the maps."""
        chi, rows, columns = np.ascontiguousarray(block.chi), block.rows, block.columns
        variance = self._variance(chi, block.known, plan)
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
            block.verdicts.note(
                rows[~found], f"lobe {lobe.name}: no maximum {plan.window_of(lobe)}"
            )
            block.verdicts.note(
                rows[found & ~clear],
                f"lobe {lobe.name}: lower than {_SIGNIFICANT:g} standard uncertainties",
            )

    def _variance(self, chi: FloatArray, known: FloatArray | None, plan: WaveletPlan) -> FloatArray:
        """Variances of χ(k) at the points of the window (frames, points)."""
        white = white_level(chi, plan.weight[plan.used], plan.step, plan.used, plan.high)
        sigma = np.broadcast_to(white[:, None], chi.shape)
        if known is not None:
            sigma = np.where(np.isfinite(known), known, sigma)
        return np.square(sigma)
