"""`raman.Despike`: cosmic rays, by the curve around them and by repeats or neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from spectra.despiking import Despiking
from spectra.raman.frames import load_spectra
from spectra.settings import setting
from spectra.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Despike(Despiking):
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

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> shift = np.arange(200.0, 1000.0, 2.0)
    >>> band = 500 / (1 + ((shift - 520) / 6) ** 2)
    >>> y = band + np.random.default_rng(0).normal(100, 1, len(shift))
    >>> y[300] += 400
    >>> stack = Stack.from_arrays(
    ...     shift, y, axis_name="raman_shift", axis_unit="1/cm")
    >>> Despike()(stack).variables["cosmic_rays"].values.tolist()
    [1.0]
    """

    name: ClassVar[str] = "raman.Despike"
    upward: ClassVar[bool] = True

    threshold: float = setting(
        8.0, "times the noise by which points must stand out", within="3 or more"
    )

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        taken = self.take_out(load_spectra(stack, self.name))
        return taken.told(
            "cosmic_rays",
            "points of cosmic rays replaced",
            lambda n, x: f"{n} points of cosmic rays replaced, the first at {x:.1f} 1/cm",
        )
