"""`xas.Rebin`: integrals are kept, averages equal those of others, errors follow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_edges import E0, absorption, scans

from corrections import CorrectionConformance
from spectra import Stack
from spectra.errors import SettingError, StackError
from spectra.xas import Rebin
from spectra.xas.calibrate.rebin import bin_weights

FINE = np.arange(E0 - 150, E0 + 800, 0.1)


class TestRebinConformance(CorrectionConformance):
    def make_correction(self):
        return Rebin(e0=E0)

    def make_source(self):
        return scans(noise=1e-3)


class TestBins:
    def test_straight_lines_are_averaged_exactly(self):
        rng = np.random.default_rng(0)
        x = np.cumsum(rng.uniform(0.2, 2, 60))
        y = rng.normal(size=60)
        limits = np.sort(np.concatenate([[x[0], x[-1]], rng.uniform(x[0], x[-1], 13)]))
        means = bin_weights(x, limits) @ y
        for low, high, mean in zip(limits[:-1], limits[1:], means, strict=True):
            nodes = np.concatenate([[low], x[(x > low) & (x < high)], [high]])
            exact = np.trapezoid(np.interp(nodes, x, y), nodes) / (high - low)
            assert mean == pytest.approx(exact, abs=1e-12)
        assert (means * np.diff(limits)).sum() == pytest.approx(np.trapezoid(y, x), abs=1e-12)
        assert np.allclose(bin_weights(x, limits).sum(axis=1), 1)

    def test_regions_have_their_steps(self):
        correction = Rebin(e0=E0)
        limits = correction.limits(E0, FINE[0], FINE[-1])
        steps = np.diff(limits)
        middle = (limits[1:] + limits[:-1]) / 2 - E0
        assert np.allclose(steps[middle < -30], 2.0)
        # E0/25000 rounded down to 0.05 eV.
        assert np.allclose(steps[(middle > -30) & (middle < 15)], 0.3)
        k = np.sqrt((limits[limits > E0 + 14.9] - E0) / 3.80998)
        assert np.allclose(np.diff(k), 0.05, atol=1e-4)
        assert limits[0] >= FINE[0]
        assert limits[-1] <= FINE[-1]
        assert 0 <= FINE[-1] - limits[-1] < steps[-1] * 1.1


class TestRebin:
    def stack(self, noise=0.0, n=1, **parts):
        y = absorption(FINE) + noise * np.random.default_rng(2).standard_normal((n, FINE.size))
        return Stack.from_arrays(FINE, y, axis_name="energy", axis_unit="eV", **parts)

    def test_the_spectrum_is_kept(self):
        done = Rebin(e0=E0)(self.stack())
        record = done.metadata["corrections"][0]
        assert record["points_before"] == FINE.size
        assert record["points_after"] == done.n_points < 600
        assert np.abs(done.signal - absorption(done.x)).max() < 5e-3

    def test_pulls_of_averages(self):
        source = self.stack(5e-3, 40, channels={})
        source = replace(source, errors=np.full(source.signal.shape, 5e-3), noise="given")
        exact = np.asarray(Rebin(e0=E0)(self.stack()).signal)
        done = Rebin(e0=E0)(source)
        pulls = (np.asarray(done.signal) - exact) / done.errors
        assert abs(pulls.mean()) < 0.05
        assert pulls.std() == pytest.approx(1, abs=0.02)
        assert done.errors[0, -1] < 5e-3 / 5

    def test_counts_become_averages_with_errors(self):
        counts = np.full((1, FINE.size), 400.0)
        source = Stack.from_arrays(FINE, counts, axis_name="energy", axis_unit="eV", noise="counts")
        done = Rebin(e0=E0)(source)
        assert done.noise == "given"
        assert np.allclose(done.signal, 400)
        assert (done.errors < 20.1).all()

    def test_holes_reach_the_bins_that_touch_them_only(self):
        y = absorption(FINE)[None].copy()
        hole = (FINE > E0 + 100) & (FINE < E0 + 101)
        y[0, hole] = np.nan
        source = Stack.from_arrays(FINE, y, axis_name="energy", axis_unit="eV")
        done = Rebin(e0=E0)(source)
        gone = np.isnan(np.asarray(done.signal)[0])
        assert 1 <= gone.sum() <= 4
        assert np.abs(done.x[gone] - E0 - 100.5).max() < 4

    def test_bins_finer_than_the_points_are_counted(self):
        coarse = Stack.from_arrays(
            FINE[::20], absorption(FINE[::20]), axis_name="energy", axis_unit="eV"
        )
        assert Rebin(e0=E0)(coarse).metadata["corrections"][0]["bins_without_a_point"] > 50

    def test_the_edge_is_taken_from_the_metadata(self):
        done = Rebin()(scans(2))
        assert done.metadata["corrections"][0]["e0"] == 8333.0
        with pytest.raises(SettingError, match="no element given"):
            Rebin()(self.stack())
        with pytest.raises(StackError, match="check e0"):
            Rebin(e0=2000)(scans(2))
        with pytest.raises(SettingError, match="below exafs_start"):
            Rebin(xanes_start=20)


class TestAgainstLarch:
    def test_averages_agree(self, larch_xafs):
        rng = np.random.default_rng(4)
        y = absorption(FINE) + 1e-3 * rng.standard_normal(FINE.size)
        group = larch_xafs.Group(energy=FINE.copy(), mu=y.copy(), e0=E0, __name__="g")
        larch_xafs.rebin_xafs(group, e0=E0, pre1=-150)
        other = group.rebinned
        done = Rebin(e0=E0)(Stack.from_arrays(FINE, y, axis_name="energy", axis_unit="eV"))
        # Larch's points stand on the limits of our bins; bins equally wide around them differ
        # by which points are taken, not by more than the noise of averages.
        ours = np.interp(other.energy, done.x, np.asarray(done.signal)[0])
        away = (np.abs(other.energy - E0) > 20) & (other.energy < FINE[-1] - 10)
        away &= other.energy > FINE[0] + 5
        difference = (ours - other.mu)[away]
        assert np.abs(difference).max() < 2e-3
        assert abs(difference.mean()) < 1e-4
        assert abs(other.energy.size - done.n_points) <= 2
