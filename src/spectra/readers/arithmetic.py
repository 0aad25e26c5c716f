"""Signals calculated from columns, such as ``ln(i0/itrans)`` or ``sum(roi_*)/i0``."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.fit.expressions import Dual, Expression, parse_expression

FloatArray = NDArray[np.float64]

_SUM = re.compile(r"\bsum\(\s*([a-z_]\w*)\*\s*\)")
_NUMBER = re.compile(r"\bcol\d", re.IGNORECASE)
_LOGARITHM = re.compile(r"\bln\s*\(")


def column_name(label: str) -> str:
    """A label as it is called in expressions: ``"xmu(trans)"`` becomes ``"xmu_trans"``.

    Examples
    --------
    >>> column_name("Shifted energy"), column_name("2nd I0")
    ('shifted_energy', '_2nd_i0')
    """
    name = re.sub(r"\W+", "_", label.strip().lower(), flags=re.ASCII).strip("_")
    return f"_{name}" if name[:1].isdigit() else name


def name_columns(labels: Iterable[str]) -> list[str]:
    """Names of columns under these labels: all different, ``col3`` where there is none."""
    names: list[str] = []
    for number, label in enumerate(labels, 1):
        name = column_name(label) or f"col{number}"
        own, count = name, 1
        while own in names:
            count += 1
            own = f"{name}_{count}"
        names.append(own)
    return names


def calculate(text: str, columns: Mapping[str, FloatArray]) -> FloatArray:
    """Calculate a signal from columns.

    Parameters
    ----------
    text : str
        Arithmetic with ``ln``, ``log10``, ``exp``, ``sqrt`` and the like (`spectra.fit`) on the
        names of columns, in upper or lower case. ``col1``, ``col2`` … are the columns by their
        number, and ``sum(roi_*)`` adds all columns whose names begin with ``roi_``.
    columns : mapping of name to array
        Arrays that fit each other's shapes.

    Returns
    -------
    array
        What is not finite, such as the logarithm of a negative number, is NaN.

    Raises
    ------
    SettingError
        For what is not arithmetic or names no column; it names the columns there are.
    """
    expression, called = _parse(text, columns)
    used = {n: Dual(np.asarray(columns[called[n]], dtype=float), {}) for n in expression.names}
    value = expression.evaluate(used).value
    if np.iscomplexobj(value):
        raise SettingError(f"the expression {text!r} gives complex numbers")
    shape = np.broadcast_shapes(*(c.shape for c in columns.values()))
    out = np.array(np.broadcast_to(np.asarray(value, dtype=float), shape))
    out[~np.isfinite(out)] = np.nan
    return out


def columns_in(text: str, columns: Mapping[str, object]) -> frozenset[str]:
    """Names of the columns that an expression uses.

    Raises
    ------
    SettingError
        As `calculate`.
    """
    expression, called = _parse(text, columns)
    return frozenset(called[name] for name in expression.names)


def _parse(text: str, columns: Iterable[str]) -> tuple[Expression, dict[str, str]]:
    """An expression, and the columns by what it calls them."""
    called, plain = _called(text, columns), _plain(text, columns)
    try:
        return parse_expression(plain, set(called), kind="column"), called
    except SettingError as error:
        raise SettingError(str(error).replace(repr(plain), repr(text))) from None


def _called(text: str, columns: Iterable[str]) -> dict[str, str]:
    """Columns by what an expression calls them: their numbers only where it uses some."""
    names = list(columns)
    called = {f"col{i}": name for i, name in enumerate(names, 1)} if _NUMBER.search(text) else {}
    return called | {_spelled(name): name for name in names}


def _spelled(name: str) -> str:
    """A column's name as `parse_expression` can read it: `if`, of fluorescence, is a keyword."""
    return f"{name}_column" if keyword.iskeyword(name) else name


def _plain(text: str, names: Iterable[str]) -> str:
    """The expression in the language of `parse_expression`."""

    def add(found: re.Match[str]) -> str:
        parts = [name for name in names if name.startswith(found[1])]
        if not parts:
            raise SettingError(
                f"the expression {text!r}: no column begins with {found[1]!r}; "
                f"there are {', '.join(names)}"
            )
        return f"({'+'.join(parts)})"

    plain = _SUM.sub(add, _LOGARITHM.sub("log(", text.lower()))
    for name in filter(keyword.iskeyword, names):
        plain = re.sub(rf"\b{name}\b", _spelled(name), plain)
    return plain
