"""GSAS-II exports of a histogram as CSV or text: x, y_obs, weight, y_calc, y_bkg and perhaps Q.

B. H. Toby and R. B. Von Dreele, J. Appl. Cryst. 46 (2013) 544: a weight is 1/σ²; that of points
which are masked or outside the limits is 0. Lines such as ``"Instparm: Lam",  0.413263`` stand
above the columns of a CSV file.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from spectra.errors import ReaderError
from spectra.readers.frame import Frame, Reader
from spectra.readers.labels import Scale
from spectra.readers.text import decode, frame_of, parse_columns

_TITLES = re.compile(r'^\s*"?x"?[\s,]+"?y_obs"?[\s,]+"?weight"?(?:[\s,]|$)', re.MULTILINE)
_FACT = re.compile(r'\s*"(?P<name>[^"]+)"\s*,\s*"?(?P<value>[^"]*?)"?\s*')


def _sniff(head: bytes, path: Path) -> bool:
    return _TITLES.search(head.decode("latin-1")) is not None


def read_gsas2(path: Path) -> list[Frame]:
    """Read the observed intensities; what was calculated is left out."""
    text = decode(path)
    rows = text.splitlines()
    first = next((i for i, row in enumerate(rows, 1) if _TITLES.match(row)), None)
    if first is None:
        raise ReaderError(path, "no line of titles", expected="x, y_obs, weight …")
    facts = {m["name"]: m["value"] for row in rows[: first - 1] if (m := _FACT.fullmatch(row))}
    kind = facts.get("Instparm: Type", "PXC")
    if kind[2:3] in ("T", "E"):
        raise ReaderError(
            path,
            f"a histogram of type {kind!r}",
            expected="one of constant wavelength",
            remedy="time-of-flight and energy-dispersive patterns are not read",
        )
    table, numbers = parse_columns(path, rows, first)
    if table.shape[1] < 3:
        raise ReaderError(
            path, f"{table.shape[1]} columns", where=f"line {numbers[0]}", expected="at least 3"
        )
    weight = table[:, 2]
    if (weight < 0).any():
        at = int(np.flatnonzero(weight < 0)[0])
        raise ReaderError(
            path, f"weight {weight[at]:g}", where=f"line {numbers[at]}", expected="0 or more"
        )
    masked = ~(weight > 0)
    table[:, 2] = np.where(masked, np.nan, 1.0 / np.sqrt(np.where(masked, 1.0, weight)))
    variables: dict[str, tuple[float, str]] = {}
    if (kelvin := _number(facts.get("Samparm: Temperature"))) is not None and kelvin > 0:
        variables["temperature"] = (kelvin, "K")
    metadata: dict[str, float | str] = {}
    # The lines of a doublet, Lam1 and Lam2, are written with two decimals: too coarse to use.
    if (wavelength := _number(facts.get("Instparm: Lam"))) is not None and 0.01 < wavelength < 100:
        metadata["wavelength"] = wavelength
    return [frame_of(path, table, numbers, Scale(), variables, metadata)]


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


READER = Reader("gsas2_columns", (".csv", ".txt"), _sniff, read_gsas2)
