"""Sums of peaks and other terms as one vectorised model with its exact Jacobian."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import DTypeLike, NDArray

if TYPE_CHECKING:
    from spectra.fit.doublet import Doublet
    from spectra.fit.lineshapes import Profile, ProfileBasis

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class Points:
    """Where a model is evaluated, for every row or for all of them alike.

    Parameters
    ----------
    x : array (rows or 1, points)
    u : array (rows or 1, points)
        The variable of polynomial backgrounds: x shifted and scaled into [−1, 1], so that their
        coefficients do not hang on each other.
    """

    x: FloatArray
    u: FloatArray

    @classmethod
    def scaled(cls, x: FloatArray, low: FloatArray, high: FloatArray) -> Points:
        """Points x (rows, points) with u = −1 at `low` (rows,) and 1 at `high` (rows,)."""
        origin = 0.5 * (low + high)
        scale = np.maximum(0.5 * (high - low), np.finfo(float).tiny)
        return cls(x, (x - origin[:, None]) / scale[:, None])

    def take(self, rows: IntArray | slice) -> Points:
        """The points of some of the rows."""
        return self if len(self.x) == 1 else Points(self.x[rows], self.u[rows])


class Term(Protocol):
    """One addend of a model."""

    @property
    def columns(self) -> IntArray:
        """The parameters it uses, in the order in which it writes their derivatives."""
        ...

    def add_value(self, theta: FloatArray, at: Points, total: FloatArray) -> None:
        """Add the term's curves to `total` (rows, points)."""
        ...

    def add_value_and_slopes(
        self, theta: FloatArray, at: Points, total: FloatArray, slopes: FloatArray
    ) -> FloatArray | None:
        """Add the curves to `total`; write derivatives into `slopes` (rows, C, points).

        Where the term returns a matrix M (rows, C, C), it has written other functions s whose
        combinations Mᵀ·s are the derivatives.
        """
        ...


@runtime_checkable
class Sparing(Protocol):
    """A term that can leave out derivatives."""

    def without(self, columns: frozenset[int]) -> Term:
        """The same term without the derivatives by some columns, as far as that saves work."""
        ...


@dataclass(frozen=True)
class PeakFamily:
    """K peaks of the same profile, each an area times the profile of unit area.

    Parameters
    ----------
    profile : Profile or Doublet
    index : int array (1 + 1 + shape, K)
        Where the centres, areas and shapes stand among the parameters.
    """

    profile: Profile | Doublet
    index: IntArray
    columns: IntArray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", self.index.ravel())

    def add_value(self, theta: FloatArray, at: Points, total: FloatArray) -> None:
        """Add the peaks to `total`."""
        center, area, *shape = (theta[:, index, None] for index in self.index)
        total += (area * self.profile.value(at.x[:, None, :], center, *shape)).sum(axis=1)

    def add_value_and_slopes(
        self, theta: FloatArray, at: Points, total: FloatArray, slopes: FloatArray
    ) -> FloatArray | None:
        """Add the peaks to `total` and write their derivatives, or functions that mix to them."""
        center, area, *shape = (theta[:, index, None] for index in self.index)
        x, count = at.x[:, None, :], self.index.shape[1]
        blocks = [slopes[:, i * count : (i + 1) * count] for i in range(len(self.index))]
        basis = getattr(self.profile, "basis", None)
        if basis is not None:
            # Counted from the first point, positions bear to be rounded to single precision.
            given = (x - x[..., :1], center - x[..., :1], *shape)
            basis.fill(*(v.astype(slopes.dtype, copy=False) for v in given), blocks)
            return self._mix(basis, theta, total, slopes)
        unit, gradient = self.profile.value_and_gradient(x, center, *shape)
        np.multiply(gradient[0], area, out=blocks[0])
        blocks[1][...] = unit
        for block, slope in zip(blocks[2:], gradient[1:], strict=True):
            np.multiply(slope, area, out=block)
        # Peak by peak: a sum over an inner axis would take much longer.
        for k in range(count):
            total += unit[:, k] * area[:, k]
        return None

    def _mix(
        self, basis: ProfileBasis, theta: FloatArray, total: FloatArray, slopes: FloatArray
    ) -> FloatArray:
        """Add the peaks from their basis functions to `total`; return the mixing matrix."""
        _, area, *shape = (theta[:, index] for index in self.index)
        small = basis.mixing(area, *shape)
        n_rows, count, size, _ = small.shape
        weights = (small[..., 1] * area[..., None])[..., : basis.valued]
        weights = weights.transpose(0, 2, 1).reshape(n_rows, 1, -1)
        weights = weights.astype(slopes.dtype, copy=False)
        total += np.matmul(weights, slopes[:, : basis.valued * count])[:, 0]
        mixing = np.zeros((n_rows, size, count, size, count))
        for k in range(count):
            mixing[:, :, k, :, k] = small[:, k]
        return mixing.reshape(n_rows, size * count, size * count)


@dataclass(frozen=True)
class Polynomial:
    """A polynomial in the scaled variable u.

    Parameters
    ----------
    columns : int array (degree + 1,)
        Where the coefficients of u⁰, u¹, … stand among the parameters.
    """

    columns: IntArray

    def add_value(self, theta: FloatArray, at: Points, total: FloatArray) -> None:
        """Add the polynomial."""
        power = np.ones_like(at.u)
        for i, column in enumerate(self.columns):
            power = power if i == 0 else power * at.u
            total += theta[:, column, None] * power

    def add_value_and_slopes(
        self, theta: FloatArray, at: Points, total: FloatArray, slopes: FloatArray
    ) -> FloatArray | None:
        """Add the polynomial and write its derivatives, the powers."""
        u = at.u.astype(slopes.dtype, copy=False)
        coefficients = theta[:, self.columns, None].astype(slopes.dtype, copy=False)
        for i in range(self.columns.size):
            if i == 0:
                slopes[:, 0] = 1.0
            else:
                np.multiply(slopes[:, i - 1], u, out=slopes[:, i])
            total += coefficients[:, i] * slopes[:, i]
        return None


@dataclass(frozen=True)
class Sum:
    """A sum of terms over `n_parameters` parameters.

    Parameters
    ----------
    terms : sequence of Term
        No parameter belongs to two of them.
    n_parameters : int
    """

    terms: Sequence[Term]
    n_parameters: int
    columns: IntArray = field(init=False)

    def __post_init__(self) -> None:
        columns = [term.columns for term in self.terms]
        object.__setattr__(self, "columns", np.concatenate([np.zeros(0, np.intp), *columns]))

    def without(self, columns: frozenset[int]) -> Sum:
        """The same without the derivatives by some columns, where terms can do without."""
        terms = [t.without(columns) if isinstance(t, Sparing) else t for t in self.terms]
        return Sum(terms, self.n_parameters)

    def value(self, theta: FloatArray, at: Points) -> FloatArray:
        """Curves (rows, points) for parameters (rows, P)."""
        total = np.zeros((len(theta), at.x.shape[1]))
        for term in self.terms:
            term.add_value(theta, at, total)
        return total

    def value_and_slopes(
        self, theta: FloatArray, at: Points, precision: DTypeLike = np.float64
    ) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Curves (rows, points), functions s (rows, C, points), and their mixing (rows, C, C).

        Derivatives in the order of `columns` are Mᵀ·s, or s itself without a matrix. Curves and
        functions are of the given `precision`.
        """
        n_rows = len(theta)
        total = np.zeros((n_rows, at.x.shape[1]), precision)
        slopes = np.empty((n_rows, self.columns.size, at.x.shape[1]), precision)
        mixing: FloatArray | None = None
        first = 0
        for term in self.terms:
            last = first + term.columns.size
            own = term.add_value_and_slopes(theta, at, total, slopes[:, first:last])
            if own is not None:
                if mixing is None:
                    mixing = np.tile(np.eye(self.columns.size), (n_rows, 1, 1))
                mixing[:, first:last, first:last] = own
            first = last
        return total, slopes, mixing

    def value_and_derivatives(self, theta: FloatArray, at: Points) -> tuple[FloatArray, FloatArray]:
        """Curves (rows, points) and derivatives (rows, C, points) in the order of `columns`."""
        total, slopes, mixing = self.value_and_slopes(theta, at)
        if mixing is not None:
            slopes = np.matmul(mixing.transpose(0, 2, 1), slopes)
        return total, slopes

    def value_and_jacobian(self, theta: FloatArray, at: Points) -> tuple[FloatArray, FloatArray]:
        """Curves (rows, points) and derivatives (rows, P, points), zero where nothing depends."""
        total, slopes = self.value_and_derivatives(theta, at)
        jacobian = np.zeros((len(theta), self.n_parameters, at.x.shape[1]))
        jacobian[:, self.columns] = slopes
        return total, jacobian


@dataclass(frozen=True)
class Model(Sum):
    """Peaks of unit-area profiles on a polynomial.

    Parameters
    ----------
    peaks : sequence of (prefix, Profile or Doublet)
        Each brings ``<prefix>center``, ``<prefix>area`` and ``<prefix><shape name>``.
    degree : int
        Degree of the background polynomial; -1 for none. Its coefficients ``bkg_c0`` … count
        powers of u.

    Examples
    --------
    >>> from spectra.fit.lineshapes import get_profile
    >>> Model((("p1_", get_profile("gaussian")),), degree=1).names
    ('p1_center', 'p1_area', 'p1_fwhm', 'bkg_c0', 'bkg_c1')
    """

    peaks: tuple[tuple[str, Profile | Doublet], ...]
    degree: int
    names: tuple[str, ...]

    def __init__(self, peaks: Sequence[tuple[str, Profile | Doublet]], degree: int) -> None:
        names = [
            prefix + name
            for prefix, profile in peaks
            for name in ("center", "area", *profile.shape_names)
        ]
        background = len(names) + np.arange(degree + 1)
        names += [f"bkg_c{i}" for i in range(degree + 1)]
        object.__setattr__(self, "peaks", tuple(peaks))
        object.__setattr__(self, "degree", degree)
        object.__setattr__(self, "names", tuple(names))
        terms = (*_families([profile for _, profile in peaks]), Polynomial(background))
        object.__setattr__(self, "terms", terms)
        object.__setattr__(self, "n_parameters", len(names))
        super().__post_init__()

    def first_parameter(self, peak: int) -> int:
        """Index of the centre of peak number `peak`; area and shape follow it."""
        return sum(2 + len(profile.shape_names) for _, profile in self.peaks[:peak])

    @property
    def background_slice(self) -> slice:
        """Where the background's coefficients stand among the parameters."""
        return slice(self.n_parameters - self.degree - 1, self.n_parameters)

    def background(self, theta: FloatArray, at: Points) -> FloatArray:
        """The background without the peaks (rows, points) for parameters (rows, P)."""
        return Sum(self.terms[-1:], self.n_parameters).value(theta, at)


def _families(profiles: Sequence[Profile | Doublet]) -> list[PeakFamily]:
    """Peaks of the same profile together."""
    members: dict[int, tuple[Profile | Doublet, list[int]]] = {}
    first = 0
    for profile in profiles:
        members.setdefault(id(profile), (profile, []))[1].append(first)
        first += 2 + len(profile.shape_names)
    return [
        PeakFamily(profile, np.array(starts) + np.arange(2 + len(profile.shape_names))[:, None])
        for profile, starts in members.values()
    ]
