"""`xps.Calibrate`: charge reference, Fermi edge, kinetic energies."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.constants import Boltzmann, elementary_charge
from scipy.integrate import quad

from spectra import Stack
from spectra.errors import SettingError, StackError
from spectra.fit.batch import fit_stack
from spectra.fit.fermi import fermi_edge
from spectra.xps import Calibrate

ENERGY = np.linspace(280, 294, 141)
THERMAL = Boltzmann / elementary_charge * 300.0


def carbon(shift, n=1, seed=0, scale=1.0):
    curve = 300 + 2000 * np.exp(-(((ENERGY - 284.8 - shift) / 0.7) ** 2))
    curve = scale * (curve + 400 * np.exp(-(((ENERGY - 288.8 - shift) / 0.7) ** 2)))
    y = np.random.default_rng(seed).poisson(curve, (n, ENERGY.size))
    return Stack.from_arrays(ENERGY, y, noise="counts", axis_name="binding_energy", axis_unit="eV")


def edge(center=0.1, fwhm=0.25, n=1, seed=0):
    x = np.linspace(-2, 3, 251)
    sigma = fwhm / (2 * np.sqrt(2 * np.log(2)))

    def seen(e):
        def inner(u):
            t = e - center - u
            filled = 0.5 * (1 + np.tanh(0.5 * t / THERMAL))
            return (500 + 30 * t) * filled * np.exp(-0.5 * (u / sigma) ** 2)

        whole = quad(inner, -8 * sigma, 8 * sigma, limit=200)[0]
        return whole / (sigma * np.sqrt(2 * np.pi))

    curve = 40 + np.array([seen(e) for e in x])
    y = np.random.default_rng(seed).poisson(curve, (n, x.size))
    return x, curve, y


def test_a_charge_reference_comes_to_its_place():
    z = []
    for seed in range(40):
        moved = Calibrate(model="C1s_adventitious")(carbon(0.63, seed=seed))
        record = moved.metadata["corrections"][-1]
        assert record["correction"] == "xps.Calibrate"
        np.testing.assert_allclose(moved.x, ENERGY + record["shift"])
        z.append((record["shift"] + 0.63) / record["stderr"])
    # The set's shape is not quite that of the lines: uncertainties are widened by the misfit.
    assert abs(np.mean(z)) < 0.6
    assert 0.3 < np.std(z) < 1.5


def test_a_single_line_is_found_without_a_model():
    stack = carbon(-0.4, n=5)
    before = np.array(stack.x)
    record = Calibrate(search=(-3.0, 2.0))(stack).metadata["corrections"][-1]
    assert record["shift"] == pytest.approx(0.4, abs=0.02)
    np.testing.assert_array_equal(stack.x, before)


def test_the_convention_has_an_uncertainty_of_its_own():
    record = Calibrate(search=(-3, 2), target_stderr=0.2)(carbon(0)).metadata["corrections"][-1]
    assert record["stderr"] == pytest.approx(0.2, abs=0.001)


def test_shift_of_one_region_is_taken_to_another():
    calibrate = Calibrate(model="C1s_adventitious")
    found, stderr = calibrate.measure(carbon(0.5))
    other = Stack.from_arrays([520.0, 521.0], [[1, 2]], axis_name="binding_energy")
    moved = Calibrate(reference="none", shift=284.8 - found, target_stderr=stderr)(other)
    assert moved.x[0] == pytest.approx(519.5, abs=0.03)
    assert moved.metadata["energy_shift_stderr"] == stderr


def test_fermi_edge():
    z = []
    for seed in range(30):
        x, _, y = edge(seed=seed)
        stack = Stack.from_arrays(x, y, noise="counts", axis_name="binding_energy")
        calibrate = Calibrate(reference="fermi_edge", target=0.0, search=(-1.8, 2.5))
        record = calibrate(stack).metadata["corrections"][-1]
        z.append((record["found"] - 0.1) / record["stderr"])
    assert abs(np.mean(z)) < 0.7
    assert 0.6 < np.std(z) < 1.5


def test_the_fermi_edge_is_a_convolution():
    x, curve, _ = edge()
    model, params = fermi_edge(x, curve, THERMAL)
    fits = fit_stack(model, params, x, curve, tolerance=1e-16)
    for name, value in (("center", 0.1), ("fwhm", 0.25), ("height", 500), ("slope", 30)):
        assert fits[name][0] == pytest.approx(value, rel=1e-4, abs=1e-5), name


def test_kinetic_energies_are_turned_round():
    kinetic = 1486.6 - ENERGY[::-1]
    y = np.asarray(carbon(0.5).signal)[:, ::-1]
    stack = Stack.from_arrays(kinetic, y, noise="counts", axis_name="kinetic_energy")
    with pytest.raises(StackError, match="photon_energy"):
        Calibrate()(stack)
    # The analyser's work function is in the energies that all makers state.
    stack = stack.with_metadata(photon_energy=1486.6, work_function=4.3)
    moved = Calibrate(model="C1s_adventitious")(stack)
    assert moved.axis.name == "binding_energy"
    assert moved.x[np.asarray(moved.signal)[0].argmax()] == pytest.approx(284.8, abs=0.15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": "gold"}, "reference = 'gold'"),
        ({"search": (3.0, -3.0)}, "search"),
        ({"temperature": 0.0}, "temperature"),
    ],
)
def test_wrong_settings_are_named(change, message):
    with pytest.raises(SettingError, match=message):
        Calibrate(**change)


def test_what_cannot_be_calibrated_is_told():
    with pytest.raises(StackError, match="0 points"):
        Calibrate(target=530.0)(carbon(0))
    with pytest.raises(SettingError, match="species = 'C-F'"):
        Calibrate(model="C1s_adventitious", species="C-F")(carbon(0))
    flat = Stack.from_arrays(
        ENERGY, np.zeros((1, ENERGY.size)), noise="counts", axis_name="binding_energy"
    )
    with pytest.raises(StackError, match="not determined"):
        Calibrate()(flat)


def test_a_reference_that_is_not_there_shifts_nothing():
    rng = np.random.default_rng(5)
    for seed in range(6):
        y = rng.poisson(np.full((3, ENERGY.size), 100.0))
        flat = Stack.from_arrays(ENERGY, y, noise="counts", axis_name="binding_energy")
        with pytest.raises(StackError, match=r"no line from|not determined"):
            Calibrate()(flat)
        x = np.linspace(-2, 3, 251)
        y = np.random.default_rng(seed).poisson(np.full((1, x.size), 100.0))
        dark = Stack.from_arrays(x, y, noise="counts", axis_name="binding_energy")
        with pytest.raises(StackError, match="no Fermi edge"):
            Calibrate(reference="fermi_edge", target=0.0, search=(-1.8, 2.5))(dark)


def test_a_reference_that_drifts_is_told_and_in_the_uncertainty():
    shifts = np.linspace(-1.5, 1.5, 9)
    y = np.vstack([np.asarray(carbon(s, seed=i).signal) for i, s in enumerate(shifts)])
    stack = Stack.from_arrays(ENERGY, y, noise="counts", axis_name="binding_energy")
    moved = Calibrate()(stack)
    record = moved.metadata["corrections"][-1]
    assert record["drift"] == pytest.approx(shifts.std(), rel=0.1)
    assert moved.metadata["energy_shift_stderr"] >= record["drift"]
    off = [float(re.search(r"lies ([+-][0-9.]+) eV", m)[1]) for m in moved.messages if m]
    # The mean of all frames is a broad line: its own fit says where it stands.
    assert off[0] == pytest.approx(-1.5, abs=0.15)
    assert off[-1] == pytest.approx(1.5, abs=0.15)
    still = Calibrate()(carbon(0.4, n=6))
    assert still.metadata["corrections"][-1]["drift"] == 0.0
    assert still.messages == ("",) * 6
