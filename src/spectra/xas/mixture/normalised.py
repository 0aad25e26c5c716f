"""Base of methods on normalised absorption, which may normalise it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spectra.errors import StackError
from spectra.method import Method
from spectra.settings import setting
from spectra.stack import Stack
from spectra.xas.curves import normalized
from spectra.xas.mixture.frames import Window, check_window
from spectra.xas.normalize import Normalize


@dataclass(frozen=True, kw_only=True)
class OnNormalised(Method):
    """A method on stacks of normalised absorption over energy.

    Parameters
    ----------
    window : (float, float), optional
        Energies used (eV).
    normalize : Normalize or mapping, optional
        How a stack of absorption ("mu") is normalised first, standards from files included;
        a stack that is normalised already is left as it is.
    """

    window: Window | None = setting(None, "energies used", unit="eV")  # noqa: RUF009
    normalize: Normalize | Mapping[str, Any] | None = setting(  # noqa: RUF009
        None, "how absorption that is not normalised yet is"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        set_ = object.__setattr__
        set_(self, "window", check_window(self.window, self.name))
        if self.normalize is not None:
            with self.naming("normalize"):
                set_(self, "normalize", Normalize.given(self.normalize))

    def normalised(self, source: Stack) -> Stack:
        """A whole stack, normalised.

        Raises
        ------
        StackError
            If it does not hold absorption over energy, or is not normalised and `normalize` does
            not say how.
        """
        plan = self.plan_normalisation(source)
        if plan is None:
            return source
        full = source.load()
        return self.normalised_block(full, plan)

    def plan_normalisation(self, source: Stack) -> Any:
        """The plan by which blocks are normalised; None where there is nothing to do."""
        if source.axis.name != "energy":
            raise StackError(
                f"{self.name} works on spectra over energy; the axis is {source.axis.name!r}"
            )
        if source.quantity == "norm":
            return None
        if source.quantity != "mu" or not isinstance(self.normalize, Normalize):
            raise StackError(
                f"{self.name} works on normalised absorption (quantity 'norm'); the stack holds "
                f"{source.quantity!r}: say how to normalise it with `normalize`, or state "
                "quantity='norm' if it already is"
            )
        return self.normalize.prepare(source)

    def normalised_block(self, block: Stack, plan: Any) -> Stack:
        """A block, normalised by the plan of its sequence."""
        if plan is None:
            return block
        assert isinstance(self.normalize, Normalize)
        return normalized(block, self.normalize.fit(block, plan))
