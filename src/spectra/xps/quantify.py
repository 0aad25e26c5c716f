"""`Quantify`: atomic percent from the areas of one or several regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError, SettingError
from spectra.method import Method
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.stack import Stack
from spectra.status import Status
from spectra.xps.comparable import (
    certain_ends,
    check_whole_doublets,
    counted_levels,
    counting_times,
    own_factors,
    pass_energies,
    photon_energies,
    regions_by_ends,
    single_lines,
    transmission_by,
)
from spectra.xps.mean_free_path import HIGHEST, LOWEST, Material, imfp
from spectra.xps.quantities import percentages, standard_uncertainties
from spectra.xps.regions import JOINED, REGION, first_trouble, join
from spectra.xps.sensitivity import MAGIC_ANGLE, load_sensitivities, split_level

FloatArray = NDArray[np.float64]

# Of the energy dependence λ ∝ E^n, where the material is not given.
_PATH = 0.75
_GOOD = (Status.OK, Status.AT_BOUND)


@dataclass(frozen=True)
class QuantifyPlan:
    """What all blocks share.

    Attributes
    ----------
    counted : array of int
        Species that count.
    elements : tuple of str
    members : array (elements, species counted)
        1 for the species of an element.
    factors : array (species counted,)
        Cross section times angular factor, or the factor given.
    photon_energy : array (species counted,)
        eV; NaN if not known.
    transmission : float or None
        Power of the kinetic energy; None takes the files'.
    coords : mapping
    facts : mapping
        What is told of it in the results' attributes.
    note : str
        What is told of every frame.
    """

    counted: NDArray[np.intp]
    elements: tuple[str, ...]
    members: FloatArray
    factors: FloatArray
    photon_energy: FloatArray
    transmission: float | None
    coords: Mapping[str, Mapping[str, NDArray[Any]]]
    facts: Mapping[str, Any]
    note: str


@dataclass(frozen=True, kw_only=True)
class Quantify(Method):
    """Atomic percent of the elements, from the areas of regions measured one after the other.

    xₑ = 100·Σ_{i∈e} Iᵢ/Sᵢ / Σⱼ Iⱼ/Sⱼ with Iᵢ the area per second of counting and
    Sᵢ = σᵢ·Lᵢ·λ(Eᵢ)·T(Eᵢ): cross section, angular factor, mean free path and transmission at the
    kinetic energy of the line. The sample counts as homogeneous over the depth that is seen.

    Uncertainties come in three parts that are stated apart: `atomic_percent_stderr` from the
    counts, through the covariances of the areas; `factor_component` from the sensitivity factors,
    the same for all frames and no scatter among them; and `endpoint_component` from where the
    windows end, of the regions that were fitted by `xps.Endpoints`.

    Give it `xps.join` of several regions, or the results of one.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xps import Model, Region, Species, join
    >>> def region(level, position, height):
    ...     species = Species(name=level[0], level=level, position=position)
    ...     energy = np.linspace(position - 7, position + 7, 141)
    ...     counts = 100 + height * np.exp(-(((energy - position) / 0.7) ** 2))
    ...     stack = Stack.from_arrays(energy, counts, noise="counts", axis_name="binding_energy")
    ...     return Region(model=Model(name=level, species=(species,)))(stack)
    >>> regions = join(region("C 1s", 284.8, 1000.0), region("O 1s", 532.0, 2930.0))
    >>> Quantify(photon_energy=1486.6, path=0.0)(regions)["atomic_percent"].round().tolist()
    [[50.0, 50.0]]
    """

    name: ClassVar[str] = "xps.Quantify"
    block_size: ClassVar[int] = 4096

    sensitivity: str | Mapping[str, float] | tuple[tuple[str, float], ...] = setting(
        "scofield_1976", "set of cross sections, or factors of each level such as 'V 2p'"
    )
    sensitivity_stderr: float = setting(
        0.1, "relative standard uncertainty of each level's factor", within="0 or more"
    )
    angle: float = setting(
        MAGIC_ANGLE, "between X-rays and analyser; the magic one needs no asymmetry", unit="deg"
    )
    path: float | Material | Mapping[str, Any] | None = setting(  # noqa: RUF009
        None,
        "mean free path: n of λ ∝ E^n, or the material for TPP-2M; None is 0.75 for a set, and 0 "
        "for factors of your own, which hold it",
    )
    transmission: str | float = setting(
        "file", "of the analyser: 'file' where it tells, 'none', or n of T ∝ E^n"
    )
    levels: tuple[str, ...] = setting((), "that count; all if empty")
    photon_energy: float = setting(0.0, "of the X-rays; 0 takes the files'", unit="eV")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.sensitivity, str):
            object.__setattr__(self, "sensitivity", own_factors(self.sensitivity, self.name))
        if self.path is not None and not isinstance(self.path, int | float):
            with self.naming("path"):
                object.__setattr__(self, "path", Material.given(self.path))
        if isinstance(self.transmission, str) and self.transmission not in ("file", "none"):
            raise SettingError(
                f"{self.name}: transmission = {self.transmission!r}; expected 'file', 'none' or "
                "the power of the kinetic energy"
            )
        if not (self.sensitivity_stderr >= 0 and 0 <= self.angle <= 180):
            raise SettingError(
                f"{self.name}: sensitivity_stderr = {self.sensitivity_stderr}, angle = "
                f"{self.angle}; expected 0 or more, and 0 to 180 degrees"
            )

    def prepare(self, source: Results) -> QuantifyPlan:
        """Look up the factors of all levels."""
        regions = _joined(source)
        species = regions.table.coords["species"]
        levels = [str(v) for v in species["level"].tolist()]
        wanted = counted_levels(regions, self.levels, self.name)
        counted = np.flatnonzero([level in wanted for level in levels])
        check_whole_doublets(regions, counted, self.name)
        kept = [levels[i] for i in counted]
        each = [split_level(level)[0] for level in kept]
        elements = tuple(dict.fromkeys(each))
        energy = photon_energies(regions, counted, self.photon_energy)
        self._check_energies(regions, counted, kept, energy)
        factors = [self._factor(*pair) for pair in zip(kept, energy.tolist(), strict=True)]
        labels = species["label"][counted]
        coords = {
            "species": {"label": labels, "level": np.array(kept), "element": np.array(each)},
            "element": {"label": np.array(elements)},
            "other_element": {"label": np.array(elements)},
        }
        members = np.array([[float(e == one) for one in each] for e in elements])
        power, told = transmission_by(self.transmission, regions, counted, self.name)
        facts = {
            "model": " + ".join(str(r.get("model")) for r in regions.attrs["regions"]),
            "sensitivity": self._source(),
            "sensitivity_stderr": self.sensitivity_stderr,
            "levels": dict(zip(kept, factors, strict=True)),
            "angle": self.angle,
            "path": self._path_told(),
            "transmission": told,
            "count_time": bool(regions.attrs["count_time"]),
            "endpoints": bool(regions_by_ends(regions, counted)[0]),
            "errors": str(regions.attrs["regions"][0].get("errors", "")),
        }
        notes = [counting_times(regions, counted), certain_ends(regions, counted)]
        notes.append(single_lines(regions, counted))
        if power is not None:
            notes.append(pass_energies(regions, counted))
        return QuantifyPlan(
            *(counted, elements, members, np.array(factors), energy, power, coords, facts),
            note="; ".join(filter(None, notes)),
        )

    def _check_energies(
        self, regions: Results, counted: NDArray[np.intp], levels: list[str], energy: FloatArray
    ) -> None:
        """Refuse unknown photon energies (eV), and kinetic ones that the path does not hold for."""
        if self._needs_energy() and not np.isfinite(energy).all():
            level = levels[int(np.flatnonzero(~np.isfinite(energy))[0])]
            raise SettingError(
                f"{self.name}: the file of {level} tells no photon energy; give photon_energy, "
                "such as 1486.6 for Al Kα"
            )
        if isinstance(path := self._power(), Material):
            good = np.isin(regions["region_status"][:, counted], _GOOD).all(axis=1)
            position = regions["position"][good][:, counted]
            if position.size:
                imfp(path, energy - np.nanmedian(position, axis=0))

    def table(self, plan: QuantifyPlan) -> Table:
        """Declare one entry per element, and per species."""
        per = ("element",)
        columns = (
            Column("atomic_percent", "%", "of all elements that count", per, stderr=True),
            Column("factor_component", "%", "its uncertainty from sensitivity factors alone", per),
            Column("endpoint_component", "%", "its uncertainty from where windows end", per),
            Column(
                "correlation", "", "of the atomic percent, by counts", ("element", "other_element")
            ),
            Column(
                "species_percent", "%", "atomic percent of a species", ("species",), stderr=True
            ),
        )
        return Table("composition", columns, plan.coords, default="atomic_percent")

    def fit(self, block: Results, plan: QuantifyPlan) -> Results:
        """Give the composition of each frame."""
        regions = _joined(block)
        table = self.table(plan)
        columns = table.empty(len(block))
        status = first_trouble(regions["region_status"][:, plan.counted])
        messages = ["; ".join(filter(None, (text, plan.note))) for text in regions.messages]
        rows = np.flatnonzero(np.isin(status, _GOOD))
        factors = self._factors_of_frames(regions, plan)
        lost = rows[~np.isfinite(factors[rows]).all(axis=1)]
        for row in lost.tolist():
            status[row] = Status.BAD_INPUT
            messages[row] = "; ".join(
                filter(None, (messages[row], self._lacking(regions, plan, row)))
            )
        self._fill(regions, plan, factors, np.setdiff1d(rows, lost), columns)
        attrs = dict(plan.facts)
        return Results(
            *(table, columns, status, tuple(messages), block.names, block.variables, attrs)
        )

    def _fill(
        self,
        regions: Results,
        plan: QuantifyPlan,
        factors: FloatArray,
        rows: NDArray[np.intp],
        columns: dict[str, NDArray[Any]],
    ) -> None:
        """Write the percentages of the good frames and the three parts of their uncertainty."""
        pick = np.ix_(rows, plan.counted, plan.counted)
        per = factors[rows]
        part, slopes = percentages(regions["intensity"][np.ix_(rows, plan.counted)] / per)
        slopes = slopes / per[:, None, :]
        own = np.matmul(slopes, np.matmul(regions["covariance"][pick], slopes.transpose(0, 2, 1)))
        grouped = np.matmul(plan.members, slopes)
        back = grouped.transpose(0, 2, 1)
        cov = np.matmul(grouped, np.matmul(regions["covariance"][pick], back))
        columns["species_percent"][rows] = part
        columns["species_percent_stderr"][rows] = standard_uncertainties(own)
        percent = np.matmul(plan.members, part[:, :, None])[:, :, 0]
        sigma = standard_uncertainties(cov)
        columns["atomic_percent"][rows] = percent
        columns["atomic_percent_stderr"][rows] = sigma
        with np.errstate(invalid="ignore", divide="ignore"):
            columns["correlation"][rows] = cov / sigma[:, :, None] / sigma[:, None, :]
        columns["factor_component"][rows] = self._by_factors(part, plan)
        if plan.facts["endpoints"]:
            ends = np.matmul(grouped, np.matmul(regions["endpoint_covariance"][pick], back))
            columns["endpoint_component"][rows] = standard_uncertainties(ends)

    def _by_factors(self, part: FloatArray, plan: QuantifyPlan) -> FloatArray:
        """Standard uncertainty (frames, elements) if each level's factor has its own error."""
        levels = [str(v) for v in plan.coords["species"]["level"].tolist()]
        distinct = list(dict.fromkeys(levels))
        same = np.array([[float(level == one) for level in levels] for one in distinct])
        # ∂xᵢ/∂ln S_k = −xᵢ·(δ_ik − Σ_{j∈k} xⱼ/100), summed over the species of an element.
        each = plan.members * part[:, None, :]
        own = np.matmul(each, same.T)
        moved = own - own.sum(axis=2, keepdims=True) * own.sum(axis=1, keepdims=True) / 100.0
        return np.asarray(self.sensitivity_stderr * np.sqrt((moved**2).sum(axis=2)))

    def _factors_of_frames(self, regions: Results, plan: QuantifyPlan) -> FloatArray:
        """Whole sensitivity factors (frames, species counted)."""
        kinetic = plan.photon_energy - regions["position"][:, plan.counted]
        power = self._power()
        factors = np.broadcast_to(plan.factors, kinetic.shape)
        if isinstance(power, Material):
            inside = (kinetic >= LOWEST) & (kinetic <= HIGHEST)
            factors = factors * imfp(power, np.where(inside, kinetic, np.nan))
        elif power:
            factors = factors * _power_law(kinetic, power)
        if plan.transmission is None:
            factors = factors * regions["transmission"][:, plan.counted]
        elif plan.transmission:
            factors = factors * _power_law(kinetic, plan.transmission)
        return np.where(np.isfinite(regions["intensity"][:, plan.counted]), factors, np.nan)

    def _lacking(self, regions: Results, plan: QuantifyPlan, row: int) -> str:
        """What a frame's factors lack, and of which levels."""
        levels = plan.coords["species"]["level"]
        kinetic = plan.photon_energy - regions["position"][row, plan.counted]
        by_energy = self._power() != 0.0 or plan.transmission not in (None, 0.0)
        if isinstance(self._power(), Material):
            within, outside = f"from {LOWEST:g} to {HIGHEST:g} eV", kinetic < LOWEST
            outside |= kinetic > HIGHEST
        else:
            within, outside = "above 0 eV", kinetic <= 0
        passed = regions["transmission"][row, plan.counted]
        told = {
            "time of counting": ~np.isfinite(regions["intensity"][row, plan.counted]),
            f"kinetic energy {within}": by_energy & (outside | ~np.isfinite(kinetic)),
            "transmission": (plan.transmission is None) & ~np.isfinite(passed),
        }
        lacking = [
            f"no {what} of {', '.join(dict.fromkeys(levels[where].tolist()))}"
            for what, where in told.items()
            if where.any()
        ]
        return ", ".join(lacking)

    def _power(self) -> float | Material:
        if isinstance(self.path, Material):
            return self.path
        if self.path is None:
            return _PATH if isinstance(self.sensitivity, str) else 0.0
        return float(self.path)  # type: ignore[arg-type]

    def _needs_energy(self) -> bool:
        by_energy = self._power() != 0.0 or not isinstance(self.transmission, str)
        return isinstance(self.sensitivity, str) or by_energy

    def _path_told(self) -> str:
        power = self._power()
        if isinstance(power, Material):
            return f"TPP-2M in {power.formula}, {power.density:g} g/cm³, gap {power.gap:g} eV"
        return f"E^{power:g}" if power else "not corrected for"

    def _source(self) -> str:
        if not isinstance(self.sensitivity, str):
            return "factors given"
        chosen = load_sensitivities(self.sensitivity)
        return f"{chosen.name} ({chosen.source})"

    def _factor(self, level: str, photon_energy: float) -> float:
        """Cross section and angular factor, or the factor given."""
        if isinstance(self.sensitivity, str):
            chosen = load_sensitivities(self.sensitivity)
            angular = chosen.angular(level, self.angle, photon_energy)
            return chosen.factor(level, photon_energy) * angular
        own = dict(self.sensitivity)
        if level not in own:
            raise SettingError(
                f"{self.name}: sensitivity has no factor of {level}; it has "
                f"{', '.join(own) or 'none'}. Add one, or leave the level out by levels"
            )
        return own[level]


def _power_law(kinetic: FloatArray, power: float) -> FloatArray:
    """Power of the kinetic energy in keV; NaN where that is not above 0."""
    return np.asarray(np.where(kinetic > 0, kinetic / 1000.0, np.nan) ** power)


def _joined(source: Results | Stack) -> Results:
    if isinstance(source, Stack):
        raise ResultsError(
            "xps.Quantify: a stack of spectra; expected results of xps.Region, xps.Endpoints or "
            "xps.join: fit the region first"
        )
    if source.table.name == JOINED:
        return source
    if source.table.name == REGION:
        return join(source)
    raise ResultsError(
        f"xps.Quantify: a table {source.table.name!r}; expected results of xps.Region, "
        "xps.Endpoints or xps.join"
    )
