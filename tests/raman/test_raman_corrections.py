"""Corrections of Raman spectra: exact answers, and what they say of their uncertainty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_bands import SHIFT, background, bands, series, with_rays

from corrections import CorrectionConformance
from spectra import Stack, Status
from spectra.errors import SettingError, StackError
from spectra.raman import Baseline, Calibrate, Despike, Response, Scale
from spectra.raman.lines import find_lines, lines_of, vacuum_wavelength

REFUSAL = r"needs spectra over raman_shift in 1/cm; the axis is two_theta"
RESPONSE = {
    "shift": tuple(np.linspace(150.0, 1200.0, 40).tolist()),
    "measured": tuple((1.0 + 1e-3 * np.linspace(150.0, 1200.0, 40)).tolist()),
    "measured_stderr": (0.01,) * 40,
}


class RamanConformance(CorrectionConformance):
    refusal = REFUSAL

    def make_source(self):
        return series()


class TestDespikeConformance(RamanConformance):
    def make_correction(self):
        return Despike()

    def make_source(self):
        return with_rays(series())[0]


class TestDespikeByNeighboursConformance(TestDespikeConformance):
    def make_correction(self):
        return Despike(neighbours=2, replace="nan")


class TestBaselineConformance(RamanConformance):
    def make_correction(self):
        return Baseline(algorithm="arpls", parameters={"lam": 1e6}, window=(250.0, 900.0))


class TestScaleConformance(RamanConformance):
    def make_correction(self):
        return Scale(by="band", window=(480.0, 560.0))


class TestResponseConformance(RamanConformance):
    def make_correction(self):
        return Response(**RESPONSE)


class TestCalibrateConformance(RamanConformance):
    def make_correction(self):
        return Calibrate(standard="Si")


class TestDespike:
    def test_every_ray_goes_and_nothing_else(self):
        clean = series(200)
        source, frames, points = with_rays(clean)
        done = Despike()(source)
        wrong = np.asarray(done.signal) - np.asarray(clean.signal)
        # Beside a band of a few points' width nobody can tell a ray without a repeat.
        plain = np.abs(SHIFT[points] - 520.0) > 20.0
        # Nor can the noise around be told near the ends.
        plain &= (points >= 12) & (points < len(SHIFT) - 13)
        # What replaces a point differs from it by no more than the noise of both.
        assert np.abs(wrong[plain]).max() < 6 * 0.02 * 2
        changed = np.asarray(done.signal) != np.asarray(source.signal)
        hit = np.zeros(changed.shape, bool)
        hit[frames, points] = True
        hit[frames[::2], points[::2] + 1] = True
        assert changed[hit & plain[:, None]].all()
        assert not (changed & ~hit)[plain].any()
        np.testing.assert_array_equal(done.variables["cosmic_rays"].values, changed.sum(axis=1))

    def test_repeats_show_rays_on_top_of_sharp_bands(self):
        clean = series(9)
        signal = np.array(clean.signal)
        top = int(np.abs(SHIFT - 520.0).argmin())
        signal[4, top : top + 2] += 1.0
        source = replace(clean, signal=signal)
        assert Despike()(source).variables["cosmic_rays"].values.sum() == 0
        done = Despike(neighbours=2)(source)
        assert np.flatnonzero(done.variables["cosmic_rays"].values).tolist() == [4]
        record = done.metadata["corrections"][0]["changed"]
        assert [r["frame"] for r in record] == [4, 4]
        assert record[0]["raman_shift"] == SHIFT[top]
        assert done.messages[4].startswith("2 points of cosmic rays replaced")

    def test_two_repeats_are_enough(self):
        """What stands out upwards against the other is a ray; the other then shows a dip."""
        pair = series(2)
        signal = np.array(pair.signal)
        top = int(np.abs(SHIFT - 520.0).argmin())
        signal[0, top] += 1.0
        signal[1, 300] += 1.0
        done = Despike(neighbours=1)(replace(pair, signal=signal))
        changed = done.metadata["corrections"][0]["changed"]
        assert [(c["frame"], c["raman_shift"]) for c in changed] == [
            (0, SHIFT[top]),
            (1, SHIFT[300]),
        ]

    def test_dips_are_no_rays(self):
        clean = series(3)
        signal = np.array(clean.signal)
        signal[1, 400] -= 3.0
        done = Despike()(replace(clean, signal=signal))
        assert done.variables["cosmic_rays"].values.sum() == 0

    def test_replaced_points_gain_uncertainty(self):
        source, frames, points = with_rays(series(40))
        done = Despike()(source)
        new = np.asarray(done.errors)[frames, points]
        assert (new > 0.02).mean() > 0.95

    @pytest.mark.parametrize(
        "settings",
        [{"threshold": 1}, {"contrast": 1}, {"width": 9}, {"neighbours": -1}, {"replace": "zero"}],
    )
    def test_settings_out_of_range(self, settings):
        with pytest.raises(SettingError, match=next(iter(settings))):
            Despike(**settings)


class TestBaseline:
    def test_a_polynomial_is_taken_off_exactly(self):
        stack = series(3)
        bare = replace(stack, signal=np.tile(background(), (3, 1)), errors=None, noise="unknown")
        done = Baseline(algorithm="poly", parameters={"poly_order": 2})(bare)
        np.testing.assert_allclose(done.signal, 0.0, atol=1e-10)
        np.testing.assert_allclose(done.channels["baseline"], bare.signal, rtol=1e-12)

    def test_bands_stay(self):
        """Four fifths of each band's height at least, which a baseline cuts from broad ones."""
        done = Baseline(algorithm="arpls", parameters={"lam": 1e7})(series(4, base=True))
        at = [int(np.abs(SHIFT - c).argmin()) for c in (330.0, 520.0, 702.0)]
        share = np.asarray(done.signal)[0, at] / bands()[at]
        assert (np.abs(share - 1) < 0.2).all()
        total = np.asarray(done.signal) + np.asarray(done.channels["baseline"])
        np.testing.assert_allclose(total, series(4, base=True).signal, rtol=1e-12)

    @pytest.mark.parametrize("algorithm", ["asls", "airpls", "imodpoly", "snip", "rubberband"])
    def test_algorithms_by_name(self, algorithm):
        from pybaselines import Baseline as Algorithms

        stack = series(3, base=True)
        done = Baseline(algorithm=algorithm)(stack)
        alone = getattr(Algorithms(SHIFT), algorithm)(np.asarray(stack.signal)[1])[0]
        np.testing.assert_allclose(done.channels["baseline"][1], alone, rtol=1e-9)

    def test_points_without_numbers(self):
        stack = series(3, base=True)
        signal = np.array(stack.signal)
        signal[1, :100] = np.nan
        done = Baseline(algorithm="asls")(replace(stack, signal=signal))
        assert np.isnan(done.signal[1, :100]).all()
        assert np.isfinite(done.signal[1, 100:]).all()
        assert (done.status == Status.OK).all()

    def test_what_fails_is_marked(self):
        stack = series(3)
        signal = np.array(stack.signal)
        signal[2] = np.nan
        done = Baseline()(replace(stack, signal=signal))
        assert done.status.tolist() == [Status.OK, Status.OK, Status.BAD_INPUT]
        assert "0 points of the axis hold numbers" in done.messages[2]

    def test_what_has_not_converged_is_told(self):
        hasty = Baseline(algorithm="arpls", parameters={"lam": 1e6, "max_iter": 1, "tol": 1e-9})
        done = hasty(series(2, base=True))
        assert done.metadata["corrections"][0]["not_converged"] == 2
        assert done.messages == ("the baseline of arpls has not converged",) * 2
        assert (done.status == Status.OK).all()

    def test_unknown_names(self):
        with pytest.raises(SettingError, match="arpls, asls"):
            Baseline(algorithm="magic")
        with pytest.raises(SettingError, match="lambda"):
            Baseline(algorithm="arpls", parameters={"lambda": 1})(series(2))

    def test_counts_become_uncertainties(self):
        counts = np.random.default_rng(0).poisson(100.0, (2, 800)).astype(float)
        stack = Stack.from_arrays(
            SHIFT, counts, axis_name="raman_shift", axis_unit="1/cm", noise="counts"
        )
        done = Baseline()(stack)
        assert done.noise == "given"
        np.testing.assert_allclose(done.errors, np.sqrt(counts))


class TestScale:
    @pytest.mark.parametrize("by", ["area", "maximum", "vector"])
    def test_what_becomes_one(self, by):
        done = Scale(by=by)(series())
        y = np.asarray(done.signal)
        ones = {
            "area": np.trapezoid(y, SHIFT, axis=1),
            "maximum": y.max(axis=1),
            "vector": np.sqrt((y**2).sum(axis=1)),
        }
        np.testing.assert_allclose(ones[by], 1.0, rtol=1e-12)

    def test_band_above_its_line(self):
        part = (SHIFT >= 480.0) & (SHIFT <= 560.0)
        x, source = SHIFT[part], series(3, base=True)
        y = np.asarray(source.signal)[:, part]
        line = y[:, :1] + (y[:, -1:] - y[:, :1]) * (x - x[0]) / (x[-1] - x[0])
        done = Scale(by="band", window=(480.0, 560.0))(source)
        np.testing.assert_allclose(
            done.variables["scale"].values, np.trapezoid(y - line, x, axis=1), rtol=1e-12
        )

    @pytest.mark.parametrize("by", ["area", "vector", "band"])
    def test_uncertainty_covers_the_scatter(self, by):
        stack = series(1)
        truth = np.tile(bands(), (2000, 1))
        rng = np.random.default_rng(1)
        noisy = Stack.from_arrays(
            SHIFT,
            truth + rng.normal(0, 0.02, truth.shape),
            np.full(truth.shape, 0.02),
            axis_name=stack.axis.name,
            axis_unit=stack.axis.unit,
        )
        told = Scale(by=by, window=(480.0, 560.0))(noisy).variables["scale"]
        exact = Scale(by=by, window=(480.0, 560.0))(replace(noisy[:1], signal=truth[:1]))
        size = exact.variables["scale"].values
        # The root of a sum of squares grows by what noise adds to these.
        points = ((SHIFT >= 480.0) & (SHIFT <= 560.0)).sum()
        grown = 0.02**2 * (points - 1) / (2 * size) if by == "vector" else 0.0
        pulls = (told.values - size - grown) / told.stderr
        assert abs(pulls.mean()) < 0.08
        assert 0.95 < pulls.std() < 1.05

    def test_missing_points_and_nothing_to_scale_by(self):
        stack = series(3)
        signal = np.array(stack.signal)
        signal[0, 100:110] = np.nan
        signal[2] *= -1
        done = Scale()(replace(stack, signal=signal))
        known = np.isfinite(signal[0])
        assert done.variables["scale"].values[0] == pytest.approx(
            np.trapezoid(signal[0, known], SHIFT[known]), rel=1e-12
        )
        assert done.status.tolist() == [Status.OK, Status.OK, Status.BAD_INPUT]
        np.testing.assert_array_equal(done.signal[2], signal[2])

    def test_settings_out_of_range(self):
        with pytest.raises(SettingError, match="by = 'mean'"):
            Scale(by="mean")
        with pytest.raises(SettingError, match="needs window"):
            Scale(by="band")
        with pytest.raises(SettingError, match="two rising"):
            Scale(window=(3.0, 2.0))
        with pytest.raises(StackError, match="0 points from 5000 to 6000"):
            Scale(window=(5000.0, 6000.0))(series(2))


class TestResponse:
    def test_a_known_response_is_divided_out(self):
        """The standard shines as 1 + 2e-4 x, the spectrometer sees it through a parabola."""
        seen = 1.0 - 3e-7 * (SHIFT - 600.0) ** 2
        light = 1.0 + 2e-4 * SHIFT
        standard = Stack.from_arrays(
            SHIFT, np.tile(seen * light, (4, 1)), axis_name="raman_shift", axis_unit="1/cm"
        )
        response = Response.of(standard, (1.0, 2e-4))
        done = response(replace(series(2), signal=np.tile(seen * bands(), (2, 1))))
        ratio = np.asarray(done.signal) / bands()
        np.testing.assert_allclose(ratio, seen.mean(), rtol=1e-9)

    @pytest.mark.parametrize("repeats", [1, 2])
    def test_a_standard_measured_once_or_twice_has_its_own_uncertainty(self, repeats):
        y = np.full((repeats, 800), 400.0)
        axis = {"axis_name": "raman_shift", "axis_unit": "1/cm"}
        given = Stack.from_arrays(SHIFT, y, errors=np.full_like(y, 8.0), **axis)
        counted = Stack.from_arrays(SHIFT, y, noise="counts", **axis)
        unknown = Stack.from_arrays(SHIFT, y, noise="unknown", **axis)
        for standard, sigma in ((given, 8.0), (counted, 20.0)):
            stderr = Response.of(standard).measured_stderr
            np.testing.assert_allclose(stderr, sigma / np.sqrt(repeats))
        assert Response.of(unknown).measured_stderr == ()

    def test_a_standard_measured_often_has_the_uncertainty_of_its_scatter(self):
        y = np.random.default_rng(3).normal(400.0, 5.0, (50, 800))
        axis = {"axis_name": "raman_shift", "axis_unit": "1/cm"}
        standard = Stack.from_arrays(SHIFT, y, errors=np.full_like(y, 80.0), **axis)
        stderr = np.array(Response.of(standard).measured_stderr)
        assert np.sqrt((stderr**2).mean()) == pytest.approx(5.0 / np.sqrt(50), rel=0.02)

    def test_uncertainties_add_in_quadrature(self):
        flat = Response(shift=tuple(SHIFT), measured=(2.0,) * 800, measured_stderr=(0.1,) * 800)
        done = flat(series(2, noise=0.02))
        y = np.asarray(done.signal)
        np.testing.assert_allclose(done.errors, np.hypot(0.02, 0.05 * y), rtol=1e-9)

    def test_outside_of_its_range_there_is_nothing(self):
        done = Response(**RESPONSE, window=(300.0, 800.0))(series(2))
        inside = np.isfinite(np.asarray(done.signal)[0])
        assert SHIFT[inside].min() > 300.0
        assert SHIFT[inside].max() < 800.0
        assert inside.sum() > 300

    def test_settings_out_of_range(self):
        with pytest.raises(SettingError, match="as many of both"):
            Response(shift=(1.0, 2.0), measured=(1.0,))
        with pytest.raises(SettingError, match="rising Raman shifts"):
            Response(shift=(1.0, 3.0, 2.0, 4.0), measured=(1.0,) * 4)
        with pytest.raises(SettingError, match="measured_stderr holds -1; expected 0 or more"):
            Response(
                shift=(1.0, 2.0, 3.0, 4.0), measured=(1.0,) * 4, measured_stderr=(0.0, -1.0, 0, 0)
            )


def lamp(lines, curve, n=1, noise=0.5, step=1.3, end=2000.0):
    """Lines of a standard where an instrument that is off by `curve` shows them."""
    x = np.arange(300.0, end, step)
    at = lines - curve(lines)
    y = 50.0 + (200.0 / (1 + ((x[:, None] - at) / 2.5) ** 2)).sum(axis=1)
    noisy = y + np.random.default_rng(2).normal(0, noise, (n, len(x)))
    return Stack.from_arrays(x, noisy, axis_name="raman_shift", axis_unit="1/cm")


class TestCalibrate:
    def test_silicon_comes_to_its_place(self):
        done = Calibrate()(lamp(np.array([520.45]), lambda v: 3.2 + 0 * v))
        record = done.metadata["corrections"][0]
        assert record["shift"] == pytest.approx(3.2, abs=0.02)
        # The line is known to 0.14 only.
        assert record["stderr"] == pytest.approx(0.14, rel=0.02)
        assert "10.1002/jrs.6003" in record["source"]

    @pytest.mark.parametrize("step", [1.0, 2.0])
    def test_where_a_line_is_found_is_as_uncertain_as_is_said(self, step):
        pulls = []
        for seed in range(60):
            rng = np.random.default_rng(seed)
            x = np.arange(480.0, 560.0, step) + rng.uniform(0.0, step)
            at = 520.45 + rng.uniform(-3.0, 3.0)
            counts = rng.poisson(200.0 + 2000.0 / (1.0 + ((x - at) / 3.0) ** 2))
            found, stderr = find_lines(x, counts.astype(float), np.array([520.45]), 12.0)
            pulls.append((found[0] - at) / stderr[0])
        assert abs(np.mean(pulls)) < 0.4
        assert 0.75 < np.std(pulls) < 1.25

    def test_polystyrene_by_a_parabola(self):
        known = lines_of("polystyrene").position

        def off(v):
            return 2.0 + 3e-3 * (v - 1000.0) - 1e-6 * (v - 1000.0) ** 2

        spectrum = lamp(known, off)
        calibrate = Calibrate.of(spectrum, standard="polystyrene", degree=2)
        assert len(calibrate.found) == 8
        sample = series(3)
        moved = calibrate(sample)
        record = moved.metadata["corrections"][0]
        assert max(abs(line["rest"]) for line in record["lines"]) < 0.05
        again = Calibrate.from_settings(calibrate.settings())
        np.testing.assert_array_equal(again(sample).x, moved.x)
        inside = moved.x > 600
        back = moved.x - off(moved.x)
        np.testing.assert_allclose(back[inside], sample.x[inside], atol=0.05)

    def test_shift_uncertainty_covers_the_scatter(self):
        """Calibrations by lines with noise: what the lines' own uncertainties say is what is."""
        pulls = []
        rng = np.random.default_rng(4)
        lines = np.array([600.0, 900.0, 1400.0])
        for _ in range(400):
            calibrate = Calibrate(
                lines=tuple(lines),
                found=tuple(lines - 1.0 + rng.normal(0, 0.3, 3)),
                found_stderr=(0.3,) * 3,
            )
            record = calibrate(series(1)).metadata["corrections"][0]
            pulls.append((record["shift"] - 1.0) / 0.3 * np.sqrt(3))
            assert record["stderr"] >= 0.3 / np.sqrt(3) - 1e-12
        assert abs(np.mean(pulls)) < 0.15
        assert 0.9 < np.std(pulls) < 1.1

    def test_scatter_beyond_the_uncertainties_enlarges_them(self):
        close = Calibrate(lines=(500.0, 900.0), found=(499.0, 898.0), found_stderr=(0.1, 0.1))
        record = close(series(1)).metadata["corrections"][0]
        assert record["chi2"] == pytest.approx(50.0)
        assert record["stderr"] == pytest.approx(0.1 / np.sqrt(2) * np.sqrt(50.0))

    def test_neon_needs_the_laser(self):
        with pytest.raises(SettingError, match=r"laser=532\.1"):
            Calibrate(standard="neon")(series(1))
        lines = lines_of("neon", 532.0)
        done = Calibrate(standard="neon", degree=1, laser=532.0)(
            lamp(lines.position, lambda v: -1.0 + 1e-3 * v, noise=0.1, step=0.8, end=3500.0)
        )
        record = done.metadata["corrections"][0]
        assert len(record["lines"]) >= 5
        assert max(abs(line["rest"]) for line in record["lines"]) < 0.3

    def test_air_and_vacuum(self):
        """Two lines of neon in air and vacuum (Sansonetti 2004 and Peck and Reeder's formula)."""
        vacuum = vacuum_wavelength(np.array([841.84269, 865.43828]))
        np.testing.assert_allclose(vacuum, [842.07402, 865.67600], atol=2e-5)

    def test_what_is_not_there_is_told(self):
        with pytest.raises(StackError, match="0 lines of Si found within"):
            Calibrate(search=1.0)(series(2).crop(600.0, 900.0))
        with pytest.raises(SettingError, match="no standard 'sulphur'"):
            Calibrate(standard="sulphur")(series(1))
        with pytest.raises(SettingError, match="rising Raman shifts"):
            Calibrate(lines=(5.0, 4.0))
        with pytest.raises(SettingError, match="lines and found"):
            Calibrate(found=(5.0, 4.0))


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
@pytest.mark.parametrize("neighbours", [0, 1, 2])
def test_infinite_points_disturb_no_neighbour(bad, neighbours):
    y = np.random.default_rng(0).normal(100, 1, (5, 200))
    y[2, 100] = bad
    y[1, 50] += 400
    x = np.arange(600.0, 800.0)
    stack = Stack.from_arrays(x, y, axis_name="raman_shift", axis_unit="1/cm")
    done = Despike(neighbours=neighbours)(stack)
    assert done.variables["cosmic_rays"].values.tolist() == [0, 1, 0, 0, 0]
    assert done.signal[2, 100] == bad
