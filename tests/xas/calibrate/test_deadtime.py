"""`xas.DeadTime`: counts that come back exactly, with honest uncertainties."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_edges import absorption, scan_energies, scans

from corrections import CorrectionConformance
from spectra import Stack, Status
from spectra.errors import SettingError
from spectra.xas import DeadTime

TAU = 2e-6
MODELS = ("nonparalyzable", "paralyzable")


def recorded(true, model):
    return true / (1 + true * TAU) if model == "nonparalyzable" else true * np.exp(-true * TAU)


def counts_of(rates, **parts):
    return Stack.from_arrays(
        scan_energies(), rates, axis_name="energy", axis_unit="eV", noise="counts", **parts
    )


class TestDeadTimeConformance(CorrectionConformance):
    def make_correction(self):
        return DeadTime(dead_time=1e-3)

    def make_source(self):
        return scans(noise=1e-3)


class TestExactRates:
    @pytest.mark.parametrize("model", MODELS)
    def test_true_rates_come_back(self, model):
        true = 2e5 * absorption(scan_energies())[None]
        assert (true * TAU).max() > 0.5
        done = DeadTime(dead_time=TAU, model=model)(counts_of(recorded(true, model)))
        assert np.allclose(done.signal, true, rtol=1e-12)
        record = done.metadata["corrections"][0]
        assert record["largest_factor"] == pytest.approx((true / recorded(true, model)).max())
        assert record["points_saturated"] == 0

    @pytest.mark.parametrize("model", MODELS)
    def test_counts_are_rates_times_time(self, model):
        true = 2e5 * absorption(scan_energies())[None]
        counts = counts_of(5 * recorded(true, model))
        done = DeadTime(dead_time=TAU, model=model, count_time=5.0)(counts)
        assert np.allclose(done.signal, 5 * true, rtol=1e-12)

    def test_another_channel_can_tell_how_busy_it_was(self):
        line = 1e4 * absorption(scan_energies())[None]
        everything = 3e5 + 0 * line
        lost = recorded(everything, "nonparalyzable") / everything
        source = counts_of(line * lost, channels={"icr": everything * lost})
        done = DeadTime(dead_time=TAU, rates="icr")(source)
        assert np.allclose(done.signal, line, rtol=1e-12)
        assert np.allclose(done.channels["icr"], everything, rtol=1e-12)
        assert np.allclose(done.errors, np.sqrt(line * lost) / lost, rtol=1e-12)

    def test_given_uncertainties_follow_the_slope(self):
        rates = np.full((1, scan_energies().size), 1e5)
        source = Stack.from_arrays(
            scan_energies(), rates, 0.01 * rates, axis_name="energy", axis_unit="eV"
        )
        for model in MODELS:
            correction = DeadTime(dead_time=TAU, model=model)
            more = Stack.from_arrays(source.x, rates + 1, axis_name="energy", axis_unit="eV")
            slope = np.asarray(correction(more).signal) - correction(source).signal
            assert np.allclose(correction(source).errors, 1e3 * slope, rtol=1e-4)


class TestScatter:
    def events(self, rate, time, model, rng):
        """Events recorded by a detector, simulated one by one."""
        gaps = rng.exponential(1 / rate, int(rate * time * 1.2) + 50)
        times = np.cumsum(gaps)
        times = times[times < time]
        if model == "paralyzable":
            return 1 + int((np.diff(times) > TAU).sum())
        count, free = 0, 0.0
        for t in times.tolist():
            if t >= free:
                count, free = count + 1, t + TAU
        return count

    @pytest.mark.parametrize("model", MODELS)
    def test_pulls_of_simulated_events(self, model):
        rng, rate, time = np.random.default_rng(3), 1.2e5, 0.02
        x = np.arange(400.0)
        counts = np.array([self.events(rate, time, model, rng) for _ in x])
        source = Stack.from_arrays(
            x, counts[None], axis_name="energy", axis_unit="eV", noise="counts"
        )
        done = DeadTime(dead_time=TAU, model=model, count_time=time)(source)
        pulls = (np.asarray(done.signal) - rate * time) / done.errors
        assert abs(pulls.mean()) < 0.2
        # √M would be 1.2 to 1.4 times too much here.
        assert pulls.std() == pytest.approx(1, abs=0.1)


class TestSaturation:
    @pytest.mark.parametrize("model", MODELS)
    def test_points_beyond_the_largest_rate_are_none(self, model):
        limit = 1 / TAU if model == "nonparalyzable" else 1 / (np.e * TAU)
        rates = np.full((3, scan_energies().size), 1e4)
        rates[1, 7:9] = 1.01 * limit
        rates[2] = 2 * limit
        done = DeadTime(dead_time=TAU, model=model)(counts_of(rates))
        assert np.isnan(done.signal).sum(axis=1).tolist() == [0, 2, scan_energies().size]
        assert done.status.tolist() == [Status.OK, Status.OK, Status.BAD_INPUT]
        assert done.messages[1].startswith("2 points recorded at or above the largest rate")
        assert done.metadata["corrections"][0]["points_saturated"] == 2 + scan_energies().size


def test_settings_are_checked():
    with pytest.raises(SettingError, match="such as 1e-6"):
        DeadTime()
    with pytest.raises(SettingError, match="nonparalyzable or paralyzable"):
        DeadTime(dead_time=1e-6, model="extended")
    with pytest.raises(SettingError, match="count_time"):
        DeadTime(dead_time=1e-6, count_time=0)
