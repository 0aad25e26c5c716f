"""What P/M hangs on, for one's own data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measured_edges import vanadium
from vanadium_edges import operando_series

from spectra import Stack
from spectra.xas import PreEdge, sensitivity
from spectra.xas.sensitivity import broaden


def test_choices_that_do_not_matter_change_nothing_and_the_others_do():
    series = operando_series(5)
    found = sensitivity(series.stack)
    change = dict(
        zip(found.table.coords["choice"]["name"].tolist(), found["change"].T, strict=True)
    )
    assert (change["as given"] == 0).all()
    assert (change["resolution 2 eV more"] < change["resolution 1 eV more"]).all()
    assert (change["resolution 1 eV more"] < 0).all()
    assert (change["over-absorption 1"] > change["over-absorption 0.5"]).all()
    assert (change["over-absorption 0.5"] > 0.05).all()


def test_over_absorption_is_its_formula():
    series = operando_series(3)
    found = sensitivity(series.true)
    names = found.table.coords["choice"]["name"].tolist()
    plain = PreEdge()(series.true)["ratio"]
    expected = plain * 2.0 / (1.0 + plain)
    got = found["ratio"][:, names.index("over-absorption 1")]
    assert got == pytest.approx(expected, rel=2e-3)


def test_over_absorption_of_a_line_measured_in_part():
    series = operando_series(2)
    missing = series.true.x < PreEdge().line[0] + 8.0
    signal = np.where(missing, np.nan, np.asarray(series.true.signal))
    found = sensitivity(replace(series.true, signal=signal))
    names = found.table.coords["choice"]["name"].tolist()
    plain, thick = found["ratio"][:, 0], found["ratio"][:, names.index("over-absorption 1")]
    assert thick == pytest.approx(2.0 * plain / (1.0 + plain), rel=2e-3)


@pytest.mark.realdata
def test_two_ev_of_resolution_take_a_quarter_off_v2o5(data):
    found = sensitivity(vanadium(data, "V2O5"))
    names = found.table.coords["choice"]["name"].tolist()
    broadened = found["ratio"][0, names.index("resolution 2 eV more")]
    assert broadened == pytest.approx(0.452, abs=0.01)
    assert np.isfinite(found["ratio_stderr"][0, 0])


def test_a_missing_point_stays_missing_and_spoils_no_other():
    series = operando_series(2)
    signal = np.array(series.stack.signal)
    signal[0, -1] = np.nan
    broad = broaden(replace(series.stack, signal=signal), 1.5)
    whole = broaden(series.stack, 1.5)
    assert np.isnan(broad.signal[0, -1])
    assert np.array_equal(broad.signal[1], whole.signal[1])
    far = series.stack.x < series.stack.x[-1] - 10
    assert broad.signal[0, far] == pytest.approx(whole.signal[0, far], rel=1e-12)
    flat = broaden(replace(series.stack, signal=np.full_like(signal, 2.0)), 1.5)
    assert flat.signal == pytest.approx(2.0)


def test_counts_that_were_broadened_carry_their_uncertainties():
    x = np.arange(5400.0, 5500.0, 0.5)
    counts = Stack.from_arrays(
        x, np.full((1, x.size), 1e4), axis_name="energy", axis_unit="eV", noise="counts"
    )
    broad = broaden(counts, 4.0)
    assert broad.noise == "given"
    # A Gaussian of standard deviation s averages over 2√π·s of points.
    points = 2 * np.pi**0.5 * 4.0 / 2.3548 / 0.5
    assert np.asarray(broad.errors)[0, 100] == pytest.approx(100.0 / points**0.5, rel=1e-3)
