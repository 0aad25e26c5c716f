"""Where the fits of a region start: areas and backgrounds by linear least squares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectra.fit.model import Points
from spectra.fit.translate import translate
from spectra.xps.build import Built

if TYPE_CHECKING:
    import lmfit

FloatArray = NDArray[np.float64]

# Steps of the common shifts of all positions that are tried (eV), and how far they go: farther
# where one position moves all; of several that are free one would come to stand in another's place.
_STEP, _FARTHEST, _OF_SEVERAL = 0.5, 5.0, 1.0
# Least start of an area, in parts of the mean one.
_LEAST = 0.05


@dataclass(frozen=True)
class Starts:
    """What turns frames into starts; the same for all of them.

    Attributes
    ----------
    names : tuple of str
        Variables that are linear in the model: areas, strengths, coefficients.
    solve : array (shifts, names, points)
        Least squares as a matrix, for each of the shifts.
    normal : array (shifts, names, names)
        Its normal equations: what a solution explains of a frame's squares is its norm in them.
    centers : mapping of str to array (shifts,)
    areas : int array
        Which of `names` are areas.
    """

    names: tuple[str, ...]
    solve: FloatArray
    normal: FloatArray
    centers: Mapping[str, FloatArray]
    areas: NDArray[np.intp]

    def of(self, y: FloatArray) -> dict[str, FloatArray]:
        """Starts of some variables for each frame (frames, points) without NaN."""
        # Frame by frame: no bit of a sum may hang on how many frames there are.
        shifts, n, points = self.solve.shape
        solve = self.solve.reshape(1, shifts * n, points)
        found = np.matmul(solve, y[:, :, None]).reshape(len(y), shifts, n)
        explained = np.einsum(
            "rsn,rsn->rs", np.matmul(self.normal, found[..., None])[..., 0], found
        )
        best = explained.argmax(axis=1)
        values = found[np.arange(len(y)), best]
        area = values[:, self.areas]
        # A model may hold all its areas.
        mean = np.maximum(area, 0.0).sum(axis=1, keepdims=True) / max(self.areas.size, 1)
        values[:, self.areas] = np.maximum(area, _LEAST * mean + 1e-6)
        starts = {name: values[:, i] for i, name in enumerate(self.names)}
        return starts | {name: shifted[best] for name, shifted in self.centers.items()}


def plan_starts(built: Built, x: FloatArray, typical: FloatArray) -> Starts:
    """Prepare the starts from a typical frame (points,)."""
    params = built.params
    example = {n: float(params[n].value) for n in built.names}
    model = translate(built.model, example, x).model
    at = Points(x[None], x[None])
    variables = [n for n in built.names if not params[n].expr and params[n].vary]
    areas = [n for n in variables if n.endswith("_area")]
    strengths = [n for n in variables if n == "tougaard" or n.endswith("shirley")]
    powers = [n for n in variables if n.startswith("background_c")]
    names = (*areas, *strengths, *powers)
    place = [built.names.index(n) for n in names]
    free = [n for n in variables if n.endswith("_center")]
    farthest = _FARTHEST if len(free) == 1 else _OF_SEVERAL
    spread = min([_spread(built, n, farthest) for n in free], default=0.0)
    steps = max(2, int(np.ceil(spread / _STEP)))
    shifts = spread * np.linspace(-1.0, 1.0, 2 * steps + 1)
    weight = 1.0 / np.maximum(typical, max(1e-3 * float(typical.max()), 1e-12))
    centers: dict[str, FloatArray] = {n: example[n] + shifts for n in free}
    solve, normal = [], []
    moved = built.params.copy()
    for i in range(len(shifts)):
        theta = _theta(built, moved, {n: float(v[i]) for n, v in centers.items()})
        # A strength multiplies areas: with those of a first round it is linear as well.
        for _ in range(2):
            design = model.value_and_jacobian(theta[None], at)[1][0, place].T
            inverse = np.linalg.pinv(design * np.sqrt(weight)[:, None], rcond=1e-10)
            matrix = inverse * np.sqrt(weight)
            first = np.maximum(matrix @ typical, 0.0)
            for name, value in zip(areas, first, strict=False):
                theta[built.names.index(name)] = max(float(value), 1e-9)
        solve.append(matrix)
        normal.append(design.T @ (design * weight[:, None]))
    return Starts(
        *(names, np.array(solve), np.array(normal), centers),
        np.arange(len(areas), dtype=np.intp),
    )


def _theta(built: Built, params: lmfit.Parameters, centers: Mapping[str, float]) -> FloatArray:
    """Parameters of the terms, with unit areas, for given positions, which are set in `params`."""
    for name, value in centers.items():
        params[name].set(value=value)
    params.update_constraints()
    return np.array([float(params[n].value) for n in built.names])


def _spread(built: Built, name: str, farthest: float) -> float:
    """How far a position may go to either side, and no farther than some distance."""
    p = built.params[name]
    ends = (p.value - p.min, p.max - p.value)
    return min(farthest, *(0.999 * float(e) for e in ends))
