"""Paths as Larch reads them: the same numbers to the last bit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from spectra.xas.paths.feffdat import read_feffdat

pytestmark = pytest.mark.realdata

SAME_CURVES = {
    "k": "k",
    "central_phase": "real_phc",
    "feff_amplitude": "mag_feff",
    "feff_phase": "pha_feff",
    "reduction": "red_fact",
    "mean_free_path": "lam",
    "real_p": "rep",
    "amplitude": "amp",
    "phase": "pha",
}
SAME_NUMBERS = {
    "degeneracy": "degen",
    "reff": "reff",
    "nleg": "nleg",
    "fermi_level": "vmu",
    "interstitial_potential": "vint",
    "interstitial_radius": "rs_int",
    "norman_radius": "rnorman",
    "core_hole_width": "gam_ch",
    "edge": "shell",
    "absorber": "absorber",
    "reduced_mass": "rmass",
}


@pytest.fixture(scope="module")
def feffpath():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from larch.xafs import feffpath
    return feffpath


@pytest.fixture(scope="module")
def files(data):
    found = sorted((data / "xas" / "copper" / "feff_Cu").glob("feff*.dat"))
    assert len(found) == 14
    return [*found, data / "xas" / "copper" / "feffcu01.dat"]


def test_every_number_of_every_path_is_larchs(files, feffpath):
    for file in files:
        ours, theirs = read_feffdat(file), feffpath(str(file))._feffdat
        for name, of_larch in SAME_CURVES.items():
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, of_larch), name)
        for name, of_larch in SAME_NUMBERS.items():
            assert getattr(ours, name) == getattr(theirs, of_larch), (file, name)
        positions = [[float(v) for v in atom[4:]] for atom in theirs.geom]
        np.testing.assert_allclose([a.position for a in ours.atoms], positions, atol=1e-9)
