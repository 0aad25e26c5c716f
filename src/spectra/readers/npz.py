"""NumPy's ``.npz``: an axis of energies, arrays of frames × energies, and values per frame."""

from __future__ import annotations

import io
import math
import tokenize
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ReaderError
from spectra.readers.absorption import is_energy
from spectra.readers.archive import Archive
from spectra.readers.arithmetic import column_name
from spectra.readers.tables import Table, table_reader

_UNITS = {"time": "s", "temperature": "K", "voltage": "V", "current": "A"}
_SAME = {"unix_time": "time", "timestamp": "time", "epoch": "time"}

_DAMAGED = (
    *(ValueError, KeyError, TypeError, OverflowError, MemoryError),
    # Headers are literals of Python, which numpy also tries in the dress of Python 2.
    *(SyntaxError, tokenize.TokenError),
)


def _sniff(head: bytes, path: Path) -> bool:
    return head.startswith(b"PK") and path.suffix.lower() == ".npz"


def read_npz(path: Path) -> list[Table]:
    """Read the frames; text of one entry per frame names them, numbers are their variables.

    Raises
    ------
    ReaderError
        If no array holds energies, or arrays do not fit them. Pickled objects are refused.
    """
    with Archive(path) as archive:
        names = [name for name in archive.names if name.endswith(".npy")]
        arrays = {column_name(n[:-4]): _array(path, n, archive.read(n)) for n in names}
    axes = [name for name, a in arrays.items() if is_energy(name) and a.ndim == 1 and _numeric(a)]
    if not axes:
        raise ReaderError(
            path,
            f"no energies among the arrays {', '.join(arrays) or '(none)'}",
            expected="a one-dimensional array called energy",
        )
    energy = arrays[axes[0]]
    points = {
        n: np.atleast_2d(a).astype(float)
        for n, a in arrays.items()
        if _numeric(a) and a.ndim in (1, 2) and a.shape[-1] == len(energy) and n != axes[0]
    }
    count = max((len(a) for a in points.values()), default=0)
    points = {n: a for n, a in points.items() if len(a) in (1, count)}
    if not count:
        raise ReaderError(
            path,
            f"no array of {len(energy)} points beside {axes[0]!r}",
            expected="arrays of frames × energies",
        )
    own = {n: a for n, a in arrays.items() if a.shape == (count,) and n not in (axes[0], *points)}
    titles = next((a for n, a in own.items() if a.dtype.kind == "U"), None)
    return [
        Table(
            {axes[0]: energy.astype(float)}
            | {n: a[i if len(a) > 1 else 0] for n, a in points.items()},
            variables=_variables(own, i),
            name=str(titles[i]) if titles is not None else f"frame {i}" if count > 1 else "",
            place=str(i),
        )
        for i in range(count)
    ]


def _array(path: Path, name: str, data: bytes) -> NDArray[Any]:
    """An array of one member; what it claims must be what it holds."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        readers: Mapping[tuple[int, int], Any] = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        shape, fortran, dtype = readers[version](stream)
        if dtype.hasobject:
            raise ReaderError(
                path,
                "an array of Python objects",
                where=name,
                expected="numbers or text",
                remedy="save it without pickle: np.savez with arrays of numbers",
            )
        size = math.prod(shape)
        # numpy reserves what a header claims before it reads.
        if size * dtype.itemsize != len(data) - stream.tell():
            raise ValueError(f"it claims {size} values of {dtype}")
        values = np.frombuffer(data, dtype, size, stream.tell()) if size else np.empty(0, dtype)
        return values.reshape(shape, order="F" if fortran else "C")
    except ReaderError:
        raise
    except _DAMAGED as error:
        raise ReaderError(
            path, f"not a readable array ({error})", where=name, remedy="copy the file again"
        ) from None


def _variables(own: Mapping[str, NDArray[Any]], i: int) -> dict[str, tuple[float, str]]:
    named = {_SAME.get(name, name): values for name, values in own.items() if _numeric(values)}
    return {name: (float(values[i]), _UNITS.get(name, "")) for name, values in named.items()}


def _numeric(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "fiub"


READER = table_reader("npz", (".npz",), _sniff, read_npz)
