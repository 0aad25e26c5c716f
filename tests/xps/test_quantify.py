"""Atomic percent of regions measured one after the other: exact, with honest uncertainties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from two_regions import (
    ATOMS,
    CARBON,
    PATH,
    PERCENT,
    PHOTONS,
    TIMES,
    VANADIUM,
    fitted,
    measured,
    transmission,
)

import spectra
from conformance import MethodConformance
from spectra import Status, Variable
from spectra.engine import find_correction, find_method
from spectra.errors import ResultsError, SettingError, StackError
from spectra.xps import Flatten, Material, Quantify, Region, imfp, join, load_sensitivities

SPECIES = 100.0 * np.array(list(ATOMS.values())) / sum(ATOMS.values())


@pytest.fixture(scope="module")
def regions():
    return fitted(CARBON, 14, 1, step=0.2), fitted(VANADIUM, 14, 2, step=0.2)


class TestQuantify(MethodConformance):
    without_uncertainty = frozenset({"factor_component", "endpoint_component", "correlation"})

    def make_method(self):
        return Quantify(photon_energy=1486.6, levels=("C 1s", "V 2p"))

    def make_source(self):
        return join(fitted(CARBON, 14, 1, step=0.4), fitted(VANADIUM, 14, 2, step=0.4))

    def spoil(self, source, frame, value):
        """Areas of a frame that cannot be fitted are unknown, whatever its counts are."""
        columns = {name: np.array(v) for name, v in source.columns.items()}
        for name, values in columns.items():
            values[frame] = Status.BAD_INPUT if name == "region_status" else np.nan
        status = source.status.copy()
        status[frame] = Status.BAD_INPUT
        return replace(source, columns=columns, status=status)


def test_they_are_found_by_name():
    assert find_method("xps.Quantify") is Quantify
    assert find_correction("xps.Flatten") is Flatten


def test_the_percentages_are_those_of_the_equation(regions):
    composition = Quantify()(join(*regions))
    chosen = load_sensitivities("scofield_1976")
    atoms = {}
    for region, model in zip(regions, (CARBON, VANADIUM), strict=True):
        for k, one in enumerate(model.species):
            at = region["position"][:, k]
            lines = [at, at + one.splitting]
            parts = [1 / (1 + one.ratio), one.ratio / (1 + one.ratio)] if one.splitting else [1, 0]
            seen = sum(p * transmission(x) for p, x in zip(parts, lines, strict=True))
            factor = chosen.factor(one.level, PHOTONS) * ((PHOTONS - at) / 1000.0) ** PATH
            atoms[one.name] = region["area"][:, k] / (factor * seen * TIMES[model.name])
    whole = sum(atoms.values())
    expected = np.stack([100 * atoms[name] / whole for name in ATOMS], axis=1)
    # The file gives the transmission at points, which lie on a curve.
    assert np.allclose(composition["species_percent"], expected, rtol=1e-4)
    assert np.allclose(composition["atomic_percent"][:, 0], expected[:, :2].sum(axis=1), rtol=1e-4)
    assert np.allclose(composition["atomic_percent"].sum(axis=1), 100.0)
    assert composition.table.coords["element"]["label"].tolist() == ["C", "V"]
    assert composition.attrs["transmission"] == "by the files"
    assert composition.attrs["path"] == "E^0.75"
    assert "Scofield" in composition.attrs["sensitivity"]
    assert composition.attrs["model"] == "carbon + vanadium"
    assert "count_time" not in composition.variables


def test_uncertainties_are_those_of_drawn_areas(regions):
    joined = join(*regions)
    composition = Quantify()(joined)
    rng, frame = np.random.default_rng(7), 0
    drawn = rng.multivariate_normal(
        joined["intensity"][frame], joined["covariance"][frame], size=200_000
    )
    factors = (joined["intensity"] / composition["species_percent"])[frame]
    part = 100.0 * (drawn / factors) / (drawn / factors).sum(axis=1, keepdims=True)
    assert np.allclose(composition["species_percent_stderr"][frame], part.std(axis=0), rtol=0.01)
    elements = np.stack([part[:, :2].sum(axis=1), part[:, 2:].sum(axis=1)], axis=1)
    assert np.allclose(composition["atomic_percent_stderr"][frame], elements.std(axis=0), rtol=0.01)
    assert composition["correlation"][frame, 0, 1] == pytest.approx(-1.0)


def test_the_factors_part_is_that_of_drawn_factors(regions):
    composition = Quantify(sensitivity_stderr=0.02)(join(*regions))
    rng = np.random.default_rng(8)
    atoms = composition["atomic_percent"][0] / (1 + 0.02 * rng.standard_normal((200_000, 2)))
    part = 100.0 * atoms / atoms.sum(axis=1, keepdims=True)
    assert np.allclose(composition["factor_component"][0], part.std(axis=0), rtol=0.01)
    # The same for all frames: it is no scatter among them, and not in the other.
    half = Quantify(sensitivity_stderr=0.0)(join(*regions))
    assert (half["factor_component"] == 0).all()
    assert np.array_equal(half["atomic_percent_stderr"], composition["atomic_percent_stderr"])


@pytest.mark.parametrize("flat", [True, False])
def test_simulated_compositions_scatter_as_their_uncertainties_say(flat):
    # 1000 spectra of each region. The means' own standard error is 0.03; what the transmission's
    # slope adds to areas, a thousandth, is taken out by xps.Flatten.
    stacks = [measured(m, 1000, s, step=0.2) for m, s in ((CARBON, 21), (VANADIUM, 22))]
    if flat:
        stacks = [Flatten()(stack) for stack in stacks]
    pair = zip((CARBON, VANADIUM), stacks, strict=True)
    composition = Quantify()(join(*[Region(model=m)(stack) for m, stack in pair]))
    assert (composition.status == Status.OK).all()
    pulls = (composition["atomic_percent"] - PERCENT) / composition["atomic_percent_stderr"]
    assert np.abs(pulls.mean(axis=0)).max() < (0.05 if flat else 0.15)
    assert np.abs(pulls.std(axis=0) - 1).max() < 0.07
    pulls = (composition["species_percent"] - SPECIES) / composition["species_percent_stderr"]
    assert np.abs(pulls.mean(axis=0)).max() < (0.09 if flat else 0.15)
    assert np.abs(pulls.std(axis=0) - 1).max() < 0.07


def test_what_was_neglected_shows():
    # Without what the simulation has in it the composition is wrong as it must be.
    joined = join(fitted(CARBON, 2, 5, scale=2500.0), fitted(VANADIUM, 2, 6, scale=2500.0))
    ratio = PERCENT[1] / PERCENT[0]
    kinetic = PHOTONS - np.array([284.8, 517.2])
    for settings, power in (
        ({"path": 0.0}, PATH),
        ({"transmission": "none"}, -0.6),
        ({"transmission": -0.6}, 0.0),
    ):
        x = Quantify(**settings)(joined)["atomic_percent"].mean(axis=0)
        assert x[1] / x[0] == pytest.approx(ratio * (kinetic[1] / kinetic[0]) ** power, rel=0.01)


def test_paths_of_a_material_and_angles_enter(regions):
    joined = join(*regions)
    ratio = {}
    glass = Material(formula="V2O5", density=3.36, gap=2.3)
    for name, settings in {
        "plain": {"path": 0.0},
        "glass": {"path": glass},
        "angle": {"path": 0.0, "angle": 90.0},
    }.items():
        x = Quantify(**settings)(joined)["atomic_percent"][0]
        ratio[name] = x[1] / x[0]
    energy = PHOTONS - np.array([joined["position"][0, 0], joined["position"][0, 2]])
    path = imfp(glass, energy)
    assert ratio["glass"] / ratio["plain"] == pytest.approx(path[0] / path[1], rel=2e-3)
    assert ratio["angle"] / ratio["plain"] == pytest.approx(1.5 / (1 + 1.426 / 4), rel=1e-9)


def test_factors_of_ones_own_hold_everything(regions):
    x = Quantify(sensitivity={"C 1s": 0.278, "V 2p": 2.116}, transmission="none")(join(*regions))
    area = np.stack(
        [r["area"].sum(axis=1) / TIMES[n] for r, n in zip(regions, TIMES, strict=True)], axis=1
    ) / [0.278, 2.116]
    expected = 100 * area / area.sum(axis=1, keepdims=True)
    assert np.allclose(x["atomic_percent"], expected)
    assert x.attrs["sensitivity"] == "factors given"


def test_one_region_needs_no_joining(regions):
    both = CARBON + VANADIUM
    alone = Quantify()(regions[1])
    assert np.allclose(alone["atomic_percent"], 100.0)
    assert np.allclose(alone["atomic_percent_stderr"], 0.0, atol=1e-9)
    assert np.allclose(alone["species_percent"] / 100, regions[1]["fraction"], rtol=2e-3)
    assert len(both.species) == 4


def test_a_frame_that_one_region_lost_is_lost(regions):
    carbon, vanadium = regions
    stack = measured(CARBON, 14, 1, step=0.2)
    dark = np.array(stack.signal)
    dark[3] = 0.0
    carbon = Region(model=CARBON, degree=1)(replace(stack, signal=dark))
    found = Quantify()(join(carbon, vanadium))
    assert found.status[3] == carbon.status[3] != Status.OK
    assert np.isnan(found["atomic_percent"][3]).all()
    assert found.messages[3].startswith("carbon: ")
    assert (np.delete(found.status, 3) == Status.OK).all()


def test_a_region_that_is_left_out_loses_no_frame(regions):
    dark = np.array(measured(VANADIUM, 14, 2, step=0.2).signal)
    dark[3] = 0.0
    stack = replace(measured(VANADIUM, 14, 2, step=0.2), signal=dark)
    vanadium = Region(model=VANADIUM, degree=1)(stack)
    assert vanadium.status[3] == Status.NO_SIGNAL
    joined = join(regions[0], vanadium)
    assert Quantify()(joined).status[3] == Status.NO_SIGNAL
    alone = Quantify(levels=("C 1s",))(joined)
    assert (alone.status == regions[0].status).all()
    assert np.allclose(alone["atomic_percent"], 100.0)
    # What was said of it stays told.
    assert alone.messages[3].startswith("vanadium: ")


def test_a_bound_that_was_reached_gives_way_to_what_lost_the_frame(regions):
    carbon, vanadium = (
        replace(r, status=np.full(14, s, np.int8))
        for r, s in zip(regions, (Status.AT_BOUND, Status.LOST), strict=True)
    )
    joined = join(carbon, vanadium)
    assert (joined.status == Status.LOST).all()
    assert (Quantify(levels=("C 1s",))(joined).status == Status.AT_BOUND).all()


def test_a_transmission_that_is_none_is_bad_input(regions):
    stack = measured(CARBON, 14, 1, step=0.2)
    passed = np.array(stack.channel("transmission"))
    passed[5] = 0.0
    carbon = Region(model=CARBON)(replace(stack, channels={"transmission": passed}))
    found = Quantify()(join(carbon, regions[1]))
    assert found.status[5] == Status.BAD_INPUT
    assert found.messages[5] == "no transmission of C 1s"
    with pytest.raises(StackError, match="no channel 'transmission', only none"):
        Flatten()(replace(stack, channels={}))
    flat = Flatten()(replace(stack, channels={"transmission": passed}))
    assert flat.status[5] == Status.BAD_INPUT
    assert np.allclose(
        np.asarray(flat.signal)[0] * passed[0] / np.asarray(flat.channel("transmission"))[0],
        np.asarray(stack.signal)[0],
    )


def test_different_pass_energies_without_a_transmission_are_told(regions):
    stack = measured(VANADIUM, 14, 2, step=0.2).with_metadata(pass_energy=40.0)
    vanadium = Region(model=VANADIUM)(stack)
    joined = join(regions[0], vanadium)
    assert Quantify()(joined).messages == ("",) * 14
    told = Quantify(transmission="none")(joined)
    assert all("pass energies of 20, 40 eV" in text for text in told.messages)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sensitivity": {"C 1s": 1.0}}, "no factor of V 2p; it has C 1s. Add one, or leave"),
        ({"sensitivity": {"C 1s": -1.0}}, "C 1s = -1; expected above 0"),
        ({"sensitivity": "wagner"}, "there are scofield_1976"),
        ({"levels": ("O 1s",)}, "levels = O 1s; the regions have C 1s, V 2p"),
        ({"transmission": "guess"}, "expected 'file', 'none'"),
        ({"angle": 200.0}, "0 to 180 degrees"),
        ({"photon_energy": 1253.6, "angle": 90.0}, "asymmetry parameter of V 2p at 1253.6 eV"),
        ({"photon_energy": 640.0}, "no cross sections at 640 eV"),
        ({"path": {"formula": "V2O5"}}, "is no material"),
        ({"path": Material(formula="V2O5", density=3.4), "photon_energy": 4000.0,
          "sensitivity": {"C 1s": 1.0, "V 2p": 9.0}}, "from 50 to 2000 eV"),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(regions, settings, said):
    with pytest.raises(SettingError, match=said):
        Quantify(**settings)(join(*regions))


def test_regions_that_do_not_fit_together_are_named(regions):
    carbon, vanadium = regions
    with pytest.raises(ResultsError, match="carbon: 14, vanadium: 13"):
        join(carbon, vanadium[:13])
    with pytest.raises(ResultsError, match="counting is not known of vanadium"):
        join(carbon, replace(vanadium, variables={}))
    with pytest.raises(ResultsError, match="no region"):
        join()
    with pytest.raises(ResultsError, match="region 1 is a table 'composition'"):
        join(Quantify()(carbon))
    with pytest.raises(ResultsError, match="a table 'composition'; expected results of xps"):
        Quantify()(Quantify()(carbon))
    silent = {**vanadium.attrs, "measured": {"photon_energy": None, "transmission": False}}
    with pytest.raises(SettingError, match="file of V 2p tells no photon energy"):
        Quantify()(join(carbon, replace(vanadium, attrs=silent)))
    with pytest.raises(SettingError, match="vanadium tells no transmission"):
        Quantify(photon_energy=1486.6)(join(carbon, replace(vanadium, attrs=silent)))


def test_spectra_and_results_are_not_mistaken(regions):
    stack = measured(CARBON, 2, 1, step=0.4)
    for use in (Quantify(), lambda s: spectra.run(s, Quantify())):
        with pytest.raises(ResultsError, match=r"a stack of spectra; .* fit the region first"):
            use(stack)
    for use in (Region(model=CARBON), lambda r: spectra.run(r, Region(model=CARBON))):
        with pytest.raises(StackError, match=r"xps\.Region: a table 'region' of results; expected"):
            use(regions[0])


def test_an_element_is_counted_once(regions):
    vanadium = regions[1]
    shallow = replace(
        vanadium,
        table=replace(
            vanadium.table,
            coords={
                **vanadium.table.coords,
                "species": {**vanadium.table.coords["species"], "level": np.array(["V 3p"] * 2)},
            },
        ),
    )
    joined = join(*regions, shallow)
    with pytest.raises(SettingError, match="V 2p and V 3p would count the element twice"):
        Quantify()(joined)
    chosen = Quantify(levels=("C 1s", "V 2p"))(joined)
    assert np.array_equal(chosen["atomic_percent"], Quantify()(join(*regions))["atomic_percent"])


def test_a_level_is_counted_in_one_region(regions):
    carbon, vanadium = regions
    twice = join(carbon, vanadium, carbon)
    said = r"C 1s stands in the regions 1 \(carbon\), 3 \(carbon\) and would count twice"
    for levels in ((), ("C 1s", "V 2p")):
        with pytest.raises(SettingError, match=said):
            Quantify(levels=levels)(twice)
    assert np.allclose(Quantify(levels=("V 2p",))(twice)["atomic_percent"], 100.0)


def test_one_line_is_no_level_of_a_doublet():
    species = tuple(replace(one, level="V 2p3/2") for one in VANADIUM.species)
    stack = measured(VANADIUM, 2, 2, step=0.4)
    model = replace(VANADIUM, species=species)
    with pytest.raises(SettingError, match=r"V5\+ of vanadium .* set level = 'V 2p', or no spl"):
        Quantify()(Region(model=model, degree=1)(stack))
    # One line for itself has the factor of that line.
    single = tuple(replace(one, splitting=0.0) for one in species)
    line = Region(model=replace(VANADIUM, species=single), window=(508.0, 521.0), degree=1)(stack)
    assert Quantify(path=0.0)(line).attrs["levels"] == {"V 2p3/2": 6.37}


def timed(region, time, unit):
    variables = {} if unit is None else {"count_time": Variable(np.full(len(region), time), unit)}
    return replace(region, variables=variables)


@pytest.mark.parametrize(
    ("time", "unit"), [(1.0 / 60.0, "min"), (1000.0, "ms"), (1.0 / 3600.0, "h")]
)
def test_times_of_counting_are_in_their_units(regions, time, unit):
    carbon, vanadium = regions
    expected = join(timed(carbon, 1.0, "s"), vanadium)
    found = join(timed(carbon, time, unit), vanadium)
    assert np.allclose(found["intensity"], expected["intensity"], rtol=1e-12)
    assert np.allclose(found["covariance"], expected["covariance"], rtol=1e-12)


@pytest.mark.parametrize("unit", ["", "K"])
def test_times_of_no_known_unit_are_refused(regions, unit):
    with pytest.raises(
        ResultsError, match=f"count_time of carbon: values in '{unit}' cannot be told in 's'"
    ):
        join(timed(regions[0], 1.0, unit), regions[1])


def test_a_time_that_is_none_is_told(regions):
    found = Quantify()(join(timed(regions[0], 0.0, "s"), regions[1]))
    assert (found.status == Status.BAD_INPUT).all()
    assert found.messages == ("no time of counting of C 1s",) * 14


def test_unknown_times_of_counting_are_told(regions):
    blind = [timed(region, 1.0, None) for region in regions]
    found = Quantify()(join(*blind))
    assert found.messages == ("time of counting not known: taken as the same",) * 14
    assert Quantify()(join(*regions)).messages == ("",) * 14
    # Within one region they are the same.
    assert Quantify()(blind[1]).messages == ("",) * 14
    assert Quantify(levels=("V 2p",))(join(*blind)).messages == ("",) * 14


@pytest.mark.realdata
def test_a_measured_film_by_hand(data):
    """Kratos, Ni–W film: areas over dwell time, transmission and factors, computed plainly here."""
    from spectra import read
    from spectra.xps import Model, Species

    def region(entry, window, at, **how):
        model = Model(
            name=entry, species=(Species(name=entry, level=entry, position=at, spread=2.0, **how),)
        )
        stack = read(data / "xps" / "0-150W.vms", entry=entry)
        return Region(model=model, window=window, degree=1)(stack)

    carbon = region("C 1s", (277.0, 291.0), 282.5)
    tungsten = region("W 4f", (26.0, 41.0), 33.6, splitting=2.15, widths=(0.4, 5.0))
    found = Quantify(path=0.6)(join(carbon, tungsten))
    # Counts per point and sweeps of the file, its transmission near the peaks.
    time = {"C 1s": 10 * 0.199336, "W 4f": 10 * 0.239044}
    passed = {"C 1s": 2.1060, "W 4f": 1.9183}
    kinetic = {"C 1s": 1486.69 - 282.5, "W 4f": 1486.69 - 33.6}
    factor = {"C 1s": 1.0, "W 4f": 9.80}
    atoms = {
        name: float(r["area"][0, 0])
        / (time[name] * passed[name] * kinetic[name] ** 0.6 * factor[name])
        for name, r in (("C 1s", carbon), ("W 4f", tungsten))
    }
    expected = 100 * atoms["W 4f"] / sum(atoms.values())
    assert found["atomic_percent"][0, 1] == pytest.approx(expected, rel=1e-3)


def test_a_line_beyond_the_photons_is_bad_input(regions):
    joined = join(*regions)
    moved = np.array(joined["position"])
    moved[2, 0], moved[4, 0] = 1500.0, 1440.0
    odd = replace(joined, columns={**joined.columns, "position": moved})
    plain = Quantify()(odd)
    assert plain.status[[2, 4]].tolist() == [Status.BAD_INPUT, Status.OK]
    assert "no kinetic energy above 0 eV of C 1s" in plain.messages[2]
    # TPP-2M holds from 50 eV on.
    glass = Quantify(path=Material(formula="V2O5", density=3.36, gap=2.3))(odd)
    assert glass.status[[2, 4]].tolist() == [Status.BAD_INPUT] * 2
    assert "no kinetic energy from 50 to 2000 eV of C 1s" in glass.messages[4]
    assert (np.delete(glass.status, [2, 4]) == Status.OK).all()
