"""`Cell`: lattice parameters from tracked peaks and phases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError, SettingError
from spectra.method import Method
from spectra.reference import PHASE_FILES, Phase, load_phase
from spectra.results import Results, Table
from spectra.settings import setting
from spectra.status import Status
from spectra.xrd.aberrations import get_aberrations
from spectra.xrd.assign import Assignment, assign
from spectra.xrd.crystal.reflections import reflections, relative_intensity
from spectra.xrd.lattice import CellConstraint
from spectra.xrd.model import CELL_RANGE, Axis, CellModel
from spectra.xrd.phases import PhaseStatus, cell_table, fill_cells
from spectra.xrd.refine import Observations, Refinement, Refiner
from spectra.xrd.tracks import found

FloatArray = NDArray[np.float64]
PhaseSpec = str | Path | Mapping[str, Any] | Phase

_SAMPLE = 200
_DEGENERATE = 0.5


@dataclass(frozen=True)
class CellPlan:
    """What `Cell.fit` needs to know about the sequence."""

    table: Table
    model: CellModel
    assignment: Assignment
    names: tuple[str, ...]
    attrs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cell(Method):
    """Refine lattice parameters of one or more phases in every frame.

    Applied to the results of `Peaks`. The tracks are indexed once for the whole sequence;
    in each frame the cells of all phases and the corrections are then refined together, with
    the full covariance of the peak positions. Reflections that do not fit lose their weight
    smoothly; those that are rather wrong than right are named. Where positions scatter by more
    than their uncertainties, a further variance of all of them, averaged over what it may be, is
    part of the weights and of every uncertainty (`spectra.xrd.scatter`).

    Parameters
    ----------
    phases : tuple of str, Path, mapping or Phase
        Names from `reference_patterns/`, CIF or TOML files.
    standards : tuple
        Phases whose cell is known and held (Si, a Be window, an Al or Cu collector); they
        determine the corrections.
    corrections : tuple of str
        Names of `spectra.xrd.aberrations.ABERRATIONS`.
    geometry : {"bragg_brentano", "transmission"}
    wavelength : float, optional
        By default that of the patterns (angstrom).
    radius : float
        Radius of the diffractometer (mm).
    tolerance : float
        Largest distance of a peak from its reflection (fwhm).
    position_floor : float
        Uncertainty of every position beyond counting statistics (unit of the axis).
    pull_uncertainty : float
        Uncertainty of the pull of unresolved neighbours, as a fraction of it.
    wrong_share : float
        Prior probability of a peak to show something else than its reflection; 0: none does.
    excess_share : float
        Prior probability that positions scatter by more than their uncertainties; 0: they do not.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xrd import Peaks
    >>> x = np.arange(25.0, 75.0, 0.02)
    >>> angles = 28.44, 47.30, 56.12, 69.13  # of silicon, Cu Kα1
    >>> lines = sum(900 * np.exp(-(((x - at) / 0.08) ** 2)) for at in angles)
    >>> counts = np.random.default_rng(0).poisson([20 + lines])
    >>> stack = Stack.from_arrays(x, counts, noise="counts", metadata={"wavelength": 1.540593})
    >>> cell = Cell(phases=["Si"])(Peaks()(stack))
    >>> cell["a"].round(2).tolist()
    [[5.43]]
    """

    name: ClassVar[str] = "xrd.Cell"
    block_size: ClassVar[int] = 64

    phases: tuple[PhaseSpec, ...] = setting((), "phases whose cells are refined", files=PHASE_FILES)
    standards: tuple[PhaseSpec, ...] = setting((), "phases with known cells", files=PHASE_FILES)
    corrections: tuple[str, ...] = setting((), "corrections of positions that are refined")
    geometry: str = setting("bragg_brentano", "diffraction geometry")
    wavelength: float | None = setting(None, "wavelength", unit="angstrom", within="> 0")
    radius: float = setting(200.0, "radius of the diffractometer", unit="mm", within="> 0")
    tolerance: float = setting(1.0, "largest distance from a reflection", unit="fwhm", within="> 0")
    position_floor: float = setting(0.0, "least uncertainty of positions", within=">= 0")
    pull_uncertainty: float = setting(0.2, "uncertainty of pulls", within="0 to 1")
    wrong_share: float = setting(0.02, "prior share of wrong peaks", within="0 to 0.5")
    excess_share: float = setting(0.05, "prior probability of excess scatter", within="0 to 0.9")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("phases", "standards", "corrections"):
            value = getattr(self, name)
            if isinstance(value, str | Path | Phase | Mapping):
                value = (value,)
            # Paths as text: a recipe can hold them.
            plain = tuple(str(v) if isinstance(v, Path) else v for v in value)
            object.__setattr__(self, name, plain)
        if not self.phases:
            raise SettingError(f"{self.name}: phases is empty; name at least one phase")
        checks = {
            "wavelength": self.wavelength is None or self.wavelength > 0,
            "radius": self.radius > 0,
            "tolerance": self.tolerance > 0,
            "position_floor": self.position_floor >= 0,
            "pull_uncertainty": 0 <= self.pull_uncertainty <= 1,
            "wrong_share": 0 <= self.wrong_share <= 0.5,
            "excess_share": 0 <= self.excess_share <= 0.9,
        }
        for name, good in checks.items():
            if not good:
                within = self.__dataclass_fields__[name].metadata["range"]
                raise SettingError(
                    f"{self.name}: {name} = {getattr(self, name)!r}; expected {within}"
                )
        with self.naming("corrections, geometry"):
            get_aberrations(self.corrections, self.geometry)

    def prepare(self, source: Results) -> CellPlan:
        """Index the tracks of the whole sequence.

        Raises
        ------
        ResultsError
            If `source` is not a table of tracked peaks.
        SettingError
            If the wavelength is not known, or a phase cannot be loaded.
        """
        if source.table.name != "peaks":
            raise ResultsError(
                f"{self.name} works on the results of xrd.Peaks, not on {source.table.name!r}"
            )
        phases = [load_phase(p) for p in (*self.phases, *self.standards)]
        names = tuple(p.name for p in phases)
        if len(set(names)) < len(names):
            raise SettingError(f"{self.name}: phases {names} name one twice")
        model = self._model(source, phases)
        sample = np.flatnonzero(found(source["peak_status"]).any(axis=1))
        if sample.size > _SAMPLE:
            sample = sample[np.linspace(0, sample.size - 1, _SAMPLE).astype(int)]
        if sample.size:
            assignment = assign(model, _observations(source[sample]), self.tolerance)
        else:
            none = np.full(source.table.size("peak"), -1, np.intp)
            assignment = Assignment(none, model.start, {})
        model = CellModel(**{**vars(model), "start": assignment.start})
        attrs = self._attrs(source, model, assignment, phases)
        table = self._table(source, model, assignment, names)
        return CellPlan(table, model, assignment, names, attrs)

    def table(self, plan: CellPlan) -> Table:
        """Declare the table of cells."""
        return plan.table

    def fit(self, block: Results, plan: CellPlan) -> Results:
        """Refine every frame of a block."""
        observed = _observations(block)
        refiner = Refiner(
            plan.model,
            plan.assignment.reflection,
            pull_uncertainty=self.pull_uncertainty,
            floor=self.position_floor,
            wrong_share=self.wrong_share,
            excess_share=self.excess_share,
        )
        result = refiner.refine(observed)
        columns = plan.table.empty(len(block))
        self._fill_cells(columns, plan, result)
        self._fill_corrections(columns, plan, result)
        self._fill_peaks(columns, plan, observed, result)
        with np.errstate(invalid="ignore", divide="ignore"):
            reduced = np.where(result.dof > 0, result.chi2 / result.dof, np.nan)
        columns["chi2_reduced"][:] = reduced
        columns["position_excess"][:] = np.where(result.used.any(axis=1), result.excess, np.nan)
        columns["scaled"][:] = result.doubt > 0.5
        status, messages = self._judge(block, columns, plan)
        return Results(
            table=plan.table,
            columns=columns,
            status=status,
            messages=messages,
            names=block.names,
            variables=block.variables,
            attrs=plan.attrs,
        )

    def _model(self, source: Results, phases: list[Phase]) -> CellModel:
        axis = source.attrs.get("axis", {"name": ""})
        wavelength = self.wavelength or source.attrs.get("wavelength")
        centers = source["center"]
        if axis["name"] == "two_theta" and wavelength is None:
            raise SettingError(
                f"{self.name}: the patterns carry no wavelength; "
                "give it as `wavelength` (angstrom), here or when reading"
            )
        if axis["name"] not in ("two_theta", "q"):
            raise SettingError(f"{self.name}: axis {axis['name']!r}; expected two_theta or q")
        if axis["name"] == "q" and self.corrections:
            raise SettingError(
                f"{self.name}: corrections {self.corrections} are shifts in 2θ, "
                "but the patterns are in q; integrate to 2θ, or leave them out"
            )
        scale = Axis(float(wavelength) if wavelength and axis["name"] == "two_theta" else None)
        highest = float(np.nanmax(centers)) if np.isfinite(centers).any() else 90.0
        d_min = 0.98 * float(scale.spacing(np.array(highest))[0])
        lists = [reflections(p, d_min, wavelength) for p in phases]
        intensities = []
        for phase, lines in zip(phases, lines_or_fail(self.name, phases, lists), strict=True):
            if phase.atoms:
                intensity = relative_intensity(lines, float(wavelength or 0.5))
                intensities.append(np.where(np.isfinite(intensity), intensity, 0.0))
            else:
                intensities.append(100.0 * lines.multiplicity / lines.multiplicity.max())
        n_free = len(self.phases)
        constraints = [CellConstraint.of(p.crystal_system) for p in phases[:n_free]]
        return CellModel(
            axis=scale,
            hkl=np.concatenate([r.hkl for r in lists]),
            phase=np.repeat(np.arange(len(phases)), [len(r) for r in lists]),
            intensity=np.concatenate(intensities),
            constraints=(*constraints, *[None] * (len(phases) - n_free)),
            start=np.array([p.cell for p in phases], dtype=float),
            aberrations=get_aberrations(self.corrections, self.geometry),
            radius=self.radius,
        )

    def _table(
        self, source: Results, model: CellModel, assignment: Assignment, names: tuple[str, ...]
    ) -> Table:
        indexed = assignment.reflection >= 0
        at = np.maximum(assignment.reflection, 0)
        hkl = np.where(indexed[:, None], model.hkl[at], 0)
        peak = {
            "label": np.asarray(source.table.coords["peak"]["label"]),
            "phase": np.array(
                [names[model.phase[r]] if r >= 0 else "" for r in assignment.reflection.tolist()],
                dtype=str,
            ),
            **{n: hkl[:, i].astype(np.int32) for i, n in enumerate("hkl")},
        }
        return cell_table(names, peak, model.aberrations, source.attrs["axis"]["unit"])

    def _attrs(
        self, source: Results, model: CellModel, assignment: Assignment, phases: list[Phase]
    ) -> dict[str, Any]:
        labels = source.table.coords["peak"]["label"].tolist()

        def written(r: int) -> str:
            h, k, l = model.hkl[r].tolist()  # noqa: E741 - Miller indices
            return f"{phases[model.phase[r]].name} ({h} {k} {l})"

        ambiguous = {
            labels[t]: [written(r) for r in (int(assignment.reflection[t]), *others)]
            for t, others in assignment.ambiguous.items()
        }
        free = np.flatnonzero(assignment.reflection < 0)
        return {
            "axis": dict(source.attrs["axis"]),
            "wavelength": model.axis.wavelength,
            "errors": source.attrs.get("errors", ""),
            "title": source.attrs.get("title", ""),
            "unassigned": [labels[t] for t in free.tolist()],
            "ambiguous": ambiguous,
            "literature": {p.name: list(p.cell) for p in phases},
            "standards": [p.name for p in phases[len(self.phases) :]],
            "space_groups": {p.name: p.space_group for p in phases},
        }

    def _fill_cells(
        self,
        columns: dict[str, NDArray[Any]],
        plan: CellPlan,
        result: Refinement,
    ) -> None:
        cells = plan.model.cells(result.theta)
        reflection = plan.assignment.reflection
        of_track = np.where(reflection >= 0, plan.model.phase[np.maximum(reflection, 0)], -1)
        for p, constraint in enumerate(plan.model.constraints):
            n_used = (result.used & (of_track == p)[None, :]).sum(axis=1)
            columns["n_reflections"][:, p] = n_used
            status = np.where(n_used == 0, PhaseStatus.LOST, PhaseStatus.OK)
            cov6 = np.zeros((len(cells), 6, 6))
            if constraint is not None:
                own = plan.model.columns(p)
                cov = result.cov[:, own, own]
                # A cell needs as many reflections as it has parameters, and as many
                # independent directions.
                short = (n_used < len(constraint.names)) | ~np.isfinite(cov).all(axis=(1, 2))
                ratio = result.theta[:, own] / constraint.free(plan.model.start[p])
                off = (np.abs(ratio - 1.0) > 0.99 * CELL_RANGE).any(axis=1)
                status = np.where((n_used > 0) & (short | off), PhaseStatus.NOT_DETERMINED, status)
                weak = _share_of(result.weak_information[:, own, own], cov) > _DEGENERATE
                status = np.where((status == 0) & weak, PhaseStatus.DEGENERATE, status)
                cov6 = constraint.matrix @ cov @ constraint.matrix.T
            columns["phase_status"][:, p] = status
            good = np.isin(status, (PhaseStatus.OK, PhaseStatus.DEGENERATE))
            fill_cells(columns, p, np.where(good)[0], cells[:, p], cov6)

    def _fill_corrections(
        self,
        columns: dict[str, NDArray[Any]],
        plan: CellPlan,
        result: Refinement,
    ) -> None:
        some = result.used.any(axis=1)
        for k, aberration in enumerate(plan.model.aberrations):
            at = plan.model.n_cell + k
            variance = result.cov[:, at, at]
            known = some & np.isfinite(variance)
            columns[aberration.name][known] = result.theta[known, at]
            columns[f"{aberration.name}_stderr"][known] = np.sqrt(variance[known])

    def _fill_peaks(
        self,
        columns: dict[str, NDArray[Any]],
        plan: CellPlan,
        observed: Observations,
        result: Refinement,
    ) -> None:
        columns["residual"][:] = result.residual
        columns["used"][:] = result.used
        indexed = observed.found & (plan.assignment.reflection >= 0)[None, :]
        columns["n_outliers"][:] = (indexed & ~result.used).sum(axis=1)
        corrected = observed.center.copy()
        n_cell = plan.model.n_cell
        for k, aberration in enumerate(plan.model.aberrations):
            shift = aberration.shift(observed.center, self.radius)
            corrected = corrected - result.theta[:, n_cell + k, None] * shift
        d, slope = plan.model.axis.spacing(corrected)
        columns["d_observed"][:] = d
        variance = np.einsum("ftt->ft", observed.cov) + self.position_floor**2
        columns["d_observed_stderr"][:] = np.abs(slope) * np.sqrt(variance)

    def _judge(
        self, block: Results, columns: dict[str, NDArray[Any]], plan: CellPlan
    ) -> tuple[NDArray[np.int8], tuple[str, ...]]:
        """Give every frame its status and say which phases and reflections are missing."""
        own = len(self.phases)
        phase_status = columns["phase_status"][:, :own]
        there = np.isin(phase_status, (PhaseStatus.OK, PhaseStatus.DEGENERATE)).any(axis=1)
        passed = np.isin(block.status, (Status.OK, Status.AT_BOUND))
        status = np.where(passed, np.where(there, Status.OK, Status.LOST), block.status)
        labels = plan.table.coords["peak"]["label"]
        messages = []
        for i in range(len(block)):
            if not passed[i]:
                messages.append(block.messages[i])
                continue
            parts = [
                f"{plan.names[p]}: {PhaseStatus(s).label}"
                for p, s in enumerate(phase_status[i].tolist())
                if s != PhaseStatus.OK
            ]
            out = np.isfinite(columns["residual"][i]) & (columns["used"][i] == 0)
            if out.any():
                parts.append("left out: " + ", ".join(labels[out].tolist()))
            messages.append("; ".join(parts))
        return status.astype(np.int8), tuple(messages)


def lines_or_fail(method: str, phases: list[Phase], lists: list[Any]) -> list[Any]:
    """Check that every phase has reflections in the range of the peaks."""
    for phase, lines in zip(phases, lists, strict=True):
        if len(lines) == 0:
            raise SettingError(
                f"{method}: {phase.name} has no reflection in the range of the peaks; "
                "check the wavelength and the cell"
            )
    return lists


def _observations(peaks: Results) -> Observations:
    return Observations(
        center=peaks["center"],
        cov=peaks["center_cov"],
        fwhm=peaks["fwhm"],
        area=peaks["area"],
        found=found(peaks["peak_status"])
        & np.isfinite(np.einsum("ftt->ft", peaks["center_cov"]))
        & np.isin(peaks.status, (Status.OK, Status.AT_BOUND))[:, None],
    )


def _share_of(information: FloatArray, cov: FloatArray) -> FloatArray:
    """Largest share of the total information that `information` has in any direction."""
    usable = np.isfinite(cov).all(axis=(1, 2))
    share = np.zeros(len(cov))
    if usable.any():
        product = np.matmul(information[usable], cov[usable])
        share[usable] = np.abs(np.linalg.eigvals(product)).max(axis=1)
    return share
