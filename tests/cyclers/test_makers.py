"""Each maker's layout, written by hand after the published titles, arrives in s, V, A, mAh."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from spectra.cyclers import read_cycler
from spectra.errors import DataWarning, ReaderError

MOMENT = 1709294400.0  # 2024-03-01 12:00:00

MPT = """EC-Lab ASCII FILE
Nb header lines : 8

Galvanostatic Cycling with Potential Limitation

Acquisition started on : 03/01/2024 12:00:00.250
Electrode surface area : 1,000 cm²
mode\tox/red\tNs\ttime/s\t(Q-Qo)/mA.h\tEwe/V\t<I>/mA\tcycle number\tCapacity/µF\t
3\t1\t0\t0,000E+000\t0,000E+000\t3,5000E+000\t0,000E+000\t0,0E+000\t1,0
1\t1\t1\t1,000E+001\t1,000E+000\t3,6000E+000\t3,600E+002\t0,0E+000\t1,0
1\t0\t2\t3,000E+001\t-1,000E+000\t3,4000E+000\t-3,600E+002\t1,0E+000\t1,0
"""


def write(tmp_path, text, encoding="utf-8", name="log.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def test_biologic(tmp_path):
    log = read_cycler(write(tmp_path, MPT.replace("\n", "\r\n"), "latin-1", "log.mpt"))
    assert (log.maker, log.absolute, log.mean_current) == ("BioLogic", True, True)
    assert log.started == MOMENT + 0.25
    assert (log.time - log.started).tolist() == [0, 10, 30]
    assert log.voltage.tolist() == [3.5, 3.6, 3.4]
    np.testing.assert_allclose(log.current, [0, 0.36, -0.36])
    assert log.capacity.tolist() == [0, 1, -1]
    np.testing.assert_allclose(log.charge(), [0, 1, -1])
    assert log.cycle.tolist() == [0, 0, 1]


def test_biologic_is_told_by_its_content_not_its_name(tmp_path):
    assert read_cycler(write(tmp_path, MPT, "latin-1", "log.txt")).maker == "BioLogic"


@pytest.mark.parametrize("date", ["03.01.2024 12:00:00", "03-01-2024 12:00:00.000"])
def test_biologic_puts_the_month_first_whatever_the_dots(tmp_path, date):
    text = MPT.replace("03/01/2024 12:00:00.250", date)
    assert read_cycler(write(tmp_path, text, "latin-1")).started == MOMENT


def test_biologic_at_open_circuit_has_no_current(tmp_path):
    text = MPT.replace("Galvanostatic Cycling with Potential Limitation", "Open Circuit Voltage")
    text = text.replace("<I>/mA", "dI")
    log = read_cycler(write(tmp_path, text, "latin-1"))
    assert log.current.tolist() == [0, 0, 0]
    text = MPT.replace("<I>/mA", "dI")
    assert np.isnan(read_cycler(write(tmp_path, text, "latin-1")).current).all()


def test_biologic_without_a_start_stays_relative(tmp_path):
    lines = MPT.splitlines(keepends=True)
    text = lines[0] + "Nb header lines : 3\n" + "".join(lines[7:])
    log = read_cycler(write(tmp_path, text, "latin-1"))
    assert (log.absolute, log.started, log.time[1]) == (False, None, 10.0)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (("Nb header lines : 8", "Nb header lines"), "line 2: .*expected 'Nb header lines : N'"),
        (("lines : 8", "lines : 80"), "the file ends at line 11; expected titles in line 80"),
        (("03/01/2024", "13/01/2024"), "line 6, 'Acquisition started on': '13/01/2024"),
        (("3,6000E", "3.6000E"), "line 10, column 'Ewe/V': decimal commas and points are mixed"),
        (("3,6000E", "3,6x00E"), "line 10, column 'Ewe/V': '3,6x00E.000'; expected a number"),
        (("1,000E+001", "4,000E+001"), "line 11: the time falls from 40 to 30 s"),
        (("1,000E+001", ""), "line 10, column 'time/s': ''; expected a time"),
        (("Ewe/V", "Ewe/kV"), "column 'Ewe/kV': unit 'kV'; expected one of V, mV, µV; say it"),
    ],
)
def test_damaged_biologic_files(tmp_path, change, match):
    with pytest.raises(ReaderError, match=match):
        read_cycler(write(tmp_path, MPT.replace(*change), "latin-1"))


def test_a_cut_header_is_said(tmp_path):
    text = "".join(MPT.splitlines(keepends=True)[:5])
    with pytest.raises(ReaderError, match=r"ends at line 4; expected titles in line 8 .* is cut"):
        read_cycler(write(tmp_path, text, "latin-1"))


ARBIN = """Data_Point,Test_Time(s),Date_Time,Step_Time(s),Step_Index,Cycle_Index,Current(A),\
Voltage(V),Charge_Capacity(Ah),Discharge_Capacity(Ah),Charge_Energy(Wh),dV/dt(V/s)
1,0.5,{0} 12:00:00,0.5,1,1,0.0,3.45,0.0,0.0,0.0,0
2,30.25,{0} 12:00:30,30.25,1,1,0.55,3.58,0.0045,0.0,0.016,0
3,60.75,{0} 12:01:00,30.5,2,1,-0.55,3.50,0.0045,0.0025,0.016,0
4,90.25,{0} 12:01:30,60.0,2,2,-0.55,3.40,0.0005,0.0030,0.016,0
"""


@pytest.mark.parametrize("date", ["2024-03-01", "03/01/2024"])
@pytest.mark.parametrize("spaced", [False, True])
def test_arbin(tmp_path, date, spaced):
    text = ARBIN.format(date)
    if spaced:
        text = text.replace("_", " ").replace("(", " (")
    log = read_cycler(write(tmp_path, text, "utf-8-sig"))
    assert (log.maker, log.absolute, log.started) == ("Arbin", True, MOMENT)
    # The dates are to the second; the fractions come from the test time.
    assert (log.time - MOMENT).tolist() == [0, 29.75, 60.25, 89.75]
    assert log.voltage.tolist() == [3.45, 3.58, 3.5, 3.4]
    assert log.current.tolist() == [0, 0.55, -0.55, -0.55]
    # Charged minus discharged; a counter that was set back goes on.
    np.testing.assert_allclose(log.capacity, [0, 4.5, 2.0, 2.0])
    assert log.cycle.tolist() == [1, 1, 1, 2]


def test_dates_stand_where_the_test_was_paused(tmp_path):
    text = ARBIN.format("2024-03-01").replace("12:01:30", "13:01:30")
    assert (read_cycler(write(tmp_path, text)).time - MOMENT).tolist() == [0, 30, 60, 3690]


def test_dates_that_excel_has_spoilt_leave_the_clock_relative(tmp_path):
    text = ARBIN.format("2024-03-01").replace("2024-03-01 12:0", "45352.")
    with pytest.warns(DataWarning, match=r"line 2, column 'Date_Time' .* stays relative"):
        log = read_cycler(write(tmp_path, text))
    assert (log.absolute, log.time[0]) == (False, 0.5)


BTSDA = """DataPoint,Cycle Index,Step Index,Step Type,Time,Total Time,Current(A),Voltage(V),\
Capacity(Ah),Spec. Cap.(mAh/g),Chg. Cap.(Ah),DChg. Cap.(Ah),Energy(Wh),Date,Power(W),
1,1,1,Rest,00:00:00,00:00:00,0.0000,3.20,0.000,0,0.000,0.000,0,2024-03-01 12:00:00,0,
2,1,1,Rest,00:00:10,00:00:10,0.0000,3.20,0.000,0,0.000,0.000,0,2024-03-01 12:00:10,0,
3,1,2,CC Chg,00:00:00,00:00:10.5,0.0360,3.30,0.000,0,0.000,0.000,0,2024-03-01 12:00:10,0,
4,1,2,CC Chg,00:01:40,00:01:50,0.0360,3.40,0.001,9,0.001,0.000,0,2024-03-01 12:01:50,0,
5,1,3,CC DChg,00:00:50,00:02:40,-0.0360,3.10,0.0005,4,0.000,0.0005,0,2024-03-01 12:02:40,0,
"""
_CHINESE = {
    "DataPoint": "数据序号",
    "Cycle Index": "循环号",
    "Step Index": "工步号",
    "Step Type": "工步类型",
    "DChg. Cap.": "放电容量",
    "Chg. Cap.": "充电容量",
    "Spec. Cap.": "比容量",
    "Total Time": "总时间",
    "Time": "时间",
    "Current": "电流",
    "Voltage": "电压",
    "Capacity": "容量",
    "Date": "绝对时间",
    "CC DChg": "恒流放电",
    "CC Chg": "恒流充电",
    "Rest": "搁置",
}


def chinese(text):
    for english, word in _CHINESE.items():
        text = text.replace(english, word)
    return text


def check_neware(log):
    assert (log.maker, log.absolute) == ("Neware", True)
    np.testing.assert_allclose(log.time - MOMENT, [0, 10, 10.5, 110, 160])
    assert log.voltage.tolist() == [3.2, 3.2, 3.3, 3.4, 3.1]
    np.testing.assert_allclose(log.current, [0, 0, 0.036, 0.036, -0.036])
    np.testing.assert_allclose(log.capacity, [0, 0, 0, 1, 0.5])


def test_neware_flat(tmp_path):
    check_neware(read_cycler(write(tmp_path, BTSDA)))


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-16", "utf-16-le"])
def test_neware_in_chinese(tmp_path, encoding):
    text = chinese(BTSDA.replace("DataPoint", "No"))
    check_neware(read_cycler(write(tmp_path, text, encoding)))


def test_neware_without_signs(tmp_path):
    check_neware(read_cycler(write(tmp_path, BTSDA.replace("-0.0360", "0.0360"))))
    text = chinese(BTSDA.replace("-0.0360", "0.0360").replace("DataPoint", "No"))
    check_neware(read_cycler(write(tmp_path, text, "gb18030")))


def test_neware_steps_whose_time_starts_anew(tmp_path):
    text = BTSDA.replace("Total Time", "Unused").replace(",Date,", ",Unused2,")
    log = read_cycler(write(tmp_path, text))
    assert not log.absolute
    assert log.time.tolist() == [0, 10, 110, 160]


def test_neware_without_numbers_of_cycles(tmp_path):
    text = "工步类型,时间,电流(mA),电压(V),绝对时间\n恒流充电,0:00:00,1.0,3.0,2024-03-01 12:00:00\n"
    text += "恒流充电,0:00:10,1.0,3.1,2024-03-01 12:00:10\n"
    text += "恒流放电,0:00:00,1.0,3.2,2024-03-01 12:00:20\n"
    log = read_cycler(write(tmp_path, text, "gb18030"))
    assert (log.maker, log.cycle, log.capacity) == ("Neware", None, None)
    assert (log.time - MOMENT).tolist() == [0, 10, 20]
    np.testing.assert_allclose(log.current, [1e-3, 1e-3, -1e-3])


NESTED = """Cycle ID{s}Cap_Chg(mAh){s}Cap_DChg(mAh)
{s}Step ID{s}Step Name{s}Step Time(h:min:s.ms)
{s}{s}Record ID{s}Time(h:min:s.ms){s}Vol(mV){s}Cur(mA){s}Cap(uAh){s}CmpCap(mAh/g){s}Realtime
1{s}10{s}5
{s}1{s}CC_Chg{s}0:01:40.000
{s}{s}1{s}0:00:00.000{s}3000{s}36{s}0{s}0{s}2024-03-01 12:00:00
{s}{s}2{s}0:01:40.000{s}3500{s}36{s}1000{s}0{s}2024-03-01 12:01:40
{s}2{s}CC_DChg{s}0:00:50.000
{s}{s}3{s}0:00:50.000{s}3200{s}36{s}500{s}0{s}2024-03-01 12:02:30
2{s}10{s}5
{s}3{s}Rest{s}0:00:10.000
{s}{s}4{s}0:00:10.000{s}3210{s}0{s}0{s}0{s}2024-03-01 12:02:40
"""


@pytest.mark.parametrize("separator", ["\t", ","])
def test_neware_nested(tmp_path, separator):
    log = read_cycler(write(tmp_path, NESTED.format(s=separator)))
    assert (log.maker, log.absolute) == ("Neware", True)
    assert (log.time - MOMENT).tolist() == [0, 100, 150, 160]
    assert log.voltage.tolist() == [3.0, 3.5, 3.2, 3.21]
    np.testing.assert_allclose(log.current, [0.036, 0.036, -0.036, 0])
    np.testing.assert_allclose(log.capacity, [0, 1, 0.5, 0.5])
    assert log.cycle.tolist() == [1, 1, 1, 2]


def test_neware_nested_in_chinese_without_dates(tmp_path):
    text = NESTED.format(s="\t").replace("Realtime", "Remark").replace("Cycle ID", "循环序号")
    text = text.replace("Step ID", "工步序号").replace("Step Name", "工步名称")
    text = text.replace("Record ID", "记录序号").replace("\tTime(", "\t时间(")
    text = text.replace("Vol(", "电压(").replace("Cur(", "电流(").replace("CC_DChg", "恒流放电")
    log = read_cycler(write(tmp_path, text, "gb18030"))
    assert log.time.tolist() == [0, 100, 150, 160]
    np.testing.assert_allclose(log.current, [0.036, 0.036, -0.036, 0])


def test_neware_nested_out_of_order(tmp_path):
    lines = NESTED.format(s="\t").splitlines(keepends=True)
    with pytest.raises(ReaderError, match="line 4: a record before the first cycle"):
        read_cycler(write(tmp_path, "".join(lines[:3] + lines[5:])))


LAND = """Index\tTestTime\tStepTime\tVoltage/V\tCurrent/mA\tCapacity/mAh\tSCapacity/mAh/g\t\
SysTime\tState
1\t0-00:00:00\t00:00:00\t3.0000\t0.0360\t0.0000\t0.0\t2024-03-01 12:00:00\tC_CC
2\t0-00:01:40\t00:01:40\t3.5000\t0.0360\t0.0010\t0.1\t2024-03-01 12:01:40\tC_CC
3\t0-00:02:30\t00:00:50\t3.2000\t{0}0.0360\t0.0005\t0.1\t2024-03-01 12:02:30\tD_CC
4\t1-00:00:00\t00:00:10\t3.2100\t0.0000\t0.0000\t0.0\t2024-03-02 12:00:00\tR
"""


@pytest.mark.parametrize("sign", ["", "-"])
def test_land(tmp_path, sign):
    log = read_cycler(write(tmp_path, LAND.format(sign), "gb18030", "log.txt"))
    assert (log.maker, log.absolute) == ("LAND", True)
    assert (log.time - MOMENT).tolist() == [0, 100, 150, 86400]
    assert log.voltage.tolist() == [3.0, 3.5, 3.2, 3.21]
    np.testing.assert_allclose(log.current, [3.6e-5, 3.6e-5, -3.6e-5, 0])
    np.testing.assert_allclose(log.capacity, [0, 1e-3, 0.5e-3, 0.5e-3])


def test_land_in_chinese_with_seconds(tmp_path):
    text = "记录序号,测试时间/Sec,电压/V,电流/uA,容量/mAh,比容量/mAh/g,工作模式\n"
    text += (
        "1,0,3.0,36,0,0,恒流充电\n2,100,3.5,36,0.001,0,恒流充电\n3,150,3.2,36,0.0005,0,恒流放电\n"
    )
    log = read_cycler(write(tmp_path, text, "gb18030"))
    assert (log.maker, log.absolute) == ("LAND", False)
    assert log.time.tolist() == [0, 100, 150]
    np.testing.assert_allclose(log.current, [3.6e-5, 3.6e-5, -3.6e-5])


def test_land_by_steps(tmp_path):
    titles, *rows = LAND.format("-").splitlines()
    step = "Index\tMode\tPeriod\tCapacity/mAh\n1\tC_CC\t00:01:40\t0.0010"
    text = "\n".join(["Cell 17", step, titles, *rows[:2], step, titles, *rows[2:], ""])
    flat = read_cycler(write(tmp_path, LAND.format("-")))
    nested = read_cycler(write(tmp_path, text, name="steps.txt"))
    for name in ("time", "voltage", "current", "capacity"):
        np.testing.assert_array_equal(getattr(nested, name), getattr(flat, name))


LAYOUTS = {
    "BioLogic": MPT,
    "Arbin": ARBIN.format("2024-03-01"),
    "Neware": BTSDA,
    "Neware in Chinese": chinese(BTSDA.replace("DataPoint", "No")),
    "Neware nested": NESTED.format(s="\t"),
    "LAND": LAND.format("-"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_file_cut_anywhere_gives_its_whole_rows_or_an_error(tmp_path, name):
    text = LAYOUTS[name]
    whole = read_cycler(write(tmp_path, text))
    lengths = set()
    for end in range(len(text)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            try:
                part = read_cycler(write(tmp_path, text[:end]))
            except ReaderError:
                continue
        rows = len(part.time)
        lengths.add(rows)
        for field in ("time", "voltage", "current", "capacity"):
            np.testing.assert_array_equal(getattr(part, field), getattr(whole, field)[:rows])
    assert lengths >= {2, len(whole.time) - 1}


def test_a_cut_last_line_is_told(tmp_path):
    with pytest.warns(DataWarning, match="line 11: the last line is cut short and left out"):
        assert len(read_cycler(write(tmp_path, MPT[:-5], "latin-1")).time) == 2
    with pytest.warns(DataWarning, match="line 12: .* the last '2024-03-01 12:02'"):
        assert len(read_cycler(write(tmp_path, NESTED.format(s=",")[:-4])).time) == 3
    text = "time/s,Ewe/V,I/mA\n0,3.0,1.0\n10,3.5,1.0\n20,4."
    with pytest.warns(DataWarning, match="line 4: the last line is cut short and left out"):
        assert len(read_cycler(write(tmp_path, text)).time) == 2
