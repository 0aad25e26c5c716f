"""`BackTransform`: the part of χ(k) that comes from a range of R."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError, SettingError
from spectra.method import Method
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.status import Status
from spectra.xas.exafs.fourier import backward, forward
from spectra.xas.exafs.high_r import part_level
from spectra.xas.exafs.screening import GOOD, check_range
from spectra.xas.exafs.windows import WINDOWS, make_window
from spectra.xas.frames import Verdicts

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class BackPlan:
    """What holds for all frames.

    Attributes
    ----------
    table : Table
    window : array (R,)
    spread : array (2, k_weights, q)
        Standard deviations of the real and imaginary parts of χ(q), for noise that gives the
        parts of χ(R) a standard deviation of 1.
    step : float
        Of k and q (1/angstrom).
    n_fft : int
    attrs : dict
    """

    table: Table
    window: FloatArray
    spread: FloatArray
    step: float
    n_fft: int
    attrs: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class BackTransform(Method):
    """χ(q) from the χ(R) of `FourierTransform` between two R.

    The numbers of Larch's ``xftr``; the real part is what those R contribute to k^w χ(k) Ω(k).
    Uncertainties are those of noise that is white in χ(k), on the level that the transform
    tells (what was given with χ(k), else what high R tells).

    Parameters
    ----------
    r_range, taper, window
        As in `spectra.xas.exafs.windows.make_window`, over R in angstrom.
    q_max : float
        Where χ(q) ends.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> k = 0.05 * np.arange(301)
    >>> chi = np.sin(2 * 2.0 * k) * np.exp(-0.01 * k**2)
    >>> stack = Stack.from_arrays(k, chi, axis_name="k", axis_unit="1/angstrom", quantity="chi")
    >>> from spectra.xas import FourierTransform
    >>> transform = FourierTransform(k_weight=(2,))(stack)
    >>> back = BackTransform(r_range=(1.0, 3.0))(transform)
    >>> bool(np.abs(back["real"]).max() > 0)
    True
    """

    name: ClassVar[str] = "xas.BackTransform"
    block_size: ClassVar[int] = 384

    r_range: tuple[float, float] = setting((1.0, 3.0), "range of R", unit="angstrom")
    window: str = setting("hanning", "shape of the window", within=", ".join(WINDOWS))
    taper: float = setting(0.5, "width of the window's tapers", unit="angstrom", within="≥ 0")
    q_max: float = setting(15.0, "highest q that is kept", unit="1/angstrom", within="> 0")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "r_range", check_range(self.name, "r_range", self.r_range))
        if self.window not in WINDOWS:
            raise SettingError(
                f"{self.name}: window = {self.window!r}; expected {', '.join(WINDOWS)}"
            )
        if not (self.taper >= 0 and self.q_max > 0):
            raise SettingError(f"{self.name}: taper must not be negative, and q_max be positive")

    def prepare(self, source: Results) -> BackPlan:
        """Make the window and see how noise passes it.

        Raises
        ------
        ResultsError
            If the source is not of `FourierTransform`.
        SettingError
            If it holds no χ(R) up to the end of the window.
        """
        if not isinstance(source, Results) or source.table.name != "transform":
            raise ResultsError(f"{self.name} works on the results of xas.FourierTransform")
        if source.attrs.get("phase"):
            raise SettingError(
                f"{self.name}: this χ(R) has the phase of {source.attrs['phase']} taken off, and "
                "what comes back would be no χ(k); transform without `phase`"
            )
        r = np.asarray(source.table.coords["r"]["r"], dtype=float)
        step, n_fft = float(source.attrs["k_step"]), int(source.attrs["n_fft"])
        # Windows are drawn to the points of a grid, all of it.
        whole = (r[1] - r[0]) * np.arange(n_fft)
        window = make_window(whole, *self.r_range, self.taper, self.window)
        if window[len(r) :].max(initial=0.0) > 1e-3:
            raise SettingError(
                f"{self.name}: the window of r_range = [{self.r_range[0]:g}, "
                f"{self.r_range[1]:g}] goes beyond the χ(R) kept, which ends at {r[-1]:.4g} "
                "angstrom; raise r_max of xas.FourierTransform"
            )
        window = window[: len(r)]
        points = int(min(1.05 + self.q_max / step, n_fft / 2))
        weights = np.asarray(source.table.coords["k_weight"]["k_weight"])
        of = source.attrs
        k = np.asarray(step * np.arange(round(of["k_max"] / step) + 1), dtype=float)
        low, high = of["k_range"]
        shape = make_window(k, low, high, of["taper"], of["window"])
        spread = np.array(
            [_spread(shape * k**w, window, step, points, n_fft) for w in weights.tolist()]
        )
        attrs = {"title": of.get("title", ""), "errors": of.get("errors", "")}
        attrs |= {"k_step": step, "r_range": list(self.r_range), "window": self.window}
        table = _table(weights, np.asarray(step * np.arange(points), dtype=float))
        return BackPlan(table, window, np.moveaxis(spread, 1, 0), step, n_fft, attrs)

    def table(self, plan: BackPlan) -> Table:
        """Declare the table."""
        return plan.table

    def fit(self, block: Results, plan: BackPlan) -> Results:
        """Transform every frame of a block back."""
        columns, verdicts = plan.table.empty(len(block)), Verdicts(block)
        chi_r = (block["real"] + 1j * block["imag"]) * plan.window
        finite = np.isfinite(chi_r).all(axis=(1, 2))
        verdicts.mark(np.flatnonzero(~finite), Status.BAD_INPUT, "χ(R) is not a number")
        blank = ~np.abs(chi_r).any(axis=(1, 2))
        verdicts.mark(np.flatnonzero(blank), Status.NO_SIGNAL, "χ(R) is zero at all R")
        rows = np.flatnonzero(finite & ~blank & np.isin(verdicts.status, GOOD))
        points = plan.table.size("q")
        chi_q = backward(chi_r[rows], plan.step, points, plan.n_fft)
        given = block["given_noise_r"][rows]
        noise = np.where(np.isfinite(given), given, block["noise_r"][rows])[:, :, None]
        columns["real"][rows], columns["imag"][rows] = chi_q.real, chi_q.imag
        columns["real_stderr"][rows] = noise * plan.spread[0]
        columns["imag_stderr"][rows] = noise * plan.spread[1]
        return verdicts.results(plan.table, columns, block, plan.attrs)


def _spread(
    weight: FloatArray, window: FloatArray, step: float, points: int, n_fft: int
) -> FloatArray:
    """Standard deviations of the parts of χ(q), (2, q), for parts of χ(R) of 1."""
    chi_r = forward(np.diag(weight), step, len(window), n_fft)
    each = backward(chi_r * window, step, points, n_fft)
    parts = np.array([np.square(each.real).sum(axis=0), np.square(each.imag).sum(axis=0)])
    return np.asarray(np.sqrt(parts) / part_level(weight, step))


def _table(k_weight: NDArray[Any], q: FloatArray) -> Table:
    dims = ("k_weight", "q")
    columns = (
        Column("real", "", "real part of χ(q), in angstrom^-k_weight", dims, stderr=True),
        Column("imag", "", "imaginary part of χ(q), in angstrom^-k_weight", dims, stderr=True),
    )
    coords = {"k_weight": {"k_weight": k_weight}, "q": {"q": q}}
    return Table("back_transform", columns, coords, "real")
