"""A cache of the test session's own for what FEFF calculates."""

from __future__ import annotations

import pytest

from spectra.xas.paths.cache import FOLDER_VARIABLE


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder))
        yield folder
