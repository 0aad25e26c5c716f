"""Pages of a batch: one for each sample, and one that compares the samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spectra.batch import Batch
    from spectra.summary import Summary

__all__ = ["write_batch_page", "write_pages", "write_sample_page"]


def write_sample_page(
    batch: Batch,
    sample: str,
    path: str | Path,
    *,
    summary: Summary | None = None,
    batch_page: str | Path | None = None,
) -> Path:
    """Write the page of one sample: all its techniques over the common axis of the batch.

    Parameters
    ----------
    batch : Batch
    sample : str
        Its name.
    path : path
    summary : Summary, optional
        That of the batch, if it is at hand.
    batch_page : path, optional
        The page that compares the samples; a link leads to it.

    Raises
    ------
    KeyError
        If the batch has no such sample.
    StoreError
        If the page cannot be written.
    """
    from spectra.report.batch.sample_page import sample_text
    from spectra.report.shell import write_text

    return write_text(Path(path), sample_text(batch, sample, Path(path), summary, batch_page))


def write_batch_page(
    batch: Batch,
    path: str | Path,
    *,
    summary: Summary | None = None,
    pages: Mapping[str, Path] | None = None,
) -> Path:
    """Write the page that compares the samples.

    Parameters
    ----------
    batch : Batch
    path : path
    summary : Summary, optional
        That of the batch, if it is at hand.
    pages : mapping of sample to path, optional
        Pages of the samples, to which links lead.

    Raises
    ------
    StoreError
        If the page cannot be written.
    """
    from spectra.report.batch.batch_page import batch_text
    from spectra.report.shell import write_text

    return write_text(Path(path), batch_text(batch, Path(path), summary, pages or {}))


def write_pages(batch: Batch, folder: str | Path, *, summary: Summary | None = None) -> Path:
    """Write ``index.html``, which compares the samples, and a page beside it for each of them.

    Returns
    -------
    Path
        The page that compares the samples.

    Raises
    ------
    StoreError
        If a page cannot be written.
    """
    from spectra.report.batch.links import page_paths
    from spectra.summary import sample_summary

    summary = summary or sample_summary(batch)
    index = Path(folder) / "index.html"
    pages = page_paths([s.name for s in batch.sheet.samples], Path(folder))
    for sample, path in pages.items():
        write_sample_page(batch, sample, path, summary=summary, batch_page=index)
    return write_batch_page(batch, index, summary=summary, pages=pages)
