"""Where the pages of a batch stand, and how one leads to another."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from spectra.report.labels import slug


def page_paths(samples: Sequence[str], folder: Path) -> dict[str, Path]:
    """A page for each sample; names that differ only in signs get numbers.

    Examples
    --------
    >>> [p.name for p in page_paths(["a b", "a/b", "index"], Path()).values()]
    ['a-b.html', 'a-b-2.html', 'index-2.html']
    """
    # Some file systems take capitals and small letters for the same.
    taken, pages = {"index"}, {}
    for sample in samples:
        stem = plain = slug(sample)
        number = 2
        while stem.lower() in taken:
            stem, number = f"{plain}-{number}", number + 1
        taken.add(stem.lower())
        pages[sample] = folder / f"{stem}.html"
    return pages


def link(page: Path, seen_from: Path) -> str:
    """Address of a page for a link on another."""
    return quote(Path(os.path.relpath(page, seen_from.parent)).as_posix())
