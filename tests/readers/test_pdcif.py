"""Powder patterns in CIF."""

from __future__ import annotations

import numpy as np
import pytest
from samples import COUNTS, TWO_THETA, pdcif

import spectra
from spectra.errors import DataWarning, ReaderError


def write(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def cif(*facts, tags, rows):
    return "\n".join(["data_a", *facts, "loop_", *tags, *rows, ""])


def test_counts_in_several_blocks(tmp_path):
    stack = spectra.read(write(tmp_path, "a.cif", pdcif()))
    assert stack.names == ("a.cif pwd_0", "a.cif pwd_1")
    np.testing.assert_allclose(stack.x, TWO_THETA)
    np.testing.assert_array_equal(stack.signal[1], COUNTS)
    assert stack.noise == "counts"
    assert stack.variables["temperature"].values.tolist() == [290.0, 291.0]
    assert np.diff(stack.variables["time"].values) == 60.0
    assert dict(stack.metadata) == {"wavelength": 1.54051, "wavelength2": 1.54433, "ratio": 0.5}


Y = "_pd_proc_intensity_total"
TEN = range(10)


def test_uncertainties_in_brackets(tmp_path):
    rows = [f"{10 + i} 1234.5({i + 1})" for i in TEN[:8]] + ["18 1.5E3(2)", "19 ?"]
    text = cif(tags=["_pd_meas_2theta_scan", Y], rows=rows)
    with pytest.warns(DataWarning, match="1 points without"):
        stack = spectra.read(write(tmp_path, "a.cif", text))
    np.testing.assert_allclose(stack.errors[0, :9], [*(0.1 * np.arange(1, 9)), 200.0])
    assert stack.noise == "given"
    assert np.isnan(stack.signal[0, 9])
    assert stack.signal[0, 8] == 1500.0


def test_ranges_and_weights(tmp_path):
    facts = [f"_pd_meas_2theta_range_{k} {v}" for k, v in (("min", 10), ("max", 28), ("inc", 2))]
    rows = [f"50.5 {0 if i == 0 else 0.04}" for i in TEN]
    text = cif(*facts, tags=[Y, "_pd_proc_ls_weight"], rows=rows)
    with pytest.warns(DataWarning, match="1 points without"):
        stack = spectra.read(write(tmp_path, "a.cif", text))
    np.testing.assert_allclose(stack.x, 10 + 2 * np.arange(10))
    np.testing.assert_allclose(stack.errors[0, 1:], 5.0)
    text = text.replace("_pd_proc_ls_weight", "_pd_calc_intensity_total")
    assert spectra.read(write(tmp_path, "b.cif", text)).errors is None
    with pytest.raises(ReaderError, match=r"10 intensities from 10 to 30 .*expected 11"):
        spectra.read(write(tmp_path, "c.cif", text.replace("max 28", "max 30")))
    with pytest.raises(ReaderError, match=r"a range from 10\.0 to None"):
        spectra.read(write(tmp_path, "d.cif", text.replace("max 28", "max ?")))


def test_corrected_positions_come_first_and_new_names_are_known(tmp_path):
    rows = [f"{10 + i} {10.1 + i} {50 + i} 1.5" for i in TEN]
    tags = ["_pd_meas.2theta_scan", "_pd_proc.2theta_corrected", "_pd_meas.counts_total", "_x"]
    facts = ["_Diffrn_Radiation_Wavelength 1.5406(1)"]
    stack = spectra.read(write(tmp_path, "a.dat", cif(*facts, tags=tags, rows=rows)))
    np.testing.assert_allclose(stack.x, 10.1 + np.arange(10))
    assert stack.metadata["wavelength"] == 1.5406
    rows = [f". {10 + i} {50 + i} 1" if i < 2 else f"{i} {10 + i} 9 1" for i in TEN]
    tags = ["_pd_proc_recip_len_Q", "_pd_x", "_pd_meas_counts_total", "_pd_meas_step_count_time"]
    stack = spectra.read(write(tmp_path, "b.cif", cif(tags=tags, rows=rows)))
    assert stack.axis.name == "q"
    assert (stack.n_points, stack.noise) == (8, "counts")


def test_uneven_counting_times(tmp_path):
    rows = [f"{10 + i} 400 {1 if i < 5 else 4}" for i in TEN]
    tags = ["_pd_meas_2theta_scan", "_pd_meas_counts_total", "_pd_meas_step_count_time"]
    stack = spectra.read(write(tmp_path, "a.cif", cif(tags=tags, rows=rows)))
    np.testing.assert_allclose(stack.signal[0], [400.0] * 5 + [100.0] * 5)
    np.testing.assert_allclose(stack.errors[0], [20.0] * 5 + [5.0] * 5)
    with pytest.raises(ReaderError, match="counting time"):
        spectra.read(write(tmp_path, "b.cif", cif(tags=tags, rows=rows).replace("400 1", "4 0")))


ROWS = [f"{10 + i} {50 + i}" for i in TEN]
X = "_pd_meas_2theta_scan"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (cif(tags=["_pd_meas_time_of_flight", Y], rows=ROWS), "positions are times of flight"),
        (cif(tags=["_pd_proc_d_spacing", Y], rows=ROWS), "positions are d-spacings"),
        (cif(tags=["_pd_other", Y], rows=ROWS), "intensities without positions"),
        (cif(tags=[X, "_pd_calc_intensity_total"], rows=ROWS), "1 blocks without a measured"),
        ("data_a\n_cell_length_a 5\n", "a CIF of a structure is no pattern"),
        (cif(tags=[X, Y], rows=[*ROWS[:-1], "19"]), "not a readable CIF"),
        (cif(tags=[X, Y], rows=[*ROWS[:-1], "19 x"]), "data_a, .*value 10: 'x'"),
        (cif(tags=[X, Y], rows=[*ROWS, "12 3"]), "positions in order"),
        (cif(tags=[X, Y], rows=ROWS[:2]), "2 points; expected 3"),
        (cif("loop_", Y, "1 2 3 4", tags=[X], rows=["1 2 3"]), "4 intensities, but 3 of"),
    ],
)
def test_cifs_are_refused(tmp_path, text, message):
    with pytest.raises(ReaderError, match=message):
        spectra.read(write(tmp_path, "a.cif", text))


def test_empty_loops_say_nothing(tmp_path):
    empty = "loop_\n_diffrn_radiation_wavelength\n_diffrn_ambient_temperature\n"
    text = cif(tags=[X, Y], rows=ROWS) + empty
    assert dict(spectra.read(write(tmp_path, "a.cif", text)).metadata) == {}
    with pytest.raises(ReaderError, match="without a measured"):
        spectra.read(write(tmp_path, "b.cif", f"data_a\nloop_\n{X}\n{Y}\n"))


def test_structures_beside_patterns_do_not_hinder_reading_a_folder(tmp_path):
    write(tmp_path, "phase.cif", "data_a\n_cell_length_a 5\n")
    write(tmp_path, "a1.xy", "\n".join(ROWS))
    assert spectra.read(tmp_path).names == ("a1.xy",)
