"""Tabulated energies of absorption edges."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from spectra.errors import SettingError


def tabulated_edge(name: str, element: str, edge: str) -> float:
    """Tabulated energy of an edge in eV (xraydb: Elam, Ravel and Sieber 2002).

    Parameters
    ----------
    name : str
        Of the method that asks, for the message.
    element, edge : str
        Such as Ni and K.

    Raises
    ------
    SettingError
        If there is none.
    """
    energy = _of_table(element, edge) or _of_package(element, edge)
    if energy is None:
        raise SettingError(f"{name}: no {edge!r} edge of element {element!r} is tabulated")
    return energy


@cache
def _of_table(element: str, edge: str) -> float | None:
    """The energy as it stands in xraydb's file.

    The package itself takes half a second to load, which is more than the evaluation of a
    series of spectra. What its file does not hold under just that name is left to the package.
    """
    package = find_spec("xraydb")
    if package is None or package.origin is None:
        return None
    file = Path(package.origin).with_name("xraydb.sqlite")
    if not file.is_file():
        return None
    query = "SELECT absorption_edge FROM xray_levels WHERE element = ? AND iupac_symbol = ?"
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as table:
            found = table.execute(query, (element, edge)).fetchall()
    except sqlite3.Error:
        return None
    return float(found[0][0]) if len(found) == 1 else None


def _of_package(element: str, edge: str) -> float | None:
    import xraydb

    try:
        found = xraydb.xray_edge(element, edge)
    except (ValueError, KeyError, AttributeError):
        return None
    return None if found is None else float(found.energy)
