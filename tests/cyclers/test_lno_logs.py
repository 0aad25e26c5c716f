"""The two EC-Lab logs of the LiNiO₂ cell measured at ROCK, and its XAS scans."""

from __future__ import annotations

import numpy as np
import pytest

from spectra import Stack, Variable
from spectra.cyclers import read_cycler
from spectra.errors import DataWarning, ReaderError
from spectra.operando import align

pytestmark = pytest.mark.realdata

LOGS = ("220726cell4operandoxas_C06.mpt", "220726cell4operandoxascontinuation_C06.mpt")


@pytest.fixture(scope="module")
def folder(data):
    return data / "xas" / "lno_operando"


@pytest.fixture(scope="module")
def joined(folder):
    return read_cycler([folder / name for name in LOGS])


def test_the_integral_equals_the_counter_of_the_cycler(folder):
    for name, rows, start in zip(
        LOGS, (6333, 1402), ("2022-07-26T22:38:30.190", "2022-07-28T13:31:45.341"), strict=True
    ):
        log = read_cycler(folder / name)
        assert len(log.time) == rows
        assert log.started == pytest.approx(np.datetime64(start, "ms").astype(float) / 1e3)
        assert log.time[0] == log.started
        np.testing.assert_allclose(log.charge(), log.capacity, atol=5e-7)
        # Rests each second, steps each 5 mV, otherwise 30 s: all of it recorded.
        assert len(log.gaps()) == 0


def test_the_logs_join_with_a_gap(folder, joined):
    assert joined.joints == (6333,)
    assert np.diff(joined.gaps()).tolist() == [[pytest.approx(26.506, abs=1e-3)]]
    assert joined.charge()[-1] == pytest.approx(0.8402033 + 0.8938358, abs=1e-6)
    assert np.nanmin(joined.voltage) > 2.9
    assert np.nanmax(joined.voltage) < 4.31
    assert joined.half_cycle()[-1] == 7
    with pytest.raises(ReaderError, match="begins 2022-07-26 22:38:30, before"):
        read_cycler([folder / LOGS[0], folder / LOGS[0]])


def test_the_scans_lie_on_the_joined_logs(folder, joined):
    scans = np.load(folder / "lno_nik_pos1.npz")
    energy, norm = scans["energy"], scans["norm"].astype(float)
    stack = Stack.from_arrays(energy, norm, variables={"time": Variable(scans["unix_time"], "s")})
    with pytest.warns(DataWarning, match="what passed in 1 gap of the cycler's currents"):
        frames = align(stack, joined)
    voltage, charge = frames.variables["voltage"].values, frames.variables["charge"].values
    assert np.isfinite(voltage).all()
    assert np.isfinite(charge).all()
    np.testing.assert_array_equal(
        voltage, np.interp(scans["unix_time"], joined.time, joined.voltage)
    )
    # Charging oxidises nickel: the edge follows the charge.
    above = np.argmax(norm > 0.5, axis=1)
    rows = np.arange(len(norm))
    low, high = norm[rows, above - 1], norm[rows, above]
    step = np.diff(energy)[above - 1]
    edge = energy[above - 1] + step * (0.5 - low) / (high - low)
    assert np.corrcoef(edge, charge)[0, 1] > 0.9
    first_charge = frames.variables["half_cycle"].values == 0
    assert np.corrcoef(edge[first_charge], charge[first_charge])[0, 1] > 0.95


def test_a_scan_between_the_logs_gets_nothing(joined):
    seam = joined.time[joined.joints[0]] - 10.0
    stack = Stack.from_arrays(
        np.arange(3.0),
        np.ones((2, 3)),
        variables={"time": Variable(np.array([seam, seam - 60]), "s")},
    )
    with pytest.warns(DataWarning, match="1 of 2 frames lie in a gap"):
        voltage = align(stack, joined).variables["voltage"].values
    assert np.isnan(voltage).tolist() == [True, False]
