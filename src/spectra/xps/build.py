"""From species and a background to one `lmfit` model of exact terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.fit.cumulative import WITH_INTEGRAL
from spectra.fit.expressions import parse_expression
from spectra.fit.free_losses import FreelyScattered
from spectra.fit.lines import Component, Line, Lines, doublet
from spectra.fit.model import Term
from spectra.fit.own import model_of_terms
from spectra.fit.photolines import get_photoline
from spectra.fit.scattered import (
    Scattered,
    Scattering,
    ShirleySums,
    TougaardLosses,
    WindowPolynomial,
)
from spectra.xps.model import Model, Species

if TYPE_CHECKING:
    import lmfit

IntArray = NDArray[np.intp]

LOSSES: Mapping[str, tuple[float, float, float, float]] = {"metals": (1643.0, 1.0, 0.0, 0.0)}
"""C (eV²), C′, D (eV²) and gap (eV) of cross sections, by kind of material.

C of noble and transition metals: S. Tougaard, Surf. Sci. 216 (1989) 343, as used for its
two-parameter cross section by RxpsG (`XPSTougaard.r`). For other materials give four numbers
from a source of your own.
"""
SIGN = (
    "the published form of three parameters is (C - T^2)^2 + D*T^2: give C' = -1 and, where D is "
    "fitted, a start above 0; (C + C'*T^2)^2 + D*T^2 with C' > 0 is the same as -C' and D + 4*C*C'"
)
"""What goes with C′ > 0 and D > 0, for messages."""
BACKGROUNDS = ("none", "shirley", "tougaard", "shirley_tougaard")


@dataclass(frozen=True)
class Background:
    """What lies under the lines.

    Parameters
    ----------
    scattering : str
        One of `BACKGROUNDS`.
    each : bool
        Whether every species has its own Shirley strength.
    degree : int
        Of the polynomial below, -1 for none.
    losses : (C, C′, D, gap)
    low, high : float
        Ends of the window (eV).
    """

    scattering: str
    each: bool
    degree: int
    losses: tuple[float, float, float, float]
    low: float
    high: float

    @property
    def shirley(self) -> bool:
        return self.scattering.startswith("shirley")

    @property
    def tougaard(self) -> bool:
        return self.scattering.endswith("tougaard")


@dataclass(frozen=True)
class Built:
    """A model ready to be fitted.

    Attributes
    ----------
    model : lmfit.Model
    params : lmfit.Parameters
    names : tuple of str
        Parameters of the terms, in their order.
    components : tuple of Component
        Columns of each species among `names`.
    """

    model: lmfit.Model
    params: lmfit.Parameters
    names: tuple[str, ...]
    components: tuple[Component, ...]


def build(model: Model, background: Background) -> Built:
    """Make the `lmfit` model of a region, with starts, bounds and ties.

    Raises
    ------
    SettingError
        For overrides of parameters that nothing uses, or a background that the lines do not have.
    """
    params = _parameters(model, background)
    layout = _Layout.of(params, _starts(model, background))
    components = tuple(_component(s, background, params, layout) for s in model.species)

    def terms(columns: IntArray) -> list[Term]:
        return _terms(model, background, components, columns, layout)

    names = tuple(layout.place)
    return Built(model_of_terms(names, terms, "region"), params, names, components)


def _starts(model: Model, background: Background) -> dict[str, dict[str, Any]]:
    """Starts and bounds of the parameters of all species and of the background."""
    start: dict[str, dict[str, Any]] = {}
    for species in model.species:
        start.update(_of_species(species))
        if background.shirley and background.each:
            start[f"{species.key}_shirley"] = {"value": 0.0}
    if background.shirley and not background.each:
        start["shirley"] = {"value": 0.0}
    if background.tougaard:
        start["tougaard"] = {"value": 0.0}
        start |= _of_losses(model, background)
    for i in range(background.degree + 1):
        start[f"background_c{i}"] = {"value": 0.0}
    return start


def term_parameters(model: Model, background: Background) -> tuple[str, ...]:
    """Names of the parameters that species and background have of their own."""
    return tuple(_starts(model, background))


def _of_losses(model: Model, background: Background) -> dict[str, dict[str, Any]]:
    """Parameters of Tougaard's cross section, for a model that says something of them."""
    c, curvature, d, _ = background.losses
    start: dict[str, dict[str, Any]] = {
        "tougaard_c": {"value": c, "vary": False, "min": 1.0},
        "tougaard_curvature": {"value": curvature, "vary": False},
        "tougaard_d": {"value": d, "vary": False, "min": 0.0},
    }
    return start if start.keys() & model.parameters.keys() else {}


def _of_species(species: Species) -> dict[str, dict[str, Any]]:
    key, profile = species.key, get_photoline(species.profile)
    at, spread = species.position, species.spread
    center = {"value": at, "vary": spread > 0}
    if spread > 0:
        center |= {"min": at - spread, "max": at + spread}
    start = {f"{key}_center": center, f"{key}_area": {"value": 1.0, "min": 0.0}}
    low, high = species.widths
    if unknown := species.shape.keys() - set(profile.shape_names):
        raise SettingError(
            f"species {species.name!r}: the profile {profile.name} has no {', '.join(unknown)}; "
            f"it has {', '.join(profile.shape_names)}"
        )
    for i, name in enumerate(profile.shape_names):
        least, most = profile.bounds[name]
        if i == 0:
            start[f"{key}_{name}"] = {"value": species.width, "min": low, "max": high}
            continue
        value = species.shape.get(name, profile.defaults.get(name, 0.5 * species.width))
        start[f"{key}_{name}"] = {"value": value, "min": least, "max": most, "vary": False}
    if species.splitting:
        start[f"{key}_splitting"] = {"value": species.splitting, "min": 0.0, "vary": False}
        start[f"{key}_broadening"] = {"value": species.broadening, "min": 0.5, "vary": False}
    return start


def _parameters(model: Model, background: Background) -> lmfit.Parameters:
    """The parameters as `lmfit` states them, with what the model says of them."""
    import lmfit

    start, said = _starts(model, background), model.parameters
    names = [*(n for n in said if n not in start), *start]
    params = lmfit.Parameters()
    for name in names:
        hints = dict(start.get(name, {})) | dict(said.get(name, {}))
        if "expr" in hints:
            hints = {"value": hints.get("value", 0.0)}
        elif "vary" not in said.get(name, {}) and {"min", "max"} & said.get(name, {}).keys():
            hints["vary"] = True
        params.add(name, **hints)
    tied = {n: str(said[n]["expr"]) for n in names if "expr" in said.get(n, {})}
    used: set[str] = set()
    for name, text in tied.items():
        used |= parse_expression(text, frozenset(names), name).names
        params[name].set(expr=text)
    if unused := [n for n in said if n not in start and n not in used]:
        raise SettingError(
            f"model {model.name!r}: nothing uses the parameters {', '.join(unused)}; "
            f"it has {', '.join(start)}"
        )
    if "tougaard_d" in params:
        _check_sign(model, params)
    return params


def _check_sign(model: Model, params: lmfit.Parameters) -> None:
    """Refuse a C′ that is held above 0 beside a D that is not 0."""
    curvature, d = params["tougaard_curvature"], params["tougaard_d"]
    held = not curvature.vary and not curvature.expr and curvature.value > 0
    if held and (d.vary or d.expr or d.value > 0):
        raise SettingError(
            f"model {model.name!r}: tougaard_curvature = {curvature.value:g} is held, with "
            f"tougaard_d {'fitted' if d.vary else f'= {d.value:g}'}; {SIGN}"
        )


@dataclass(frozen=True)
class _Layout:
    """Which column each parameter has; one that only repeats another has the other's."""

    place: Mapping[str, int]
    root: Mapping[str, str]

    @classmethod
    def of(cls, params: lmfit.Parameters, names: Iterable[str]) -> _Layout:
        root: dict[str, str] = {}
        alike: dict[tuple[str, float], str] = {}
        for name in names:
            found = name
            while params[found].expr in params:
                found = params[found].expr
            if not params[found].vary and not params[found].expr:
                # Of fixed values that are the same one is enough.
                kind = found.rpartition("_")[2]
                found = alike.setdefault((kind, float(params[found].value)), found)
            root[name] = found
        return cls({n: i for i, n in enumerate(dict.fromkeys(root.values()))}, root)

    def column(self, name: str) -> int:
        return self.place[self.root[name]]


def _component(
    species: Species, background: Background, params: lmfit.Parameters, layout: _Layout
) -> Component:
    """Columns of a species."""
    key = species.key
    shape = tuple(layout.column(f"{key}_{n}") for n in get_photoline(species.profile).shape_names)
    lines: tuple[Line, ...] = (Line(1.0),)
    if species.splitting:
        splitting, broadening = (layout.column(f"{key}_{n}") for n in ("splitting", "broadening"))
        lines = doublet(species.ratio, splitting, broadening)
    elif species.multiplet:
        lines = multiplet_lines(species)
    loss = None
    if background.shirley and species.profile in WITH_INTEGRAL:
        loss = layout.column(f"{key}_shirley" if background.each else "shirley")
    return Component(
        layout.column(f"{key}_center"), layout.column(f"{key}_area"), shape, lines, loss
    )


def multiplet_lines(species: Species) -> tuple[Line, ...]:
    """Lines of a multiplet, as its species states them; their shares have the sum 1."""
    whole = sum(line[1] for line in species.multiplet)
    return tuple(Line(x[1] / whole, x[0], *x[2:]) for x in species.multiplet)


def _terms(
    model: Model,
    background: Background,
    components: Sequence[Component],
    columns: IntArray,
    layout: _Layout,
) -> list[Term]:
    """The model's terms on given columns."""
    powers = [layout.column(f"background_c{i}") for i in range(background.degree + 1)]
    terms: list[Term] = []
    if powers:
        terms.append(WindowPolynomial(columns[powers], background.low, background.high))
    profiles = list(dict.fromkeys(s.profile for s in model.species))
    analytic = not background.tougaard and all(p in WITH_INTEGRAL for p in profiles)
    if background.shirley and background.each and not (analytic and len(profiles) == 1):
        raise SettingError(
            f"model {model.name!r}: a Shirley strength for each species needs one profile with "
            f"an integral ({', '.join(WITH_INTEGRAL)}) and no Tougaard background"
        )
    moved = [_moved(c, columns, loss=analytic) for c in components]
    families = [
        Lines(
            get_photoline(p),
            [c for c, s in zip(moved, model.species, strict=True) if s.profile == p],
        )
        for p in profiles
    ]
    summed = background.tougaard or (background.shirley and not analytic)
    if not summed and len(families) == 1:
        return [*terms, *families]
    scatterings: list[Scattering] = []
    strengths: list[int] = []
    if background.shirley and summed:
        scatterings.append(ShirleySums())
        strengths.append(columns[layout.column("shirley")])
    if "tougaard_c" in layout.root:
        free = ("tougaard", "tougaard_c", "tougaard_curvature", "tougaard_d")
        losses = columns[[layout.column(n) for n in free]]
        shirley, gap = np.array(strengths, np.intp), background.losses[3]
        return [*terms, FreelyScattered(families, scatterings, shirley, losses, gap)]
    if background.tougaard:
        scatterings.append(TougaardLosses(*background.losses))
        strengths.append(columns[layout.column("tougaard")])
    return [*terms, Scattered(families, scatterings, np.array(strengths, np.intp))]


def _moved(component: Component, columns: IntArray, *, loss: bool) -> Component:
    """The same component on other columns, with or without its own background."""

    def at(what: float | int) -> float | int:
        return int(columns[what]) if isinstance(what, int) else what

    lines = tuple(
        replace(x, offset=at(x.offset), broadening=at(x.broadening)) for x in component.lines
    )
    return replace(
        component,
        center=int(columns[component.center]),
        area=int(columns[component.area]),
        shape=tuple(int(columns[c]) for c in component.shape),
        lines=lines,
        loss=int(columns[component.loss]) if loss and component.loss is not None else None,
    )
