"""Stack: many spectra or patterns on one axis, with one row of variables per frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import StackError
from spectra.notebook import small_table
from spectra.status import count_statuses

if TYPE_CHECKING:
    import matplotlib.axes
    import xarray

Noise = Literal["counts", "given", "unknown"]
FloatArray = NDArray[np.float64]

_MAPPINGS = ("channels", "variables", "metadata")


class ArraySource(Protocol):
    """What a Stack asks of its data: a shape and slices of whole frames."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True)
class FrameSlice:
    """Frames ``start:stop`` of a source on disk, read only when asked for."""

    source: ArraySource
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.stop - self.start, *self.source.shape[1:])

    def __getitem__(self, key: Any, /) -> Any:
        if isinstance(key, slice):
            first, last, step = key.indices(self.stop - self.start)
            if step == 1:
                return self.source[self.start + first : self.start + max(first, last)]
        return np.asarray(self.source[self.start : self.stop])[key]


@dataclass(frozen=True)
class Axis:
    """The common axis of a Stack: its values (points,), name, unit and label."""

    values: FloatArray
    name: str = "two_theta"
    unit: str = "deg"
    long_name: str = ""

    @property
    def label(self) -> str:
        return f"{self.long_name or self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class Variable:
    """One number per frame, such as time, voltage or temperature.

    ``stderr`` is its standard uncertainty (frames,) or None where it is not known.
    """

    values: FloatArray
    unit: str = ""
    long_name: str = ""
    stderr: FloatArray | None = None

    def __getitem__(self, key: Any) -> Variable:
        stderr = None if self.stderr is None else np.atleast_1d(self.stderr[key])
        return replace(self, values=np.atleast_1d(self.values[key]), stderr=stderr)


@dataclass(frozen=True)
class InputFile:
    """A file that a Stack was read from: path, SHA-256 of its bytes, size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, repr=False)
class Stack:
    """Frames × points on one axis.

    Parameters
    ----------
    axis : Axis
        Strictly increasing, finite values (points,).
    signal : array of shape (frames, points)
        Intensities; NaN where nothing was measured. An array, or a source on disk that
        reads whole frames when sliced.
    errors : array of shape (frames, points), optional
        Standard uncertainties of `signal`; NaN where unknown.
    noise : {"counts", "given", "unknown"}
        What `signal` scatters like: Poisson counts (uncertainties follow from the counts),
        the uncertainties given in `errors`, or not known (estimated from residuals).
    quantity : str
        What `signal` is: ``intensity``, ``mu`` (absorption on any scale), ``norm``
        (absorption over its edge step) or ``chi`` (EXAFS over k).
    channels : mapping of str to array (frames, points)
        Further signals recorded point by point with the first, such as the absorption of a
        reference foil (``reference``) or the yield of fluorescence beside that of electrons.
    variables : mapping of str to Variable
        One number per frame each.
    names : tuple of str
        One name per frame (file name, range number…), used in messages.
    status : array of int8 (frames,)
        Codes of `spectra.status.Status`: OK, or BAD_INPUT for a frame that could not be read.
    messages : tuple of str
        One per frame, empty where all is well.
    metadata : mapping
        Scalars and strings common to all frames, e.g. ``wavelength`` in angstrom.
    inputs : tuple of InputFile
        The files read.
    title : str
        Shown above plots.

    Raises
    ------
    StackError
        If the parts do not fit together or the axis is not strictly increasing.

    Examples
    --------
    >>> stack = Stack.from_arrays([1.0, 2.0, 3.0], [[4, 5, 6], [7, 8, 9]], noise="counts")
    >>> stack.n_frames, stack.n_points
    (2, 3)
    >>> stack[1].load().signal
    array([[7., 8., 9.]])
    """

    axis: Axis
    signal: ArraySource
    errors: ArraySource | None = None
    noise: Noise = "unknown"
    quantity: str = "intensity"
    channels: Mapping[str, ArraySource] = field(default_factory=dict)
    variables: Mapping[str, Variable] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    status: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    messages: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[InputFile, ...] = ()
    title: str = ""

    def __post_init__(self) -> None:
        shape = tuple(self.signal.shape)
        if len(shape) != 2:
            raise StackError(f"signal has shape {shape}; expected (frames, points)")
        n_frames, n_points = shape
        x = self.axis.values
        if x.shape != (n_points,):
            raise StackError(f"axis has shape {x.shape}, signal {shape}; expected ({n_points},)")
        if not np.isfinite(x).all() or (np.diff(x) <= 0).any():
            bad = int(np.flatnonzero(~np.isfinite(x) | (np.diff(x, prepend=-np.inf) <= 0))[0])
            raise StackError(
                f"axis {self.axis.name!r} is not strictly increasing at point {bad} "
                f"(value {x[bad]!r}); sort the points and drop repeated ones first"
            )
        if self.errors is not None and tuple(self.errors.shape) != shape:
            raise StackError(f"errors have shape {self.errors.shape}, signal {shape}")
        if self.noise == "given" and self.errors is None:
            raise StackError('noise="given" needs errors')
        for name, channel in self.channels.items():
            if tuple(channel.shape) != shape:
                raise StackError(f"channel {name!r} has shape {channel.shape}, signal {shape}")
        for name, variable in self.variables.items():
            if variable.values.shape != (n_frames,):
                raise StackError(
                    f"variable {name!r} has shape {variable.values.shape}; expected ({n_frames},)"
                )
        texts = [
            ("title", self.title),
            ("quantity", self.quantity),
            ("axis", self.axis.name),
            ("unit", self.axis.unit),
        ]
        texts += [("channel", name) for name in self.channels]
        texts += [("variable", name) for name in self.variables]
        texts += [("unit", variable.unit) for variable in self.variables.values()]
        for what, text in texts:
            _check_text(what, text)
        set_ = object.__setattr__
        set_(self, "names", self.names or tuple(f"frame {i}" for i in range(n_frames)))
        set_(self, "messages", self.messages or ("",) * n_frames)
        if self.status.size == 0 and n_frames:
            set_(self, "status", np.zeros(n_frames, np.int8))
        if not len(self.names) == len(self.messages) == len(self.status) == n_frames:
            raise StackError(
                f"{n_frames} frames, but {len(self.names)} names, {len(self.messages)} "
                f"messages and {len(self.status)} statuses"
            )
        for part in _MAPPINGS:
            set_(self, part, MappingProxyType(dict(getattr(self, part))))

    def __getstate__(self) -> dict[str, Any]:
        # Mapping proxies keep a Stack from being changed but cannot be pickled.
        return {k: dict(v) if k in _MAPPINGS else v for k, v in self.__dict__.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for part in _MAPPINGS:
            state[part] = MappingProxyType(state[part])
        self.__dict__.update(state)

    @classmethod
    def from_arrays(
        cls,
        x: ArrayLike,
        signal: ArrayLike,
        errors: ArrayLike | None = None,
        *,
        axis_name: str = "two_theta",
        axis_unit: str = "deg",
        **parts: Any,
    ) -> Stack:
        """Make a Stack from plain arrays; one spectrum (points,) becomes one frame.

        Without `noise`, errors count as given, and a signal without errors as unknown.
        Descending axes are turned round.
        """
        values = np.array(x, dtype=float)
        y = np.atleast_2d(np.array(signal, dtype=float))
        e = None if errors is None else np.atleast_2d(np.array(errors, dtype=float))
        if values.ndim == 1 and values.size > 1 and (np.diff(values) < 0).all():
            values, y = values[::-1].copy(), y[:, ::-1].copy()
            e = None if e is None else e[:, ::-1].copy()
        parts.setdefault("noise", "given" if e is not None else "unknown")
        return cls(axis=Axis(values, axis_name, axis_unit), signal=y, errors=e, **parts)

    @property
    def x(self) -> FloatArray:
        """The axis values (points,)."""
        return self.axis.values

    @property
    def n_frames(self) -> int:
        return int(self.signal.shape[0])

    @property
    def n_points(self) -> int:
        return int(self.signal.shape[1])

    def __len__(self) -> int:
        return self.n_frames

    def __getitem__(self, key: int | slice | ArrayLike) -> Stack:
        """Frames `key` as a Stack; a contiguous slice of data on disk stays on disk."""
        if isinstance(key, int | np.integer):
            index = int(key) + (self.n_frames if key < 0 else 0)
            if not 0 <= index < self.n_frames:
                raise IndexError(f"frame {key} of a stack of {self.n_frames}")
            key = slice(index, index + 1)
        if isinstance(key, slice):
            start, stop, step = key.indices(self.n_frames)
            if step == 1:
                return self._take(range(start, max(start, stop)))
            return self._take(list(range(start, stop, step)))
        index_array = np.arange(self.n_frames)[np.asarray(key)]
        return self._take([int(i) for i in index_array])

    def _take(self, index: range | list[int]) -> Stack:
        rows = np.asarray(index, dtype=int)

        def pick(source: ArraySource | None) -> Any:
            if source is None:
                return None
            if isinstance(source, np.ndarray):
                return (
                    source[index.start : index.stop] if isinstance(index, range) else source[rows]
                )
            if isinstance(index, range):
                return FrameSlice(source, index.start, index.stop)
            if rows.size == 0:
                return np.empty((0, *source.shape[1:]))
            return np.concatenate([np.asarray(source[i : i + 1]) for i in rows.tolist()])

        def texts(values: tuple[str, ...]) -> tuple[str, ...]:
            if isinstance(index, range):
                return values[index.start : index.stop]
            return tuple(values[i] for i in index)

        if isinstance(index, range) and len(index) == 0:
            index = range(0, 0)
        return replace(
            self,
            signal=pick(self.signal),
            errors=pick(self.errors),
            channels={k: pick(v) for k, v in self.channels.items()},
            variables={k: v[rows] for k, v in self.variables.items()},
            names=texts(self.names),
            status=self.status[rows],
            messages=texts(self.messages),
        )

    def load(self) -> Stack:
        """The same Stack with its data in memory as float64 arrays."""
        return replace(
            self,
            signal=np.asarray(self.signal[:], dtype=float),
            errors=None if self.errors is None else np.asarray(self.errors[:], dtype=float),
            channels={k: np.asarray(v[:], dtype=float) for k, v in self.channels.items()},
        )

    def channel(self, name: str) -> ArraySource:
        """A further signal (frames, points) by its name.

        Raises
        ------
        StackError
            If there is none, naming those there are.
        """
        if name not in self.channels:
            known = ", ".join(self.channels) or "none"
            raise StackError(f"the stack has no channel {name!r}; it has {known}")
        return self.channels[name]

    def blocks(self, size: int = 64) -> Iterator[tuple[int, Stack]]:
        """Yield ``(start, frames start:start+size)`` in order."""
        if size < 1:
            raise StackError(f"block size {size}; expected at least 1")
        for start in range(0, self.n_frames, size):
            yield start, self[start : start + size]

    def crop(self, low: float = -np.inf, high: float = np.inf) -> Stack:
        """The points with ``low <= x <= high``, in memory."""
        keep = np.flatnonzero((self.x >= low) & (self.x <= high))
        if keep.size == 0:
            raise StackError(
                f"no point between {low:g} and {high:g} {self.axis.unit}; "
                f"the axis runs from {self.x[0]:g} to {self.x[-1]:g}"
            )
        part = slice(int(keep[0]), int(keep[-1]) + 1)
        full = self.load()
        return replace(
            full,
            axis=replace(self.axis, values=self.x[part].copy()),
            signal=np.ascontiguousarray(full.signal[:, part]),
            errors=None if full.errors is None else np.ascontiguousarray(full.errors[:, part]),
            channels={
                k: np.ascontiguousarray(np.asarray(v)[:, part]) for k, v in full.channels.items()
            },
        )

    def with_variables(self, **variables: Variable) -> Stack:
        """The same Stack with per-frame variables added or replaced."""
        return replace(self, variables={**self.variables, **variables})

    def with_metadata(self, **metadata: Any) -> Stack:
        """The same Stack with metadata added or replaced."""
        return replace(self, metadata={**self.metadata, **metadata})

    def to_xarray(self) -> xarray.Dataset:
        """The Stack as an `xarray.Dataset` with dimensions ``frame`` and the axis name."""
        import xarray as xr

        full = self.load()
        dims = ("frame", self.axis.name)
        data: dict[str, Any] = {"signal": (dims, full.signal)}
        if full.errors is not None:
            data["signal_stderr"] = (dims, full.errors)
        data |= {name: (dims, values) for name, values in full.channels.items()}
        data["status"] = ("frame", self.status)
        coords: dict[str, Any] = {
            self.axis.name: (self.axis.name, self.x, {"units": self.axis.unit}),
            "name": ("frame", list(self.names)),
        }
        coords |= {k: ("frame", v.values, {"units": v.unit}) for k, v in self.variables.items()}
        return xr.Dataset(data, coords, attrs=dict(self.metadata))

    def plot(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """Plot a single frame as a line, several as a map (frames × axis)."""
        import matplotlib.pyplot as plt

        ax = ax if ax is not None else plt.subplots()[1]
        full = self.load()
        if self.n_frames == 1:
            ax.plot(self.x, full.signal[0], lw=0.8)
            ax.set_ylabel(self.quantity)
        else:
            ax.pcolormesh(
                self.x, np.arange(self.n_frames), np.asarray(full.signal), shading="nearest"
            )
            ax.set_ylabel("frame")
        ax.set_xlabel(self.axis.label)
        ax.set_title(self.title)
        return ax

    def __repr__(self) -> str:
        x = self.x
        span = f"{x[0]:g}…{x[-1]:g} {self.axis.unit}" if x.size else "empty"
        variables = ", ".join(self.variables) or "none"
        channels = f"channels: {', '.join(self.channels)}; " if self.channels else ""
        return (
            f"<Stack {self.n_frames} frames × {self.n_points} points; "
            f"{self.axis.name} {span}; noise {self.noise}; {channels}variables: {variables}; "
            f"status: {count_statuses(self.status)}>"
        )

    def _repr_html_(self) -> str:
        rows = {
            "frames × points": f"{self.n_frames} × {self.n_points}",
            self.axis.label: f"{self.x[0]:g} … {self.x[-1]:g}" if self.n_points else "empty",
            "noise": self.noise,
            "channels": ", ".join(self.channels),
            "variables": ", ".join(f"{k} ({v.unit})" for k, v in self.variables.items()),
            "metadata": ", ".join(f"{k} = {v}" for k, v in self.metadata.items()),
            "status": ", ".join(f"{n} {s}" for s, n in count_statuses(self.status).items()),
        }
        return small_table(self.title or "Stack", rows.items())


def _check_text(what: str, text: str) -> None:
    """Refuse text that no file can hold, such as the undecoded bytes of a foreign file name."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise StackError(
            f"{what} {text!r} is not Unicode text: it holds undecoded bytes; name it otherwise"
        ) from None
