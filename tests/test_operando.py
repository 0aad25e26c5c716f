"""Frames against electrochemistry."""

from __future__ import annotations

import numpy as np
import pytest

from spectra import Stack, Variable
from spectra.errors import DataWarning, ReaderError, SettingError
from spectra.operando import Cycler, align, read_cycler


def stack(times, **variables):
    y = np.ones((len(times), 5))
    made = {k: Variable(np.full(len(times), v), "s") for k, v in variables.items()}
    return Stack.from_arrays(
        np.arange(5.0), y, variables={"time": Variable(np.array(times, float), "s"), **made}
    )


def cycler(absolute=False, start=0.0):
    time = start + np.arange(0.0, 7201.0, 10.0)
    current = np.where(time - start < 3600, 1e-3, -1e-3)
    return Cycler(time, 3.0 + (time - start) / 7200, current, None, absolute)


def test_charge_is_the_integral_of_the_current():
    charge = cycler().charge()
    # 1 mA for an hour: 1 mAh, less half a step where the current turns.
    assert charge.max() == pytest.approx(1.0, abs=4e-3)
    assert charge[-1] == pytest.approx(0.0, abs=4e-3)
    assert cycler().half_cycle()[[0, -1]].tolist() == [0, 1]


def test_averages_over_the_exposure_are_exact():
    frames = align(stack([100.0, 1000.0], exposure=60.0), cycler(), offset_stderr=3.0)
    expected = 3.0 + np.array([130.0, 1030.0]) / 7200
    np.testing.assert_allclose(frames.variables["voltage"].values, expected, rtol=1e-12)
    np.testing.assert_allclose(frames.variables["voltage"].stderr, 3.0 / 7200, rtol=1e-6)
    assert frames.variables["direction"].values.tolist() == [1, 1]


def test_nothing_is_extrapolated():
    with pytest.warns(DataWarning, match="2 of 3 frames lie outside"):
        frames = align(stack([-50.0, 100.0, 7190.0]), cycler(), exposure=20.0)
    assert np.isnan(frames.variables["voltage"].values).tolist() == [True, False, True]


def test_composition_by_faraday():
    frames = align(
        stack([1800.0]), cycler(), mass=0.010, mass_stderr=1e-4, formula="FePO4", x_start=1.0
    )
    # 0.5 mAh = 1.8 C; M(FePO4) = 150.82 g/mol; F = 96485 C/mol.
    change = 1.8 * 150.82 / (96485.33 * 0.010)
    x = frames.variables["x"]
    assert x.values[0] == pytest.approx(1 - change, rel=1e-4)
    assert x.stderr[0] == pytest.approx(change * 0.01, rel=1e-3)
    assert frames.variables["capacity"].values[0] == pytest.approx(50.0, rel=1e-3)


def test_clocks_of_different_kinds_need_an_offset():
    with pytest.raises(SettingError, match=r"relative \(since a start\), the cycler's absolute"):
        align(stack([10.0]), cycler(absolute=True, start=1.7e9))
    frames = align(stack([10.0]), cycler(absolute=True, start=1.7e9), offset=1.7e9)
    assert frames.variables["voltage"].values[0] == pytest.approx(3 + 10 / 7200)
    bare = Stack.from_arrays(np.arange(5.0), np.ones((2, 5)))
    with pytest.raises(SettingError, match="carry no 'time'"):
        align(bare, cycler())
    with pytest.raises(SettingError, match="not understood"):
        align(stack([10.0]), cycler(), mass=0.01, formula="Xx9!")


@pytest.mark.parametrize(
    "text",
    [
        "time/s,Ewe/V,I/mA\n0,3.0,1.0\n3600,3.5,1.0\n7200,4.0,-1\n",
        "Time (h)\tVoltage (V)\tCurrent (A)\n0\t3,0\t0,001\n1\t3,5\t0,001\n2\t4,0\t-0,001\n",
        "time/s;Ewe/V;<I>/mA;extra\n0;3,0;1,0;a\n3600;3,5;1,0;b\n7200;4,0;-1,0;c\n",
    ],
)
def test_tables_of_cyclers(tmp_path, text):
    path = tmp_path / "c.csv"
    path.write_text(text, encoding="latin-1")
    record = read_cycler(path)
    np.testing.assert_allclose(record.time, [0, 3600, 7200])
    np.testing.assert_allclose(record.voltage, [3.0, 3.5, 4.0])
    if "<I>" not in text:
        np.testing.assert_allclose(record.current, [1e-3, 1e-3, -1e-3])


def test_dates_and_wrong_tables(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("time,Ewe/V\n2024-03-01 12:00:00,3\n2024-03-01 12:00:10,3.1\n")
    record = read_cycler(path)
    assert record.absolute
    assert np.diff(record.time)[0] == 10
    path.write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(ReaderError, match="columns a, b"):
        read_cycler(path)
    named = read_cycler(path, columns={"time": "a [s]", "voltage": "b [V]"})
    assert named.voltage.tolist() == [2, 4]
    path.write_text("time/s,Ewe/V\n5,3\n4,3\n6,3\n")
    with pytest.raises(ReaderError, match="the time falls"):
        read_cycler(path)
    path.write_text("time/s,Ewe/V\n5,3\n6,x\n")
    with pytest.raises(ReaderError, match="line 3"):
        read_cycler(path)


def test_frames_in_a_gap_get_nothing():
    whole = cycler()
    kept = (whole.time <= 3000) | (whole.time >= 4000)
    record = Cycler(whole.time[kept], whole.voltage[kept], whole.current[kept], None, False, "log")
    times = [2990.0, 2999.0, 3500.0, 3999.0, 4000.0, 7300.0]
    with pytest.warns(DataWarning) as told:
        frames = align(stack(times), record, exposure=5.0, mass=0.01)
    expected = [False, True, True, True, False, True]
    for name in ("voltage", "current", "charge", "half_cycle", "direction", "capacity"):
        assert np.isnan(frames.variables[name].values).tolist() == expected, name
    text = str(told[0].message)
    assert "1 of 6 frames lie outside the cycler's record" in text
    assert "3 of 6 frames lie in a gap of the cycler's record" in text
    assert "the longest of 1e+03 s" in text


def test_the_edges_of_a_gap_belong_to_the_record():
    record = Cycler(
        np.array([0.0, 10, 20, 30, 1000, 1010, 1020]), np.arange(7.0), np.zeros(7), None, False
    )
    frames = align(stack([30.0, 1000.0]), record)
    assert frames.variables["voltage"].values.tolist() == [3.0, 4.0]


def test_a_missing_sample_spoils_only_itself():
    whole = cycler()
    current, voltage = whole.current.copy(), whole.voltage.copy()
    current[50], voltage[60] = np.nan, np.nan
    record = Cycler(whole.time, voltage, current, None, False)
    np.testing.assert_allclose(record.charge(), whole.charge(), rtol=1e-12)
    with pytest.warns(DataWarning, match=r"1 of 721 rows .* have no current"):
        frames = align(stack([500.0, 600.0, 5000.0], exposure=30.0), record)
    same = align(stack([500.0, 600.0, 5000.0], exposure=30.0), whole)
    for name in ("voltage", "current", "charge"):
        np.testing.assert_allclose(
            frames.variables[name].values, same.variables[name].values, rtol=1e-12
        )


def test_long_stretches_without_a_current_are_nan_and_add_uncertainty():
    whole = cycler()
    current = whole.current.copy()
    current[100:200] = np.nan
    record = Cycler(whole.time, whole.voltage, current, None, False)
    charge, stderr = record.charge(), record.charge_stderr()
    assert np.isnan(charge).tolist() == np.isnan(current).tolist()
    # 1010 s at 1 mA are not counted, and may have passed or not.
    missed = 1.01 / 3.6
    assert charge[-1] == pytest.approx(whole.charge()[-1] - missed, abs=1e-9)
    assert stderr[:100].tolist() == [0.0] * 100
    np.testing.assert_allclose(stderr[200:], missed / np.sqrt(3))
    with pytest.warns(DataWarning, match=r"100 of 721 rows.*; what passed in 1 gap "):
        frames = align(stack([500.0, 1500.0, 5000.0]), record, mass=0.01, formula="FePO4")
    assert np.isnan(frames.variables["charge"].values).tolist() == [False, True, False]
    assert np.isnan(frames.variables["voltage"].values).tolist() == [False, False, False]
    np.testing.assert_allclose(
        frames.variables["charge"].stderr[[0, 2]], [0.0, missed / np.sqrt(3)]
    )
    assert frames.variables["x"].stderr[2] > 0


def test_capacity_begins_where_the_last_half_cycle_ended():
    frames = align(stack([3590.0, 3610.0, 7190.0]), cycler(), mass=1e-3)
    # 1 mA for 1 h into 1 mg: 1000 mAh/g, less half a step at the turn.
    np.testing.assert_allclose(frames.variables["capacity"].values, [997.2, 2.8, 995.8], atol=1.5)


@pytest.mark.parametrize(
    ("unit", "factor"), [("h", 3600.0), ("min", 60.0), ("ms", 1e-3), ("", 1.0)]
)
def test_times_are_taken_in_their_unit(unit, factor):
    seconds = np.array([600.0, 1800.0, 3000.0])
    plain = align(stack(seconds, exposure=120.0), cycler())
    told = stack(seconds).with_variables(
        time=Variable(seconds / factor, unit),
        exposure=Variable(np.full(3, 120.0 / factor), unit),
    )
    for name in ("voltage", "charge"):
        np.testing.assert_allclose(
            align(told, cycler()).variables[name].values, plain.variables[name].values, rtol=1e-9
        )


def test_a_time_in_no_unit_of_time_is_refused():
    odd = stack([0.0, 1.0]).with_variables(time=Variable(np.array([0.0, 1.0]), "V"))
    with pytest.raises(SettingError, match=r"variable 'time' is in 'V'; expected a unit of time"):
        align(odd, cycler())
