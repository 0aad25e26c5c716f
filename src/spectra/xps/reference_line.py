"""The line that binding energies are counted from, and what of its surroundings moves it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import StackError
from spectra.fit.uncertainty import point_sigma
from spectra.status import Status
from spectra.xps.curves import evaluate
from spectra.xps.model import Model, Species
from spectra.xps.region import Region

if TYPE_CHECKING:
    from spectra.results import Results
    from spectra.stack import Stack

FloatArray = NDArray[np.float64]

# Area of a line over its uncertainty: less is noise, which reached 1.3 in 300 spectra without any.
SEEN = 3.0
# Least distance of a shoulder, in widths of the line.
_NEAREST = 0.3
# Where the line begins beside a shoulder, in widths of a single one for both.
_ASIDE, _NARROWER = 0.1, 0.8
# Points of a side on which one is looked for.
_FEWEST = 4
# Height of another line, in parts of the reference's and in uncertainties, that may be mistaken.
_RIVAL, _CERTAIN = 0.3, 5.0


@dataclass(frozen=True)
class Found:
    """Where a reference lies.

    Attributes
    ----------
    position, stderr : float
        Binding energy (eV) as fitted, and its standard uncertainty.
    moved : float
        How far a shoulder that the spectrum prefers would move it (eV); 0 without one.
    shoulder : float
        How far that shoulder lies from it (eV).
    rival : float
        Binding energy of another line about as high (eV); NaN without one.
    """

    position: float
    stderr: float
    moved: float = 0.0
    shoulder: float = 0.0
    rival: float = np.nan


def single_line(whole: Stack, reach: float) -> Model:
    """A single line on the highest point of a spectrum.

    Parameters
    ----------
    whole : Stack
        One frame.
    reach : float
        How far it may lie from there (eV).
    """
    line = Species(name="line", level="reference", position=_top(whole), spread=min(1.0, reach))
    return Model(name="a line", species=(line,), parameters=_free_mixing("line"))


def fit_reference(whole: Stack, model: Model, which: str, owner: str) -> tuple[Found, Results]:
    """Fit a region, as its model has it or with the reference on the highest point.

    Parameters
    ----------
    whole : Stack
        One frame.
    model : Model
    which : str
        Of its species.
    owner : str
        Who asks, for messages.

    Returns
    -------
    found : Found
    results : Results
        The better fit of the two.

    Raises
    ------
    StackError
        Where the line is not determined, or noise.
    """
    k = [species.name for species in model.species].index(which)
    # Charging moves all lines alike: as the model has them, or the reference on the highest.
    shifts = (0.0, _top(whole) - model.species[k].position)
    tried = [Region(model=_moved(model, shift))(whole) for shift in shifts]
    unlike = [np.nan_to_num(r["chi2_reduced"][0], nan=np.inf) for r in tried]
    results = tried[int(np.argmin(unlike))]
    found, stderr = (float(results[n][0, k]) for n in ("position", "position_stderr"))
    if f"{model.species[k].key}_center at its bound" in results.messages[0] or not np.isfinite(
        stderr
    ):
        raise StackError(
            f"{owner}: {which} is not determined ({results.messages[0] or 'no fit'}, "
            f"status {Status(int(results.status[0])).label}); check target, search and model"
        )
    # Whether a line is there at all is a question of the noise, however ill its shape is known.
    area = float(results["area"][0, k])
    unsure = float(results["area_stderr"][0, k] / results["scaled"][0])
    if not area > SEEN * unsure:
        raise StackError(
            f"{owner}: no line from {whole.x[0]:g} to {whole.x[-1]:g} eV: the area of "
            f"{which} is {area:.3g} ± {unsure:.2g}, expected {SEEN:g} times its uncertainty; "
            "check target and search, or take the shift from another region (measure)"
        )
    return Found(found, stderr), results


def with_rival(whole: Stack, found: Found, results: Results) -> Found:
    """Ask whether what a fit leaves holds another line, about as high as the reference.

    Parameters
    ----------
    whole : Stack
        One frame.
    found : Found
    results : Results
        Its fit.
    """
    k = int(np.abs(results["position"][0] - found.position).argmin())
    width, height = float(results["fwhm"][0, k]), float(results["height"][0, k])
    left, sigma = _left(whole, results, width)
    far = np.abs(whole.x - found.position) > 1.5 * width
    rivals = far & (left > _RIVAL * height) & (left > _CERTAIN * sigma)
    if not rivals.any():
        return found
    return replace(found, rival=float(whole.x[np.where(rivals, left, -np.inf).argmax()]))


def with_shoulder(whole: Stack, found: Found, results: Results) -> Found:
    """Ask whether a single line has a shoulder, which is then in its uncertainty.

    A second line of the same shape is fitted on either side of it. Where the Bayesian information
    criterion prefers two, the line of larger area is the reference, and how far it lies from the
    single one is not known better than that.

    Parameters
    ----------
    whole : Stack
        One frame.
    found : Found
    results : Results
        Its fit with a single line.
    """
    width, least = float(results["fwhm"][0, 0]), float(results["bic"][0])
    left, _ = _left(whole, results, width)
    moved, shoulder = _moved_by_shoulder(whole, found.position, width, left, least)
    stderr = float(np.hypot(found.stderr, moved))
    return replace(found, stderr=stderr, moved=moved, shoulder=shoulder)


def surroundings_told(found: Found, least: float) -> str:
    """Say what may move a reference by more than `least` (eV), or be mistaken for it."""
    said = []
    if abs(found.moved) > least:
        said.append(
            f"the reference is no single line: with a shoulder at {found.shoulder:+.1f} eV it lies "
            f"{found.moved:+.2f} eV off, which is in the shift's uncertainty: give its model"
        )
    if np.isfinite(found.rival):
        said.append(
            f"the reference was taken at {found.position:.1f} eV, and another line about as high "
            f"lies at {found.rival:.1f} eV: narrow the search, or give its model"
        )
    return "; ".join(said)


def _moved_by_shoulder(
    whole: Stack, position: float, width: float, left: FloatArray, least: float
) -> tuple[float, float]:
    """How far a second line moves a single one, and where it lies from it; 0 without one.

    Parameters
    ----------
    left : array (points,)
        What the single line leaves, whose highest point on either side is where a second begins.
    least : float
        The single line's Bayesian information criterion.
    """
    moved, shoulder = 0.0, 0.0
    away = whole.x - position
    sides = (away >= _NEAREST * width, away <= -_NEAREST * width)
    # A shoulder nearer than a width leaves nothing where it is.
    starts = [(side, sign * width) for side, sign in zip(sides, (1.0, -1.0), strict=True)]
    starts += [(side, float(away[np.where(side, left, -np.inf).argmax()])) for side in sides]
    for side, apart in starts:
        if np.count_nonzero(side) < _FEWEST:
            continue
        ends = float(away[side][0]), float(away[side][-1])
        two = Region(model=_shouldered(position, width, apart, ends))(whole)
        # A mixing of 0 is a bound, and no worse for it; a distance that is pushed out is none.
        pushed = "apart at its bound" in two.messages[0]
        if pushed or not two.ok()[0] or not two["bic"][0] < least:
            continue
        least, main = float(two["bic"][0]), int(two["area"][0].argmax())
        places = two["position"][0]
        moved = float(places[main] - position)
        shoulder = float(places[1 - main] - places[main])
    return moved, shoulder


def _shouldered(position: float, width: float, apart: float, ends: tuple[float, float]) -> Model:
    """A line with another of its shape `apart` from it, between `ends` (eV)."""
    # Two lines are each narrower than one for both, and lie on either side of it.
    line = Species(
        name="line",
        level="reference",
        position=position - np.copysign(_ASIDE * width, apart),
        spread=width,
        width=_NARROWER * width,
        widths=(0.25 * width, 1.5 * width),
        shape={"mixing": 0.3},
    )
    inside = min(max(apart, ends[0] + 0.05 * width), ends[1] - 0.05 * width)
    parameters = _free_mixing("line") | {
        "apart": {"value": inside, "min": ends[0], "max": ends[1]},
        "shoulder_center": {"expr": "line_center + apart"},
        "shoulder_fwhm": {"expr": "line_fwhm"},
        "shoulder_mixing": {"expr": "line_mixing"},
    }
    return Model(
        name="a line with a shoulder",
        species=(line, replace(line, name="shoulder")),
        parameters=parameters,
    )


def _left(whole: Stack, results: Results, width: float) -> tuple[FloatArray, FloatArray]:
    """What a fit leaves (points,), over half a width, and the uncertainty of that.

    Noise averages out there, and a line does not.
    """
    x, y = whole.x, np.asarray(whole.signal, dtype=float)
    errors = None if whole.errors is None else np.asarray(whole.errors, dtype=float)
    count = max(1, int(0.5 * width / float(np.median(np.diff(x)))))
    left = np.nan_to_num(y - evaluate(x, results).total)[0]
    sigma = np.nan_to_num(point_sigma(y, errors, whole.noise)[0], nan=np.inf)
    return np.convolve(left, np.full(count, 1.0 / count), "same"), sigma / np.sqrt(count)


def _free_mixing(key: str) -> dict[str, dict[str, Any]]:
    return {f"{key}_mixing": {"vary": True, "min": 0.0, "max": 1.0}}


def _top(whole: Stack) -> float:
    return float(whole.x[np.nanargmax(np.asarray(whole.signal)[0])])


def _moved(model: Model, shift: float) -> Model:
    """The model with all its positions moved alike (eV)."""
    species = tuple(replace(s, position=s.position + shift) for s in model.species)
    return replace(model, species=species)
