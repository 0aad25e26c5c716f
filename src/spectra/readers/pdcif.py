"""Powder patterns in CIF: a frame for every block that holds a measured one.

Names: B. H. Toby, Powder Dictionary (cif_pd.dic), International Tables for Crystallography,
Vol. G, chapters 3.3 and 4.2 (IUCr, 2005). Standard uncertainties stand in brackets behind the last
digits; where there are none, weights of the refinement (1/σ²) serve. What was calculated is left
out.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.cif_items import Items, column, fact, read_blocks
from spectra.readers.frame import Frame, Reader, clean_errors, noise_of, scaled_errors, tube
from spectra.readers.labels import Scale
from spectra.readers.text import MIN_POINTS, ascending
from spectra.readers.times import iso_seconds

FloatArray = NDArray[np.float64]

# Counts before what was made of them; corrected positions before those that were set.
_COUNTS = "pd_meas_counts_total"
_INTENSITIES = (
    _COUNTS,
    "pd_meas_intensity_total",
    "pd_proc_intensity_total",
    "pd_proc_intensity_net",
)
_POSITIONS = {
    "pd_proc_2theta_corrected": Scale(),
    "pd_meas_2theta_scan": Scale(),
    "pd_proc_recip_len_q": Scale("q", "1/angstrom"),
}
_RANGES = (
    "pd_proc_2theta_range",
    "pd_meas_2theta_range",
    "pd_proc_overall_2theta_range",
    "pd_meas_overall_2theta_range",
)
_OTHERS = {
    "pd_meas_time_of_flight": "times of flight",
    "pd_proc_energy_incident": "energies",
    "pd_proc_wavelength": "wavelengths",
    "pd_proc_d_spacing": "d-spacings",
    "pd_meas_position": "distances on the detector",
}


def _sniff(head: bytes, path: Path) -> bool:
    if path.suffix.lower() in (".cif", ".pdcif", ".rtv"):
        return True
    return b"_pd_" in head and re.search(rb"^\s*data_\S", head, re.MULTILINE) is not None


def read_pdcif(path: Path) -> list[Frame]:
    """Read every block with measured intensities."""
    blocks = read_blocks(path)
    frames = [
        _read_block(path, name, items, [i for _, i in blocks])
        for name, items in blocks
        if any(tag in items for tag in _INTENSITIES)
    ]
    if not frames:
        seen = sorted({tag for _, items in blocks for tag in items if tag.startswith("pd_")})
        raise ReaderError(
            path,
            f"{len(blocks)} blocks without a measured powder pattern"
            + (f" (they hold _{', _'.join(seen[:3])} …)" if seen else ""),
            expected=" or ".join(f"_{tag}" for tag in _INTENSITIES),
            remedy="a CIF of a structure is no pattern; give the pattern's own file",
        )
    return frames


def _read_block(path: Path, name: str, items: Items, all_items: list[Items]) -> Frame:
    where = f"data_{name[:40]}"
    tag = next(t for t in _INTENSITIES if t in items)
    y, errors = column(path, items, tag, where)
    x, scale = _positions(path, items, len(y), where)
    known = np.isfinite(x)
    x, y, errors = x[known], y[known], errors[known]
    if len(x) < MIN_POINTS:
        raise ReaderError(path, f"{len(x)} points", where=where, expected=f"{MIN_POINTS} or more")
    given: FloatArray | None = errors if np.isfinite(errors).any() else None
    if given is None and tag != _COUNTS and "pd_proc_ls_weight" in items:
        given = _from_weights(path, items, known, where)
    if tag == _COUNTS and "pd_meas_step_count_time" in items:
        y, given = _rates(path, items, y, given, known, where)
    x, order = ascending(path, x)
    y, note = y[order], ""
    if given is not None:
        given, note = clean_errors(given[order])
    return Frame(
        x,
        y,
        given,
        noise_of(y, given),
        _variables(path, items, where),
        _wavelength(path, items, all_items, where),
        axis=scale.axis,
        unit=scale.unit,
        name=name[:40],
        note=note,
    )


def _positions(path: Path, items: Items, n: int, where: str) -> tuple[FloatArray, Scale]:
    for tag, scale in _POSITIONS.items():
        if tag in items and len(items[tag]) == n:
            return column(path, items, tag, where)[0], scale
    for tag in _RANGES:
        if f"{tag}_min" in items and f"{tag}_max" in items:
            return _range(path, items, tag, n, where), Scale()
    uneven = [f"{len(items[tag])} of _{tag}" for tag in _POSITIONS if tag in items]
    other = next((what for tag, what in _OTHERS.items() if tag in items), "")
    raise ReaderError(
        path,
        f"{n} intensities, but {uneven[0]}"
        if uneven
        else f"positions are {other}"
        if other
        else "intensities without positions",
        where=where,
        expected="_pd_meas_2theta_scan or _pd_meas_2theta_range_min, _max and _inc",
        remedy="" if uneven or not other else "only patterns over 2θ or q are read; convert it",
    )


def _range(path: Path, items: Items, tag: str, n: int, where: str) -> FloatArray:
    """Positions of a range; its step tells whether points are missing."""
    first, last = (fact(path, items, f"{tag}_{end}", where) for end in ("min", "max"))
    if first is None or last is None or not last > first:
        raise ReaderError(
            path, f"a range from {first} to {last}", where=where, expected="a rising one"
        )
    step = fact(path, items, f"{tag}_inc", where)
    if step is not None and not abs((last - first) - step * (n - 1)) <= 0.5 * abs(step):
        raise ReaderError(
            path,
            f"{n} intensities from {first:g} to {last:g} in steps of {step:g}",
            where=where,
            expected=f"{1 + (last - first) / step:.0f}" if step else "a step",
            remedy="the file may be truncated: copy it again",
        )
    return np.linspace(first, last, n)


def _from_weights(path: Path, items: Items, known: NDArray[np.bool_], where: str) -> FloatArray:
    weights = column(path, items, "pd_proc_ls_weight", where, len(known))[0][known]
    used = weights > 0
    return np.where(used, 1.0 / np.sqrt(np.where(used, weights, 1.0)), np.nan)


def _rates(
    path: Path,
    items: Items,
    y: FloatArray,
    errors: FloatArray | None,
    known: NDArray[np.bool_],
    where: str,
) -> tuple[FloatArray, FloatArray | None]:
    """Counts per second where points were not all counted for the same time."""
    if len(items["pd_meas_step_count_time"]) != len(known):
        return y, errors
    seconds = column(path, items, "pd_meas_step_count_time", where)[0][known]
    if not (seconds > 0).all():
        raise ReaderError(
            path, "a counting time that is not positive", where=where, expected="seconds"
        )
    if (seconds == seconds[0]).all():
        return y, errors
    rate = y / seconds
    return rate, scaled_errors(rate, 1.0 / seconds) if errors is None else errors / seconds


def _variables(path: Path, items: Items, where: str) -> dict[str, tuple[float, str]]:
    found: dict[str, tuple[float, str]] = {}
    kelvin = fact(path, items, "diffrn_ambient_temperature", where)
    if kelvin is not None:
        found["temperature"] = (kelvin, "K")
    started = items.get("pd_meas_datetime_initiated", [""])[0]
    if (time := iso_seconds(started.strip("'\""))) is not None:
        found["time"] = (time, "s")
    return found


def _wavelength(
    path: Path, items: Items, all_items: list[Items], where: str
) -> dict[str, float | str]:
    """Of the block itself or, where it has none, the one that the other blocks agree on."""
    tags = ("diffrn_radiation_wavelength", "diffrn_radiation_wavelength_value")
    mine = next((t for t in tags if t in items), None)
    if mine is None:
        others = {tuple(i[t]): i for i in all_items for t in tags if t in i}
        if len(others) != 1:
            return {}
        (items,) = others.values()
        mine = next(t for t in tags if t in items)
    values = column(path, items, mine, where)[0]
    weights = np.ones(len(values))
    if len(items.get("diffrn_radiation_wavelength_wt", ())) == len(values):
        weights = column(path, items, "diffrn_radiation_wavelength_wt", where)[0]
    if len(values) == 1:
        return tube(float(values[0]), 0.0, 0.0, "")
    strongest = np.argsort(-np.nan_to_num(weights), kind="stable")[:2]
    (alpha1, alpha2), (w1, w2) = values[strongest], weights[strongest]
    return tube(float(alpha1), float(alpha2), float(w2 / w1) if w1 > 0 else 0.0, "")


# Not .cif: the structures that lie beside patterns in a folder are none of its kinds of pattern.
READER = Reader("pdcif", (".pdcif", ".rtv"), _sniff, read_pdcif)
