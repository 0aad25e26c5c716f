"""Frames against electrochemistry: voltage, charge and composition at every frame."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from spectra.cyclers import Cycler, read_cycler
from spectra.cyclers.record import touches
from spectra.errors import DataWarning, SettingError
from spectra.stack import Stack, Variable
from spectra.units import convert, is_convertible

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

__all__ = ["Cycler", "align", "read_cycler"]


def align(
    stack: Stack,
    cycler: Cycler,
    *,
    offset: float | None = None,
    offset_stderr: float = 0.0,
    exposure: float | None = None,
    mass: float | None = None,
    mass_stderr: float = 0.0,
    molar_mass: float | None = None,
    formula: str = "",
    x_start: float = 0.0,
    electrons: float = 1.0,
    time: str = "time",
) -> Stack:
    """Add what the cycler recorded to every frame, averaged over the frame's exposure.

    Parameters
    ----------
    stack : Stack
        With a variable of times at which the exposures begin: in s, unless it states another
        unit of time.
    cycler : Cycler
    offset : float, optional
        Cycler's clock minus the patterns' (s). Needed if one clock is absolute and the other
        relative; 0 if both are of one kind.
    offset_stderr : float
        Its standard uncertainty (s), passed on to voltage and charge by their slopes.
    exposure : float, optional
        s; by default the variable ``exposure`` (in its unit), else a point in time.
    mass, mass_stderr : float
        Active mass (g); gives the specific capacity and x.
    molar_mass, formula : float, str
        Molar mass (g/mol) of the host, or its formula.
    x_start : float
        x in Li_x(host) at the beginning.
    electrons : float
        Electrons per ion.
    time : str
        Name of the time variable.

    Returns
    -------
    Stack
        With voltage (V), current (A), charge (mAh since the start), capacity (mAh/g of the
        half cycle), x, half_cycle, direction and, where the cycler counts them, cycle. Frames
        outside the record, or whose exposure reaches into a gap of it (see `Cycler.gaps`),
        get NaN and are counted in a warning: nothing is extrapolated or made up. The charge
        behind a gap carries the uncertainty of what may have passed in it.

    Raises
    ------
    SettingError
        If a clock is missing or in no unit of time, or the kinds of clocks differ and no offset
        is given.
    """
    begin = _on_cyclers_clock(stack, cycler, time, offset)
    length = exposure
    if length is None and "exposure" in stack.variables:
        length = float(np.nanmedian(_in_seconds("exposure", stack.variables["exposure"])))
    end = begin + (length or 0.0)
    charge = cycler.charge()
    voltage, voltage_u = _average(cycler, cycler.voltage, begin, end, offset_stderr)
    current, _ = _average(cycler, cycler.current, begin, end, 0.0)
    passed, by_offset = _average(cycler, charge, begin, end, offset_stderr)
    by_gaps, _ = _average(cycler, cycler.charge_stderr(), begin, end, 0.0)
    passed_u = np.hypot(by_offset, by_gaps)
    absent = (begin < cycler.time[0]) | (end > cycler.time[-1])
    absent |= touches(cycler.gaps(), begin, end) | ~np.isfinite(begin)
    said = _missing(cycler, begin, end, absent, [voltage, current, passed]) + _unsure(cycler)
    if said:
        source = f" ({cycler.source})" if cycler.source else ""
        warnings.warn(f"{'; '.join(said)}{source}", DataWarning, stacklevel=2)
    made = {
        "voltage": Variable(voltage, "V", "voltage", voltage_u),
        "current": Variable(current, "A", "current"),
        "charge": Variable(passed, "mAh", "charge", passed_u),
        **_counted(cycler, begin, absent),
    }
    if mass is not None:
        made["capacity"] = _specific(cycler, charge, begin, end, mass)
        host = molar_mass or (_molar_mass(formula) if formula else None)
        if host is not None:
            made["x"] = _composition(passed, passed_u, mass, mass_stderr, host, x_start, electrons)
    return stack.with_variables(**made)


def _on_cyclers_clock(stack: Stack, cycler: Cycler, time: str, offset: float | None) -> FloatArray:
    """Times of the frames by the cycler's clock (s)."""
    if time not in stack.variables:
        known = ", ".join(stack.variables) or "none"
        raise SettingError(
            f"the patterns carry no {time!r} (they carry {known}); "
            "give it when reading: variables={'time': [...]}"
        )
    start = _in_seconds(time, stack.variables[time])
    known_times = start[np.isfinite(start)]
    if known_times.size == 0:
        raise SettingError(f"no frame has a {time!r}")
    absolute = bool(np.median(known_times) > 3e8)
    if offset is None and absolute != cycler.absolute:
        raise SettingError(
            f"the patterns' clock is {_kind(absolute)}, the cycler's {_kind(cycler.absolute)}; "
            "give offset= (cycler's clock minus the patterns', s)"
        )
    return np.asarray(start + (offset or 0.0))


def _in_seconds(name: str, variable: Variable) -> FloatArray:
    """A variable of times (s)."""
    values = np.asarray(variable.values, dtype=float)
    if not variable.unit:
        return values
    if not is_convertible(variable.unit, "s"):
        raise SettingError(
            f"the variable {name!r} is in {variable.unit!r}; expected a unit of time, such as "
            f"'{name} [s]'"
        )
    return convert(values, variable.unit, "s")


def _counted(cycler: Cycler, begin: FloatArray, absent: BoolArray) -> dict[str, Variable]:
    """What is a number of the row that follows a frame's beginning; NaN where absent."""
    row = np.clip(np.searchsorted(cycler.time, begin), 0, len(cycler.time) - 1)
    rows = {"half_cycle": cycler.half_cycle(), "direction": cycler.direction()}
    if cycler.cycle is not None:
        rows["cycle"] = cycler.cycle
    return {
        name: Variable(np.where(absent, np.nan, values[row]), "", name.replace("_", " "))
        for name, values in rows.items()
    }


def _kind(absolute: bool) -> str:
    return "absolute (a date)" if absolute else "relative (since a start)"


def _missing(
    cycler: Cycler,
    begin: FloatArray,
    end: FloatArray,
    absent: BoolArray,
    averages: list[FloatArray],
) -> list[str]:
    """Say how many frames the record does not reach, wholly or in part."""
    timed = np.isfinite(begin)
    outside = timed & ((begin < cycler.time[0]) | (end > cycler.time[-1]))
    in_gap = timed & absent & ~outside
    recorded = [v for v in averages if np.isfinite(v).any()]
    partly = timed & ~absent & np.any([~np.isfinite(v) for v in recorded], axis=0)
    said = [
        f"{count.sum()} of {len(begin)} frames {what}"
        for count, what in (
            (outside, "lie outside the cycler's record and get no voltage"),
            (in_gap, "lie in a gap of the cycler's record and get no voltage"),
            (partly, "lie where the cycler's record lacks voltage or current, and get none"),
        )
        if count.any()
    ]
    if in_gap.any():
        gaps = cycler.gaps()
        said.append(
            f"it has {len(gaps)} gaps, the longest of {np.max(gaps[:, 1] - gaps[:, 0]):.3g} s "
            "(say otherwise with read_cycler(max_gap=...))"
        )
    return said


def _unsure(cycler: Cycler) -> list[str]:
    """Say what the charge does not know: rows without a current, and gaps."""
    known = np.isfinite(cycler.current)
    if not known.any():
        return []
    said = []
    lacking = int(np.sum(~known))
    if lacking:
        said.append(
            f"{lacking} of {len(known)} rows of the cycler's record have no current; "
            "the charge bridges single ones and is NaN in long stretches"
        )
    unsure = cycler.charge_stderr()
    unsure = unsure[np.isfinite(unsure)]
    count = np.count_nonzero(np.diff(unsure))
    if count:
        said.append(
            f"what passed in {count} gap{'s' if count > 1 else ''} of the cycler's currents is not "
            f"known and not counted; it adds {unsure[-1]:.2g} mAh to the charge's uncertainty"
        )
    return said


def _average(
    cycler: Cycler,
    value: FloatArray,
    begin: FloatArray,
    end: FloatArray,
    offset_stderr: float,
) -> tuple[FloatArray, FloatArray]:
    """Mean of a piecewise linear record over begin…end, and what the offset adds to its error.

    Rows without a value are left out; NaN outside the record and where a gap is touched.
    """
    known = np.isfinite(value)
    if known.sum() < 2:
        nothing = np.full(len(begin), np.nan)
        return nothing, nothing
    time, value = cycler.time[known], value[known]
    steps = 0.5 * (value[1:] + value[:-1]) * np.diff(time)
    integral = np.concatenate([[0.0], np.cumsum(steps)])
    inside = (begin >= time[0]) & (end <= time[-1]) & ~touches(cycler.gaps(known), begin, end)

    def up_to(t: FloatArray) -> FloatArray:
        i = np.clip(np.searchsorted(time, t, side="right") - 1, 0, len(time) - 2)
        share = t - time[i]
        slope = (value[i + 1] - value[i]) / (time[i + 1] - time[i])
        return np.asarray(integral[i] + share * (value[i] + 0.5 * share * slope))

    span = end - begin
    point = np.interp(begin, time, value)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(span > 0, (up_to(end) - up_to(begin)) / span, point)
        window = np.maximum(span, max(offset_stderr, 1.0))
        slope = np.interp(end + window, time, value) - np.interp(begin - window, time, value)
        slope = slope / (span + 2 * window)
    error = np.abs(slope) * offset_stderr
    return np.where(inside, mean, np.nan), np.where(inside, error, np.nan)


def _specific(
    cycler: Cycler,
    charge: FloatArray,
    begin: FloatArray,
    end: FloatArray,
    mass: float,
) -> Variable:
    """Charge since the beginning of the half cycle per gram (mAh/g)."""
    known, half = np.flatnonzero(np.isfinite(charge)), cycler.half_cycle()
    passed = np.full(len(charge), np.nan)
    if known.size:
        numbers, first = np.unique(half[known], return_index=True)
        # A half cycle begins where the last one ended: the row before its first current.
        origin = charge[known[np.maximum(first - 1, 0)]]
        passed[known] = np.abs(charge[known] - origin[np.searchsorted(numbers, half[known])])
    value, _ = _average(cycler, passed, begin, end, 0.0)
    return Variable(value / mass, "mAh/g", "specific capacity")


def _composition(
    charge: FloatArray,
    charge_stderr: FloatArray,
    mass: float,
    mass_stderr: float,
    host: float,
    x_start: float,
    electrons: float,
) -> Variable:
    """Ions per formula unit: x = x₀ − Q·M/(z·F·m), Q > 0 on charging (ions leave)."""
    from scipy.constants import physical_constants

    faraday = physical_constants["Faraday constant"][0]
    per_mah = 3.6 * host / (electrons * faraday * mass)
    change = charge * per_mah
    error = np.hypot(charge_stderr * per_mah, change * mass_stderr / mass)
    return Variable(x_start - change, "", "x", error)


def _molar_mass(formula: str) -> float:
    """Molar mass (g/mol) of a formula such as K3V5O14."""
    import xraydb

    try:
        parts = xraydb.chemparse(formula)
        return float(sum(n * xraydb.atomic_mass(e) for e, n in parts.items()))
    except (ValueError, KeyError) as error:
        raise SettingError(f"formula {formula!r} is not understood ({error})") from None
