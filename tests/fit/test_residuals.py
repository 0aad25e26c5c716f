"""What residuals say of a model."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.fit.residuals import abbe_criterion, information_criterion


def test_noise_has_one_and_structure_less():
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(400, 300))
    use = np.ones_like(noise, dtype=bool)
    assert abbe_criterion(noise, use).mean() == pytest.approx(1.0, abs=0.01)
    wave = noise + 2.0 * np.sin(np.linspace(0.0, 12.0, 300))
    assert abbe_criterion(wave, use).max() < 0.6
    # Holes change neither: neighbours are counted, not points.
    use[:, ::7] = False
    assert abbe_criterion(np.where(use, noise, 0.0), use).mean() == pytest.approx(1.0, abs=0.01)


def test_criterion_is_that_of_a_straight_line_worked_out_by_hand():
    count = np.array([50])
    known = information_criterion(np.array([48.0]), count, 2, scale_known=True)
    assert known == pytest.approx(48.0 + 2.0 * np.log(50.0))
    # With the scale unknown, the unit of the residuals drops out of a comparison of models.
    one, other = (
        information_criterion(np.array([c]), count, p, scale_known=False)
        for c, p in ((48.0, 2), (40.0, 3))
    )
    scaled_one, scaled_other = (
        information_criterion(np.array([100.0 * c]), count, p, scale_known=False)
        for c, p in ((48.0, 2), (40.0, 3))
    )
    assert one - other == pytest.approx(scaled_one - scaled_other)
