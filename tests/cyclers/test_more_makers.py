"""Maccor, Basytec, Novonix and the Battery Data Format, in small tables of our own."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.cyclers import read_cycler
from spectra.errors import ReaderError

MOMENT = 1709294400.0  # 2024-03-01 12:00:00

MACCOR = (
    "Today's Date 03/15/2024  Date of Test:\t03/01/2024\t Filename:\tC:\\cell.001\tComment: \t\n"
    "Rec#\tCyc#\tStep\tTest (Min)\tStep (Min)\tAmp-hr\tWatt-hr\tAmps\tVolts\tState\tES\tDPt Time\n"
    "1\t0\t1\t0.0000\t0.0000\t0.0000\t0.0\t0.0000\t3.5000\tR\t0\t12:00:00\n"
    "2\t0\t2\t1.0000\t1.0000\t0.0010\t0.0\t0.0600\t3.6000\tC\t1\t12:01:00\n"
    "3\t0\t2\t2.0000\t2.0000\t0.0020\t0.0\t0.0600\t3.7000\tC\t1\t12:02:00\n"
    "4\t1\t3\t3.0000\t1.0000\t0.0005\t0.0\t0.0300\t3.4000\tD\t1\t12:03:00\n"
)
NEWER = (
    "Today's Date:\t15 March 2024\tDate of Test:\t01 March 2024, 12:00:00 PM\n"
    "Filename:\tcell\tTester Channel:\t1\n"
    "Rec\tCycle P\tCycle C\tStep\tTestTime\tStepTime\tCap. [Ah]\tCurrent [A]\tVoltage [V]\tMd\tES"
    "\tDPt Time\t\n"
    "1\t0\t0\t1\t  0d 00:00:0\t  0d 00:00:0\t0.000\t0.000\t3.5\tR\t0\t03/01/2024 12:00:00\t\n"
    "2\t0\t0\t2\t  0d 00:01:0.05000019073486\t  0d 00:01:0\t0.001\t0.060\t3.6\tC\t1"
    "\t03/01/2024 12:01:00\t\n"
    "3\t0\t1\t3\t  0d 00:02:0.1\t  0d 00:01:0\t0.0005\t0.030\t3.4\tD\t1\t03/01/2024 12:02:00\t\n"
)
BASYTEC = (
    "~Resultfile from Basytec Battery Test System\n~\n~Name of Test: test\n"
    "~Start of Test: 01.03.2024 12:00:00\n~\n"
    "~Time[s]\tDataSet\tt-Step[s]\tLine\tCommand\tU[V]\tI[A]\tAh[Ah]\tAh-Step\tT1[°C]\tCyc-Count\n"
    "0\t1\t0\t3\tPause\t3.5\t0\t0\t0\t25.1\t0\n"
    "60\t2\t60\t4\tCharge\t3.6\t0.06\t0.001\t0.001\t25.1\t1\n"
    "120\t3\t60\t5\tDischarge\t3.4\t-0.03\t5E-4\t-5E-4\t25.1\t1\n"
)
NOVONIX = (
    "[Summary]\nNovonix UHPC data file\nStarted: 2024-03-01 12:00:00\nCapacity (Ah): 5\n"
    '[End Summary]\n[Protocol]\n{"Steps":[{"LeftSideCondition":"step time","Voltage":"4.2"}]}\n'
    "[End Protocol]\n[Data]\n"
    "Date and Time,Cycle Number,Step Type,Run Time (h),Step Time (h),Current (A),Potential (V),"
    "Capacity (Ah),Temperature (°C)\n"
    "2024-03-01 12:00:00,1,7,0.0000000,0.0000000,0.0000,3.5,0.0000,24.6\n"
    "2024-03-01 12:01:00,1,7,0.0166667,0.0166667,0.0600,3.6,0.0010,24.6\n"
    "2024-03-01 12:02:00,1,8,0.0333333,0.0166667,-0.0300,3.4,0.0005,24.6\n"
)


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "log.txt"
    path.write_bytes(text.encode(encoding))
    return path


def test_maccor_takes_the_day_from_the_header(tmp_path):
    log = read_cycler(write(tmp_path, MACCOR.replace("\n", "\r\n")))
    assert (log.maker, log.absolute, log.started) == ("Maccor", True, MOMENT)
    assert (log.time - MOMENT).tolist() == [0, 60, 120, 180]
    assert log.voltage.tolist() == [3.5, 3.6, 3.7, 3.4]
    np.testing.assert_allclose(log.current, [0, 0.06, 0.06, -0.03])
    np.testing.assert_allclose(log.capacity, [0, 1, 2, 1.5])
    assert log.cycle.tolist() == [0, 0, 0, 1]


def test_maccor_without_a_day_is_relative(tmp_path):
    log = read_cycler(write(tmp_path, MACCOR.replace("Date of Test:\t03/01/2024", "")))
    assert (log.absolute, log.started) == (False, None)
    assert log.time.tolist() == [0, 60, 120, 180]


def test_newer_maccor(tmp_path):
    log = read_cycler(write(tmp_path, NEWER))
    assert (log.maker, log.absolute, log.started) == ("Maccor", True, MOMENT)
    np.testing.assert_allclose(log.time - MOMENT, [0, 60.05, 120.1], atol=1e-6)
    np.testing.assert_allclose(log.current, [0, 0.06, -0.03])
    np.testing.assert_allclose(log.capacity, [0, 1, 0.5])
    assert log.cycle.tolist() == [0, 0, 1]


def test_basytec_counts_the_balance_of_charge(tmp_path):
    log = read_cycler(write(tmp_path, BASYTEC, "latin-1"))
    assert (log.maker, log.absolute, log.started) == ("Basytec", True, MOMENT)
    assert (log.time - MOMENT).tolist() == [0, 60, 120]
    np.testing.assert_allclose(log.current, [0, 0.06, -0.03])
    np.testing.assert_allclose(log.capacity, [0, 1, 0.5])


def test_novonix_titles_stand_below_a_protocol(tmp_path):
    log = read_cycler(write(tmp_path, NOVONIX))
    assert (log.absolute, log.started) == (True, MOMENT)
    np.testing.assert_allclose(log.time - MOMENT, [0, 60, 120], atol=1e-3)
    assert log.voltage.tolist() == [3.5, 3.6, 3.4]
    np.testing.assert_allclose(log.current, [0, 0.06, -0.03])
    np.testing.assert_allclose(log.capacity, [0, 1, 0.5])


@pytest.mark.parametrize(
    "titles",
    [
        "Unix Time / s,Voltage / V,Current / A,Charging Capacity / Ah,Discharging Capacity / Ah",
        "unix_time_second,voltage_volt,current_ampere,charging_capacity_ah,discharging_capacity_ah",
    ],
)
def test_the_battery_data_format(tmp_path, titles):
    rows = "".join(
        f"{MOMENT + 60 * i:.0f},{v},{c},{a},{b}\n"
        for i, (v, c, a, b) in enumerate(
            ((3.5, 0, 0, 0), (3.6, 0.06, 0.001, 0), (3.4, -0.03, 0.001, 5e-4))
        )
    )
    log = read_cycler(write(tmp_path, f"{titles}\n{rows}"))
    assert log.absolute
    assert (log.time - MOMENT).tolist() == [0, 60, 120]
    np.testing.assert_allclose(log.current, [0, 0.06, -0.03])
    np.testing.assert_allclose(log.capacity, [0, 1, 0.5])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (MACCOR.replace("\t3.7000", "\tx"), "line 5, column 'Voltage .V.'"),
        (BASYTEC.replace("U[V]", "U"), "column 'U': a column without a unit"),
        (BASYTEC[: BASYTEC.index("0\t1\t0\t3")], "0 rows; expected at least two"),
    ],
)
def test_damaged_logs_are_refused(tmp_path, text, match):
    with pytest.raises(ReaderError, match=match):
        read_cycler(write(tmp_path, text))
