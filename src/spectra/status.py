"""What became of a frame: one small code that travels with every row of results."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Status(IntEnum):
    """Outcome for one frame.

    Numbers are only trusted where the status is `OK` or `AT_BOUND`; elsewhere they are NaN
    or stand with the reason in the row's message.
    """

    OK = 0
    NO_SIGNAL = 1
    SATURATED = 2
    NOT_CONVERGED = 3
    AT_BOUND = 4
    LOST = 5
    BAD_INPUT = 6

    @property
    def label(self) -> str:
        """The status as it is written in tables, e.g. ``no_signal``."""
        return self.name.lower()


def count_statuses(status: NDArray[np.int8]) -> dict[str, int]:
    """Count frames per status, in the order of the codes, leaving out empty ones.

    Examples
    --------
    >>> count_statuses(np.array([0, 0, 6], dtype=np.int8))
    {'ok': 2, 'bad_input': 1}
    """
    return {s.label: n for s in Status if (n := int(np.count_nonzero(status == s)))}
