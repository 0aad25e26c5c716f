"""Frames against electrochemistry: voltage, charge and composition at every frame."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import DataWarning, ReaderError, SettingError
from spectra.stack import Stack, Variable

FloatArray = NDArray[np.float64]

_KNOWN: dict[str, tuple[tuple[str, ...], dict[str, float]]] = {
    "time": (("time", "elapsed", "test_time", "date"), {"s": 1, "min": 60, "h": 3600}),
    "voltage": (("ewe", "voltage", "potential", "ecell", "e", "u"), {"v": 1, "mv": 1e-3}),
    "current": (("current", "i"), {"a": 1, "ma": 1e-3, "ua": 1e-6, "µa": 1e-6}),
    "capacity": (("capacity", "q", "charge"), {"mah": 1, "ah": 1e3, "c": 1 / 3.6}),
}
_DATES = (
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
)
_REST = 0.02


@dataclass(frozen=True)
class Cycler:
    """A cycler's record, arrays (rows,).

    Attributes
    ----------
    time : array
        s; since 1970 if `absolute`, else since the start.
    voltage, current : array
        V, A; NaN where not recorded.
    capacity : array or None
        mAh as the cycler counted it.
    absolute : bool
    source : str
    """

    time: FloatArray
    voltage: FloatArray
    current: FloatArray
    capacity: FloatArray | None
    absolute: bool
    source: str = ""

    def charge(self) -> FloatArray:
        """Charge passed since the start (mAh), the current integrated on the record's own grid."""
        if not np.isfinite(self.current).any():
            if self.capacity is None:
                return np.full(len(self.time), np.nan)
            return np.asarray(self.capacity - self.capacity[0])
        current = np.where(np.isfinite(self.current), self.current, 0.0)
        steps = 0.5 * (current[1:] + current[:-1]) * np.diff(self.time)
        return np.asarray(np.concatenate([[0.0], np.cumsum(steps)])) / 3.6

    def direction(self) -> FloatArray:
        """Direction at every row: +1 charging, -1 discharging, 0 at rest (below 2 % of the top)."""
        size = np.nanmax(np.abs(self.current)) if np.isfinite(self.current).any() else 0.0
        sign = np.where(np.abs(self.current) > _REST * size, np.sign(self.current), 0.0)
        return np.where(np.isfinite(sign), sign, 0.0)

    def half_cycle(self) -> FloatArray:
        """Number of the half cycle that a row belongs to, from 0; rests go with the last."""
        direction = self.direction()
        moving = direction != 0
        last = np.maximum.accumulate(np.where(moving, np.arange(len(direction)), 0))
        held = direction[last]
        turns = (held[1:] != held[:-1]) & (held[1:] != 0) & (held[:-1] != 0)
        return np.concatenate([[0.0], np.cumsum(turns)])


def read_cycler(path: str | Path, *, columns: Mapping[str, str] | None = None) -> Cycler:
    """Read a cycler's table (CSV, TSV or semicolons; decimal commas; units in the header).

    Parameters
    ----------
    path : path
    columns : mapping, optional
        Names of the columns where they are not recognised, e.g. ``{"voltage": "Vcell/V"}``.

    Raises
    ------
    ReaderError
        If a column is missing (the ones found are listed) or the time runs backwards.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReaderError(path, f"cannot be read ({error.strerror})") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) < 3:
        raise ReaderError(path, f"{len(lines)} lines", expected="a header and at least two rows")
    separator = max(("\t", ";", ","), key=lines[0].count)
    header = [h.strip() for h in next(csv.reader(io.StringIO(lines[0]), delimiter=separator))]
    comma = separator != "," and any("," in line for line in lines[1:5])
    rows = list(csv.reader(lines[1:], delimiter=separator))
    place = {name: _find(header, name, columns or {}) for name in _KNOWN}
    if place["time"] is None or (place["voltage"] is None and place["current"] is None):
        raise ReaderError(
            path,
            f"columns {', '.join(header)}",
            expected="time and voltage or current",
            remedy="name them: columns={'time': ..., 'voltage': ...}",
        )
    values = {
        name: _column(path, rows, header, at, name, comma)
        for name, at in place.items()
        if at is not None
    }
    time, absolute = values["time"]
    back = np.flatnonzero(np.diff(time) < 0)
    if back.size:
        raise ReaderError(
            path,
            f"the time falls from {time[back[0]]:g} to {time[back[0] + 1]:g} s",
            where=f"row {back[0] + 2}",
            expected="increasing times",
            remedy="join the parts of the record in their order",
        )
    keep = np.concatenate([[True], np.diff(time) > 0])
    nothing = np.full(len(time), np.nan)
    return Cycler(
        time=time[keep],
        voltage=values.get("voltage", (nothing, False))[0][keep],
        current=values.get("current", (nothing, False))[0][keep],
        capacity=values["capacity"][0][keep] if "capacity" in values else None,
        absolute=absolute,
        source=str(path),
    )


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
        With a variable of times (s) at which the exposures begin.
    cycler : Cycler
    offset : float, optional
        Cycler's clock minus the patterns' (s). Needed if one clock is absolute and the other
        relative; 0 if both are of one kind.
    offset_stderr : float
        Its standard uncertainty (s), passed on to voltage and charge by their slopes.
    exposure : float, optional
        s; by default the variable ``exposure``, else a point in time.
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
        half cycle), x, half_cycle and direction. Frames outside the record get NaN: nothing
        is extrapolated.

    Raises
    ------
    SettingError
        If a clock is missing, or the kinds of clocks differ and no offset is given.
    """
    if time not in stack.variables:
        known = ", ".join(stack.variables) or "none"
        raise SettingError(
            f"the patterns carry no {time!r} (they carry {known}); "
            "give it when reading: variables={'time': [...]}"
        )
    start = stack.variables[time].values
    known_times = start[np.isfinite(start)]
    if known_times.size == 0:
        raise SettingError(f"no frame has a {time!r}")
    absolute = bool(np.median(known_times) > 3e8)
    if offset is None:
        if absolute != cycler.absolute:
            raise SettingError(
                f"the patterns' clock is {_kind(absolute)}, the cycler's {_kind(cycler.absolute)}; "
                "give offset= (cycler's clock minus the patterns', s)"
            )
        offset = 0.0
    length = exposure
    if length is None and "exposure" in stack.variables:
        length = float(np.nanmedian(stack.variables["exposure"].values))
    begin = start + offset
    end = begin + (length or 0.0)
    charge = cycler.charge()
    voltage, voltage_u = _average(cycler.time, cycler.voltage, begin, end, offset_stderr)
    current, _ = _average(cycler.time, cycler.current, begin, end, 0.0)
    passed, passed_u = _average(cycler.time, charge, begin, end, offset_stderr)
    outside = ~np.isfinite(passed) & ~np.isfinite(voltage) & np.isfinite(start)
    if outside.any():
        warnings.warn(
            f"{outside.sum()} of {stack.n_frames} frames lie outside the cycler's record "
            f"({cycler.source}) and get no voltage",
            DataWarning,
            stacklevel=2,
        )
    nearest = np.clip(np.searchsorted(cycler.time, begin), 0, len(cycler.time) - 1)
    half, direction = cycler.half_cycle(), cycler.direction()
    made = {
        "voltage": Variable(voltage, "V", "voltage", voltage_u),
        "current": Variable(current, "A", "current"),
        "charge": Variable(passed, "mAh", "charge", passed_u),
        "half_cycle": Variable(np.where(outside, np.nan, half[nearest]), "", "half cycle"),
        "direction": Variable(np.where(outside, np.nan, direction[nearest]), "", "direction"),
    }
    if mass is not None:
        made["capacity"] = _specific(cycler, charge, half, begin, end, mass)
        host = molar_mass or (_molar_mass(formula) if formula else None)
        if host is not None:
            made["x"] = _composition(passed, passed_u, mass, mass_stderr, host, x_start, electrons)
    return stack.with_variables(**made)


def _kind(absolute: bool) -> str:
    return "absolute (a date)" if absolute else "relative (since a start)"


def _find(header: list[str], name: str, given: Mapping[str, str]) -> int | None:
    """Index of a column by its given name, or by what such columns are called."""
    if name in given:
        if given[name] not in header:
            raise SettingError(f"no column {given[name]!r}; there are {', '.join(header)}")
        return header.index(given[name])
    for wanted in _KNOWN[name][0]:
        for i, title in enumerate(header):
            plain = re.split(r"[/(\[<]", title.lower())[0].strip(" <>|\"'").replace(" ", "_")
            if plain == wanted:
                return i
    return None


def _column(
    path: Path, rows: list[list[str]], header: list[str], at: int, name: str, comma: bool
) -> tuple[FloatArray, bool]:
    """Numbers of a column in SI units, and whether they are dates."""
    found = re.search(r"[/(\[]\s*([A-Za-zµ]+)", header[at])
    factor = _KNOWN[name][1].get(found[1].lower() if found else "", 1.0)
    values = np.empty(len(rows))
    dates = False
    for i, row in enumerate(rows):
        text = row[at].strip() if at < len(row) else ""
        try:
            values[i] = float(text.replace(",", ".") if comma else text) if text else np.nan
        except ValueError:
            moment = _date(text) if name == "time" else None
            if moment is None:
                raise ReaderError(
                    path,
                    f"{text!r}",
                    where=f"row {i + 2}, column {header[at]}",
                    expected="a number",
                ) from None
            values[i], dates = moment, True
    return values * (1.0 if dates else factor), dates or bool(name == "time" and values[0] > 3e8)


def _date(text: str) -> float | None:
    for form in _DATES:
        try:
            return datetime.strptime(f"{text} +0000", f"{form} %z").timestamp()
        except ValueError:
            continue
    return None


def _average(
    time: FloatArray, value: FloatArray, begin: FloatArray, end: FloatArray, offset_stderr: float
) -> tuple[FloatArray, FloatArray]:
    """Mean of a piecewise linear record over begin…end, and what the offset adds to its error."""
    if not np.isfinite(value).any():
        nothing = np.full(len(begin), np.nan)
        return nothing, nothing
    steps = 0.5 * (value[1:] + value[:-1]) * np.diff(time)
    integral = np.concatenate([[0.0], np.cumsum(steps)])
    inside = (begin >= time[0]) & (end <= time[-1])

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
    half: FloatArray,
    begin: FloatArray,
    end: FloatArray,
    mass: float,
) -> Variable:
    """Charge since the beginning of the half cycle per gram (mAh/g)."""
    first = np.searchsorted(half, np.unique(half))
    origin = charge[first][np.searchsorted(np.unique(half), half)]
    value, _ = _average(cycler.time, np.abs(charge - origin), begin, end, 0.0)
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
