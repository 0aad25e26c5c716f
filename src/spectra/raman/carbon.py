"""`Carbon`: the D and G bands of carbon, and what their ratio says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.fit.bands import BandModel
from spectra.fit.lineshapes import get_profile
from spectra.method import Method
from spectra.raman.carbon_models import (
    GREEN,
    LABELS,
    LINES,
    MODELS,
    VISIBLE,
    carbon_model,
    ratio_and_variance,
    size_cancado,
    size_tuinstra_koenig,
    starting_bands,
)
from spectra.raman.curves import PARAMETERS, plain_model
from spectra.raman.frames import check_laser, check_window, laser_of
from spectra.raman.model import bounded_params, initial, starts_of
from spectra.raman.series import Fitted, Series, fitted_points
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.status import Status

if TYPE_CHECKING:
    from spectra.stack import Stack

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# Uncertainty of a ratio, relative, beyond which it is not determined.
_VAGUE = 0.5


@dataclass(frozen=True)
class CarbonPlan:
    """What all blocks share: the fitted points (points,), and the laser line in nm or NaN."""

    inside: BoolArray
    laser: float


@dataclass(frozen=True, kw_only=True)
class Carbon(Method):
    """Fit the D and G bands of carbon with their background, and tell I_D/I_G.

    Models of two bands (D, G), three (and D3), four (and D4) and five (and D2) are fitted to every
    frame. A model is determined if its fit converged, no parameter stands on a bound, every band's
    area is `keep` times its uncertainty, and the ratio is known to better than a half; of those
    that are the one with the least Bayesian information criterion is told. Where none is, nothing
    is quoted: the frame is LOST, with the reason. A model that fits better but is not determined
    is mentioned in the message, and how far its ratio lies off is added to the uncertainty in
    quadrature, and told (``ratio_area_models``): what the choice of a model is worth.

    Uncertainties hold the covariances of all parameters, the background's included, and are
    widened where residuals are correlated; never subtract a baseline first. Ratios from different
    models are not to be compared without what their choice is worth: I_D/I_G of two bands counts
    what others call D3 and D4. Sizes L_a hold for the relation they are named after;
    its own uncertainty is not part of theirs.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> x = np.arange(900.0, 1900.0, 2.0)
    >>> y = 200 + 900 / (1 + ((x - 1350) / 60) ** 2) + 1000 / (1 + ((x - 1585) / 35) ** 2)
    >>> stack = Stack.from_arrays(
    ...     x, np.rint(y), noise="counts", axis_name="raman_shift", axis_unit="1/cm")
    >>> Carbon()(stack)["ratio_height"].round(2).tolist()
    [0.9]
    """

    name: ClassVar[str] = "raman.Carbon"
    block_size: ClassVar[int] = 512

    window: tuple[()] | tuple[float, float] = setting(
        (900.0, 1900.0), "Raman shifts fitted", unit="1/cm"
    )
    bands: tuple[int, ...] = setting((2, 3, 4, 5), "models to choose from", within="2, 3, 4, 5")
    profile_d: str = setting("lorentzian", "line shape of D")
    profile_g: str = setting("lorentzian", "line shape of G, e.g. breit_wigner_fano")
    degree: int = setting(1, "degree of the background", within="-1 to 4")
    keep: float = setting(3.0, "smallest area over uncertainty of every band", within="> 0")
    laser: float = setting(0.0, "wavelength of the laser; 0: what the stack says", unit="nm")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_window(self.name, self.window)
        twice = len(set(self.bands)) < len(self.bands)
        if not self.bands or twice or not set(self.bands) <= set(MODELS):
            raise SettingError(
                f"{self.name}: bands = {self.bands!r}; expected some of 2, 3, 4, 5, none twice"
            )
        if not -1 <= self.degree <= 4 or not self.keep > 0:
            raise SettingError(
                f"{self.name}: degree = {self.degree}, keep = {self.keep}; expected -1 to 4, > 0"
            )
        check_laser(self.name, self.laser)
        for name in ("profile_d", "profile_g"):
            with self.naming(name):
                get_profile(getattr(self, name))

    def prepare(self, source: Stack) -> CarbonPlan:
        """Cut the window.

        Raises
        ------
        StackError
            If the axis is not one of Raman shifts, too few points lie in the window, or the
            laser that the metadata state is none.
        """
        inside = fitted_points(source, self.window, self.name)
        return CarbonPlan(inside, self.laser or laser_of(source, self.name) or np.nan)

    def table(self, plan: CarbonPlan) -> Table:
        """Declare the table."""
        return carbon_table(self.bands, self.model(max(self.bands), np.array([0.0, 1.0])).names)

    def model(self, bands: int, x: FloatArray) -> BandModel:
        """The model of 2, 3, 4 or 5 bands over some points."""
        shapes = (self.profile_d, self.profile_g)
        return carbon_model(bands, shapes, self.degree, float(x[0]), float(x[-1]))

    def fit(self, block: Stack, plan: CarbonPlan) -> Results:
        """Fit every frame of a block with every model, and choose."""
        series = Series.of(block, plan.inside)
        table = self.table(plan)
        columns = table.empty(len(block))
        status, messages = series.status.copy(), list(series.messages)
        if series.rows.size:
            self._choose(series, plan, columns, status, messages)
        attrs = {
            "model": plain_model(self.model(max(self.bands), series.x)),
            "laser": plan.laser,
            "profiles": [self.profile_d, self.profile_g],
            "errors": series.errors,
        }
        return Results(
            *(table, columns, status, tuple(messages), block.names, block.variables, attrs)
        )

    def _choose(
        self,
        series: Series,
        plan: CarbonPlan,
        columns: dict[str, NDArray[Any]],
        status: NDArray[np.int8],
        messages: list[str],
    ) -> None:
        tried = [self._try(series, plan, bands) for bands in self.bands]
        good = np.stack([t.determined for t in tried], axis=1)
        bic = np.stack([t.fits.bic for t in tried], axis=1)
        bic = np.where(np.stack([t.fits.converged for t in tried], axis=1), bic, np.inf)
        best = np.where(good, bic, np.inf).argmin(axis=1)
        frames = series.rows
        columns["model_bic"][frames] = np.where(np.isfinite(bic), bic, np.nan)
        columns["model_determined"][frames] = good
        told = good.any(axis=1)
        for name in ("ratio_height", "ratio_area"):
            every = np.stack([t.values[name] for t in tried], axis=1)
            change = np.where(told, _farthest_better(every, bic, best), np.nan)
            columns[f"{name}_models"][frames] = change
        names = self.model(max(self.bands), series.x).names
        for m, one in enumerate(tried):
            rows = np.flatnonzero(told & (best == m))
            one.write(columns, frames, rows)
            chosen = one.fits.take(rows)
            chosen.write_parameters(columns, frames[rows], self.model(one.bands, series.x), names)
            status[frames[rows]] = one.fits.status[rows]
        _widen(columns, frames)
        status[frames[~told]] = Status.LOST
        for row, frame in enumerate(frames.tolist()):
            said = _reason(tried, row, best[row], bic[row].argmin())
            messages[frame] = "; ".join(filter(None, (messages[frame], said)))

    def _try(self, series: Series, plan: CarbonPlan, bands: int) -> _Tried:
        """Fit a model from several starts and judge whether it is determined."""
        model = self.model(bands, series.x)
        starts = [initial(model, *at) for at in starting_bands(bands, plan.laser)]
        params = bounded_params(model, starts[0], ranges_of(model))
        fits = series.fit(model, params, [starts_of(series, model, start) for start in starts])
        return _Tried.of(bands, model, fits, self.keep, plan.laser)


@dataclass(frozen=True)
class _Tried:
    """Fits of one model, what they say, and whether that is determined."""

    bands: int
    fits: Fitted
    values: dict[str, FloatArray]
    errors: dict[str, FloatArray]
    determined: BoolArray
    reasons: list[str]

    @classmethod
    def of(cls, bands: int, model: BandModel, fits: Fitted, keep: float, laser: float) -> _Tried:
        values, slopes = model.quantities(fits.values)
        _, errors = fits.told(model)
        known = np.nan_to_num(fits.cov)
        for name in ("height", "area"):
            value, slope = values[name], slopes[name]
            with np.errstate(all="ignore"):
                ratio, variance = ratio_and_variance(
                    *(value[:, 0], value[:, 1], (slope[:, 0], slope[:, 1]), known)
                )
                values[f"ratio_{name}"] = ratio
                errors[f"ratio_{name}"] = np.sqrt(variance)
        with np.errstate(all="ignore"):
            _add_sizes(values, errors, laser)
            weak = ~(values["area"] >= keep * errors["area"])
            vague = ~(errors["ratio_area"] < _VAGUE * values["ratio_area"])
        reasons = []
        names = MODELS[bands]
        unknown = np.isnan(np.einsum("rii->ri", fits.cov)).any(axis=1)
        converged = fits.converged
        fine = converged & ~(unknown | vague | fits.held.any(axis=1) | weak.any(axis=1))
        for row in range(len(weak)):
            if fine[row]:
                reasons.append("")
                continue
            held = [model.names[p] for p in np.flatnonzero(fits.held[row])]
            texts = [] if converged[row] else ["not converged"]
            texts += ["parameters imitate one another"] if unknown[row] else []
            texts += [f"{', '.join(held)} at a bound"] if held else []
            faint = [names[k] for k in np.flatnonzero(weak[row])]
            texts += [f"{', '.join(faint)} not significant"] if faint else []
            texts += ["the ratio is vague"] if vague[row] and not faint else []
            reasons.append(", ".join(texts))
        return cls(bands, fits, values, errors, fine, reasons)

    def write(self, columns: dict[str, NDArray[Any]], frames: IntArray, rows: IntArray) -> None:
        """Write what was found of some rows."""
        at = frames[rows]
        which = np.array([LABELS.index(n) for n in MODELS[self.bands]])
        for name, value in self.values.items():
            error = self.errors[name]
            place = (at[:, None], which) if value.ndim == 2 else (at,)
            columns[name][place] = value[rows]
            columns[f"{name}_stderr"][place] = error[rows]
        columns["n_bands"][at] = self.bands
        for name in ("chi2_reduced", "abbe", "scaled"):
            columns[name][at] = getattr(self.fits, name)[rows]


def _farthest_better(every: FloatArray, bic: FloatArray, best: IntArray) -> FloatArray:
    """How far at most what better models say lies off what the chosen one says (rows,).

    Parameters
    ----------
    every, bic : array (rows, models)
    best : int array (rows,)
        The chosen one.
    """
    row = np.arange(len(best))
    own, chosen = every[row, best], bic[row, best]
    better = (bic < chosen[:, None]) & np.isfinite(every)
    # Bands without any area have ratios that are no numbers.
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(better, np.abs(every - own[:, None]), 0.0).max(axis=1))


def _reason(tried: list[_Tried], row: int, best: int, evident: int) -> str:
    """Why nothing is told of a row, or not the model that fits best."""
    if not tried[best].determined[row]:
        return "; ".join(f"{t.bands} bands: {t.reasons[row]}" for t in tried)
    if evident == best:
        return ""
    other = tried[evident]
    return f"{other.bands} bands would fit better, but are not determined: {other.reasons[row]}"


def _add_sizes(values: dict[str, FloatArray], errors: dict[str, FloatArray], laser: float) -> None:
    """Crystallite sizes where the laser line allows them."""
    by_height, by_area = values["ratio_height"], values["ratio_area"]
    green = GREEN[0] <= laser <= GREEN[1]
    visible = VISIBLE[0] <= laser <= VISIBLE[1]
    sizes = {
        "size_tuinstra_koenig": (size_tuinstra_koenig(by_height), "ratio_height", green),
        "size_cancado": (size_cancado(by_area, laser), "ratio_area", visible),
    }
    for name, (size, ratio, holds) in sizes.items():
        values[name] = np.where(holds, size, np.nan)
        errors[name] = values[name] * errors[ratio] / values[ratio]


def _widen(columns: dict[str, NDArray[Any]], frames: IntArray) -> None:
    """Add to the uncertainties what the choice of a model is worth."""
    for by, size in (("height", "size_tuinstra_koenig"), ("area", "size_cancado")):
        ratio, error = columns[f"ratio_{by}"][frames], columns[f"ratio_{by}_stderr"][frames]
        error = np.hypot(error, columns[f"ratio_{by}_models"][frames])
        columns[f"ratio_{by}_stderr"][frames] = error
        columns[f"{size}_stderr"][frames] = columns[size][frames] * error / ratio


def ranges_of(model: BandModel) -> dict[str, tuple[float, float]]:
    """Where centres and widths (1/cm) of a model's bands may lie, by parameter."""
    ranges = {}
    for k, (label, _) in enumerate(model.bands):
        line = LINES[label]
        ranges[f"{label}_center"] = line.centers
        for name in model.profile(k).shape_names:
            if name.startswith("fwhm"):
                ranges[f"{label}_{name}"] = line.widths
    return ranges


def carbon_table(models: tuple[int, ...], parameters: tuple[str, ...]) -> Table:
    """Declare the table of D and G bands, with `parameters` of the largest model."""
    unit, per, each = "1/cm", ("band",), ("model",)
    columns = (
        Column("ratio_height", "", "I_D/I_G of heights", stderr=True, headline="I_D/I_G"),
        Column("ratio_area", "", "I_D/I_G of areas", stderr=True, headline="A_D/A_G"),
        Column(
            "ratio_height_models", "", "part of its uncertainty: change in models that fit better"
        ),
        Column(
            "ratio_area_models", "", "part of its uncertainty: change in models that fit better"
        ),
        Column(
            "size_tuinstra_koenig",
            "nm",
            "L_a by Tuinstra and Koenig from heights, for lasers of 480 to 540 nm",
            stderr=True,
            headline="L_a (Tuinstra–Koenig)",
        ),
        Column(
            "size_cancado",
            "nm",
            "L_a by Cancado et al. from areas, for lasers of 400 to 700 nm",
            stderr=True,
            headline="L_a (Cançado)",
        ),
        Column("n_bands", "", "bands of the model that was chosen").as_int(),
        Column("center", unit, "where a band is highest", per, stderr=True, headline="position"),
        Column("fwhm", unit, "its full width at half maximum", per, stderr=True),
        Column("height", "counts", "its profile there", per, stderr=True),
        Column("area", "counts/cm", "its integrated intensity", per, stderr=True),
        PARAMETERS,
        Column("model_bic", "", "Bayesian information criterion of each model", each),
        Column("model_determined", "", "whether the data determine it", each, dtype="int8"),
        Column("chi2_reduced", "", "sum of squared residuals per degree of freedom"),
        Column("abbe", "", "Abbe criterion of the residuals: 1 for noise, less for structure"),
        Column("scaled", "", "factor by which what the fit leaves behind widened uncertainties"),
    )
    coords = {
        "band": {"label": np.array(LABELS)},
        "model": {"bands": np.array(models)},
        "parameter": {"label": np.array(parameters)},
    }
    return Table("carbon", columns, coords, default="ratio_area")
