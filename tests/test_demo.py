"""The demo keeps its promises."""

from __future__ import annotations

import numpy as np
import pytest

from spectra import Status
from spectra.demo import CHANGE, DEAD_FRAME, DISPLACEMENT, RADIUS, compare, simulate
from spectra.results import Record
from spectra.xrd import Cell, Peaks, Strain


@pytest.mark.slow
def test_pulls_dead_frame_and_verdict():
    stack, truth, _ = simulate()
    assert stack.metadata["simulated"]
    assert "simulated" in stack.title.lower()
    assert np.ptp(truth.volume) / truth.volume.min() == pytest.approx(CHANGE, rel=1e-3)
    peaks = Peaks()(stack)
    method = Cell(
        phases=("K3V5O14",), standards=("Be",), corrections=("displacement",), radius=RADIUS
    )
    cell = method(peaks)
    strain = Strain()(cell)
    pulls, _ = compare(Record({"peaks": peaks, "cell": cell, "strain": strain}, stack), truth)
    good = pulls[np.isfinite(pulls)]
    assert good.size == stack.n_frames - 1
    # Four standard errors of the mean of so many pulls.
    assert good.mean() == pytest.approx(0, abs=0.2)
    assert good.std(ddof=1) == pytest.approx(1, abs=0.15)
    assert peaks.status[DEAD_FRAME] == Status.NO_SIGNAL
    assert np.isnan(cell["volume"][DEAD_FRAME, 0])
    assert np.nanmedian(cell["displacement"]) == pytest.approx(DISPLACEMENT, abs=2e-3)
    verdict = strain.attrs["verdict"]["K3V5O14"]
    assert verdict["differs_from_zero"]
    assert abs(verdict["max_change"] - CHANGE) < 3 * verdict["max_change_stderr"]
    assert "0.11" in verdict["sentence"]
