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
from spectra.raman.carbon_background import CONTRADICTED, gain_of_more_degrees
from spectra.raman.carbon_fits import RATIOS, Tried
from spectra.raman.carbon_models import MODELS, carbon_model
from spectra.raman.carbon_table import carbon_table
from spectra.raman.curves import plain_model
from spectra.raman.frames import check_laser, check_window, laser_of
from spectra.raman.series import FURTHER, Series, fitted_points
from spectra.results import Results, Table
from spectra.settings import setting
from spectra.status import Status

if TYPE_CHECKING:
    from spectra.stack import Stack

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


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

    Every model is fitted on polynomial backgrounds of all degrees in `degree`, of which Akaike's
    criterion chooses one; how far the other degrees' ratios lie off, by their weights, is added to
    the uncertainty in quadrature (``ratio_area_background``), and so it is with all that is told
    of the bands. A single degree stays what it is. Where the residuals ask for degrees beyond the
    highest, the message says so (``background_gain``).

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
    degree: tuple[int, ...] = setting(
        (1, 2, 3, 4), "degrees of the background to choose from; one fixes it", within="-1 to 6"
    )
    keep: float = setting(3.0, "smallest area over uncertainty of every band", within="> 0")
    laser: float = setting(0.0, "wavelength of the laser; 0: what the stack says", unit="nm")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_window(self.name, self.window)
        allowed = {"bands": (set(MODELS), "2, 3, 4, 5"), "degree": (set(range(-1, 7)), "-1 to 6")}
        for name, (known, said) in allowed.items():
            some = getattr(self, name)
            if not some or len(set(some)) < len(some) or not set(some) <= known:
                raise SettingError(
                    f"{self.name}: {name} = {some!r}; expected some of {said}, none twice"
                )
        if not self.keep > 0:
            raise SettingError(f"{self.name}: keep = {self.keep}; expected > 0")
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
        """The model of 2, 3, 4 or 5 bands over some points, its background of highest degree."""
        return self._models(bands, x)[-1]

    def _models(self, bands: int, x: FloatArray) -> list[BandModel]:
        shapes, ends = (self.profile_d, self.profile_g), (float(x[0]), float(x[-1]))
        return [carbon_model(bands, shapes, degree, *ends) for degree in sorted(self.degree)]

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
        tried = [
            Tried.of(self._models(bands, series.x), series, self.keep, plan.laser)
            for bands in self.bands
        ]
        good = np.stack([t.determined for t in tried], axis=1)
        bic = np.stack([t.evidence for t in tried], axis=1)
        best = np.where(good, bic, np.inf).argmin(axis=1)
        frames = series.rows
        columns["model_bic"][frames] = np.where(np.isfinite(bic), bic, np.nan)
        columns["model_determined"][frames] = good
        told = good.any(axis=1)
        for name in RATIOS:
            every = np.stack([t.values[name] for t in tried], axis=1)
            change = np.where(told, _farthest_better(every, bic, best), np.nan)
            columns[f"{name}_models"][frames] = change
        names = self.model(max(self.bands), series.x).names
        for m, one in enumerate(tried):
            rows = np.flatnonzero(told & (best == m))
            model = self.model(one.bands, series.x)
            one.write(columns, frames, rows, model, names)
            gain = gain_of_more_degrees(series.take(rows), model, one.widest.take(rows))
            columns["background_gain"][frames[rows]] = gain
            status[frames[rows]] = one.fits.status[rows]
        _widen(columns, frames)
        status[frames[~told]] = Status.LOST
        for row, frame in enumerate(frames.tolist()):
            said = _reason(tried, row, best[row], bic[row].argmin())
            further = float(columns["background_gain"][frame])
            doubt = _contradiction(tried[best[row]].bands, max(self.degree), further)
            messages[frame] = "; ".join(filter(None, (messages[frame], said, doubt)))


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


def _contradiction(bands: int, degree: int, gain: float) -> str:
    """What is said of bands on a background that the data contradict."""
    if not gain > CONTRADICTED:
        return ""
    return (
        f"the data contradict {bands} bands on a background of degree {degree}: {FURTHER} degrees "
        f"more would lessen χ² by {gain:.0f}"
    )


def _reason(tried: list[Tried], row: int, best: int, evident: int) -> str:
    """Why nothing is told of a row, or not the model that fits best."""
    if not tried[best].determined[row]:
        return "; ".join(f"{t.bands} bands: {t.reasons[row]}" for t in tried)
    if evident == best:
        return ""
    other = tried[evident]
    return f"{other.bands} bands would fit better, but are not determined: {other.reasons[row]}"


def _widen(columns: dict[str, NDArray[Any]], frames: IntArray) -> None:
    """Add to the uncertainties what the choice of a model is worth."""
    for by, size in (("height", "size_tuinstra_koenig"), ("area", "size_cancado")):
        ratio, error = columns[f"ratio_{by}"][frames], columns[f"ratio_{by}_stderr"][frames]
        error = np.hypot(error, columns[f"ratio_{by}_models"][frames])
        columns[f"ratio_{by}_stderr"][frames] = error
        columns[f"{size}_stderr"][frames] = columns[size][frames] * error / ratio
