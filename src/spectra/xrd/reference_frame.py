"""The frame that changes are measured against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectra.errors import ResultsError, SettingError
from spectra.results import Results
from spectra.xrd.phases import PhaseStatus

BoolArray = NDArray[np.bool_]


def check_reference(method: str, reference: int | str) -> None:
    """Refuse what names no reference; `method` is named in the error."""
    if isinstance(reference, str) and reference not in ("first", "literature"):
        raise SettingError(
            f"{method}: reference = {reference!r}; expected a frame number, 'first' or 'literature'"
        )


def reference_frame(
    method: str, reference: int | str, source: Results, number: int, there: BoolArray
) -> int:
    """Number of the frame that a phase is compared with, or -1 for the literature.

    Parameters
    ----------
    method : str
        Named in errors.
    reference : int or {"first", "literature"}
        The first frame is the first in which the phase is sure to be determined, if there is one.
    source : Results
        Of phases, with their ``phase_status``.
    number : int
        Of the phase.
    there : bool array (frames,)
        Where the phase is determined.

    Raises
    ------
    ResultsError
        If the phase is not determined in the frame asked for.
    """
    if reference == "literature":
        return -1
    found = np.flatnonzero(there & source.ok())
    if isinstance(reference, str):
        sure = found[source["phase_status"][found, number] == PhaseStatus.OK]
        best = sure if sure.size else found
        return int(best[0]) if best.size else -1
    if reference not in found:
        name = source.table.coords["phase"]["name"][number]
        raise ResultsError(
            f"{method}: {name} is not determined in reference frame {reference}; "
            f"it is in {found.size} frames" + (f", the first is {found[0]}" if found.size else "")
        )
    return int(reference)
