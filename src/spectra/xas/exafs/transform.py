"""`FourierTransform`: χ(k) to complex χ(R), its noise, and its highest peak in a range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.results import Column, Results, Table
from spectra.settings import A_FILE, setting
from spectra.stack import Stack
from spectra.xas.exafs.fourier import N_FFT, r_grid
from spectra.xas.exafs.high_r import high_r_points, part_level, waves_to
from spectra.xas.exafs.kmethod import KBlock, KMethod, KPlan, used_points
from spectra.xas.exafs.phases import PHASES, phase_at
from spectra.xas.exafs.screening import needed_points, title_of
from spectra.xas.exafs.summits import SummitFinder
from spectra.xas.exafs.windows import make_window
from spectra.xas.polynomials import products

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_ROOT_PI = float(np.sqrt(np.pi))
_K_WEIGHTS = (0, 1, 2, 3)


@dataclass(frozen=True)
class KeptTransform:
    """The transform of one k-weight to those R alone that are kept, and to some at high R.

    For few R a product of matrices is faster than a transform to all.

    Attributes
    ----------
    weight : array (points,)
        |k^w Ω(k)| of the points of the window.
    waves : array (points, 2·(R + high R))
        Real parts of all R, then imaginary ones, of what χ(k) is to be multiplied by.
    finder : SummitFinder
    """

    weight: FloatArray
    waves: FloatArray
    finder: SummitFinder

    def __call__(self, chi: FloatArray, points: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Real and imaginary parts (frames, R) of χ(R), and the level at high R (frames,)."""
        parts = products(chi, self.waves)
        half = parts.shape[1] // 2
        real, imag = parts[:, :half], parts[:, half:]
        square = np.square(real[:, points:]) + np.square(imag[:, points:])
        return real[:, :points], imag[:, :points], np.sqrt(0.5 * square.mean(axis=1))


@dataclass(frozen=True, kw_only=True)
class TransformPlan(KPlan):
    """What holds for all frames; the weight is the window.

    Attributes
    ----------
    transforms : tuple of KeptTransform
        One for each k-weight.
    """

    transforms: tuple[KeptTransform, ...]


@dataclass(frozen=True, kw_only=True)
class FourierTransform(KMethod):
    """Fourier transforms of χ(k), for one or several k-weights.

    χ(R) = δk/√π Σ χ(k) k^w Ω(k) exp(−2ikR): the numbers of Larch's ``xftf`` for the same
    window and range (`spectra.xas.exafs.fourier.forward`).

    Parameters
    ----------
    k_weight : tuple of int
        Columns have one entry for each.
    k_range, window, taper, noise_range, noise
        As in `KMethod`.
    r_range : (low, high)
        Where the highest peak of the magnitude is looked for, between the points of the grid
        (`SummitFinder`). A peak at its ends is none.
    phase : str
        A feffNNNN.dat whose phase is taken off before the transform (`phase_at`); distances
        then need no shift, and r_range is theirs too.
    phase_of : {"path", "absorber"}
        The whole phase of the path, or the absorber's alone.

    Notes
    -----
    ``attrs["n_idp"]`` is 2ΔkΔR/π, the number of independent points of k_range and r_range,
    without the 1 that Larch or the 2 that E. A. Stern (Phys. Rev. B 48 (1993) 9825) adds.

    Examples
    --------
    >>> k = 0.05 * np.arange(301)
    >>> chi = np.sin(2 * 2.0 * k) * np.exp(-0.01 * k**2)
    >>> stack = Stack.from_arrays(k, chi, axis_name="k", axis_unit="1/angstrom", quantity="chi")
    >>> FourierTransform(k_weight=(2,))(stack)["peak_r"].round(3).tolist()
    [[2.0]]
    """

    name: ClassVar[str] = "xas.FourierTransform"
    block_size: ClassVar[int] = 384

    k_weight: tuple[int, ...] = setting((2,), "exponents of k", within="0, 1, 2, 3")
    r_max: float = setting(10.0, "highest R that is kept", unit="angstrom", within="> 0")
    r_range: tuple[float, float] = setting(
        (1.0, 3.0), "where the highest peak is looked for", unit="angstrom"
    )
    phase: str = setting("", "feffNNNN.dat whose phase is taken off", files=A_FILE)
    phase_of: str = setting("path", "whose phase of it", within=", ".join(PHASES))

    def __post_init__(self) -> None:
        super().__post_init__()
        given: Any = self.k_weight
        weights = (given,) if isinstance(given, int | float) else tuple(given)
        if not weights or len(set(weights)) < len(weights) or set(weights) - set(_K_WEIGHTS):
            raise SettingError(
                f"{self.name}: k_weight = {given!r}; expected some of "
                f"{', '.join(map(str, _K_WEIGHTS))}"
            )
        object.__setattr__(self, "k_weight", tuple(int(w) for w in weights))
        super().__post_init__()
        if not self.r_max > 0:
            raise SettingError(f"{self.name}: r_max = {self.r_max!r}; give a positive number")
        if self.r_range[1] > self.r_max:
            raise SettingError(
                f"{self.name}: r_range ends at {self.r_range[1]:g}, beyond r_max = {self.r_max:g}"
            )
        self.one_of("phase_of", PHASES)

    def prepare(self, source: Stack | Results) -> TransformPlan:
        """Make the window, and take the phase from its file.

        Raises
        ------
        StackError
            If the source is no χ(k), or ends before k_range.
        SettingError
            If the grid of k does not tell anything of noise_range, or the path's phase ends
            before the window.
        """
        k = self.grid(source)
        step = float(k[1] - k[0])
        window = make_window(k, *self.k_range, self.taper, self.window)
        used = used_points(window)
        factors: NDArray[Any] = window * k ** np.array(self.k_weight)[:, None]
        if self.phase:
            phase = phase_at(self.phase, self.phase_of, k, float(k[needed_points(window)][-1]))
            factors = factors * np.exp(-1j * phase)
        r = r_grid(step, self.r_max)
        high = high_r_points(self.name, self.noise_range, step, used.stop - used.start)
        waves = waves_to(np.concatenate([np.arange(len(r)), high]), used)
        first, last = np.searchsorted(r, self.r_range).tolist()
        transforms = []
        for factor in factors[:, used]:
            scaled = (step / _ROOT_PI) * factor
            own = scaled[:, None] * waves
            parts = np.hstack([own.real, own.imag])
            near = np.ascontiguousarray(own[:, first:last].T)
            finder = SummitFinder(k[used], scaled, r, first, last, near)
            transforms.append(KeptTransform(np.abs(factor), parts, finder))
        spans = [high - low for low, high in (self.k_range, self.r_range)]
        attrs = {
            "title": title_of(source),
            "k_step": step,
            "n_fft": N_FFT,
            "k_max": float(k[-1]),
            "k_range": list(self.k_range),
            "r_range": list(self.r_range),
            "window": self.window,
            "taper": self.taper,
            "n_idp": 2.0 * spans[0] * spans[1] / np.pi,
            "phase": self.phase,
            "phase_of": self.phase_of if self.phase else "",
        }
        return TransformPlan(
            table=_table(self.k_weight, r),
            weight=window,
            used=used,
            step=step,
            transforms=tuple(transforms),
            attrs=attrs,
        )

    def transform(self, block: KBlock, plan: TransformPlan) -> None:
        """Fill the columns of every k-weight."""
        for i, transform in enumerate(plan.transforms):
            numbers, found = _transformed(transform, block.chi, block.known, plan)
            for name, value in numbers.items():
                block.columns[name][block.rows, i] = value
            low, high = self.r_range
            block.verdicts.note(
                block.rows[~found],
                f"|χ(R)| of k-weight {self.k_weight[i]} has no peak between {low:g} and "
                f"{high:g} angstrom; set r_range",
            )


def _transformed(
    transform: KeptTransform, chi: FloatArray, known: FloatArray | None, plan: TransformPlan
) -> tuple[dict[str, FloatArray], NDArray[np.bool_]]:
    """Columns of one k-weight, and which frames have a peak."""
    real, imag, noise = transform(chi, plan.table.size("r"))
    white = noise / part_level(transform.weight, plan.step)
    columns = {"real": real, "imag": imag, "noise_r": noise, "noise_k": white}
    variance = np.square(white)[:, None]
    if known is not None:
        given = part_level(transform.weight * known, plan.step)
        columns["given_noise_r"] = given
        variance = np.square(np.where(np.isfinite(given)[:, None], known, white[:, None]))
    peak = transform.finder.find(real, imag, chi, variance)
    for name, value in (
        ("peak_r", peak.r),
        ("peak_r_stderr", np.sqrt(peak.r_variance)),
        ("peak_height", peak.height),
        ("peak_height_stderr", np.sqrt(peak.height_variance)),
    ):
        columns[name] = np.where(peak.found, value, np.nan)
    return columns, peak.found


def _table(k_weight: tuple[int, ...], r: FloatArray) -> Table:
    each, both = ("k_weight",), ("k_weight", "r")
    # Its unit is angstrom^-(w + 1), another one for each k-weight.
    columns = (
        Column("peak_r", "angstrom", "position of the highest peak of |χ(R)|", each, stderr=True),
        Column("peak_height", "", "|χ(R)| there, in angstrom^-(k_weight + 1)", each, stderr=True),
        Column("real", "", "real part of χ(R), in angstrom^-(k_weight + 1)", both),
        Column("imag", "", "imaginary part of χ(R), in angstrom^-(k_weight + 1)", both),
        Column("noise_r", "", "standard deviation of both parts, from high R", each),
        Column("given_noise_r", "", "the same from the uncertainties of χ(k)", each),
        Column("noise_k", "", "standard deviation of χ(k), from high R, white in k", each),
    )
    coords = {"k_weight": {"k_weight": np.array(k_weight)}, "r": {"r": r}}
    return Table("transform", columns, coords, "peak_r")
