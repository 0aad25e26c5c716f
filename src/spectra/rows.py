"""Arrays of a known number of rows that come block by block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError


class Rows:
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
        if count == self._n:
            self._arrays = dict(part)
            return
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
