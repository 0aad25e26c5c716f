"""Larch as the referee of EXAFS."""

from __future__ import annotations

import warnings

import pytest


@pytest.fixture(scope="session")
def larch():
    """Larch's functions on EXAFS; its import takes seconds and silences warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import larch.xafs
    return larch.xafs
