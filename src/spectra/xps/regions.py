"""Regions that were measured one after the other, put side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError, SettingError
from spectra.results import Column, Results, Table
from spectra.status import Status
from spectra.units import convert

FloatArray = NDArray[np.float64]

REGION, JOINED = "region", "regions"


def join(*regions: Results) -> Results:
    """Put the areas of several regions of the same frames side by side, for `xps.Quantify`.

    Areas become intensities: areas per second of counting where the files tell the time. Those of
    one region keep their covariances; different regions are different counts, and independent.
    What the ends of a window do is known of regions by `xps.Endpoints` alone, and 0 of others.

    Parameters
    ----------
    *regions : Results
        Of `xps.Region` or `xps.Endpoints`, with the same number of frames in the same order.

    Returns
    -------
    Results
        A row a frame; a species each of all regions.

    Raises
    ------
    ResultsError
        If there is none, one is not of a region, they have different frames, or the time of
        counting is known of some alone, or in a unit that is none of time.
    """
    _check(regions)
    times = [_count_time(r) for r in regions]
    labels = [_labels(r) for r in regions]
    coords = {
        name: np.concatenate([np.asarray(r.table.coords["species"][name]) for r in regions])
        for name in ("label", "level")
    }
    coords["region"] = np.repeat(np.arange(len(regions)), [len(names) for names in labels])
    table = _table(coords)
    columns = table.empty(len(regions[0]))
    for name in ("covariance", "endpoint_covariance"):
        columns[name][:] = 0.0
    start = 0
    for region, names, time in zip(regions, labels, times, strict=True):
        part = slice(start, start + len(names))
        per, both = time[:, None], (time**2)[:, None, None]
        columns["intensity"][:, part] = region["area"] / per
        columns["intensity_stderr"][:, part] = region["area_stderr"] / per
        columns["position"][:, part] = region["position"]
        columns["transmission"][:, part] = region["transmission"]
        columns["region_status"][:, part] = region.status[:, None]
        columns["covariance"][:, part, part] = area_covariance(region) / both
        columns["endpoint_covariance"][:, part, part] = _endpoint_covariance(region) / both
        start = part.stop
    status = first_trouble(np.stack([region.status for region in regions], axis=1))
    messages = _messages(regions)
    attrs = {
        "regions": [
            {k: r.attrs.get(k) for k in ("model", "source", "errors", "measured")}
            | {"doublets": _doublets(r), "singles": _singles(r)}
            | {"endpoints": "endpoint_covariance" in r.columns}
            for r in regions
        ],
        "count_time": "count_time" in regions[0].variables,
    }
    first = regions[0]
    variables = {k: v for k, v in first.variables.items() if k != "count_time"}
    return Results(table, columns, status, messages, first.names, variables, attrs)


def first_trouble(status: NDArray[Any]) -> NDArray[np.int8]:
    """Of statuses (frames, n) the first that lost the frame, or else the first that is not OK."""
    told = np.zeros(len(status), np.int8)
    for own in status.astype(np.int8).T:
        told = np.where((own != Status.OK) & np.isin(told, (Status.OK, Status.AT_BOUND)), own, told)
    return told


def area_covariance(region: Results) -> FloatArray:
    """Covariances (frames, species, species) of a region's areas."""
    sigma = region["area_stderr"]
    cov: FloatArray = region["area_correlation"] * sigma[:, :, None] * sigma[:, None, :]
    # Of an area whose uncertainty is 0 the correlations are not defined.
    still = (sigma == 0)[:, :, None] | (sigma == 0)[:, None, :]
    return np.where(still, 0.0, cov)


def _endpoint_covariance(region: Results) -> FloatArray:
    """Covariances of areas from where the window ends; 0 where that was not asked for."""
    if "endpoint_covariance" in region.columns:
        return np.asarray(region["endpoint_covariance"])
    return np.zeros_like(region["area_correlation"])


def _check(regions: Sequence[Results]) -> None:
    if not regions:
        raise ResultsError("xps.join: no region; give the results of xps.Region")
    for number, region in enumerate(regions, 1):
        if region.table.name != REGION:
            raise ResultsError(
                f"xps.join: region {number} is a table {region.table.name!r}; expected results "
                "of xps.Region or xps.Endpoints"
            )
    frames = [len(r) for r in regions]
    if len(set(frames)) > 1:
        told = ", ".join(f"{_name(r)}: {n}" for r, n in zip(regions, frames, strict=True))
        raise ResultsError(
            f"xps.join: regions of different numbers of frames ({told}); take those of the same "
            "samples or cycles, in the same order"
        )
    timed = ["count_time" in r.variables for r in regions]
    if len(set(timed)) > 1:
        lacking = ", ".join(_name(r) for r, known in zip(regions, timed, strict=True) if not known)
        raise ResultsError(
            f"xps.join: the time of counting is not known of {lacking}, but of the other regions; "
            "add it to the stack: with_variables(count_time=Variable(dwell time × sweeps, 's')), "
            "1 s for rates"
        )


def _count_time(region: Results) -> FloatArray:
    if "count_time" not in region.variables:
        return np.ones(len(region))
    told = region.variables["count_time"]
    try:
        time = convert(told.values, told.unit, "s")
    except SettingError as error:
        raise ResultsError(f"xps.join: count_time of {_name(region)}: {error}") from None
    return np.where(time > 0, time, np.nan)


def _labels(region: Results) -> list[str]:
    return [str(v) for v in region.table.coords["species"]["label"].tolist()]


def _doublets(region: Results) -> list[str]:
    """Names of the species that were fitted with both lines of their level."""
    return [str(s["name"]) for s in _fitted_species(region) if s.get("splitting")]


def _singles(region: Results) -> list[str]:
    """Levels all of whose species were fitted with one line."""
    several = {
        s["level"] for s in _fitted_species(region) if s.get("splitting") or s.get("multiplet")
    }
    levels = dict.fromkeys(str(s["level"]) for s in _fitted_species(region))
    return [level for level in levels if level not in several]


def _fitted_species(region: Results) -> list[dict[str, Any]]:
    plain = region.attrs.get("region", {}).get("model", {})
    return list(plain.get("species", ()))


def _name(region: Results) -> str:
    return str(region.attrs.get("model", "region"))


def _messages(regions: Sequence[Results]) -> tuple[str, ...]:
    """What the regions say of each frame."""
    messages: list[str] = []
    for frame in range(len(regions[0])):
        said: list[str] = []
        for region in regions:
            own = Status(int(region.status[frame]))
            text = region.messages[frame] or (own.label if own != Status.OK else "")
            if text:
                said.append(f"{_name(region)}: {text}" if len(regions) > 1 else text)
        messages.append("; ".join(said))
    return tuple(messages)


def _table(coords: dict[str, NDArray[Any]]) -> Table:
    per, both = ("species",), ("species", "other_species")
    columns = (
        Column("intensity", "eV", "area of a species per second of counting", per, stderr=True),
        Column("position", "eV", "binding energy of its first line", per),
        Column("transmission", "", "of the analyser at its lines, by the file", per),
        Column("covariance", "eV^2", "covariances of the intensities", both),
        Column("endpoint_covariance", "eV^2", "those of where the windows end", both),
        Column("region_status", "", "status of the frame in the species' region", per).as_int(),
    )
    named = {"species": coords, "other_species": {"label": coords["label"]}}
    return Table(JOINED, columns, named, default="intensity")
