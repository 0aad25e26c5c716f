"""`xas.OverAbsorption`: slabs are undone exactly, as Larch and Booth and Bridges do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xraydb
from simulated_edges import absorption, scan_energies, scans

from corrections import CorrectionConformance
from spectra import Stack, Status
from spectra.errors import SettingError
from spectra.xas import Normalize, OverAbsorption, normalized
from spectra.xas.calibrate.composition import absorption_at, absorption_of
from spectra.xas.calibrate.overabsorption import emitted, solve_slab

X = scan_energies()
ABSORPTION = absorption(X) - 0.2
SLAB = {"formula": "NiO", "element": "Ni", "edge": "K"}


def norm_stack(values, **parts):
    return Stack.from_arrays(
        X, values, axis_name="energy", axis_unit="eV", quantity="norm", **parts
    )


class TestOverAbsorptionConformance(CorrectionConformance):
    def make_correction(self):
        return OverAbsorption(formula="NiO", thickness=3.0, density=6.7)

    def make_source(self):
        return scans(noise=1e-3, quantity="norm")


class TestExactSlabs:
    @pytest.mark.parametrize("depth", [1e-6, 0.1, 1.0, 10.0, np.inf])
    @pytest.mark.parametrize("background", [0.05, 0.5, 20.0])
    def test_what_a_slab_emits_is_undone(self, background, depth):
        a, b = np.array([background]), np.array([depth])
        norm = emitted(ABSORPTION[None], a, b) / emitted(np.ones(1), a, b)
        x, slope = solve_slab(norm, a, b)
        assert np.allclose(x, ABSORPTION, atol=2e-9 if depth == 1e-6 else 1e-11)
        near = solve_slab(norm + 1e-5, a, b)[0] - solve_slab(norm - 1e-5, a, b)[0]
        assert np.allclose(slope, near / 2e-5, rtol=1e-4)

    def test_thin_and_dilute_samples_need_none(self):
        thin = OverAbsorption(**SLAB, thickness=1e-4, density=1e-3)(norm_stack(ABSORPTION))
        assert np.allclose(thin.signal, ABSORPTION, atol=1e-7)
        dilute = OverAbsorption(formula="NiU999", element="Ni")(norm_stack(ABSORPTION))
        assert np.allclose(dilute.signal, ABSORPTION, atol=2e-3)

    def test_a_metal_foil_seen_at_grazing_exit_needs_none(self):
        grazing = OverAbsorption(formula="Ni", element="Ni", angle_in=89.9, angle_out=0.02)(
            norm_stack(ABSORPTION)
        )
        assert np.abs(grazing.signal - ABSORPTION).max() < 5e-3

    def test_coefficients_at_each_energy(self):
        correction = OverAbsorption(**SLAB, coefficients="energies", thickness=5, density=6.7)
        at = absorption_of("NiO", "Ni", "K", "", 6.7, "test")
        step, rest = absorption_at("NiO", "Ni", X, at, 6.7)
        sin = np.sin(np.radians(45))
        a, b = (rest + at.at_line) / step, 5e-4 * step / sin
        norm = emitted(ABSORPTION[None], a, b) / emitted(np.ones(1), a, b)
        assert np.allclose(correction(norm_stack(norm)).signal, ABSORPTION, atol=1e-11)


class TestAgainstOthers:
    @pytest.mark.parametrize(("formula", "within"), [("Ni", 1e-10), ("NiO", 2e-4)])
    def test_infinitely_thick_as_larch(self, larch_xafs, monkeypatch, formula, within):
        thick = OverAbsorption(formula=formula, element="Ni", angle_in=30, angle_out=60)
        source = norm_stack(0.6 * ABSORPTION)
        mu = np.asarray(source.signal)[0]
        group = larch_xafs.Group(energy=X.copy(), mu=mu.copy())
        # Larch normalises by itself; given the same norm its formula is the same.
        monkeypatch.setattr(larch_xafs.fluo, "preedge", lambda energy, mu, **_: {"norm": mu})
        larch_xafs.fluo_corr(X, group.mu, formula, "Ni", group=group, anginp=30, angout=60)
        assert np.allclose(thick(source).signal[0], group.mu_corr, rtol=within)

    def test_absorption_is_that_of_xraydb(self):
        at = absorption_of("NiO", "Ni", "K", "Ka", 6.7, "test")
        for energy, mine in ((at.line, at.at_line), (8323.0, at.below)):
            assert xraydb.material_mu("NiO", energy, density=6.7) == pytest.approx(mine)
        pure = absorption_of("Ni", "Ni", "K", "Ka", 1.0, "test")
        whole = xraydb.material_mu("Ni", np.array([8323.0, 8343.0]), density=1)
        assert pure.step == pytest.approx(whole[1] - whole[0])
        step, rest = absorption_at("NiO", "Ni", np.array([8343.0, 9000.0]), at, 6.7)
        total = xraydb.material_mu("NiO", np.array([8343.0, 9000.0]), density=6.7)
        assert np.allclose(step + rest, total, rtol=1e-9)
        assert step[0] == pytest.approx(at.step, rel=0.02)

    @pytest.mark.parametrize("thickness", [1.0, 5.0, 30.0])
    def test_small_fine_structure_as_booth_and_bridges(self, thickness):
        """Their eq. 7 is exact to first order of χ in the exponent."""
        at = absorption_of("NiO", "Ni", "K", "", 6.7, "test")
        chi = 0.02 * np.sin(np.linspace(0, 9, X.size))
        sin = np.sin(np.radians(45))
        total = at.below + at.step + at.at_line
        eta = thickness * 1e-4 * total / sin
        beta, gamma = at.step * np.exp(-eta) * eta, 1 - np.exp(-eta)
        a, b = (at.below + at.at_line) / at.step, thickness * 1e-4 * at.step / sin
        one = emitted(np.ones(1), np.array([a]), np.array([b]))
        norm = emitted(1 + chi, np.array([a]), np.array([b])) / one
        seen = norm - 1
        first = gamma * (total - at.step * (seen + 1)) + beta
        theirs = (-first + np.sqrt(first**2 + 4 * total * beta * gamma * seen)) / (2 * beta)
        ours = OverAbsorption(**SLAB, thickness=thickness, density=6.7)(norm_stack(norm)).signal[0]
        assert np.allclose(ours - 1, chi, atol=1e-11)
        assert np.abs(theirs - chi).max() < 0.02 * np.abs(chi).max()


class TestSpectraThatAreNotNormalised:
    def test_they_are_by_the_settings_given(self):
        source = scans(3, 1e-4)
        signal = np.array(source.signal)
        signal[1] = 1.0
        source = replace(source, signal=signal)
        normalize = {"e0": 8333.0, "post_edge": [50.0, None], "degree": 1}
        correction = OverAbsorption(formula="NiO", normalize=normalize)
        done = correction(source)
        assert done.quantity == "norm"
        assert done.status.tolist() == [Status.OK, Status.BAD_INPUT, Status.OK]
        rows = source[[0, 2]]
        ready = normalized(rows, Normalize.from_settings(normalize)(rows))
        assert np.array_equal(done[[0, 2]].signal, correction(ready).signal)


class TestNoise:
    def test_pulls(self):
        correction = OverAbsorption(**SLAB, thickness=20, density=6.7)
        at = absorption_of("NiO", "Ni", "K", "", 6.7, "test")
        a = np.array([(at.below + at.at_line) / at.step])
        b = np.array([20e-4 * at.step / np.sin(np.radians(45))])
        norm = emitted(ABSORPTION, a, b) / emitted(np.ones(1), a, b)
        noisy = norm + 1e-3 * np.random.default_rng(0).standard_normal((100, X.size))
        source = norm_stack(noisy, errors=np.full(noisy.shape, 1e-3))
        done = correction(source)
        pulls = (np.asarray(done.signal) - ABSORPTION) / done.errors
        assert abs(pulls.mean()) < 0.05
        assert pulls.std() == pytest.approx(1, abs=0.02)

    def test_more_than_the_sample_can_emit_is_no_number(self):
        at = absorption_of("NiO", "Ni", "K", "", 1.0, "test")
        ceiling = 1 + (at.below + at.at_line) / at.step
        a, b = np.array([ceiling - 1]), np.array([np.inf])
        norm = emitted(ABSORPTION, a, b) / emitted(np.ones(1), a, b)
        values = np.stack([norm, norm, 0 * norm + 2 * ceiling])
        values[1, 40] = 1.01 * ceiling
        done = OverAbsorption(**SLAB)(norm_stack(values))
        assert np.isnan(done.signal).sum(axis=1).tolist() == [0, 1, X.size]
        assert done.status.tolist() == [Status.OK, Status.OK, Status.BAD_INPUT]
        assert "1 points are more than the sample can emit" in done.messages[1]


def test_what_does_not_fit_is_refused():
    with pytest.raises(SettingError, match="needs formula"):
        OverAbsorption()
    with pytest.raises(SettingError, match="degrees above 0 to 90"):
        OverAbsorption(formula="NiO", angle_in=0)
    with pytest.raises(SettingError, match="no Ni; the absorber must be part of it"):
        OverAbsorption(formula="V2O5")(scans(2, quantity="norm"))
    with pytest.raises(SettingError, match="expected such as V2O5"):
        OverAbsorption(formula="no such")(scans(2, quantity="norm"))
    with pytest.raises(SettingError, match="Ni K has no line 'Lz'"):
        OverAbsorption(formula="NiO", line="Lz")(scans(2, quantity="norm"))
    with pytest.raises(SettingError, match="no element given"):
        OverAbsorption(formula="NiO")(replace(scans(2, quantity="norm"), metadata={}))
