"""Larch, imported once: it takes seconds and silences warnings for the whole process."""

from __future__ import annotations

import types
import warnings

import pytest


@pytest.fixture(scope="session")
def larch_xafs():
    """`Group`, `rebin_xafs` and `fluo_corr` of Larch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from larch import Group
        from larch.xafs import fluo, fluo_corr, rebin_xafs
    return types.SimpleNamespace(Group=Group, fluo=fluo, fluo_corr=fluo_corr, rebin_xafs=rebin_xafs)
