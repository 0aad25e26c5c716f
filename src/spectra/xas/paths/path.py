"""One scattering path of a photoelectron, as FEFF describes it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from dataclasses import replace as _replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import SettingError

FloatArray = NDArray[np.float64]

CURVES = (
    *("k", "central_phase", "feff_amplitude", "feff_phase"),
    *("reduction", "mean_free_path", "real_p"),
)
# Angles (deg) up to which three atoms are taken to lie on one line.
_COLLINEAR = 10.0
_EDGES = ("K", "L1", "L2", "L3", "M1", "M2", "M3", "M4", "M5")


@dataclass(frozen=True)
class PathAtom:
    """An atom that a path passes.

    Parameters
    ----------
    symbol : str
    atomic_number : int
    potential : int
        FEFF's ``ipot``; 0 for the absorber.
    position : tuple of float
        x, y, z (angstrom) from the absorber.
    """

    symbol: str
    atomic_number: int
    potential: int
    position: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class ScatteringPath:
    """A scattering path: its atoms and what FEFF calculated along them.

    With k from the Fermi level, the path contributes to χ(k) (J. J. Rehr and R. C. Albers, Rev.
    Mod. Phys. 72 (2000) 621; `amplitude` F, `phase` Φ, `mean_free_path` λ, `reff` R)

        N S₀² F(k) / (k R²) · exp(−2R/λ − 2k²σ²) · sin(2kR + Φ(k)).

    Parameters
    ----------
    k : array (points,)
        Photoelectron wavenumber (1/angstrom), increasing.
    central_phase : array (points,)
        Phase shift of the absorber (rad), passed twice: ``real[2*phc]``.
    feff_amplitude, feff_phase : array (points,)
        Effective scattering amplitude (angstrom) and its phase (rad).
    reduction : array (points,)
        Reduction factor of the absorber's many-body effects.
    mean_free_path : array (points,)
        λ (angstrom), core hole included.
    real_p : array (points,)
        Real part of the complex wavenumber p (1/angstrom).
    degeneracy : float
        Number of equivalent paths; fractions come from several absorber sites.
    reff : float
        Half the path's length (angstrom).
    atoms : tuple of PathAtom
        The absorber first, then in the order of scattering.
    edge : str
        ``"K"``, ``"L3"``, ….
    label : str, optional
        What it is called; after its geometry if not given: ``"V-O 1.585"``.
    importance : float, optional
        In percent of the most important path of its list; NaN where it is of none.
    spread : float, optional
        Variance of `reff` (angstrom²) among the paths that were merged into this one.
    fermi_level, interstitial_potential : float, optional
        μ and V_int (eV) from the vacuum; k² counts from the first, p² from the second.
    fermi_wavenumber : float, optional
        (1/angstrom)
    interstitial_radius, norman_radius : float, optional
        r_s of the interstitial electrons and mean Norman radius (bohr).
    core_hole_width : float, optional
        (eV)
    exchange, title, program, source : str, optional

    Raises
    ------
    SettingError
        If the numbers cannot be a path.
    """

    k: FloatArray
    central_phase: FloatArray
    feff_amplitude: FloatArray
    feff_phase: FloatArray
    reduction: FloatArray
    mean_free_path: FloatArray
    real_p: FloatArray
    degeneracy: float
    reff: float
    atoms: tuple[PathAtom, ...]
    edge: str = "K"
    label: str = ""
    importance: float = float("nan")
    spread: float = 0.0
    fermi_level: float = float("nan")
    interstitial_potential: float = float("nan")
    fermi_wavenumber: float = float("nan")
    interstitial_radius: float = float("nan")
    norman_radius: float = float("nan")
    core_hole_width: float = float("nan")
    exchange: str = ""
    title: str = field(default="", repr=False)
    program: str = field(default="", repr=False)
    source: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for name in CURVES:
            object.__setattr__(self, name, _frozen(getattr(self, name)))
        if problem := self._problem():
            raise SettingError(f"path {self.label or self.source or self.reff}: {problem}")
        if not self.label:
            object.__setattr__(self, "label", geometry_label(self))

    def _problem(self) -> str:
        """What keeps the numbers from being a path; empty if nothing does."""
        shapes = {name: getattr(self, name).shape for name in CURVES}
        if len(self.k) < 4 or any(s != self.k.shape for s in shapes.values()) or self.k.ndim != 1:
            return f"curves of the shapes {shapes}; expected one length of 4 points or more"
        bad = [name for name in CURVES if not np.isfinite(getattr(self, name)).all()]
        if bad:
            return f"values of {', '.join(bad)} that are not finite"
        if self.k[0] < 0 or (np.diff(self.k) <= 0).any():
            return "k does not increase from 0 or more"
        if (self.mean_free_path <= 0).any():
            return f"a mean free path of {self.mean_free_path.min():g} angstrom; expected > 0"
        if not (np.isfinite(self.degeneracy) and self.degeneracy > 0):
            return f"a degeneracy of {self.degeneracy:g}; expected > 0"
        if not (np.isfinite(self.reff) and self.reff > 0.05):
            return f"a half length of {self.reff:g} angstrom; expected > 0.05"
        if len(self.atoms) < 2 or self.atoms[0].potential != 0:
            return f"{len(self.atoms)} atoms; expected the absorber (potential 0) and others"
        if self.edge not in _EDGES:
            return f"the edge {self.edge!r}; expected one of {', '.join(_EDGES)}"
        return ""

    @property
    def absorber(self) -> str:
        """Symbol of the absorbing element."""
        return self.atoms[0].symbol

    @property
    def scatterers(self) -> tuple[str, ...]:
        """Symbols of the atoms passed, without the absorber's at the begin."""
        return tuple(atom.symbol for atom in self.atoms[1:])

    @property
    def nleg(self) -> int:
        """Number of legs: 2 for single scattering."""
        return len(self.atoms)

    @cached_property
    def amplitude(self) -> FloatArray:
        """F(k) of the EXAFS equation (angstrom): FEFF's amplitude times the reduction factor."""
        return _frozen(self.feff_amplitude * self.reduction)

    @cached_property
    def phase(self) -> FloatArray:
        """Φ(k) of the EXAFS equation (rad): of the absorber and of the scatterers."""
        return _frozen(self.central_phase + self.feff_phase)

    @property
    def k_max(self) -> float:
        """Where the curves end (1/angstrom)."""
        return float(self.k[-1])

    @cached_property
    def reduced_mass(self) -> float:
        """1/Σ(1/mᵢ) of the atoms passed, one for each leg (g/mol)."""
        import xraydb

        masses = [float(xraydb.atomic_mass(atom.atomic_number)) for atom in self.atoms]
        return 1.0 / sum(1.0 / m for m in masses)

    @cached_property
    def legs(self) -> tuple[float, ...]:
        """Lengths of the legs (angstrom), from the absorber and back to it."""
        return tuple(np.linalg.norm(self._leg_vectors(), axis=1).tolist())

    @cached_property
    def angles(self) -> tuple[float, ...]:
        """Angle (deg) by which each atom, the absorber last, turns the photoelectron."""
        legs = self._leg_vectors() / np.array(self.legs)[:, None]
        cosines = (legs * np.roll(legs, -1, axis=0)).sum(axis=1)
        return tuple(np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))).tolist())

    def _leg_vectors(self) -> FloatArray:
        positions = np.array([atom.position for atom in self.atoms])
        return np.asarray(np.roll(positions, -1, axis=0) - positions)

    @property
    def shape(self) -> str:
        """single, collinear, rattle (one bond to and fro), triangle or polygon."""
        if self.nleg == 2:
            return "single"
        if all(min(a, 180.0 - a) < _COLLINEAR for a in self.angles):
            positions = {atom.position for atom in self.atoms}
            return "rattle" if len(positions) == 2 else "collinear"
        return "triangle" if self.nleg == 3 else "polygon"

    @property
    def description(self) -> str:
        """Label, shape and degeneracy in one line."""
        shape = "" if self.nleg == 2 else f" {self.shape}"
        return f"{self.label}{shape} ({self.degeneracy:.4g}x)"

    def replace(self, **changes: Any) -> Self:
        """The path with other values of some of its fields."""
        return _replace(self, **changes)

    def to_plain(self) -> dict[str, Any]:
        """The path as plain data, from which `from_plain` makes the same again."""
        plain: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, np.ndarray):
                value = value.tolist()
            elif f.name == "atoms":
                value = [
                    [a.symbol, a.atomic_number, a.potential, list(a.position)] for a in self.atoms
                ]
            plain[f.name] = value
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Make a path from plain data.

        Raises
        ------
        SettingError
            If they cannot be a path.
        """
        known = {f.name for f in fields(cls)}
        try:
            atoms = tuple(
                PathAtom(str(s), int(z), int(p), (float(x), float(y), float(w)))
                for s, z, p, (x, y, w) in plain["atoms"]
            )
            numbers = {
                f.name: float(plain[f.name])
                for f in fields(cls)
                if f.type == "float" and f.name in plain
            }
            told = {k: v for k, v in plain.items() if k in known}
            return cls(**told | numbers | {"atoms": atoms})
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, SettingError):
                raise
            raise SettingError(
                f"these data are no scattering path ({error}); give what `to_plain` wrote"
            ) from None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that the path says."""
        content = hashlib.sha256()
        for f in fields(self):
            value = getattr(self, f.name)
            text = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
            content.update(f.name.encode() + b"\0" + text + b"\0")
        return content.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScatteringPath) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[object, ...]:
        # Through the constructor, so that the arrays stay read-only.
        return _rebuild, ({f.name: getattr(self, f.name) for f in fields(self)},)

    def __repr__(self) -> str:
        return (
            f"ScatteringPath({self.label!r}, absorber={self.absorber!r}, edge={self.edge!r}, "
            f"degeneracy={self.degeneracy:.6g}, reff={self.reff:.4f}, nleg={self.nleg})"
        )


def _rebuild(values: dict[str, Any]) -> ScatteringPath:
    return ScatteringPath(**values)


def geometry_label(path: ScatteringPath, decimals: int = 3) -> str:
    """Name of a path: absorber, the atoms passed and half the length (angstrom).

    Examples
    --------
    ``"V-O 1.585"`` is a bond, ``"V-O-V 3.386"`` goes from V to O to another V and back.
    """
    return f"{'-'.join((path.absorber, *path.scatterers))} {path.reff:.{decimals}f}"


def unique_labels(labels: Sequence[str]) -> list[str]:
    """The labels, with a, b, c… behind those that come more than once."""
    taken = set(labels)
    unique = []
    for label in labels:
        if labels.count(label) > 1:
            label = next(name for name in _lettered(label) if name not in taken)
            taken.add(label)
        unique.append(label)
    return unique


def _lettered(label: str) -> Iterator[str]:
    for size in itertools.count(1):
        for letters in itertools.product("abcdefghijklmnopqrstuvwxyz", repeat=size):
            yield label + "".join(letters)


def _frozen(values: ArrayLike) -> FloatArray:
    array = np.array(values, dtype=float)
    array.flags.writeable = False
    return array
