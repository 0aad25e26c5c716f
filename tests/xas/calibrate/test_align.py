"""`xas.Align` and `xas.Calibrate`: shifts by a foil, a standard or a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.optimize import curve_fit
from simulated_edges import E0, absorption, scan_energies, scans

from corrections import CorrectionConformance
from spectra import Stack, Status
from spectra.errors import SettingError, StackError
from spectra.fit.interpolate import find_weights, interpolate_errors, interpolate_rows, shift_rows
from spectra.xas import Align, Calibrate
from spectra.xas.calibrate.shifts import fit_shifts


class TestAlignConformance(CorrectionConformance):
    def make_correction(self):
        return Align()

    def make_source(self):
        shifts = np.random.default_rng(3).normal(0, 0.3, 24)
        return scans(noise=1e-3, shifts=shifts)


class TestCalibrateConformance(CorrectionConformance):
    def make_correction(self):
        return Calibrate(energy=E0 + 1)

    def make_source(self):
        return scans(noise=1e-4)


class TestInterpolation:
    def test_cubics_are_exact_and_points_keep_their_bits(self):
        x = np.cumsum(np.random.default_rng(0).uniform(0.5, 2, 30))
        rows = np.stack([x**3 - 2 * x, 5 - x**2])
        at = np.stack([x, x + 0.3])
        got = interpolate_rows(x, rows, at)
        assert (got[0] == rows[0]).all()
        inside = at[1] <= x[-1]
        assert np.allclose(got[1, inside], 5 - at[1, inside] ** 2, rtol=1e-12)
        assert np.isnan(got[1, ~inside]).all()
        assert (~inside).sum() == 1

    def test_holes_spread_only_to_what_needs_them(self):
        x = np.arange(10.0)
        y = np.where(x == 4, np.nan, x)[None]
        assert np.flatnonzero(np.isnan(interpolate_rows(x, y, x[None]))[0]).tolist() == [4]
        half = interpolate_rows(x, y, x[None, :-1] + 0.5)[0]
        assert np.flatnonzero(np.isnan(half)).tolist() == [2, 3, 4, 5]

    def test_errors_follow_the_weights(self):
        x, at = np.arange(10.0), np.array([[4.5, 6.0]])
        weights = find_weights(x, at)[1]
        errors = interpolate_errors(x, np.full((1, 10), 2.0), at)
        assert np.allclose(errors, 2 * np.sqrt((weights**2).sum(axis=2)))
        assert errors[0, 1] == 2.0
        assert errors[0, 0] < 1.7


class TestShiftedRows:
    x = np.cumsum(np.random.default_rng(0).uniform(0.5, 2, 40))
    shift = np.array([0.0, 0.3, -0.3, 0.499, -0.499, 1e-3, -0.7, 3.0, 1e-13, -90.0])

    def test_they_are_what_interpolation_gives(self):
        rows = np.random.default_rng(1).normal(size=(2, len(self.shift), self.x.size))
        rows[1, :, 5] = rows[0, 3, :3] = rows[0, 4, -2:] = np.nan
        expected = interpolate_rows(self.x, rows, self.x - self.shift[:, None])
        got = shift_rows(self.x, list(rows), self.shift)
        assert np.allclose(got, expected, rtol=1e-12, atol=1e-12, equal_nan=True)
        assert np.array_equal(got[1][0], rows[1, 0], equal_nan=True)

    @pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
    def test_short_axes_too(self, count):
        x, rows = self.x[:count], np.random.default_rng(1).normal(size=(len(self.shift), count))
        expected = interpolate_rows(x, rows, x - self.shift[:, None])
        assert np.allclose(shift_rows(x, [rows], self.shift)[0], expected, equal_nan=True)

    def test_rows_do_not_hang_on_others(self):
        rows = np.random.default_rng(1).normal(size=(len(self.shift), self.x.size))
        whole = shift_rows(self.x, [rows], self.shift)[0]
        for i in range(len(rows)):
            one = shift_rows(self.x, [rows[i : i + 1]], self.shift[i : i + 1])[0]
            assert np.array_equal(one[0], whole[i], equal_nan=True)


class TestShiftsFromSums:
    """Shifts that cross no knot come from sums, others from all points: both are the same."""

    energy = np.arange(E0 - 40, E0 + 70, 0.25)

    def spectra(self):
        shifts = np.random.default_rng(3).uniform(-0.2, 0.2, 30)
        series = scans(30, 2e-3, shifts, energy=self.energy)
        return np.asarray(series.signal)[:, 40:-40]

    def fit(self, spectra, knots, **parts):
        template = CubicSpline(knots, absorption(knots))
        return fit_shifts(self.energy[40:-40], spectra, template, degree=1, bound=5.0, **parts)

    def test_uncertainties_all_alike_change_nothing_but_their_own(self):
        spectra = self.spectra()
        sums = self.fit(spectra, self.energy)
        points = self.fit(spectra, self.energy, errors=np.full(spectra.shape, 2e-3))
        assert np.allclose(sums.shift, points.shift, rtol=0, atol=1e-10)
        assert np.allclose(sums.scale, points.scale, rtol=1e-10)
        assert np.allclose(sums.misfit, points.misfit, rtol=1e-8)

    def test_a_start_beyond_the_knots_ends_in_the_same(self):
        spectra = self.spectra()
        near = self.fit(spectra, self.energy)
        far = self.fit(spectra, self.energy, start=np.full(len(spectra), 0.6))
        assert np.allclose(near.shift, far.shift, rtol=0, atol=1e-8)
        assert np.allclose(near.stderr, far.stderr, rtol=1e-6)

    def test_frames_do_not_hang_on_others(self):
        spectra = self.spectra()
        spectra[4] = absorption(self.energy + 1.3)[40:-40]
        whole = self.fit(spectra, self.energy)
        for i in range(len(spectra)):
            one = self.fit(spectra[i : i + 1], self.energy)
            for name in ("shift", "stderr", "scale", "misfit"):
                assert getattr(one, name)[0] == getattr(whole, name)[i]


class TestExactShifts:
    shifts = np.array([0.0, 0.4, -1.3, 3.0, 0.013])

    @pytest.mark.parametrize("to", ["first", "standard"])
    def test_known_shifts_are_found(self, to):
        standard = (scan_energies(), absorption(scan_energies())) if to == "standard" else None
        source = scans(5, shifts=self.shifts)
        found = Align(to=to, standard=standard)(source).variables["energy_shift"]
        # The spectra are read low by the shift, so it is what must be added; the template's
        # spline follows the edge to a millielectronvolt on this grid.
        assert np.allclose(found.values, self.shifts, atol=1e-3)

    def test_the_mean_of_the_sequence_stays_where_it_is(self):
        found = Align()(scans(5, shifts=self.shifts)).variables["energy_shift"]
        assert np.allclose(found.values, self.shifts - self.shifts.mean(), atol=3e-3)
        assert abs(found.values.mean()) < 1e-12

    def test_scale_and_background_are_free(self):
        source = scans(3, shifts=[0.0, 0.5, -0.5])
        foil = np.asarray(source.channels["reference"])
        ramp = 1e-3 * (source.x - E0)
        foil = np.stack([foil[0], 3 * foil[1] - 1, 0.2 * foil[2] + ramp])
        found = Align(to="first")(replace(source, channels={"reference": foil}))
        assert np.allclose(found.variables["energy_shift"].values, [0, 0.5, -0.5], atol=1e-3)

    def test_signal_and_channels_come_to_one_axis(self):
        source = scans(5, shifts=self.shifts)
        standard = (scan_energies(), absorption(scan_energies()))
        done = Align(to="standard", standard=standard)(source)
        near = np.abs(done.x - E0) < 25
        assert np.nanmax(np.abs(done.signal[:, near] - absorption(done.x)[near])) < 2e-3
        same = 0.7 * done.signal + 0.3 - done.channels["reference"]
        assert np.nanmax(np.abs(same)) < 1e-12
        for row, shift in zip(done.signal, self.shifts, strict=True):
            outside = (done.x - shift < source.x[0]) | (done.x - shift > source.x[-1])
            close = np.abs(shift) < 1e-2
            assert close or (np.isnan(row) == outside).all()

    def test_the_signal_itself_can_be_the_reference(self):
        source = replace(scans(5, shifts=self.shifts), channels={})
        found = Align(to="first", channel="")(source).variables["energy_shift"]
        assert np.allclose(found.values, self.shifts, atol=1e-3)

    def test_a_stack_serves_as_standard(self):
        standard = scans(1)
        aligned = Align(to="standard", standard=standard, channel="")
        assert Align.from_settings(aligned.settings()) == aligned
        found = aligned(scans(5, shifts=self.shifts)).variables["energy_shift"].values
        assert np.allclose(found, self.shifts, atol=1e-3)

    def test_a_table_gives_the_energy_of_the_edge(self):
        e = np.arange(8250.0, 8450, 0.2)
        shifts = np.array([0.0, 0.4, -1.3])
        edges = np.stack([np.arctan((e - 8333.3 + s) / 1.5) for s in shifts])
        source = Stack.from_arrays(e, edges, axis_name="energy", axis_unit="eV")
        done = Align(channel="", to="tabulated", element="Ni")(source)
        found = done.variables["energy_shift"].values
        assert np.allclose(found, 8333.0 - 8333.3 + shifts, atol=2e-3)


class TestAgainstScipy:
    def test_shift_and_error_equal_those_of_curve_fit(self):
        rng = np.random.default_rng(5)
        x = np.arange(E0 - 30, E0 + 60, 0.25)
        y = 0.8 * absorption(x + 0.37) + 0.1 + rng.normal(0, 2e-3, x.size)
        wide = np.arange(E0 - 60, E0 + 90, 0.25)
        spline = absorption(wide)
        source = Stack.from_arrays(x, y, axis_name="energy", axis_unit="eV")
        aligned = Align(channel="", to="standard", standard=(wide, spline), element="Ni")
        found = aligned(source).variables["energy_shift"]

        def model(e, shift, scale, a, b):
            return scale * CubicSpline(wide, spline)(e + shift) + a + b * (e - E0)

        p, cov = curve_fit(model, x, y, [0.0, 1.0, 0.0, 0.0])
        assert found.values[0] == pytest.approx(p[0], abs=1e-6)
        # Residuals tell of correlation by chance in a few frames; this one is like white noise.
        assert found.stderr[0] == pytest.approx(np.sqrt(cov[0, 0]), rel=0.01)


class TestPulls:
    def pulls(self, shifts, done):
        found = done.variables["energy_shift"]
        centre = shifts - shifts.mean()
        return (found.values - found.values.mean() - centre) / found.stderr

    def test_against_the_mean(self):
        noise = 3e-3
        shifts = np.random.default_rng(1).normal(0, 0.3, 1000)
        pulls = self.pulls(shifts, Align()(scans(1000, noise, shifts, seed=2)))
        assert abs(pulls.mean()) < 0.05
        assert pulls.std() == pytest.approx(1, abs=0.05)

    def test_of_few_frames_against_their_mean(self):
        values = []
        for seed in range(80):
            shifts = np.random.default_rng(seed).normal(0, 0.3, 4)
            values.append(self.pulls(shifts, Align()(scans(4, 3e-3, shifts, seed=seed + 500))))
        # Interpolated spectra in the template are smoother than the frame they are compared with:
        # with four frames the uncertainties are 5 to 10 % too small.
        assert 0.95 < np.std(values) < 1.15

    def test_with_uncertainties_given(self):
        shifts = np.random.default_rng(1).normal(0, 0.3, 600)
        source = scans(600, 3e-3, shifts, seed=7)
        source = replace(source, errors=np.full(source.signal.shape, 3e-3), noise="given")
        pulls = self.pulls(shifts, Align(channel="")(source))
        assert pulls.std() == pytest.approx(1, abs=0.06)

    def test_of_a_steepest_point(self):
        rng, e = np.random.default_rng(4), np.arange(8300.0, 8370, 0.25)
        shifts = rng.normal(0, 0.3, 800)
        edges = np.stack([np.arctan((e - 8333 + s) / 3.0) for s in shifts])
        edges += rng.normal(0, 3e-3, edges.shape)
        source = Stack.from_arrays(e, edges, axis_name="energy", axis_unit="eV")
        done = Align(channel="", to="tabulated", element="Ni")(source)
        found = done.variables["energy_shift"]
        pulls = (found.values - shifts) / found.stderr
        assert np.isfinite(pulls).mean() > 0.99
        assert abs(np.nanmedian(pulls)) < 0.1
        # Student's t of five degrees of freedom and more has a 68 % interval of 1 to 1.1.
        assert np.nanquantile(np.abs(pulls), 0.6827) == pytest.approx(1.05, abs=0.1)

    def test_correlated_noise_is_taken_along(self):
        shifts = np.random.default_rng(1).normal(0, 0.3, 400)
        source = scans(400, 0.0, shifts, energy=np.arange(E0 - 60, E0 + 90, 0.25))
        noise = np.random.default_rng(9).normal(0, 3e-3, (400, source.n_points + 8))
        slow = np.lib.stride_tricks.sliding_window_view(noise, 9, axis=1).mean(axis=2)
        foil = np.asarray(source.channels["reference"]) + slow
        pulls = self.pulls(shifts, Align()(replace(source, channels={"reference": foil})))
        # Taken for white the noise would be thrice as small, and the pulls 2.5 wide.
        assert pulls.std() == pytest.approx(1.1, abs=0.2)


class TestFramesThatCannotBeAligned:
    def test_each_is_told_why_and_keeps_its_data(self):
        source = scans(8, 1e-3, np.full(8, 0.1))
        foil = np.array(source.channels["reference"])
        foil[1] = 1.0
        foil[2, 200] = np.nan
        foil[3] = -foil[3]
        done = Align()(replace(source, channels={"reference": foil}))
        assert (done.status[[1, 2, 3]] == Status.BAD_INPUT).all()
        assert (done.status[[0, 4, 5, 6, 7]] == Status.OK).all()
        assert "constant" in done.messages[1]
        assert "lacks points" in done.messages[2]
        assert "cannot be aligned within 5 eV" in done.messages[3]
        assert np.array_equal(done.signal[1], source.signal[1])
        assert np.isnan(done.variables["energy_shift"].values[[1, 2, 3]]).all()

    def test_a_frame_without_edge_does_not_blur_the_template(self):
        shifts = np.random.default_rng(1).normal(0, 0.3, 12)
        source = scans(12, 1e-3, shifts)
        foil = np.array(source.channels["reference"])
        foil[5] = np.random.default_rng(2).normal(0, 1, foil.shape[1])
        done = Align()(replace(source, channels={"reference": foil}))
        found = done.variables["energy_shift"].values
        rest = np.arange(12) != 5
        off = (found - shifts)[rest]
        assert (off - off.mean()).std() < 0.02

    def test_what_does_not_fit_is_refused(self):
        with pytest.raises(StackError, match=r"no channel 'foil'; it has reference"):
            Align(channel="foil")(scans(3))
        with pytest.raises(StackError, match=r"should be; the axis runs from 8183"):
            Align(element="Cu")(scans(3))
        with pytest.raises(SettingError, match="no 'M' edge of element 'Ni'"):
            Align(element="Ni", edge="M")(scans(3))
        with pytest.raises(SettingError, match="go together"):
            Align(to="standard")
        with pytest.raises(SettingError, match="two lists of one length"):
            Align(to="standard", standard=([1, 2], [1, 2, 3]))
        with pytest.raises(StackError, match=r"no edge from 9313 to 9353 eV"):
            Calibrate(energy=9333)(scans(3))


class TestCalibrate:
    def test_only_the_axis_moves(self):
        source = scans(4, 1e-4)
        done = Calibrate(energy=E0 + 2)(source)
        record = done.metadata["corrections"][0]
        assert done.signal is source.signal or (done.signal == source.signal).all()
        assert np.allclose(done.x - source.x, record["shift"], atol=1e-9)
        assert record["found"] + record["shift"] == E0 + 2
        assert 0 < record["stderr"] < 0.05


@pytest.mark.realdata
class TestNickelFoil:
    @pytest.fixture
    def cell(self, data):
        content = np.load(data / "xas" / "lno_operando" / "lno_nik_pos1.npz")
        return Stack.from_arrays(
            content["energy"],
            content["norm"],
            axis_name="energy",
            axis_unit="eV",
            quantity="norm",
            channels={"reference": content["ref"].astype(float)},
        )

    def test_aligned_edges_scatter_less(self, cell):
        done = Align(element="Ni")(cell)
        shift = done.variables["energy_shift"]
        assert (done.status == Status.OK).all()
        assert np.ptp(shift.values) < 0.15
        assert np.median(shift.stderr) < 0.005

        def scatter(stack):
            edges = [half_step(stack.x, row) for row in stack.signal]
            return np.diff(edges, 2).std() / np.sqrt(6)

        assert scatter(cell) == pytest.approx(0.0171, abs=0.001)
        assert scatter(done) < 0.008

    def test_parts_of_the_foil_agree(self, cell):
        one = Align(element="Ni", window=(-15, 8))(cell).variables["energy_shift"]
        other = Align(element="Ni", window=(8, 60))(cell).variables["energy_shift"]
        difference = np.diff(one.values - other.values) / np.sqrt(2)
        assert difference.std() < 2 * np.median(np.hypot(one.stderr, other.stderr))

    def test_the_axis_is_brought_to_the_table(self, cell):
        done = Calibrate(element="Ni")(Align(element="Ni")(cell))
        assert done.metadata["corrections"][1]["found"] == pytest.approx(8333.26, abs=0.05)
        assert done.metadata["corrections"][1]["target"] == 8333.0


def half_step(x, row):
    near = (x > 8335) & (x < 8352)
    e, y = x[near], row[near]
    i = np.flatnonzero(y < 0.5)[-1]
    return e[i] + (0.5 - y[i]) / (y[i + 1] - y[i]) * (e[i + 1] - e[i])
