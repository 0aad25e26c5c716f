"""What the methods that remove a background have in common: edge, grid, table and noise."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.method import Method
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.stack import Stack
from spectra.units import k_from_energy
from spectra.xas.across import Across
from spectra.xas.edge import find_main_edge
from spectra.xas.exafs.checks import (
    Shell,
    edge_remarks,
    first_shell,
    odd_points,
    shell_remarks,
)
from spectra.xas.exafs.chi import k_grid
from spectra.xas.exafs.high_r import white_level_of_all
from spectra.xas.exafs.removed import Refused, Removed, Spectra, span_of
from spectra.xas.frames import Verdicts, alike_points, cut, few_of, spectra_of
from spectra.xas.noise import Noise, find_noise
from spectra.xas.normalize import Normalize
from spectra.xas.normalizeplan import NormalizePlan
from spectra.xas.ranges import index_nearest

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

# How far edges may lie below those of the frames that their range is found from (eV).
_BELOW = 5.0
# Columns of `Normalize` that a background needs.
_OF_EDGE = ("e0", "edge_step", "edge_half", "noise_before", "noise_after")


@dataclass(frozen=True)
class RemovalPlan:
    """What holds for all frames.

    Attributes
    ----------
    table : Table
    normalize : NormalizePlan
    common : bool
        Whether all frames have one edge energy.
    attrs : mapping
    """

    table: Table
    normalize: NormalizePlan
    common: bool
    attrs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Removal(Method):
    """Base of methods that split absorption into a smooth background and χ(k).

    Parameters
    ----------
    k_max : float, optional
        End of the range that the background is found in (1/angstrom).
    k_step : float, optional
        Step of the grid of χ(k), from k = 0 (1/angstrom).
    k_weight : int
    normalize : Normalize or mapping, optional
        How edge energy and edge step are found. Unless it says otherwise, E0 is that of the
        sequence, the median of some of its frames (``attrs["sequence_e0"]``): then the k of all
        frames compare. ``e0 = "derivative"`` gives each frame its own, for stacks of several
        elements, or of spectra that are not aligned.
    """

    block_size: ClassVar[int] = 1024

    k_max: float | None = setting(
        None, "end of the range; by default that of the spectrum", unit="1/angstrom", within="> 0"
    )
    k_step: float = setting(0.05, "step of the grid of k", unit="1/angstrom", within="0.01 to 0.2")
    k_weight: int = setting(1, "power of k that weights χ", within="0 to 3")
    normalize: Normalize | Mapping[str, Any] = setting(  # noqa: RUF009 - a method is frozen
        Normalize(e0="sequence"),
        "how edge energy and edge step are found: settings of xas.Normalize",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.normalize
        if isinstance(given, Mapping):
            given = {"e0": "sequence", **given}
        with self.naming("normalize"):
            object.__setattr__(self, "normalize", Normalize.given(given))
        if self.k_max is not None and not self.k_max > 0:
            raise SettingError(f"{self.name}: k_max = {self.k_max}; give a positive number")
        self.refuse(
            k_step=not 0.01 <= self.k_step <= 0.2, k_weight=self.k_weight not in (0, 1, 2, 3)
        )

    def refuse(self, **wrong: bool) -> None:
        """Refuse settings beyond their ranges.

        Raises
        ------
        SettingError
        """
        for name, bad in wrong.items():
            if bad:
                within = type(self).__dataclass_fields__[name].metadata["range"]
                raise SettingError(
                    f"{self.name}: {name} = {getattr(self, name)!r}; expected {within}"
                )

    @property
    def end(self) -> float:
        """End of the range (1/angstrom), infinite for that of the spectrum."""
        return np.inf if self.k_max is None else self.k_max

    @abstractmethod
    def splines(self, k_max: float) -> int:
        """The number of B-splines up to some k."""

    @abstractmethod
    def further_columns(self) -> tuple[Column, ...]:
        """Columns beside those of all backgrounds."""

    @property
    @abstractmethod
    def reach(self) -> float:
        """R up to which the background follows χ(R) (angstrom); 0 where that is not said."""

    @property
    @abstractmethod
    def remedy(self) -> str:
        """What to do if it reaches the first shell, with ``{r}`` for a good R."""

    @abstractmethod
    def remove(self, spectra: Spectra, plan: RemovalPlan) -> Iterator[Removed | Refused]:
        """Remove the background of each spectrum."""

    def prepare(self, source: Stack) -> RemovalPlan:
        """Check the stack, and find the grid that holds all frames.

        Raises
        ------
        StackError
            If the axis is not energy in eV.
        """
        normalize = self._normalize()
        plan = normalize.prepare(source).only(*_OF_EDGE)
        lowest = plan.e0
        if not np.isfinite(lowest):
            found = normalize.fit(few_of(source), plan)
            energies = found["e0"][found.ok()]
            lowest = float(energies.min()) - _BELOW if energies.size else float(source.x[0])
        end = float(k_from_energy(source.x[-1], lowest))
        end = max(min(end, self.end), 2.0 * self.k_step)
        k = k_grid(self.k_step, int(1.01 + end / self.k_step))
        common = bool(np.isfinite(plan.e0))
        # One more than these frames need: another's edge may lie lower still.
        splines = self.splines(end) + (0 if common else 1)
        table = background_table(k, splines, self.further_columns())
        return RemovalPlan(table, plan, common, plan.attrs)

    def table(self, plan: RemovalPlan) -> Table:
        """Declare the table."""
        return plan.table

    def fit(self, block: Stack, plan: RemovalPlan) -> Results:
        """Remove the background of every frame of a block."""
        y, errors = spectra_of(block)
        normal = self._normalize().fit(block, plan.normalize)
        columns, verdicts = plan.table.empty(len(block)), Verdicts(normal)
        for points, rows in alike_points(np.isfinite(y), np.flatnonzero(normal.ok())):
            spectra = Spectra(
                x=block.x if points.all() else block.x[points],
                y=cut(y, rows, points),
                e0=normal["e0"][rows],
                edge_step=normal["edge_step"][rows],
                noise=_noise(block, points, rows, y, errors, normal),
            )
            columns["e0_offset"][rows] = _offset(spectra, normal["edge_half"][rows])
            columns["odd_point"][rows] = odd_points(spectra.x, spectra.y, spectra.e0, spectra.noise)
            for part in self.remove(spectra, plan):
                own = rows[part.rows]
                if isinstance(part, Refused):
                    verdicts.mark(own, part.status, lambda i, part=part: part.reasons[i])
                else:
                    # Single precision is ample for what is only looked at, and twice as fast.
                    chi, reference = (a.astype(np.float32) for a in (part.chi, part.reference))
                    shell = first_shell(chi, reference, self.k_step)
                    columns["noise"][own] = white_level_of_all(chi, self.k_step)
                    columns["noise"][own] /= normal["edge_step"][own]
                    self._write(columns, span_of(own), part, normal, shell)
                    said = shell_remarks(shell, self.reach, self.remedy)
                    _note(verdicts, own, said, block.names)
        self._tell(columns, verdicts, block.names)
        return verdicts.results(plan.table, columns, block, plan.attrs)

    def _normalize(self) -> Normalize:
        return Normalize.given(self.normalize)

    def _tell(
        self, columns: Mapping[str, NDArray[Any]], verdicts: Verdicts, names: tuple[str, ...]
    ) -> None:
        """Remark on E0 and odd points of the frames that have a result."""
        good = np.flatnonzero(verdicts.good)
        parts = (columns[name][good] for name in ("e0", "e0_offset", "odd_point"))
        _note(verdicts, good, edge_remarks(*parts), names)

    def _write(
        self,
        columns: dict[str, NDArray[Any]],
        rows: IntArray | slice,
        part: Removed,
        normal: Results,
        shell: Shell,
    ) -> None:
        """Fill the rows of some frames."""
        for name in ("e0", "e0_stderr", "edge_step", "edge_step_stderr"):
            columns[name][rows] = normal[name][rows]
        inverse = 1.0 / normal["edge_step"][rows][:, None]
        relative = normal["edge_step_stderr"][rows][:, None] * inverse
        chi = part.chi * inverse
        error, of_step = part.variance * inverse**2, chi * relative
        of_step *= of_step
        error += of_step
        points = min(chi.shape[1], columns["chi"].shape[1])
        columns["chi"][rows, :points] = chi[:, :points]
        columns["chi_stderr"][rows, :points] = np.sqrt(error[:, :points], out=error[:, :points])
        size = min(part.coefficients.shape[1], columns["coefficients"].shape[1])
        columns["coefficients"][rows, :size] = part.coefficients[:, :size]
        columns["knots"][rows, : size + 4] = part.knots[:, : size + 4]
        columns["first_shell"][rows] = shell.position
        columns["first_shell_kept"][rows] = shell.kept
        columns["splines"][rows] = part.coefficients.shape[1]
        for name, values in part.further.items():
            columns[name][rows] = values


def _offset(spectra: Spectra, half: FloatArray) -> FloatArray:
    """E0 from half way up the edge, which `Normalize` does not find from an E0 far below it."""
    lost = np.flatnonzero(~np.isfinite(half))
    if lost.size:
        half = half.copy()
        half[lost] = find_main_edge(spectra.x, Across.of(spectra.y[lost])).energy
    return spectra.e0 - half


def _note(verdicts: Verdicts, rows: IntArray, said: list[str], names: tuple[str, ...]) -> None:
    """Add remarks to the frames that have one."""
    for row, text in zip(rows.tolist(), said, strict=True):
        if text:
            verdicts.note(np.array([row]), f"{names[row]}: {text}")


def _noise(
    block: Stack,
    points: BoolArray,
    rows: IntArray,
    y: FloatArray,
    errors: FloatArray | None,
    normal: Results,
) -> Noise:
    """Variances of the points, those that `Normalize` has estimated where they are not known."""
    if block.noise == "unknown" or (block.noise == "given" and errors is None):
        return Noise(None, normal["noise_before"][rows] ** 2, normal["noise_after"][rows] ** 2)
    sigma = None if errors is None else cut(errors, rows, points)
    x = block.x[points]
    edge = index_nearest(x, normal["e0"][rows])
    return find_noise(x, Across.of(cut(y, rows, points)), sigma, block.noise, edge)


def background_table(k: FloatArray, splines: int, further: tuple[Column, ...]) -> Table:
    """Declare the table for χ on some grid and backgrounds of at most so many splines."""
    a = "1/angstrom"
    columns = (
        Column("e0", "eV", "edge energy, where k is 0", stderr=True),
        Column("edge_step", "", "edge step, in the unit of the absorption", stderr=True),
        Column("e0_offset", "eV", "edge energy from half way up the main edge"),
        Column("k_max", a, "end of the range of χ"),
        Column("chi", "", "oscillations χ(k) of the absorption over its edge step", ("k",), True),
        Column("noise", "", "standard deviation of white noise of χ(k), from χ(R) at high R"),
        Column("first_shell", "angstrom", "R of the first shell, phase not corrected"),
        Column("first_shell_kept", "", "height of the first shell over that with a lower rbkg"),
        Column("odd_point", "eV", "energy of the point that stands out most, if one does"),
        Column("splines", "", "number of B-splines of the background").as_int(),
        Column("coefficients", "", "of the background's B-splines", ("spline",)),
        Column("knots", a, "of the background's cubic B-splines in k", ("knot",)),
        *further,
    )
    coords: dict[str, dict[str, NDArray[Any]]] = {
        "k": {"k": k},
        "spline": {"number": np.arange(splines)},
        "knot": {"number": np.arange(splines + 4)},
    }
    return Table("background", columns, coords, default="edge_step")
