"""What every correction is: settings that turn a Stack into a better one, and say how."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spectra.settings import Settings

if TYPE_CHECKING:
    from spectra.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Correction(Settings, ABC):
    """Base of all corrections: a Stack in, a Stack out, and a record of what was changed.

    A correction is pure, as a method is: same settings and frames, same numbers; the input is
    not touched. A frame that cannot be corrected gets the status ``bad_input`` and a message,
    and never the numbers of another. What was done to the whole stack is added to the list
    ``metadata["corrections"]``; what holds for a frame (a shift, say) becomes a variable, and
    a remark its message.
    """

    def __call__(self, stack: Stack) -> Stack:
        """The corrected stack, with a record of the correction in its metadata."""
        corrected, changed = self.correct(stack)
        record = {"correction": self.name, "settings": self.settings(), **changed}
        before = list(stack.metadata.get("corrections", []))
        return corrected.with_metadata(corrections=[*before, record])

    @abstractmethod
    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        """The corrected stack, and what was changed, as plain data."""
