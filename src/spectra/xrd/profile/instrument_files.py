"""Instrument files: GSAS .prm, GSAS-II .instprm and our own TOML.

GSAS and GSAS-II give the Gaussian part as a variance in centideg² and the Lorentzian part as a
full width in centideg, so that U, V, W and P here are 8·ln 2/10⁴ of theirs and X, Y and Z
1/100. Layout: A. C. Larson and R. B. Von Dreele, General Structure Analysis System, Los Alamos
National Laboratory Report LAUR 86-748 (2004), "Instrument parameter file" and "CW profile
functions"; B. H. Toby and R. B. Von Dreele, J. Appl. Cryst. 46 (2013) 544.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from spectra.errors import ReaderError, SettingError
from spectra.readers.text import decode
from spectra.xrd.profile.instrument import Instrument, emission_lines, from_toml

_VARIANCE = 8.0 * math.log(2.0) / 1e4
_CENTI = 0.01
_FIELD = 15

# Of each profile function of GSAS: which coefficients are whose.
_FUNCTIONS: Mapping[int, Mapping[str, int]] = {
    2: {"u": 0, "v": 1, "w": 2, "x": 3, "y": 4, "asym": 6, "p": 8},
    3: {"u": 0, "v": 1, "w": 2, "p": 3, "x": 4, "y": 5, "s_l": 6, "h_l": 7},
    4: {"u": 0, "v": 1, "w": 2, "p": 3, "x": 4, "s_l": 9, "h_l": 10},
}
_BEST_FIRST = (3, 4, 2)

INSTRUMENT_FILES = (".prm", ".instprm", ".toml")


def read_instrument(path: str | Path, bank: int | None = None) -> Instrument:
    """Read a description of a diffractometer of constant wavelength.

    From GSAS' profile functions 3 and 4 come U, V, W, P, X, Y, S/L and H/L (what belongs to a
    sample, such as size, strain, displacement and transparency, is left out); from function 2
    the asymmetry as that S/L = H/L whose mean shift is the same. GSAS-II's SH/L is their sum.
    Two wavelengths mean Bragg-Brentano geometry, as in GSAS-II, unless the file says otherwise.

    Parameters
    ----------
    path : str or Path
        A .prm file of GSAS, an .instprm file of GSAS-II, or one of `write_instrument`.
    bank : int, optional
        Which of several; the first if not given.

    Returns
    -------
    Instrument

    Raises
    ------
    ReaderError
        If the file is none of these, is of time of flight, or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise ReaderError(path, "no such file", remedy="check the path of the instrument")
    try:
        text = decode(path)
    except OSError as error:
        raise ReaderError(path, f"cannot be read ({error})", remedy="check the file") from None
    if path.suffix.lower() == ".toml":
        return from_toml(path, text)
    rows = text.splitlines()
    if rows and "GSAS-II" in rows[0]:
        return _instprm(path, rows, bank)
    if any(row.startswith("INS ") for row in rows):
        return _prm(path, rows, bank)
    raise ReaderError(
        path,
        "not an instrument file",
        expected="a .prm file of GSAS, an .instprm file of GSAS-II, or a .toml file of ours",
        remedy="check the file, or describe the instrument with Instrument(...)",
    )


def _make(path: Path, fields: dict[str, Any]) -> Instrument:
    try:
        return Instrument(**fields, source=path.name)
    except SettingError as error:
        raise ReaderError(path, str(error), remedy="correct the value in the file") from None


def _wavelengths(path: Path, where: str, numbers: list[float]) -> tuple[Any, ...]:
    """Lines of one or two wavelengths and their ratio."""
    first, second, ratio = numbers
    try:
        return emission_lines((first, second, ratio) if second else first)
    except SettingError as error:
        raise ReaderError(
            path, str(error), where=where, remedy="correct the value in the file"
        ) from None


class _Records:
    """Records of one bank of a .prm file: what stands after the twelve characters of the key."""

    def __init__(self, path: Path, rows: list[str], bank: int | None) -> None:
        self.path = path
        banks = sorted({int(r[4:6]) for r in rows if r.startswith("INS ") and _is_bank(r[4:6])})
        if not banks:
            self.fail("no bank of an instrument", 0, "records such as 'INS  1 ICONS'")
        chosen = banks[0] if bank is None else bank
        if chosen not in banks:
            self.fail(f"no bank {chosen}", 0, f"one of {', '.join(map(str, banks))}")
        self.found: dict[str, tuple[str, int]] = {}
        for number, row in enumerate(rows, 1):
            if row.startswith("INS ") and row[4:6] in ("  ", f"{chosen:2d}"):
                self.found.setdefault(row[6:12].ljust(6), (row[12:], number))

    def fail(self, problem: str, line: int, expected: str) -> NoReturn:
        raise ReaderError(
            self.path,
            problem,
            where=f"line {line}" if line else "",
            expected=expected,
            remedy="correct the file, or describe the instrument with Instrument(...)",
        )

    def get(self, key: str, expected: str) -> tuple[str, int]:
        if key not in self.found:
            self.fail(f"no record {key.strip()!r}", 0, expected)
        return self.found[key]

    def numbers(self, key: str, expected: str) -> list[float]:
        """Numbers of a record, free or in fields of fifteen characters."""
        text, line = self.get(key, expected)
        text = text.rstrip()
        fields = [text[i : i + _FIELD].strip() for i in range(0, len(text), _FIELD)]
        for words in (text.split(), fields):
            try:
                return [_number(w) for w in words]
            except ValueError:
                continue
        return self.fail(f"{text.strip()!r}", line, expected)


def _is_bank(text: str) -> bool:
    return text.strip().isdecimal() and text.isascii()


def _number(text: str) -> float:
    """A finite number; Fortran's D is an E, and a blank is 0."""
    value = float(text.replace("D", "E").replace("d", "e") or 0.0)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _prm(path: Path, rows: list[str], bank: int | None) -> Instrument:
    records = _Records(path, rows, bank)
    kind, line = records.get("HTYPE ", "HTYPE PXCR or PNCR")
    kind = kind.strip()[:3].upper()
    if kind not in ("PXC", "PNC"):
        records.fail(f"histogram type {kind!r}", line, "PXC or PNC, of constant wavelength")
    radiation = "neutron" if kind == "PNC" else "xray"
    text, line = records.get(" ICONS", "wavelengths, zero, POLA and ratio in columns of ten")
    try:
        first, second, zero = (_number(text[i : i + 10].strip()) for i in (0, 10, 20))
        pola, ratio = _number(text[40:50].strip()), _number(text[55:65].strip())
        mode = int(text[50:55].strip() or 0)
    except ValueError:
        records.fail(f"{text.strip()!r}", line, "wavelengths, zero, POLA in columns of ten")
    lines = _wavelengths(path, f"line {line}", [first, second, ratio])
    if radiation == "neutron":
        polarisation = 1.0
    elif mode == 1 and pola > -1.0:
        polarisation = 1.0 / (1.0 + pola)
    else:
        polarisation = pola
    head = records.found.get("I HEAD", ("", 0))[0].strip()
    fields = {
        "lines": lines,
        "radiation": radiation,
        "geometry": "bragg_brentano" if len(lines) > 1 else "debye_scherrer",
        "polarisation": polarisation,
        "zero": zero * _CENTI,
        "name": records.found.get("INAME ", (head, 0))[0].strip() or head,
    }
    return _make(path, fields | _profile(records))


def _profile(records: _Records) -> dict[str, float]:
    """Profile values of the best function that the file gives."""
    expected = "profile function 2, 3 or 4 and its number of coefficients"
    found: dict[int, tuple[str, int]] = {}
    lines = []
    for key in ("PRCF  ", *(f"PRCF{i} " for i in range(1, 10))):
        if key in records.found:
            numbers = records.numbers(key, expected)
            line = records.found[key][1]
            if len(numbers) < 2 or not 0 < numbers[1] < 100 or numbers[0] != int(numbers[0]):
                records.fail(f"{records.found[key][0].strip()!r}", line, expected)
            found.setdefault(int(numbers[0]), (key.rstrip(), int(numbers[1])))
            lines.append(line)
    chosen = next((f for f in _BEST_FIRST if f in found), None)
    if chosen is None:
        names = ", ".join(map(str, found)) or "none"
        records.fail(f"profile function {names}", min(lines, default=0), "function 2, 3 or 4")
    key, count = found[chosen]
    stem = key if len(key) == 5 else "PRCF "
    values: list[float] = []
    for i in range(1, (count + 3) // 4 + 1):
        values += records.numbers(f"{stem}{i}", "four coefficients")
    values += [0.0] * 12
    named = {n: values[i] for n, i in _FUNCTIONS[chosen].items() if i < count}
    return _converted(named)


def _converted(named: dict[str, float]) -> dict[str, float]:
    """Values in our units of those in GSAS'."""
    out = {"w": 0.0}
    for name, value in named.items():
        if name in ("u", "v", "w", "p"):
            out[name] = value * _VARIANCE
        elif name in ("x", "y", "z"):
            out[name] = value * _CENTI
        elif name == "asym":
            # Mean shift of function 2: asym/3·cot 2θ; of S = H: (S/L)²/3·cot 2θ.
            out["s_l"] = out["h_l"] = math.sqrt(max(value, 0.0) * _CENTI * math.pi / 180.0)
        else:
            out[name] = value
    return out


def _instprm(path: Path, rows: list[str], bank: int | None) -> Instrument:
    items = _items(path, rows, bank)

    def number(name: str, default: float | None = None) -> float:
        if name not in items:
            if default is not None:
                return default
            raise ReaderError(
                path,
                f"no value {name!r}",
                expected=f"a line such as '{name}:0.0'",
                remedy="save the file again with GSAS-II, or add the line",
            )
        text, line = items[name]
        try:
            return _number(text)
        except ValueError:
            raise ReaderError(
                path,
                f"{name} {text!r}",
                where=f"line {line}",
                expected="a number",
                remedy="correct the value in the file",
            ) from None

    kind, line = items.get("Type", ("PXC", 1))
    if kind not in ("PXC", "PNC"):
        raise ReaderError(
            path,
            f"histogram type {kind!r}",
            where=f"line {line}",
            expected="PXC or PNC, of constant wavelength",
            remedy="describe the instrument with Instrument(...)",
        )
    if "Lam1" in items:
        numbers = [number("Lam1"), number("Lam2"), number("I(L2)/I(L1)", 0.5)]
    else:
        numbers = [number("Lam"), 0.0, 0.0]
    lines = _wavelengths(path, f"line {items.get('Lam1', items.get('Lam', ('', 1)))[1]}", numbers)
    neutron = kind == "PNC"
    geometry = items.get("Diff-type", ("", 0))[0].lower().replace("-", "_")
    half = 0.5 * number("SH/L", 0.0)
    named = {n.lower(): number(n, 0.0) for n in ("U", "V", "W", "X", "Y", "Z")}
    fields = {
        "lines": lines,
        "radiation": "neutron" if neutron else "xray",
        "geometry": geometry or ("bragg_brentano" if len(lines) > 1 else "debye_scherrer"),
        "polarisation": 1.0 if neutron else number("Polariz.", 0.5),
        "radius": number("Gonio.radius") if "Gonio.radius" in items else None,
        "zero": number("Zero", 0.0),
        "name": items.get("InstrName", ("", 0))[0],
        "s_l": half,
        "h_l": half,
    }
    return _make(path, fields | _converted(named))


def _items(path: Path, rows: list[str], bank: int | None) -> dict[str, tuple[str, int]]:
    """Each name of one bank with its text and line; values of several lines are left out."""
    sections: dict[int, dict[str, tuple[str, int]]] = {}
    current = 0 if bank is None else bank
    inside = ""
    for number, row in enumerate(rows, 1):
        if inside:
            inside = "" if inside in row else inside
            continue
        if row.startswith("#"):
            words = row[1:].replace(":", " ").split()
            if len(words) > 1 and words[0] == "Bank" and _is_bank(words[1]):
                current = int(words[1])
            continue
        quotes = next((q for q in ('"""', "'''") if q in row), "")
        if quotes:
            inside = "" if row.count(quotes) > 1 else quotes
            continue
        for item in row.split(";"):
            name, colon, value = item.partition(":")
            if colon:
                section = sections.setdefault(current, {})
                section.setdefault(name.replace(" ", ""), (value.strip(), number))
    if not sections:
        raise ReaderError(path, "no values", expected="lines such as 'Lam:1.5405'")
    chosen = min(sections) if bank is None else bank
    if chosen not in sections:
        raise ReaderError(
            path, f"no bank {bank}", expected=f"one of {', '.join(map(str, sections))}"
        )
    return sections[chosen]
