"""Input of FEFF8L (J. J. Rehr and R. C. Albers, Rev. Mod. Phys. 72 (2000) 621)."""

from __future__ import annotations

import numpy as np

from spectra.errors import SettingError
from spectra.xas.paths.cluster import Cluster

MAX_ATOMS = 1000
_MAX_POTENTIALS = 11
EDGES = ("K", "L1", "L2", "L3")


def feff_input(
    cluster: Cluster, *, edge: str, radius: float, nleg: int = 6, scf: float | None = None
) -> str:
    """The text of ``feff.inp`` for the paths of the first atom of a cluster.

    Parameters
    ----------
    cluster : Cluster
        Larger than `radius`, so that the atoms of all paths have their neighbours.
    edge : str
    radius : float
        Largest half length of a path (angstrom).
    nleg : int
        Largest number of legs.
    scf : float, optional
        Radius (angstrom) in which the potentials are made self-consistent; without it they
        are overlapped atoms', which suffices for EXAFS.

    Raises
    ------
    SettingError
        For an edge or cluster that FEFF cannot take.
    """
    import xraydb

    if edge not in EDGES:
        raise SettingError(f"edge {edge!r}; FEFF8L has {', '.join(EDGES)}")
    elements = list(dict.fromkeys(cluster.symbols[1:]))
    if len(elements) > _MAX_POTENTIALS:
        raise SettingError(
            f"{cluster.name}: {len(elements)} elements; FEFF takes {_MAX_POTENTIALS}"
        )
    if len(cluster.symbols) > MAX_ATOMS:
        raise SettingError(
            f"{cluster.name}: {len(cluster.symbols)} atoms; FEFF takes {MAX_ATOMS}; "
            "make the radius smaller"
        )
    numbers = {}
    for symbol in dict.fromkeys(cluster.symbols):
        try:
            numbers[symbol] = int(xraydb.atomic_number(symbol))
        except (ValueError, KeyError):
            raise SettingError(f"{cluster.name}: {symbol!r} is no element") from None
    absorber = cluster.symbols[0]
    potentials = [f"  0 {numbers[absorber]:3d} {absorber:2s} -1 -1 0.01"]
    for i, symbol in enumerate(elements):
        count = cluster.symbols[1:].count(symbol)
        potentials.append(f"  {i + 1} {numbers[symbol]:3d} {symbol:2s} -1 -1 {count}")
    return "\n".join(
        [
            # No name of the structure: equal clusters shall have equal texts and hashes.
            f"TITLE {absorber} {edge}",
            f"EDGE {edge}",
            "S02 1.0",
            "CONTROL 1 1 1 1 1 1",
            "PRINT 1 0 0 0 0 3",
            "EXCHANGE 0 0.0 0.0",
            f"RPATH {radius:.4f}",
            "EXAFS 20",
            f"NLEG {nleg}",
            *([] if scf is None else [f"SCF {scf:.4f}"]),
            "POTENTIALS",
            *potentials,
            "ATOMS",
            *_atom_lines(cluster, elements),
            "END",
            "",
        ]
    )


def _atom_lines(cluster: Cluster, elements: list[str]) -> list[str]:
    lines = []
    # Without the sign of zero the text, and its hash, is the same on every machine.
    positions = np.round(cluster.positions, 5) + 0.0
    for i, (symbol, xyz) in enumerate(zip(cluster.symbols, positions, strict=True)):
        potential = elements.index(symbol) + 1 if i else 0
        x, y, z = (f"{v:11.5f}" for v in xyz)
        lines.append(f"{x} {y} {z} {potential:2d} {symbol}")
    return lines
