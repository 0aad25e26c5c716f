"""`Structure`: bonds, angles, polyhedra and valence sums along a sequence, and their change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.method import Method
from spectra.phase import Phase
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.status import Status
from spectra.xrd.crystal.changes import changes_from
from spectra.xrd.crystal.geometry import RefinedRows
from spectra.xrd.crystal.inventory import Inventory
from spectra.xrd.crystal.readout import choose_phases, read_phase_rows
from spectra.xrd.phases import PhaseStatus
from spectra.xrd.reference_frame import check_reference, reference_frame

FloatArray = NDArray[np.float64]

# Name, unit, meaning and dimension of each quantity; those of the first five change in per cent.
_QUANTITIES = (
    ("length", "angstrom", "bond length", "bond"),
    ("angle", "deg", "bond angle", "angle"),
    ("polyhedron_volume", "angstrom^3", "volume of the polyhedron's hull", "polyhedron"),
    ("mean_length", "angstrom", "mean distance from centre to corners", "polyhedron"),
    ("valence_sum", "", "bond-valence sum", "site"),
    ("baur", "", "Baur's distortion, sum|l - mean|/(n mean)", "polyhedron"),
    ("length_distortion", "", "mean ((l - mean)/mean)^2", "polyhedron"),
    ("quadratic_elongation", "", "mean (l/l0)^2 of tetrahedra, octahedra", "polyhedron"),
    ("angle_variance", "deg^2", "variance of angles of tetrahedra, octahedra", "polyhedron"),
)
_HEADLINES = {"mean_length": "mean bond", "valence_sum": "bond-valence sum"}
_CHANGING = tuple(name for name, *_ in _QUANTITIES[:5])


@dataclass(frozen=True)
class StructurePlan:
    """What is measured of each phase, and what the reference measures.

    ``start`` holds value and standard uncertainty of each quantity; ``rows`` are the reference
    frames' numbers from the first frame of the block, -1 for none.
    """

    table: Table
    numbers: tuple[int, ...]
    phases: tuple[Phase, ...]
    inventories: tuple[Inventory, ...]
    start: tuple[Mapping[str, tuple[FloatArray, FloatArray]], ...]
    frames: tuple[int, ...]
    first: int
    attrs: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Structure(Method):
    """Bond lengths, angles, polyhedra and bond-valence sums of refined structures.

    Applied to the results of `Rietveld`; those of `Pawley` and `LeBail` too, whose atoms stay
    where they were given. Uncertainties come from the joint covariance of cell and coordinates;
    what was held adds nothing. Changes are in per cent of the reference; frames are independent.
    Which atoms are neighbours is found once, in the reference structure (see `find_contacts`), so
    that a bond is a series. Bonds and angles that symmetry makes equal stand once.

    Occupancies in the valence sums are those that the phase was given.

    Parameters
    ----------
    phases : tuple of str
        Names; none for all that have atoms.
    reference : int or {"first", "literature"}
        Reference frame (its number), the first one in which the phase is determined, or the
        structure that the refinement was given, taken as exact.
    centres : tuple of str
        Labels or elements about which bonds and polyhedra are measured; all cations of a phase
        that has none of them.
    limits : mapping of str to float
        Longest bonds (angstrom) of pairs of elements, ``{"V-O": 2.5}``; others end at the widest
        gap.
    valences : mapping of str to int
        Of cations, by label or element; others are guessed.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xrd import Rietveld
    >>> x = np.arange(25.0, 75.0, 0.02)
    >>> angles = 28.44, 47.30, 56.12, 69.13  # of silicon, Cu Kα1
    >>> lines = sum(900 * np.exp(-(((x - at) / 0.08) ** 2)) for at in angles)
    >>> counts = np.random.default_rng(0).poisson([20 + lines])
    >>> stack = Stack.from_arrays(x, counts, noise="counts", metadata={"wavelength": 1.540593})
    >>> refined = Rietveld(phases="Si", profile=("w",))(stack)
    >>> bonds = Structure(limits={"Si-Si": 2.5})(refined)
    >>> bonds["length"].round(2).tolist()
    [[2.35]]
    """

    name: ClassVar[str] = "xrd.Structure"
    block_size: ClassVar[int] = 256

    phases: tuple[str, ...] = setting((), "phases to measure; none for all with atoms")
    reference: int | str = setting("first", "reference frame", within="frame, first, literature")
    centres: tuple[str, ...] = setting((), "sites or elements about which bonds are measured")
    limits: Mapping[str, float] | None = setting(None, "longest bonds by pair", unit="angstrom")
    valences: Mapping[str, int] | None = setting(None, "valences of cations")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_reference(self.name, self.reference)
        set_ = object.__setattr__
        for name in ("phases", "centres"):
            value = getattr(self, name)
            set_(self, name, (value,) if isinstance(value, str) else tuple(value))
        for name in ("limits", "valences"):
            set_(self, name, dict(getattr(self, name) or {}))

    def prepare(self, source: Results) -> StructurePlan:
        """Find what there is to measure, and measure the reference.

        Raises
        ------
        ResultsError
            If `source` is not of a whole-pattern refinement, has no phase with atoms, or one is
            not determined in the reference frame asked for.
        SettingError
            If a setting names a site or element that no phase has.
        """
        chosen = choose_phases(source, self.phases, self.name)
        self._check_names(list(chosen.values()))
        inventories, start, frames = [], [], []
        for number, phase in chosen.items():
            refined = read_phase_rows(source, number, phase)
            frame = reference_frame(self.name, self.reference, source, number, refined.found)
            structure = refined.phase if frame < 0 else refined.in_frame(frame)
            inventory = Inventory.of(
                structure,
                refined.sites,
                centres=_of_phase(self.centres, phase) or None,
                limits={k: v for k, v in self._limits.items() if _pair_in(k, phase)},
                valences=self._valences,
            )
            rows = RefinedRows.of(structure) if frame < 0 else refined.rows.take(np.array([frame]))
            start.append(
                {
                    name: (found.value[0], found.stderr(rows.covariance)[0])
                    for name, found in inventory.measure(rows).items()
                }
            )
            inventories.append(inventory)
            frames.append(frame)
        attrs = {
            "reference": self.reference,
            "reference_frames": frames,
            "title": source.attrs.get("title", ""),
            "errors": source.attrs.get("errors", ""),
            "valences": {
                i.phase.name: {k: int(v) for k, v in i.valences.items()} for i in inventories
            },
        }
        return StructurePlan(
            table=structure_table(inventories),
            numbers=tuple(chosen),
            phases=tuple(chosen.values()),
            inventories=tuple(inventories),
            start=tuple(start),
            frames=tuple(frames),
            first=0,
            attrs=attrs,
        )

    def narrow(self, plan: StructurePlan, start: int, stop: int) -> StructurePlan:
        """Count frames from `start`."""
        return replace(plan, first=plan.first + start)

    def narrow_block(self, plan: StructurePlan, start: int, stop: int) -> StructurePlan:
        """Count frames from `start` of the block the plan was cut for."""
        return self.narrow(plan, start, stop)

    def table(self, plan: StructurePlan) -> Table:
        """Declare the table of measures."""
        return plan.table

    def fit(self, block: Results, plan: StructurePlan) -> Results:
        """Measure the structures of every frame of a block."""
        columns = plan.table.empty(len(block))
        declared = set(columns)
        place = dict.fromkeys(plan.table.coords, 0)
        any_found = np.zeros(len(block), dtype=bool)
        for p, (number, phase) in enumerate(zip(plan.numbers, plan.phases, strict=True)):
            refined = read_phase_rows(block, number, phase)
            rows = np.flatnonzero(refined.found)
            any_found |= refined.found
            given = block["phase_status"][:, number]
            unknown = np.where(
                np.isin(given, (PhaseStatus.OK, PhaseStatus.DEGENERATE)),
                PhaseStatus.NOT_DETERMINED,
                given,
            )
            columns["phase_status"][:, p] = np.where(refined.found, given, unknown)
            itself = rows == plan.frames[p] - plan.first if plan.frames[p] >= 0 else rows < 0
            values = _measure(refined.rows.take(rows), plan.inventories[p], plan.start[p], itself)
            for name, _, _, dim in _QUANTITIES:
                if name not in declared:
                    continue
                at = slice(place[dim], place[dim] + values[name].shape[1])
                for full in (name, f"{name}_stderr", f"{name}_change", f"{name}_change_stderr"):
                    if full in declared:
                        columns[full][rows, at] = values[full]
            for dim, size in _sizes(plan.inventories[p]).items():
                if dim in place:
                    place[dim] += size
        lost = block.ok() & ~any_found
        return Results(
            table=plan.table,
            columns=columns,
            status=np.where(lost, Status.LOST, block.status).astype(np.int8),
            messages=block.messages,
            names=block.names,
            variables=block.variables,
            attrs=plan.attrs,
        )

    @property
    def _limits(self) -> Mapping[str, float]:
        return self.limits or {}

    @property
    def _valences(self) -> Mapping[str, int]:
        return self.valences or {}

    def _check_names(self, phases: Sequence[Phase]) -> None:
        names = [n for p in phases for a in p.atoms for n in (a.label, a.element)]
        for setting_name, given in (("centres", self.centres), ("valences", self._valences)):
            if unknown := [n for n in given if n not in names]:
                raise SettingError(
                    f"{self.name}: {setting_name} name {unknown[0]!r}; there are "
                    f"{', '.join(dict.fromkeys(names))}"
                )
        for pair in self._limits:
            if not any(_pair_in(pair, p) for p in phases):
                raise SettingError(
                    f"{self.name}: limits name {pair!r}; expected two elements of one phase, "
                    f"e.g. 'V-O', out of {', '.join(dict.fromkeys(names))}"
                )


def structure_table(inventories: Sequence[Inventory]) -> Table:
    """Declare the table of measures of some phases; dimensions without entries are left out."""
    phases = [i.phase.name for i in inventories]
    labels = {
        "bond": [i.bond_names for i in inventories],
        "angle": [i.angle_names for i in inventories],
        "polyhedron": [i.polyhedron_names for i in inventories],
        "site": [tuple(a.label for a in i.phase.atoms) for i in inventories],
    }
    coords: dict[str, dict[str, NDArray[Any]]] = {"phase": {"name": np.array(phases)}}
    for dim, lists in labels.items():
        pairs = [(p, label) for p, own in zip(phases, lists, strict=True) for label in own]
        if pairs:
            coords[dim] = {
                "name": np.array([f"{p} {label}" for p, label in pairs]),
                "label": np.array([label for _, label in pairs]),
                "phase": np.array([p for p, _ in pairs]),
            }
    counts = {"bond": [i.bond_counts for i in inventories]}
    counts["angle"] = [i.angle_counts for i in inventories]
    for dim, numbers in counts.items():
        if dim in coords:
            coords[dim]["count"] = np.concatenate(numbers)
    columns = [Column("phase_status", "", "code of PhaseStatus", ("phase",), dtype="int8")]
    for name, unit, meaning, dim in _QUANTITIES:
        if dim not in coords:
            continue
        symbol = _HEADLINES.get(name, "")
        columns.append(Column(name, unit, meaning, (dim,), stderr=True, headline=symbol))
        if name in _CHANGING:
            text = f"change of {name} against the reference"
            columns.append(Column(f"{name}_change", "percent", text, (dim,), stderr=True))
    default = "mean_length" if "polyhedron" in coords else "valence_sum"
    return Table("structure", tuple(columns), coords, default=default)


def _measure(
    refined: RefinedRows,
    inventory: Inventory,
    start: Mapping[str, tuple[FloatArray, FloatArray]],
    itself: NDArray[np.bool_],
) -> dict[str, FloatArray]:
    """Values, standard uncertainties and changes (rows, n) of everything in an inventory."""
    out: dict[str, FloatArray] = {}
    for name, found in inventory.measure(refined).items():
        stderr = found.stderr(refined.covariance)
        out[name], out[f"{name}_stderr"] = found.value, stderr
        change = changes_from(found.value, stderr, *start[name], itself)
        out[f"{name}_change"], out[f"{name}_change_stderr"] = change.percent, change.stderr
    return out


def _sizes(inventory: Inventory) -> dict[str, int]:
    """How many entries of each dimension an inventory has."""
    return {
        "bond": len(inventory.bonds),
        "angle": len(inventory.angles),
        "polyhedron": len(inventory.polyhedra),
        "site": len(inventory.phase.atoms),
    }


def _of_phase(names: Sequence[str], phase: Phase) -> list[str]:
    return [n for n in names if any(n in (a.label, a.element) for a in phase.atoms)]


def _pair_in(pair: str, phase: Phase) -> bool:
    one, _, other = pair.partition("-")
    return {one, other} <= {a.element for a in phase.atoms}
