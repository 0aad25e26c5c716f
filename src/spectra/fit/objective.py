"""Data that a model is fitted to, as the solver wants to see them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from spectra.fit.losses import SQUARES, Loss
from spectra.fit.model import Points, Sum
from spectra.fit.solver import Evaluation

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Derivatives worked on at once, which stay in the caches. No answer depends on it.
_CHUNK_BYTES = 1_760_000
_BLOCK = 8
_SINGLE: DTypeLike = np.float32


@dataclass(frozen=True)
class SpectraObjective:
    """Spectra, each fitted with its own parameters.

    Parameters
    ----------
    model : Sum
    at : Points
    y : array (spectra, points)
        Finite everywhere. Curves and derivatives are worked out in its precision.
    weight : array (spectra, points)
        1/σ²; zero where a point does not count (outside the window, not measured).
    loss : Loss
    rows : int array
        Which of the spectra stand for the rows of the problem.
    beside : array (spectra, points), optional
        Known intensity that the spectra hold besides the model.
    """

    model: Sum
    at: Points
    y: FloatArray
    weight: FloatArray
    loss: Loss
    rows: IntArray
    beside: FloatArray | None = None

    @classmethod
    def of(
        cls, model: Sum, at: Points, y: FloatArray, weight: FloatArray, loss: Loss = SQUARES
    ) -> SpectraObjective:
        """All of some spectra."""
        return cls(model, at, y, weight, loss, np.arange(len(y)))

    def take(self, rows: IntArray) -> SpectraObjective:
        """The same objective for some of the rows."""
        return replace(self, rows=self.rows[rows])

    def in_single_precision(self) -> SpectraObjective:
        """The same at half the cost, for steps towards a minimum that another will finish."""
        y, weight = (array.astype(_SINGLE) for array in (self.y, self.weight))
        return replace(self, y=y, weight=weight)

    def evaluate(self, theta: FloatArray) -> Evaluation:
        """Cost, gradient and Hessian at parameters (rows, P)."""
        n_rows, n_parameters = theta.shape
        cost = np.empty(n_rows)
        columns = self.model.columns
        gradient = np.zeros((n_rows, n_parameters))
        hessian = np.zeros((n_rows, n_parameters, n_parameters))
        for part in self._chunks(n_rows):
            value, slopes, mixing = self.model.value_and_slopes(
                theta[part], self._points(part), self.y.dtype
            )
            self._add_beside(value, part)
            rows = self._rows(part)
            y = self.y[rows]
            cost[part], omega = self.loss.cost_and_information(value, y, self.weight[rows])
            misfit = (y - value) * omega
            downhill = np.matmul(slopes, misfit[:, :, None])
            # A factor of one changes no bit: whether it is left out may hang on the neighbours.
            if (omega != 1.0).any():
                slopes *= np.sqrt(omega)[:, None, :]
            inner = _squares(slopes)
            if mixing is not None:
                turned = mixing.transpose(0, 2, 1)
                downhill = np.matmul(turned, downhill)
                inner = np.matmul(np.matmul(turned, inner), mixing)
            gradient[part, columns] = downhill[:, :, 0]
            hessian[part, columns[:, None], columns] = inner
        return Evaluation(theta, cost, gradient, hessian)

    def information(self, theta: FloatArray, omega: FloatArray) -> FloatArray:
        """Σ ω·∂f/∂θ·∂f/∂θᵀ, shape (rows, P, P), for given ω (rows, points)."""
        n_rows, n_parameters = theta.shape
        out = np.zeros((n_rows, n_parameters, n_parameters))
        columns = self.model.columns
        for part in self._chunks(n_rows):
            _, slopes = self.model.value_and_derivatives(theta[part], self._points(part))
            out[part, columns[:, None], columns] = np.matmul(
                slopes * omega[part, None, :], slopes.transpose(0, 2, 1)
            )
        return out

    def value(self, theta: FloatArray) -> FloatArray:
        """Curves (rows, points): the model and what is known besides it."""
        out = np.empty((len(theta), self.y.shape[1]))
        for part in self._chunks(len(theta)):
            out[part] = self.model.value(theta[part], self._points(part))
            self._add_beside(out[part], part)
        return out

    def residual_and_jacobian(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """√ω·(y − f) (rows, points) and √ω·∂f/∂θ (rows, P, points), for few rows."""
        every = slice(0, len(theta))
        value, jacobian = self.model.value_and_jacobian(theta, self._points(every))
        self._add_beside(value, every)
        y = self.y[self.rows]
        _, omega = self.loss.cost_and_information(value, y, self.weight[self.rows])
        root = np.sqrt(omega)
        jacobian *= root[:, None, :]
        return (y - value) * root, jacobian

    def _chunks(self, n_rows: int) -> list[slice]:
        per_row = max(self.model.columns.size, 1) * self.y.shape[1] * self.y.itemsize
        size = max(1, _CHUNK_BYTES // per_row)
        return [slice(i, min(i + size, n_rows)) for i in range(0, n_rows, size)]

    def _add_beside(self, value: FloatArray, part: slice) -> None:
        if self.beside is not None:
            value += self.beside[self._rows(part)]

    def _points(self, part: slice) -> Points:
        return self.at.take(self._rows(part))

    def _rows(self, part: slice) -> IntArray | slice:
        """Which of the spectra stand for some rows; a slice, which copies nothing, where it can."""
        rows = self.rows[part]
        first, last = (int(rows[0]), int(rows[-1])) if rows.size else (0, -1)
        # Rows are never taken twice, and always in their order.
        return slice(first, last + 1) if last - first + 1 == rows.size else rows


def _squares(slopes: FloatArray) -> FloatArray:
    """Σ s·sᵀ over the points, (rows, C, C).

    In blocks of columns: for few columns and many points the general product of BLAS is nearly
    twice as fast as its symmetric one, which numpy takes for a matrix times its own transpose.
    """
    n = slopes.shape[1]
    out = np.empty((len(slopes), n, n), slopes.dtype)
    for i in range(0, n, _BLOCK):
        j = i + _BLOCK
        block = np.matmul(slopes[:, i:j], slopes[:, i:].transpose(0, 2, 1))
        out[:, i:j, i:] = block
        out[:, i:, i:j] = block.transpose(0, 2, 1)
    return out
