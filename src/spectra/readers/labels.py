"""What the positions of a pattern are, from the label or the unit that a file gives them.

The labels are those that programs document: Fit2D's ``2-Theta Angle (Degrees)`` and ``Q (Inverse
Nanometres)`` (A. P. Hammersley, FIT2D reference manual), pyFAI's ``2th_rad`` and ``q_nm^-1``
(pyFAI documentation, ``pyFAI.units``), and what people write by hand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from spectra.errors import ReaderError

# FEFF ends the line of its labels with this.
FEFF = "@#"
_MARKS = re.compile(r"^[\s#%!;*'/]+")
# "1_Energy (keV) 2_sec 3_i0", as spec's files of APS 12-BM have it.
_NUMBERED = re.compile(r"(?<!\S)(\d{1,3})_(\S+(?: \([^)]*\))?)")
_GAPS = (r"\t+", r"\s{2,}|\t", r"\s*[,;]\s*", r"\s+")


def unmarked(line: str) -> str:
    """A line of a header without the marks of a comment before it."""
    return _MARKS.sub("", line).strip()


def split_labels(line: str, width: int) -> Iterator[list[str]]:
    """The ways in which a line is that many labels, those with the widest gaps first."""
    text = unmarked(line).strip(",;").removesuffix(FEFF).rstrip()
    numbered = _NUMBERED.findall(text)
    if [int(number) for number, _ in numbered] == [*range(1, width + 1)]:
        yield [label for _, label in numbered]
        return
    for gap in _GAPS:
        labels = [part.strip(" \"'") for part in re.split(gap, text)]
        if len(labels) == width and not any(re.match(r"[-+.]?\d+(?:\.|$)", t) for t in labels):
            yield labels


class Scale(NamedTuple):
    """How the positions of a file become an axis.

    Parameters
    ----------
    axis, unit : str
        As in `Frame`.
    factor : float
        Takes the file's positions to `unit`.
    note : str
        What had to be assumed.
    """

    axis: str = "two_theta"
    unit: str = "deg"
    factor: float = 1.0
    note: str = ""


_PER_ANGSTROM = {"a": 1.0, "å": 1.0, "n": 0.1, "m": 1e-10}
_LENGTH = r"(nm|nano\w*|å\w*|ang\w*|aa?(?![a-z])|m(?![a-z]))"
# What stands before is looked at lest the end of "mm" be taken for metres.
_INVERSE = re.compile(
    rf"(?<![a-zåµμ]){_LENGTH}[\s^*{{(]*(?:-|−|⁻)\s*(?:1|¹)|(?:1\s*/|/|inverse|reciprocal|per)\s*{_LENGTH}"
)
_RADIAN = re.compile(r"(?<![a-z])(m(?:illi)?)?rad(?:ians?)?(?![a-z])")
_PER_CENTIMETRE = re.compile(r"(?:1\s*/|/|inverse|reciprocal|per)\s*cm|cm[\s^*{(]*[-−⁻]\s*[1¹]")
_NANOMETRE = re.compile(r"\s*(?:nm(?![a-z\d\s^]*[-−⁻/])|nano\s*met(?:er|re)s?(?![a-z]))")
_DEGREE = re.compile(r"(?<![a-z])deg(?:rees?)?(?![a-z])|°|º")

# A label stands at the start of its line, behind comment marks and words such as "x:".
_LEAD = re.compile(
    r"""[\s#!;'%@/"(]*"""
    r"""(?:(?:x|l|columns?|(?:x[ _-]?)?(?:axis|units?|labels?))['"]?\s*[:=]\s*['"]?)?"""
    r"(?:l\s+(?=\S))?"
)
_Q = re.compile(
    r"(?:scattering vector|momentum transfer)(?:[\s|$]*q[|$]*)?|[|$]*q[|$]*(?![a-z\d|$])"
)
_TWO_THETA = re.compile(
    r"(?:2|two)[\s_*-]*th(?:eta)?(?![a-z])|2\s*θ|2\s*ϑ|tth(?:eta)?(?![a-z])|polar_angle"
)
_OTHER = re.compile(
    r"radial\s+distance|(?:r|radius)(?:_m?m|\s*[(\[]m?m[)\]])(?![a-z])|d_(?:m|nm|a)(?![a-z])"
    r"|d(?:[\s_-]?spacing)?\s*[(\[]\s*(?:å|a|ang\w*|nm)\s*[)\]]|d\*2_|(?:log\w*|arcsinh)\(1?\+?q"
    r"|chi_(?:deg|rad)|azimuth\w*(?:\s+angle)?\s*[(\[]|q(?:x|y|xgi|ygi|zgi|ip|oop)_"
)
_SHIFT = re.compile(
    r"(?:raman[\s_-]*)?(?:shift|wave[\s_-]*numbers?|frequency)(?![a-z])|raman(?![a-z])"
)
_LIGHT = re.compile(r"wave\s*_?length\s*[(\[/,]\s*nm(?![a-z])")
_COLUMNS = re.compile(r"""['"]?[\s,;]*(?:$|(?:i|y|int\w*|counts?|signal)(?![a-z]))""")
# "2theta start = 10", "radius (mm): 217.5", but not "q: 1/nm".
_SETTING = re.compile(r"[^:=]*[:=]\s*(?!1\s*/)[-+.\d]")
# pyFAI 2026.9 writes the template of a label instead of the label.
_UNFORMATTED = "{str(dim1_unit)"


def scale_of_light(unit: str) -> Scale | None:
    """How positions of scattered light become an axis; None for other units.

    Parameters
    ----------
    unit : str
        Of Raman shifts, e.g. ``"1/cm"``, ``"rel. 1/cm"``; or of wavelengths, ``"nm"``.
    """
    low = unit.lower()
    if _PER_CENTIMETRE.search(low):
        return Scale("raman_shift", "1/cm")
    return Scale("wavelength", "nm") if _NANOMETRE.match(low) else None


def scale_of_unit(unit: str) -> Scale | None:
    """How positions in a unit become an axis; None for units that are not of 2θ or q.

    Parameters
    ----------
    unit : str
        E.g. ``"nm^-1"``, ``"1/angstrom"``, ``"deg"``.
    """
    low = unit.lower()
    if found := _INVERSE.search(low):
        return Scale("q", "1/angstrom", _PER_ANGSTROM[(found[1] or found[2])[0]])
    if found := _RADIAN.search(low):
        return _from_radians(found)
    if _DEGREE.search(low):
        return Scale()
    return None


def scale_of_label(path: Path, label: str, where: str = "") -> Scale | None:
    """How positions under a label become an axis.

    Parameters
    ----------
    path : Path
        For messages.
    label : str
        The label of the first column, or a line of a header that begins with it.
    where : str
        Place of the label, for messages.

    Returns
    -------
    Scale or None
        None if it is no label of positions.

    Raises
    ------
    ReaderError
        For positions of another kind, such as a distance on the detector.
    """
    low = label.lower()
    low = low[_LEAD.match(low).end() :]  # type: ignore[union-attr]
    if low.startswith(_UNFORMATTED):
        return Scale(note="the file does not say what its positions are; 2θ in degrees is assumed")
    if _SETTING.match(low):
        return None
    if _OTHER.match(low):
        raise ReaderError(
            path,
            f"positions are {label.strip()[:40]!r}",
            where=where,
            expected="2θ or q",
            remedy="integrate again over 2θ or q; the geometry of the detector is needed for that",
        )
    if found := _TWO_THETA.match(low):
        # The unit, if any, is the first thing said; other columns may follow.
        rest = re.match(r"[\s_,(\[/]*(?:angle)?[\s_,(\[/]*", low[found.end() :])
        behind = low[found.end() + (rest.end() if rest else 0) :]
        radians = _RADIAN.match(behind)
        return _from_radians(radians) if radians else Scale()
    if found := _SHIFT.match(low):
        behind = low[found.end() :]
        return scale_of_light(behind) if _PER_CENTIMETRE.search(behind[:24]) else None
    if _LIGHT.match(low):
        return Scale("wavelength", "nm")
    if found := _Q.match(low):
        return _q_scale(path, label, low[found.end() :], where)
    return None


def _from_radians(unit: re.Match[str]) -> Scale:
    return Scale(factor=(1e-3 if unit[1] else 1.0) * 180.0 / math.pi)


def _q_scale(path: Path, label: str, behind: str, where: str) -> Scale | None:
    """Scale of q from what follows the name."""
    opening = re.match(r"[\s_,:=($\[]*", behind)
    at = opening.end() if opening else 0
    # "q / nm^-1" and "q 1/nm" say the same; the form with the exponent is the longer one.
    for start in (at, at + 1) if behind[at : at + 1] == "/" else (at,):
        text = behind[start:].lstrip()
        if _INVERSE.match(text):
            return scale_of_unit(text)
    if _COLUMNS.match(behind):
        return Scale("q", "1/angstrom", note="the unit of q is not stated; 1/angstrom is assumed")
    if re.match(r"\s*[(\[]", behind):
        raise ReaderError(
            path,
            f"positions are {label.strip()[:40]!r}",
            where=where,
            expected="q in 1/angstrom or 1/nm",
            remedy="correct the label",
        )
    return None
