"""`raman.Despike`: cosmic rays, by the curve around them and by repeats or neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from spectra.corrected import errors_of, remark, usable, with_errors
from spectra.correction import Correction
from spectra.errors import SettingError, StackError
from spectra.fit.spikes import POINTS, SpikeFinder
from spectra.raman.frames import load_spectra, signal_of
from spectra.settings import setting
from spectra.stack import Stack, Variable


@dataclass(frozen=True, kw_only=True)
class Despike(Correction):
    """Find what cosmic rays left in each spectrum and replace it, with a record of every point.

    Up to `width` neighbouring points are a cosmic ray if all of them stand above the cubic
    through the eleven points around, by more than `threshold` times the noise further around and
    `contrast` times what is left when they are taken out (`spectra.fit.spikes.SpikeFinder`):
    bands, which no cubic follows, stay, as long as they are wider than `width` points. Within a
    dozen points of the ends of the axis, where the noise further around is known from one side,
    a ray may be missed, as it may on the flank of a sharp band.

    With `neighbours`, the median of the spectra before and after, brought to a spectrum's scale
    and offset, is subtracted first: repeats, or neighbours in a map or series. Bands cancel, so
    that rays on top of them, and sharp bands beside them, are told apart.

    A replaced point takes the cubic's value; where uncertainties are known, its own becomes that
    of its distance from the cubic. Frames that are marked already are left alone. Adds the
    variable ``cosmic_rays``, points replaced.
    """

    name: ClassVar[str] = "raman.Despike"

    threshold: float = setting(
        8.0, "times the noise by which points must stand out", within="3 or more"
    )
    contrast: float = setting(
        6.0, "times what is left of the curve around without them", within="2 or more"
    )
    width: int = setting(2, "largest number of neighbouring points", within="1 to 4")
    neighbours: int = setting(
        0, "frames before and after that a spectrum is compared with; 0 takes it by itself"
    )
    replace: Literal["cubic", "nan"] = setting(
        "cubic", "what the points become: values of the cubic around, or nothing"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.threshold >= 3:
            raise SettingError(f"{self.name}: threshold = {self.threshold!r}; expected 3 or more")
        if not self.contrast >= 2:
            raise SettingError(f"{self.name}: contrast = {self.contrast!r}; expected 2 or more")
        if not 1 <= self.width <= 4:
            raise SettingError(f"{self.name}: width = {self.width!r}; expected 1 to 4 points")
        if self.neighbours < 0:
            raise SettingError(
                f"{self.name}: neighbours = {self.neighbours!r}; expected 0 or more frames"
            )
        if self.replace not in ("cubic", "nan"):
            raise SettingError(f"{self.name}: replace = {self.replace!r}; expected cubic or nan")

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = load_spectra(stack, self.name)
        if full.n_points < POINTS:
            raise StackError(f"{self.name}: {full.n_points} points; expected {POINTS} or more")
        spectra, errors = signal_of(full), errors_of(full)
        finder = SpikeFinder(self.threshold, self.contrast, self.width, upward=True)
        mended, spread = finder.take_out(full.x, spectra, usable(full), self.neighbours)
        odd = spread > 0
        new = np.where(odd, np.nan, mended) if self.replace == "nan" else mended
        corrected = replace(full, signal=new)
        if errors is not None and odd.any():
            corrected = with_errors(corrected, np.where(odd, np.hypot(errors, spread), errors))
        counts = odd.sum(axis=1)
        remarks = {
            i: f"{counts[i]} points of cosmic rays replaced, the first at "
            f"{full.x[np.argmax(odd[i])]:.1f} 1/cm"
            for i in np.flatnonzero(counts).tolist()
        }
        changed = [
            {
                "frame": frame,
                "raman_shift": float(full.x[point]),
                "before": float(spectra[frame, point]),
                "after": None if self.replace == "nan" else float(new[frame, point]),
            }
            for frame, point in np.argwhere(odd).tolist()
        ]
        counted = Variable(counts.astype(float), "", "points of cosmic rays replaced")
        return remark(corrected, remarks).with_variables(cosmic_rays=counted), {"changed": changed}
