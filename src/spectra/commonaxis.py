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

# Dates and durations stand together in the first of these that any measurement has; shares are
# fractions if any is.
_PREFERRED = ("s", "K", "V", "")
# A number without a unit is no fraction above it; states of charge may pass 1.
_FRACTIONS_TO = 1.5
# From such a value on it may be a percentage, up to such a one.
_PERCENTS = (2.0, 150.0)


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
        return next(iter(units), ""), _mixed_scales(axis, every)
    unit = next((u for u in _PREFERRED if u in units), units[0])
    if all(u == unit or is_convertible(u, unit) for u in units):
        return unit, _mixed_scales(axis, every)
    told = ", ".join(u or "none" for u in units)
    return "", (f"{axis} has different units ({told}): give it in one to compare along it",)


def _mixed_scales(axis: str, every: Sequence[Variables]) -> tuple[str, ...]:
    """A note if some values without a unit look like fractions and others like percentages."""
    plain = [v[axis].values for v in every if axis in v and v[axis].unit == ""]
    known = [g[np.isfinite(g)] for g in plain if np.isfinite(g).any()]
    low, high = _PERCENTS
    percents = [float(g.max()) for g in known if low <= g.max() <= high]
    # Whole numbers alone may be those of cycles.
    fractions = any(g.max() <= _FRACTIONS_TO and bool(np.any(g % 1.0)) for g in known)
    if not percents or not (fractions or any(axis in v and v[axis].unit == "%" for v in every)):
        return ()
    return (
        f"{axis} goes up to {max(percents):g} in some measurements and is a fraction in others: "
        f"if the former are percentages, call them '{axis} [%]'",
    )


def in_unit(variable: Variable, unit: str) -> FloatArray:
    """Values of a variable (frames,) in a unit; as they are where that cannot be told."""
    values = np.asarray(variable.values, dtype=float)
    same = not is_convertible(variable.unit, unit)
    return values if same else convert(values, variable.unit, unit)
