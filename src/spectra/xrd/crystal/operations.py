"""Symmetry operations of a phase as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.reference import Phase

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Operations:
    """All operations of a space group, centrings included; the identity is the first.

    Attributes
    ----------
    rotation : array (operations, 3, 3)
    translation : array (operations, 3)
        x′ = R·x + t in fractional coordinates.
    triplets : tuple of str
        The operations as they are printed, e.g. ``"-x+1/2,y,-z"``.
    """

    rotation: FloatArray
    translation: FloatArray
    triplets: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.triplets)

    @classmethod
    def of(cls, phase: Phase) -> Operations:
        """Return the operations of a phase's space group."""
        import gemmi

        group = gemmi.find_spacegroup_by_name(phase.space_group, phase.cell[3], phase.cell[5])
        found = list(group.operations())
        return cls(
            np.array([op.rot for op in found], dtype=float) / gemmi.Op.DEN,
            np.array([op.tran for op in found], dtype=float) / gemmi.Op.DEN,
            tuple(op.triplet() for op in found),
        )
