"""Components of one or several lines each, such as doublets, on their own active background."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectra.fit.cumulative import WITH_INTEGRAL
from spectra.fit.lineshapes import Profile
from spectra.fit.model import Points
from spectra.fit.photolines import WIDTHS

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


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
    share columns.

    Parameters
    ----------
    profile : Profile
        One of `spectra.fit.cumulative.WITH_INTEGRAL` if any component has a background.
    components : sequence of Component
    """

    profile: Profile
    components: Sequence[Component]
    columns: IntArray = field(init=False)

    def __post_init__(self) -> None:
        used = {c for component in self.components for c in _columns_of(component)}
        object.__setattr__(self, "columns", np.array(sorted(used), dtype=np.intp))

    def add_value(self, theta: FloatArray, at: Points, total: FloatArray) -> None:
        """Add the components to `total`."""
        for component, line, center, shape in self._each(theta):
            area = theta[:, component.area, None] * line.share
            if component.loss is None:
                total += area * self.profile.value(at.x, center, *shape)
                continue
            g, _, integral, _ = WITH_INTEGRAL[self.profile.name](at.x, center, *shape)
            total += area * (g + theta[:, component.loss, None] * integral)

    def add_value_and_slopes(
        self, theta: FloatArray, at: Points, total: FloatArray, slopes: FloatArray
    ) -> FloatArray | None:
        """Add the components to `total` and write the derivatives."""
        slopes[...] = 0.0
        place = {int(column): i for i, column in enumerate(self.columns)}
        # Counted from the first point, positions bear to be rounded to single precision.
        origin = at.x[:, :1]
        x = (at.x - origin).astype(slopes.dtype, copy=False)
        for component, line, center, shape in self._each(theta):
            rounded = (v.astype(slopes.dtype, copy=False) for v in (center - origin, *shape))
            area = (theta[:, component.area, None] * line.share).astype(slopes.dtype, copy=False)
            k = None if component.loss is None else theta[:, component.loss, None]
            k = None if k is None else k.astype(slopes.dtype, copy=False)
            value, by_center, by_shape, integral = self._line(x, tuple(rounded), k)
            total += area * value
            value *= line.share
            slopes[:, place[component.area]] += value
            by_center *= area
            slopes[:, place[component.center]] += by_center
            if isinstance(line.offset, int):
                slopes[:, place[line.offset]] += by_center
            self._add_shapes(theta, component, line, area, by_shape, slopes, place)
            if component.loss is not None and integral is not None:
                integral *= area
                slopes[:, place[component.loss]] += integral
        return None

    def _line(
        self, x: FloatArray, parameters: tuple[FloatArray, ...], k: FloatArray | None
    ) -> tuple[FloatArray, FloatArray, list[FloatArray], FloatArray | None]:
        """One line with its background, derivatives by centre and shape, and its integral."""
        if k is None:
            g, gradient = self.profile.evaluate(x, *parameters)
            return np.array(g), np.array(gradient[0]), list(gradient[1:]), None
        found = WITH_INTEGRAL[self.profile.name](x, *parameters)
        g, gradient, integral, by_shape = found
        by_center = gradient[0] - k * g
        shapes = [a + k * b for a, b in zip(gradient[1:], by_shape, strict=True)]
        return g + k * integral, by_center, shapes, integral

    def _add_shapes(
        self,
        theta: FloatArray,
        component: Component,
        line: Line,
        area: FloatArray,
        by_shape: list[FloatArray],
        slopes: FloatArray,
        place: dict[int, int],
    ) -> None:
        """Add a line's derivatives by its shape parameters and by its broadening."""
        named = zip(self.profile.shape_names, component.shape, by_shape, strict=True)
        for name, column, slope in named:
            slope = slope * area
            if name in WIDTHS and line.broadening != 1.0:
                if isinstance(line.broadening, int):
                    own = theta[:, column, None].astype(slopes.dtype, copy=False)
                    slopes[:, place[line.broadening]] += slope * own
                slope *= _value(theta, line.broadening).astype(slopes.dtype, copy=False)
            slopes[:, place[column]] += slope

    def _each(
        self, theta: FloatArray
    ) -> Iterator[tuple[Component, Line, FloatArray, list[FloatArray]]]:
        """Every line with its centre and shape parameters (rows, 1)."""
        for component in self.components:
            for line in component.lines:
                center = theta[:, component.center, None] + _value(theta, line.offset)
                factor = _value(theta, line.broadening)
                named = zip(self.profile.shape_names, component.shape, strict=True)
                shape = [theta[:, c, None] * (factor if n in WIDTHS else 1.0) for n, c in named]
                yield component, line, center, shape


def _value(theta: FloatArray, what: float | int) -> FloatArray:
    """A parameter (rows, 1), or a number."""
    return theta[:, what, None] if isinstance(what, int) else np.full((1, 1), what)


def _columns_of(component: Component) -> Iterator[int]:
    yield from (component.center, component.area, *component.shape)
    for line in component.lines:
        yield from (v for v in (line.offset, line.broadening) if isinstance(v, int))
    if component.loss is not None:
        yield component.loss
