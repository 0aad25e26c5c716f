"""Real kills of a real method with worker processes; `benchmarks.kills` does fifty of them."""

from __future__ import annotations

import pytest
from benchmarks.kills import Range

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="groups of processes")


@pytest.mark.slow
def test_killed_with_all_its_workers(tmp_path):
    place = Range(tmp_path, workers=2, n_frames=40)
    for frames, seconds in ((4, 0.0), (12, 0.03), (24, 0.01)):
        outcome = place.shoot(frames, seconds)
        assert outcome.found >= outcome.acknowledged >= frames
        assert outcome.identical
