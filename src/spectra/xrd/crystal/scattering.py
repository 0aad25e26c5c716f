"""How atoms and ions scatter X-rays and neutrons, vectorised over kinds and angles."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.reference import neutron_isotopes

FloatArray = NDArray[np.float64]

RADIATIONS = ("xray", "neutron")
TABLES = ("waasmaier-kirfel", "it92")


@dataclass(frozen=True, eq=False)
class FormFactors:
    """Scattering factors f = Σᵢ aᵢ·exp(−bᵢ·s²) + c + f′ + i·f″ of K kinds of atoms.

    For X-rays in electrons; for neutrons the bound coherent scattering length in fm, which is
    c alone.

    Attributes
    ----------
    scatterers : tuple of str
        The kinds asked for.
    entries : tuple of str
        The entry of the table each one uses; an ion the table lacks takes the entry of its
        element nearest in charge (of two as near, the one less charged).
    amplitudes, exponents : array (K, T)
        a (electrons) and b (angstrom²).
    constant : array (K,)
    anomalous : complex array (K,)
        f′ + i·f″; for neutrons the imaginary part of the length of an absorbing isotope.
    """

    scatterers: tuple[str, ...]
    entries: tuple[str, ...]
    amplitudes: FloatArray
    exponents: FloatArray
    constant: FloatArray
    anomalous: NDArray[np.complex128]

    @classmethod
    def of(
        cls,
        scatterers: Sequence[str],
        radiation: str = "xray",
        wavelength: float | None = None,
        table: str = "waasmaier-kirfel",
    ) -> FormFactors:
        """Look up the factors.

        Parameters
        ----------
        scatterers : sequence of str
            As `Atom.scatterer`: ``"V5+"``, ``"O2-"``, ``"D"``.
        radiation : {"xray", "neutron"}
        wavelength : float, optional
            Angstrom; for f′ and f″. Without it they are zero. Neutrons do not need it.
        table : {"waasmaier-kirfel", "it92"}
            D. Waasmaier and A. Kirfel, Acta Cryst. A51 (1995) 416 (good to s = 6/angstrom),
            through xraydb; or International Tables C (2004), table 6.1.1.4 (to s = 2/angstrom),
            through gemmi. f′ and f″ are those of C. T. Chantler, J. Phys. Chem. Ref. Data 24
            (1995) 71, through xraydb; scattering lengths those of V. F. Sears, Neutron News 3
            (1992) no. 3, 26, through gemmi, and of isotopes from `neutron_isotopes`.

        Raises
        ------
        SettingError
            For an unknown scatterer, radiation or table, or an isotope without entry.
        """
        if radiation not in RADIATIONS:
            raise SettingError(f"radiation {radiation!r}; expected one of {', '.join(RADIATIONS)}")
        if table not in TABLES:
            raise SettingError(f"table {table!r}; expected one of {', '.join(TABLES)}")
        if wavelength is not None and not wavelength > 0:
            raise SettingError(f"wavelength {wavelength} angstrom; expected a positive number")
        kinds = tuple(scatterers)
        if radiation == "neutron":
            entries = tuple(_nucleus(k) for k in kinds)
            lengths = np.array([_scattering_length(e) for e in entries])
            none = np.empty((len(kinds), 0))
            return cls(kinds, entries, none, none, lengths.real, 1j * lengths.imag)
        rows = [(_waasmaier_kirfel if table == TABLES[0] else _it92)(*_ion(k)) for k in kinds]
        entries, amplitudes, exponents, constants = zip(*rows, strict=True)
        anomalous = np.array([_anomalous(_ion(k)[0], wavelength) for k in kinds])
        return cls(
            *(kinds, entries, np.array(amplitudes), np.array(exponents), np.array(constants)),
            anomalous,
        )

    def evaluate(self, s2: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The factors without f′ and f″, and df/ds², each (K, …), at s² (…) = 1/(4d²)."""
        shape = (len(self.constant), *np.shape(s2))
        value = np.empty(shape)
        slope = np.zeros(shape)
        value[:] = self.constant.reshape(-1, *(1,) * np.ndim(s2))
        for k in range(len(value)):
            for a, b in zip(self.amplitudes[k], self.exponents[k], strict=True):
                term = a * np.exp(-b * s2)
                value[k] += term
                slope[k] -= b * term
        return value, slope


def _ion(scatterer: str) -> tuple[str, int]:
    """Element and charge of a scatterer; the isotope does not matter to X-rays."""
    import gemmi

    match = re.fullmatch(r"\d*([A-Z][a-z]?)(?:(\d)([+-]))?", scatterer)
    element = gemmi.Element(match[1]) if match else gemmi.Element("X")
    if match is None or element.atomic_number == 0:
        raise SettingError(
            f"scatterer {scatterer!r} is no element or ion; expected e.g. 'V', 'V5+', 'O2-'; "
            "mend the type symbol of the atom"
        )
    charge = int(match[2]) * (1 if match[3] == "+" else -1) if match[3] else 0
    return "H" if element.name == "D" else str(element.name), charge


def _nucleus(scatterer: str) -> str:
    return re.sub(r"\d[+-]$", "", scatterer)


def _name(element: str, charge: int) -> str:
    return element if charge == 0 else f"{element}{abs(charge)}{'+' if charge > 0 else '-'}"


def _nearest(charge: int, known: Sequence[int]) -> int:
    return min(known, key=lambda q: (abs(q - charge), abs(q)))


def _waasmaier_kirfel(element: str, charge: int) -> tuple[str, list[float], list[float], float]:
    import xraydb

    database = xraydb.get_xraydb()
    ions = {name: _charge(name, element) for name in database.f0_ions(element)}
    known = [q for q in ions.values() if q is not None]
    if not known:
        raise SettingError(f"no X-ray form factor of {element} by Waasmaier and Kirfel")
    entry = _name(element, _nearest(charge, known))
    row = next(r for r in database.get_cache("Waasmaier") if r.ion == entry)
    return entry, json.loads(row.scale), json.loads(row.exponents), float(row.offset)


def _charge(name: str, element: str) -> int | None:
    """Charge of an entry such as ``"V5+"``; None for valence states such as ``"Cval"``."""
    match = re.fullmatch(rf"{element}(?:(\d)([+-]))?", name)
    if match is None:
        return None
    return int(match[1]) * (1 if match[2] == "+" else -1) if match[1] else 0


def _it92(element: str, charge: int) -> tuple[str, list[float], list[float], float]:
    import gemmi

    kind = gemmi.Element(element)
    # gemmi gives neutral atoms for ions unless told otherwise, for the whole process.
    ignored = gemmi.IT92_get_ignore_charge()
    gemmi.IT92_set_ignore_charge(False)
    try:
        entries: dict[int, Any] = {q: gemmi.IT92_get_exact(kind, q) for q in range(-2, 9)}
    finally:
        gemmi.IT92_set_ignore_charge(ignored)
    known = [q for q, entry in entries.items() if entry is not None]
    if not known:
        raise SettingError(f"no X-ray form factor of {element} in International Tables C 6.1.1.4")
    nearest = _nearest(charge, known)
    found = entries[nearest]
    return _name(element, nearest), list(found.a), list(found.b), float(found.c)


def _anomalous(element: str, wavelength: float | None) -> complex:
    if wavelength is None:
        return 0j
    import xraydb

    from spectra.units import energy_from_wavelength

    energy = float(energy_from_wavelength(wavelength))
    return complex(
        float(xraydb.f1_chantler(element, energy)), float(xraydb.f2_chantler(element, energy))
    )


def _scattering_length(nucleus: str) -> complex:
    import gemmi

    isotopes = neutron_isotopes()
    if nucleus in isotopes:
        return isotopes[nucleus]
    element = gemmi.Element(nucleus)
    entry = element.neutron92 if nucleus == element.name and element.atomic_number else None
    if entry is None:
        raise SettingError(
            f"no neutron scattering length of {nucleus!r}; known are the natural elements, 'D', "
            f"{', '.join(isotopes)}; mend the type symbol of the atom"
        )
    return complex(entry.get_coefs()[0])
