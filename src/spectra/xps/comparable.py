"""What makes areas of different regions comparable: levels, factors, photons, transmission."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.results import Results
from spectra.xps.sensitivity import split_level

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def counted_levels(regions: Results, asked: Sequence[str], name: str) -> set[str]:
    """Levels that count: those asked for, or all.

    Raises
    ------
    SettingError
        If one is not there, stands in several regions, or an element would count by several.
    """
    levels = [str(v) for v in regions.table.coords["species"]["level"].tolist()]
    there = list(dict.fromkeys(levels))
    wanted = set(asked) or set(there)
    if missing := sorted(wanted - set(there)):
        raise SettingError(
            f"{name}: levels = {', '.join(missing)}; the regions have {', '.join(there)}"
        )
    by_element: dict[str, list[str]] = {}
    for level in there:
        if level in wanted:
            by_element.setdefault(split_level(level)[0], []).append(level)
    if twice := [own for own in by_element.values() if len(own) > 1]:
        raise SettingError(
            f"{name}: {' and '.join(twice[0])} would count the element twice; choose one by levels"
        )
    _check_each_in_one_region(regions, levels, wanted, name)
    return wanted


def _check_each_in_one_region(
    regions: Results, levels: Sequence[str], wanted: set[str], name: str
) -> None:
    of = regions.table.coords["species"]["region"].tolist()
    measured: dict[str, list[int]] = {}
    for level, region in zip(levels, of, strict=True):
        own = measured.setdefault(level, [])
        if region not in own:
            own.append(region)
    for level, own in measured.items():
        if level in wanted and len(own) > 1:
            told = ", ".join(f"{i + 1} ({regions.attrs['regions'][i]['model']})" for i in own)
            raise SettingError(
                f"{name}: {level} stands in the regions {told} and would count twice; give "
                "xps.join one of them, or leave the level out by levels"
            )


def check_whole_doublets(regions: Results, counted: IntArray, name: str) -> None:
    """Areas of both lines need the factor of both.

    Raises
    ------
    SettingError
        If the level of a species that was fitted as a doublet is one line of it.
    """
    species = regions.table.coords["species"]
    for i in counted.tolist():
        label, level = str(species["label"][i]), str(species["level"][i])
        element, orbital, twice_j = split_level(level)
        region = regions.attrs["regions"][int(species["region"][i])]
        if twice_j is not None and label in region["doublets"]:
            raise SettingError(
                f"{name}: {label} of {region['model']} was fitted as a doublet, but its level is "
                f"one line, {level}; set level = '{element} {orbital}', or no splitting if one "
                "line alone was fitted"
            )


def single_lines(regions: Results, counted: IntArray) -> str:
    """A warning of levels whose two lines count, and of which no species had more than one."""
    species = regions.table.coords["species"]
    said: dict[str, str] = {}
    for i in counted.tolist():
        level = str(species["level"][i])
        element, orbital, twice_j = split_level(level)
        alone = level in regions.attrs["regions"][int(species["region"][i])].get("singles", ())
        if alone and twice_j is None and orbital[1] != "s":
            higher = 2 * "spdf".index(orbital[1]) + 1
            said[level] = f"level = '{element} {orbital}{higher}/2'"
    if not said:
        return ""
    return (
        f"single lines of {', '.join(said)} count as both lines of the level: if only one was "
        f"fitted, set {', '.join(said.values())}"
    )


def own_factors(given: Any, name: str) -> tuple[tuple[str, float], ...]:
    """Pairs of levels and factors.

    Raises
    ------
    SettingError
        If it is none, or a factor is not above 0.
    """
    try:
        pairs = tuple((str(level), float(factor)) for level, factor in dict(given).items())
    except (TypeError, ValueError):
        raise SettingError(
            f"{name}: sensitivity = {given!r}; expected the name of a set, or a factor for each "
            "level"
        ) from None
    if wrong := [f"{level} = {factor:g}" for level, factor in pairs if not factor > 0]:
        raise SettingError(f"{name}: sensitivity: {', '.join(wrong)}; expected above 0")
    return pairs


def photon_energies(regions: Results, counted: IntArray, given: float) -> FloatArray:
    """Photon energies (eV) of the species that count: given, or the files'; NaN if not known."""
    own = [how.get("photon_energy") for how in _measured(regions)]
    of = regions.table.coords["species"]["region"][counted]
    return np.array([given or own[i] or np.nan for i in of.tolist()], dtype=float)


def transmission_by(
    how: str | float, regions: Results, counted: IntArray, name: str
) -> tuple[float | None, str]:
    """Power of the kinetic energy, None for the files' own, and how it is told.

    Raises
    ------
    SettingError
        If the files of some regions tell it, and not those of all.
    """
    if not isinstance(how, str):
        return float(how), f"E^{how:g}"
    if how == "none":
        return 0.0, "not corrected for"
    told = [bool(known.get("transmission")) for known in _measured(regions)]
    of = _regions_that_count(regions, counted)
    known = [told[i] for i in of]
    if any(known) and not all(known):
        lacking = regions.attrs["regions"][of[known.index(False)]]["model"]
        raise SettingError(
            f"{name}: the file of {lacking} tells no transmission, those of other regions do; "
            "give transmission = 'none', or the power of the kinetic energy"
        )
    return (None, "by the files") if all(known) else (0.0, "not in the files")


def pass_energies(regions: Results, counted: IntArray) -> str:
    """A warning if the analyser passed different energies and nothing corrects for it."""
    how = _measured(regions)
    each = [how[i].get("pass_energy") for i in _regions_that_count(regions, counted)]
    known = sorted({e for e in each if e is not None})
    if len(known) < 2:
        return ""
    return f"pass energies of {', '.join(f'{e:g}' for e in known)} eV without their transmission"


def regions_by_ends(regions: Results, counted: IntArray) -> tuple[list[str], list[str]]:
    """Models of the regions that count: fitted by `Endpoints`, and not."""
    how = [regions.attrs["regions"][i] for i in _regions_that_count(regions, counted)]
    known = [str(r["model"]) for r in how if r["endpoints"]]
    return known, [str(r["model"]) for r in how if not r["endpoints"]]


def certain_ends(regions: Results, counted: IntArray) -> str:
    """A warning if what the windows' ends do was asked of some of the regions that count."""
    known, lacking = regions_by_ends(regions, counted)
    if not (known and lacking):
        return ""
    return (
        f"endpoint_component is of {', '.join(known)} alone: {', '.join(lacking)} not fitted by "
        "xps.Endpoints"
    )


def counting_times(regions: Results, counted: IntArray) -> str:
    """A warning if areas of several regions are compared without their times of counting."""
    several = len(_regions_that_count(regions, counted)) > 1
    if regions.attrs["count_time"] or not several:
        return ""
    return "time of counting not known: taken as the same"


def _measured(regions: Results) -> list[dict[str, Any]]:
    return [dict(r.get("measured") or {}) for r in regions.attrs["regions"]]


def _regions_that_count(regions: Results, counted: IntArray) -> list[int]:
    return [int(i) for i in np.unique(regions.table.coords["species"]["region"][counted])]
