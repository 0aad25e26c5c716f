"""Laue groups: which reflections are equivalent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import SettingError

IntArray = NDArray[np.int64]


def laue_rotations(group: Any) -> IntArray:
    """Rotations (n, 3, 3) of a Laue group, which act on reflections as h·R.

    Parameters
    ----------
    group : gemmi.SpaceGroup or str
        A space group or its Hermann–Mauguin symbol; its inversion is added if it lacks one.

    Raises
    ------
    SettingError
        For an unknown symbol.
    """
    if isinstance(group, str):
        import gemmi

        symbol, group = group, gemmi.find_spacegroup_by_name(group)
        if group is None:
            raise SettingError(
                f"space group {symbol!r} is not known; write the Hermann-Mauguin symbol with "
                "blanks, e.g. 'F d -3 m:2'"
            )
    rotations = np.array([op.rot for op in group.operations().sym_ops], dtype=np.int64)
    rotations = rotations // group.operations().sym_ops[0].DEN
    return np.asarray(np.unique(np.concatenate([rotations, -rotations]), axis=0))


def images(hkl: ArrayLike, rotations: IntArray) -> IntArray:
    """All images (R, n, 3) of reflections (R, 3) under rotations (n, 3, 3)."""
    h = np.asarray(hkl, dtype=np.int64)
    return np.asarray((h[:, None, :, None] * rotations[None]).sum(axis=2))
