"""`xas.DeadTime`: counts that a detector lost while it was busy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw

from spectra.correction import Correction
from spectra.errors import SettingError
from spectra.settings import setting
from spectra.stack import Stack
from spectra.xas.calibrate.frames import (
    errors_of,
    load_spectra,
    remark,
    signal_of,
    usable,
    with_errors,
)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class DeadTime(Correction):
    """True counts n from recorded counts m and the dead time τ per event.

    A non-paralyzable detector ignores what comes while it is busy, m = n/(1 + nτ), so
    n = m/(1 − mτ). A paralyzable one is kept busy by it, m = n·exp(−nτ), so
    n = −W₀(−mτ)/τ with Lambert's function, on the branch below the largest recordable rate
    1/(eτ). Rates are per second. Source: G. F. Knoll, Radiation Detection and Measurement, 4th
    ed. (Wiley, 2010), ch. 4.VII.

    Where the signal is counts, its uncertainty is that of counting with a dead time: recorded
    counts M scatter less than Poisson's, by var M = M(1 − mτ)² without paralysis and
    var M = M(1 − 2mτ) with it (J. W. Müller, Nucl. Instrum. Methods 112 (1973) 47, for many
    counts); given uncertainties are propagated by dn/dm.

    With `rates` another channel tells how busy the detector was (all counts of the detector,
    while the signal is those of one line), and signal and channel are both raised by n/m.
    Points at or beyond the largest recordable rate become NaN, with a message; a frame without
    any other point is marked ``bad_input``.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> energy = np.arange(5400.0, 5600.0, 0.5)
    >>> rate = np.full(len(energy), 1e5)
    >>> stack = Stack.from_arrays(
    ...     energy, rate / (1 + rate * 1e-6), axis_name="energy", axis_unit="eV", quantity="mu")
    >>> DeadTime(dead_time=1e-6)(stack).signal[0, :2].round().tolist()
    [100000.0, 100000.0]
    """

    name: ClassVar[str] = "xas.DeadTime"

    dead_time: float = setting(0.0, "time that the detector is busy per event", unit="s")
    model: Literal["nonparalyzable", "paralyzable"] = setting(
        "nonparalyzable", "whether events during the dead time prolong it"
    )
    count_time: float = setting(
        1.0, "time that each point was counted for; 1 where the data are rates", unit="s"
    )
    rates: str = setting("", "channel of all that the detector recorded; empty is the signal")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.dead_time < 1:
            raise SettingError(
                f"{self.name}: dead_time = {self.dead_time!r}; expected seconds above 0, "
                "such as 1e-6"
            )
        if self.model not in ("nonparalyzable", "paralyzable"):
            raise SettingError(
                f"{self.name}: model = {self.model!r}; expected nonparalyzable or paralyzable"
            )
        if not self.count_time > 0:
            raise SettingError(
                f"{self.name}: count_time = {self.count_time!r}; expected seconds above 0"
            )

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = load_spectra(stack, self.name)
        good = usable(full)[:, None]
        busy = signal_of(full, self.rates) * self.dead_time / self.count_time
        busy = np.where(good, busy, 0.0)
        raised, slope = true_over_recorded(busy, self.model)
        measured = np.asarray(full.signal)
        channels = dict(full.channels)
        if self.rates:
            channels[self.rates] = np.asarray(channels[self.rates]) * raised
        corrected = replace(full, signal=measured * raised, channels=channels)
        corrected = with_errors(corrected, self._errors(full, busy, raised, slope))
        lost = np.isnan(raised) & np.isfinite(busy)
        return self._told(corrected, lost), {
            "points_saturated": int(lost.sum()),
            "largest_factor": float(np.nanmax(raised)) if np.isfinite(raised).any() else None,
        }

    def _errors(
        self, stack: Stack, busy: FloatArray, raised: FloatArray, slope: FloatArray
    ) -> FloatArray | None:
        errors = errors_of(stack)
        if errors is None:
            return None
        if self.rates:
            # The rate of the whole detector is known far better than the counts of one line.
            return errors * raised
        if stack.noise == "counts":
            prolonged = self.model == "paralyzable"
            idle = np.sqrt(np.maximum(1 - 2 * busy, 0)) if prolonged else 1 - busy
            errors = errors * idle
        return errors * slope

    def _told(self, stack: Stack, lost: NDArray[np.bool_]) -> Stack:
        counts, known = lost.sum(axis=1), np.isfinite(np.asarray(stack.signal)).any(axis=1)
        limit = "1/τ" if self.model == "nonparalyzable" else "1/(eτ)"
        remarks = {
            i: f"{counts[i]} points recorded at or above the largest rate {limit}"
            for i in np.flatnonzero(counts).tolist()
        }
        nothing = {i: text for i, text in remarks.items() if not known[i]}
        rest = {i: text for i, text in remarks.items() if known[i]}
        return remark(remark(stack, rest), nothing, bad=True)


def true_over_recorded(busy: FloatArray, model: str) -> tuple[FloatArray, FloatArray]:
    """True over recorded rate n/m, and the slope dn/dm.

    Parameters
    ----------
    busy : array
        Recorded rate times dead time, mτ.
    model : {"nonparalyzable", "paralyzable"}

    Returns
    -------
    ratio, slope : array
        NaN at and beyond the largest rate that the detector can record.
    """
    limit = 1.0 if model == "nonparalyzable" else float(np.exp(-1.0))
    mt = np.where(np.isfinite(busy) & (busy < limit), busy, np.nan)
    if model == "nonparalyzable":
        return 1 / (1 - mt), 1 / (1 - mt) ** 2
    known: FloatArray = np.asarray(np.nan_to_num(mt), dtype=np.float64)
    nt: FloatArray = np.asarray(-lambertw(-known, 0).real, dtype=np.float64)
    ratio = np.exp(nt)
    slope = ratio / (1 - nt)
    return np.where(np.isnan(mt), np.nan, ratio), np.where(np.isnan(mt), np.nan, slope)
