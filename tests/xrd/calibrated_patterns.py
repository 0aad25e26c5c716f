"""Are the uncertainties of whole-pattern refinements true? On sequences with counting noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from calibrated import Calibration
from simulated_patterns import ANATASE, INSTRUMENT, RUTILE, Simulated, drifting, model_of, simulate

from spectra.reference import load_phase
from spectra.results import Results
from spectra.status import Status
from spectra.xrd import LeBail, Pawley, Rietveld
from spectra.xrd.lattice import volume
from spectra.xrd.pattern.wholepattern import WholePattern

X = np.arange(20.0, 60.0, 0.05)


def rietveld(n: int, seed: int) -> tuple[Rietveld, Simulated]:
    """Two phases whose cells, amounts and widths change; an oxygen moves."""
    method = Rietveld(
        phases=(ANATASE, RUTILE),
        start=INSTRUMENT,
        widths={ANATASE: ("size", "strain"), RUTILE: ("size",)},
        background_degree=2,
        refine=(f"{ANATASE}.O1.z", f"{ANATASE}.O1.u_iso"),
    )
    values = {
        f"{ANATASE}.O1.z": drifting(n, 0.206, 0.210) + 0.125,
        f"{ANATASE}.O1.u_iso": drifting(n, 0.006, 0.012),
        f"{ANATASE}.scale": drifting(n, 0.012, 0.006),
        f"{RUTILE}.scale": drifting(n, 0.010, 0.030),
        f"{ANATASE}.size": drifting(n, 0.10, 0.06),
        f"{ANATASE}.strain": 0.10,
        f"{RUTILE}.size": 0.12,
        "zero": drifting(n, 0.01, 0.03),
    }
    return method, simulate(method, X, n, values | background() | cells(method, n), seed)


def pawley(n: int, seed: int) -> tuple[Pawley, Simulated]:
    """One phase, every intensity free."""
    method = Pawley(
        phases=(RUTILE,), start=INSTRUMENT, widths=("size", "strain"), background_degree=2
    )
    return method, simulate(method, X, n, without_structure(method, n), seed)


def lebail(n: int, seed: int) -> tuple[LeBail, Simulated]:
    """The same by another method; its patterns are those of the structure."""
    settings = {"phases": (RUTILE,), "start": INSTRUMENT, "background_degree": 2}
    method = LeBail(**settings, widths=("size", "strain"))
    truth = Rietveld(**settings, widths=("size", "strain"))
    values = without_structure(truth, n) | {f"{RUTILE}.scale": 0.03}
    return method, simulate(truth, X, n, values, seed)


def overlapping(method: type[LeBail | Pawley], n: int, seed: int) -> tuple[WholePattern, Simulated]:
    """Two phases whose lines are so broad (0.7 deg) that most stand under others."""
    settings = {
        "phases": (ANATASE, RUTILE),
        "start": INSTRUMENT,
        "widths": ("size",),
        "background_degree": 2,
    }
    truth = Rietveld(**settings)
    values = {
        f"{ANATASE}.scale": 0.012,
        f"{RUTILE}.scale": 0.03,
        f"{ANATASE}.size": 0.6,
        f"{RUTILE}.size": 0.6,
        "zero": drifting(n, 0.01, 0.03),
    }
    made = simulate(truth, X, n, values | background() | cells(truth, n), seed)
    return method(**settings), made


def without_structure(method: WholePattern, n: int) -> dict[str, np.ndarray | float]:
    """True values of all but intensities."""
    widths = {f"{RUTILE}.size": 0.10, f"{RUTILE}.strain": 0.10, "zero": drifting(n, 0.01, 0.03)}
    return widths | background() | cells(method, n) | intensities(method)


def background() -> dict[str, float]:
    return {"background0": 60.0, "background1": -15.0, "background2": 5.0}


def cells(method: WholePattern, n: int) -> dict[str, np.ndarray]:
    """Cells that grow and shrink by half a per cent."""
    values = {}
    for phase in method.phases:
        cell = load_phase(phase).cell
        values[f"{phase}.a"] = cell[0] * drifting(n, 1.001, 1.003)
        values[f"{phase}.c"] = cell[2] * drifting(n, 1.004, 1.000)
    return values


def intensities(method: WholePattern) -> dict[str, float]:
    """Of a Pawley refinement: those it starts with, in counts."""
    if not isinstance(method, Pawley):
        return {}
    layout = model_of(method, X).layout
    names = [n for n in layout.names if "intensity" in n]
    return {n: 0.03 * layout.start[layout.index(n)] for n in names}


def pulls(results: Results, made: Simulated) -> dict[str, Calibration]:
    """Calibration of every refined parameter, and of what follows from them."""
    good = np.isin(results.status, (Status.OK, Status.AT_BOUND))
    assert good.all(), results.messages
    found = {}
    names = results.table.coords["refined"]["name"].tolist()
    for i, name in enumerate(names):
        if name in made.model.layout.names:
            found[name] = _calibration(
                *(np.asarray(results[k])[:, i] for k in ("value", "value_stderr")), made.true(name)
            )
    for p, phase in enumerate(made.model.phases):
        free = made.theta[:, made.model.cell_columns(p)]
        found[f"{phase.name}.volume"] = _of_column(
            results, "volume", p, volume(phase.constraint.cell(free))[0]
        )
    if "weight_fraction" in results.columns and "weight_fraction_stderr" in results.columns:
        for p, share in enumerate(_shares(made)):
            if np.isfinite(np.asarray(results["weight_fraction"])[:, p]).all():
                name = f"{made.model.phases[p].name}.weight_fraction"
                found[name] = _of_column(results, "weight_fraction", p, share)
    return found


def _of_column(results: Results, name: str, p: int, true: np.ndarray) -> Calibration:
    value, error = (np.asarray(results[k])[:, p] for k in (name, f"{name}_stderr"))
    return _calibration(value, error, true)


def _calibration(value: np.ndarray, error: np.ndarray, true: np.ndarray) -> Calibration:
    return Calibration((value - true) / error)


def _shares(made: Simulated) -> list[np.ndarray]:
    """True weight fractions of each phase (frames,)."""
    names = [f"{p.name}.scale" for p in made.model.phases]
    if len(names) < 2:
        return []
    mass = []
    for number, (name, phase) in enumerate(zip(names, made.model.phases, strict=True)):
        free = made.theta[:, made.model.cell_columns(number)]
        v = volume(phase.constraint.cell(free))[0]
        mass.append(made.true(name) * v * load_phase(phase.name).cell_mass)
    return [m / sum(mass) for m in mass]


CASES: dict[str, Callable[[int, int], tuple[WholePattern, Simulated]]] = {
    "Rietveld": rietveld,
    "Pawley": pawley,
    "Le Bail": lebail,
    "Pawley, overlapping": lambda n, seed: overlapping(Pawley, n, seed),
    "Le Bail, overlapping": lambda n, seed: overlapping(LeBail, n, seed),
}


def run(case: str, n: int, seed: int = 1) -> dict[str, Calibration]:
    """Pulls of one case with n frames."""
    method, made = CASES[case](n, seed)
    return pulls(method(made.stack), made)
