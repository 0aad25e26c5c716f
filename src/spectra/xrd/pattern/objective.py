"""Patterns and a model of them, as the solver wants to see them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from spectra.fit.losses import SQUARES, Loss
from spectra.fit.solver import Evaluation
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.tiles import Tiles

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

# Bytes of derivatives worked on at once. No answer depends on it.
_BYTES_AT_ONCE = 3_200_000
# Rows whose lines are made together.
_ROWS = 8


@dataclass(frozen=True)
class Prior:
    """What is believed of parameters before a pattern is seen.

    Attributes
    ----------
    mean, precision : array (patterns, P)
        Precision is 1/σ², 0 for a parameter of which nothing is believed.
    """

    mean: FloatArray
    precision: FloatArray

    @classmethod
    def of_cells(cls, model: PatternModel, count: int) -> Prior:
        """Cells lie within their range, for `count` patterns.

        Far too weak to move anything that a pattern determines, it keeps a direction that a
        pattern does not, such as b against c of a cell just where they cross, from spoiling
        what it does.
        """
        layout = model.layout
        precision = np.zeros(layout.size)
        for number in range(len(model.phases)):
            at = model.cell_columns(number)
            precision[at] = 4.0 / (layout.upper[at] - layout.lower[at]) ** 2
        return cls(np.tile(layout.start, (count, 1)), np.tile(precision, (count, 1)))


@dataclass(frozen=True)
class PatternObjective:
    """Patterns, each refined with its own parameters.

    Parameters
    ----------
    model : PatternModel
    tiles : Tiles
    background : array (B, tiles, T)
        Functions of the background; their coefficients are the last parameters.
    active : int array
        Parameters whose derivatives are formed; the others are held in every row.
    y, weight : array (patterns, tiles, T)
        Intensities, finite, and 1/σ²; the weight is zero where a point does not count.
    loss : Loss
    rows : int array
        Which of the patterns stand for the rows of the problem.
    prior : Prior
        Adds (θ − mean)²·precision to the cost.
    """

    model: PatternModel
    tiles: Tiles
    background: FloatArray
    active: IntArray
    y: FloatArray
    weight: FloatArray
    loss: Loss
    rows: IntArray
    prior: Prior

    @classmethod
    def of(
        cls,
        model: PatternModel,
        tiles: Tiles,
        y: FloatArray,
        weight: FloatArray,
        loss: Loss = SQUARES,
    ) -> PatternObjective:
        """All of some patterns (rows, points), every parameter active."""
        functions = model.background.functions(tiles.x.ravel(), *model.limits)
        return cls(
            model,
            tiles,
            functions.reshape(-1, *tiles.shape),
            np.arange(model.layout.size),
            tiles.cut(np.where(weight > 0, y, 0.0)),
            tiles.cut(weight),
            loss,
            np.arange(len(y)),
            Prior.of_cells(model, len(y)),
        )

    @property
    def tied(self) -> BoolArray:
        """Which parameters (P,) follow from others; none."""
        return np.zeros(self.model.layout.size, bool)

    def complete(
        self, theta: FloatArray, cov: FloatArray, free: BoolArray
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Give what follows from the solved parameters its place.

        Parameters
        ----------
        theta : array (rows, P)
        cov : array (rows, P, P)
        free : bool array (rows, P)
            What was varied.

        Returns
        -------
        theta, cov, free
            The same with tied parameters in place; here, none are.
        """
        return theta, cov, free

    def take(self, rows: IntArray) -> Self:
        """The same objective for some of the rows."""
        return replace(self, rows=self.rows[rows])

    def vary(self, free: BoolArray) -> Self:
        """The same objective with derivatives by the `free` parameters (P,) only."""
        return replace(self, active=np.flatnonzero(free))

    def in_single_precision(self) -> Self:
        """The same at half the cost, for steps towards a minimum that another will finish."""
        return replace(self, tiles=self.tiles.in_single_precision())

    def evaluate(self, theta: FloatArray) -> Evaluation:
        """Cost, gradient and Hessian at parameters (rows, P)."""
        n_rows, n_parameters = theta.shape
        cost = np.empty(n_rows)
        gradient = np.zeros((n_rows, n_parameters))
        hessian = np.zeros((n_rows, n_parameters, n_parameters))
        n_lines = n_parameters - len(self.background)
        of_lines = self.active[self.active < n_lines]
        of_background = self.active[self.active >= n_lines] - n_lines
        columns = np.concatenate([of_lines, of_background + n_lines])
        dtype = self.tiles.dtype
        each = max(len(columns), 1) * self.tiles.x.size * dtype.itemsize
        size = max(1, _BYTES_AT_ONCE // each)
        work = np.empty((size, len(columns) + 1, *self.tiles.shape), dtype)
        for i in range(0, n_rows, _ROWS):
            lines = self.model.lines(theta[i : i + _ROWS], of_lines, self.rows[i : i + _ROWS])
            for j in range(i, min(i + _ROWS, n_rows), size):
                part = slice(j, min(j + size, i + _ROWS, n_rows))
                at = self.rows[part]
                out = work[: len(at)]
                last = len(of_lines)
                self.tiles.curve_and_slopes(
                    lines.take(slice(part.start - i, part.stop - i)), out[:, : last + 1]
                )
                curve = out[:, last] + self.background_of(theta[part])
                shape = (len(at), -1)
                cost[part], omega = self.loss.cost_and_information(
                    curve.reshape(shape), self.y[at].reshape(shape), self.weight[at].reshape(shape)
                )
                omega = omega.reshape(curve.shape)
                out[:, last] = self.y[at] - curve
                out[:, last + 1 :] = self.background[of_background]
                out *= np.sqrt(omega)[:, None].astype(dtype, copy=False)
                flat = out.reshape(len(at), len(columns) + 1, -1)
                squares = np.matmul(flat, flat.transpose(0, 2, 1))
                keep = np.delete(np.arange(len(columns) + 1), last)
                gradient[part, columns] = squares[:, last, keep]
                hessian[part, columns[:, None], columns] = squares[:, keep[:, None], keep]
        away = self.prior.mean[self.rows] - theta
        pull = self.prior.precision[self.rows] * away
        cost += (pull * away).sum(axis=1)
        gradient[:, self.active] += pull[:, self.active]
        diagonal = np.einsum("rii->ri", hessian)
        diagonal[:, self.active] += self.prior.precision[self.rows][:, self.active]
        return Evaluation(theta, cost, gradient, hessian)

    def curve(self, theta: FloatArray) -> FloatArray:
        """Calculated patterns (rows, points)."""
        lines = self.model.lines(theta, np.empty(0, np.intp), self.rows)
        return self.tiles.curve(lines) + self.tiles.join(self.background_of(theta))

    def background_of(self, theta: FloatArray) -> FloatArray:
        """Background (rows, tiles, T) at parameters (rows, P)."""
        count, *shape = self.background.shape
        coefficients = theta[:, theta.shape[1] - count :]
        # One row at a time: the order of the sums must not hang on how many there are.
        flat = np.matmul(coefficients[:, None, :], self.background.reshape(count, -1))
        return np.asarray(flat.reshape(len(theta), *shape))
