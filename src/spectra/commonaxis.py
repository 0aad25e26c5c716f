"""The variable along which measurements compare, in one unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spectra.stack import Variable
from spectra.units import convert, is_convertible

FloatArray = NDArray[np.float64]
Variables = Mapping[str, Variable]

# Dates and durations stand together in the first of these that any measurement has.
_PREFERRED = ("s", "K", "V")


def common_variable(every: Sequence[Variables]) -> str:
    """The first variable that most measurements of several frames have, or ""."""
    counts = Counter(
        name for variables in every for name, v in variables.items() if v.values.size > 1
    )
    return max(counts, key=counts.__getitem__, default="")


def common_unit(axis: str, every: Sequence[Variables]) -> tuple[str, tuple[str, ...]]:
    """Unit of the axis, and a note if measurements differ in it and cannot be converted."""
    units = list(dict.fromkeys(v[axis].unit for v in every if axis in v))
    if len(units) < 2:
        return next(iter(units), ""), ()
    unit = next((u for u in _PREFERRED if u in units), units[0])
    if all(is_convertible(u, unit) for u in units):
        return unit, ()
    told = ", ".join(u or "none" for u in units)
    return "", (f"{axis} has different units ({told}): give it in one to compare along it",)


def in_unit(variable: Variable, unit: str) -> FloatArray:
    """Values of a variable (frames,) in a unit; as they are where that cannot be told."""
    values = np.asarray(variable.values, dtype=float)
    same = not is_convertible(variable.unit, unit)
    return values if same else convert(values, variable.unit, unit)
