"""`Strain`: what the cell does along a sequence, and whether it does anything at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError
from spectra.fit.uncertainty import propagate
from spectra.method import Method
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.xrd.extent import Extent, find_extent
from spectra.xrd.lattice import orthogonalization, volume
from spectra.xrd.principal import VOIGT, principal_values
from spectra.xrd.reference_frame import check_reference, reference_frame

FloatArray = NDArray[np.float64]

_COMPONENTS = ("11", "22", "33", "23", "13", "12")
_SIGNIFICANT = 1e-3


@dataclass(frozen=True)
class StrainPlan:
    """Reference cells (phases, 6) and their covariances (phases, 6, 6)."""

    table: Table
    cells: FloatArray
    cov: FloatArray
    frames: tuple[int, ...]
    attrs: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Strain(Method):
    """Changes of cells and their volume against a reference, and the verdict on zero strain.

    Applied to the results of `Cell`. The strain tensors are those of the deformation that
    takes the reference cell into the cell of the frame, F = A·A₀⁻¹ with the axes in the
    columns of A (x along a, y in the a–b plane): infinitesimal e = (F + Fᵀ)/2 − 1 and
    Lagrangian η = (FᵀF − 1)/2 (J. L. Schlenker, G. V. Gibbs and M. B. Boisen, Acta Cryst. A34
    (1978) 52). Uncertainties include those of the reference frame; those of the principal strains
    are told by `principal_values`.

    Parameters
    ----------
    reference : int or {"first", "literature"}
        Reference frame (its number), the first one in which the phase is found, or the cell
        of the phase itself, taken as exact.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xrd import Cell, Peaks
    >>> x = np.arange(25.0, 75.0, 0.02)
    >>> angles = 28.44, 47.30, 56.12, 69.13  # of silicon, Cu Kα1
    >>> lines = sum(900 * np.exp(-(((x - at) / 0.08) ** 2)) for at in angles)
    >>> counts = np.random.default_rng(0).poisson([20 + lines])
    >>> stack = Stack.from_arrays(x, counts, noise="counts", metadata={"wavelength": 1.540593})
    >>> strain = Strain(reference="literature")(Cell(phases=["Si"])(Peaks()(stack)))
    >>> (100 * strain["dv_over_v"]).round(1).tolist(), strain["dv_over_v_stderr"].shape
    ([[-0.0]], (1, 1))
    """

    name: ClassVar[str] = "xrd.Strain"
    block_size: ClassVar[int] = 512

    reference: int | str = setting("first", "reference frame", within="frame, first, literature")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_reference(self.name, self.reference)

    def prepare(self, source: Results) -> StrainPlan:
        """Take the reference cells.

        Raises
        ------
        ResultsError
            If `source` is not a table of cells, or a phase is not found in the frame asked for.
        """
        if source.table.name not in ("cell", "pattern"):
            raise ResultsError(
                f"{self.name} works on the results of xrd.Cell, xrd.Rietveld, xrd.LeBail or "
                f"xrd.Pawley, not on a table {source.table.name!r}"
            )
        everyone = source.table.coords["phase"]["name"].tolist()
        standards = source.attrs.get("standards", [])
        keep = [i for i, name in enumerate(everyone) if name not in standards]
        cells, cov, frames = [], [], []
        for i in keep:
            there = np.isfinite(source["volume"][:, i])
            frame = reference_frame(self.name, self.reference, source, i, there)
            frames.append(frame)
            if frame < 0:
                cells.append(np.array(source.attrs["literature"][everyone[i]], dtype=float))
                cov.append(np.zeros((6, 6)))
            else:
                cells.append(_cells(source)[frame, i])
                cov.append(source["cell_cov"][frame, i])
        table = strain_table(tuple(everyone[i] for i in keep))
        attrs = {
            "reference": self.reference,
            "reference_frames": frames,
            "title": source.attrs.get("title", ""),
            "errors": source.attrs.get("errors", ""),
            "phase_index": keep,
        }
        return StrainPlan(table, np.array(cells), np.array(cov), tuple(frames), attrs)

    def table(self, plan: StrainPlan) -> Table:
        """Declare the table of strains."""
        return plan.table

    def fit(self, block: Results, plan: StrainPlan) -> Results:
        """Give the strain of every frame of a block."""
        keep = plan.attrs["phase_index"]
        columns = plan.table.empty(len(block))
        for j, i in enumerate(keep):
            rows = np.flatnonzero(np.isfinite(block["volume"][:, i]))
            if rows.size == 0 or not np.isfinite(plan.cells[j]).all():
                continue
            cells, cov = _cells(block)[rows, i], block["cell_cov"][rows, i]
            values = _changes(cells, cov, plan.cells[j], plan.cov[j])
            values |= {"volume": block["volume"][rows, i]}
            values |= {"volume_stderr": block["volume_stderr"][rows, i]}
            for name, value in values.items():
                columns[name][rows, j] = value
        return Results(
            table=plan.table,
            columns=columns,
            status=block.status,
            messages=block.messages,
            names=block.names,
            variables=block.variables,
            attrs=plan.attrs,
        )

    def conclude(self, results: Results) -> Results:
        """Add the verdict on each phase: how much its volume changes, if it does."""
        verdict = {}
        for j, name in enumerate(results.table.coords["phase"]["name"].tolist()):
            value, error = results["volume"][:, j], results["volume_stderr"][:, j]
            good = np.flatnonzero(np.isfinite(value) & (error > 0) & results.ok())
            if good.size < 2:
                verdict[name] = {"sentence": f"{name}: found in {good.size} frames; no verdict."}
                continue
            extent = find_extent(value[good], error[good])
            verdict[name] = _verdict(name, extent, float(np.mean(value[good])), good)
        return replace(results, attrs={**results.attrs, "verdict": verdict})


def strain_table(names: tuple[str, ...]) -> Table:
    """Declare the table of strains for some phases."""
    per = ("phase",)
    columns = [
        Column("dv_over_v", "", "relative change of volume", per, stderr=True, headline="ΔV/V"),
        Column("volume", "angstrom^3", "unit-cell volume", per, stderr=True),
        *(
            Column(
                *(f"d{n}_over_{n}", "", f"relative change of {n}", per),
                stderr=True,
                headline=f"Δ{n}/{n}",
            )
            for n in "abc"
        ),
        *(Column(f"e{c}", "", f"infinitesimal strain e{c}", per, stderr=True) for c in _COMPONENTS),
        *(Column(f"eta{c}", "", f"Lagrangian strain {c}", per, stderr=True) for c in _COMPONENTS),
        Column("strain_cov", "", "covariance of e11…e12", ("phase", "component", "component")),
        Column("principal", "", "principal infinitesimal strains", ("phase", "axis"), stderr=True),
    ]
    coords = {
        "phase": {"name": np.array(names)},
        "component": {"name": np.array(_COMPONENTS)},
        "axis": {"number": np.arange(1, 4)},
    }
    return Table("strain", tuple(columns), coords, default="dv_over_v")


def _cells(results: Results) -> FloatArray:
    names = ("a", "b", "c", "alpha", "beta", "gamma")
    return np.stack([results[n] for n in names], axis=-1)


def _changes(
    cells: FloatArray, cov: FloatArray, cell0: FloatArray, cov0: FloatArray
) -> dict[str, FloatArray]:
    """Relative changes and strain tensors of cells (F, 6) against a reference cell."""
    out: dict[str, FloatArray] = {}
    # The reference frame against itself is exactly zero, with no uncertainty.
    itself = (cells == cell0).all(axis=1) & (cov == cov0).all(axis=(1, 2))
    value, gradient = volume(cells)
    value0, gradient0 = volume(cell0)
    ratio = value / value0
    variance = propagate(gradient / value0, cov)
    variance = variance + propagate(ratio[:, None] * gradient0 / value0, cov0)
    out["dv_over_v"] = ratio - 1.0
    out["dv_over_v_stderr"] = np.where(itself, 0.0, np.sqrt(np.maximum(variance, 0.0)))
    for k, n in enumerate("abc"):
        scale = cells[:, k] / cell0[k]
        variance = cov[:, k, k] / cell0[k] ** 2 + scale**2 * cov0[k, k] / cell0[k] ** 2
        out[f"d{n}_over_{n}"] = scale - 1.0
        out[f"d{n}_over_{n}_stderr"] = np.where(itself, 0.0, np.sqrt(np.maximum(variance, 0.0)))
    for kind, prefix in ((0, "e"), (1, "eta")):
        tensor = _tensor(cells, cell0)[kind]
        # Central differences of a smooth closed form: exact to about 1e-9.
        by_cell, by_cell0 = _jacobian(cells, cell0, kind)
        total = by_cell @ cov @ by_cell.transpose(0, 2, 1)
        total = total + by_cell0 @ cov0 @ by_cell0.transpose(0, 2, 1)
        total = np.where(itself[:, None, None], 0.0, total)
        for k, c in enumerate(_COMPONENTS):
            out[f"{prefix}{c}"] = tensor[:, k]
            out[f"{prefix}{c}_stderr"] = np.sqrt(np.maximum(total[:, k, k], 0.0))
        if kind == 0:
            out["strain_cov"] = total
            out["principal"], out["principal_stderr"] = principal_values(tensor, total)
    return out


def _tensor(cells: FloatArray, cell0: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Infinitesimal and Lagrangian strain (F, 6) in the order 11, 22, 33, 23, 13, 12."""
    deformation = orthogonalization(cells) @ np.linalg.inv(orthogonalization(cell0))
    transposed = np.swapaxes(deformation, -1, -2)
    small = 0.5 * (deformation + transposed) - np.eye(3)
    large = 0.5 * (transposed @ deformation - np.eye(3))
    pick = tuple(np.array(VOIGT).T)
    return small[..., pick[0], pick[1]], large[..., pick[0], pick[1]]


def _jacobian(cells: FloatArray, cell0: FloatArray, kind: int) -> tuple[FloatArray, FloatArray]:
    """Derivatives of a strain tensor by the cell and by the reference cell, (F, 6, 6) each."""
    step = 1e-5 * np.maximum(np.abs(cell0), 1.0)
    by_cell, by_cell0 = np.empty((len(cells), 6, 6)), np.empty((len(cells), 6, 6))
    for k in range(6):
        shift = np.zeros(6)
        shift[k] = step[k]
        up, down = _tensor(cells + shift, cell0)[kind], _tensor(cells - shift, cell0)[kind]
        by_cell[:, :, k] = (up - down) / (2.0 * step[k])
        up, down = _tensor(cells, cell0 + shift)[kind], _tensor(cells, cell0 - shift)[kind]
        by_cell0[:, :, k] = (up - down) / (2.0 * step[k])
    return by_cell, by_cell0


def _verdict(name: str, extent: Extent, mean: float, frames: NDArray[np.intp]) -> dict[str, Any]:
    """Put the extent of V into numbers relative to its mean, and into a sentence."""
    change, error = extent.value / mean, extent.stderr / mean
    differs = extent.p_value < _SIGNIFICANT
    p_value = f"p = {extent.p_value:.2g}" if extent.p_value > 1e-6 else "p < 1e-6"
    text = f"{100 * change:.3f} ± {100 * error:.3f} %"
    if differs:
        sentence = (
            f"{name}: the unit-cell volume changes by {text} in all ({p_value} if it did not)."
        )
    else:
        sentence = (
            f"{name}: the unit-cell volume is constant within its uncertainty ({p_value}); "
            f"its largest change is {text}."
        )
    return {
        "max_change": change,
        "max_change_stderr": error,
        "differs_from_zero": bool(differs),
        "p_value": extent.p_value,
        "frame_of_max": int(frames[extent.highest]),
        "frame_of_min": int(frames[extent.lowest]),
        "n_frames": len(frames),
        "smoothing": extent.effective_parameters,
        "sentence": sentence,
    }
