"""`Bands`: find Raman bands, fit them on their background, and follow them over a series."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.fit.bands import BandModel
from spectra.fit.lineshapes import get_profile
from spectra.method import Method
from spectra.raman.assign import assign, load_mode_set
from spectra.raman.curves import PARAMETERS, plain_model
from spectra.raman.find_bands import Search, mean_spectrum, same_as_any
from spectra.raman.frames import check_window
from spectra.raman.model import bounded_params, center_and_width_ranges, initial, starts_of
from spectra.raman.presence import Presence, doubtful
from spectra.raman.series import Fitted, Series, fitted_points
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.status import Status

if TYPE_CHECKING:
    from spectra.stack import Stack

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

_TYPICAL_WIDTH = 0.02
# A second start of each fit, in widths of the first: a band that starts too wide may vanish.
_NARROWER = 0.5
# Frames that one look along the series is the mean of, at most.
_TOGETHER = 16


class BandStatus(IntEnum):
    """What became of one band in one frame.

    A band that the spectrum does not ask for is LOST. One without which it is fitted worse,
    although its area is not `keep` times its uncertainty, is VAGUE: it is there, but not
    determined. Values are NaN unless OK, VAGUE or AT_BOUND.
    """

    OK = 0
    LOST = 1
    VAGUE = 2
    AT_BOUND = 3
    NOT_CONVERGED = 4


@dataclass(frozen=True)
class BandsPlan:
    """What all blocks share.

    Attributes
    ----------
    inside : bool array (points,)
        Points of the axis that are fitted.
    centers, widths : array (bands,)
        Where the bands were found.
    assignments : tuple of str
    """

    inside: BoolArray
    centers: FloatArray
    widths: FloatArray
    assignments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Bands(Method):
    """Find bands, fit them together with their background, and follow them over a series.

    Bands are found by their significance against the noise in means of neighbouring frames all
    along the series, and all of them are fitted to each frame in one go with a polynomial
    background: never subtract a baseline first, its uncertainty belongs to the areas. A band
    whose area is not `keep` times its uncertainty, or that runs to the end of where it may be, is
    LOST in that frame: it gets no numbers, and the others are fitted without it. Counts are
    fitted by their Poisson likelihood; where the noise is unknown it is taken as alike at all
    points and found from the residuals. Where χ² is improbable or neighbouring residuals hang
    together, uncertainties are widened.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> x = np.arange(600.0, 1200.0)
    >>> y = 50 + 900 / (1 + ((x - 994) / 6) ** 2) + 400 / (1 + ((x - 701) / 15) ** 2)
    >>> stack = Stack.from_arrays(
    ...     x, np.rint([y, y]), noise="counts", axis_name="raman_shift", axis_unit="1/cm")
    >>> Bands(degree=0)(stack)["center"].round(1).tolist()
    [[701.0, 994.0], [701.0, 994.0]]
    """

    name: ClassVar[str] = "raman.Bands"
    block_size: ClassVar[int] = 256

    window: tuple[()] | tuple[float, float] = setting(
        (), "Raman shifts fitted; none for all", unit="1/cm"
    )
    positions: tuple[float, ...] = setting((), "bands; none to find them", unit="1/cm")
    widths: tuple[float, ...] = setting((), "their full widths; none to guess", unit="1/cm")
    profile: str = setting("lorentzian", "line shape")
    profiles: tuple[str, ...] = setting((), "line shape of each of `positions`")
    degree: int = setting(2, "degree of the background, -1 for none", within="-1 to 10")
    threshold: float = setting(6.0, "smallest significance of a band to be found", within="> 0")
    fwhm_max: float = setting(0.0, "widest band looked for; 0: 4 % of the axis", unit="1/cm")
    keep: float = setting(3.0, "smallest area over uncertainty to be present", within="> 0")
    reach: float = setting(1.0, "how far a band may move", unit="fwhm", within="> 0")
    looks: int = setting(4, "parts of the series in which bands are looked for", within="1 or more")
    assignments: tuple[str, ...] = setting((), "sets of reference_patterns/raman to assign by")
    tolerance: float = setting(12.0, "farthest mode that is assigned", unit="1/cm", within="> 0")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_window(self.name, self.window)
        checks = {
            "degree": -1 <= self.degree <= 10,
            "threshold": self.threshold > 0,
            "keep": self.keep > 0,
            "reach": self.reach > 0,
            "looks": self.looks >= 1,
            "tolerance": self.tolerance > 0,
            "fwhm_max": self.fwhm_max >= 0,
            "widths": len(self.widths) in (0, len(self.positions))
            and all(w > 0 for w in self.widths),
            "profiles": len(self.profiles) in (0, len(self.positions)),
        }
        for name, good in checks.items():
            if not good:
                within = self.__dataclass_fields__[name].metadata["range"]
                raise SettingError(
                    f"{self.name}: {name} = {getattr(self, name)!r}; expected "
                    f"{within or 'one for each of positions, above 0'}"
                )
        if twice := sorted({p for p in self.positions if self.positions.count(p) > 1}):
            raise SettingError(
                f"{self.name}: positions = {', '.join(f'{p:g}' for p in twice)} 1/cm given more "
                "than once; expected each band once"
            )
        with self.naming("profile"):
            get_profile(self.profile)
        with self.naming("profiles"):
            for name in self.profiles:
                get_profile(name)
        with self.naming("assignments"):
            for name in self.assignments:
                load_mode_set(name)

    def prepare(self, source: Stack) -> BandsPlan:
        """Find the bands.

        Raises
        ------
        StackError
            If the axis is not one of Raman shifts, no frame can be used, or no band is found.
        SettingError
            If a position lies outside what is fitted.
        """
        inside = fitted_points(source, self.window, self.name)
        x = source.x[inside]
        if self.positions:
            centers = np.array(self.positions, dtype=float)
            if (outside := centers[(centers < x[0]) | (centers > x[-1])]).size:
                raise SettingError(
                    f"{self.name}: positions = {', '.join(f'{p:g}' for p in outside)} 1/cm; "
                    f"expected within what is fitted, {x[0]:g} to {x[-1]:g} 1/cm"
                )
            guess = _TYPICAL_WIDTH * float(x[-1] - x[0])
            widths = np.array(self.widths or [guess] * len(centers), dtype=float)
        else:
            centers, widths = self._find(source, inside)
        texts = assign(centers, self.assignments, self.tolerance)
        return BandsPlan(inside, centers, widths, tuple(texts))

    def table(self, plan: BandsPlan) -> Table:
        """Declare the table of bands."""
        return bands_table(plan, self.degree, BandModel(self._bands(plan), self.degree, 0, 1).names)

    def fit(self, block: Stack, plan: BandsPlan) -> Results:
        """Fit all bands of all frames of a block."""
        series = Series.of(block, plan.inside)
        table = self.table(plan)
        columns = table.empty(len(block))
        status, messages = series.status.copy(), list(series.messages)
        if series.rows.size:
            self._follow(series, plan, columns, status)
            for row in series.rows.tolist():
                said = _words(plan.centers, columns["band_status"][row])
                messages[row] = "; ".join(filter(None, (messages[row], *said)))
        attrs = {
            "profile": list(self._profiles(plan)),
            "errors": series.errors,
            "model": plain_model(self.model(plan, series.x)),
            "assignments": {n: load_mode_set(n).source for n in self.assignments},
        }
        return Results(
            *(table, columns, status, tuple(messages), block.names, block.variables, attrs)
        )

    def model(self, plan: BandsPlan, x: FloatArray, which: IntArray | None = None) -> BandModel:
        """The model that some bands of a plan, or all, are fitted with."""
        bands = self._bands(plan)
        some = range(len(bands)) if which is None else which.tolist()
        return BandModel(tuple(bands[k] for k in some), self.degree, float(x[0]), float(x[-1]))

    def _bands(self, plan: BandsPlan) -> tuple[tuple[str, str], ...]:
        profiles = self._profiles(plan)
        return tuple(zip(band_labels(len(profiles)), profiles, strict=True))

    def _profiles(self, plan: BandsPlan) -> tuple[str, ...]:
        return self.profiles or (self.profile,) * len(plan.centers)

    def _find(self, source: Stack, inside: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Positions and widths of bands anywhere along the series, in rising order."""
        x = source.x[inside]
        search = Search(
            *(self.profile, self.degree, self.threshold, self.keep, self.reach),
            self.fwhm_max or None,
        )
        found: list[tuple[float, float, float]] = []
        usable = False
        for part in np.array_split(np.arange(source.n_frames), min(self.looks, source.n_frames)):
            some = part[np.unique(np.linspace(0, len(part) - 1, _TOGETHER).astype(int))]
            frames = (Series.of(source[int(i)].load(), inside) for i in some)
            good = [frame for frame in frames if frame.rows.size]
            if good:
                usable = True
                told = search.run(mean_spectrum(good))
                found += zip(*(v.tolist() for v in told), strict=True)
        if not found:
            what = "band" if usable else "usable frame"
            raise StackError(
                f"{self.name}: no {what} between {x[0]:g} and {x[-1]:g} 1/cm; give positions, "
                "or lower the threshold"
            )
        centers, widths = np.empty(0), np.empty(0)
        for _, at, width in sorted(found, reverse=True):
            if not same_as_any(at, width, centers, widths):
                centers, widths = np.append(centers, at), np.append(widths, width)
        order = np.argsort(centers)
        return centers[order], widths[order]

    def _follow(
        self,
        series: Series,
        plan: BandsPlan,
        columns: dict[str, NDArray[Any]],
        status: NDArray[np.int8],
    ) -> None:
        """Fit frames, leave out bands that are not there, and fill the columns."""
        found = Presence.of_all(len(series.rows), len(plan.centers))
        todo = np.arange(len(series.rows))
        # A round of fits asks for one band of each frame, and another may bring it back.
        for _ in range(2 * len(plan.centers) + 1):
            again = []
            for pattern in np.unique(found.present[todo], axis=0):
                rows = todo[(found.present[todo] == pattern).all(axis=1)]
                which = np.flatnonzero(pattern)
                if which.size == 0:
                    status[series.rows[rows]] = Status.LOST
                    continue
                some = series.take(rows)
                model = self.model(plan, series.x, which)
                fits = self._fit_some(some, plan, model, which)
                significance, doubt, astray = doubtful(model, fits, self.keep)
                number = (len(model.names) - self.degree - 1) / len(which)
                paid = number * np.log(np.isfinite(some.y).sum(axis=1))
                open_ = found.decide(rows, which, fits, doubt, astray, paid)
                again.append(rows[open_])
                done = np.setdiff1d(np.arange(len(rows)), open_)
                self._write(
                    *(columns, status, series.rows[rows[done]], which, plan),
                    *(fits.take(done), model, significance[done]),
                )
            todo = np.sort(np.concatenate(again)) if again else todo[:0]
            if todo.size == 0:
                break
        told = columns["band_status"][series.rows]
        columns["band_status"][series.rows] = np.where(found.present, told, BandStatus.LOST)

    def _fit_some(
        self, series: Series, plan: BandsPlan, model: BandModel, which: IntArray
    ) -> Fitted:
        """Fit frames with some of the bands."""
        centers, widths = plan.centers[which], plan.widths[which]
        start = initial(model, centers, widths)
        step = float(np.median(np.diff(series.x)))
        ranges = center_and_width_ranges(model, centers, widths, self.reach, step)
        narrow = initial(model, centers, _NARROWER * widths)
        starts = [starts_of(series, model, one) for one in (start, narrow)]
        return series.fit(model, bounded_params(model, start, ranges), starts)

    def _write(
        self,
        columns: dict[str, NDArray[Any]],
        status: NDArray[np.int8],
        frames: IntArray,
        which: IntArray,
        plan: BandsPlan,
        fits: Fitted,
        model: BandModel,
        significance: FloatArray,
    ) -> None:
        """Write what has been settled of some frames."""
        status[frames] = np.where(fits.converged, fits.status, Status.NOT_CONVERGED)
        write(columns, frames, which, fits.told(model), fits, model)
        fits.write_parameters(
            columns, frames, model, self.table(plan).coords["parameter"]["label"].tolist()
        )
        columns["significance"][frames[:, None], which] = significance
        state = columns["band_status"][frames[:, None], which]
        vague = (state == BandStatus.OK) & ~(significance >= self.keep)
        columns["band_status"][frames[:, None], which] = np.where(vague, BandStatus.VAGUE, state)


def _words(centers: FloatArray, state: NDArray[np.int8]) -> list[str]:
    """What is not as it should be with the bands of a frame."""
    texts = {
        BandStatus.LOST: "no band at {} 1/cm",
        BandStatus.VAGUE: "area not determined at {} 1/cm",
        BandStatus.AT_BOUND: "position or width at its bound at {} 1/cm",
    }
    some = {code: [f"{c:.0f}" for c in centers[state == code]] for code in texts}
    return [texts[code].format(", ".join(at)) for code, at in some.items() if at]


def write(
    columns: dict[str, NDArray[Any]],
    frames: IntArray,
    which: IntArray,
    told: tuple[dict[str, FloatArray], dict[str, FloatArray]],
    fits: Fitted,
    model: BandModel,
) -> None:
    """Write what was told of some bands of some frames into the columns."""
    values, errors = told
    good = fits.converged
    for name, value in values.items():
        columns[name][frames[:, None], which] = np.where(good[:, None], value, np.nan)
        columns[f"{name}_stderr"][frames[:, None], which] = np.where(
            good[:, None], errors[name], np.nan
        )
    state = np.full((len(frames), len(which)), int(BandStatus.OK))
    for k in range(len(which)):
        last = model.first(k + 1) if k + 1 < len(which) else len(model.names) - model.degree - 1
        state[fits.held[:, model.first(k) : last].any(axis=1), k] = BandStatus.AT_BOUND
    state[~good] = BandStatus.NOT_CONVERGED
    columns["band_status"][frames[:, None], which] = state
    coefficients = fits.values[:, len(model.names) - model.degree - 1 :]
    columns["background_poly"][frames] = np.where(good[:, None], coefficients, np.nan)
    for name in ("chi2_reduced", "abbe", "bic", "scaled"):
        columns[name][frames] = np.where(good, getattr(fits, name), np.nan)


def band_labels(count: int) -> list[str]:
    """What bands are called: b01, b02 and so on."""
    return [f"b{k + 1:02d}" for k in range(count)]


def bands_table(plan: BandsPlan, degree: int, parameters: tuple[str, ...]) -> Table:
    """Declare the table of bands, with `parameters` of the fit."""
    unit, per = "1/cm", ("band",)
    columns = (
        Column("center", unit, "where a band is highest", per, stderr=True, headline="position"),
        Column("fwhm", unit, "its full width at half maximum", per, stderr=True),
        Column("height", "counts", "its profile there", per, stderr=True),
        Column("area", "counts/cm", "its integrated intensity", per, stderr=True),
        Column("significance", "", "area over its standard uncertainty", per),
        Column("band_status", "", "code of BandStatus", per, dtype="int8"),
        Column("background_poly", "counts", "coefficients of Chebyshev polynomials", ("term",)),
        PARAMETERS,
        Column("chi2_reduced", "", "sum of squared residuals per degree of freedom"),
        Column("abbe", "", "Abbe criterion of the residuals: 1 for noise, less for structure"),
        Column("scaled", "", "factor by which what the fit leaves behind widened uncertainties"),
        Column("bic", "", "Bayesian information criterion"),
    )
    coords = {
        "band": {
            "label": np.array(band_labels(len(plan.centers))),
            "start": plan.centers,
            "assignment": np.array(plan.assignments, dtype=str),
        },
        "term": {"order": np.arange(degree + 1)},
        "parameter": {"label": np.array(parameters)},
    }
    return Table("bands", columns, coords, default="center")
