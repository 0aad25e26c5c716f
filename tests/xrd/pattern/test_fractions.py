"""Weight fractions of all, what is amorphous included, from an internal standard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_patterns import ANATASE, INSTRUMENT, RUTILE, simulate

from spectra.errors import SettingError
from spectra.reference import load_phase
from spectra.xrd import LeBail, Rietveld
from spectra.xrd.lattice import volume

X = np.arange(23.0, 57.0, 0.05)
COMMON = {"phases": (ANATASE, RUTILE), "start": INSTRUMENT, "widths": (), "background_degree": 1}
WEIGHED = 0.2


def scale_of(phase, mass):
    """Scale of a phase for its mass in an arbitrary unit (Hill and Howard's S·M·V)."""
    known = load_phase(phase)
    return mass / (known.cell_mass * volume(np.array([known.cell]))[0][0])


def sequence(rutile, anatase, n=1, seed=0):
    """Patterns of a sample with the share `WEIGHED` of rutile, and of all anatase."""
    method = Rietveld(**COMMON, coarse_frames=2, standard={RUTILE: WEIGHED})
    scales = {RUTILE: scale_of(RUTILE, rutile), ANATASE: scale_of(ANATASE, anatase)}
    values = {"background0": 60.0} | {f"{p}.scale": s for p, s in scales.items()}
    return method, simulate(method, X, n, values, seed)


def test_by_hand():
    # Of 100 g, 20 g are the standard and 50 g the other phase: 30 g have no lines.
    method, made = sequence(rutile=80.0, anatase=200.0)
    exact = method(replace(made.stack, signal=made.expected))
    assert np.allclose(exact["absolute_fraction"][0], [0.5, 0.2], atol=1e-4)
    assert abs(exact["amorphous"][0] - 0.3) < 1e-4
    assert np.allclose(exact["weight_fraction"][0], [5 / 7, 2 / 7], atol=1e-4)
    # What was weighed in is known.
    assert exact["absolute_fraction_stderr"][0, 1] < 1e-12
    assert np.isclose(
        exact["amorphous_stderr"][0], exact["absolute_fraction_stderr"][0, 0], rtol=1e-9
    )
    assert "below zero" not in exact.messages[0]


def test_pulls_of_the_amorphous_share():
    method, made = sequence(rutile=80.0, anatase=200.0, n=300, seed=4)
    results = method(made.stack)
    for name, true in (("amorphous", 0.3), ("absolute_fraction", 0.5)):
        found, error = (np.asarray(results[k]) for k in (name, f"{name}_stderr"))
        found, error = (v if v.ndim == 1 else v[:, 0] for v in (found, error))
        pulls = (found - true) / error
        assert abs(pulls.mean()) < 4.0 / np.sqrt(300), name
        assert abs(pulls.std() - 1.0) < 4.0 / np.sqrt(600), name


def test_less_than_nothing_is_told_and_not_clipped():
    # Twice as much of the other phase as there is room for.
    method, made = sequence(rutile=80.0, anatase=640.0)
    results = method(made.stack)
    assert abs(results["amorphous"][0] + 0.8) < 5.0 * results["amorphous_stderr"][0]
    assert "below zero" in results.messages[0]


def test_a_standard_that_is_not_there():
    method, made = sequence(rutile=0.0, anatase=200.0)
    results = method(made.stack)
    assert np.isnan(results["amorphous"][0])
    assert np.isnan(results["absolute_fraction"][0]).all()


@pytest.mark.parametrize(
    ("standard", "text"),
    [
        ({RUTILE: 1.5}, "0 to 1"),
        ({RUTILE: 0.1, ANATASE: 0.1}, "expected one phase"),
        ({"corundum": 0.1}, "names the phase 'corundum'"),
    ],
)
def test_wrong_standards_are_refused(standard, text):
    made = sequence(rutile=80.0, anatase=200.0)[1]
    with pytest.raises(SettingError, match=text):
        Rietveld(**COMMON, standard=standard).prepare(made.stack)


def test_intensities_without_atoms_say_nothing_of_masses():
    made = sequence(rutile=80.0, anatase=200.0)[1]
    with pytest.raises(SettingError, match="Rietveld"):
        LeBail(**COMMON, standard={RUTILE: 0.2}).prepare(made.stack)
