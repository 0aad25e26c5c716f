"""Measured absorption spectra as plain arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spectra import Stack


def load_xdi(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Energy and absorption of an XDI file in transmission (energy, …, i0, itrans)."""
    names = [
        line.split(":", 1)[1].split()[0].lower()
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.startswith("# Column.")
    ]
    table = np.loadtxt(path)
    column = {name: table[:, i] for i, name in enumerate(names)}
    mu = np.log(column["i0"] / column["itrans"])
    energy = column["energy"]
    keep = np.append(True, np.diff(energy) > 0)
    return energy[keep], mu[keep]


def as_stack(energy: np.ndarray, mu: np.ndarray, **parts) -> Stack:
    """A stack over energy in eV."""
    return Stack.from_arrays(energy, mu, axis_name="energy", axis_unit="eV", quantity="mu", **parts)


def vanadium(data: Path, name: str) -> Stack:
    """One of the vanadium oxides."""
    return as_stack(*load_xdi(data / "xas" / "vanadium" / f"{name}.xdi"))
