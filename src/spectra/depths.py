"""Whether numbers speak of the bulk of a sample or of its surface, by how it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spectra.errors import SettingError
from spectra.readers.absorption import is_electron_yield

DEPTH = "depth"
DEPTHS = ("bulk", "surface")


def depth_of(declared: str, stated: object, metadata: Mapping[str, Any]) -> str:
    """What is seen of the sample: ``bulk``, ``surface``, or "" where the table declares nothing.

    Parameters
    ----------
    declared : str
        `Table.depth`: what the method sees as it is mostly measured.
    stated : object
        What the sheet says of the measurement; numbers are depths of another kind.
    metadata : mapping
        Of the stack: ``depth``, or the ``signal`` that was chosen. The yield of electrons comes
        from some nanometres below the surface, also at energies where photons go through.

    Examples
    --------
    >>> depth_of("bulk", None, {"signal": "tey/i0"}), depth_of("bulk", None, {"signal": "mu"})
    ('surface', 'bulk')
    """
    if not declared:
        return ""
    for told in (stated, metadata.get(DEPTH)):
        if told in DEPTHS:
            return str(told)
    return "surface" if is_electron_yield(str(metadata.get("signal", ""))) else declared


def check_depth(values: Mapping[str, float | str], place: str) -> None:
    """Refuse a text for the depth of a measurement that is none; numbers are a variable.

    Raises
    ------
    SettingError
    """
    told = values.get(DEPTH)
    if isinstance(told, str) and told not in DEPTHS:
        raise SettingError(
            f"{place}: it is {told!r}; expected {' or '.join(map(repr, DEPTHS))}, or numbers for "
            "a variable of its frames"
        )
