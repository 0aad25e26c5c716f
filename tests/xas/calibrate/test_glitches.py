"""`xas.Deglitch` and `xas.RemoveSteps`: what is odd goes, what is real stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_edges import E0, scans

from corrections import CorrectionConformance
from spectra import Stack
from spectra.errors import SettingError, StackError
from spectra.xas import Deglitch, RemoveSteps


def with_signal(stack, signal, **parts):
    return replace(stack, signal=signal, **parts)


def spiked(n=24, noise=1e-3, **parts):
    """Scans with one spike in every frame, and where it is."""
    stack = scans(n, noise, **parts)
    points = np.random.default_rng(8).integers(5, stack.n_points - 5, n)
    signal = np.array(stack.signal)
    signal[np.arange(n), points] += 0.1
    return stack, with_signal(stack, signal), points


class TestDeglitchConformance(CorrectionConformance):
    def make_correction(self):
        return Deglitch()

    def make_source(self):
        return spiked()[1]


class TestDeglitchInSequenceConformance(CorrectionConformance):
    def make_correction(self):
        return Deglitch(neighbours=2, replace="nan")

    def make_source(self):
        return spiked()[1]


class TestRemoveStepsConformance(CorrectionConformance):
    def make_correction(self):
        return RemoveSteps()

    def make_source(self):
        stack = scans(noise=1e-3)
        signal = np.array(stack.signal)
        signal[::3, 350:] += 0.1
        return with_signal(stack, signal)


class TestSpikes:
    def test_each_is_found_and_nothing_else(self):
        clean, source, points = spiked(200)
        done = Deglitch()(source)
        changed = done.metadata["corrections"][0]["changed"]
        steep = np.abs(source.x[points] - E0) < 3
        found = {(c["frame"], c["energy"]) for c in changed}
        truth = {(i, float(source.x[p])) for i, p in enumerate(points)}
        sure = {t for t, s in zip(sorted(truth), steep, strict=True) if not s}
        assert found <= truth
        assert len(found & sure) > 0.97 * len(sure)
        assert (done.variables["glitches"].values <= 1).all()
        off = np.asarray(done.signal) - np.asarray(clean.signal)
        hit = [(c["frame"], int(np.argmin(np.abs(source.x - c["energy"])))) for c in changed]
        assert max(abs(off[f, p]) for f, p in hit) < 0.03

    def test_untouched_points_keep_their_bits(self):
        _, source, points = spiked(30)
        done = Deglitch()(source)
        same = np.asarray(done.signal) == np.asarray(source.signal)
        assert (~same).sum() == done.variables["glitches"].values.sum()
        assert (~same)[np.arange(30), points].sum() == (~same).sum()
        assert all(
            "odd point replaced" in m
            for m, s in zip(done.messages, same, strict=True)
            if not s.all()
        )

    def test_two_neighbouring_points(self):
        stack = scans(20, 1e-3)
        signal = np.array(stack.signal)
        signal[:, 330] += 0.1
        signal[:, 331] += 0.07
        done = Deglitch()(with_signal(stack, signal))
        assert (done.variables["glitches"].values == 2).all()
        assert np.abs(np.asarray(done.signal) - np.asarray(stack.signal)).max() < 0.012
        one = Deglitch(width=1)(with_signal(stack, signal))
        assert (one.variables["glitches"].values < 2).any()

    def test_nothing_instead_of_values(self):
        _, source, _ = spiked(20)
        done = Deglitch(replace="nan")(source)
        assert np.isnan(done.signal).sum() == done.variables["glitches"].values.sum() > 15
        assert done.metadata["corrections"][0]["changed"][0]["after"] is None

    def test_uncertainties_of_replaced_points_are_honest(self):
        stack = scans(500, 2e-3, seed=4)
        points = 320 + np.arange(500) % 100
        signal = np.array(stack.signal)
        signal[np.arange(500), points] += 0.2
        errors = np.full(signal.shape, 2e-3)
        done = Deglitch()(with_signal(stack, signal, errors=errors, noise="given"))
        truth = np.asarray(scans(1).signal)[0, points]
        rows = np.flatnonzero(done.variables["glitches"].values == 1)
        assert rows.size > 480
        spread = np.asarray(done.errors)[rows, points[rows]]
        pulls = (np.asarray(done.signal)[rows, points[rows]] - truth[rows]) / spread
        # A replaced point never counts more than a measured one: the pulls are below 1.
        assert 0.2 < pulls.std() < 1
        assert (spread > 2e-3).all()
        assert (np.asarray(done.errors) >= 2e-3).all()

    def test_a_channel_can_be_mended(self):
        stack = scans(5, 1e-3)
        foil = np.array(stack.channels["reference"])
        foil[2, 380] += 1
        done = Deglitch(channel="reference")(replace(stack, channels={"reference": foil}))
        assert done.variables["glitches"].values.tolist() == [0, 0, 1, 0, 0]
        assert (done.signal == stack.signal).all()
        assert abs(done.channels["reference"][2, 380] - stack.channels["reference"][2, 380]) < 0.01


class TestWhatIsNoGlitch:
    @pytest.mark.parametrize("noise", [1e-6, 1e-4, 1e-3, 1e-2])
    def test_peaks_edges_and_noise_stay(self, noise):
        done = Deglitch()(scans(300, noise, seed=int(1e6 * noise)))
        assert done.metadata["corrections"][0]["changed"] == []

    @pytest.mark.parametrize("fwhm", [0.75, 1.0, 1.5, 3.0])
    def test_lines_down_to_three_points_wide_stay(self, fwhm):
        x = np.arange(5400.0, 5520, 0.25)
        place = 5467 + np.linspace(0, 0.25, 20)[:, None]
        lines = np.exp(-4 * np.log(2) * ((x - place) / fwhm) ** 2)
        noise = np.random.default_rng(0).normal(0, 1e-3, lines.shape)
        stack = Stack.from_arrays(x, lines + noise, axis_name="energy", axis_unit="eV")
        assert Deglitch()(stack).metadata["corrections"][0]["changed"] == []
        assert RemoveSteps()(stack).metadata["corrections"][0]["changed"] == []

    def test_neighbours_that_move_leave_no_glitch(self):
        stack = scans(60, 1e-3, shifts=np.linspace(0, 1.5, 60))
        assert Deglitch(neighbours=3)(stack).metadata["corrections"][0]["changed"] == []


class TestInSequence:
    def test_glitches_on_the_edge_come_within_reach(self):
        stack = scans(40, 1e-3, energy=np.arange(E0 - 100, E0 + 200, 1.0))
        signal = np.array(stack.signal)
        at = int(np.argmin(np.abs(stack.x - E0)))
        signal[17, at] += 0.03
        alone = Deglitch()(with_signal(stack, signal))
        compared = Deglitch(neighbours=3)(with_signal(stack, signal))
        assert alone.metadata["corrections"][0]["changed"] == []
        (found,) = compared.metadata["corrections"][0]["changed"]
        assert (found["frame"], found["energy"]) == (17, stack.x[at])
        assert found["after"] == pytest.approx(np.asarray(stack.signal)[17, at], abs=5e-3)

    def test_scales_and_offsets_of_the_frames_do_not_matter(self):
        stack = scans(40, 1e-3)
        scale = np.random.default_rng(0).uniform(0.5, 2, (40, 1))
        signal = np.array(stack.signal) * scale + scale
        assert (
            Deglitch(neighbours=3)(with_signal(stack, signal)).metadata["corrections"][0]["changed"]
            == []
        )

    def test_too_few_neighbours_expect_nothing(self):
        stack = scans(2, 1e-3)
        assert (Deglitch(neighbours=3)(stack).signal == Deglitch()(stack).signal).all()


class TestSteps:
    def test_heights_are_found_with_calibrated_errors(self):
        stack = scans(600, 2e-3, seed=6)
        points = 320 + np.arange(600) % 90
        behind = np.arange(stack.n_points) > points[:, None]
        done = RemoveSteps()(with_signal(stack, np.asarray(stack.signal) + 0.2 * behind))
        record = done.metadata["corrections"][0]["changed"]
        assert (done.variables["steps"].values == 1).all()
        middles = (stack.x[1:] + stack.x[:-1]) / 2
        assert [r["energy"] for r in record] == middles[points].tolist()
        pulls = np.array([(r["height"] - 0.2) / r["stderr"] for r in record])
        # A larger of two estimates of the noise is taken, so the pulls are a little narrow.
        assert abs(pulls.mean()) < 0.15
        assert 0.8 < pulls.std() < 1.05
        off = np.asarray(done.signal) - np.asarray(stack.signal)
        assert np.abs(off[~behind]).max() == 0
        assert np.allclose(off[behind], np.broadcast_to(off[:, -1:], off.shape)[behind])

    def test_several_in_one_spectrum(self):
        stack = scans(3, 1e-3)
        signal = np.array(stack.signal)
        signal[1, 330:] += 0.1
        signal[1, 360:] -= 0.2
        signal[1, 400:] += 0.1
        done = RemoveSteps()(with_signal(stack, signal))
        assert done.variables["steps"].values.tolist() == [0, 3, 0]
        assert "3 steps removed" in done.messages[1]
        assert np.abs(np.asarray(done.signal) - np.asarray(stack.signal)).max() < 0.02
        first = RemoveSteps(most=1)(with_signal(stack, signal))
        assert first.variables["steps"].values.tolist() == [0, 1, 0]

    def test_a_jump_of_the_monitor_of_a_yield_is_a_factor(self):
        stack = scans(5, 1e-3)
        signal = np.array(stack.signal)
        signal[2, 350:] *= 1.2
        errors = np.full(signal.shape, 1e-3)
        source = with_signal(stack, signal, errors=errors, noise="given")
        done = RemoveSteps(acts="factor")(source)
        (found,) = done.metadata["corrections"][0]["changed"]
        assert found["height"] == pytest.approx(1.2, abs=5 * found["stderr"])
        assert np.abs(np.asarray(done.signal) - np.asarray(stack.signal)).max() < 0.02
        assert np.allclose(done.errors[2, 350:], 1e-3 / found["height"])
        assert (done.errors[2, :350] == 1e-3).all()

    def test_edges_are_no_steps(self):
        done = RemoveSteps()(scans(200, 1e-4))
        assert done.metadata["corrections"][0]["changed"] == []


def test_settings_are_checked():
    for wrong in ({"threshold": 1.0}, {"contrast": 0.5}, {"neighbours": -1}):
        with pytest.raises(SettingError, match="expected"):
            Deglitch(**wrong)
        with pytest.raises(SettingError, match="expected"):
            RemoveSteps(**wrong)
    with pytest.raises(SettingError, match="1 to 4 points"):
        Deglitch(width=9)
    with pytest.raises(SettingError, match="offset or factor"):
        RemoveSteps(acts="both")
    short = Stack.from_arrays([1.0, 2.0], [3.0, 4.0], axis_name="energy", axis_unit="eV")
    with pytest.raises(StackError, match="2 points; expected 11 or more"):
        Deglitch()(short)


def columns_of(path):
    rows = [line.split() for line in path.read_text(errors="replace").splitlines()]
    return np.array([[float(v) for v in r] for r in rows if r and r[0][0] in "0123456789."])


@pytest.mark.realdata
class TestRealSpectra:
    """Of careful step scans: nothing in them is a glitch worth a correction."""

    @pytest.mark.parametrize("name", ["V2O5", "VO2", "V2O3", "VO", "V_foil"])
    def test_vanadium(self, data, name):
        table = columns_of(data / "xas" / "vanadium" / f"{name}.xdi")
        self.check(table[:, 0], np.log(table[:, 2] / table[:, 3]))

    @pytest.mark.parametrize("name", ["cu_10k.xmu", "cu_50k.xmu", "cu_150k.xmu", "cu_metal_rt.xdi"])
    def test_copper(self, data, name):
        table = columns_of(data / "xas" / "copper" / name)
        self.check(table[:, 0], table[:, 3 if name.endswith("xdi") else 1])

    def test_nickel_sequence(self, data):
        content = np.load(data / "xas" / "lno_operando" / "lno_nik_pos1.npz")
        self.check(content["energy"], content["norm"][:60])

    def check(self, energy, mu):
        stack = Stack.from_arrays(energy, mu, axis_name="energy", axis_unit="eV")
        assert Deglitch()(stack).metadata["corrections"][0]["changed"] == []
        assert RemoveSteps()(stack).metadata["corrections"][0]["changed"] == []

    def test_the_dip_of_iron_oxide_is_found(self, data):
        table = columns_of(data / "xas" / "misc" / "FeO_rt_01.xdi")
        stack = Stack.from_arrays(
            table[:, 0], np.log(table[:, 1]), axis_name="energy", axis_unit="eV"
        )
        changed = Deglitch()(stack).metadata["corrections"][0]["changed"]
        assert 7436.3831 in [c["energy"] for c in changed]
