"""`WilliamsonHall`: crystallite size and microstrain from how lines widen with the angle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError, SettingError
from spectra.fit.breadths import breadth_and_gradient
from spectra.fit.lineshapes import get_profile, tch_parts
from spectra.fit.uncertainty import misfit_scale
from spectra.method import Method
from spectra.reference import PHASE_FILES, Phase, load_phase
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.status import Status
from spectra.xrd.cell import Cell
from spectra.xrd.profile.instrument import Instrument
from spectra.xrd.profile.instrument_files import INSTRUMENT_FILES, read_instrument
from spectra.xrd.profile.widths import CAGLIOTI, LORENTZ, line_widths
from spectra.xrd.tracks import PeakStatus

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
PhaseSpec = str | Path | Mapping[str, Any] | Phase

_PLOTS = ("lorentzian", "gaussian", "size_strain")
_FEWEST_LINES = 3
# The slope enters the weights of a size-strain plot; it settles at once.
_ROUNDS = 4


@dataclass(frozen=True)
class LinesPlan:
    """Which tracks are plotted, the wavelength (angstrom), and the instrument."""

    table: Table
    tracks: IntArray
    wavelength: float
    instrument: Instrument | None
    attrs: dict[str, Any]


@dataclass(frozen=True)
class Points:
    """Points of a plot, each array (rows, lines), and their slopes by the breadth (1/rad)."""

    x: FloatArray
    y: FloatArray
    x_slope: FloatArray
    y_slope: FloatArray


@dataclass(frozen=True)
class Line:
    """Straight lines y = intercept + slope·x, each array (rows,); NaN where there is none."""

    intercept: FloatArray
    slope: FloatArray
    intercept_variance: FloatArray
    slope_variance: FloatArray
    covariance: FloatArray
    chi2: FloatArray
    dof: IntArray


@dataclass(frozen=True, kw_only=True)
class WilliamsonHall(Method):
    """Size and microstrain of one phase from the integral breadths of its lines.

    Applied to the results of `Peaks`. With β the integral breadth (rad of 2θ) less that of the
    instrument, D the size and ε the microstrain:

    - ``lorentzian``: β·cosθ = K·λ/D + 4ε·sinθ, breadths adding plainly (G. K. Williamson and
      W. H. Hall, Acta Metall. 1 (1953) 22);
    - ``gaussian``: (β·cosθ)² = (K·λ/D)² + (4ε·sinθ)², breadths adding as squares;
    - ``size_strain``: (β*/d*)² = (K/D)·(β*/d*²) + (2ε)² with β* = β·cosθ/λ and d* = 2·sinθ/λ,
      for a Lorentzian breadth of size and a Gaussian one of strain: β² = β_L·β + β_G² (N. C.
      Halder and C. N. J. Wagner, Acta Cryst. 20 (1966) 312), by which the instrument's breadth b
      is taken off too, as β − b²/β.

    Each frame has its own weighted straight line. Where lines scatter about it by more than their
    uncertainties (size or strain hang on the direction in the crystal), the uncertainties are
    widened by that. A size or strain whose term is not above zero is NaN: the lines are no wider
    than the instrument lets them be.

    Parameters
    ----------
    phase : str, Path, mapping or Phase, optional
        The lines used are those indexed as the phase's, as `Cell` does it.
    others : tuple
        Further phases of the sample, so that their lines are not taken for this one's.
    peaks : tuple of str
        Labels of the peaks to use instead, e.g. ``("p01", "p04")``, such as `Cell` indexed.
    plot : {"lorentzian", "gaussian", "size_strain"}
    instrument : str
        File of the diffractometer as `read_instrument` takes it; none for narrow lines.
    wavelength : float, optional
        By default that of the patterns or the instrument (angstrom).
    shape_factor : float
        K; with K = 1 the size is the volume-weighted mean length of columns.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xrd import Peaks
    >>> x = np.arange(25.0, 75.0, 0.02)
    >>> angles = 28.44, 47.30, 56.12, 69.13  # of silicon, Cu Kα1
    >>> lines = sum(900 * np.exp(-(((x - at) / 0.08) ** 2)) for at in angles)
    >>> counts = np.random.default_rng(0).poisson([20 + lines])
    >>> stack = Stack.from_arrays(x, counts, noise="counts", metadata={"wavelength": 1.540593})
    >>> sizes = WilliamsonHall(phase="Si")(Peaks()(stack))
    >>> sizes["size"].round(-1).tolist()
    [560.0]
    """

    name: ClassVar[str] = "xrd.WilliamsonHall"
    block_size: ClassVar[int] = 512

    phase: PhaseSpec | None = setting(None, "phase whose lines are used", files=PHASE_FILES)  # noqa: RUF009
    others: tuple[PhaseSpec, ...] = setting((), "further phases of the sample")
    peaks: tuple[str, ...] = setting((), "labels of peaks to use instead")
    plot: str = setting("lorentzian", "how breadths add", within=", ".join(_PLOTS))
    instrument: str = setting("", "file of the diffractometer", files=INSTRUMENT_FILES)
    wavelength: float | None = setting(None, "wavelength", unit="angstrom", within="> 0")
    shape_factor: float = setting(1.0, "K of the Scherrer equation", within="> 0")

    def __post_init__(self) -> None:
        super().__post_init__()
        set_ = object.__setattr__
        for name in ("others", "peaks"):
            value = getattr(self, name)
            if isinstance(value, str | Path | Phase | Mapping):
                value = (value,)
            set_(self, name, tuple(str(v) if isinstance(v, Path) else v for v in value))
        set_(self, "phase", str(self.phase) if isinstance(self.phase, Path) else self.phase)
        set_(self, "instrument", str(self.instrument))
        if (self.phase is None) == (not self.peaks):
            raise SettingError(f"{self.name}: give either a phase or peaks")
        if self.plot not in _PLOTS:
            raise SettingError(f"{self.name}: plot = {self.plot!r}; expected {', '.join(_PLOTS)}")
        for name in ("wavelength", "shape_factor"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise SettingError(f"{self.name}: {name} = {value!r}; expected > 0")

    def prepare(self, source: Results) -> LinesPlan:
        """Choose the lines.

        Raises
        ------
        ResultsError
            If `source` is not a table of tracked peaks over 2θ with breadths, or has fewer than
            three lines to use.
        SettingError
            If the wavelength or a peak is not known, or a file cannot be read.
        """
        if source.table.name != "peaks" or "breadth" not in source.columns:
            raise ResultsError(
                f"{self.name} works on the results of xrd.Peaks with integral breadths, not on "
                f"a table {source.table.name!r}; fit the peaks (again)"
            )
        if source.attrs.get("axis", {}).get("name") != "two_theta":
            raise ResultsError(f"{self.name} works on peaks over two_theta")
        instrument = read_instrument(self.instrument) if self.instrument else None
        wavelength = self.wavelength or source.attrs.get("wavelength")
        if wavelength is None and instrument is not None:
            wavelength = instrument.wavelength
        if wavelength is None:
            raise SettingError(
                f"{self.name}: the patterns carry no wavelength; give it as `wavelength` (angstrom)"
            )
        tracks, hkl = self._lines(source, float(wavelength))
        labels = np.asarray(source.table.coords["peak"]["label"])
        if len(tracks) < _FEWEST_LINES:
            raise ResultsError(
                f"{self.name}: {len(tracks)} lines ({', '.join(labels[tracks].tolist())}); a "
                f"straight line needs {_FEWEST_LINES}"
            )
        coords = {"label": labels[tracks]}
        coords |= {n: hkl[:, i].astype(np.int32) for i, n in enumerate("hkl")}
        attrs = {
            "plot": self.plot,
            "wavelength": float(wavelength),
            "phase": "" if self.phase is None else load_phase(self.phase).name,
            "title": source.attrs.get("title", ""),
            "errors": source.attrs.get("errors", ""),
        }
        table = lines_table(coords, self.plot)
        return LinesPlan(table, tracks, float(wavelength), instrument, attrs)

    def table(self, plan: LinesPlan) -> Table:
        """Declare the table."""
        return plan.table

    def fit(self, block: Results, plan: LinesPlan) -> Results:
        """Draw the plot of every frame of a block, and its line."""
        two_theta, breadth, error, status = (
            # Not fancy indexing: sums over lines must go the same way for any number of frames.
            np.take(block[name], plan.tracks, axis=1)
            for name in ("center", "breadth", "breadth_stderr", "peak_status")
        )
        theta = np.radians(0.5 * two_theta)
        own, slope = _subtract(self.plot, np.radians(breadth), _instrument_breadth(plan, two_theta))
        sigma = np.abs(slope) * np.radians(error)
        use = (status == PeakStatus.OK) & (own > 0) & (sigma > 0) & np.isfinite(own + sigma)
        points = _points(self.plot, np.where(use, own, np.nan), theta, plan.wavelength)
        line = fit_lines(points, np.where(use, sigma, np.nan))
        scale = misfit_scale(line.chi2, line.dof, absolute=True)
        columns = plan.table.empty(len(block))
        columns["x"][:], columns["y"][:] = points.x, points.y
        columns["y_stderr"][:] = np.abs(points.y_slope) * sigma + 0.0 * points.y
        columns["intercept"][:], columns["slope"][:] = line.intercept, line.slope
        columns["intercept_stderr"][:] = np.sqrt(scale * line.intercept_variance)
        columns["slope_stderr"][:] = np.sqrt(scale * line.slope_variance)
        columns["line_covariance"][:] = scale * line.covariance
        columns["n_lines"][:] = use.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            columns["chi2_reduced"][:] = np.where(line.dof > 0, line.chi2 / line.dof, np.nan)
        columns |= self._sample(columns, plan.wavelength)
        lost = block.ok() & ~np.isfinite(line.slope)
        messages = [
            f"{int(n)} lines to use; {_FEWEST_LINES} are needed" if gone else message
            for n, gone, message in zip(columns["n_lines"], lost, block.messages, strict=True)
        ]
        return Results(
            table=plan.table,
            columns=columns,
            status=np.where(lost, Status.LOST, block.status).astype(np.int8),
            messages=tuple(messages),
            names=block.names,
            variables=block.variables,
            attrs=plan.attrs,
        )

    def _lines(self, source: Results, wavelength: float) -> tuple[IntArray, NDArray[Any]]:
        """Tracks that are used, and their hkl (lines, 3), zero where not indexed."""
        labels = source.table.coords["peak"]["label"].tolist()
        if self.phase is None:
            if unknown := [p for p in self.peaks if p not in labels]:
                raise SettingError(
                    f"{self.name}: no peak {unknown[0]!r}; there are {', '.join(labels)}"
                )
            tracks = np.array([labels.index(p) for p in self.peaks], dtype=np.intp)
            return tracks, np.zeros((len(tracks), 3), dtype=int)
        indexed = Cell(phases=(self.phase, *self.others), wavelength=wavelength).prepare(source)
        peak = indexed.table.coords["peak"]
        tracks = np.flatnonzero(np.asarray(peak["phase"]) == load_phase(self.phase).name)
        return tracks, np.column_stack([np.asarray(peak[n])[tracks] for n in "hkl"])

    def _sample(
        self, columns: Mapping[str, NDArray[Any]], wavelength: float
    ) -> dict[str, FloatArray]:
        """Size and strain with their uncertainties."""
        low, steep = columns["intercept"], columns["slope"]
        low_error, steep_error = columns["intercept_stderr"], columns["slope_stderr"]
        unit = self.shape_factor * wavelength
        if self.plot == "lorentzian":
            size, size_error = _inverse(unit, low, low_error, 1.0)
            strain, strain_error = 0.25 * steep, 0.25 * steep_error
        elif self.plot == "gaussian":
            size, size_error = _inverse(unit, low, low_error, 0.5)
            strain, strain_error = _root(0.25, steep, steep_error)
        else:
            size, size_error = _inverse(self.shape_factor, steep, steep_error, 1.0)
            strain, strain_error = _root(0.5, low, low_error)
        return {
            "size": size,
            "size_stderr": size_error,
            "strain": strain,
            "strain_stderr": strain_error,
        }


def lines_table(coords: dict[str, NDArray[Any]], plot: str) -> Table:
    """Declare the table of a plot; `coords` label its lines."""
    unit = "angstrom" if plot == "size_strain" else ""
    columns = (
        Column(
            "size",
            "angstrom",
            "crystallite size, K lambda over breadth",
            stderr=True,
            headline="size",
        ),
        Column("strain", "", "microstrain, Stokes-Wilson", stderr=True, headline="microstrain"),
        Column("intercept", "", "intercept of the line", stderr=True),
        Column("slope", f"1/{unit}" if unit else "", "slope of the line", stderr=True),
        Column("line_covariance", "", "covariance of intercept and slope"),
        Column("chi2_reduced", "", "chi square per degree of freedom of the line"),
        Column("n_lines", "", "lines used").as_int(),
        Column("x", unit, "abscissa of the plot", ("line",)),
        Column("y", "", "ordinate of the plot", ("line",), stderr=True),
    )
    return Table("williamson_hall", columns, {"line": coords}, default="size")


def fit_lines(points: Points, sigma: FloatArray) -> Line:
    """Fit a weighted straight line to each row.

    The weights are those of y − slope·x, as both may hang on the breadth.

    Parameters
    ----------
    points : Points
    sigma : array (rows, lines)
        Standard uncertainty of each breadth (rad); NaN where it is not used.
    """
    used = np.isfinite(sigma)
    enough = used.sum(axis=1) >= _FEWEST_LINES
    x, y = np.where(used, points.x, 0.0), np.where(used, points.y, 0.0)
    steep = np.zeros(len(x))
    with np.errstate(invalid="ignore", divide="ignore"):
        for _ in range(_ROUNDS):
            spread = np.abs(points.y_slope - steep[:, None] * points.x_slope) * sigma
            weight = np.where(used, 1.0 / spread**2, 0.0)
            total = weight.sum(axis=1)
            middle = (weight * x).sum(axis=1) / total
            away = np.where(used, x - middle[:, None], 0.0)
            square = (weight * away**2).sum(axis=1)
            steep = (weight * away * y).sum(axis=1) / square
        low = (weight * y).sum(axis=1) / total - steep * middle
        residual = np.where(used, y - low[:, None] - steep[:, None] * x, 0.0)
        chi2 = (weight * residual**2).sum(axis=1)
        nothing = np.where(enough, 0.0, np.nan)
        return Line(
            intercept=low + nothing,
            slope=steep + nothing,
            intercept_variance=1.0 / total + middle**2 / square + nothing,
            slope_variance=1.0 / square + nothing,
            covariance=-middle / square + nothing,
            chi2=chi2 + nothing,
            dof=np.where(enough, used.sum(axis=1) - 2, 0),
        )


def _points(plot: str, breadth: FloatArray, theta: FloatArray, wavelength: float) -> Points:
    """Points of a plot from breadths (rad)."""
    sine, cosine = np.sin(theta), np.cos(theta)
    if plot == "lorentzian":
        x, y = sine, breadth * cosine
        x_slope, y_slope = np.zeros_like(y), cosine
    elif plot == "gaussian":
        x, y = sine**2, (breadth * cosine) ** 2
        x_slope, y_slope = np.zeros_like(y), 2.0 * breadth * cosine**2
    else:
        x_slope, y_slope = 0.25 * wavelength * cosine / sine**2, 0.5 * breadth / np.tan(theta) ** 2
        x, y = x_slope * breadth, 0.5 * y_slope * breadth
    return Points(x + 0.0 * y, y, x_slope, y_slope)


def _subtract(
    plot: str, breadth: FloatArray, instrument: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Breadths less the instrument's, and derivatives by what was measured; NaN for none left."""
    if plot == "lorentzian":
        return breadth - instrument, np.ones_like(breadth)
    with np.errstate(invalid="ignore", divide="ignore"):
        if plot == "gaussian":
            own = np.sqrt(breadth**2 - instrument**2)
            return own, breadth / own
        return breadth - instrument**2 / breadth, 1.0 + (instrument / breadth) ** 2


def _instrument_breadth(plan: LinesPlan, two_theta: FloatArray) -> FloatArray:
    """Integral breadths (rad) of the instrument's lines."""
    instrument = plan.instrument
    if instrument is None:
        return np.zeros_like(two_theta)
    known = np.isfinite(two_theta)
    values = [
        np.tile([getattr(instrument, n) for n in term.names], (len(two_theta), 1))
        for term in (CAGLIOTI, LORENTZ)
    ]
    safe = np.where(known, two_theta, 45.0)
    widths = line_widths((CAGLIOTI, LORENTZ), values, safe, plan.wavelength)
    (fwhm, _), (eta, _) = tch_parts(widths.gamma_g, widths.gamma_l)
    breadth, _ = breadth_and_gradient(get_profile("pseudo_voigt"), fwhm, eta)
    return np.where(known, np.radians(breadth), np.nan)


def _inverse(
    unit: float, value: FloatArray, error: FloatArray, power: float
) -> tuple[FloatArray, FloatArray]:
    """unit/value^power and its uncertainty; NaN where the value is not above zero."""
    safe = np.where(value > 0, value, np.nan)
    size = unit / safe**power
    return size, power * size * error / safe


def _root(factor: float, value: FloatArray, error: FloatArray) -> tuple[FloatArray, FloatArray]:
    """factor·√value and its uncertainty; NaN where the value is not above zero."""
    root = np.sqrt(np.where(value > 0, value, np.nan))
    return factor * root, 0.5 * factor * error / root
