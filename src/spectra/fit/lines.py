"""Components of one or several lines each, such as doublets, on their own active background."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from spectra.fit.cumulative import LineArrays, fill_line
from spectra.fit.lineshapes import Profile
from spectra.fit.model import Points
from spectra.fit.photolines import WIDTHS

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# One function of all lines of the rows that are worked on at once. No answer depends on it.
_PART_BYTES = 130_000
# Points of a product: of large ones the last bits hang on how many threads BLAS has.
_PART_POINTS = 512


@dataclass(frozen=True)
class Line:
    """One line of a component.

    Parameters
    ----------
    share : float
        Its part of the component's area; those of all its lines have the sum 1.
    offset : float or int
        How far above the component's position it lies: a length, or the column of a parameter.
    broadening : float or int
        What the component's widths are multiplied by: a factor, or the column of a parameter.

    Columns are told from values by their type.
    """

    share: float
    offset: float | int = 0.0
    broadening: float | int = 1.0


@dataclass(frozen=True)
class Component:
    """Lines of one origin: a singlet, a spin–orbit doublet, a multiplet.

    Parameters
    ----------
    center, area : int
        Columns of the position of lines without offset, and of the area of all lines.
    shape : tuple of int
        Columns of the shape parameters.
    lines : tuple of Line
    loss : int, optional
        Column of the strength k of its Shirley background; none without one.
    """

    center: int
    area: int
    shape: tuple[int, ...]
    lines: tuple[Line, ...] = (Line(1.0),)
    loss: int | None = None


def doublet(
    ratio: float, splitting: float | int, broadening: float | int = 1.0
) -> tuple[Line, ...]:
    """Lines of a spin–orbit doublet.

    Parameters
    ----------
    ratio : float
        Area of the line of higher binding energy, j = l − ½, over that of the other: l/(l + 1)
        by the statistical weights 2j + 1, thus ½ for p, ⅔ for d and ¾ for f.
    splitting : float or int
        Length or column.
    broadening : float or int
        Width of the line of higher binding energy over that of the other, or its column: decay
        of Coster–Kronig type shortens the life of its hole. Areas are tied, heights are not.

    Examples
    --------
    >>> [round(line.share, 3) for line in doublet(0.5, 7.4)]
    [0.667, 0.333]
    """
    return Line(1.0 / (1.0 + ratio)), Line(ratio / (1.0 + ratio), splitting, broadening)


@dataclass(frozen=True)
class Lines:
    """Components of the same profile: a term of a model.

    f(x) = Σ Aⱼ·[sⱼ(x) + kⱼ·Cⱼ(x)], where s is a component's profile and C its integral from
    below: an active Shirley background (A. Herrera-Gomez et al., Surf. Interface Anal. 46 (2014)
    897, doi:10.1002/sia.5453), analytic and fitted together with the peaks. Components may
    share columns of one kind: areas, positions and offsets, shapes and broadenings, strengths.

    Parameters
    ----------
    profile : Profile
        One of `spectra.fit.cumulative.WITH_INTEGRAL` if any component has a background.
    components : sequence of Component
    held : frozenset of int
        Columns whose derivatives nobody needs.

    Raises
    ------
    ValueError
        If a column serves as two kinds.
    """

    profile: Profile
    components: Sequence[Component]
    held: frozenset[int] = frozenset()
    columns: IntArray = field(init=False)
    _lines: Sequence[tuple[Component, Line]] = field(init=False, repr=False)
    _sizes: Sequence[int] = field(init=False, repr=False)
    _members: Sequence[FloatArray] = field(init=False, repr=False)
    _shapes: Sequence[int] = field(init=False, repr=False)
    _backed: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        lines = [(c, line) for c in self.components for line in c.lines]
        broadenings = _columns(line.broadening for _, line in lines)
        used = (
            _columns(c.area for c, _ in lines),
            _columns(c.center for c, _ in lines) | _columns(line.offset for _, line in lines),
            {s for c in self.components for s in c.shape} | broadenings,
            _columns(c.loss for c, _ in lines),
        )
        kinds = [sorted(columns - self.held) for columns in used]
        columns = [column for kind in kinds for column in kind]
        if len(set(columns)) < len(columns):
            raise ValueError("components of lines share a column of two kinds")
        shapes = [
            j
            for j, name in enumerate(self.profile.shape_names)
            if ({c.shape[j] for c in self.components} | (broadenings if name in WIDTHS else set()))
            - self.held
        ]
        object.__setattr__(self, "columns", np.array(columns, dtype=np.intp))
        object.__setattr__(self, "_lines", lines)
        object.__setattr__(self, "_sizes", tuple(len(kind) for kind in kinds))
        object.__setattr__(self, "_shapes", shapes)
        object.__setattr__(self, "_backed", any(c.loss is not None for c in self.components))
        object.__setattr__(self, "_members", self._membership(kinds))

    def _membership(self, kinds: Sequence[Sequence[int]]) -> list[FloatArray]:
        """How much each column of a kind has to do with each line: arrays (columns, lines).

        Kind by kind, of shapes those of each that is wanted, and those that broaden.
        """
        areas, positions, shapes, losses = kinds

        def part(columns: Sequence[int], of: Callable[[Component, Line], object]) -> FloatArray:
            rows = [[float(c == of(*pair)) for pair in self._lines] for c in columns]
            return np.array(rows).reshape(len(columns), len(self._lines))

        def whole(value: float | int) -> int | None:
            return value if isinstance(value, int) else None

        share = np.array([line.share for _, line in self._lines])
        offsets = part(positions, lambda _, line: whole(line.offset))
        return [
            part(areas, lambda c, _: c.area) * share,
            part(positions, lambda c, _: c.center) + offsets,
            part(losses, lambda c, _: c.loss),
            part(shapes, lambda _, line: whole(line.broadening)),
            *(part(shapes, lambda c, _, j=j: c.shape[j]) for j in self._shapes),  # type: ignore[misc]
        ]

    def without(self, columns: frozenset[int]) -> Lines:
        """The same without the derivatives by some columns."""
        return replace(self, held=self.held | columns)

    def add_value(self, theta: FloatArray, at: Points, total: FloatArray) -> None:
        """Add the components to `total`."""
        at_lines = _AtLines.of(self, theta, at, total.dtype)
        n = len(self._lines)
        nothing = [None] * len(self.profile.shape_names)
        for part, span, work in self._parts(total, 1 + self._backed):
            integral = work[:, n:] if self._backed else None
            out = LineArrays(work[:, :n], None, nothing, integral, nothing)
            at_lines.fill(self.profile, part, span, out)
            total[part, span] += np.matmul(at_lines.strength[part, None], work)[:, 0]

    def add_value_and_slopes(
        self, theta: FloatArray, at: Points, total: FloatArray, slopes: FloatArray
    ) -> FloatArray | None:
        """Add the components to `total` and write the derivatives."""
        at_lines = _AtLines.of(self, theta, at, slopes.dtype)
        n, every = len(self._lines), 1 + self._backed
        mixing = self._mixing(at_lines)
        ends = np.cumsum([0, *self._sizes])
        for part, span, work in self._parts(total, 1 + every * (1 + len(self._shapes))):
            at_lines.fill(self.profile, part, span, self._arrays(work))
            # What stands beside another in `work` is mixed together.
            sources = (
                work[:, n : n + n * every],
                work[:, : n * every],
                work[:, n + n * every :],
                work[:, 2 * n : 3 * n],
            )
            total[part, span] += np.matmul(at_lines.strength[part, None], sources[0])[:, 0]
            for i, (weights, source) in enumerate(zip(mixing, sources, strict=True)):
                if weights.shape[1]:
                    own = slopes[part, ends[i] : ends[i + 1], span]
                    np.matmul(weights[part], source, out=own)
        return None

    def _parts(
        self, total: FloatArray, functions: int
    ) -> Iterator[tuple[slice, slice, FloatArray]]:
        """Few rows and points at a time, with room (rows, functions·lines, points)."""
        n_rows, n_points = total.shape
        for first in range(0, n_points, _PART_POINTS):
            count = min(_PART_POINTS, n_points - first)
            per_row = max(len(self._lines) * count, 1) * total.itemsize
            size = min(max(1, _PART_BYTES // per_row), max(n_rows, 1))
            work = np.empty((size, functions * len(self._lines), count), total.dtype)
            for i in range(0, n_rows, size):
                last = min(i + size, n_rows)
                yield slice(i, last), slice(first, first + count), work[: last - i]

    def _arrays(self, work: FloatArray) -> LineArrays:
        """Where all that is wanted of the lines stands.

        In this order: by the centre, g, C; by a shape parameter, and C by it; by the next.
        """
        n, every = len(self._lines), 1 + self._backed
        parts = [work[:, i : i + n] for i in range(0, work.shape[1], n)]
        count = len(self.profile.shape_names)
        by_shape: list[FloatArray | None] = [None] * count
        integral_by_shape: list[FloatArray | None] = [None] * count
        for i, j in enumerate(self._shapes):
            by_shape[j] = parts[1 + every * (1 + i)]
            if self._backed:
                integral_by_shape[j] = parts[2 + every * (1 + i)]
        integral = parts[2] if self._backed else None
        return LineArrays(parts[1], parts[0], by_shape, integral, integral_by_shape)

    def _mixing(self, at: _AtLines) -> list[FloatArray]:
        """What functions are multiplied by to sum up to derivatives, kind by kind.

        Arrays (rows, columns of a kind, functions·lines).
        """
        areas, positions, losses, broadenings, *shapes = self._members
        n = len(self._lines)
        own = at.strength[:, None]
        # The derivative of C by the centre is −g.
        signed = own if not self._backed else np.concatenate([own[..., :n], -own[..., n:]], axis=2)
        parts: list[FloatArray] = [np.zeros((len(own), self._sizes[2], 0), own.dtype)]
        for j, member in zip(self._shapes, shapes, strict=True):
            weights = _both(member, own, at.factor[j])
            if at.bare[j] is not None:
                weights += _both(broadenings, own, at.bare[j])
            parts.append(weights)
        return [
            _both(areas, at.unit[:, None], None),
            _both(positions, signed, None),
            np.concatenate(parts, axis=2),
            _both(losses, own[..., :n], None),
        ]


def _both(member: FloatArray, weights: FloatArray, factor: FloatArray | None) -> FloatArray:
    """(columns, lines) times (rows, 1, functions·lines), times (rows, lines)."""
    n = member.shape[1]
    parts = [weights[..., i : i + n] for i in range(0, weights.shape[2], n)]
    if factor is not None:
        parts = [part * factor[:, None] for part in parts]
    return np.concatenate([part * member.astype(part.dtype) for part in parts], axis=2)


@dataclass(frozen=True)
class _AtLines:
    """Parameters of all lines at some variables.

    Attributes
    ----------
    x : array (rows or 1, 1, points)
        Counted from the first point: so they bear to be rounded to single precision.
    center : array (rows, lines, 1)
    shape : list of array (rows, lines, 1)
    unit, strength : array (rows, functions·lines)
        1 and the strength k of the background; the line's area and k times it.
    factor : list of array (rows, lines) or None
        What a component's shape parameter is multiplied by for the line.
    bare : list of array (rows, lines) or None
        The component's shape parameter where the factor is a variable.
    """

    x: FloatArray
    center: FloatArray
    shape: list[FloatArray]
    unit: FloatArray
    strength: FloatArray
    factor: list[FloatArray | None]
    bare: list[FloatArray | None]

    @classmethod
    def of(cls, lines: Lines, theta: FloatArray, at: Points, precision: DTypeLike) -> _AtLines:
        every = list(lines._lines)
        origin = at.x[:, :1]

        def cast(values: FloatArray) -> FloatArray:
            return values.astype(precision, copy=False)

        positions = _values(theta, [c.center for c, _ in every])
        offsets = _values(theta, [line.offset for _, line in every])
        center = cast(positions + offsets - origin)
        broad = cast(_values(theta, [line.broadening for _, line in every]))
        broadened = any(line.broadening != 1.0 for _, line in every)
        shape, factor, bare = [], [], []
        for j, name in enumerate(lines.profile.shape_names):
            own = cast(_values(theta, [c.shape[j] for c, _ in every]))
            scaled = broadened and name in WIDTHS
            shape.append((own * broad if scaled else own)[:, :, None])
            factor.append(broad if scaled else None)
            bare.append(own if scaled else None)
        share = np.array([line.share for _, line in every])
        area = cast(_values(theta, [c.area for c, _ in every]) * share)
        unit = np.ones_like(area)
        if lines._backed:
            k = cast(_values(theta, [0.0 if c.loss is None else c.loss for c, _ in every]))
            unit, area = np.concatenate([unit, k], axis=1), np.concatenate([area, area * k], axis=1)
        x = (at.x - origin)[:, None].astype(precision, copy=False)
        return cls(x, center[:, :, None], shape, unit, area, factor, bare)

    def fill(self, profile: Profile, part: slice, span: slice, out: LineArrays) -> None:
        """Write the line shapes of some rows at some points."""
        x = self.x[:, :, span] if len(self.x) == 1 else self.x[part, :, span]
        fill_line(profile, x, self.center[part], [s[part] for s in self.shape], out)


def _columns(of: Iterable[float | int | None]) -> set[int]:
    return {column for column in of if isinstance(column, int | np.integer)}


def _values(theta: FloatArray, what: Sequence[float | int]) -> FloatArray:
    """Parameters, or numbers, of all lines (rows, lines)."""
    held = [not isinstance(w, int | np.integer) for w in what]
    # Taken, rows stay in one piece, as those of one alone do; indexing lays them side by side.
    columns = [0 if h else int(w) for w, h in zip(what, held, strict=True)]
    found = np.take(theta, columns, axis=1)
    found[:, held] = [w for w, h in zip(what, held, strict=True) if h]
    return found
