"""`xps.Calibrate`: the binding energies of a stack, by a line or the Fermi edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.constants import Boltzmann, elementary_charge
from scipy.stats import chi2

from spectra.corrected import remark
from spectra.correction import Correction
from spectra.errors import SettingError, StackError
from spectra.fit.batch import Errors, fit_stack
from spectra.fit.fermi import fermi_edge
from spectra.fit.misfit import Misfit
from spectra.fit.uncertainty import IMPROBABLE
from spectra.settings import setting
from spectra.stack import Axis, Stack
from spectra.status import Status
from spectra.xps.model import Model, load_model
from spectra.xps.reference_line import (
    SEEN,
    Found,
    fit_reference,
    single_line,
    surroundings_told,
    with_rival,
    with_shoulder,
)

if TYPE_CHECKING:
    from spectra.results import Results

FloatArray = NDArray[np.float64]

# eV/K
_KELVIN = Boltzmann / elementary_charge
_FEWEST = 8
# Parts of a sequence that are looked at for drifts, uncertainties and eV from which on one is told.
_PARTS, _BEYOND, _APART = 16, 5.0, 0.05


@dataclass(frozen=True, kw_only=True)
class Calibrate(Correction):
    """Shift binding energies so that a line or the Fermi edge lies where it should.

    The reference is fitted in the mean of all good frames, or in a stack of its own (`measure`
    gives the shift, `shift` takes it): a region of the sample and its C 1s are two stacks. It is
    looked for where the model has it, and on the highest point of the search. Where a single line
    has a shoulder, how far that moves it is in the uncertainty, as ``shoulder`` in the record, and
    told above 0.05 eV; so is another line of the search about as high. One constant is
    added to the axis; it and its standard uncertainty, from the reference's fit, are recorded in
    ``metadata["corrections"]`` and ``energy_shift_stderr``: it is common to all positions and
    cancels in their differences.

    Where the reference moves along the sequence, as under changing charge, no constant is right
    for all frames: how far up to sixteen parts of it scatter is recorded as ``drift`` and added to
    the uncertainty in quadrature, and frames whose part is more than 0.05 eV off say so.
    Calibrate such frames one by one.

    Adventitious carbon at 284.8 eV is a convention, and a disputed one (G. Greczynski and L.
    Hultman, Prog. Mater. Sci. 107 (2020) 100591): state how well it holds as `target_stderr`.

    Examples
    --------
    >>> import numpy as np
    >>> energy = np.linspace(280, 292, 121)
    >>> counts = np.round(100 + 900 * np.exp(-(((energy - 285.3) / 0.7) ** 2)))
    >>> stack = Stack.from_arrays(energy, counts, noise="counts", axis_name="binding_energy")
    >>> moved = Calibrate()(stack)
    >>> round(moved.metadata["corrections"][-1]["shift"], 2)
    -0.5
    """

    name: ClassVar[str] = "xps.Calibrate"

    reference: str = setting("line", "what is looked for", within="line, fermi_edge, none")
    target: float = setting(284.8, "binding energy that it is brought to", unit="eV")
    target_stderr: float = setting(0.0, "standard uncertainty of that energy", unit="eV")
    search: tuple[float, float] = setting(
        (-4.0, 6.0), "where it is looked for, around that energy", unit="eV"
    )
    model: str | Model | Mapping[str, Any] = setting(  # noqa: RUF009
        "", "set or model of the reference's region; empty takes a single line"
    )
    species: str = setting("", "which of its species is the reference; empty takes the first")
    temperature: float = setting(300.0, "of the sample, for the Fermi edge", unit="K")
    shift: float = setting(0.0, "added to binding energies, with reference none", unit="eV")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reference not in ("line", "fermi_edge", "none"):
            raise SettingError(
                f"{self.name}: reference = {self.reference!r}; expected line, fermi_edge or none"
            )
        if len(self.search) != 2 or not self.search[0] < self.search[1]:
            raise SettingError(
                f"{self.name}: search = {self.search!r}; expected two rising energies in eV"
            )
        if not self.temperature > 0 or self.target_stderr < 0:
            raise SettingError(
                f"{self.name}: temperature = {self.temperature} K, target_stderr = "
                f"{self.target_stderr} eV; expected above 0, and 0 or more"
            )

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = _on_binding_energies(stack.load(), self.name)
        changed: dict[str, Any] = {"shift": self.shift, "stderr": self.target_stderr}
        remarks: dict[int, str] = {}
        if self.reference != "none":
            found, drift, apart = self._reference(full)
            changed = {
                "found": found.position,
                "target": self.target,
                "shift": self.target - found.position,
                "drift": drift,
                "shoulder": found.moved,
                "stderr": float(np.sqrt(found.stderr**2 + drift**2 + self.target_stderr**2)),
            }
            said = surroundings_told(found, _APART)
            for i in range(len(full)):
                if text := "; ".join(filter(None, (said, apart.get(i)))):
                    remarks[i] = text
        axis = replace(full.axis, values=full.x + changed["shift"])
        moved = remark(replace(full, axis=axis), remarks)
        return moved.with_metadata(energy_shift_stderr=changed["stderr"]), changed

    def measure(self, stack: Stack) -> tuple[float, float]:
        """Where the reference lies (eV) in the mean of all good frames, and its uncertainty.

        A drift along the frames and a shoulder are in the uncertainty.
        """
        found, drift, _ = self._reference(_on_binding_energies(stack.load(), self.name))
        return found.position, float(np.hypot(found.stderr, drift))

    def _reference(self, full: Stack) -> tuple[Found, float, dict[int, str]]:
        """The reference of all frames, how far it drifts (eV), and who is apart."""
        whole = self._searched(full)
        if self.reference == "fermi_edge":
            found = Found(*self._edge(whole))
            return found, *self._drift(full, found.position)
        found, results = self._line(whole)
        drift, apart = self._drift(full, found.position)
        found = with_rival(whole, found, results)
        # A model of several lines is believed, and the sum of lines that moved is no single one.
        if not self.model and drift == 0.0:
            found = with_shoulder(whole, found, results)
        return found, drift, apart

    def _searched(self, full: Stack) -> Stack:
        """All good frames in one, where the reference is looked for."""
        low, high = (self.target + s for s in self.search)
        inside = (full.x >= low) & (full.x <= high)
        if np.count_nonzero(inside) < _FEWEST:
            raise StackError(
                f"{self.name}: {np.count_nonzero(inside)} points from {low:g} to {high:g} eV; the "
                f"axis runs from {full.x[0]:g} to {full.x[-1]:g}: check target and search"
            )
        return _summed(full.crop(low, high), self.name)

    def _line(self, whole: Stack) -> tuple[Found, Results]:
        if not self.model:
            model = single_line(whole, 0.5 * (self.search[1] - self.search[0]))
            return fit_reference(whole, model, "line", self.name)
        model = load_model(self.model)
        labels = [species.name for species in model.species]
        which = self.species or labels[0]
        if which not in labels:
            raise SettingError(
                f"{self.name}: species = {which!r}; the model has {', '.join(labels)}"
            )
        return fit_reference(whole, model, which, self.name)

    def _drift(self, full: Stack, found: float) -> tuple[float, dict[int, str]]:
        """How parts of the sequence scatter about the mean's reference (eV), and who is apart."""
        if (n := len(full)) < 2:
            return 0.0, {}
        ends = np.linspace(0, n, min(_PARTS, n) + 1).astype(int)
        parts = list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
        at = np.array([self._where(full[start:stop]) for start, stop in parts])
        off, stderr = at[:, 0] - found, at[:, 1]
        seen = np.isfinite(stderr) & (stderr > 0)
        if np.count_nonzero(seen) < 2:
            return 0.0, {}
        misfit = float(((off[seen] / stderr[seen]) ** 2).sum())
        if chi2.sf(misfit, np.count_nonzero(seen) - 1) > IMPROBABLE:
            return 0.0, {}
        apart = seen & (np.abs(off) > np.maximum(_BEYOND * stderr, _APART))
        remarks = {
            i: f"its reference lies {off[k]:+.2f} eV from that of all frames together, by which "
            "it was shifted: calibrate it alone"
            for k in np.flatnonzero(apart).tolist()
            for i in range(*parts[k])
        }
        excess = float((off[seen] ** 2 - stderr[seen] ** 2).mean())
        return float(np.sqrt(max(excess, 0.0))), remarks

    def _where(self, part: Stack) -> tuple[float, float]:
        """Where the reference lies in some frames; NaN where it is not determined."""
        try:
            whole = self._searched(part)
            if self.reference == "fermi_edge":
                return self._edge(whole)
            found = self._line(whole)[0]
        except StackError:
            return np.nan, np.nan
        return found.position, found.stderr

    def _edge(self, whole: Stack) -> tuple[float, float]:
        """Middle of the Fermi edge: a Fermi function convolved with a Gaussian, on a line."""
        x, y = whole.x, np.asarray(whole.signal, dtype=float)
        thermal = _KELVIN * self.temperature
        model, params = fermi_edge(x, y[0], thermal)
        errors: Errors = "counts" if whole.noise == "counts" else "residual"
        weights: FloatArray | None = None
        if errors == "residual" and whole.errors is not None:
            errors, weights = "given", 1.0 / np.asarray(whole.errors, dtype=float)
        fits = fit_stack(model, params, x, y, weights=weights, errors=errors)
        stderr = float(fits.uncertainty("center")[0])
        found = float(np.asarray(fits["center"])[0])
        lost = fits.status[0] not in (Status.OK, Status.AT_BOUND) or not x[0] < found < x[-1]
        lost |= not float(fits["height"][0]) > SEEN * float(fits.uncertainty("height")[0])
        if lost or not np.isfinite(stderr):
            raise StackError(
                f"{self.name}: no Fermi edge from {x[0]:g} to {x[-1]:g} eV; check target and search"
            )
        stderr *= float(np.sqrt(Misfit.of(fits, y, weights, errors).widening[0]))
        return found, stderr


def _on_binding_energies(stack: Stack, name: str) -> Stack:
    """The stack on binding energies: kinetic ones need the photon energy."""
    if stack.axis.name != "kinetic_energy":
        return stack
    photon = stack.metadata.get("photon_energy")
    if photon is None:
        raise StackError(
            f"{name}: the axis is kinetic_energy and the stack's metadata have no photon_energy "
            "(eV); add it by with_metadata(photon_energy=1486.6)"
        )
    # The analyser's work function is in the kinetic energies of all makers already.
    values = float(photon) - stack.x[::-1]
    return replace(
        stack,
        axis=Axis(values, "binding_energy", "eV", "binding energy"),
        signal=np.ascontiguousarray(np.asarray(stack.signal)[:, ::-1]),
        errors=None if stack.errors is None else np.asarray(stack.errors)[:, ::-1].copy(),
        channels={k: np.asarray(v)[:, ::-1].copy() for k, v in stack.channels.items()},
    )


def _summed(stack: Stack, name: str) -> Stack:
    """All good frames in one: counts are added, others averaged."""
    y = np.asarray(stack.signal, dtype=float)
    good = (stack.status == Status.OK) & np.isfinite(y).any(axis=1)
    if not good.any():
        raise StackError(f"{name}: none of the {len(y)} frames can be used")
    y = y[good]
    if stack.noise == "counts":
        return replace(stack[:1].load(), signal=y.sum(axis=0, keepdims=True))
    if stack.noise == "given" and stack.errors is not None:
        variance = (np.asarray(stack.errors, dtype=float)[good] ** 2).sum(axis=0, keepdims=True)
        errors = np.sqrt(variance) / len(y)
        return replace(stack[:1].load(), signal=y.mean(axis=0, keepdims=True), errors=errors)
    return replace(stack[:1].load(), signal=y.mean(axis=0, keepdims=True))
