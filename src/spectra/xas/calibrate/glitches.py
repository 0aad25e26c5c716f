"""`xas.Deglitch`: single odd points, by the curve around them and by the neighbouring frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from spectra.despiking import Despiking
from spectra.settings import setting
from spectra.stack import Stack
from spectra.xas.calibrate.frames import load_spectra


@dataclass(frozen=True, kw_only=True)
class Deglitch(Despiking):
    """Find odd points of each spectrum and replace them, with a record of every one.

    A point (or up to `width` neighbouring ones) is odd if it stands off the cubic through the
    eleven points around by more than `threshold` times the noise of the spectrum further around
    (a running median, as in Hampel's filter), and by more than `contrast` times what is left of
    those eleven points when it is taken out. The second condition keeps pre-edge peaks and white
    lines, which no cubic follows whatever point is left out. The two points at either end of an
    axis are left alone.

    With `neighbours`, what the spectra before and after it have in common with a spectrum (their
    median, brought to its scale and offset) is subtracted first: little but noise is left, and
    glitches wider than a point come within reach. Glitches of the monochromator, which all
    spectra of a sequence share, cancel in this and are not found.

    A replaced point takes the cubic's value; its standard uncertainty becomes that of its
    distance from the cubic, so that it never counts more than a measured one. Frames that are
    marked already are left alone. Adds the variable ``glitches``, points replaced.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> energy = np.arange(5400.0, 5600.0, 0.5)
    >>> mu = 1 / (1 + np.exp(-(energy - 5465) / 2)) + np.random.default_rng(0).normal(0, 0.001, 400)
    >>> mu[300] += 0.1
    >>> stack = Stack.from_arrays(energy, mu, axis_name="energy", axis_unit="eV", quantity="mu")
    >>> Deglitch()(stack).variables["glitches"].values.tolist()
    [1.0]
    """

    name: ClassVar[str] = "xas.Deglitch"

    channel: str = setting("", "channel that is mended; empty mends the signal")

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        what = f" of {self.channel}" if self.channel else ""
        return self.take_out(load_spectra(stack, self.name), self.channel).told(
            "glitches",
            "odd points replaced",
            lambda n, x: (
                f"{n} odd point{'s' if n > 1 else ''}{what} replaced, the first at {x:.2f} eV"
            ),
        )
