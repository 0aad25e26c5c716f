"""Logs of cyclers: real ones of BioLogic, small ones in the layouts of other makers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectra import Stack, Variable
from spectra.cyclers import read_cycler
from spectra.cyclers.record import Cycler, find_gaps
from spectra.errors import DataWarning, ReaderError
from spectra.operando import align

MPT = (
    "EC-Lab ASCII FILE\nNb header lines : 5\n\n"
    "Acquisition started on : 07/26/2022 22:38:30.190\n"
    "mode\ttime/s\tEwe/V\t<I>/mA\t(Q-Qo)/mA.h\n"
    "1\t0,0E+000\t3,5E+000\t1,0E+000\t0,0\n"
    "1\t1,0E+001\t3,6E+000\t1,0E+000\t2,8E-003\n"
    "1\t2,0E+001\t3,7E+000\t-1,0E+000\t5,6E-003\n"
)
LAYOUTS = {
    "arbin": (
        "Data_Point,Date_Time,Test_Time(s),Step_Index,Cycle_Index,Current(A),Voltage(V),"
        "Charge_Capacity(Ah)\n"
        "1,2024-03-01 12:00:00,0.0,1,1,0.001,3.0,0\n"
        "2,2024-03-01 12:00:10,10.0,1,1,0.001,3.1,0.0\n"
        "3,2024-03-01 12:00:20,20.0,2,1,-0.001,3.2,0.0\n"
    ),
    "neware": (
        "DataPoint\tStep Type\tTime\tTotal Time\tCurrent(mA)\tVoltage(V)\tDate\n"
        "1\tCC Chg\t00:00:00\t0:00:00\t1.0\t3.0\t2024-03-01 12:00:00\n"
        "2\tCC Chg\t00:00:10\t0:00:10.0\t1.0\t3.1\t2024-03-01 12:00:10\n"
        "3\tCC DChg\t00:00:00\t0:00:20\t1.0\t3.2\t2024-03-01 12:00:20\n"
    ),
    "neware_of_steps": (
        "工步类型,时间,电流(mA),电压(V),绝对时间\n"
        "恒流充电,0:00:00,1.0,3.0,2024-03-01 12:00:00\n"
        "恒流充电,0:00:10,1.0,3.1,2024-03-01 12:00:10\n"
        "恒流放电,0:00:00,1.0,3.2,2024-03-01 12:00:20\n"
    ),
    "land": (
        "Record;State;Test/Sec;Voltage/V;Current/mA;SysTime\n"
        "1;C_CC;0;3,0;1,0;x\n2;C_CC;10;3,1;1,0;x\n3;D_CC;20;3,2;-1,0;x\n"
    ),
}


def write(tmp_path, text, encoding="utf-8", name="log.txt"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("maker", LAYOUTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_layouts_of_makers(tmp_path, maker, encoding):
    record = read_cycler(write(tmp_path, LAYOUTS[maker], encoding))
    np.testing.assert_allclose(np.diff(record.time), 10.0)
    np.testing.assert_allclose(record.voltage, [3.0, 3.1, 3.2])
    np.testing.assert_allclose(record.current, [1e-3, 1e-3, -1e-3])
    assert record.absolute == (maker != "land")


def test_biologic(tmp_path):
    record = read_cycler(write(tmp_path, MPT, "latin-1", "a.mpt"))
    assert record.absolute
    assert record.time[0] == pytest.approx(1658875110.190)
    np.testing.assert_allclose(record.current, [1e-3, 1e-3, -1e-3])
    np.testing.assert_allclose(record.capacity, [0, 2.8e-3, 5.6e-3])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Nb header lines : 5", "no number", "number of header lines"),
        ("Nb header lines : 5", "Nb header lines : 500", "cut off"),
        ("07/26/2022 22:38:30.190", "soon", "expected a date"),
        ("<I>/mA", "<I>/kN", "unit 'kn'"),
        ("3,6E+000", "3,6E+0O0", r"line 7.*column Ewe/V"),
        ("1,0E+001", "-1,0E+001", "the time falls"),
    ],
)
def test_damaged_biologic_logs_are_explained(tmp_path, old, new, message):
    with pytest.raises(ReaderError, match=message):
        read_cycler(write(tmp_path, MPT.replace(old, new), "latin-1"))


def test_logs_are_joined_in_the_order_of_their_times(tmp_path):
    first = write(tmp_path, MPT, "latin-1", "a.mpt")
    later = MPT.replace("22:38:30.190", "22:48:30.190")
    second = write(tmp_path, later, "latin-1", "b.mpt")
    record = read_cycler([second, first])
    assert len(record.time) == 6
    assert find_gaps(record.time).tolist() == [False, False, True, False, False]
    overlapping = write(tmp_path, MPT.replace("22:38:30.190", "22:38:45"), "latin-1", "c.mpt")
    with pytest.raises(ReaderError, match=r"5\.19 s before"):
        read_cycler([first, overlapping])
    relative = write(tmp_path, LAYOUTS["land"], name="d.txt")
    with pytest.raises(ReaderError, match="no absolute times"):
        read_cycler([first, relative])
    with pytest.raises(ReaderError, match="list of logs is empty"):
        read_cycler([])


def frames(times):
    y = np.ones((len(times), 5))
    return Stack.from_arrays(
        np.arange(5.0), y, variables={"time": Variable(np.array(times, float), "s")}
    )


def test_a_gap_is_not_interpolated():
    time = np.concatenate([np.arange(0.0, 1000, 10), np.arange(5000.0, 6000, 10)])
    record = Cycler(time, 3 + time / 1e4, np.full(time.size, 1e-3), None, False, "log")
    with (
        pytest.warns(DataWarning, match="1 of 3 frames lie outside"),
        pytest.warns(DataWarning, match="1 gaps"),
    ):
        found = align(frames([500.0, 3000.0, 5500.0]), record)
    assert np.isnan(found.variables["voltage"].values).tolist() == [False, True, False]
    # 990 s and 500 s of 1 mA, nothing in between.
    assert found.variables["charge"].values[2] == pytest.approx(1490e-3 / 3.6, rel=1e-6)


def test_a_missing_sample_is_bridged_and_poisons_nothing():
    time = np.arange(0.0, 1000, 10)
    whole = Cycler(time, 3 + time / 1e4, np.full(time.size, 1e-3), None, False)
    voltage, current = whole.voltage.copy(), whole.current.copy()
    voltage[20], current[30] = np.nan, np.nan
    broken = Cycler(time, voltage, current, None, False)
    one, other = (align(frames([200.0, 300.0, 900.0]), c) for c in (whole, broken))
    for name in ("voltage", "current", "charge"):
        np.testing.assert_allclose(
            other.variables[name].values, one.variables[name].values, rtol=1e-12
        )


def test_units_that_are_not_known_are_refused(tmp_path):
    path = write(tmp_path, "time/s,Ewe/furlong\n0,3\n1,4\n")
    with pytest.raises(ReaderError, match=r"'furlong'.*one of v, mv"):
        read_cycler(path)
    bare = read_cycler(write(tmp_path, "time,voltage\n0,3\n1,4\n"))
    assert bare.voltage.tolist() == [3, 4]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=60), st.sampled_from(["", MPT, *LAYOUTS.values()]), st.integers(0, 400))
def test_any_text_gives_numbers_or_a_reader_error(tmp_path_factory, noise, base, at):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_text(base[:at] + noise + base[at:], encoding="utf-8", errors="surrogatepass")
    try:
        record = read_cycler(path)
    except ReaderError:
        return
    assert np.isfinite(record.time).all()
    assert (np.diff(record.time) > 0).all()


@pytest.mark.realdata
def test_two_real_logs_of_one_cell(data):
    folder = data / "xas" / "lno_operando"
    logs = [folder / f"220726cell4operandoxas{part}_C06.mpt" for part in ("", "continuation")]
    record = read_cycler(logs)
    assert record.absolute
    assert 2.9 < np.nanmin(record.voltage) < np.nanmax(record.voltage) < 4.4
    # Set currents of 154 and 385 µA.
    assert np.nanmedian(np.abs(record.current)) == pytest.approx(1.54e-4, rel=2.0)
    single = read_cycler(logs[0])
    counted = single.charge()
    assert np.corrcoef(counted, single.capacity)[0, 1] > 0.999
    np.testing.assert_allclose(counted[-1], single.capacity[-1], atol=0.02)
    times = np.load(folder / "lno_nik_pos1.npz")["unix_time"]
    with pytest.warns(DataWarning):
        # The cycler's clock is local time, two hours ahead of the spectra's.
        found = align(frames(times.tolist()), record, offset=7200.0)
    voltage = found.variables["voltage"].values
    assert np.isfinite(voltage).mean() > 0.9
