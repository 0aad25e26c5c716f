"""Shared fixtures: where the real measurements are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _data_folder() -> Path | None:
    """`$SPECTRA_DATA`, or ``../shared/data`` beside the project."""
    candidates = [os.environ.get("SPECTRA_DATA", ""), str(ROOT.parent / "shared" / "data")]
    return next((Path(c) for c in candidates if c and Path(c).is_dir()), None)


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of the real measurements; the test is skipped where they are missing."""
    folder = _data_folder()
    if folder is None:
        pytest.skip("real measurements not found: neither $SPECTRA_DATA nor ../shared/data exists")
    return folder


@pytest.fixture(scope="session")
def project_root() -> Path:
    """Folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(autouse=True)
def nothing_is_left_in_the_root():
    """A test that writes into the current folder fails by its own name."""
    before = set(os.listdir(ROOT))
    yield
    left = sorted(n for n in set(os.listdir(ROOT)) - before if not n.startswith("."))
    assert not left, f"{', '.join(left)} appeared in {ROOT}: write into tmp_path"
