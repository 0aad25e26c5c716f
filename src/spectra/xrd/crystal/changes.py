"""Change of quantities of a structure against a reference frame, in per cent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Changes:
    """Changes (rows, n) in per cent with the two parts of their uncertainty.

    Attributes
    ----------
    percent : array (rows, n)
    stderr : array (rows, n)
        Standard uncertainty, of the frame and of the reference together.
    from_reference : array (rows, n)
        The part that comes from the reference frame. It is common to all frames: two changes
        k and l have the covariance ``from_reference[k]·from_reference[l]``.
    """

    percent: FloatArray
    stderr: FloatArray
    from_reference: FloatArray

    def covariance(self, quantity: int) -> FloatArray:
        """Covariance (rows, rows) of the changes of one quantity, in per cent²."""
        common = self.from_reference[:, quantity]
        own = self.stderr[:, quantity] ** 2 - common**2
        return np.asarray(np.outer(common, common) + np.diag(own))


def changes(value: FloatArray, stderr: FloatArray, reference: int) -> Changes:
    """Change of quantities against a reference frame, 100·(x/x₀ − 1).

    σ² = (100/x₀)²·(σ² + (x/x₀)²·σ₀²), as different frames are measured independently. The
    reference frame has exactly no change and no uncertainty.

    Parameters
    ----------
    value, stderr : array (rows, n)
    reference : int
        Row of the reference frame.

    Raises
    ------
    SettingError
        If there is no such row.

    Examples
    --------
    >>> import numpy as np
    >>> found = changes(np.array([[2.0], [2.1]]), np.array([[0.03], [0.04]]), 0)
    >>> found.percent.round(3).tolist(), found.stderr.round(3).tolist()
    ([[0.0], [5.0]], [[0.0], [2.546]])
    """
    if not -len(value) <= reference < len(value):
        raise SettingError(
            f"reference frame {reference}; expected a row from 0 to {len(value) - 1}"
        )
    itself = np.zeros(len(value), dtype=bool)
    itself[reference] = True
    return changes_from(value, stderr, value[reference], stderr[reference], itself)


def changes_from(
    value: FloatArray,
    stderr: FloatArray,
    start: FloatArray,
    start_stderr: FloatArray,
    itself: NDArray[np.bool_],
) -> Changes:
    """Change against a reference that need not be one of the rows; as `changes`.

    Parameters
    ----------
    value, stderr : array (rows, n)
    start, start_stderr : array (n,)
        Of the reference.
    itself : bool array (rows,)
        Which row is the reference, if one is.
    """
    start = np.where(start == 0.0, np.nan, start)
    ratio = value / start
    percent = 100.0 * (ratio - 1.0)
    own = 100.0 * stderr / np.abs(start)
    common = 100.0 * ratio * start_stderr / np.abs(start)
    # Against itself nothing is uncertain; a frame without a result stays without one.
    zero = np.where(itself[:, None] & np.isfinite(percent), 0.0, 1.0)
    return Changes(percent, zero * np.hypot(own, common), zero * common)
