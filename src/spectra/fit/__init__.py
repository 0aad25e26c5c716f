"""The numerical core: arrays in, arrays out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectra.fit.batch import StackFit, fit_stack

__all__ = ["StackFit", "fit_stack"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from spectra.fit import batch

    return getattr(batch, name)
