"""One path: what it says of itself, that it travels whole, and what it refuses."""

from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from made_paths import made_path, triangle

from spectra.errors import SettingError
from spectra.xas import ScatteringPath
from spectra.xas.paths.path import PathAtom, unique_labels


def test_geometry_speaks():
    bond = made_path(distance=1.5848)
    assert (bond.label, bond.nleg, bond.shape) == ("V-O 1.585", 2, "single")
    assert bond.description == "V-O 1.585 (6x)"
    assert bond.angles == pytest.approx((180.0, 180.0))
    assert bond.legs == pytest.approx((1.5848, 1.5848))
    three = triangle()
    assert three.shape == "triangle"
    assert three.label == "V-O-O 3.414"
    assert three.description == "V-O-O 3.414 triangle (6x)"
    assert three.angles == pytest.approx((135.0, 135.0, 90.0))
    assert three.legs == pytest.approx((2.0, 2.0 * np.sqrt(2.0), 2.0))
    assert triangle((0.0, 0.1, 4.0)).shape == "collinear"


def test_to_and_fro_is_a_rattle():
    oxygen, vanadium = PathAtom("O", 8, 1, (0, 0, 2.0)), PathAtom("V", 23, 0, (0.0, 0, 0))
    path = made_path(distance=4.0, atoms=(vanadium, oxygen, vanadium, oxygen))
    assert (path.shape, path.nleg) == ("rattle", 4)


def test_amplitude_phase_and_mass_are_those_of_the_exafs_equation():
    path = made_path()
    np.testing.assert_array_equal(path.amplitude, path.feff_amplitude * 0.9)
    np.testing.assert_array_equal(path.phase, path.central_phase + path.feff_phase)
    assert path.reduced_mass == pytest.approx(1.0 / (1.0 / 50.9415 + 1.0 / 15.9994), rel=1e-4)


def test_it_travels_whole():
    path = made_path(importance=12.5, title="größe")
    for copy in (
        pickle.loads(pickle.dumps(path)),
        ScatteringPath.from_plain(path.to_plain()),
        ScatteringPath.from_plain(json.loads(json.dumps(path.to_plain()))),
    ):
        assert copy == path
        assert hash(copy) == hash(path)
        assert not copy.k.flags.writeable


def test_it_is_what_it_says_and_nothing_else():
    path = made_path()
    assert path == made_path()
    assert path != made_path(degeneracy=5.0)
    assert path != made_path(strength=1.0 + 1e-15)
    with pytest.raises(FrozenInstanceError):
        path.degeneracy = 3.0
    with pytest.raises(ValueError, match="read-only"):
        path.amplitude[0] = 1.0


def test_the_given_arrays_stay_the_givers():
    k = np.linspace(0.0, 20.0, 61)
    path = made_path(k=k)
    k[0] = -5.0
    assert path.k[0] == 0.0
    assert k.flags.writeable


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"degeneracy": 0.0}, "degeneracy of 0"),
        ({"degeneracy": np.nan}, "degeneracy of nan"),
        ({"reff": -1.0}, "half length"),
        ({"k": np.linspace(20.0, 0.0, 61)}, "does not increase"),
        ({"real_p": np.ones(60)}, "one length"),
        ({"reduction": np.full(61, np.nan)}, "reduction that are not finite"),
        ({"mean_free_path": np.zeros(61)}, "mean free path"),
        ({"atoms": ()}, "0 atoms"),
        ({"edge": "K1"}, "edge 'K1'"),
    ],
)
def test_what_cannot_be_is_refused(changes, told):
    with pytest.raises(SettingError, match=told):
        made_path(**changes)


@pytest.mark.parametrize("plain", [{}, {"atoms": 3}, {"atoms": [["V"]]}, {"atoms": [], "k": []}])
def test_plain_data_that_are_no_path_are_refused(plain):
    with pytest.raises(SettingError, match=r"no scattering path"):
        ScatteringPath.from_plain(plain)


def test_labels_become_unique_and_unique_ones_stay():
    given = ["a", "b", "a", "ab", "a"]
    assert unique_labels(given) == ["aa", "b", "ac", "ab", "ad"]
    assert unique_labels(unique_labels(given)) == unique_labels(given)
