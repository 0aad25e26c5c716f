"""The structures that FEFF is run on once."""

from __future__ import annotations

import pytest

from spectra.xas import feff_paths


@pytest.fixture(scope="session")
def v2o3_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("feff") / "v2o3"


@pytest.fixture(scope="session")
def v2o3(session_cache, v2o3_folder):
    return feff_paths("V2O3", "V", radius=4.0, nleg=3, folder=v2o3_folder)


@pytest.fixture(scope="session")
def v2o5(session_cache):
    return feff_paths("V2O5", "V", radius=4.0, nleg=3)
