"""Sum thousands of lines over long patterns, with all derivatives, at little cost.

The axis is cut into tiles. In the tiles around a line its profile is formed at every point;
farther off only its Lorentzian tail is left, which a polynomial through a few nodes of a tile
follows to far below a count. So no tail is ever cut off, and yet a line costs a few hundred
evaluations instead of one for each point of the pattern. Point by point only the four functions
are formed of which the profile and all its derivatives are combinations; what turns them into
derivatives by the parameters of the refinement is one small matrix product for each tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.fit.lineshapes import ProfileBasis, get_profile
from spectra.xrd.pattern.lines import Lines

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

# A tail is smooth in tiles farther away than so many half tiles …
_SMOOTH = 3.0
# … and all that is left so many fwhm away from the tile: exp(−4 ln 2·3²) = 1e-11.
_TAIL = 3.0
_NODES = 6
_NODES_ROUGH = 4
_SINGLE: np.dtype[Any] = np.dtype(np.float32)
_LINES_AT_ONCE = 512
_VALUES_AT_ONCE = 250_000
# Few enough for what is known of their lines at the nodes to stay in the processor's cache.
_ROWS_AT_ONCE = 2
_SIZES = np.array([1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64])


@dataclass(frozen=True)
class Tiles:
    """An axis cut into tiles of equally many points.

    Attributes
    ----------
    n_points : int
        Points of the axis; the last tile is filled up beyond it.
    x : array (tiles, T)
    middle, half : array (tiles,)
    offset : array (tiles, T)
        The points, counted from the middle of their tile: so they bear single precision.
    nodes : array (tiles, K)
        Where tails are evaluated, counted likewise.
    through : array (tiles, K, T)
        Values at the nodes to values at the points.
    """

    n_points: int
    x: FloatArray
    middle: FloatArray
    half: FloatArray
    offset: FloatArray
    nodes: FloatArray
    through: FloatArray

    @classmethod
    def of(cls, x: FloatArray, size: int) -> Tiles:
        """Cut an ascending axis (points,) into tiles of `size` points."""
        count = -(-x.size // size)
        beyond = x[-1] + np.median(np.diff(x)) * np.arange(1, count * size - x.size + 1)
        tiled = np.concatenate([x, beyond]).reshape(count, size)
        middle = 0.5 * (tiled[:, 0] + tiled[:, -1])
        half = 0.5 * (tiled[:, -1] - tiled[:, 0])
        offset, nodes = tiled - middle[:, None], _chebyshev(half, _NODES)
        return cls(x.size, tiled, middle, half, offset, nodes, _lagrange(nodes, offset))

    def in_single_precision(self) -> Tiles:
        """The same at half the cost, for curves and slopes good to about six digits."""
        nodes = _chebyshev(self.half, _NODES_ROUGH)
        parts = (self.offset, nodes, _lagrange(nodes, self.offset))
        offset, nodes, through = (part.astype(_SINGLE) for part in parts)
        return replace(self, offset=offset, nodes=nodes, through=through)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Precision in which curves are formed."""
        return self.through.dtype

    @property
    def shape(self) -> tuple[int, int]:
        """Tiles, and points of each."""
        return self.x.shape[0], self.x.shape[1]

    def cut(self, values: FloatArray) -> FloatArray:
        """Cut (rows, points) into (rows, tiles, T), filled up with zeros."""
        count, size = self.shape
        out = np.zeros((len(values), count * size))
        out[:, : self.n_points] = values
        return out.reshape(len(values), count, size)

    def join(self, values: FloatArray) -> FloatArray:
        """Put (rows, tiles, T) together again: (rows, points)."""
        return values.reshape(len(values), -1)[:, : self.n_points]

    def curve_and_slopes(self, lines: Lines, out: FloatArray) -> None:
        """Write the sum of the lines and its derivatives.

        Parameters
        ----------
        lines : Lines
        out : array (rows, P + 1, tiles, T)
            Receives the derivatives by the P parameters, and last the curve itself.
        """
        weights = _weights(lines).astype(self.dtype, copy=False)
        near = self._near(lines)
        self._fill_far(lines, weights, near, out)
        self._add_near(lines, weights, near, out)

    def curve(self, lines: Lines) -> FloatArray:
        """Sum of the lines (rows, points)."""
        bare = Lines(**{**vars(lines), "slopes": lines.slopes[..., :0]})
        out = np.empty((len(lines.center), 1, *self.shape))
        for part in _few_rows(lines):
            self.curve_and_slopes(bare.take(part), out[part])
        return self.join(out[:, 0])

    def _near(self, lines: Lines) -> BoolArray:
        """Which lines are more than a tail in which tiles (rows, tiles, L)."""
        distance = np.abs(lines.center[:, None, :] - self.middle[:, None])
        half = self.half[:, None]
        reach = np.maximum(_SMOOTH * half, half + _TAIL * lines.fwhm[:, None, :])
        return np.asarray(distance <= reach)

    def project(self, lines: Lines, values: FloatArray) -> FloatArray:
        """Sums of values, weighted by the shape of each line.

        Parameters
        ----------
        lines : Lines
        values : array (rows, n, tiles, T)

        Returns
        -------
        array (rows, n, L)
            Σ values·g over the points, with g (1/deg) of unit area.
        """
        bare = Lines(**{**vars(lines), "slopes": lines.slopes[..., :0]})
        parts = [self._project(bare.take(part), values[part]) for part in _few_rows(lines)]
        return np.concatenate(parts)

    def _project(self, lines: Lines, values: FloatArray) -> FloatArray:
        near = self._near(lines)
        values = values.astype(self.dtype, copy=False)
        by_width = _BASIS.mixing(np.ones_like(lines.area), lines.fwhm, lines.eta)[:, :, :2, 1]
        n_rows, count = values.shape[:2]
        out = np.zeros((n_rows, lines.area.shape[1], count))
        at_nodes = np.matmul(self.through, values[..., None])[..., 0].reshape(n_rows, count, -1)
        for some in _parts(lines):
            tails = self._tails(lines, some, near)[0]
            sums = np.matmul(at_nodes, tails.reshape(n_rows, -1, tails.shape[-1]))
            out[:, some] = (sums * by_width[:, None, some, 1]).transpose(0, 2, 1)
        for group in self._groups(lines, near):
            n, m = group.lines.shape
            basis = group.basis[:, :2].reshape(n, 2 * m, -1)
            inside = values[group.row, :, group.tile].transpose(0, 2, 1)
            sums = np.matmul(basis, inside).reshape(n, 2, m, count)
            share = by_width[group.row[:, None], group.lines] * group.used[:, :, None]
            total = sums[:, 0] * share[..., :1] + sums[:, 1] * share[..., 1:]
            np.add.at(out, (group.row[:, None], group.lines), total)
        return out.transpose(0, 2, 1)

    def _tails(self, lines: Lines, some: slice, near: BoolArray) -> tuple[FloatArray, ...]:
        """L = 1/(1 + t²), t·S and t²·S with S = b·L² at the nodes, zero in tiles that are near.

        Each (rows, tiles, K, lines).
        """
        fwhm = lines.fwhm[:, None, None, some].astype(self.dtype, copy=False)
        eta = lines.eta[:, None, None, some].astype(self.dtype, copy=False)
        away = lines.center[:, None, None, some] - self.middle[:, None, None]
        by_t = self.nodes[:, :, None] - away.astype(self.dtype, copy=False)
        by_t *= 2.0 / fwhm
        by_width = by_t * by_t
        lorentz = 1.0 + by_width
        np.divide(1.0, lorentz, out=lorentz)
        lorentz *= ~near[:, :, None, some]
        slope = lorentz * lorentz
        slope *= 2.0 / np.pi / fwhm * eta
        by_t *= slope
        by_width *= slope
        return lorentz, by_t, by_width

    def _fill_far(
        self, lines: Lines, weights: FloatArray, near: BoolArray, out: FloatArray
    ) -> None:
        """Write the tails of far lines."""
        n_rows, n_tiles, _ = near.shape
        n_columns = weights.shape[-1]
        n_nodes = self.nodes.shape[1]
        at_nodes = np.zeros((n_rows, n_tiles * n_nodes, n_columns), self.dtype)
        for some in _parts(lines):
            for j, tails in enumerate(self._tails(lines, some, near)):
                flat = tails.reshape(n_rows, n_tiles * n_nodes, -1)
                at_nodes += np.matmul(flat, weights[:, 1 + j, some])
        at_nodes = at_nodes.reshape(n_rows, n_tiles, n_nodes, n_columns).transpose(0, 1, 3, 2)
        out[...] = np.matmul(at_nodes, self.through).transpose(0, 2, 1, 3)

    def _add_near(
        self, lines: Lines, weights: FloatArray, near: BoolArray, out: FloatArray
    ) -> None:
        """Add the lines around each tile."""
        four = np.arange(4)[:, None]
        for group in self._groups(lines, near):
            n, m = group.lines.shape
            share = weights[group.row[:, None, None], four, group.lines[:, None, :]]
            share *= group.used[:, None, :, None]
            share = share.reshape(n, 4 * m, -1).transpose(0, 2, 1)
            basis = group.basis.reshape(n, 4 * m, -1)
            out[group.row, :, group.tile] += np.matmul(share, basis)

    def _groups(self, lines: Lines, near: BoolArray) -> Iterator[_Group]:
        """Tiles with as many lines together, with the functions of these lines."""
        count = near.sum(axis=2)
        row, tile = np.nonzero(count)
        count = count[row, tile]
        line = np.nonzero(near)[2]
        first = np.concatenate([[0], np.cumsum(count)[:-1]])
        size = _padded(count)
        n_points = self.shape[1]
        for m in np.unique(size).tolist():
            alike = np.flatnonzero(size == m)
            step = max(1, _VALUES_AT_ONCE // (4 * m * n_points))
            slot = np.arange(m)
            for i in range(0, len(alike), step):
                at = alike[i : i + step]
                used = slot < count[at, None]
                which = line[np.where(used, first[at, None] + slot, first[at, None])]
                here = row[at][:, None], which
                away = lines.center[here] - self.middle[tile[at], None]
                shape = (
                    v[:, :, None].astype(self.dtype, copy=False)
                    for v in (away, lines.fwhm[here], lines.eta[here])
                )
                basis = np.empty((len(at), 4, m, n_points), self.dtype)
                _BASIS.fill(self.offset[tile[at], None, :], *shape, [basis[:, j] for j in range(4)])
                yield _Group(row[at], tile[at], which, used, basis)


@dataclass(frozen=True)
class _Group:
    """Tiles near which m lines stand.

    Attributes
    ----------
    row, tile : int array (n,)
    lines : int array (n, m)
    used : bool array (n, m)
        False for what only fills up.
    basis : array (n, 4, m, T)
        The functions of the profile's basis.
    """

    row: IntArray
    tile: IntArray
    lines: IntArray
    used: BoolArray
    basis: FloatArray


def _parts(lines: Lines) -> Iterator[slice]:
    """Lines worked on together."""
    n_lines = lines.center.shape[1]
    for first in range(0, n_lines, _LINES_AT_ONCE):
        yield slice(first, min(first + _LINES_AT_ONCE, n_lines))


def _few_rows(lines: Lines) -> Iterator[slice]:
    """Rows worked on together where no more than a few are asked for at a time."""
    for first in range(0, len(lines.center), _ROWS_AT_ONCE):
        yield slice(first, first + _ROWS_AT_ONCE)


def _basis() -> ProfileBasis:
    basis = get_profile("pseudo_voigt").basis
    assert basis is not None
    return basis


def _weights(lines: Lines) -> FloatArray:
    """What turns the functions of the basis into derivatives: (rows, 4, L, P + 1)."""
    n_rows, n_lines, _, n_parameters = lines.slopes.shape
    chain = np.zeros((n_rows, n_lines, 4, n_parameters + 1))
    chain[..., :-1] = lines.slopes
    chain[..., 1, -1] = lines.area
    mixing = _BASIS.mixing(lines.area, lines.fwhm, lines.eta)
    return np.ascontiguousarray(np.matmul(mixing, chain).transpose(0, 2, 1, 3))


def _padded(count: IntArray) -> IntArray:
    """Sizes, not below the counts, of which there are few."""
    small = _SIZES[np.minimum(np.searchsorted(_SIZES, count), len(_SIZES) - 1)]
    return np.asarray(np.where(count <= _SIZES[-1], small, -(-count // 32) * 32))


def _chebyshev(half: FloatArray, count: int) -> FloatArray:
    """Places (tiles, count) in tiles of half widths (tiles,), from the middle of each."""
    return half[:, None] * np.cos(np.pi * (np.arange(count) + 0.5) / count)


def _lagrange(nodes: FloatArray, x: FloatArray) -> FloatArray:
    """Matrices (tiles, K, T) of the polynomials through the nodes (tiles, K) at x (tiles, T)."""
    k = nodes.shape[1]
    matrix = np.ones((len(nodes), k, x.shape[1]))
    for i in range(k):
        for j in range(k):
            if i != j:
                gap = nodes[:, i] - nodes[:, j]
                matrix[:, i] *= (x - nodes[:, j, None]) / gap[:, None]
    return matrix


_BASIS = _basis()
