"""Files that a sheet names twice, to be evaluated twice in the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path


class Twins:
    """Remembers which files were measured on which sample."""

    def __init__(self) -> None:
        self._owners: dict[tuple[Hashable, Path], tuple[str, str]] = {}

    def add(self, sample: str, measurement: str, files: Sequence[Path], way: Hashable) -> str:
        """Add the files of a measurement and say which of them were there before; "" if none.

        Parameters
        ----------
        sample, measurement : str
        files : sequence of Path
        way : hashable
            How they are read and evaluated: in another way, they may be there again.
        """
        double = [file for file, n in Counter(files).items() if n > 1]
        said = ["it names one file more than once"] if double else []
        for file in dict.fromkeys(files):
            owner, name = self._owners.setdefault((way, file), (sample, measurement))
            if (owner, name) == (sample, measurement):
                continue
            two = f"samples {owner!r} and {sample!r}"
            said.append(f"{two if owner != sample else f'{name!r} and {measurement!r}'} have")
            double.append(file)
        if not said:
            return ""
        more = " …" if len(double) > 1 else ""
        what = said[0] + (" the same files" if said[0].endswith("have") else "")
        return f"{what} ({double[0].name}{more}); correct what is wrong, unless that is meant"
