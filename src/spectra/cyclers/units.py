"""Titles of columns: what they are called, and their units.

A title is a name and a unit in one of the ways cyclers and people write it: ``Ewe/V``,
``Current(mA)``, ``Test Time (s)``, ``voltage [V]``, ``current_mA``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from spectra.errors import ReaderError

_HOURS = ("h", "hr", "hrs", "hour", "hours", "小时")
_MINUTES = ("min", "mins", "minute", "minutes", "分钟")
_SECONDS = ("s", "sec", "secs", "second", "seconds", "秒")

# To s, V, A and mAh. Spelled in lower case, µ as u, without dots and spaces.
FACTORS: dict[str, dict[str, float]] = {
    "time": {
        **dict.fromkeys(_SECONDS, 1.0),
        **dict.fromkeys(_MINUTES, 60.0),
        **dict.fromkeys(_HOURS, 3600.0),
        "ms": 1e-3,
        "d": 86400.0,
        "day": 86400.0,
        "days": 86400.0,
    },
    "voltage": {"v": 1.0, "volt": 1.0, "volts": 1.0, "mv": 1e-3, "uv": 1e-6},
    "current": {
        "a": 1.0,
        "amp": 1.0,
        "amps": 1.0,
        "ampere": 1.0,
        "ma": 1e-3,
        "ua": 1e-6,
        "na": 1e-9,
    },
    "capacity": {"mah": 1.0, "ah": 1e3, "uah": 1e-3, "c": 1 / 3.6, "mc": 1e-3 / 3.6},
}
_SHOWN = {
    "time": "s, min, h, d, ms",
    "voltage": "V, mV, µV",
    "current": "A, mA, µA, nA",
    "capacity": "mAh, Ah, µAh, C, mC",
}
_FULL_WIDTH = str.maketrans("（）［］／", "()[]/")


@dataclass(frozen=True)
class Title:
    """A column's title taken apart.

    Attributes
    ----------
    text : str
        As it stands in the file.
    name : str
        In lower case, words parted by one space.
    unit : str
        As written; empty if there is none.
    """

    text: str
    name: str
    unit: str

    @classmethod
    def parse(cls, text: str) -> Title:
        """Take a title apart.

        Examples
        --------
        >>> Title.parse("Chg. Cap.(Ah)")
        Title(text='Chg. Cap.(Ah)', name='chg cap', unit='Ah')
        >>> Title.parse("(Q-Qo)/mA.h").name
        'q qo'
        """
        plain = text.translate(_FULL_WIDTH).strip().strip("\"'")
        bracketed = re.fullmatch(r"(.+?)\s*[(\[]([^()\[\]]*)[)\]]", plain)
        if bracketed:
            name, unit = bracketed[1], bracketed[2]
        else:
            name, _, unit = plain.partition("/")
        return cls(text, _plain_name(name), unit.strip())

    def is_called(self, name: str, quantity: str) -> bool:
        """Whether the title is this name, perhaps with a unit as its last word."""
        if self.name == name:
            return True
        first, _, last = self.name.rpartition(" ")
        return not self.unit and first == name and last in FACTORS.get(quantity, {})

    def factor(self, quantity: str, path: str, role: str) -> float:
        """Factor to s, V, A or mAh; `role` is what ``columns=`` calls the column.

        Raises
        ------
        ReaderError
            If there is no unit, or one that is not known.
        """
        first, _, last = self.name.rpartition(" ")
        unit = self.unit or (last if first else "")
        known = FACTORS[quantity].get(_plain_unit(unit))
        if known is not None:
            return known
        example = _SHOWN[quantity].split(",")[0]
        raise ReaderError(
            path,
            f"unit {self.unit!r}" if self.unit else "a column without a unit",
            where=f"column {self.text!r}",
            expected=f"one of {_SHOWN[quantity]}",
            remedy=f"say it behind the title: columns={{{role!r}: '{self.text} [{example}]'}}",
        )

    @property
    def is_specific(self) -> bool:
        """Whether the unit is per gram or per area."""
        return "/" in _plain_unit(self.unit)


def _plain_name(name: str) -> str:
    return re.sub(r"[\s_.\-]+", " ", re.sub(r"[<>|()\"']", "", name.lower())).strip()


def _plain_unit(unit: str) -> str:
    unit = re.sub(r"\s+vs\b.*", "", unit)  # "V vs. Li/Li+" is a voltage.
    return re.sub(r"[\s.·*]", "", unit.lower().replace("µ", "u").replace("μ", "u"))
