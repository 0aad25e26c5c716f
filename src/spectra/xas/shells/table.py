"""The table of fitted shells, and the quantities that stand in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.fit.expressions import Dual
from spectra.fit.uncertainty import propagate
from spectra.results import Column, Table
from spectra.xas.shells.model import Model, ShellPath

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

PATH_UNITS: Mapping[str, tuple[str, str]] = {
    "n": ("", "coordination number"),
    "amplitude": ("", "coordination number times S₀²"),
    "r": ("angstrom", "distance, reff + delta_r"),
    "sigma2": ("angstrom^2", "mean square relative displacement σ²"),
    "e0": ("eV", "shift of the zero of k"),
    "delta_r": ("angstrom", "change of the half path length"),
    "c3": ("angstrom^3", "third cumulant"),
    "c4": ("angstrom^4", "fourth cumulant"),
    "ei": ("eV", "imaginary shift of the energy: further broadening"),
}
_ALWAYS = ("n", "amplitude", "r", "sigma2", "e0", "delta_r")
SHARED = ("n", "r", "sigma2")
"""What of a path tells how it hangs on the coefficients that frames share."""

HEADLINES = {"n": "CN", "r": "R", "sigma2": "σ²"}
"""What a summary shows of a path."""


def path_quantities(model: Model) -> tuple[str, ...]:
    """Which of `PATH_UNITS` the paths of a model have."""
    rare = [q for q in ("c3", "c4", "ei") if any(q in p.expressions for p in model.paths)]
    return (*_ALWAYS, *rare)


def make_table(model: Model, k: FloatArray, coefficients: Sequence[str]) -> Table:
    """Declare the table."""
    columns = list(_with_unscaled("value", "", "parameter", ("parameter",)))
    known = any("s02n" in p.expressions or "s02" in model.parameters.names for p in model.paths)
    for name in path_quantities(model):
        unit, meaning = PATH_UNITS[name]
        if name == "n" and not known:
            meaning = "coordination number, if S₀² is what the paths say (1 by default)"
        columns += _with_unscaled(name, unit, meaning, ("path",))
    columns += [
        Column("chi_square", "", "χ² scaled to the number of independent points"),
        Column("reduced_chi_square", "", "χ² over independent points less varied parameters"),
        Column("r_factor", "", "sum of squared residuals over that of the data"),
        Column("misfit_probability", "", "probability that noise alone leaves so large a misfit"),
        Column("n_idp", "", "number of independent points"),
        Column("n_varied", "", "varied parameters, with the frame's share of common ones"),
        Column("noise", "", "root mean square standard uncertainty of χ(k) in the range of k"),
        Column("covariance", "", "of the parameters", ("parameter", "parameter")),
        Column("covariance_unscaled", "", "from the noise alone", ("parameter", "parameter")),
        Column("model", "", "χ(k) of the fitted paths", ("k",)),
    ]
    coords = {
        "parameter": {"name": np.array(model.parameters.names)},
        "path": {
            "label": np.array(model.labels),
            "reff": np.array([p.path.reff for p in model.paths]),
            "degeneracy": np.array([p.path.degeneracy for p in model.paths]),
        },
        "k": {"k": k},
    }
    if coefficients:
        coords["coefficient"] = {"name": np.array(coefficients)}
        of_all = "what all frames share"
        columns += [
            Column(f"{name}_{suffix}", "", meaning.format(name), ("path", "coefficient"))
            for name in SHARED
            for suffix, meaning in (
                ("by_common", f"change of {{}} with {of_all}"),
                ("with_common", f"covariance of {{}} and {of_all}"),
                ("with_common_unscaled", f"covariance of {{}} and {of_all}, from the noise alone"),
            )
        ]
    return Table("shells", tuple(columns), coords, "r")


def _with_unscaled(name: str, unit: str, meaning: str, dims: tuple[str, ...]) -> Iterator[Column]:
    symbol = HEADLINES.get(name, "")
    yield Column(name, unit, meaning, dims, stderr=True, headline=symbol)
    told = f"standard uncertainty of {name} from the noise alone"
    yield Column(f"{name}_stderr_unscaled", unit, told, dims)


@dataclass(frozen=True)
class Readings:
    """Quantities of frames with their derivatives by the slots.

    Attributes
    ----------
    value : array (rows, Q)
    slopes : array (rows, Q, P)
    """

    value: FloatArray
    slopes: FloatArray

    @classmethod
    def of(cls, duals: Sequence[Dual], n_rows: int, size: int) -> Readings:
        """From numbers that carry their derivatives."""
        value = np.empty((n_rows, len(duals)))
        slopes = np.zeros((n_rows, len(duals), size))
        for i, dual in enumerate(duals):
            value[:, i] = dual.value
            for slot, slope in dual.slopes.items():
                slopes[:, i, slot] = slope
        return cls(value, slopes)

    def stderr(self, cov: FloatArray, lost: BoolArray) -> FloatArray:
        """Standard uncertainties (rows, Q); NaN for what hangs on a `lost` slot (rows, P)."""
        variance = propagate(self.slopes, cov[:, None])
        return np.where(self.hangs_on(lost), np.nan, np.sqrt(np.maximum(variance, 0.0)))

    def hangs_on(self, slots: BoolArray) -> BoolArray:
        """Which quantities depend on any of some slots (rows, Q)."""
        return np.asarray(((self.slopes != 0.0) & slots[:, None, :]).any(axis=2))

    def covariance(self, cov: FloatArray, lost: BoolArray) -> FloatArray:
        """Covariance of all quantities (rows, Q, Q)."""
        found = np.matmul(np.matmul(self.slopes, cov), self.slopes.transpose(0, 2, 1))
        bad = self.hangs_on(lost)
        return np.where(bad[:, :, None] | bad[:, None, :], np.nan, found)


def path_readings(
    paths: Sequence[ShellPath], known: Mapping[str, Dual], name: str, n_rows: int, size: int
) -> Readings:
    """One quantity of all paths."""
    duals = []
    for path in paths:
        found = path.evaluate(known)
        if name == "r":
            shift = found["delta_r"]
            duals.append(Dual(shift.value + path.path.reff, shift.slopes))
        else:
            duals.append(found[name])
    return Readings.of(duals, n_rows, size)
