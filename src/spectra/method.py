"""What every method is: a frozen dataclass of settings that turns frames into results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from spectra.settings import Settings

if TYPE_CHECKING:
    from spectra.results import Results, Table
    from spectra.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Method(Settings, ABC):
    """Base of all methods: settings in, one row of results per frame out.

    A method is pure: same settings and frames, same numbers, on any machine. It works in
    three steps, which `spectra.run` spreads over blocks and workers:

    1. `prepare` looks at the whole sequence once (a coarse pass over a few frames) and
       returns a plan, so that no frame's answer hangs on how the sequence is cut.
    2. `fit` gives one row of results for each frame of a block, from the block and the plan
       (as `narrow` cuts it for that block) alone. It never raises for a bad frame: the
       frame's status says what happened.
    3. `conclude` may add to ``attrs`` what holds for the whole sequence (a verdict).

    Calling the method does all three in this process.
    """

    block_size: ClassVar[int] = 64
    """Frames worked through at once; results do not depend on it."""

    def prepare(self, source: Any) -> Any:
        """Look at the whole Stack (or Results) and return the plan for `fit`.

        The plan is picklable and depends only on the settings and the source.
        """
        return None

    @abstractmethod
    def table(self, plan: Any) -> Table:
        """Declare the columns that `fit` fills."""

    @abstractmethod
    def fit(self, block: Any, plan: Any) -> Results:
        """Give one row of results for each frame of `block`."""

    def narrow(self, plan: Any, start: int, stop: int) -> Any:
        """Give the part of the plan that frames ``start:stop`` need; by default all of it."""
        return plan

    def narrow_block(self, plan: Any, start: int, stop: int) -> Any:
        """Cut a plan once more that `narrow` has already cut for a block."""
        return plan

    def conclude(self, results: Results) -> Results:
        """Add what holds for the whole sequence; by default nothing."""
        return results

    def __call__(self, source: Stack | Results) -> Results:
        """Work through all frames of `source` in this process."""
        from spectra.results import Results as _Results

        plan = self.prepare(source)
        # On demand: blocks and what they are joined to are never all in memory twice.
        parts = (
            self.fit(block.load(), self.narrow(plan, start, start + len(block)))
            for start, block in source.blocks(self.block_size)
        )
        return self.conclude(_Results.concatenate(parts, len(source)))
