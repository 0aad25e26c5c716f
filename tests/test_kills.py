"""Real kills of a real method with worker processes; `benchmarks.kills` does fifty of them."""

from __future__ import annotations

import pytest
from benchmarks.kills import Range

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="groups of processes")


@pytest.mark.slow
def test_killed_with_all_its_workers(tmp_path):
    place = Range(tmp_path, workers=4, n_frames=120)
    for part in (0.5, 0.7, 0.9):
        outcome = place.shoot(part)
        assert outcome.found >= outcome.acknowledged
        assert outcome.identical
