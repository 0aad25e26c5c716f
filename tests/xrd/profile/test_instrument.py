"""Instruments and the files that describe them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectra.errors import ReaderError, SettingError, StoreError
from spectra.xrd.profile.instrument import (
    EmissionLine,
    Instrument,
    emission_lines,
    write_instrument,
)
from spectra.xrd.profile.instrument_files import read_instrument

VARIANCE = 8.0 * math.log(2.0) / 1e4

PRM = """\
            123456789012345678901234567890123456789012345678901234567890
INS   BANK      1
INS   HTYPE   PXCR
INS  1 ICONS  1.540500  1.544300       1.5         0       0.8    1       0.5
INS  1 IRAD     3
INS  1I HEAD  a diffractometer
INS  1PRCF1     3   19   0.00100
INS  1PRCF11   2.000000E+00  -2.000000E+00   5.000000E+00   0.100000E+00
INS  1PRCF12   0.300000E+00   0.400000E+00   0.200000E-01   0.100000E-01
INS  1PRCF13   0.000000E+00   0.000000E+00   0.000000E+00   0.000000E+00
INS  1PRCF14   0.000000E+00   0.000000E+00   0.000000E+00   0.000000E+00
INS  1PRCF15   0.000000E+00   0.000000E+00   0.000000E+00
"""
INSTPRM = """\
#GSAS-II instrument parameter file; do not add/delete items!
Type:PXC
Lam1:1.5405;Lam2:1.5443;Zero:0.01;Polariz.:0.7;Azimuth:0.0;I(L2)/I(L1):0.5
U:2.0;V:-2.0;W:5.0
X:0.3;Y:0.4;Z:0.1
SH/L:0.03
Gonio. radius:180.0
InstrName:a diffractometer
"""


def _write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="latin-1")
    return path


def test_profile_function_3(tmp_path):
    got = read_instrument(_write(tmp_path, "a.prm", PRM))
    assert got.lines == emission_lines((1.5405, 1.5443, 0.5))
    assert (got.radiation, got.geometry) == ("xray", "bragg_brentano")
    assert got.zero == pytest.approx(0.015)
    # IPOLA = 1: 1 + POLA·cos²2θ
    assert got.polarisation == pytest.approx(1.0 / 1.8)
    np.testing.assert_allclose(
        [got.u, got.v, got.w, got.p], np.array([2.0, -2.0, 5.0, 0.1]) * VARIANCE
    )
    np.testing.assert_allclose([got.x, got.y, got.s_l, got.h_l], [0.003, 0.004, 0.02, 0.01])
    assert got.name == "a diffractometer"
    assert got.source == "a.prm"


def test_full_width_of_gsas_variance(tmp_path):
    """W = 5 centideg² is σ = √5/100 deg, of a full width √(8 ln 2)·σ."""
    got = read_instrument(_write(tmp_path, "a.prm", PRM))
    sigma = math.sqrt(5.0) / 100.0
    assert math.sqrt(got.w) == pytest.approx(2.0 * math.sqrt(2.0 * math.log(2.0)) * sigma)


def _function(number, lines):
    head, tail = PRM.split("INS  1PRCF1 ")
    del tail
    count = sum(len(line) for line in lines)
    rows = [f"INS  1PRCF1 {number:5d}{count:5d}   0.00100"]
    rows += [
        f"INS  1PRCF1{i}" + "".join(f"{v:15.6E}" for v in line) for i, line in enumerate(lines, 1)
    ]
    return head + "\n".join(rows) + "\n"


def test_profile_function_4(tmp_path):
    text = _function(4, [(2, -2, 5, 0.1), (0.3, 9, 0, 0), (0, 0.02, 0.01, 0.7), (1, 1, 1, 1)])
    got = read_instrument(_write(tmp_path, "a.prm", text))
    np.testing.assert_allclose(
        [got.u / VARIANCE, got.p / VARIANCE, got.x, got.y, got.s_l, got.h_l],
        [2.0, 0.1, 0.003, 0.0, 0.02, 0.01],
    )


def test_profile_function_2(tmp_path):
    text = _function(2, [(2, -2, 5, 0.3), (0.4, 0, 1.8, 0), (0.1, 0, 0, 0)])
    got = read_instrument(_write(tmp_path, "a.prm", text))
    np.testing.assert_allclose(
        [got.w / VARIANCE, got.p / VARIANCE, got.x, got.y], [5.0, 0.1, 0.003, 0.004]
    )
    # asym/3 centideg is the mean shift at cot 2θ = 1; that of S = H is (S/L)²/3 rad.
    assert got.s_l == got.h_l == pytest.approx(math.sqrt(math.radians(0.018)))


def test_numbers_that_touch(tmp_path):
    text = PRM.replace("2.000000E+00  -2.000000E+00 ", "2.000000E+00-22.000000E+00 ")
    got = read_instrument(_write(tmp_path, "a.prm", text))
    assert got.v / VARIANCE == pytest.approx(-22.0)


def test_neutrons(tmp_path):
    text = PRM.replace("PXCR", "PNCR").replace("  1.544300", "     0.000")
    got = read_instrument(_write(tmp_path, "a.prm", text))
    assert (got.radiation, got.geometry, got.polarisation) == ("neutron", "debye_scherrer", 1.0)


def test_banks(tmp_path):
    second = "\n".join(
        r.replace("INS  1", "INS  2") for r in PRM.splitlines() if r.startswith("INS  1")
    )
    path = _write(tmp_path, "a.prm", PRM + second.replace("1.540500", "1.600000"))
    assert read_instrument(path).wavelength == 1.5405
    assert read_instrument(path, bank=2).wavelength == 1.6
    with pytest.raises(ReaderError, match="no bank 3"):
        read_instrument(path, bank=3)


def test_gsas2(tmp_path):
    got = read_instrument(_write(tmp_path, "a.instprm", INSTPRM))
    assert got.lines == emission_lines((1.5405, 1.5443, 0.5))
    assert (got.geometry, got.radius, got.name) == ("bragg_brentano", 180.0, "a diffractometer")
    assert (got.polarisation, got.zero) == (0.7, 0.01)
    np.testing.assert_allclose([got.u, got.v, got.w], np.array([2.0, -2.0, 5.0]) * VARIANCE)
    np.testing.assert_allclose(
        [got.x, got.y, got.z, got.s_l, got.h_l], [0.003, 0.004, 0.001, 0.015, 0.015]
    )


def test_gsas2_of_one_wavelength_and_old_values(tmp_path):
    text = "#GSAS-II x\nType:PXC\nLam:0.413263;Polariz.:0.99\nU:1.163;V:-0.126;W:0.063\n"
    got = read_instrument(_write(tmp_path, "a.instprm", text))
    assert (got.wavelength, got.geometry, got.z) == (0.413263, "debye_scherrer", 0.0)


def test_gsas2_banks_and_long_values(tmp_path):
    rest = INSTPRM.split("\n", 1)[1]
    text = f"#Bank 2: GSAS-II instrument parameter file\n{rest}pdabc:'''1 2\n3:4\n'''\n"
    text += "#Bank 1: x\n" + rest.replace("1.5405", "1.6")
    path = _write(tmp_path, "a.instprm", text)
    assert read_instrument(path, bank=2).wavelength == 1.5405
    assert read_instrument(path).wavelength == 1.6


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("a.prm", "PXCR", "PNTR", "line 3: histogram type 'PNT'"),
        ("a.prm", "INS  1PRCF1     3", "INS  1PRCF1     1", "line 7: profile function 1"),
        ("a.prm", "INS  1PRCF12", "INS  1PRCF92", "no record 'PRCF12'"),
        ("a.prm", "0.300000E+00", "0.3000oOE+00", "line 9"),
        ("a.prm", "  1.540500", " -1.540500", "wavelength -1.5405"),
        ("a.prm", "ICONS", "ICOMS", "no record 'ICONS'"),
        ("a.prm", "INS  1", "INX  1", "no bank"),
        ("a.prm", "INS ", "INX ", "not an instrument file"),
        ("a.prm", "0.200000E-01", "0.200000E+02", "s_l 20"),
        ("a.instprm", "PXC", "PNT", "line 2: histogram type 'PNT'"),
        ("a.instprm", "Lam1:1.5405", "Lam3:1.5405", "no value 'Lam'"),
        ("a.instprm", "U:2.0", "U:two", "line 4: U 'two'"),
        ("a.instprm", "Polariz.:0.7", "Polariz.:7", "polarisation 7"),
        ("a.instprm", "Gonio. radius:180.0", "Gonio. radius:-1", "radius -1"),
    ],
)
def test_errors_say_where(tmp_path, name, old, new, message):
    text = PRM if name == "a.prm" else INSTPRM
    assert old in text
    with pytest.raises(ReaderError, match=message) as caught:
        read_instrument(_write(tmp_path, name, text.replace(old, new)))
    assert name in str(caught.value)
    assert caught.value.expected or caught.value.remedy


def test_no_file(tmp_path):
    with pytest.raises(ReaderError, match="no such file"):
        read_instrument(tmp_path / "a.prm")


def _refined():
    start = Instrument(
        emission_lines("Cu"), geometry="bragg_brentano", radius=217.5, name='a "b"\n'
    )
    matrix = np.array([[1e-8, -2e-9], [-2e-9, 4e-8]])
    return start.refined_to({"w": 0.0123, "zero": 1 / 3}, matrix, "LaB6 \x7f é")


def test_refined_values_have_uncertainties():
    got = _refined()
    assert got.stderr == pytest.approx({"w": 1e-4, "zero": 2e-4})
    assert (got.w, got.zero, got.source) == (0.0123, 1 / 3, "LaB6 \x7f é")
    assert got.values["w"] == 0.0123


def test_our_own_file_comes_back_exactly(tmp_path):
    neutrons = Instrument((EmissionLine(0.4),), "neutron", polarisation=1.0)
    tube = Instrument(emission_lines("Cu spectrum"), soller=0.045, soller_sum=0.01)
    for instrument in (_refined(), neutrons, tube):
        path = tmp_path / "a.toml"
        write_instrument(instrument, path)
        assert read_instrument(path) == instrument


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("spectra instrument 1", "spectra instrument 9", "format"),
        ("[profile]", "[profile", "not a TOML file"),
        ("u = ", "q = ", "profile value 'q'"),
        ("radius", "radios", "radios"),
        ("zero = ", "zero = 'x' #", "not an instrument"),
        ("covariance = [", "covariance = [[1],", "covariance"),
        ("weight = 0.3", "weight = 0.4", "sum"),
    ],
)
def test_errors_of_our_own_file(tmp_path, old, new, message):
    path = tmp_path / "a.toml"
    write_instrument(_refined(), path)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ReaderError, match=message):
        read_instrument(path)


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(StoreError, match=r"a\.toml"):
        write_instrument(_refined(), tmp_path / "missing" / "a.toml")


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": ()},
        {"lines": (EmissionLine(1.5, 0.5),)},
        {"lines": (EmissionLine(math.nan),)},
        {"lines": (EmissionLine(1.5, 2.0), EmissionLine(1.5, -1.0))},
        {"radiation": "electron"},
        {"geometry": "flat"},
        {"polarisation": 1.5},
        {"radiation": "neutron"},
        {"radius": 0.0},
        {"lines": (EmissionLine(1.5, 1.0, -0.1),)},
        {"soller": -0.01},
        {"u": math.inf},
        {"h_l": -0.1},
        {"refined": ("w", "w"), "covariance": ((1.0, 0.0), (0.0, 1.0))},
        {"refined": ("w",), "covariance": ()},
        {"refined": ("w",), "covariance": ((-1.0,),)},
        {"refined": ("w", "u"), "covariance": ((1.0, 0.2), (0.1, 1.0))},
    ],
)
def test_no_such_instrument(changes):
    with pytest.raises(SettingError):
        dataclasses.replace(Instrument(emission_lines(1.5)), **changes)


def test_emission_lines():
    assert emission_lines("Cu Ka1") == (EmissionLine(1.5405929),)
    doublet = emission_lines("Cu")
    assert [line.wavelength for line in doublet] == [1.5405929, 1.5444274]
    assert sum(line.weight for line in doublet) == 1.0
    for spec in ("Xx", (1.5, 1.6), (1.5, 1.6, 0.0)):
        with pytest.raises(SettingError):
            emission_lines(spec)


def test_unknown_refined_value():
    with pytest.raises(SettingError, match="width"):
        Instrument(emission_lines(1.5)).refined_to({"width": 1.0})


@st.composite
def _spoilt(draw, text):
    """A file with some characters replaced, lines lost or doubled."""
    characters = list(text)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(characters) - 1))
        characters[at] = draw(st.sampled_from(list("0123456789.-+EeD: ;#'\"\n\tINSx=[]")))
    lines = "".join(characters).splitlines()
    if lines and draw(st.booleans()):
        at = draw(st.integers(0, len(lines) - 1))
        lines[at : at + 1] = lines[at : at + 1] * draw(st.sampled_from([0, 2]))
    return "\n".join(lines)


_QUIET = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@_QUIET
@given(_spoilt(PRM))
def test_spoilt_gsas_files_raise_reader_errors_only(tmp_path, text):
    _try(tmp_path / "a.prm", text)


@_QUIET
@given(_spoilt(INSTPRM))
def test_spoilt_gsas2_files_raise_reader_errors_only(tmp_path, text):
    _try(tmp_path / "a.instprm", text)


@_QUIET
@given(st.text(max_size=300))
def test_any_text_raises_reader_errors_only(tmp_path, text):
    for name in ("a.prm", "a.instprm", "a.toml"):
        _try(tmp_path / name, text)
        _try(tmp_path / name, "#GSAS-II\n" + text)
        _try(tmp_path / name, "INS   BANK      1\n" + text)


def _try(path, text):
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        got = read_instrument(path)
    except ReaderError:
        return
    assert isinstance(got, Instrument)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "wavelength", "x", "s_l"),
    [
        ("cucr2o4_temperature/OH_00.prm", 0.413263, 0.00173, 0.0011),
        ("standards/11bm_gsas.prm", 0.413909, 0.00173, 0.0011),
        ("standards/INST_XRY.PRM", 1.5405, 0.0, 0.01),
    ],
)
def test_real_files(data, tmp_path, name, wavelength, x, s_l):
    got = read_instrument(data / "xrd" / name)
    assert got.wavelength == wavelength
    assert (got.x, got.s_l, got.h_l) == pytest.approx((x, s_l, s_l))
    assert (got.geometry == "bragg_brentano") == (len(got.lines) == 2)
    write_instrument(got, tmp_path / "a.toml")
    assert read_instrument(tmp_path / "a.toml") == got
