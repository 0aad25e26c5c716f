"""Standards: spectra of known species, from the stack itself, from files, from references."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from spectra.errors import SettingError, StackError
from spectra.readers import read
from spectra.reference import reference_folder
from spectra.stack import Stack
from spectra.status import Status

FloatArray = NDArray[np.float64]

_FEWEST = 4
# Between a file and the frame of it that is meant.
_OF = "::"


@dataclass(frozen=True)
class Standard:
    """A standard as it was measured: its name, energies (eV) and normalised absorption."""

    label: str
    energy: FloatArray
    norm: FloatArray

    def curve(self) -> CubicSpline:
        """The standard between its points, and its slopes."""
        return CubicSpline(self.energy, self.norm)

    def covers(self, energy: FloatArray, margin: float = 0.0) -> NDArray[np.bool_]:
        """At which energies it is known, even when shifted by `margin` (eV)."""
        low, high = self.energy[0] + margin, self.energy[-1] - margin
        return np.asarray((energy >= low) & (energy <= high))


def load_standards(
    specs: tuple[str, ...], stack: Stack, normalised: Callable[[Stack], Stack]
) -> tuple[Standard, ...]:
    """Load standards by name.

    Parameters
    ----------
    specs : tuple of str
        Each the name of a frame of `stack`, a file that `spectra.read` understands (all its
        frames, or one as ``"file.h5::name"``), or a file in ``reference_patterns/xanes``
        without its ending.
    stack : Stack
        Normalised.
    normalised : callable
        Normalises a Stack read from a file.

    Raises
    ------
    SettingError
        For an unknown name, or two standards of the same one.
    StackError
        If a standard is not normalised absorption or has too few points.
    """
    found = [s for spec in specs for s in _load(spec, stack, normalised)]
    labels = [s.label for s in found]
    if twice := sorted({s for s in labels if labels.count(s) > 1}):
        raise SettingError(f"several standards are called {', '.join(twice)}")
    return tuple(found)


def _load(spec: str, stack: Stack, normalised: Callable[[Stack], Stack]) -> list[Standard]:
    if spec in stack.names:
        if stack.names.count(spec) > 1:
            raise SettingError(f"several frames are called {spec!r}")
        return [_standard(stack[stack.names.index(spec)])]
    name, _, frame = spec.partition(_OF)
    path = _find(name)
    if path is None:
        known = ", ".join(stack.names[:12]) + (", …" if len(stack) > 12 else "")
        raise SettingError(
            f"no standard {spec!r}: neither a frame of the stack ({known}), nor a "
            "file, nor one of reference_patterns/xanes"
        )
    own = read(path)
    if frame and frame not in own.names:
        raise SettingError(f"{path} has no frame {frame!r}; it has {own.names}")
    chosen = [own.names.index(frame)] if frame else range(len(own))
    return [_standard(normalised(own[i])) for i in chosen]


def _find(name: str) -> Path | None:
    """The file that is meant."""
    if Path(name).is_file():
        return Path(name)
    folder = reference_folder() / "xanes"
    if not folder.is_dir() or Path(name).name != name:
        return None
    spectra = (p for p in sorted(folder.iterdir()) if p.suffix != ".toml")
    return next((p for p in spectra if p.stem == name), None)


def _standard(one: Stack) -> Standard:
    full = one.load()
    y = np.asarray(full.signal)[0]
    use = np.isfinite(y)
    if full.status[0] != Status.OK or np.count_nonzero(use) < _FEWEST:
        raise StackError(
            f"the standard {one.names[0]!r} cannot be used: "
            f"{full.messages[0] or f'{np.count_nonzero(use)} finite points'}"
        )
    return Standard(one.names[0], full.x[use].copy(), y[use].copy())
