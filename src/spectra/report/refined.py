"""What a report shows of refined patterns: frames, their curves, correlations, words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SpectraError
from spectra.fit.uncertainty import point_sigma
from spectra.report.select import same_frames
from spectra.results import Record, Results
from spectra.stack import Stack
from spectra.xrd.pattern.curves import PatternCurves, pattern_curves, refined_frames
from spectra.xrd.pattern.table import correlated_pairs
from spectra.xrd.pattern.wholepattern import WholePattern

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MOST_FRAMES = 8
_MOST_PAIRS = 60


@dataclass(frozen=True)
class Step:
    """A refinement of a record."""

    name: str
    results: Results

    @property
    def method(self) -> str:
        """What it is called, e.g. ``Rietveld``."""
        return str(self.results.provenance.get("method", "whole patterns")).rpartition(".")[2]


def refinements(record: Record) -> list[Step]:
    """The steps that refined whole patterns."""
    return [Step(n, r) for n, r in record.steps.items() if r.table.name == "pattern"]


def worst_frame(results: Results) -> int | None:
    """The frame with the largest goodness of fit; None if none was refined."""
    gof = np.where(refined_frames(results), results["gof"], np.nan)
    return int(np.nanargmax(gof)) if np.isfinite(gof).any() else None


def shown_frames(results: Results, most: int = _MOST_FRAMES) -> list[tuple[str, int]]:
    """First, middle, last and worst frame, and others between them, in their order.

    Returns
    -------
    list of (what it is, frame)
        What it is may be empty.
    """
    there = np.flatnonzero(refined_frames(results))
    worst = worst_frame(results)
    if there.size == 0 or worst is None:
        return []
    told = {int(there[0]): "first", int(there[there.size // 2]): "middle", int(there[-1]): "last"}
    told[worst] = " and ".join(filter(None, (told.get(worst, ""), "worst")))
    # In order of how far they split what is there already.
    for parts in (2, 4, 8):
        for k in range(1, parts):
            frame = int(there[(there.size - 1) * k // parts])
            if len(told) < most:
                told.setdefault(frame, "")
    return [(told[i], i) for i in sorted(told)]


@dataclass(frozen=True)
class Curves:
    """The curves of some frames of a step.

    Attributes
    ----------
    curves : PatternCurves
    frames : list of (what it is, frame)
    difference : array (frames, points)
        Observed less calculated over the standard uncertainty, or as it is where that is not
        known (``scaled`` is False); NaN in what was excluded.
    scaled : bool
    """

    curves: PatternCurves
    frames: list[tuple[str, int]]
    difference: FloatArray
    scaled: bool

    @property
    def excluded(self) -> list[tuple[float, float]]:
        """Ranges (deg) that were left out."""
        x, out = self.curves.x, ~self.curves.used
        edges = np.flatnonzero(np.diff(np.concatenate([[0], out.astype(int), [0]])))
        return [
            (float(x[a]), float(x[b - 1]))
            for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        ]


def curves_of(record: Record, results: Results, frames: list[tuple[str, int]]) -> Curves | None:
    """Calculate the curves of some frames; None where that cannot be done."""
    from spectra.engine import method_from_provenance

    stack = same_frames(record, results)
    if stack is None or not frames:
        return None
    numbers = np.array([i for _, i in frames])
    try:
        method = method_from_provenance(dict(results.provenance))
        if not isinstance(method, WholePattern):
            return None
        curves = pattern_curves(results, stack, numbers, method)
    except SpectraError:
        # Made by another version, or by hand: a report without these curves is still one.
        return None
    sigma = _sigma(results, stack, numbers, curves)
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = (curves.observed - curves.calculated) / sigma
    difference[~np.isfinite(difference)] = np.nan
    difference[:, ~curves.used] = np.nan
    return Curves(curves, frames, difference, not isinstance(sigma, float))


def _sigma(
    results: Results, stack: Stack, frames: IntArray, curves: PatternCurves
) -> FloatArray | float:
    """What the points were weighted by, or 1 where the noise was not known."""
    noise = str(results.attrs.get("errors", ""))
    if noise not in ("counts", "given"):
        return 1.0
    block = stack[frames].crop(curves.x[0], curves.x[-1])
    errors = None if block.errors is None else np.asarray(block.errors, dtype=float)
    return point_sigma(curves.observed, errors, noise)


@dataclass(frozen=True)
class Correlations:
    """How the parameters of one frame hang together.

    Attributes
    ----------
    frame : int
    names : list of str
    matrix : array (n, n)
        From −1 to 1.
    pairs : list of (name, name, float)
        Those above 0.9, strongest first.
    more : int
        How many pairs there are beyond those listed.
    """

    frame: int
    names: list[str]
    matrix: FloatArray
    pairs: list[tuple[str, str, float]]
    more: int


def correlations(results: Results, frame: int) -> Correlations | None:
    """Correlations in one frame; None where fewer than two parameters are known."""
    cov = results["value_cov"][frame]
    variance = np.diag(cov)
    known = np.flatnonzero(np.isfinite(variance) & (variance > 0))
    if known.size < 2:
        return None
    names = [str(results.table.coords["refined"]["name"][i]) for i in known.tolist()]
    own = cov[np.ix_(known, known)]
    root = np.sqrt(np.diag(own))
    matrix = np.clip(np.nan_to_num(own / root[:, None] / root), -1.0, 1.0)
    found = [(names[i], names[j], float(matrix[i, j])) for i, j in correlated_pairs(own[None])[0]]
    found.sort(key=lambda pair: -abs(pair[2]))
    listed = found[:_MOST_PAIRS]
    return Correlations(frame, names, matrix, listed, len(found) - len(listed))


def told(step: Step) -> list[str]:
    """What a reader must know of a refinement: its way, and what its figures mean."""
    results = step.results
    names = [str(n) for n in results.table.coords["refined"]["name"].tolist()]
    out = [f"{step.method}: {len(names)} parameters were refined ({', '.join(grouped(names))})."]
    if stages := [str(s) for s in results.attrs.get("stages", [])]:
        count = results.attrs.get("coarse_frames", 0)
        out.append(
            f"Strategy: {count} frames spread over the sequence were refined first, one after "
            f"the other, in the stages {'; '.join(stages)}. Then every frame was refined with all "
            "parameters free, from starts interpolated between those frames."
        )
    out += list(_quality(results))
    if np.isfinite(results["weight_fraction"]).any():
        out.append(
            "Weight fractions are shares of the crystalline phases named here: what is "
            "amorphous, or crystalline and not in the model, is left out of the sum."
        )
    if step.method == "LeBail":
        out.append(
            "The uncertainties of a Le Bail refinement hold for given intensities, and are too "
            "small where reflections overlap."
        )
    return out


def _quality(results: Results) -> Iterator[str]:
    watson, widening = (_median(results[n]) for n in ("durbin_watson", "berar_lelann"))
    if watson is not None:
        yield (
            f"The Durbin–Watson figure, {watson:.2f} in the median, is 2 where each residual "
            "knows nothing of its neighbour, and near 0 where misfit runs on over many points."
        )
    if widening is not None:
        yield (
            "Such runs make the standard uncertainties too small: by the sums of J.-F. Bérar and "
            f"P. Lelann they would have to be multiplied by {widening:.1f} (median); the bars and "
            "brackets here are without that factor, which each frame has in its table."
        )


def _median(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else None


def grouped(names: list[str]) -> list[str]:
    """Names with runs of numbers drawn together: ``background0 … background5``.

    Examples
    --------
    >>> grouped(["zero", "background0", "background1", "background2"])
    ['zero', 'background0 … background2']
    """
    out: list[str] = []
    runs: dict[str, list[str]] = {}
    for name in names:
        stem = name.split("(")[0] if name.endswith(")") else name.rstrip("0123456789")
        runs.setdefault(stem if stem != name else name, []).append(name)
    for run in runs.values():
        out += run if len(run) < 3 else [f"{run[0]} … {run[-1]}"]
    return out


def held(results: Results) -> list[tuple[str, str]]:
    """Parameters that no frame refined, and where they stood."""
    return [(str(n), f"{v:.7g}") for n, v in results.attrs.get("held", {}).items()]
