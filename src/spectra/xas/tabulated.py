"""Tabulated energies of absorption edges and lines, and f″."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError

FloatArray = NDArray[np.float64]


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


def tabulated_line(element: str, edge: str) -> float | None:
    """Energy (eV) of the strongest emission line of an edge; None where there is none."""
    import xraydb

    lines = xraydb.xray_lines(element, edge).values()
    return float(max(lines, key=lambda line: line.intensity).energy) if lines else None


def tabulated_f2(element: str, energy: FloatArray) -> FloatArray:
    """f″ of an element (C. T. Chantler, J. Phys. Chem. Ref. Data 29 (2000) 597, by xraydb).

    Parameters
    ----------
    element : str
    energy : array (points,)
        In eV.

    Returns
    -------
    array (points,)
        In electrons.
    """
    import xraydb

    return np.asarray(xraydb.f2_chantler(element, energy), dtype=float)


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
