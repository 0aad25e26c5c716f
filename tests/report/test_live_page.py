"""The page of a watch in a real browser: letters to read and points to see, also on a phone."""

from __future__ import annotations

import pytest
from headless import running
from tests.test_watch import Clock, recipe_of, write_pattern

from spectra.report.live import write_live_page
from spectra.watch import Watch


@pytest.mark.browser
def test_letters_keep_their_size_and_points_stand_inside(tmp_path):
    clock, path = Clock(), tmp_path / "live.html"
    with Watch(recipe_of(tmp_path, "*.xye"), clock=clock) as watching:
        for frame in range(5):
            write_pattern(tmp_path / f"a_{frame}.xye", frame)
        for _ in range(4):
            clock.time += 2.0
            watching.poll()
        write_live_page(watching, path, ended="done")
    with running(tmp_path / "profile") as tab:
        for width in (360, 1280):
            tab.open(path, width=width)
            letters = "document.querySelector('.chart text').getBoundingClientRect().height"
            assert tab.js(letters) > 12.0
            first, frame = (
                tab.js(f"document.querySelector('.chart {part}').getBoundingClientRect().left")
                for part in ("circle", ".frame")
            )
            assert first > frame
            assert tab.js("document.documentElement.scrollWidth") <= width
            assert tab.complaints == []
