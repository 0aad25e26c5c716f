"""What of a measurement areas are compared by: the analyser's transmission and the photons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import StackError
from spectra.results import Results
from spectra.xps.model import Model, Species

if TYPE_CHECKING:
    from spectra.stack import Stack

FloatArray = NDArray[np.float64]


def need_spectra(source: Stack | Results, name: str) -> None:
    """What is fitted are spectra.

    Raises
    ------
    StackError
        For results.
    """
    if isinstance(source, Results):
        raise StackError(
            f"{name}: a table {source.table.name!r} of results; expected a stack of spectra, as "
            "spectra.read gives it"
        )


def how_measured(stack: Stack) -> dict[str, Any]:
    """Photon and pass energy (eV; None if not known), and whether the file has a transmission."""
    return {
        "photon_energy": _energy(stack, "photon_energy"),
        "pass_energy": _energy(stack, "pass_energy"),
        "transmission": "transmission" in stack.channels,
    }


def _energy(stack: Stack, name: str) -> float | None:
    told = stack.metadata.get(name)
    known = isinstance(told, int | float) and np.isfinite(told) and told > 0
    return float(told) if known and told is not None else None


def transmission_of(stack: Stack, model: Model, positions: FloatArray) -> FloatArray:
    """The analyser's transmission at the lines of each species (frames, species).

    Counts are never divided by it, since what weights them is their own scatter: areas are, and
    with them their uncertainties. Over a line it hardly changes; several lines of a species count
    by their areas. NaN where the stack has no channel ``transmission``, and where that is not
    above zero.

    Parameters
    ----------
    positions : array (frames, species)
        Binding energies of the first lines (eV).
    """
    if "transmission" not in stack.channels:
        return np.full(positions.shape, np.nan)
    curves = np.asarray(stack.channel("transmission"), dtype=float)
    found = np.zeros(positions.shape)
    for k, species in enumerate(model.species):
        for offset, weight in _lines_of(species):
            found[:, k] += weight * _at(stack.x, curves, positions[:, k] + offset)
    return np.where(found > 0, found, np.nan)


def _at(x: FloatArray, curves: FloatArray, positions: FloatArray) -> FloatArray:
    """Curves (frames, points) at a position each (frames,): straight between points."""
    at = np.clip(positions, x[0], x[-1])
    low = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    share = (at - x[low]) / (x[low + 1] - x[low])
    rows = np.arange(len(curves))
    return np.asarray(curves[rows, low] * (1.0 - share) + curves[rows, low + 1] * share)


def _lines_of(species: Species) -> list[tuple[float, float]]:
    """Offsets (eV) of a species' lines from its position, and their parts of its area."""
    if species.multiplet:
        whole = sum(line[1] for line in species.multiplet)
        return [(line[0], line[1] / whole) for line in species.multiplet]
    if species.splitting:
        first = 1.0 / (1.0 + species.ratio)
        return [(0.0, first), (species.splitting, 1.0 - first)]
    return [(0.0, 1.0)]
