"""Athena's project files: Perl data or JSON, mostly packed by gzip.

Layout: B. Ravel, Athena users' guide, "Project files", and Demeter's description of the JSON
form: per group of data the arrays x (eV), y (absorption), i0, signal, stddev and the parameters
``args`` as names and values in turn.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.archive import GZIP, unpack_gzip
from spectra.readers.ordering import order_points
from spectra.readers.perl import assignments
from spectra.readers.tables import Table, table_reader

FloatArray = NDArray[np.float64]

_MARK = "Athena project file"
_ARRAYS = ("i0", "signal", "stddev")
# Grids of a spectrum and its reference, of one scan, agree to rounding.
_SAME_GRID = 1e-3
_LARGEST_KEV = 200.0


@dataclass
class _Group:
    key: str
    args: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, Any] = field(default_factory=dict)


def _sniff(head: bytes, path: Path) -> bool:
    if _MARK.encode() in head[:400]:
        return True
    return head.startswith(GZIP) and path.suffix.lower() in (".prj", ".json")


def read_athena(path: Path) -> list[Table]:
    """Read all groups of data in their order; each is called by its label.

    Energies are those that Athena shows: the group's shift ``bkg_eshift`` is added. The shift
    is the variable ``energy_shift`` (eV), the edge that Athena had found ``athena_e0`` (eV).
    The multiplier of a group is in its absorption already. What the project keeps of chi(k)
    alone is no spectrum, and says so.

    Raises
    ------
    ReaderError
        If it is not such a project or damaged.
    """
    data = path.read_bytes()
    if data.startswith(GZIP):
        data = unpack_gzip(path, data)
    text = data.decode("utf-8", "replace")
    if _MARK not in text[:1000]:
        raise ReaderError(path, "not an Athena project", expected=f"{_MARK!r} in its first lines")
    try:
        groups = _from_json(text) if text.lstrip().startswith("{") else _from_perl(text)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ReaderError(
            path, f"the project is damaged ({error})", remedy="save it again from Athena"
        ) from None
    if not groups:
        raise ReaderError(path, "the project holds no group", remedy="save it again from Athena")
    tables = {group.key: _table(group) for group in groups}
    return [_with_reference(tables[g.key], g, groups, tables) for g in groups]


def _from_perl(text: str) -> list[_Group]:
    groups: list[_Group] = []
    for name, value in assignments(text):
        if name == "old_group":
            groups.append(_Group(str(value)))
        elif groups and name == "args":
            groups[-1].args = _pairs(value)
        elif groups and name in ("x", "y", *_ARRAYS):
            groups[-1].arrays[name] = value
    return [group for group in groups if group.args or group.arrays]


def _from_json(text: str) -> list[_Group]:
    content = json.loads(text)
    order = content.get("_____order") or [k for k in content if not k.startswith("_____")]
    groups = []
    for key in order:
        entry = content[key]
        args = entry.get("args", {})
        named = _pairs(args) if isinstance(args, list) else {k: str(v) for k, v in args.items()}
        arrays = {n: entry[n] for n in ("x", "y", *_ARRAYS) if entry.get(n)}
        groups.append(_Group(str(key), named, arrays))
    return groups


def _pairs(values: list[Any]) -> dict[str, str]:
    return {
        str(k): v if isinstance(v, str) else json.dumps(v)
        for k, v in zip(values[::2], values[1::2], strict=False)
    }


def _table(group: _Group) -> Table:
    args = group.args
    name = args.get("label", "").strip() or group.key
    x, y = (_numbers(group.arrays.get(key)) for key in ("x", "y"))
    kind = f"{args.get('datatype', '')} {args.get('recordtype', '')}".lower()
    if "chi" in kind.split("(")[0] or _flag(args, "is_chi"):
        return Table({}, name=name, place=group.key, note="chi(k), no absorption")
    if len(y) != len(x) or not len(x):
        return Table({}, name=name, place=group.key, note=f"{len(x)} energies, {len(y)} values")
    if _flag(args, "is_kev") and np.nanmax(x) < _LARGEST_KEV:
        x = 1000.0 * x
    shift = _number(args.get("bkg_eshift"), 0.0)
    quantity = "norm" if _flag(args, "is_nor") else "mu"
    columns = {"energy": x + shift, quantity: y}
    for key in _ARRAYS:
        values = _numbers(group.arrays.get(key))
        if len(values) == len(x):
            columns[key] = values
    return Table(
        columns,
        units={"energy": "eV"},
        variables=_variables(args, shift),
        metadata=_metadata(args),
        name=name,
        place=group.key,
    )


def _variables(args: Mapping[str, str], shift: float) -> dict[str, tuple[float, str]]:
    variables = {"energy_shift": (shift, "eV")}
    e0 = _number(args.get("bkg_e0"), math.nan)
    if e0 > 0:
        variables["athena_e0"] = (e0, "eV")
    multiplier = _number(args.get("multiplier"), 1.0)
    if multiplier != 1.0:
        variables["multiplier"] = (multiplier, "")
    return variables


def _metadata(args: Mapping[str, str]) -> dict[str, str]:
    facts = {"element": args.get("bkg_z", ""), "edge": args.get("fft_edge", "").upper()}
    return {key: value for key, value in facts.items() if re.fullmatch(r"[A-Z][a-z\d]?", value)}


def _with_reference(
    table: Table, group: _Group, groups: list[_Group], tables: Mapping[str, Table]
) -> Table:
    """The table with the reference channel of the same scan, where the project keeps one.

    Both name each other; the reference is the one whose label begins with "Ref", as Athena
    calls it.
    """
    partner = group.args.get("referencegroup") or group.args.get("reference") or ""
    other = tables.get(partner)
    if other is None or other is table or not other.name.lower().startswith("ref"):
        return table
    x, own = table.columns.get("energy"), other.columns.get("energy")
    if x is None or own is None or len(x) != len(own):
        return table
    # Both are in the order of the scan; a shift of one alone would part them.
    order = order_points(x).index
    if np.abs(x - own)[order].max(initial=0.0) > _SAME_GRID:
        return table
    values = other.columns.get("mu", other.columns.get("norm", own))
    return replace(table, columns={**table.columns, "reference": values})


def _numbers(values: Any) -> FloatArray:
    """An array of what the project holds; what is no number is NaN, what is no list empty."""
    if not isinstance(values, list):
        return np.empty(0)
    try:
        array = np.array(values, dtype=float)
    except (ValueError, TypeError):
        array = np.array([_number(v, math.nan) for v in values])
    return array if array.ndim == 1 else np.empty(0)


def _flag(args: Mapping[str, str], key: str) -> bool:
    return _number(args.get(key), 0.0) != 0.0


def _number(value: Any, otherwise: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return otherwise
    return number if math.isfinite(number) else otherwise


READER = table_reader("athena", (".prj",), _sniff, read_athena)
