"""Plain tables, encodings, units, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectra.cyclers import read_cycler
from spectra.errors import DataWarning, ReaderError, SettingError

PLAIN = "time/s,Ewe/V,I/mA\n0,3.0,1.0\n10,3.5,1.0\n20,4.0,-1\n"


def read(tmp_path, text, **more):
    path = tmp_path / "c.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_cycler(path, **more)


@pytest.mark.parametrize(
    ("title", "factor"),
    [
        ("I/mA", 1e-3),
        ("Current (A)", 1.0),
        ("current [µA]", 1e-6),
        ("current [μA]", 1e-6),
        ("I / nA", 1e-9),
        ("current_mA", 1e-3),
        ('"Current (mA)"', 1e-3),
        ("电流（mA）", None),
    ],
)
def test_units_in_titles(tmp_path, title, factor):
    text = PLAIN.replace("I/mA", title)
    if factor is None:
        assert np.isnan(read(tmp_path, text).current).all()
    else:
        np.testing.assert_allclose(read(tmp_path, text).current, np.array([1, 1, -1]) * factor)


@pytest.mark.parametrize(
    ("title", "seen", "known", "remedy"),
    [
        ("I/pA", "unit 'pA'", "A, mA, µA, nA", r"columns={'current': 'I/pA \[A\]'}"),
        ("I", "a column without a unit", "A, mA, µA, nA", r"columns={'current': 'I \[A\]'}"),
    ],
)
def test_unknown_units_are_refused_and_can_be_said(tmp_path, title, seen, known, remedy):
    text = PLAIN.replace("I/mA", title)
    with pytest.raises(ReaderError, match=f"column '{title}': {seen}; expected one of {known}.*"):
        read(tmp_path, text)
    with pytest.raises(ReaderError, match=remedy):
        read(tmp_path, text)
    said = read(tmp_path, text, columns={"current": f"{title} [µA]"})
    np.testing.assert_allclose(said.current, [1e-6, 1e-6, -1e-6])


def test_specific_capacities_are_no_charge(tmp_path):
    text = "time/s,Ewe/V,capacity/mAh/g\n0,3,0\n1,3,100\n"
    assert read(tmp_path, text).capacity is None
    with pytest.raises(ReaderError, match="unit 'mAh/g'; expected one of mAh"):
        read(tmp_path, text, columns={"capacity": "capacity/mAh/g"})


def test_current_densities_yield_to_currents_and_are_refused_alone(tmp_path):
    text = "time/s,Ewe/V vs. Li/Li+,I/mA/g{}\n0,3,5,1\n1,3,5,1\n"
    record = read(tmp_path, text.format(",I/mA"))
    assert record.current.tolist() == [1e-3, 1e-3]
    assert record.voltage.tolist() == [3, 3]
    with pytest.raises(ReaderError, match="column 'I/mA/g': unit 'mA/g'; expected one of A, mA"):
        read(tmp_path, text.format(",I2"))


def test_a_counter_with_holes_goes_on(tmp_path):
    text = "DataPoint,Cycle ID,Step ID,Total Time(s),Current(mA),Voltage(V),Capacity(mAh)\n"
    rows = [(0, 1, 0), (1, 1, 2), (2, 1, ""), (3, 1, 4), (4, -1, 0), (5, -1, 1)]
    text += "".join(f"{t},1,1,{t},{i},3,{q}\n" for t, i, q in rows)
    np.testing.assert_array_equal(read(tmp_path, text).capacity, [0, 2, np.nan, 4, 4, 3])
    text = text.replace("Capacity", "Capacity-Chg").replace("Voltage(V)", "Capacity-DChg(mAh)")
    np.testing.assert_array_equal(read(tmp_path, text).capacity, [0, 2, np.nan, 4, 4, 5])


def test_every_unit_of_time_and_charge(tmp_path):
    text = "time/{},Ewe/mV,charge/{}\n0,3000,0\n1,3500,1\n"
    for unit, seconds in {"ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}.items():
        assert read(tmp_path, text.format(unit, "Ah")).time[1] == seconds
    for unit, charge in {"Ah": 1e3, "mA.h": 1, "mA·h": 1, "µAh": 1e-3, "C": 1 / 3.6}.items():
        assert read(tmp_path, text.format("s", unit)).capacity[1] == pytest.approx(charge)
    assert read(tmp_path, text.format("s", "C")).voltage[1] == 3.5


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"]
)
def test_encodings(tmp_path, encoding):
    text = PLAIN.replace("I/mA", "I/µA").replace("\n", "\r\n")
    np.testing.assert_allclose(read(tmp_path, text.encode(encoding)).current, [1e-6, 1e-6, -1e-6])


def test_lines_before_the_titles_and_comments_are_passed_over(tmp_path):
    text = f"# a comment\nCell 17\nStarted by me, on Friday\n{PLAIN}\n\n# the end\n"
    assert read(tmp_path, text).time.tolist() == [0, 10, 20]


def test_missing_values_and_twice_the_same_time(tmp_path):
    record = read(tmp_path, "time/s;Ewe/V;I/mA\n0;3,0;1\n0;3,1;2\n10;--;NaN\n20;3,5;\n")
    assert record.time.tolist() == [0, 10, 20]
    np.testing.assert_array_equal(record.voltage, [3, np.nan, 3.5])
    np.testing.assert_allclose(record.current, [1e-3, np.nan, np.nan])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no lines"),
        ("time/s,Ewe/V\n", "0 rows; expected at least two under titles.*check that it is a cycler"),
        ("time/s,Ewe/V\n1,2\n", "1 rows; expected at least two"),
        ("time/s;Ewe/V\n0;3,0\n1;3.5\n", "column 'Ewe/V': decimal commas and points are mixed"),
        ("time/s;Ewe/V\n0;1.003,0\n1;3,5\n", "decimal commas and points are mixed"),
        ("time/s;Ewe/V;I/A\n0;3,0;0.1\n1;3,5;0.1\n", "commas in column 'Ewe/V', points in .*'I/A'"),
        ("time/s,Ewe/V\n0,3,0\n1,3,5\n", "line 2: 3 cells under 2 titles.* semicolons"),
        ('time/s,Ewe/V\n0,"3,491"\n1,"3,5"\n', "'3,5' in a table parted by commas|'3,491' in a"),
        ("time/s,Ewe/V\n0,3\n,3\n2,3\n", "line 3, column 'time/s': ''; expected a time"),
        ("time/s,Ewe/V\n0,3\n5,3\n4,3\n", "line 4: the time falls from 5 to 4 s"),
        ("date,Ewe/V\n2024-03-01 12:00:00,3\nsoon,3\n", "line 3, column 'date': 'soon'"),
        ("date,Ewe/V\nMarch,3\nMarch,3\n", "no date can be read in column 'date'"),
        ("time/s,Ewe/V\n0,3\n1,abc\n2,3\n", "line 3, column 'Ewe/V': 'abc'; expected a number"),
        ("a,b\n1,2\n3,4\n", "columns a, b; expected time and voltage or current; name them"),
        (b"PK\x03\x04....", "an Excel workbook; expected a text export"),
        (b"BIO-LOGIC MODULAR FILE\x1a", "BioLogic's binary .mpr"),
        (b"\x00\x01\x02\xff" * 9, "not text"),
        (b"time/s,Ewe/V\n0,3\n\0,4\n", "not text"),
    ],
)
def test_bad_tables(tmp_path, text, match):
    with pytest.raises(ReaderError, match=match) as told:
        read(tmp_path, text)
    assert told.value.path == str(tmp_path / "c.csv")


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(ReaderError, match="cannot be read"):
        read_cycler(tmp_path / "absent.csv")
    with pytest.raises(ReaderError, match="cannot be read"):
        read_cycler(tmp_path)


def test_wrong_settings(tmp_path):
    with pytest.raises(SettingError, match="knows no volts; it knows time"):
        read(tmp_path, PLAIN, columns={"volts": "Ewe/V"})
    with pytest.raises(SettingError, match=r"no column 'U \[V\]'; there are time/s, Ewe/V, I/mA"):
        read(tmp_path, PLAIN, columns={"voltage": "U [V]"})
    with pytest.raises(SettingError, match="max_gap is 0"):
        read(tmp_path, PLAIN, max_gap=0.0)
    with pytest.raises(SettingError, match="no file"):
        read_cycler([])


def test_dates_whose_order_is_told_and_guessed(tmp_path):
    text = "date,Ewe/V\n{0} 12:00:00,3\n{0} 12:00:10,3\n"
    march = 1709294400.0
    assert read(tmp_path, text.format("2024/03/01")).time[0] == march
    assert read(tmp_path, text.format("25/03/2024")).time[0] == march + 24 * 86400
    assert read(tmp_path, text.format("03/25/2024")).time[0] == march + 24 * 86400
    with pytest.warns(DataWarning, match=r"line 2, column 'date' .* read month first"):
        assert read(tmp_path, text.format("03/01/2024")).time[0] == march
    with pytest.warns(DataWarning, match="read day first"):
        assert read(tmp_path, text.format("01.03.2024")).time[0] == march


def test_dates_with_fractions_halves_and_zones(tmp_path):
    text = "date,Ewe/V\n{},3\n{},3\n"
    one = read(tmp_path, text.format("2024-03-01T12:00:00.25Z", "2024-03-01T14:00:01+02:00"))
    np.testing.assert_allclose(one.time - 1709294400, [0.25, 1.0])
    two = read(tmp_path, text.format("3/25/2024 12:00:00 AM", "3/25/2024 1:00:00 PM"))
    assert np.diff(two.time)[0] == 13 * 3600


def test_joining(tmp_path):
    text = "date,Ewe/V,I/mA,capacity/mAh,cycle\n"
    for name, hour in {"b": 13, "a": 12}.items():
        rows = [
            f"2024-03-01 {hour}:00:{s:02d},3,1,{s / 3600},{s // 30}\n" for s in range(0, 60, 10)
        ]
        (tmp_path / name).write_text(text + "".join(rows))
    joined = read_cycler([tmp_path / "b", str(tmp_path / "a")])
    assert joined.joints == (6,)
    assert (joined.gaps() - joined.time[0]).tolist() == [[50, 3600]]
    assert joined.cycle.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    np.testing.assert_allclose(np.diff(joined.capacity)[4:7], [10 / 3600, 0, 10 / 3600])
    # Nothing counts between the logs; what may have passed is in the uncertainty.
    assert joined.charge()[-1] == pytest.approx(100 / 3600)
    assert joined.charge_stderr()[-1] == pytest.approx(3550 / 3600 / np.sqrt(3))
    assert joined.source == f"{tmp_path / 'a'} + {tmp_path / 'b'}"
    assert read_cycler([tmp_path / "a"]).joints == ()
    with pytest.raises(ReaderError, match=r"begins 2024-03-01 12:00:00, before .* ends \(2024"):
        read_cycler([tmp_path / "a", tmp_path / "b", tmp_path / "a"])
    (tmp_path / "relative").write_text(PLAIN)
    with pytest.raises(ReaderError, match="relative: its clock is relative"):
        read_cycler([tmp_path / "a", tmp_path / "relative"])


WORDS = [
    *("time/s", "Ewe/V", "<I>/mA", "Date", "Step Type", "Cycle ID", "Step ID", "Record ID"),
    *("EC-Lab ASCII FILE", "Nb header lines : 3", "TestTime", "Step_Index", "Charge_Capacity(Ah)"),
    *(
        "Test_Time(s)",
        "Current(A)",
        "Voltage(V)",
        "电压/V",
        "测试时间/Sec",
        "Index",
        "Mode",
        "Period",
    ),
    *("0", "1", "2.5", "3,5", "-1e3", "1e400", "nan", "0:00:01", "2024-03-01 12:00:00", '"', "#"),
    *("Acquisition started on : 03/01/2024 12:00:00", "00/00/0000 00:00:00", "9-99:99:99"),
]
CELLS = st.sampled_from(WORDS) | st.text(max_size=8)
LINES = st.lists(st.lists(CELLS, min_size=1, max_size=6), max_size=8)


@settings(max_examples=400, deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=300),
        st.builds(
            lambda lines, mark: "\n".join(mark.join(line) for line in lines),
            LINES,
            st.sampled_from([",", ";", "\t"]),
        ),
    ),
    encoding=st.sampled_from(["utf-8", "utf-16", "gb18030"]),
)
def test_any_text_gives_numbers_or_a_reader_error(tmp_path_factory, text, encoding):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.encode(encoding, errors="replace"))
    check_any(path)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_give_numbers_or_a_reader_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    check_any(path)


def check_any(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        try:
            record = read_cycler(path)
        except ReaderError:
            return
    assert np.isfinite(record.time).all()
    assert (np.diff(record.time) > 0).all()
    for values in (record.voltage, record.current, record.charge(), record.charge_stderr()):
        assert values.shape == record.time.shape
        assert not np.isinf(values).any()
