"""Lists of scattering paths: named, ranked, selected, shown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from spectra.errors import SettingError
from spectra.notebook import small_table
from spectra.xas.paths.importance import importances
from spectra.xas.paths.merging import grouped, merged
from spectra.xas.paths.path import ScatteringPath, unique_labels

if TYPE_CHECKING:
    import pandas as pd


# Lists so long are named in messages, of longer ones the labels most alike.
_ALL_NAMED, _NEAR = 8, 5
_HEADS = ("label", "degeneracy", "reff (angstrom)", "legs", "shape", "importance (%)")


@dataclass(frozen=True, repr=False)
class PathList(Sequence[ScatteringPath]):
    """Scattering paths, each with a label of its own.

    Labels that come twice get a letter; importances that are not known are calculated
    (`ranked` does it for other ranges and weights).

    Parameters
    ----------
    paths : tuple of ScatteringPath

    Examples
    --------
    ``paths["V-O 1.971"]``, ``paths[0]``, ``paths[:4]``, ``paths.select(nleg=2).shells(0.1)``.
    """

    paths: tuple[ScatteringPath, ...]

    def __init__(self, paths: Iterable[ScatteringPath] = ()) -> None:
        given = tuple(paths)
        for path in given:
            if not isinstance(path, ScatteringPath):
                raise SettingError(f"{path!r} is no ScatteringPath; see read_paths, feff_paths")
        labels = unique_labels([path.label for path in given])
        percents = [path.importance for path in given]
        if any(p != p for p in percents):
            percents = importances(given).tolist()
        named = (
            _changed(path, label, percent)
            for path, label, percent in zip(given, labels, percents, strict=True)
        )
        object.__setattr__(self, "paths", tuple(named))

    @overload
    def __getitem__(self, which: int | str) -> ScatteringPath: ...
    @overload
    def __getitem__(self, which: slice) -> PathList: ...
    def __getitem__(self, which: int | str | slice) -> ScatteringPath | PathList:
        if isinstance(which, slice):
            return PathList(self.paths[which])
        if isinstance(which, str):
            return self._labelled(which)
        return self.paths[which]

    def _labelled(self, label: str) -> ScatteringPath:
        for path in self.paths:
            if path.label == label:
                return path
        named = ", ".join(self.labels) or "none"
        if len(self) > _ALL_NAMED:
            near = difflib.get_close_matches(label, self.labels, _NEAR, 0.0)
            named = f"{len(self)}, the closest {', '.join(near)}"
        raise SettingError(f"no path {label!r}; there are {named}")

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[ScatteringPath]:
        return iter(self.paths)

    def __contains__(self, item: object) -> bool:
        return item in self.labels if isinstance(item, str) else item in self.paths

    def __add__(self, other: Iterable[ScatteringPath]) -> PathList:
        return PathList((*self.paths, *other)).ranked()

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the paths."""
        return tuple(path.label for path in self.paths)

    def select(
        self,
        *,
        nleg: int | None = None,
        max_distance: float | None = None,
        min_distance: float | None = None,
        min_importance: float | None = None,
        scatterer: str | None = None,
    ) -> PathList:
        """The paths that fulfil all conditions given.

        Parameters
        ----------
        nleg : int, optional
            At most so many legs: 2 keeps single scattering.
        max_distance, min_distance : float, optional
            Of half the path's length (angstrom).
        min_importance : float, optional
            (percent)
        scatterer : str, optional
            Only paths that pass no other element than this and the absorber's.
        """
        chosen = (
            path
            for path in self.paths
            if (nleg is None or path.nleg <= nleg)
            and (max_distance is None or path.reff <= max_distance)
            and (min_distance is None or path.reff >= min_distance)
            and (min_importance is None or path.importance >= min_importance)
            and (scatterer is None or _only(path, scatterer))
        )
        return PathList(chosen)

    def ranked(
        self, *, k_weight: float = 2.0, k_range: tuple[float, float] = (3.0, 12.0)
    ) -> PathList:
        """The paths with importances for a k-weight and range (1/angstrom), highest first."""
        percents = importances(self.paths, k_weight=k_weight, k_range=k_range).tolist()
        new = [p.replace(importance=v) for p, v in zip(self.paths, percents, strict=True)]
        return PathList(sorted(new, key=lambda path: -path.importance))

    def shells(self, tolerance: float = 0.05) -> PathList:
        """Merge paths of the same elements and shape with distances within `tolerance`.

        Degeneracies are added, distances and curves averaged; `ScatteringPath.spread` keeps the
        variance of the distances, which a fit will find in σ².

        Parameters
        ----------
        tolerance : float
            Between the shortest and the longest of a shell (angstrom).

        Raises
        ------
        SettingError
            For a negative tolerance.
        """
        if not tolerance >= 0:
            raise SettingError(f"tolerance {tolerance}; expected 0 or more angstrom")
        joined = (
            group[0] if len(group) == 1 else merged(group).replace(importance=float("nan"))
            for group in grouped(self.paths, tolerance)
        )
        return PathList(joined)

    def to_dataframe(self) -> pd.DataFrame:
        """One row for each path."""
        import pandas as pd

        rows = [(p.label, p.degeneracy, p.reff, p.nleg, p.shape, p.importance) for p in self]
        names = ["label", "degeneracy", "reff", "nleg", "shape", "importance"]
        return pd.DataFrame(rows, columns=names).set_index("label")

    def to_plain(self) -> list[dict[str, Any]]:
        """The paths as plain data."""
        return [path.to_plain() for path in self.paths]

    @classmethod
    def from_plain(cls, plain: Iterable[dict[str, Any]]) -> PathList:
        """Make the list again from plain data."""
        return cls(ScatteringPath.from_plain(one) for one in plain)

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (
                path.label,
                f"{path.degeneracy:.4g}",
                f"{path.reff:.4f}",
                str(path.nleg),
                path.shape,
                f"{path.importance:.1f}",
            )
            for path in self.paths
        ]

    def __repr__(self) -> str:
        rows = [_HEADS, *self._cells()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADS))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) for r in rows]
        return "\n".join([f"PathList of {len(self)} paths", *(line.rstrip() for line in lines)])

    def _repr_html_(self) -> str:
        return small_table(f"PathList of {len(self)} paths", self._cells(), _HEADS)


def _changed(path: ScatteringPath, label: str, importance: float) -> ScatteringPath:
    if path.label == label and path.importance == importance:
        return path
    return path.replace(label=label, importance=importance)


def _only(path: ScatteringPath, scatterer: str) -> bool:
    return scatterer in path.scatterers and set(path.scatterers) <= {scatterer, path.absorber}
