"""Results: declared columns with units, standard uncertainties and a status per frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra import views
from spectra.errors import ResultsError
from spectra.notebook import small_table
from spectra.rows import Rows
from spectra.stack import Stack, Variable
from spectra.status import Status, count_statuses

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
    headline : str
        What a summary of samples calls it, e.g. ``V``; "" for what it leaves out.
    """

    name: str
    unit: str
    meaning: str
    dims: tuple[str, ...] = ()
    stderr: bool = False
    dtype: str = "float64"
    headline: str = ""

    def as_int(self) -> Column:
        """The same column holding whole numbers."""
        return replace(self, dtype="int32")

    def expand(self) -> tuple[Column, ...]:
        """This column and, where it has one, its standard uncertainty."""
        if not self.stderr:
            return (self,)
        meaning = f"standard uncertainty of {self.name}"
        error = replace(self, name=f"{self.name}_stderr", meaning=meaning, stderr=False)
        return self, replace(error, headline="")


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
    depth : str
        ``bulk`` or ``surface`` where the numbers speak of one of them by the nature of the
        method, unless the measurement tells otherwise (`spectra.depths.depth_of`).
    """

    name: str
    columns: tuple[Column, ...]
    coords: Mapping[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict)
    default: str = ""
    depth: str = ""

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
        if name not in self.columns:
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
        rows: Any = key
        if isinstance(key, slice):
            messages, names = self.messages[key], self.names[key]
        else:
            rows = np.arange(self.n_frames)[np.asarray(key)]
            messages = tuple(self.messages[i] for i in rows.tolist())
            names = tuple(self.names[i] for i in rows.tolist())
        return replace(
            self,
            columns={k: v[rows] for k, v in self.columns.items()},
            status=self.status[rows],
            messages=messages,
            names=names,
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
        rows = Rows(n_frames)
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
        return views.to_xarray(self)

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per frame; further dimensions become columns named ``name[label]``.

        Columns of more than one further dimension (covariances) are left to `to_xarray`.
        """
        return views.to_dataframe(self)

    def plot(
        self, column: str = "", *, against: str = "", ax: matplotlib.axes.Axes | None = None
    ) -> matplotlib.axes.Axes:
        """Plot one column with error bars against the frame number or a variable."""
        return views.plot(self, column, against=against, ax=ax)

    def __repr__(self) -> str:
        columns = ", ".join(c.name for c in self.table.columns)
        return (
            f"<Results {self.table.name}: {self.n_frames} frames; {columns}; "
            f"status: {count_statuses(self.status)}>"
        )

    def _repr_html_(self) -> str:
        """The first frames, values with their uncertainties; wide columns are left out."""
        return views.to_html(self)


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

    def _repr_html_(self) -> str:
        """What each step has, and what became of its frames."""
        rows = [
            (
                name,
                r.table.name,
                len(r),
                _counted(r.status),
                ", ".join(c.name for c in r.table.columns),
            )
            for name, r in self.steps.items()
        ]
        title = str(self.recipe.get("title", "")) or "Record"
        return small_table(title, rows, ("step", "table", "frames", "status", "columns"))


def _counted(status: NDArray[np.int8]) -> str:
    """How many frames have which status, in words."""
    return ", ".join(f"{n} {s}" for s, n in count_statuses(status).items())
