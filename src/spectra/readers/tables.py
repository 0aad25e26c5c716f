"""Tables of columns as files hold them, and the spectra of absorption made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError, SettingError
from spectra.readers.absorption import (
    Choice,
    Energies,
    choose_signal,
    find_energy,
    quantity_of,
    to_electronvolt,
)
from spectra.readers.arithmetic import calculate, columns_in
from spectra.readers.chi_columns import chi_frame, holds_chi
from spectra.readers.frame import Frame, Reader
from spectra.readers.ordering import order_points

FloatArray = NDArray[np.float64]
MIN_POINTS = 3


@dataclass(frozen=True)
class Table:
    """What a file records point by point, before anything is chosen from it.

    Parameters
    ----------
    columns : mapping of name to array (points,)
        In the order of the file; names as `spectra.readers.arithmetic.column_name` makes them.
    units : mapping of name to str
        Of the columns whose units are known.
    d_spacing : float
        Of the monochromator's crystal in angstrom; NaN if not known.
    variables, metadata : mapping
        As in `spectra.readers.frame.Frame`.
    name, place : str
        To tell tables of one file apart: what people call it, and where it stands.
    note : str
        What must be known about it.
    signal : str
        The column that the file itself says is plotted; "" if it does not.
    """

    columns: Mapping[str, FloatArray]
    units: Mapping[str, str] = field(default_factory=dict)
    d_spacing: float = float("nan")
    variables: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    place: str = ""
    note: str = ""
    signal: str = ""


@dataclass(frozen=True)
class Selection:
    """What a user wants of tables.

    Parameters
    ----------
    signal : str
        Expression in the columns; by default `spectra.readers.absorption.choose_signal`.
    channels : mapping of name to expression
        Beside those found by default.
    energy : str
        Expression that gives the photon energy.
    quantity : str
        What the signal is: ``mu``, ``norm``, ``intensity`` or, over k, ``chi``.
    entries : tuple of str
        Names or patterns of the tables wanted, of files that hold several.
    """

    signal: str = ""
    channels: Mapping[str, str] = field(default_factory=dict)
    energy: str = ""
    quantity: str = ""
    entries: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.quantity not in ("", "mu", "norm", "intensity", "chi"):
            raise SettingError(
                f"quantity = {self.quantity!r}; expected 'mu', 'norm', 'intensity' or 'chi'"
            )

    def __bool__(self) -> bool:
        return self != Selection()

    @property
    def of_columns(self) -> bool:
        """Whether something is wanted that only files of columns have."""
        return self != Selection(entries=self.entries)

    def choice(self, names: list[str]) -> Choice | None:
        """What is made of columns of these names; None if that cannot be told."""
        found = choose_signal(names)
        if not self.signal:
            return found and self._complete(found)
        others = {k: v for k, v in (found.channels if found else {}).items() if v != self.signal}
        return self._complete(Choice(self.signal, quantity_of(self.signal), others))

    def _complete(self, choice: Choice) -> Choice:
        return replace(
            choice,
            quantity=self.quantity or choice.quantity,
            channels={**choice.channels, **self.channels},
        )

    def only(self, name: str) -> Choice:
        """What is made of a table with one column, of this name, beside the energy."""
        return self._complete(Choice(name, quantity_of(name)))

    def takes(self, *names: str) -> bool:
        """Whether a table of any of these names is wanted."""
        return not self.entries or any(
            fnmatchcase(name, entry) or name.strip("/") == entry.strip("/")
            for entry in self.entries
            for name in names
        )


def make_frame(path: Path, table: Table, selection: Selection) -> Frame:
    """Make the spectrum that is wanted of a table.

    Equal energies are averaged, column by column, before anything is calculated.

    Raises
    ------
    ReaderError
        If there is no energy or no signal; it names the columns.
    """
    if not table.columns:
        raise ReaderError(path, table.note or "no columns", where=table.name or table.place)
    if selection.quantity == "chi" or (not selection and holds_chi(table.columns)):
        return _chi_frame(path, table, selection)
    energies = choose_energy(
        path, table.columns, table.units, selection, table.d_spacing, table.name
    )
    order = order_points(energies.values)
    if len(order.starts) < MIN_POINTS:
        raise ReaderError(
            path,
            f"{len(order.starts)} points",
            where=table.name,
            expected=f"at least {MIN_POINTS}",
            remedy="leave it out",
        )
    names = list(table.columns)
    choice = choose(path, names, energies, selection, table.name, table.signal)
    columns = {name: order.apply(column) for name, column in table.columns.items()}
    y = evaluate(path, choice.signal, columns, table.name)
    finite = int(np.isfinite(y).sum())
    if finite < MIN_POINTS:
        raise ReaderError(
            path,
            f"the signal {choice.signal} has {finite} finite points of {len(y)}",
            where=table.name,
            expected=f"at least {MIN_POINTS}",
            remedy=f"signal= with others of the columns {', '.join(columns)}",
        )
    channels = {n: evaluate(path, t, columns, table.name) for n, t in choice.channels.items()}
    missing = f"{len(y) - finite} points have no finite signal" if finite < len(y) else ""
    notes = (table.note, energies.note, order.note, missing)
    return Frame(
        order.apply(energies.values),
        y,
        variables=table.variables,
        metadata={**table.metadata, "signal": choice.signal},
        axis="energy",
        unit="eV",
        quantity=choice.quantity,
        # A detector that was not there is no channel, unless it was asked for.
        channels={
            name: values
            for name, values in channels.items()
            if name in selection.channels or np.isfinite(values).any()
        },
        name=table.name,
        note="; ".join(note for note in notes if note),
    )


def _chi_frame(path: Path, table: Table, selection: Selection) -> Frame:
    """χ(k) of a table."""
    frame = chi_frame(path, table.columns, selection.signal, table.name)
    return replace(
        frame,
        variables=table.variables,
        metadata={**table.metadata, **frame.metadata},
        note="; ".join(filter(None, (table.note, frame.note))),
    )


def make_frames(path: Path, tables: list[Table]) -> list[Frame]:
    """The spectra of tables of which nothing special is wanted, but for those that fail.

    Raises
    ------
    ReaderError
        If all fail: what is wrong with the first.
    """
    frames, errors = [], []
    for table in tables:
        try:
            frames.append(make_frame(path, table, Selection()))
        except ReaderError as error:
            errors.append(error)
    if errors and not frames:
        raise errors[0]
    return frames


def table_reader(
    name: str,
    extensions: tuple[str, ...],
    sniff: Callable[[bytes, Path], bool],
    tables: Callable[[Path], list[Table]],
) -> Reader:
    """A reader of a format that holds tables of columns."""
    return Reader(
        name, extensions, sniff, lambda path: make_frames(path, tables(path)), tables=tables
    )


def wanted(path: Path, tables: list[Table], selection: Selection) -> list[Table]:
    """The tables that are wanted.

    Raises
    ------
    ReaderError
        If there are none, naming those there are.
    """
    found = [t for t in tables if selection.takes(t.name, t.place)]
    if found or not tables:
        return found
    named = list(dict.fromkeys(t.name or t.place for t in tables))
    more = "…" if len(named) > 12 else ""
    raise ReaderError(
        path,
        f"nothing in it is called {' or '.join(map(repr, selection.entries))}",
        expected=f"one of {', '.join(named[:12])}{more}",
        remedy="correct entry=",
    )


def choose_energy(
    path: Path,
    columns: Mapping[str, FloatArray],
    units: Mapping[str, str],
    selection: Selection,
    d_spacing: float = float("nan"),
    where: str = "",
) -> Energies:
    """Photon energies of columns as they are wanted."""
    if not selection.energy:
        return find_energy(path, columns, units, d_spacing, where)
    values = evaluate(path, selection.energy, columns, where)
    used = columns_in(selection.energy, columns)
    unit = units.get(next(iter(used)), "") if len(used) == 1 else ""
    electronvolts, note = to_electronvolt(path, values, unit, selection.energy, where)
    return Energies(electronvolts, used, note)


def choose(
    path: Path,
    names: list[str],
    energies: Energies,
    selection: Selection,
    where: str = "",
    stated: str = "",
) -> Choice:
    """What is made of columns of these names; if they do not tell, of the one the file plots.

    Raises
    ------
    ReaderError
        If nothing tells.
    """
    others = [name for name in names if name not in energies.used]
    if choice := selection.choice(others):
        return choice
    if len(others) == 1 or stated in others:
        return selection.only(stated if stated in others else others[0])
    raise ReaderError(
        path,
        f"nothing says which of the columns {', '.join(names)} is the absorption",
        where=where,
        remedy="say it, as in signal='ln(i0/i1)'",
    )


def evaluate(
    path: Path, text: str, columns: Mapping[str, FloatArray], where: str = ""
) -> FloatArray:
    """`calculate`, with errors that name the file and its columns."""
    try:
        return calculate(text, columns)
    except SettingError as error:
        names = f"columns {', '.join(columns)} (col1 to col{len(columns)})"
        raise ReaderError(
            path,
            str(error),
            where=where,
            expected="" if "; there are " in str(error) else names,
            remedy="correct the expression",
        ) from None
