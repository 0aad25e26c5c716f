"""Judge spectra before anything is fitted: empty, dead, saturated or unusable ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spectra.status import Status

FloatArray = NDArray[np.float64]

MIN_POINTS = 5
_SATURATED_RUN = 4
_SATURATED_LEVEL = 1000.0


def judge_frames(y: FloatArray) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Give each spectrum a status and the reason for it.

    Parameters
    ----------
    y : array (frames, points)
        Intensities; NaN where not measured.

    Returns
    -------
    status : int8 array (frames,)
        BAD_INPUT with fewer than five finite points, NO_SIGNAL where all values are zero or
        equal, SATURATED where at least four neighbouring points stand at exactly the same
        highest value of 1000 or more, else OK.
    messages : tuple of str
        One per frame, empty where OK.

    Examples
    --------
    >>> judge_frames(np.array([[0.0] * 6, [1, 2, 3, 4, 5, 6]]))
    (array([1, 0], dtype=int8), ('all values are zero', ''))
    """
    finite = np.isfinite(y)
    n_finite = np.count_nonzero(finite, axis=1)
    highest = np.where(finite, y, -np.inf).max(axis=1, initial=-np.inf)
    lowest = np.where(finite, y, np.inf).min(axis=1, initial=np.inf)
    top = y == highest[:, None]
    plateau = np.count_nonzero(top, axis=1)
    many = (plateau >= _SATURATED_RUN) & (highest >= _SATURATED_LEVEL)
    plateau[many] = _longest_run(top[many])
    status = np.zeros(len(y), np.int8)
    messages: list[str] = []
    for i in range(len(y)):
        code, text = Status.OK, ""
        if n_finite[i] < MIN_POINTS:
            code = Status.BAD_INPUT
            text = f"{n_finite[i]} finite points; at least {MIN_POINTS} are needed"
        elif highest[i] == lowest[i]:
            code = Status.NO_SIGNAL
            text = "all values are zero" if highest[i] == 0 else f"all values are {highest[i]:g}"
        elif plateau[i] >= _SATURATED_RUN and highest[i] >= _SATURATED_LEVEL:
            code = Status.SATURATED
            text = f"{plateau[i]} neighbouring points stand at the highest value {highest[i]:g}"
        status[i] = code
        messages.append(text)
    return status, tuple(messages)


def judge_finite(y: FloatArray) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Judge as `judge_frames` does, where infinite values are no values either.

    Parameters
    ----------
    y : array (frames, points)
        Intensities; NaN where not measured.

    Returns
    -------
    status, messages
        As those of `judge_frames`, and BAD_INPUT for frames that hold infinite values.

    Examples
    --------
    >>> judge_finite(np.array([[1.0, 2, np.inf, 4, 5, 6]]))[1]
    ('1 infinite value; expected finite ones, or NaN where nothing was measured',)
    """
    infinite = np.isinf(y).sum(axis=1)

    def tell(row: int) -> str:
        what = "value" if infinite[row] == 1 else "values"
        return (
            f"{infinite[row]} infinite {what}; expected finite ones, or NaN where nothing was "
            "measured"
        )

    return _refused(judge_frames(y), infinite > 0, tell)


def judge_counts(y: FloatArray) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Judge counts as `judge_finite` does, where negative ones have no likelihood.

    Parameters
    ----------
    y : array (frames, points)
        Counts; NaN where not measured.

    Returns
    -------
    status, messages
        As those of `judge_finite`, and BAD_INPUT for frames that hold negative values.

    Examples
    --------
    >>> judge_counts(np.array([[1.0, 2, -3, 4, 5, 6]]))[1][0][:47]
    '1 of the counts is negative, the lowest -3; cou'
    """
    negative = (y < 0).sum(axis=1)

    def tell(row: int) -> str:
        number = f"{negative[row]} of the counts {'is' if negative[row] == 1 else 'are'} negative"
        return (
            f"{number}, the lowest {np.nanmin(y[row]):g}; counts are expected as they were "
            'measured, with nothing subtracted; else say noise="given" with errors, or "unknown"'
        )

    return _refused(judge_finite(y), negative > 0, tell)


def _refused(
    judged: tuple[NDArray[np.int8], tuple[str, ...]],
    wrong: NDArray[np.bool_],
    tell: Callable[[int], str],
) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """What was judged, with BAD_INPUT and the reason for frames that were good but are wrong."""
    status, messages = judged[0], list(judged[1])
    for row in np.flatnonzero(wrong & (status == Status.OK)).tolist():
        status[row], messages[row] = Status.BAD_INPUT, tell(row)
    return status, tuple(messages)


def _longest_run(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Length of the longest run of True in each row."""
    n_rows, n_points = mask.shape
    index = np.arange(1, n_points + 1)
    last_false = np.maximum.accumulate(np.where(mask, 0, index[None, :]), axis=1)
    run = np.where(mask, index[None, :] - last_false, 0)
    return np.asarray(run.max(axis=1, initial=0)) if n_rows else np.zeros(0, np.intp)
