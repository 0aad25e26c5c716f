"""Line shifts against ray geometry and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra.xrd.aberrations import ABERRATIONS, GEOMETRIES, get_aberrations

RADIUS = 200.0
ANGLES = np.array([10.0, 45.0, 90.0, 120.0])


def shift(name, two_theta=ANGLES):
    return ABERRATIONS[name].shift(np.asarray(two_theta), RADIUS)


def test_a_displaced_flat_sample_by_tracing_the_ray():
    """Ray from source to displaced surface to the detector's circle, without small angles."""
    size = 0.02
    for two_theta in ANGLES:
        theta = np.radians(two_theta / 2)
        # Symmetric reflection; x along the sample, y its outward normal; surface at y = size.
        source = RADIUS * np.array([-np.cos(theta), np.sin(theta)])
        incident = -source / RADIUS
        hit = source + incident * (source[1] - size) / -incident[1]
        out = np.radians(two_theta)
        direction = np.array(
            [
                incident[0] * np.cos(out) - incident[1] * np.sin(out),
                incident[0] * np.sin(out) + incident[1] * np.cos(out),
            ]
        )
        along = hit @ direction
        reach = -along + np.sqrt(along**2 - hit @ hit + RADIUS**2)
        point = hit + reach * direction
        seen = np.degrees(np.arctan2(point[1], point[0])) + two_theta / 2
        # Too high a sample makes angles too large; a positive displacement is too low.
        expected = -size * ABERRATIONS["displacement"].shift(np.array([two_theta]), RADIUS)[0]
        assert seen - two_theta == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(("name", "offset"), [("along", (-1.0, 0.0)), ("across", (0.0, 1.0))])
def test_a_displaced_capillary_by_tracing_the_ray(name, offset):
    """Beam along x; the diffracted ray starts from the displaced capillary."""
    size = 0.02
    start = size * np.array(offset)
    direction = np.stack([np.cos(np.radians(ANGLES)), np.sin(np.radians(ANGLES))], axis=1)
    along = direction @ start
    reach = -along + np.sqrt(along**2 - start @ start + RADIUS**2)
    point = start + reach[:, None] * direction
    seen = np.degrees(np.arctan2(point[:, 1], point[:, 0]))
    size_of = size if name == "across" else -size
    np.testing.assert_allclose(seen - ANGLES, size_of * shift(name), atol=2e-6)


def test_closed_forms():
    rad = np.degrees(1.0)
    np.testing.assert_allclose(shift("zero"), 1.0)
    np.testing.assert_allclose(shift("transparency", [90.0]), -rad / RADIUS)
    np.testing.assert_allclose(shift("axial", [45.0, 135.0]), [-rad, rad])
    np.testing.assert_allclose(shift("displacement", [120.0]), -rad / RADIUS)


@given(st.sampled_from(sorted(ABERRATIONS)), st.floats(5.0, 170.0), st.floats(50.0, 1000.0))
def test_slopes_are_the_derivatives_of_shifts(name, two_theta, radius):
    aberration = ABERRATIONS[name]
    step = 1e-2
    at = np.array([two_theta - step, two_theta + step])
    numeric = np.diff(aberration.shift(at, radius))[0] / (2 * step)
    slope = aberration.slope(np.array([two_theta]), radius)[0]
    assert slope == pytest.approx(numeric, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_each_geometry_has_its_own(geometry):
    fitting = [a.name for a in ABERRATIONS.values() if geometry in a.geometries]
    assert [a.name for a in get_aberrations(tuple(fitting), geometry)] == fitting
    assert ("displacement" in fitting) == (geometry == "bragg_brentano")
    assert all(a.unit and a.meaning for a in ABERRATIONS.values())
