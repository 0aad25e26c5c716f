"""`Shells`: coordination numbers, distances and disorder from EXAFS, over whole sequences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from spectra.errors import SettingError, StackError
from spectra.method import Method
from spectra.results import Results, Table
from spectra.settings import A_FILE, setting
from spectra.stack import Stack
from spectra.xas.exafs.chi import chi_of, k_of
from spectra.xas.exafs.screening import check_range, require_distances
from spectra.xas.exafs.windows import WINDOWS
from spectra.xas.paths.path import ScatteringPath
from spectra.xas.shells.fitting import fill, fit_frames
from spectra.xas.shells.information import INDEPENDENT, independent_points
from spectra.xas.shells.model import make_model
from spectra.xas.shells.observe import NOISES, Observed, observe
from spectra.xas.shells.plan import ShellsPlan, free_slots, restraint_shares
from spectra.xas.shells.remarks import (
    blank,
    can_be_fitted,
    check_absorber,
    check_curves,
    judge,
    warnings_of,
)
from spectra.xas.shells.sequence import Sequence, fit_sequence, known_only, make_common
from spectra.xas.shells.space import SPACES, Ranges
from spectra.xas.shells.table import make_table
from spectra.xas.shells.temperatures import require_kelvin

PathSpec = ScatteringPath | str | Path | Mapping[str, Any]

# Values of χ(k) that are kept in memory instead of being read again for every pass.
_KEPT = 20_000_000
# What is fitted if nothing is said.
_DEFAULT: Mapping[str, Any] = {"s02": 0.9, "e0": 0.0, "delta_r": 0.0, "sigma2": 0.005}


@dataclass(frozen=True, kw_only=True)
class Shells(Method):
    """Fit the EXAFS equation to χ(k): shells of neighbours, in all frames of a sequence.

    χ(k) is what `xas.Background` gives, or a stack of quantity ``chi`` over k. Parameters are
    numbers (where the fit starts) or mappings with ``value``, ``min``, ``max``, ``vary``; a text is
    an expression of others. ``across`` says how a parameter runs through the sequence: ``"frame"``
    (a value of its own in each), ``"common"`` or ``{"polynomial": 2, "over": "x"}`` in a variable
    of the frames; what is shared is fitted to all frames at once, in one least-squares problem. A
    parameter with a ``stderr`` is known from elsewhere (S₀² of a standard): it is held, and its
    uncertainty is carried over to all others; frames have it in common.

    A path is ``{"file": "feff0001.dat"}``, ``{"path": ScatteringPath}``, or one that FEFF
    calculates of a phase in `reference_patterns/` or of a file, ``{"phase": "V2O3", "which":
    "V-O 1.971"}`` and ``{"cif": "a.cif", "which": …}``, named by the label that `feff_paths` gives
    it and, if need be, with ``edge``, ``site``, ``radius``, ``nleg``. It has ``label``, ``n``,
    ``s02`` (or their product ``s02n``), ``e0``, ``delta_r``, ``sigma2``, ``c3``, ``c4``, ``ei`` as
    numbers or expressions of the parameters, of variables of the frames, of ``reff``,
    ``degeneracy``, ``reduced_mass`` and ``nleg`` of the path, and with ``einstein(theta, T)`` and
    ``debye(theta, T)``. What is not said of a path is the parameter of that name, if there is one;
    else ``n`` is the degeneracy, ``s02`` is 1 and the rest 0. ``only = {"variable": value}``
    restricts a path to some frames, so that several data sets or edges are fitted at once.

    ``…_stderr`` is what the field quotes: the covariance scaled by the misfit (χ²_ν), where that is
    larger than noise can make it; ``…_stderr_unscaled`` is from the noise of χ(k) alone, and right
    whether it is white or grows with k. ``r_factor``, ``chi_square`` and ``n_idp`` are Larch's.

    Parameters
    ----------
    k_range, r_range : tuple of float
        Ranges (1/angstrom, angstrom).
    k_weight : tuple of float
        One or several at once.
    window : str
        See `spectra.xas.exafs.windows.make_window`.
    taper : float
        Of the window (1/angstrom).
    space : {"r", "k", "q", "wavelet"}
        Where data and model are compared.
    noise : {"auto", "given", "high_r"} or float
        Standard uncertainty of χ(k): given with the data, or read off 15 to 25 Å; ``auto``
        takes the first where there is one.
    n_idp : {"larch", "nyquist", "stern"}
        2ΔkΔR/π + 1, without the 1, or with 2.
    parameters : mapping
        By default S₀², E₀, ΔR and σ² of all paths together.
    paths : tuple
    restraints : tuple of mapping
        ``{"of": expression, "value": …, "stderr": …}``: what the data may pull away from.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xas import quick_path
    >>> from spectra.xas.shells.equation import chi_of_path
    >>> oxygen = quick_path("V", "O", 2.0)
    >>> k = 0.05 * np.arange(241)
    >>> chi = chi_of_path(oxygen, k, amplitude=6.0, sigma2=0.004)
    >>> stack = Stack.from_arrays(k, chi, axis_name="k", axis_unit="1/angstrom", quantity="chi")
    >>> shells = Shells(
    ...     paths=[{"path": oxygen, "n": 6, "delta_r": "dr", "sigma2": "ss"}],
    ...     parameters={"dr": 0.01, "ss": 0.003}, k_range=(3.0, 11.0), r_range=(1.2, 2.1))(stack)
    >>> shells["r"].round(3).tolist(), shells["sigma2"].round(4).tolist()
    ([[2.0]], [[0.004]])
    """

    name: ClassVar[str] = "xas.Shells"
    block_size: ClassVar[int] = 64

    k_range: tuple[float, float] = setting((3.0, 12.0), "range of k", unit="1/angstrom")
    r_range: tuple[float, float] = setting((1.0, 3.0), "range of R", unit="angstrom")
    k_weight: tuple[float, ...] = setting((2.0,), "powers of k, fitted at once", within="0 to 5")
    window: str = setting("hanning", "window over k", within=", ".join(WINDOWS))
    taper: float = setting(1.0, "taper of the window", unit="1/angstrom", within="≥ 0")
    space: str = setting("r", "where data and model are compared", within=", ".join(SPACES))
    noise: str | float = setting("auto", "noise of χ(k)", within=f"{', '.join(NOISES)} or a number")
    n_idp: str = setting("larch", "independent points", within=", ".join(INDEPENDENT))
    parameters: Mapping[str, float | str | Mapping[str, Any]] = setting(None, "what is fitted")
    paths: tuple[PathSpec, ...] = setting((), "paths and what they depend on", files=A_FILE)
    restraints: tuple[Mapping[str, Any], ...] = setting((), "what is known of parameters")

    def __post_init__(self) -> None:
        super().__post_init__()
        set_ = object.__setattr__
        for name in ("k_range", "r_range"):
            set_(self, name, check_range(self.name, name, getattr(self, name)))
        different = len(set(self.k_weight)) == len(self.k_weight) > 0
        if not different or not all(0.0 <= w <= 5.0 for w in self.k_weight):
            raise SettingError(
                f"{self.name}: k_weight = {self.k_weight}; expected 0 to 5, none twice"
            )
        for name, known in (("window", WINDOWS), ("space", SPACES), ("n_idp", INDEPENDENT)):
            self._one_of(name, tuple(known))
        if isinstance(self.noise, str):
            self._one_of("noise", NOISES)
        elif not self.noise > 0:
            raise SettingError(f"{self.name}: noise = {self.noise!r}; expected a number above 0")
        if not self.taper >= 0:
            raise SettingError(f"{self.name}: taper = {self.taper!r}; expected 0 or more")
        set_(self, "parameters", dict(_DEFAULT if self.parameters is None else self.parameters))
        set_(self, "paths", self._told_paths)
        if not self.paths:
            raise SettingError(f"{self.name}: give paths, e.g. paths = [{{file = 'feff0001.dat'}}]")

    def _one_of(self, name: str, known: tuple[str, ...]) -> None:
        if getattr(self, name) not in known:
            raise SettingError(
                f"{self.name}: {name} = {getattr(self, name)!r}; expected {', '.join(known)}"
            )

    @property
    def _told_paths(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(_path_mapping(p) for p in self.paths)

    @property
    def _ranges(self) -> Ranges:
        return Ranges(
            self.k_range, self.r_range, self.k_weight, self.window, self.taper, self.space
        )

    def prepare(self, source: Stack | Results) -> ShellsPlan:
        """Read the paths; fit what frames share to all of them.

        Raises
        ------
        SettingError, ReaderError
            If parameters, expressions or paths are not usable.
        StackError
            If the source is no χ(k), lacks a variable, or is of another absorber than the paths.
        """
        k = k_of(self.name, source)
        model = make_model(
            *(self.name, self.parameters, self._told_paths, self.restraints),
            frozenset(source.variables),
        )
        check_absorber(self.name, source, model)
        require_distances(self.name, self.r_range, float(k[1] - k[0]))
        check_curves(self.name, model, self.k_range)
        require_kelvin(self.name, (self.parameters, self.paths), source.variables)
        n_idp = independent_points(self.k_range, self.r_range, self.n_idp)
        common = make_common(self.name, model, source.variables, len(source))
        shared = known_only(common)
        values = np.array([p.value for p in model.parameters.slots])
        plan = ShellsPlan(
            model=model,
            table=make_table(model, k, shared.names),
            n_idp=n_idp,
            shared=shared,
            shares=(1.0,) * len(model.restraints),
            frames=np.arange(len(source)),
            start=np.tile(values, (len(source), 1)),
            joined=np.zeros(len(source), bool),
            share=0.0,
            attrs={},
        )
        if shared.fitted.any():
            plan = self._fit_together(source, plan)
        return replace(plan, attrs=self._attrs(source, plan))

    def _attrs(self, source: Stack | Results, plan: ShellsPlan) -> dict[str, Any]:
        """What holds for the whole sequence."""
        active = np.ones((1, len(plan.model.paths)), bool)
        varied = float(plan.varied(free_slots(plan.model, active))[0])
        return {
            "k_range": list(self.k_range),
            "r_range": list(self.r_range),
            "k_weight": list(self.k_weight),
            "window": self.window,
            "taper": self.taper,
            "space": self.space,
            "noise": self.noise,
            "n_idp": plan.n_idp,
            "n_idp_definition": self.n_idp,
            "paths": [p.path.description for p in plan.model.paths],
            "title": getattr(source, "title", ""),
            "warnings": warnings_of(plan, varied),
            **plan.shared.told(),
        }

    def _fit_together(self, source: Stack | Results, plan: ShellsPlan) -> ShellsPlan:
        """Fit all frames with what they share."""
        kept: dict[int, Observed] | None = {}
        if len(source) * plan.table.size("k") > _KEPT:
            kept = None
        frames, frees, why = [], [], ""
        for first, seen in self._walk(source, plan, kept):
            free = free_slots(plan.model, seen.objective.active)
            own = plan.rows(first + seen.rows)
            fit = can_be_fitted(seen, own, free, (self.k_range, self.r_range))
            frames.append(first + seen.rows[fit])
            frees.append(free[fit])
            why = why or next(filter(None, seen.verdicts.messages), "")
        chosen = np.concatenate(frames)
        if not chosen.size:
            raise StackError(
                f"{self.name}: none of the {len(source)} frames can be fitted. The first: {why}"
            )
        plan = replace(plan, shares=restraint_shares(plan.model, len(chosen)))
        together = Sequence(chosen, np.concatenate(frees), plan.start[chosen])
        joint, shared = fit_sequence(
            plan.model,
            plan.shared,
            lambda: self._walk(source, plan, kept),
            together,
            plan.n_idp,
        )
        theta, joined = plan.start.copy(), plan.joined.copy()
        theta[chosen], joined[chosen] = joint.theta, True
        return replace(plan, shared=shared, start=theta, joined=joined, share=1.0 / len(chosen))

    def _walk(
        self, source: Stack | Results, plan: ShellsPlan, kept: dict[int, Observed] | None
    ) -> Iterator[tuple[int, Observed]]:
        """Observe the frames block by block."""
        for first, block in source.blocks(self.block_size):
            seen = kept.get(first) if kept is not None else None
            if seen is None:
                seen = self._observe(block.load(), plan)
            if kept is not None:
                kept[first] = seen
            yield first, replace(seen, objective=replace(seen.objective, shares=plan.shares))

    def _observe(self, block: Any, plan: ShellsPlan) -> Observed:
        chi = chi_of(self.name, block)
        return observe(*(block, chi, plan.model, self._ranges, self.noise, plan.n_idp, plan.shares))

    def narrow(self, plan: ShellsPlan, start: int, stop: int) -> ShellsPlan:
        """Give the starts for frames ``start:stop``."""
        return plan.take(start, stop)

    def narrow_block(self, plan: ShellsPlan, start: int, stop: int) -> ShellsPlan:
        """Give the starts for some frames of the block the plan was cut for."""
        return plan.take(start, stop)

    def table(self, plan: ShellsPlan) -> Table:
        """Declare the table of fitted shells."""
        return plan.table

    def fit(self, block: Stack | Results, plan: ShellsPlan) -> Results:
        """Fit all frames of a block, with what they share as it is."""
        seen = self._observe(block, plan)
        free = free_slots(plan.model, seen.objective.active)
        fit = can_be_fitted(seen, plan.rows(seen.rows), free, (self.k_range, self.r_range))
        seen, free = seen.take(np.flatnonzero(fit)), free[fit]
        columns = plan.table.empty(len(block))
        if seen.rows.size:
            fitted = fit_frames(seen, plan.rows(seen.rows), free)
            fill(columns, seen, plan, fitted)
            judge(seen, plan, fitted, columns)
            blank(seen.verdicts.status, plan.table, columns)
        return seen.verdicts.results(plan.table, columns, block, plan.attrs)


def _path_mapping(given: Any) -> dict[str, Any]:
    """What is said of a path, from a mapping, a path or the name of a file."""
    if isinstance(given, ScatteringPath):
        return {"path": given}
    if isinstance(given, str):
        return {"file": given}
    if not isinstance(given, Mapping):
        raise SettingError(
            f"{Shells.name}: path {given!r}; expected a ScatteringPath, a file or a mapping"
        )
    out = dict(given)
    if isinstance(out.get("path"), Mapping):
        out["path"] = ScatteringPath.from_plain(out["path"])
    return out
