"""Weight fractions from scales: of the crystalline part, and of all with an internal standard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.fit.uncertainty import propagate
from spectra.results import Column, Table
from spectra.xrd.lattice import volume
from spectra.xrd.pattern.model import PatternModel

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Standard uncertainties by which an amorphous share below zero is no chance.
_IMPOSSIBLE = 3.0


@dataclass(frozen=True)
class Masses:
    """Masses of the phases in one common unit, S·M·V, and their slopes.

    R. J. Hill and C. J. Howard, J. Appl. Cryst. 20 (1987) 467, eq. 2: S is the scale, M the mass
    and V the volume of the unit cell.

    Attributes
    ----------
    value : array (rows, phases)
    slopes : array (rows, phases, P)
        By all parameters.
    known : bool array (rows, phases)
        False where a bound holds the scale at zero: it is not known to be zero.
    """

    value: FloatArray
    slopes: FloatArray
    known: BoolArray

    @classmethod
    def of(
        cls,
        model: PatternModel,
        masses: tuple[float, ...],
        theta: FloatArray,
        cov: FloatArray,
        free: BoolArray,
    ) -> Masses | None:
        """Of refined parameters (rows, P); None if phases have no scale.

        Parameters
        ----------
        model : PatternModel
        masses : tuple of float
            Mass of the unit cell of each phase (g/mol), NaN where not known.
        theta, cov, free : array (rows, P), (rows, P, P), (rows, P)
        """
        layout = model.layout
        names = [f"{p.name}.scale" for p in model.phases]
        if not all(n in layout.names for n in names):
            return None
        scales = [layout.index(n) for n in names]
        value = np.zeros((len(theta), len(scales)))
        slopes = np.zeros((*value.shape, layout.size))
        for p, (phase, scale) in enumerate(zip(model.phases, scales, strict=True)):
            at = model.cell_columns(p)
            v, by_cell = volume(phase.constraint.cell(theta[:, at]))
            unit = masses[p] * v
            value[:, p] = theta[:, scale] * unit
            slopes[:, p, scale] = unit
            by_free = np.matmul(by_cell[:, None, :], phase.constraint.matrix)[:, 0]
            slopes[:, p, at] = (theta[:, scale] * masses[p])[:, None] * by_free
        known: BoolArray = ~free[:, scales] | np.isfinite(cov[:, scales, scales])
        return cls(value, slopes, known)

    def shares(self, cov: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Shares W_p = m_p/Σm of the crystalline mass and their uncertainties (rows, phases)."""
        total = self.value.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = self.value / total
            gradient = self.slopes - share[:, :, None] * self.slopes.sum(axis=1, keepdims=True)
            gradient /= total[:, :, None]
        return share, _spread(gradient, cov, np.array(self.known.all(axis=1, keepdims=True)))

    def absolute(
        self, cov: FloatArray, standard: int, weighed: float
    ) -> tuple[FloatArray, FloatArray]:
        """Shares of the mass of the whole sample, last what is amorphous (rows, phases + 1).

        With an internal standard s weighed in as the share w of the whole, A_p = w·W_p/W_s, and
        1 − ΣA_p = 1 − w/W_s is left for what has no lines (A. G. De la Torre, S. Bruque and M. A.
        G. Aranda, J. Appl. Cryst. 34 (2001) 196). It comes out below zero if the crystals
        are overestimated; nothing here stops it.

        Parameters
        ----------
        cov : array (rows, P, P)
        standard : int
            Number of the phase.
        weighed : float
            w; its uncertainty is not counted.

        Returns
        -------
        share, stderr
        """
        own = self.value[:, standard, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = self.value / own
            change = self.slopes - ratio[:, :, None] * self.slopes[:, standard, None]
            change /= own[:, :, None]
        rest = 1.0 - weighed * ratio.sum(axis=1, keepdims=True)
        gradient = weighed * np.concatenate([change, -change.sum(axis=1, keepdims=True)], axis=1)
        good = np.concatenate([self.known, self.known.all(axis=1, keepdims=True)], axis=1)
        good &= self.known[:, standard, None]
        share = np.concatenate([weighed * ratio, rest], axis=1)
        seen = np.isfinite(share)
        return np.where(seen, share, np.nan), _spread(gradient, cov, good & seen)


def with_standard(table: Table) -> Table:
    """The table with shares of the whole sample."""
    columns = (
        Column(
            "absolute_fraction",
            "",
            "share of the mass of the whole sample",
            ("phase",),
            stderr=True,
        ),
        Column(
            "amorphous",
            "",
            "share of the whole sample that has no lines",
            stderr=True,
            headline="amorphous fraction",
        ),
    )
    return replace(table, columns=(*table.columns, *columns))


def fill_absolute(
    columns: dict[str, NDArray[Any]],
    rows: NDArray[np.intp],
    masses: Masses,
    cov: FloatArray,
    present: BoolArray,
    standard: tuple[int, float],
) -> None:
    """Write shares of the whole sample; none where the standard is lost."""
    share, spread = masses.absolute(cov, *standard)
    lost = ~present[:, standard[0], None]
    share, spread = (np.where(lost, np.nan, v) for v in (share, spread))
    columns["absolute_fraction"][rows] = share[:, :-1]
    columns["absolute_fraction_stderr"][rows] = spread[:, :-1]
    columns["amorphous"][rows] = share[:, -1]
    columns["amorphous_stderr"][rows] = spread[:, -1]


def impossible(columns: Mapping[str, NDArray[Any]], row: int) -> str:
    """What is to be said of an amorphous share below zero; nothing if there is none."""
    value, error = (float(columns[n][row]) for n in ("amorphous", "amorphous_stderr"))
    if not value < -_IMPOSSIBLE * error:
        return ""
    return (
        f"amorphous share {value:.4f} is below zero by {-value / error:.1f} standard "
        "uncertainties; look at texture, absorption and the atoms of the standard"
    )


def _spread(gradient: FloatArray, cov: FloatArray, good: BoolArray) -> FloatArray:
    """Standard uncertainties (rows, n) from gradients (rows, n, P); NaN where not `good`."""
    safe = np.nan_to_num(cov)
    spread = [propagate(gradient[:, i], safe) for i in range(gradient.shape[1])]
    with np.errstate(invalid="ignore"):
        return np.where(good, np.sqrt(np.maximum(np.stack(spread, axis=1), 0.0)), np.nan)
