"""`xps.Flatten`: spectra as an analyser of even transmission would have seen them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from spectra.corrected import remark, usable, with_errors
from spectra.correction import Correction
from spectra.errors import StackError
from spectra.fit.uncertainty import point_sigma
from spectra.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Flatten(Correction):
    """Divide spectra by their transmission over that in the middle of the axis.

    For wide windows, over which the transmission of the channel ``transmission`` changes. It is
    not needed where that is a percent or two: `xps.Quantify` divides areas by the transmission at
    their lines, and counts keep their Poisson likelihood. What is divided is no count any more:
    its standard uncertainties, the roots of the counts' running means over seven points, are
    divided alike, and weigh it from now on. The transmission in the middle stays to be divided by.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> energy = np.linspace(280, 540, 261)
    >>> transmission = energy / 400
    >>> counts = np.rint(1000 * transmission)
    >>> stack = Stack.from_arrays(
    ...     energy, counts, noise="counts", axis_name="binding_energy",
    ...     channels={"transmission": transmission[None]})
    >>> flat = Flatten()(stack)
    >>> bool(np.ptp(flat.signal) < 0.01 * np.ptp(stack.signal))
    True
    """

    name: ClassVar[str] = "xps.Flatten"

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        """The spectra divided, with their uncertainties."""
        if "transmission" not in stack.channels:
            raise StackError(
                f"{self.name}: the stack has no channel 'transmission', only "
                f"{', '.join(stack.channels) or 'none'}; files of VAMAS and SPECS may hold one. "
                "Leave the correction out"
            )
        full = stack.load()
        passed = np.asarray(full.channel("transmission"))
        passed = np.where(passed > 0, passed, np.nan)
        middle = passed[:, [full.n_points // 2]]
        relative = passed / middle
        signal = np.asarray(full.signal)
        errors = None
        if full.noise != "unknown":
            given = None if full.errors is None else np.asarray(full.errors)
            errors = point_sigma(signal, given, full.noise) / relative
        channels = {**full.channels, "transmission": np.broadcast_to(middle, passed.shape).copy()}
        flat = with_errors(replace(full, signal=signal / relative, channels=channels), errors)
        lost = np.flatnonzero(~np.isfinite(relative).any(axis=1) & usable(full))
        told = relative[np.isfinite(relative)]
        remarks = dict.fromkeys(lost.tolist(), "no transmission above 0")
        return remark(flat, remarks, bad=True), {
            "smallest": float(told.min()) if told.size else None,
            "largest": float(told.max()) if told.size else None,
        }
