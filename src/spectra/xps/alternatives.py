"""Models beside a region's own: with one species less, or with one line more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra.fit.expressions import parse_expression
from spectra.xps.build import Background, build, term_parameters
from spectra.xps.model import Model

if TYPE_CHECKING:
    import lmfit

EXTRA = "one_more"
"""What the parameters of a further line begin with."""


def without(model: Model, name: str, background: Background) -> Model | None:
    """The same model without one species, and without those whose area is tied to its own.

    Positions and widths that others are counted from stay as parameters of their own.

    Parameters
    ----------
    model : Model
    name : str
        Of the species.
    background : Background
        Which has parameters that the model may speak of.

    Returns
    -------
    Model or None
        None where no species is left.
    """
    params = build(model, background).params
    gone = {s.key for s in model.species if s.name == name}
    for _ in model.species:
        areas = {f"{key}_area" for key in gone}
        gone |= {s.key for s in model.species if _used(params, f"{s.key}_area") & areas}
    species = tuple(s for s in model.species if s.key not in gone)
    if not species:
        return None
    kept = replace(model, name=f"{model.name} without {name}", species=species)
    own = set(term_parameters(kept, background))
    alive = set(own)
    while more := {n for a in alive for n in _used(params, a)} - alive:
        alive |= more
    # Of a species that is gone only part may have been said: its own bounds are as well.
    lost = set(term_parameters(model, background)) - own
    said = {n: dict(v) for n, v in model.parameters.items() if n in alive - lost}
    said |= {n: _told(params[n]) for n in sorted(alive & lost)}
    return replace(kept, parameters=said)


def with_one_more(model: Model, low: float, high: float) -> Model:
    """The same model with a line anywhere in a window, of the first species' shape.

    Parameters
    ----------
    model : Model
    low, high : float
        Ends of the window (eV).
    """
    line = replace(
        model.species[0],
        name=EXTRA,
        position=0.5 * (low + high),
        spread=0.5 * (high - low),
        splitting=0.0,
        broadening=1.0,
        multiplet=(),
        valence=None,
    )
    return replace(model, name=f"{model.name} + one more", species=(*model.species, line))


def _used(params: lmfit.Parameters, name: str) -> frozenset[str]:
    """Names in a parameter's expression."""
    text = params[name].expr
    return frozenset(parse_expression(text, frozenset(params), name).names) if text else frozenset()


def _told(parameter: lmfit.Parameter) -> dict[str, Any]:
    """A parameter as a model states it."""
    if parameter.expr:
        return {"expr": parameter.expr}
    told: dict[str, Any] = {"value": float(parameter.value), "vary": bool(parameter.vary)}
    ends = {"min": float(parameter.min), "max": float(parameter.max)}
    return told | {k: v for k, v in ends.items() if np.isfinite(v)}
