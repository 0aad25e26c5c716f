"""Calculated patterns of finished refinements, from what the results hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError
from spectra.fit.uncertainty import point_sigma
from spectra.results import Results
from spectra.stack import Stack
from spectra.xrd.lattice import inverse_d2
from spectra.xrd.pattern.amplitude import HeldStrengths
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.wholepattern import WholePattern
from spectra.xrd.phases import PhaseStatus
from spectra.xrd.screen import NOISE

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Ticks:
    """Where the reflections of a phase stand.

    Attributes
    ----------
    phase : str
    hkl : int array (R, 3)
    two_theta : array (frames, R)
        Deg, for the first line of the radiation, corrections included; NaN in frames that do
        not show the phase, and for reflections outside the range.
    """

    phase: str
    hkl: NDArray[np.int32]
    two_theta: FloatArray


@dataclass(frozen=True)
class PatternCurves:
    """Observed and calculated patterns of some frames.

    Attributes
    ----------
    x : array (points,)
        2θ of the range used, deg.
    observed, calculated, background : array (frames, points)
    weight : array (frames, points)
        1/σ²; zero for points that were left out.
    used : bool array (points,)
        False in what was excluded.
    ticks : tuple of Ticks
        One for each phase.
    """

    x: FloatArray
    observed: FloatArray
    calculated: FloatArray
    background: FloatArray
    weight: FloatArray
    used: BoolArray
    ticks: tuple[Ticks, ...]


def pattern_curves(
    results: Results, stack: Stack, frames: IntArray, method: WholePattern
) -> PatternCurves:
    """Calculate the patterns of some frames again.

    Parameters
    ----------
    results : Results
        Of `method`.
    stack : Stack
        The patterns they come from.
    frames : int array
        Frames that have results.
    method : WholePattern
        With the settings of the results; `spectra.engine.method_from_provenance` gives it.

    Raises
    ------
    ResultsError
        If the results do not belong to the patterns or the method, or a frame has none.
    """
    if len(results) != stack.n_frames:
        raise ResultsError(f"results of {len(results)} frames beside {stack.n_frames} patterns")
    if "measurement" not in results.attrs:
        raise ResultsError("the results do not say how their patterns are calculated; run again")
    some = results[frames]
    if (bad := ~refined_frames(some)).any():
        number = int(np.asarray(frames)[bad][0])
        raise ResultsError(f"frame {number} was not refined: {results.messages[number]}")
    model = method.model_of(some)
    low, high = model.limits
    block = stack[frames].load().crop(low, high)
    observed = np.asarray(block.signal, dtype=float)
    theta = parameters(some, model)
    if any(isinstance(p.amplitude, HeldStrengths) for p in model.phases):
        ends = np.cumsum([len(p.hkl) for p in model.phases])[:-1]
        model = model.with_strengths(np.split(np.nan_to_num(some["intensity"]), ends, axis=1))
    noise = NOISE[results.attrs["errors"]]
    sigma = point_sigma(observed, None if block.errors is None else np.asarray(block.errors), noise)
    objective = method.objective(model, block.x, observed, sigma, noise)
    tiles = objective.tiles
    return PatternCurves(
        block.x,
        observed,
        objective.curve(theta),
        tiles.join(objective.background_of(theta)),
        tiles.join(objective.weight),
        method.used(block.x),
        tuple(
            Ticks(phase.name, phase.hkl, _positions(model, p, theta, some))
            for p, phase in enumerate(model.phases)
        ),
    )


def refined_frames(results: Results) -> BoolArray:
    """Which frames were refined, whatever came out."""
    return np.asarray(np.isfinite(results["rwp"]))


def parameters(results: Results, model: PatternModel) -> FloatArray:
    """All parameters (frames, P) of a model, refined and held.

    Raises
    ------
    ResultsError
        If the results lack one.
    """
    held = results.attrs["held"]
    refined = results.table.coords["refined"]["name"].tolist()
    stood = np.where(np.isfinite(results["value"]), results["value"], results["value_held"])
    theta = np.empty((len(results), model.layout.size))
    for p, name in enumerate(model.layout.names):
        if name in refined:
            theta[:, p] = stood[:, refined.index(name)]
        elif name in held:
            theta[:, p] = held[name]
        else:
            raise ResultsError(f"the results have no parameter {name!r}; run the method again")
    return theta


def _positions(model: PatternModel, number: int, theta: FloatArray, some: Results) -> FloatArray:
    """2θ (frames, R) of the reflections of a phase."""
    phase, at = model.phases[number], model.cell_columns(number)
    q = inverse_d2(phase.hkl, phase.constraint.cell(theta[:, at]))[0]
    with np.errstate(invalid="ignore"):
        angle = np.degrees(2.0 * np.arcsin(0.5 * model.emission[0].wavelength * np.sqrt(q)))
    center = angle.copy()
    for aberration in model.aberrations:
        value = theta[:, model.layout.index(aberration.name), None]
        center += value * aberration.shift(angle, model.radius)
    low, high = model.limits
    seen = (some["phase_status"][:, number] != PhaseStatus.LOST)[:, None]
    return np.where(seen & (center >= low) & (center <= high), center, np.nan)
