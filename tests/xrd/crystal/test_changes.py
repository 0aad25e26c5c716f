"""Changes against a reference frame."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.errors import SettingError
from spectra.xrd.crystal.changes import changes

TRUE = np.array([[4.5, 1.8], [4.6, 1.79], [4.4, 1.85], [4.7, 1.7]])
ERROR = np.array([[0.02, 0.004], [0.03, 0.005], [0.01, 0.006], [0.05, 0.002]])


def test_the_reference_has_not_changed():
    found = changes(TRUE, ERROR, 2)
    assert (found.percent[2] == 0.0).all()
    assert (found.stderr[2] == 0.0).all()
    assert (found.covariance(0)[2] == 0.0).all()


def test_changes_of_drawn_frames_have_the_stated_covariance():
    rng = np.random.default_rng(11)
    drawn = TRUE + ERROR * rng.normal(size=(20000, *TRUE.shape))
    percent = np.array([changes(d, ERROR, 0).percent for d in drawn])
    found = changes(TRUE, ERROR, 0)
    np.testing.assert_allclose(found.percent, 100.0 * (TRUE / TRUE[0] - 1.0))
    np.testing.assert_allclose(percent.std(axis=0), found.stderr, rtol=0.03)
    for quantity in (0, 1):
        seen = np.cov(percent[..., quantity].T)
        stated = found.covariance(quantity)
        np.testing.assert_allclose(seen, stated, atol=0.03 * stated.max())
        assert stated[1, 3] > 0.0


def test_a_lost_reference_gives_nothing():
    value = TRUE.copy()
    value[0, 1] = np.nan
    found = changes(value, ERROR, 0)
    assert np.isnan(found.percent[:, 1]).all()
    assert np.isnan(found.stderr[:, 1]).all()
    assert np.isfinite(found.stderr[:, 0]).all()


def test_a_reference_that_is_not_there():
    with pytest.raises(SettingError, match="from 0 to 3"):
        changes(TRUE, ERROR, 4)
