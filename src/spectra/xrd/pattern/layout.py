"""The parameters of a refinement: their names, order, starts and bounds."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.xrd.profile.terms import Coefficient

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """Named parameters in their order.

    Parameters
    ----------
    parameters : tuple of Coefficient
        Names are plain (``zero``) or, for those of a phase, ``phase.name``.
    """

    parameters: tuple[Coefficient, ...]

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.parameters)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(p.name for p in self.parameters)

    @property
    def start(self) -> FloatArray:
        """Where they start (P,)."""
        return np.array([p.start for p in self.parameters])

    @property
    def lower(self) -> FloatArray:
        """Lower bounds (P,)."""
        return np.array([p.lower for p in self.parameters])

    @property
    def upper(self) -> FloatArray:
        """Upper bounds (P,)."""
        return np.array([p.upper for p in self.parameters])

    def index(self, name: str) -> int:
        """Place of a parameter."""
        return self.names.index(name)

    def columns(self, names: Iterable[str], prefix: str = "") -> slice:
        """Places of parameters that stand in this order one after the other."""
        wanted = [prefix + name for name in names]
        if not wanted:
            return slice(0, 0)
        first = self.index(wanted[0])
        assert list(self.names[first : first + len(wanted)]) == wanted
        return slice(first, first + len(wanted))

    def match(self, patterns: Sequence[str]) -> NDArray[np.bool_]:
        """Which parameters (P,) are named, with wildcards as in ``*.O1.x`` or ``CuO.*``.

        Raises
        ------
        SettingError
            For a pattern that no parameter matches, with near names.
        """
        chosen = np.zeros(self.size, bool)
        for pattern in patterns:
            hit = np.array([fnmatch.fnmatchcase(name, pattern) for name in self.names])
            if not hit.any():
                near = difflib.get_close_matches(pattern, self.names, 4)
                last = {name.rpartition(".")[2]: name for name in self.names}
                part = difflib.get_close_matches(pattern.rpartition(".")[2], last, 2)
                near = near or [last[name] for name in part]
                hint = f"; did you mean {' or '.join(near)}?" if near else "."
                raise SettingError(
                    f"no parameter {pattern!r}{hint} There are {', '.join(self.names)}"
                )
            chosen |= hit
        return chosen

    def bounded(self, bounds: Mapping[str, tuple[float, float]]) -> Layout:
        """The same parameters with other bounds, starting within them."""
        return Layout(
            tuple(_within(p, *bounds[p.name]) if p.name in bounds else p for p in self.parameters)
        )

    def starting(self, start: FloatArray) -> Layout:
        """The same parameters starting elsewhere (P,)."""
        return Layout(
            tuple(replace(p, start=float(s)) for p, s in zip(self.parameters, start, strict=True))
        )


def _within(parameter: Coefficient, low: float, high: float) -> Coefficient:
    start = min(max(parameter.start, low), high)
    return replace(parameter, start=start, lower=low, upper=high)


def prefixed(prefix: str, parameters: Iterable[Coefficient]) -> tuple[Coefficient, ...]:
    """Parameters with a prefix to their names."""
    return tuple(replace(p, name=f"{prefix}{p.name}") for p in parameters)
