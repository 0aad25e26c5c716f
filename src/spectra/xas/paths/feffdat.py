"""Scattering paths from feffNNNN.dat, as FEFF6 and FEFF8L write them.

J. J. Rehr, J. Mustre de Leon, S. I. Zabinsky, R. C. Albers, J. Am. Chem. Soc. 113 (1991) 5135.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from spectra.errors import ReaderError, SettingError
from spectra.xas.paths.path import CURVES, FloatArray, PathAtom, ScatteringPath

_LARGEST = 10_000_000
_EXPECTED = "a feffNNNN.dat of FEFF 6 or newer"
_REMEDY = "let FEFF write the path again (its modules genfmt and ff2x, PRINT with a last 3)"
# What FEFF's other files say of themselves, and which they are.
_OTHERS = (
    (re.compile(r"^[\s#]*k\s+chi\s+mag\s+phase", re.M), "chi.dat, FEFF's sum of all paths"),
    (re.compile(r"omega\s+e\s+k\s+mu\s+mu0", re.M), "xmu.dat, FEFF's absorption"),
    (re.compile(r"index, nleg, degeneracy", re.M), "paths.dat, FEFF's list of paths"),
    (re.compile(r"file\s+sig2\s+amp ratio", re.M), "files.dat, FEFF's table of paths"),
    (re.compile(r"pathindex\s+sig2", re.M), "list.dat, FEFF's table of paths"),
    (re.compile(r"^\s*(POTENTIALS|ATOMS)\b", re.M), "feff.inp, the input of FEFF"),
)
_FACTS = {
    "core_hole_width": re.compile(r"Gam_ch\s*=\s*(\S+)"),
    "fermi_level": re.compile(r"\bMu\s*=\s*(\S+)"),
    "fermi_wavenumber": re.compile(r"\bkf\s*=\s*(\S+)"),
    "interstitial_potential": re.compile(r"\bVint\s*=\s*(\S+)"),
    "interstitial_radius": re.compile(r"\bRs_int\s*=\s*(\S+)"),
}
_EDGE = re.compile(r"^#?\s*Abs\s+Z\s*=.*\b([KLM][1-5]?)\s+shell", re.M)
_ROMAN = re.compile(r"^#?\s*Abs\s+Z\s*=.*\b([LM])(I{1,3}|IV|V)\s+shell", re.M)


def read_feffdat(path: str | Path) -> ScatteringPath:
    """Read one feffNNNN.dat.

    Raises
    ------
    ReaderError
        For a file that is missing, cut short, damaged, or another of FEFF's, with the line.
    """
    path = Path(path)
    text = _text(path)
    lines = text.splitlines()
    rule = next((i for i, line in enumerate(lines) if _is_rule(line)), None)
    head = next((i for i, line in enumerate(lines) if "real[2*phc]" in line), None)
    if rule is None or head is None or head < rule:
        raise ReaderError(path, _what_else(text), expected=_EXPECTED, remedy=_REMEDY)
    nleg, degeneracy, reff, norman = _numbers_of_path(path, lines, rule + 1)
    atoms = _atoms(path, lines, rule + 3, head, nleg)
    curves = _curves(path, lines, head + 1)
    if not text.endswith("\n") and len(lines[-1]) < len(lines[-2].rstrip()):
        raise ReaderError(
            path,
            f"the last line {lines[-1].strip()!r} is cut short",
            where=f"line {len(lines)}",
            expected="a line as long as the one before",
            remedy=_REMEDY,
        )
    try:
        return ScatteringPath(
            **dict(zip(CURVES, curves.T, strict=True)),
            **_header("\n".join(lines[:rule])),
            degeneracy=degeneracy,
            reff=reff,
            atoms=atoms,
            norman_radius=norman,
            source=path.name,
        )
    except SettingError as error:
        raise ReaderError(path, str(error), expected=_EXPECTED, remedy=_REMEDY) from None


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            problem = f"{path.stat().st_size} bytes are too many for one path"
            raise ReaderError(path, problem, expected=_EXPECTED, remedy="check the file")
        # The title may be in any encoding; all that is read is ASCII.
        return path.read_bytes().decode("ascii", errors="replace")
    except OSError as error:
        problem = error.strerror or str(error)
        raise ReaderError(path, problem, remedy="check the name of the file") from None


def _is_rule(line: str) -> bool:
    return line.lstrip(" #").startswith("-" * 20)


def _what_else(text: str) -> str:
    if not text.strip():
        return "the file is empty"
    for mark, name in _OTHERS:
        if mark.search(text):
            return f"this is {name}, not a path"
    return "the file has no path (no line of dashes and column heads 'k real[2*phc] …' after it)"


def _header(text: str) -> dict[str, Any]:
    """What stands above the dashes; FEFF's versions differ in what they tell."""
    facts: dict[str, Any] = {}
    for name, mark in _FACTS.items():
        match = mark.search(text)
        value = _number(match[1]) if match else None
        facts[name] = float("nan") if value is None else value
    exchange = re.search(r"Gam_ch\s*=\s*\S+\s+(.+)", text)
    first = text.splitlines()[0] if text else ""
    program = re.search(r"\s(Feff\s*\S.*)$", first, re.I)
    return facts | {
        "edge": _edge(text),
        "exchange": exchange[1].strip() if exchange else "",
        "title": (first[: program.start()] if program else first).lstrip("#").strip(),
        "program": " ".join(program[1].split()) if program else "",
    }


def _edge(text: str) -> str:
    roman = _ROMAN.search(text)
    if roman:
        return roman[1] + str(("I", "II", "III", "IV", "V").index(roman[2]) + 1)
    plain = _EDGE.search(text)
    return plain[1] if plain else "K"


def _numbers_of_path(path: Path, lines: list[str], at: int) -> tuple[int, float, float, float]:
    words = lines[at].lstrip(" #").split() if at < len(lines) else []
    values = [_number(w) for w in words[:4]]
    known = [v for v in values if v is not None]
    if len(known) < 4 or known[0] != int(known[0]) or not 2 <= known[0] <= 20:
        raise ReaderError(
            path,
            f"{' '.join(words) or 'nothing'!r} where the path's numbers should stand",
            where=f"line {at + 1}",
            expected="number of legs, degeneracy, half length, Norman radius",
            remedy=_REMEDY,
        )
    return int(known[0]), known[1], known[2], known[3]


def _atoms(path: Path, lines: list[str], begin: int, end: int, nleg: int) -> tuple[PathAtom, ...]:
    if end - begin != nleg:
        raise ReaderError(
            path,
            f"{end - begin} atoms for {nleg} legs",
            where=f"lines {begin + 1} to {end}",
            expected="one line for each atom",
            remedy=_REMEDY,
        )
    found = []
    for i in range(begin, end):
        words = lines[i].lstrip(" #").split()
        values = [_number(w) for w in words[:5]]
        if len(values) < 5 or None in values:
            raise ReaderError(
                path,
                f"{lines[i].strip()!r} is no atom",
                where=f"line {i + 1}",
                expected="x, y, z, potential, atomic number and symbol",
                remedy=_REMEDY,
            )
        found.append(_atom(path, i, [float(v) for v in values if v is not None]))
    origin = np.array(found[0].position)
    if not np.any(origin):
        return tuple(found)
    return tuple(_moved(atom, origin) for atom in found)


def _atom(path: Path, at: int, values: list[float]) -> PathAtom:
    import xraydb

    x, y, z, potential, number = values
    try:
        symbol = str(xraydb.atomic_symbol(int(number)))
    except (ValueError, KeyError, IndexError):
        raise ReaderError(
            path, f"no element has the number {number:g}", where=f"line {at + 1}", remedy=_REMEDY
        ) from None
    # FEFF 8 writes the absorber's zeros with a sign.
    return PathAtom(symbol, int(number), int(potential), (x + 0.0, y + 0.0, z + 0.0))


def _moved(atom: PathAtom, origin: FloatArray) -> PathAtom:
    x, y, z = (np.array(atom.position) - origin).tolist()
    return PathAtom(atom.symbol, atom.atomic_number, atom.potential, (x, y, z))


def _curves(path: Path, lines: list[str], begin: int) -> FloatArray:
    rows = []
    for i in range(begin, len(lines)):
        words = lines[i].split()
        if not words:
            continue
        values = [_number(w) for w in words]
        known = [v for v in values if v is not None and np.isfinite(v)]
        if len(known) != len(CURVES) or len(words) != len(CURVES):
            raise ReaderError(
                path,
                f"{lines[i].strip()!r} is no row of the path's curves",
                where=f"line {i + 1}",
                expected=f"{len(CURVES)} finite numbers",
                remedy=_REMEDY,
            )
        rows.append(known)
        if len(rows) > 1 and rows[-1][0] <= rows[-2][0]:
            raise ReaderError(
                path,
                f"k = {rows[-1][0]:g} after {rows[-2][0]:g} 1/angstrom",
                where=f"line {i + 1}",
                expected="k that increases",
                remedy=_REMEDY,
            )
    if len(rows) < 4:
        raise ReaderError(
            path,
            f"{len(rows)} rows of curves: the file is cut short",
            where=f"line {len(lines)}",
            expected="k up to about 20 1/angstrom",
            remedy=_REMEDY,
        )
    return np.array(rows)


def _number(text: str) -> float | None:
    """A number as Fortran writes it: 1.0D+00 and 1.0-101 too; None for anything else."""
    try:
        return float(text)
    except ValueError:
        pass
    match = re.fullmatch(r"([+-]?\d*\.\d+)[dD]?([+-]\d+)", text)
    return float(f"{match[1]}e{match[2]}") if match else None
