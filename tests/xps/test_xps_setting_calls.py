"""Methods and corrections of photoelectron spectra work or refuse, whatever their settings are."""

from __future__ import annotations

import contextlib
from dataclasses import fields, replace

import pytest
from vanadium_regions import simulated

from setting_values import WRONG, call_with_each
from spectra import xps
from spectra.errors import SettingError, SpectraError, StackError
from spectra.stack import Axis

REGION = {"model": "O1s_lattice", "window": (526.0, 538.0)}
CASES = [
    (xps.Region, REGION, simulated(2, step=4)),
    (xps.Region, REGION | {"background": "tougaard"}, simulated(2, step=4)),
    (xps.Calibrate, {"target": 530.0}, simulated(2)),
    (xps.Calibrate, {"target": 530.0, "model": "O1s_lattice"}, simulated(2)),
    (xps.Calibrate, {"target": 517.0, "reference": "fermi_edge"}, simulated(2)),
    (xps.Calibrate, {"reference": "none"}, simulated(2)),
]


@pytest.mark.parametrize(("kind", "needed", "source"), CASES)
def test_calls(kind, needed, source):
    assert call_with_each(kind, needed, source) > 5


@pytest.mark.parametrize(
    ("name", "unit"),
    [("energy", "keV"), ("energy", ""), ("two_theta", "deg"), ("binding_energy", "keV")],
)
def test_other_axes_are_refused(name, unit):
    good = simulated(2, step=4)
    source = replace(good, axis=Axis(good.x, name, unit))
    with pytest.raises(StackError, match=f"axis is {name} .*expected binding_energy in eV"):
        xps.Region(**REGION)(source)
    source = replace(good, axis=Axis(good.x, "energy", "eV"))
    assert xps.Region(**REGION)(source).status.tolist() == [0, 0]


SPECIES = {"name": "a", "level": "O 1s", "position": 530.0}


@pytest.mark.parametrize("key", [f.name for f in fields(xps.Species)])
def test_what_is_told_of_a_species(key):
    for value in WRONG:
        with contextlib.suppress(SpectraError):
            model = {"name": "m", "species": [{**SPECIES, key: value}]}
            xps.Region(model=model, window=(526.0, 538.0)).prepare(simulated(1, step=4))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"species": 3}, "model: model: species = 3, .*; expected a list of mappings"),
        ({"parameters": {"a_fwhm": {"min": "x"}}}, r"parameters\['a_fwhm'\]\['min'\] = 'x'; exp"),
        ({"parameters": {"a_fwhm": {"low": 1}}}, r"parameters\['a_fwhm'\] has no 'low'; there are"),
    ],
)
def test_wrong_models_are_named(told, said):
    with pytest.raises(SettingError, match=rf"xps\.Region: {said}|xps\.Region: model: .*{said}"):
        xps.Region(model={"name": "m", "species": [SPECIES], **told})
