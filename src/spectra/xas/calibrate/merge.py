"""`xas.Merge`: repeated scans averaged, without those points and scans that do not belong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spectra.correction import Correction
from spectra.errors import SettingError
from spectra.settings import setting
from spectra.stack import Stack, Variable
from spectra.status import Status
from spectra.xas.calibrate.frames import errors_of, load_spectra, usable
from spectra.xas.calibrate.repeats import Repeats, merge_repeats

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Merge(Correction):
    """Average repeated scans, weighted by their uncertainties where these are given.

    A point is left out if it lies further than `outlier` times the scatter from the median of
    its group (three scans or more); the scatter is taken from differences of successive scans
    and from 21 points around, or is the point's own uncertainty if that is larger. A scan of
    which more than `share` of the points would go is left out as a whole. Both are recorded.

    The uncertainty of the mean is that of the given ones (``given``), the standard error by the
    scatter of the scans with the points around taken together (``scatter``), or the given one
    raised by √χ² where the scans scatter more than it says (``larger``); where none is given it
    is the scatter. Counts are averaged with equal weights, since weights taken from the counts
    themselves pull the mean down.

    Channels are averaged over the same scans and points, variables over the same scans. Adds
    the variables ``scans`` (scans averaged) and ``chi2`` (of the scans about their mean, per
    degree of freedom, where uncertainties are given). Groups are in order of their first scan.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> energy = np.arange(5400.0, 5600.0, 0.5)
    >>> mu = 1 / (1 + np.exp(-(energy - 5465) / 2))
    >>> scans = mu + np.random.default_rng(0).normal(0, 0.001, (4, 400))
    >>> stack = Stack.from_arrays(
    ...     energy, scans, axis_name="energy", axis_unit="eV", quantity="mu",
    ...     names=("a_1", "a_2", "b_1", "b_2"))
    >>> Merge(pattern="^(.*)_[0-9]+$")(stack).names
    ('a', 'b')
    """

    name: ClassVar[str] = "xas.Merge"

    by: str = setting("", "variable whose equal values make a group; empty joins by other means")
    pattern: str = setting(
        "", 'regular expression whose groups in a name make the group, such as "(.*)_[0-9]+"'
    )
    every: int = setting(0, "number of successive frames that make a group; 0 for all")
    outlier: float = setting(
        6.0, "times the scatter beyond which a point is left out", within="3 or more"
    )
    share: float = setting(
        0.2, "share of odd points above which a scan is left out", within="0 to 1"
    )
    uncertainty: Literal["larger", "given", "scatter"] = setting(
        "larger", "where the uncertainty of the mean comes from"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum(bool(v) for v in (self.by, self.pattern, self.every)) > 1:
            raise SettingError(
                f"{self.name}: by, pattern and every exclude one another; give one of them"
            )
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise SettingError(
                f"{self.name}: pattern = {self.pattern!r} is no regular expression ({error})"
            ) from None
        if self.every < 0:
            raise SettingError(f"{self.name}: every = {self.every!r}; expected 0 or more frames")
        if not self.outlier >= 3:
            raise SettingError(f"{self.name}: outlier = {self.outlier!r}; expected 3 or more")
        if not 0 <= self.share <= 1:
            raise SettingError(f"{self.name}: share = {self.share!r}; expected 0 to 1")
        if self.uncertainty not in ("larger", "given", "scatter"):
            raise SettingError(
                f"{self.name}: uncertainty = {self.uncertainty!r}; expected larger, given "
                "or scatter"
            )

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = load_spectra(stack, self.name)
        groups = self._groups(full)
        good = usable(full) & np.isfinite(np.asarray(full.signal)).any(axis=1)
        made = _Merged(full, groups, good)
        members = [rows for _, rows in groups]
        sizes = np.array([int(good[rows].sum()) for rows in members])
        for size in np.unique(sizes[sizes > 0]).tolist():
            same = np.flatnonzero(sizes == size)
            rows = np.stack([members[g][good[members[g]]] for g in same.tolist()])
            made.fill(same, rows, self)
        return made.stack(), made.record()

    def _groups(self, stack: Stack) -> list[tuple[str, IntArray]]:
        """Name and frames of each group, in order of their first."""
        keys: list[str | None]
        if self.by:
            if self.by not in stack.variables:
                known = ", ".join(stack.variables) or "none"
                raise SettingError(
                    f"{self.name}: by = {self.by!r}; the stack has the variables {known}"
                )
            values = stack.variables[self.by].values
            keys = [f"{self.by} {v:g}" if np.isfinite(v) else None for v in values.tolist()]
        elif self.pattern:
            matches = [re.search(self.pattern, name) for name in stack.names]
            keys = [
                None if m is None else " ".join(g or "" for g in m.groups()) or m.group()
                for m in matches
            ]
        elif self.every:
            keys = [str(i // self.every) for i in range(stack.n_frames)]
        else:
            keys = ["all"] * stack.n_frames
        groups: dict[str | int, list[int]] = {}
        for frame, key in enumerate(keys):
            # A frame that belongs nowhere stays what it is, whoever else has its name.
            groups.setdefault(frame if key is None else key, []).append(frame)
        return [(self._name(stack, key, rows), np.array(rows)) for key, rows in groups.items()]

    def _name(self, stack: Stack, key: str | int, rows: list[int]) -> str:
        """What the mean of a group is called."""
        first = stack.names[rows[0]]
        if isinstance(key, int):
            return first
        return f"{first} and following" if self.every else key


class _Merged:
    """The merged stack while it is made."""

    def __init__(self, source: Stack, groups: list[tuple[str, IntArray]], good: BoolArray) -> None:
        n, points = len(groups), source.n_points
        self.source, self.groups, self.good = source, groups, good
        self.errors = errors_of(source)
        self.signal, self.spread = np.full((n, points), np.nan), np.full((n, points), np.nan)
        self.channels = {name: np.full((n, points), np.nan) for name in source.channels}
        self.chi2 = np.full(n, np.nan)
        self.kept = np.zeros(source.n_frames, bool)
        self.odd: dict[int, dict[str, Any]] = {}

    def fill(self, which: IntArray, rows: IntArray, settings: Merge) -> None:
        """Fill groups of one size; `rows` (groups, scans) are their usable frames."""
        source = self.source
        repeats = Repeats(
            np.asarray(source.signal)[rows], None if self.errors is None else self.errors[rows]
        )
        keep = repeats.belonging(settings.outlier, settings.share)
        weights = None if source.noise == "counts" else repeats.weights
        mean = merge_repeats(repeats.values, keep, weights)
        self.signal[which] = mean
        self.spread[which], self.chi2[which] = repeats.uncertainty(
            mean, keep, weights, settings.uncertainty
        )
        for name, channel in source.channels.items():
            self.channels[name][which] = merge_repeats(np.asarray(channel)[rows], keep, weights)
        scans = keep.any(axis=2)
        self.kept[rows[scans]] = True
        self._note(rows, keep, np.isfinite(repeats.values))

    def _note(self, rows: IntArray, keep: BoolArray, measured: BoolArray) -> None:
        names, x = self.source.names, self.source.x
        out = measured & ~keep
        for group, scan in np.argwhere(out.any(axis=2)).tolist():
            frame = int(rows[group, scan])
            whole = not keep[group, scan].any()
            energies = [] if whole else x[out[group, scan]].tolist()
            self.odd[frame] = {
                "frame": frame,
                "name": names[frame],
                "whole": whole,
                "energies": energies,
            }

    def record(self) -> dict[str, Any]:
        """What was merged and what was left out."""
        merged = [
            {"name": name, "frames": rows[self.kept[rows]].tolist()} for name, rows in self.groups
        ]
        bad = np.flatnonzero(~self.good).tolist()
        return {
            "groups": merged,
            "left_out": [self.odd[i] for i in sorted(self.odd)],
            "bad_input": bad,
        }

    def stack(self) -> Stack:
        """One frame per group."""
        members = [rows for _, rows in self.groups]
        scans = np.array([int(self.kept[rows].sum()) for rows in members])
        status = np.where(scans > 0, Status.OK, Status.BAD_INPUT).astype(np.int8)
        known = np.isfinite(self.spread).any()
        variables = {
            name: _averaged_variable(variable, members, self.kept)
            for name, variable in self.source.variables.items()
        }
        variables["scans"] = Variable(scans.astype(float), "", "scans averaged")
        if np.isfinite(self.chi2).any():
            variables["chi2"] = Variable(self.chi2, "", "χ² per degree of freedom")
        return replace(
            self.source,
            signal=self.signal,
            errors=self.spread if known else None,
            noise="given" if known else "unknown",
            channels=self.channels,
            variables=variables,
            names=tuple(name for name, _ in self.groups),
            status=status,
            messages=tuple(self._message(rows) for rows in members),
        )

    def _message(self, rows: IntArray) -> str:
        odd = [self.odd[i] for i in rows.tolist() if i in self.odd]
        parts = [f"left out {o['name']} as odd" for o in odd if o["whole"]]
        points = sum(len(o["energies"]) for o in odd)
        if points:
            parts.append(f"left out {points} odd points")
        bad = [self.source.names[i] for i in rows[~self.good[rows]].tolist()]
        if bad:
            parts.append(f"{len(bad)} scans are bad_input, the first {bad[0]}")
        if not self.kept[rows].any():
            parts.insert(0, "no usable scan")
        return "; ".join(parts)


def _averaged_variable(variable: Variable, members: list[IntArray], kept: BoolArray) -> Variable:
    """Mean over the scans kept of each group; uncertainties as of independent values."""
    values = np.full(len(members), np.nan)
    stderr = None if variable.stderr is None else np.full(len(members), np.nan)
    for i, rows in enumerate(members):
        own = rows[kept[rows] & np.isfinite(variable.values[rows])]
        if own.size:
            values[i] = variable.values[own].mean()
            if stderr is not None and variable.stderr is not None:
                stderr[i] = np.sqrt((variable.stderr[own] ** 2).sum()) / own.size
    return replace(variable, values=values, stderr=stderr)
