"""Fifty simulated regions of all backgrounds and lines: minimum and uncertainties are lmfit's."""

from __future__ import annotations

import numpy as np
import pytest

from spectra import Stack, Status
from spectra.fit.cumulative import WITH_INTEGRAL
from spectra.fit.photolines import PHOTOLINES, get_photoline
from spectra.xps import Model, Region, Species

X = np.linspace(490.0, 512.0, 73)

# Each line's width and what else has a shape; what stands in `FREE` is fitted.
SHAPES = {
    "gaussian": (1.3, {}),
    "lorentzian": (1.1, {}),
    "voigt": (0.9, {"fwhm_lorentz": 0.6}),
    "pseudo_voigt": (1.2, {"eta": 0.4}),
    "gl_sum": (1.2, {"mixing": 0.3}),
    "gl_product": (1.2, {"mixing": 0.4}),
    "exponential_tail": (1.1, {"tail": 0.6}),
    "asymmetric_lorentzian": (1.1, {"alpha": 1.1, "beta": 2.0, "fwhm_gauss": 0.5}),
    "doniach_sunjic": (0.6, {"asymmetry": 0.12, "fwhm_gauss": 0.8}),
    "tch": (0.9, {"fwhm_lorentz": 0.5}),
}
FREE = {"voigt": "fwhm_lorentz", "pseudo_voigt": "eta", "gl_sum": "mixing"}
FREE |= {"exponential_tail": "tail", "doniach_sunjic": "asymmetry", "tch": "fwhm_lorentz"}

BACKGROUNDS = {
    "constant": {"background": "none"},
    "linear": {"background": "none", "degree": 1},
    "polynomial": {"background": "none", "degree": 3},
    "shirley": {"background": "shirley"},
    "shirley on a line": {"background": "shirley", "degree": 1},
    "shirley each": {"background": "shirley", "shirley_each": True},
    "tougaard of two": {"background": "tougaard", "losses": "metals"},
    "tougaard of four": {"background": "tougaard", "losses": (60.0, -1.0, 90.0, 1.0)},
    "tougaard, free C": {"background": "tougaard", "losses": (40.0, 1.0, 0.0, 0.0)},
    "blend": {"background": "shirley_tougaard", "losses": (60.0, -1.0, 30.0, 0.0)},
}
TRUTH = {"first_area": 9000.0, "second_area": 4000.0, "background_c0": 400.0}
TRUTH |= {"background_c1": 40.0, "background_c2": -15.0, "background_c3": 8.0}
TRUTH |= {"shirley": 0.02, "first_shirley": 0.03, "second_shirley": 0.015}
STRENGTH = {"tougaard of two": 1500.0, "tougaard of four": 20.0}

CASES = [
    (profile, list(BACKGROUNDS)[(row + 2 * turn) % 10], (row + turn) % 3)
    for turn in range(5)
    for row, profile in enumerate(SHAPES)
]


def region_of(profile, background, kind):
    """Two singlets, a doublet beside a singlet, or a multiplet beside a satellite."""
    width, shape = SHAPES[profile]
    common = {"level": "V 2p", "spread": 0.5, "width": width, "widths": (0.3, 4.0)}
    common |= {"profile": profile, "shape": shape}
    first = ({}, {"splitting": 6.5, "broadening": 1.4}, {"multiplet": [[0, 1], [1.1, 0.6, 1.2]]})
    species = (
        Species(name="first", position=497.0, **common, **first[kind]),
        Species(name="second", position=501.0, **common),
    )
    width_name = get_photoline(profile).shape_names[0]
    ties = {f"second_{width_name}": {"expr": f"first_{width_name}"}}
    if kind == 2:
        ties["second_center"] = {"expr": "first_center + 4.0"}
    if profile in FREE:
        ties[f"first_{FREE[profile]}"] = {"vary": True}
        ties[f"second_{FREE[profile]}"] = {"expr": f"first_{FREE[profile]}"}
    if background == "tougaard, free C":
        ties["tougaard_c"] = {"vary": True}
    settings = dict(BACKGROUNDS[background])
    if settings.get("shirley_each") and profile not in WITH_INTEGRAL:
        settings = {"background": "shirley", "degree": 2}
    return Region(model=Model(name=profile, species=species, parameters=ties), **settings)


def simulated(region, background, seed):
    """A region drawn about its own curve; what lmfit starts from is 1 to 3 % off."""
    built = region.built(X)
    params = built.params.copy()
    for name, value in TRUTH.items():
        if name in params:
            params[name].set(value=value)
    if "tougaard" in params:
        params["tougaard"].set(value=STRENGTH.get(background, 25.0))
    curve = built.model.eval(params, x=X)
    y = np.random.default_rng(seed).poisson(curve).astype(float)
    for name, p in params.items():
        if p.vary and not p.expr and not name.endswith("_center"):
            p.set(value=p.value * (1.03 if name.endswith("_area") else 1.01))
    sigma = np.sqrt(np.maximum(y, 1.0))
    stack = Stack.from_arrays(X, y, sigma, axis_name="binding_energy")
    return stack, built, params


def test_all_lines_and_backgrounds_are_among_them():
    assert len(CASES) == len(set(CASES)) == 50
    assert set(PHOTOLINES) <= {profile for profile, _, _ in CASES}
    assert {background for _, background, _ in CASES} == set(BACKGROUNDS)


@pytest.mark.parametrize(("profile", "background", "kind"), CASES)
def test_the_minimum_is_that_of_lmfit(profile, background, kind):
    region = region_of(profile, background, kind)
    stack, built, params = simulated(region, background, CASES.index((profile, background, kind)))
    results = region(stack)
    assert results.status[0] == Status.OK, results.messages[0]
    labels = results.table.coords["parameter"]["label"].tolist()
    y, sigma = np.asarray(stack.signal)[0], np.asarray(stack.errors)[0]
    found = built.model.fit(
        *(y, params),
        x=X,
        weights=1 / sigma,
        scale_covar=False,
        fit_kws={"ftol": 1e-12, "xtol": 1e-12},
    )
    chi2 = results["chi2_reduced"][0] * found.nfree
    assert chi2 == pytest.approx(found.chisqr, rel=1e-8)
    for name in found.var_names:
        error = found.params[name].stderr
        column = labels.index(name)
        assert results["parameter_stderr"][0, column] == pytest.approx(error, rel=0.01), name
        assert abs(results["parameter"][0, column] - found.params[name].value) < 0.01 * error, name
