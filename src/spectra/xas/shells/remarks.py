"""What must be said of a fit: paths of another element, ranges too short, energies far off."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.results import Results, Table
from spectra.stack import Stack
from spectra.status import Status
from spectra.xas.shells.fitting import Fitted, start_distances
from spectra.xas.shells.model import Model
from spectra.xas.shells.observe import Observed
from spectra.xas.shells.plan import ShellsPlan
from spectra.xas.tabulated import tabulated_edge

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Ends = tuple[float, float]

# Shifts of E₀ (eV) that ask for a look, and that mean that k itself is wrong.
# For a right k, the threshold of FEFF is within some 6 eV of the edge.
_NOTABLE, _FAR = 10.0, 14.0
# E₀ of a spectrum and the tabulated edge of a path differ by less than this (eV).
_SAME_EDGE = 150.0
# Standard uncertainties by which an amplitude is below zero for sure.
_SURE = 3.0
# R factor above which paths are missing or wrong.
_POOR = 0.05
# Varied parameters up to this part of the independent points are nobody's worry.
_SAFE = 2.0 / 3.0


def check_absorber(name: str, source: Stack | Results, model: Model) -> None:
    """Refuse paths of another element or edge than the spectra are of.

    Raises
    ------
    StackError
    """
    told: Any = source.metadata if isinstance(source, Stack) else source.attrs
    element, edge = str(told.get("element") or ""), str(told.get("edge") or "")
    for shell in model.paths:
        path = shell.path
        if shell.only:
            continue
        wrong = element and element != path.absorber
        if wrong or (edge and edge.upper() != path.edge.upper() and element):
            raise StackError(
                f"{name}: path {shell.label!r} is of {path.absorber} {path.edge}, the spectra of "
                f"{element} {edge}; take paths of this absorber, or mend its name in the metadata"
            )
        if isinstance(source, Results) and "e0" in source.columns:
            _check_energy(name, source, shell.label, path.absorber, path.edge)


def _check_energy(name: str, source: Results, label: str, element: str, edge: str) -> None:
    found = np.asarray(source["e0"], dtype=float)
    found = found[np.isfinite(found)]
    expected = tabulated_edge(name, element, edge)
    if found.size and abs(float(np.median(found)) - expected) > _SAME_EDGE:
        raise StackError(
            f"{name}: path {label!r} is of the {element} {edge} edge at {expected:.0f} eV, the "
            f"spectra have theirs at {np.median(found):.0f} eV; take paths of this absorber"
        )


def check_curves(name: str, model: Model, k_range: tuple[float, float]) -> None:
    """Refuse paths whose curves end before the range of k.

    Raises
    ------
    SettingError
    """
    for shell in model.paths:
        if shell.path.k_max < k_range[1]:
            raise SettingError(
                f"{name}: FEFF's curves of path {shell.label!r} end at k = {shell.path.k_max:g} "
                f"1/angstrom, k_range at {k_range[1]:g}; shorten it or let FEFF go farther"
            )


def can_be_fitted(
    seen: Observed, plan: ShellsPlan, free: BoolArray, ranges: tuple[Ends, Ends]
) -> BoolArray:
    """Frames with enough points and paths of some length to start from (rows,); mark the others.

    Parameters
    ----------
    seen : Observed
    plan : ShellsPlan
        Of just the frames in `seen`.
    free : bool array (rows, P)
    ranges : (k_range, r_range)
        For messages.
    """
    enough = plan.varied(free) < plan.n_idp
    seen.verdicts.mark(seen.rows[~enough], Status.BAD_INPUT, too_little(plan, *ranges))
    r = start_distances(seen, plan)
    _mark_without_length(seen, plan, r, "starts at")
    return np.asarray(enough & ~(r <= 0.0).any(axis=1))


def _mark_without_length(seen: Observed, plan: ShellsPlan, r: FloatArray, how: str) -> None:
    """Mark frames with a path of no length."""
    none = r <= 0.0
    for number, label in enumerate(plan.model.labels):
        rows = np.flatnonzero(none[:, number])
        seen.verdicts.mark(
            seen.rows[rows],
            Status.BAD_INPUT,
            lambda i, rows=rows, label=label, number=number: (
                f"path {label!r} {how} R = {r[rows[i], number]:.3g} angstrom (reff + delta_r); "
                "expected a length above 0: mend delta_r, or give it bounds"
            ),
        )


def blank(status: NDArray[np.int8], table: Table, columns: dict[str, NDArray[Any]]) -> None:
    """Take the numbers of frames that have no result: their messages say why."""
    failed = ~np.isin(status, (Status.OK, Status.AT_BOUND))
    for column in table.all_columns():
        if {"parameter", "path"} & set(column.dims):
            columns[column.name][failed] = np.nan


def too_little(plan: ShellsPlan, k_range: Ends, r_range: Ends) -> str:
    """That there are more parameters than independent points."""
    return (
        f"k = {k_range[0]:g} to {k_range[1]:g} and R = {r_range[0]:g} to {r_range[1]:g} hold "
        f"{plan.n_idp:.1f} independent points, too few for the parameters that vary; widen the "
        "ranges, hold or tie parameters, or fit frames together (across)"
    )


def warnings_of(plan: ShellsPlan, varied: float) -> list[str]:
    """What holds for all frames."""
    found = []
    if _SAFE * plan.n_idp < varied:
        found.append(
            f"{varied:.3g} parameters vary with {plan.n_idp:.1f} independent points: more than two "
            "thirds of what the data can tell"
        )
    if not plan.shared.converged:
        found.append("the common parameters have not converged: start closer or tie more")
    return found


def judge(
    seen: Observed, plan: ShellsPlan, fitted: Fitted, columns: dict[str, NDArray[Any]]
) -> None:
    """Statuses and messages of fitted frames."""
    verdicts, rows, solution = seen.verdicts, seen.rows, fitted.solution
    names = np.array([p.name for p in plan.model.parameters.slots])
    stuck = np.flatnonzero(solution.status == Status.NOT_CONVERGED)
    verdicts.mark(
        rows[stuck],
        Status.NOT_CONVERGED,
        "the fit did not settle; start closer, or vary less",
    )
    lost = np.flatnonzero(fitted.lost.any(axis=1))
    verdicts.mark(
        rows[lost],
        Status.NOT_CONVERGED,
        lambda i: (
            f"the data do not determine {', '.join(names[fitted.lost[lost[i]]])}; hold or tie some "
            "of them"
        ),
    )
    shift = np.abs(columns["e0"][rows])
    worst = np.where(np.isfinite(shift), shift, 0.0).max(axis=1)
    far = np.flatnonzero(worst > _FAR)
    verdicts.mark(
        rows[far],
        Status.BAD_INPUT,
        lambda i: (
            f"E0 of the paths ran {worst[far[i]]:.1f} eV away: k counts from a wrong edge energy, "
            "or the paths are wrong; check e0 of xas.Background"
        ),
    )
    _mark_without_length(seen, plan, columns["r"][rows], "ran to")
    below = columns["amplitude"][rows] < -_SURE * columns["amplitude_stderr"][rows]
    negative = np.flatnonzero(below.any(axis=1))
    labels = np.array(plan.model.labels)
    verdicts.mark(
        rows[negative],
        Status.BAD_INPUT,
        lambda i: (
            f"the amplitude of {', '.join(labels[below[negative[i]]])} is negative: the paths are "
            "wrong, two imitate each other, or k counts from a wrong edge energy"
        ),
    )
    bound = np.flatnonzero(solution.status == Status.AT_BOUND)
    verdicts.mark(
        rows[bound],
        Status.AT_BOUND,
        lambda i: f"{', '.join(names[solution.at_bound[bound[i]]])} at the bound",
    )
    _mark_common_at_bounds(seen, plan)
    for row, shift_of in zip(rows.tolist(), worst.tolist(), strict=True):
        if _NOTABLE < shift_of <= _FAR:
            text = (
                f"E0 of the paths is {shift_of:.1f} eV from that of k; check e0 of xas.Background"
            )
            verdicts.note(np.array([row]), text)
    unphysical = columns["sigma2"][rows] < -_SURE * columns["sigma2_stderr"][rows]
    for i in np.flatnonzero(unphysical.any(axis=1)).tolist():
        text = f"σ² of {', '.join(labels[unphysical[i]])} is negative beyond its uncertainty"
        verdicts.note(rows[i : i + 1], text)
    poor = columns["r_factor"][rows] > _POOR
    for row in rows[poor].tolist():
        text = f"R factor {columns['r_factor'][row]:.2f}: paths are missing or wrong"
        verdicts.note(np.array([row]), text)
    if plan.shared.fitted.any() and not plan.shared.converged:
        verdicts.mark(rows, Status.NOT_CONVERGED, "the common parameters have not converged")


def _mark_common_at_bounds(seen: Observed, plan: ShellsPlan) -> None:
    """Flag frames in which what all frames share, or what follows a function, is at its bound."""
    common = plan.shared.common
    vary = np.array([f.parameter.vary for f in common.functions], dtype=bool)
    held = common.on_bounds(plan.frames.astype(float), plan.shared.beta) & vary
    names = np.array([f.parameter.name for f in common.functions])
    rows = np.flatnonzero(held.any(axis=1))
    seen.verdicts.mark(
        seen.rows[rows],
        Status.AT_BOUND,
        lambda i: f"{', '.join(names[held[rows[i]]])} of all frames at the bound",
    )
