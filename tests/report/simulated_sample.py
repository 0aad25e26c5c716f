"""Simulated samples seen by five techniques along one charge, evaluated by the real methods."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tests.raman.simulated_carbon import counted, two_bands
from tests.xas.shells.copper_shells import chi_stack, noise_of, simulated_path
from tests.xas.vanadium_edges import operando_series
from tests.xps.vanadium_regions import ENERGY, SETS, built

from spectra import Stack, Variable, raman, xas, xps, xrd
from spectra.batch import Batch, Outcome
from spectra.demo import RADIUS, simulate
from spectra.recipe import Recipe
from spectra.recipesettings import RecipeSettings, StackSettings
from spectra.results import Record
from spectra.samples import Measurement, Sample, SampleSheet
from spectra.xas.shells.equation import chi_of_path

HOSTILE = "<b>钒</b> & $x$"
AXIS = "state_of_charge"
DEAD = 7
K = 0.05 * np.arange(301)
PARAMETERS = {
    "s02": {"value": 0.8},
    "n_o": 6.0,
    "e0": 1.0,
    "dr_o": 0.0,
    "dr_m": 0.0,
    "s2_o": 0.005,
    "s2_m": 0.005,
}
PARAMETERS["s02"] = {"value": 0.8, "vary": False}


def at(stack: Stack, charge: np.ndarray) -> Stack:
    """The stack with its states of charge."""
    return stack.with_variables(**{AXIS: Variable(np.asarray(charge, dtype=float), "")})


def diffraction(n: int = 17, *, high: float = 40.0, seed: int = 5) -> Record:
    """A cell that swells by 0.11 % over a charge, seen up to an angle; one frame is dead."""
    # Four half cycles, of which the first is taken: a charge.
    stack, _, _ = simulate(4 * (n - 1), seed)
    stack = stack[:n].crop(22.0, high)
    axis = replace(stack.axis, values=stack.x[::2])
    stack = replace(stack, axis=axis, signal=np.asarray(stack.signal)[:, ::2])
    state = 0.5 - 0.5 * np.cos(np.pi * np.arange(n) / (n - 1))
    stack = at(stack, state).with_variables(
        voltage=Variable(2.4 + 1.4 * state + 0.15 * np.tanh(12.0 * (state - 0.5)), "V")
    )
    signal = np.array(stack.signal)
    signal[DEAD % n] = 0.0
    stack = replace(stack, signal=signal)
    peaks = xrd.Peaks()(stack)
    cell = xrd.Cell(phases=("K3V5O14",), corrections=("displacement",), radius=RADIUS)(peaks)
    return Record({"peaks": peaks, "cell": cell, "strain": xrd.Strain()(cell)}, stack)


def some(record: Record, step: int) -> Record:
    """Every so many frames of a record."""
    assert record.stack is not None
    return Record({k: v[::step] for k, v in record.steps.items()}, record.stack[::step])


def edges(n: int = 9, first: float = 0.0) -> Record:
    """P/M and valence over the charge, standards being its own ends."""
    series = operando_series(n, seed=3)
    names = ("V2O3", *(f"{HOSTILE} {i}" for i in range(1, n - 1)), "V2O5")
    stack = at(replace(series.stack, names=names), np.linspace(first, 1.0, n))
    peaks = xas.PreEdge()(stack)
    valence = xas.Valence(standards={"V2O3": 3.0, "V2O5": 5.0})(peaks)
    return Record({"preedge": peaks, "valence": valence}, stack)


def bonds(n: int = 5) -> Record:
    """Bonds that shrink along the charge, and the lobes of their wavelets."""
    close, far = simulated_path(1.95, 6.0, 8), simulated_path(2.85, 6.0, 29)
    charge = np.linspace(0.0, 1.0, n)
    chi = np.zeros((n, len(K)))
    for i in range(n):
        for path, shift, sigma2 in ((close, -0.05, 0.006), (far, -0.02, 0.005)):
            said = {"e0": 3.0, "delta_r": shift * charge[i], "sigma2": sigma2}
            chi[i, 1:] += chi_of_path(path, K[1:], amplitude=0.8 * 6.0, **said)
    chi += noise_of("white", K) * np.random.default_rng(3).normal(size=chi.shape)
    stack = at(chi_stack(chi, k=K, time=Variable(900.0 * np.arange(n), "s")), charge)
    paths = (
        {"path": close, "label": "M-O", "n": "n_o", "delta_r": "dr_o", "sigma2": "s2_o"},
        {"path": far, "label": "M-M", "n": 6, "delta_r": "dr_m", "sigma2": "s2_m"},
    )
    shells = xas.Shells(k_range=(3.0, 13.0), r_range=(1.0, 3.2), parameters=PARAMETERS, paths=paths)
    lobes = xas.Wavelet(points=(40, 40), lobes={"M-O": [[3, 10], [1.2, 2.0]]})
    return Record({"shells": shells(stack), "wavelet": lobes(stack)}, stack)


def surface(charge: tuple[float, ...] = (0.0, 0.5, 1.0)) -> Record:
    """V4+ becomes V5+ at the surface, measured at a few states."""
    made, curves = built(), []
    for x in charge:
        made.params["V5_area"].set(value=2000.0 + 7000.0 * x)
        made.params["V4_area"].set(value=8500.0 - 7000.0 * x)
        curves.append(made.model.eval(made.params, x=ENERGY[::4]))
    y = np.random.default_rng(8).poisson(curves).astype(float)
    stack = Stack.from_arrays(
        ENERGY[::4], y, noise="counts", axis_name="binding_energy", axis_unit="eV"
    )
    stack = at(stack, np.array(charge))
    return Record({"region": xps.Region(model=SETS)(stack)}, stack)


def carbon(charge: tuple[float, ...] = (0.5,)) -> Record:
    """The carbon of the electrode at one state, or a few."""
    stack = at(counted(two_bands(), len(charge)), np.array(charge))
    return Record({"carbon": raman.Carbon(bands=(2,), laser=514.5)(stack)}, stack)


@dataclass(frozen=True)
class Held(Outcome):
    """An outcome whose record is in memory."""

    held: Record | None = field(default=None, compare=False)

    def record(self) -> Record:
        assert self.held is not None
        return self.held


def batch(samples: dict[str, dict[str, Record | str]], axis: str = AXIS, title: str = "") -> Batch:
    """A batch of records by sample and measurement; a text is the reason of a failure."""
    outcomes, listed = [], []
    for sample, records in samples.items():
        measurements = []
        for name, record in records.items():
            technique, path = name.partition("-")[0], Path("results") / sample / f"{name}.h5"
            recipe = Recipe(RecipeSettings(stack=StackSettings(files="*.xy"), step=[]), Path(), {})
            made = Measurement(
                technique=technique,
                name=name,
                recipe=recipe,
                recipe_path=Path("recipe.toml"),
                files=(),
                values={},
                output=path,
            )
            measurements.append(made)
            told = record if isinstance(record, str) else ""
            outcome = Held(sample, technique, name, path, "failed" if told else "computed", told)
            outcomes.append(outcome if told else replace(outcome, held=record))
        listed.append(Sample(sample, {"mass": 1.2}, tuple(measurements)))
    sheet = SampleSheet(title, axis, Path("samples.toml"), Path(), Path("results"), tuple(listed))
    return Batch(sheet, tuple(outcomes))


def whole_batch(high: float = 40.0) -> Batch:
    """A sample with everything, one with less, and one whose XPS failed."""
    swelling = diffraction(high=high)
    failed = "region.vms: no such file; mend the path in samples.toml"
    return batch(
        {
            f"KVO-1 {HOSTILE}": {
                "xrd": swelling,
                "xanes": edges(),
                "exafs": bonds(),
                "xps": surface(),
                "raman": carbon(),
            },
            "KVO-2": {"xrd": some(swelling, 2), "xanes": edges(5), "xps": failed},
            "KVO-3": {"xrd": some(swelling, 3), "raman": carbon((0.0, 1.0))},
        },
        title=f"Simulated: three samples {HOSTILE}",
    )
