"""`xas.Merge`: means of repeated scans, groups, outliers and honest uncertainties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_edges import absorption, scans

from corrections import CorrectionConformance
from spectra import Stack, Status
from spectra.errors import SettingError
from spectra.stack import Variable
from spectra.xas import Merge


def given(stack, errors):
    return replace(stack, errors=np.broadcast_to(errors, stack.signal.shape).copy(), noise="given")


def numbered(stack, groups):
    """Frames named after the group that they belong to."""
    names = tuple(f"{'abcdefgh'[g]}_{i}" for i, g in enumerate(groups))
    return replace(stack, names=names)


class TestMergeConformance(CorrectionConformance):
    one_frame_each = False

    def make_correction(self):
        return Merge(every=6)

    def make_source(self):
        return given(scans(noise=1e-3), 1e-3)


class TestExactMeans:
    def test_equal_weights_are_the_plain_mean(self):
        source = scans(6, 1e-3)
        done = Merge()(source)
        assert len(done) == 1
        assert np.allclose(done.signal[0], np.mean(source.signal, axis=0), rtol=1e-14)
        foil = np.mean(source.channels["reference"], axis=0)
        assert np.allclose(done.channels["reference"][0], foil, rtol=1e-14)
        assert done.variables["scans"].values.tolist() == [6]

    def test_weights_are_those_of_the_uncertainties(self):
        errors = np.array([[1e-3], [2e-3], [4e-3]])
        source = given(scans(3, 1e-3), errors)
        done = Merge(uncertainty="given")(source)
        w = 1 / errors**2
        mean = (w * np.asarray(source.signal)).sum(axis=0) / w.sum()
        assert np.allclose(done.signal[0], mean, rtol=1e-13)
        assert np.allclose(done.errors[0], 1 / np.sqrt(w.sum()), rtol=1e-13)

    def test_counts_are_not_pulled_down_by_their_own_weights(self):
        counts = np.random.default_rng(0).poisson(20, (50, 400)).astype(float)
        source = Stack.from_arrays(
            np.arange(400.0), counts, axis_name="energy", axis_unit="eV", noise="counts"
        )
        done = Merge(uncertainty="given", outlier=20)(source)
        assert np.mean(done.signal) == pytest.approx(20, abs=0.1)
        assert np.median(done.errors) == pytest.approx(np.sqrt(20 / 50), rel=0.05)

    def test_points_that_only_some_scans_have(self):
        source = scans(4, 1e-3)
        signal = np.array(source.signal)
        signal[:3, 10] = np.nan
        signal[:, 11] = np.nan
        done = Merge()(replace(source, signal=signal))
        assert done.signal[0, 10] == signal[3, 10]
        assert np.isnan(done.signal[0, 11])

    def test_variables_are_averaged_with_their_uncertainties(self):
        time = Variable(np.arange(4.0), "s", "time", np.full(4, 0.2))
        done = Merge(every=2)(scans(4, 1e-3).with_variables(time=time))
        assert done.variables["time"].values.tolist() == [0.5, 2.5]
        assert np.allclose(done.variables["time"].stderr, 0.2 / np.sqrt(2))


class TestGroups:
    def test_by_name(self):
        source = numbered(scans(6, 1e-3), [0, 1, 0, 2, 1, 0])
        done = Merge(pattern=r"^(.*)_\d+$")(source)
        assert done.names == ("a", "b", "c")
        assert done.variables["scans"].values.tolist() == [3, 2, 1]
        rows = np.asarray(source.signal)[[0, 2, 5]]
        assert np.allclose(done.signal[0], rows.mean(axis=0), rtol=1e-14)
        merged = done.metadata["corrections"][0]["groups"]
        assert merged[1] == {"name": "b", "frames": [1, 4]}

    def test_by_variable(self):
        kelvin = Variable(np.array([300.0, 400, 300, np.nan]), "K")
        done = Merge(by="temperature")(scans(4, 1e-3).with_variables(temperature=kelvin))
        assert done.names == ("temperature 300", "temperature 400", "frame 3")
        assert done.variables["scans"].values.tolist() == [2, 1, 1]

    def test_by_number(self):
        done = Merge(every=4)(scans(10, 1e-3))
        assert done.variables["scans"].values.tolist() == [4, 4, 2]

    def test_frames_of_one_name_are_not_joined_for_it(self):
        source = replace(scans(6, 1e-3), names=("foil", "foil_1", "foil_2", "x", "x", "y_1"))
        done = Merge(pattern="^(.*)_[0-9]+$")(source)
        assert done.names == ("foil", "foil", "x", "x", "y")
        assert done.variables["scans"].values.tolist() == [1, 2, 1, 1, 1]
        again = Merge(every=3)(replace(source, names=("a", "b", "c") * 2))
        assert again.names == ("a and following",) * 2
        assert again.variables["scans"].values.tolist() == [3, 3]

    def test_settings_are_checked(self):
        with pytest.raises(SettingError, match="exclude one another"):
            Merge(by="time", every=2)
        with pytest.raises(SettingError, match="no regular expression"):
            Merge(pattern="(")
        with pytest.raises(SettingError, match=r"by = 'time'; the stack has the variables none"):
            Merge(by="time")(scans(3))


class TestOutliers:
    def test_odd_points_and_scans_go_with_a_record(self):
        source = scans(8, 1e-3)
        signal = np.array(source.signal)
        signal[2, 100] += 0.1
        signal[5] += 0.2
        done = Merge()(replace(source, signal=signal))
        assert done.variables["scans"].values.tolist() == [7]
        left_out = done.metadata["corrections"][0]["left_out"]
        assert left_out == [
            {"frame": 2, "name": "frame 2", "whole": False, "energies": [source.x[100]]},
            {"frame": 5, "name": "frame 5", "whole": True, "energies": []},
        ]
        assert done.messages[0] == "left out frame 5 as odd; left out 1 odd points"
        rows = [0, 1, 2, 3, 4, 6, 7]
        assert np.abs(done.signal[0] - signal[rows].mean(axis=0))[:100].max() < 1e-12
        assert abs(done.signal[0, 100] - absorption(source.x)[100]) < 2e-3

    def test_good_scans_lose_nothing(self):
        done = Merge(every=4)(scans(400, 1e-3))
        out = done.metadata["corrections"][0]["left_out"]
        assert sum(len(o["energies"]) for o in out) < 1e-4 * 400 * done.n_points
        assert not any(o["whole"] for o in out)

    def test_bad_frames_are_left_out(self):
        source = scans(4, 1e-3)
        status = np.array([0, Status.BAD_INPUT, Status.BAD_INPUT, 0], dtype=np.int8)
        done = Merge(every=2)(replace(source, status=status))
        assert done.variables["scans"].values.tolist() == [1, 1]
        assert "1 scans are bad_input, the first frame 1" in done.messages[0]
        status[:] = Status.BAD_INPUT
        none = Merge()(replace(source, status=status))
        assert none.status.tolist() == [Status.BAD_INPUT]
        assert np.isnan(none.signal).all()
        assert none.messages[0].startswith("no usable scan")


class TestUncertainties:
    def pulls(self, done):
        return (np.asarray(done.signal) - absorption(done.x)) / done.errors

    @pytest.mark.parametrize("scans_each", [3, 8])
    def test_pulls_by_scatter(self, scans_each):
        pulls = self.pulls(Merge(every=scans_each)(scans(60 * scans_each, 2e-3)))
        assert abs(pulls.mean()) < 0.05
        assert pulls.std() == pytest.approx(1, abs=0.05)

    @pytest.mark.parametrize("source", ["given", "larger"])
    def test_pulls_with_uncertainties_given(self, source):
        errors = np.random.default_rng(5).uniform(1e-3, 4e-3, (300, 1))
        noisy = scans(300, 0.0)
        noise = errors * np.random.default_rng(6).standard_normal(noisy.signal.shape)
        noisy = given(replace(noisy, signal=noisy.signal + noise), errors)
        done = Merge(every=5, uncertainty=source)(noisy)
        # The larger of two is a little larger.
        assert self.pulls(done).std() == pytest.approx(1 if source == "given" else 0.97, abs=0.03)
        assert np.mean(done.variables["chi2"].values) == pytest.approx(1, abs=0.02)

    def test_scans_that_scatter_more_than_they_say(self):
        done = Merge(every=6)(given(scans(300, 3e-3), 1e-3))
        assert np.mean(done.variables["chi2"].values) == pytest.approx(9, rel=0.05)
        assert self.pulls(done).std() == pytest.approx(1, abs=0.06)

    def test_a_single_scan_has_no_scatter(self):
        done = Merge()(scans(1, 1e-3))
        assert done.errors is None
        assert done.noise == "unknown"
