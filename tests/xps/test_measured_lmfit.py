"""Twenty measured regions through the readers: minimum and uncertainties are lmfit's."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

import spectra
from spectra import Status
from spectra.errors import DataWarning
from spectra.fit.misfit import correlation_scale
from spectra.xps import Model, Region, Species
from spectra.xps.build import build

pytestmark = pytest.mark.realdata

# File, region, frame, level, window (eV), where lines are looked for, splitting of a doublet.
REGIONS = (
    ("0-150W.vms", "W 4f", 0, "W 4f", (31.0, 40.0), (33.4,), 2.2),
    ("0-150W.vms", "O 1s", 0, "O 1s", (522.0, 536.0), (528.4, 530.2), 0.0),
    ("0-150W.vms", "C 1s", 0, "C 1s", (276.0, 292.0), (282.3,), 0.0),
    ("0-150W.vms", "Ni 2p", 0, "Ni 2p", (841.0, 860.0), (845.0,), 0.0),
    ("Ag_0001.txt", "Ag3d", 0, "Ag 3d", (364.5, 381.5), (369.95,), 6.0),
    ("Cu-HHTP_0002.txt", "O1s", 0, "O 1s", (527.0, 540.0), (533.0, 534.6), 0.0),
    ("Cu-HHTP_0003.txt", "C 1s", 0, "C 1s", (281.0, 295.0), (284.2, 286.2), 0.0),
    ("Cu-HHTP_0004.txt", "Cu_3p", 0, "Cu 3p", (70.0, 83.0), (76.5,), 2.4),
    ("In-situ_PBTTT_XPS_SPECS.xml", "C1s", 0, "C 1s", (281.0, 289.0), (285.0, 286.5), 0.0),
    ("In-situ_PBTTT_XPS_SPECS.xml", "S 2p", 0, "S 2p", (160.0, 172.0), (164.1,), 1.2),
    ("MgFe2O4_small.xy", "Fe2p", 0, "Fe 2p", (703.0, 719.0), (711.5,), 0.0),
    ("mjr9_59c.vms", "O 1s", 0, "O 1s", (524.0, 538.0), (531.4,), 0.0),
    ("mjr9_59c.vms", "N 1s", 0, "N 1s", (392.0, 408.0), (399.7,), 0.0),
    ("mjr9_59c.vms", "C 1s", 0, "C 1s", (276.0, 293.0), (284.7,), 0.0),
    ("mjr9_59c.vms", "S 2p", 0, "S 2p", (156.0, 174.0), (167.7,), 1.2),
    ("mjr9_59c.vms", "S 2p", 1, "S 2p", (156.0, 174.0), (167.9,), 1.2),
    ("mjr9_59c.vms", "Au 4f", 0, "Au 4f", (78.0, 94.0), (84.0,), 3.7),
    ("mjr9_59c.vms", "Au 4f", 1, "Au 4f", (78.0, 94.0), (84.0,), 3.7),
    ("mm-specs.xy", "P 2p", 0, "P 2p", (124.0, 136.0), (129.2,), 0.9),
    ("columns/Highres_Au4f_hv_180_testfile.csv", None, 0, "Au 4f", (85.0, 96.0), (92.2,), 0.0),
)

# Where a free mixing or splitting ends on its bound: too few counts, or another shape.
GIVEN_SHAPE = (
    ("0-150W.vms", "W 4f"),
    ("Ag_0001.txt", "Ag3d"),
    ("mjr9_59c.vms", "O 1s"),
    ("mjr9_59c.vms", "N 1s"),
    ("mjr9_59c.vms", "C 1s"),
    ("mjr9_59c.vms", "S 2p"),
    ("mm-specs.xy", "P 2p"),
)


def region_of(data, case):
    """One frame cut to its window, in the rounding of which lmfit and we weigh alike."""
    file, entry, frame, _, window, *_ = case
    choice = {"axis": "binding_energy"} if entry is None else {"entry": entry}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        stack = spectra.read(data / "xps" / file, **choice)[frame].load().crop(*window)
    y = np.asarray(stack.signal, dtype=float)
    return replace(stack, errors=np.sqrt(np.maximum(y, 1.0)), noise="given")


def model_of(case):
    _, _, _, level, _, positions, splitting = case
    common = {"level": level, "spread": 1.5, "width": 1.5, "widths": (0.2, 8.0)}
    free = case[:2] not in GIVEN_SHAPE
    ties = {"p0_mixing": {"value": 0.3, "vary": free, "min": 0.0, "max": 1.0}}
    if splitting:
        ties["p0_splitting"] = {
            "value": splitting,
            "vary": free,
            "min": splitting - 0.6,
            "max": splitting + 0.6,
        }
    for i in range(1, len(positions)):
        ties[f"p{i}_fwhm"] = {"expr": "p0_fwhm"}
        ties[f"p{i}_mixing"] = {"expr": "p0_mixing"}
        if splitting:
            ties[f"p{i}_splitting"] = {"expr": "p0_splitting"}
    lines = tuple(
        Species(name=f"p{i}", position=p, splitting=splitting, **common)
        for i, p in enumerate(positions)
    )
    return Model(name="lines", species=lines, parameters=ties)


@pytest.mark.parametrize("case", REGIONS, ids=lambda c: f"{c[0]}:{c[1]}:{c[2]}")
def test_minimum_and_uncertainties_are_those_of_lmfit(data, case):
    stack = region_of(data, case)
    region = Region(model=model_of(case))
    results = region(stack)
    status = Status(int(results.status[0]))
    assert status == Status.OK, results.messages[0]
    made = build(region.species_model, region.background_on(region.prepare(stack).x))
    labels = results.table.coords["parameter"]["label"].tolist()
    params = made.params.copy()
    for label, value in zip(labels, results["parameter"][0], strict=True):
        params[label].set(value=value)
    y, sigma = np.asarray(stack.signal)[0], np.asarray(stack.errors)[0]
    found = made.model.fit(y, params, x=stack.x, weights=1 / sigma)
    reduced = results["chi2_reduced"][0]
    assert reduced * (y.size - found.nvarys) <= found.chisqr * (1 + 1e-8)
    assert found.errorbars
    together = correlation_scale(results["abbe"], np.array([y.size]))[0]
    for variable in found.var_names:
        error = found.params[variable].stderr / np.sqrt(found.redchi)
        own = results["parameter_stderr"][0, labels.index(variable)]
        # Ours are widened where the misfit is improbable, and where residuals hang together.
        widened = own / error / np.sqrt(together)
        assert widened == pytest.approx(1.0, rel=0.02) or widened == pytest.approx(
            np.sqrt(reduced), rel=0.02
        ), variable


def test_the_sweeps_of_an_in_situ_run_are_a_series(data):
    stack = spectra.read(data / "xps" / "In-situ_PBTTT_XPS_SPECS.xml", entry="S 2p sweeps")
    assert stack.noise == "counts"
    thiophene = Species(
        name="thiophene", level="S 2p", position=164.0, spread=1.0, width=1.0, splitting=1.2
    )
    free = {
        "thiophene_splitting": {"value": 1.2, "min": 0.8, "max": 1.6},
        "thiophene_mixing": {"value": 0.3, "min": 0.0, "max": 1.0},
    }
    model = Model(name="sulphur", species=(thiophene,), parameters=free)
    window = (160.0, 172.0)
    each = Region(model=model, window=window)(stack)
    assert len(each) == 15
    # The last sweep was broken off: it begins with zeros, and no line of a shape describes it.
    assert (each.status[:14] == Status.OK).all(), each.messages
    assert each.status[14] == Status.AT_BOUND
    assert each["chi2_reduced"].argmax() == 14
    each = each[:14]
    assert np.median(each["chi2_reduced"]) == pytest.approx(1.05, abs=0.1)
    shared = Region(model=model, window=window, common=("positions", "thiophene_splitting"))
    together = shared(stack[:14])
    assert np.ptp(together["position"]) == 0.0
    mean, stderr = each["position"].mean(), each["position_stderr"].mean() / np.sqrt(14)
    assert together["position"][0, 0] == pytest.approx(mean, abs=4 * stderr)
    # Nothing changes but the noise from sweep to sweep.
    z = (each["area"] - each["area"].mean()) / each["area_stderr"]
    assert z.std() == pytest.approx(1.0, abs=0.4)
