"""Readers: files into a `Stack`, one format family per module."""

from __future__ import annotations

from spectra.readers.assemble import read, read_regions
from spectra.readers.frame import Frame, Reader, list_readers

__all__ = ["Frame", "Reader", "list_readers", "read", "read_regions"]
