"""Laue classes by the symbols of their groups."""

from __future__ import annotations

import numpy as np

from spectra.symmetry import read_operations


def laue_rotations(symbol: str) -> np.ndarray:
    """Rotations (n, 3, 3) of the Laue class of a space group."""
    operations = read_operations(symbol, 90.0, 90.0)
    assert operations is not None, symbol
    return operations.laue()
