"""Results: declared columns with units, standard uncertainties and a status per frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import ResultsError
from spectra.notation import with_uncertainty
from spectra.stack import Stack, Variable
from spectra.status import Status, count_statuses

# Frames, and entries of a dimension, that a notebook shows.
_MOST_SHOWN = 20
_MOST_LABELS = 12

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas
    import xarray


@dataclass(frozen=True)
class Column:
    """One declared column of a table.

    Parameters
    ----------
    name, unit, meaning : str
        What it is called, its unit ("" for none) and one sentence.
    dims : tuple of str
        Dimensions after ``frame``, e.g. ``("peak",)``.
    stderr : bool
        Whether ``<name>_stderr``, its standard uncertainty, stands beside it.
    dtype : str
        Numpy type; floats are NaN where there is no result, integers -1.
    """

    name: str
    unit: str
    meaning: str
    dims: tuple[str, ...] = ()
    stderr: bool = False
    dtype: str = "float64"

    def as_int(self) -> Column:
        """The same column holding whole numbers."""
        return replace(self, dtype="int32")

    def expand(self) -> tuple[Column, ...]:
        """This column and, where it has one, its standard uncertainty."""
        if not self.stderr:
            return (self,)
        meaning = f"standard uncertainty of {self.name}"
        return self, replace(self, name=f"{self.name}_stderr", meaning=meaning, stderr=False)


@dataclass(frozen=True)
class Table:
    """The declaration of a Results: read by the writer, the report and the docs.

    Parameters
    ----------
    name : str
        E.g. ``peaks``.
    columns : tuple of Column
    coords : mapping of dimension name to mapping of label arrays
        What the entries of each dimension are, e.g. ``{"peak": {"label": [...]}}``; the
        arrays of one dimension have its length.
    default : str
        The column that a plain plot shows.
    """

    name: str
    columns: tuple[Column, ...]
    coords: Mapping[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict)
    default: str = ""

    def size(self, dim: str) -> int:
        """Length of a dimension."""
        try:
            return len(next(iter(self.coords[dim].values())))
        except (KeyError, StopIteration):
            raise ResultsError(f"table {self.name!r} has no dimension {dim!r}") from None

    def all_columns(self) -> tuple[Column, ...]:
        """Every stored column, uncertainties included."""
        return tuple(c for column in self.columns for c in column.expand())

    def column(self, name: str) -> Column:
        """The declaration of the column called `name`."""
        for column in self.all_columns():
            if column.name == name:
                return column
        known = ", ".join(c.name for c in self.all_columns())
        raise ResultsError(f"table {self.name!r} has no column {name!r}; it has {known}")

    def shape(self, column: Column, n_frames: int) -> tuple[int, ...]:
        """Shape of a column's array for a number of frames."""
        return (n_frames, *(self.size(d) for d in column.dims))

    def empty(self, n_frames: int) -> dict[str, NDArray[Any]]:
        """Arrays for every column, filled with NaN (floats) or -1 (integers)."""
        arrays: dict[str, NDArray[Any]] = {}
        for column in self.all_columns():
            dtype = np.dtype(column.dtype)
            fill = np.nan if dtype.kind == "f" else -1
            arrays[column.name] = np.full(self.shape(column, n_frames), fill, dtype)
        return arrays


class _Rows:
    """Arrays of a known number of rows, filled block by block."""

    def __init__(self, n: int) -> None:
        self._n, self._filled = n, 0
        self._arrays: dict[tuple[str, str], NDArray[Any]] = {}

    def add(self, part: Mapping[tuple[str, str], NDArray[Any]], count: int) -> None:
        """Add a block of `count` rows."""
        if self._arrays and self._arrays.keys() != part.keys():
            odd = sorted(name for _, name in self._arrays.keys() ^ part.keys())
            raise ResultsError(f"blocks do not fit together: not all have {odd}")
        rows = slice(self._filled, self._filled + count)
        self._filled += count
        if self._filled > self._n:
            raise ResultsError(f"blocks of more than {self._n} frames")
        for name, values in part.items():
            self._room(name, values)[rows] = values

    def complete(self) -> dict[tuple[str, str], NDArray[Any]]:
        """The arrays, of which every row must have come."""
        if self._filled < self._n:
            raise ResultsError(f"blocks of {self._filled} frames; expected {self._n}")
        return self._arrays

    def _room(self, name: tuple[str, str], values: NDArray[Any]) -> NDArray[Any]:
        """The array for some values, as wide as the widest numbers so far."""
        room = self._arrays.get(name)
        if room is None:
            room = np.empty((self._n, *values.shape[1:]), values.dtype)
        elif room.dtype != values.dtype:
            room = room.astype(np.result_type(room, values), copy=False)
        self._arrays[name] = room
        return room


@dataclass(frozen=True, repr=False)
class Results:
    """One row per frame of a declared table.

    Parameters
    ----------
    table : Table
    columns : mapping of str to array (frames, ...)
        One array for every declared column, uncertainties included.
    status : array of int8 (frames,)
        Codes of `spectra.status.Status`.
    messages : tuple of str
        One per frame, empty where there is nothing to say.
    names : tuple of str
        One name per frame.
    variables : mapping of str to Variable
        The per-frame variables of the Stack.
    attrs : mapping
        What holds for the whole sequence (JSON-able: numbers, strings, lists, dicts).
    provenance : mapping
        Program, versions, method and settings, inputs; filled by the engine.

    Raises
    ------
    ResultsError
        If a declared column is missing, one is undeclared, or a shape is wrong.
    """

    table: Table
    columns: Mapping[str, NDArray[Any]]
    status: NDArray[np.int8]
    messages: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    variables: Mapping[str, Variable] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.status)
        declared = {c.name: c for c in self.table.all_columns()}
        if missing := declared.keys() - self.columns.keys():
            raise ResultsError(f"table {self.table.name!r} lacks columns {sorted(missing)}")
        if extra := self.columns.keys() - declared.keys():
            raise ResultsError(f"table {self.table.name!r}: undeclared columns {sorted(extra)}")
        for name, column in declared.items():
            want = self.table.shape(column, n)
            if self.columns[name].shape != want:
                raise ResultsError(
                    f"column {name!r} has shape {self.columns[name].shape}; expected {want}"
                )
        set_ = object.__setattr__
        set_(self, "names", self.names or tuple(f"frame {i}" for i in range(n)))
        set_(self, "messages", self.messages or ("",) * n)
        if not len(self.names) == len(self.messages) == n:
            raise ResultsError(
                f"{n} frames, but {len(self.names)} names and {len(self.messages)} messages"
            )
        for part in ("columns", "variables", "attrs", "provenance"):
            set_(self, part, MappingProxyType(dict(getattr(self, part))))

    def __getstate__(self) -> dict[str, Any]:
        proxies = ("columns", "variables", "attrs", "provenance")
        return {k: dict(v) if k in proxies else v for k, v in self.__dict__.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for part in ("columns", "variables", "attrs", "provenance"):
            state[part] = MappingProxyType(state[part])
        self.__dict__.update(state)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.status)

    def __len__(self) -> int:
        return self.n_frames

    def column(self, name: str) -> NDArray[Any]:
        """The array of a column (frames, ...)."""
        self.table.column(name)
        return self.columns[name]

    def __getitem__(self, key: str | int | slice | ArrayLike) -> Any:
        """A column by its name, or some of the frames as Results."""
        if isinstance(key, str):
            return self.column(key)
        if isinstance(key, int | np.integer):
            index = int(key) + (self.n_frames if key < 0 else 0)
            if not 0 <= index < self.n_frames:
                raise IndexError(f"frame {key} of results of {self.n_frames}")
            key = slice(index, index + 1)
        rows = np.arange(self.n_frames)[key if isinstance(key, slice) else np.asarray(key)]
        return replace(
            self,
            columns={k: v[rows] for k, v in self.columns.items()},
            status=self.status[rows],
            messages=tuple(self.messages[i] for i in rows.tolist()),
            names=tuple(self.names[i] for i in rows.tolist()),
            variables={k: v[rows] for k, v in self.variables.items()},
        )

    def blocks(self, size: int = 64) -> Iterator[tuple[int, Results]]:
        """Yield ``(start, frames start:start+size)`` in order."""
        for start in range(0, self.n_frames, size):
            yield start, self[start : start + size]

    def load(self) -> Results:
        """Results are always in memory: itself (a Stack has the same verb)."""
        return self

    def ok(self) -> NDArray[np.bool_]:
        """Which frames have trusted numbers (status ok or at_bound)."""
        return np.isin(self.status, (Status.OK, Status.AT_BOUND))

    @classmethod
    def concatenate(cls, parts: Iterable[Results], n_frames: int | None = None) -> Results:
        """Join blocks of the same table in the order given.

        What holds for the whole sequence comes from the first block that states anything:
        blocks whose frames all failed may not.

        Parameters
        ----------
        parts : iterable of Results
        n_frames : int, optional
            How many frames the blocks have in all; if it is given, blocks that are made on
            demand are never all in memory.

        Raises
        ------
        ResultsError
            If there is none, or they do not fit together.
        """
        if n_frames is None:
            parts = list(parts)
            n_frames = sum(map(len, parts))
        first: Results | None = None
        attrs: Mapping[str, Any] = {}
        messages: list[str] = []
        names: list[str] = []
        rows = _Rows(n_frames)
        for part in parts:
            first = first or part
            attrs = attrs or part.attrs
            messages += part.messages
            names += part.names
            rows.add(part._arrays(), len(part))
        if first is None:
            raise ResultsError("nothing to join")
        return first._with_arrays(rows.complete(), messages, names, attrs)

    def _arrays(self) -> dict[tuple[str, str], NDArray[Any]]:
        """Everything that has a row per frame and is an array."""
        arrays: dict[tuple[str, str], NDArray[Any]] = {("", "status"): self.status}
        arrays |= {("column", k): v for k, v in self.columns.items()}
        for name, variable in self.variables.items():
            arrays["value", name] = variable.values
            if variable.stderr is not None:
                arrays["stderr", name] = np.asarray(variable.stderr, dtype=float)
        return arrays

    def _with_arrays(
        self,
        arrays: Mapping[tuple[str, str], NDArray[Any]],
        messages: Sequence[str],
        names: Sequence[str],
        attrs: Mapping[str, Any],
    ) -> Results:
        """The same table with the rows of `_arrays`, be they more or fewer."""
        return replace(
            self,
            columns={k: arrays["column", k] for k in self.columns},
            status=arrays["", "status"],
            messages=tuple(messages),
            names=tuple(names),
            variables={
                k: replace(v, values=arrays["value", k], stderr=arrays.get(("stderr", k)))
                for k, v in self.variables.items()
            },
            attrs=attrs,
        )

    def to_xarray(self) -> xarray.Dataset:
        """All columns as an `xarray.Dataset` with dimension ``frame`` first."""
        import xarray as xr

        data: dict[str, Any] = {
            c.name: (
                ("frame", *_unique_dims(c.dims)),
                self.columns[c.name],
                {"units": c.unit, "long_name": c.meaning},
            )
            for c in self.table.all_columns()
        }
        data["status"] = ("frame", self.status)
        data["message"] = ("frame", np.array(self.messages, dtype=object))
        coords: dict[str, Any] = {"name": ("frame", np.array(self.names, dtype=object))}
        coords |= {k: ("frame", v.values, {"units": v.unit}) for k, v in self.variables.items()}
        for dim, labels in self.table.coords.items():
            coords |= {f"{dim}_{k}": (dim, np.asarray(v)) for k, v in labels.items()}
        return xr.Dataset(data, coords)

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per frame; further dimensions become columns named ``name[label]``.

        Columns of more than one further dimension (covariances) are left to `to_xarray`.
        """
        import pandas as pd

        data: dict[str, Any] = {"name": list(self.names)}
        data |= {k: v.values for k, v in self.variables.items()}
        data["status"] = [Status(s).label for s in self.status]
        data["message"] = list(self.messages)
        for column in self.table.all_columns():
            values = self.columns[column.name]
            if not column.dims:
                data[column.name] = values
            elif len(column.dims) == 1:
                labels = next(iter(self.table.coords[column.dims[0]].values()))
                data |= {f"{column.name}[{lb}]": values[:, i] for i, lb in enumerate(labels)}
        return pd.DataFrame(data)

    def plot(
        self, column: str = "", *, against: str = "", ax: matplotlib.axes.Axes | None = None
    ) -> matplotlib.axes.Axes:
        """Plot one column with error bars against the frame number or a variable."""
        import matplotlib.pyplot as plt

        ax = ax if ax is not None else plt.subplots()[1]
        name = column or self.table.default or self.table.columns[0].name
        spec = self.table.column(name)
        y = self.column(name).reshape(self.n_frames, -1)
        dy = self.columns.get(f"{name}_stderr")
        x = self.variables[against].values if against else np.arange(self.n_frames)
        labels = self._labels(spec)
        for i in range(y.shape[1]):
            yerr = None if dy is None else dy.reshape(self.n_frames, -1)[:, i]
            label = labels[i] if labels else None
            ax.errorbar(x, y[:, i], yerr=yerr, fmt="o", ms=3, lw=0.8, capsize=2, label=label)
        if 1 < len(labels) <= _MOST_LABELS:
            ax.legend()
        unit = self.variables[against].unit if against else ""
        ax.set_xlabel(f"{against} ({unit})" if unit else against or "frame")
        ax.set_ylabel(f"{name} ({spec.unit})" if spec.unit else name)
        return ax

    def __repr__(self) -> str:
        columns = ", ".join(c.name for c in self.table.columns)
        return (
            f"<Results {self.table.name}: {self.n_frames} frames; {columns}; "
            f"status: {count_statuses(self.status)}>"
        )

    def _labels(self, column: Column) -> list[str]:
        """What the entries of a column of one further dimension are called."""
        if len(column.dims) != 1:
            return []
        return [str(v) for v in next(iter(self.table.coords[column.dims[0]].values()))]

    def _repr_html_(self) -> str:
        """The first frames, values with their uncertainties; wide columns are left out."""
        from html import escape

        import pandas as pd

        first = self[:_MOST_SHOWN]
        data: dict[str, Any] = {"name": list(first.names)}
        data |= {k: [f"{x:.6g}" for x in v.values.tolist()] for k, v in first.variables.items()}
        data["status"] = [Status(s).label for s in first.status]
        left = []
        for column in self.table.columns:
            labels = self._labels(column)
            wide = len(column.dims) > 1 or len(labels) > _MOST_LABELS
            if wide and (len(column.dims) > 1 or column.name != self.table.default):
                left.append(column.name)
                continue
            values, errors = first.columns[column.name], first.columns.get(f"{column.name}_stderr")
            for i, label in enumerate(labels[:_MOST_LABELS] or [""]):
                at = (slice(None), i) if labels else slice(None)
                own = None if errors is None else errors[at]
                data[f"{column.name}[{label}]" if labels else column.name] = _told(values[at], own)
        head = f"<p>{escape(repr(self))}</p>"
        more = f"<p>Not shown: {escape(', '.join(left))}.</p>" if left else ""
        return head + str(pd.DataFrame(data).to_html()) + more


def _told(values: NDArray[Any], errors: NDArray[Any] | None) -> list[str]:
    """Values as they are read, with their uncertainties in brackets."""
    if errors is not None:
        pairs = zip(values.tolist(), errors.tolist(), strict=True)
        return [with_uncertainty(v, e) for v, e in pairs]
    return [f"{v:.6g}" if isinstance(v, float) else str(v) for v in values.tolist()]


@dataclass(frozen=True)
class Record:
    """What a recipe left behind: its stack, the results of its steps, and how they came about.

    Parameters
    ----------
    steps : mapping of str to Results
        Results by the name of the step, in the order they were made.
    stack : Stack, optional
        The measurements themselves.
    recipe : mapping
        The recipe as plain data, from which the run can be repeated; empty for a plain `run`.
    provenance : mapping
        Program, versions, date.
    """

    steps: Mapping[str, Results]
    stack: Stack | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


def _unique_dims(dims: tuple[str, ...]) -> tuple[str, ...]:
    """Name a repeated dimension (a covariance's second axis) differently, for xarray."""
    return tuple(d if d not in dims[:i] else f"{d}_2" for i, d in enumerate(dims))
