"""Against Larch's feffit on copper: the same parameters, uncertainties and figures."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from copper_shells import chi_stack

import spectra
from spectra.errors import StackError
from spectra.stack import Variable
from spectra.xas import Background, Shells
from spectra.xas.paths.feffdat import read_feffdat
from spectra.xas.paths.path import PathAtom
from spectra.xas.shells.disorder import Disorder
from spectra.xas.shells.equation import chi_of_path

pytestmark = pytest.mark.realdata

RANGES = {"k_range": (3.0, 17.0), "r_range": (1.4, 3.0), "window": "kaiser", "taper": 4.0}
FILES = {10.0: "cu_10k.xmu", 50.0: "cu_50k.xmu", 150.0: "cu_150k.xmu", 293.0: "cu_metal_rt.xdi"}
SIGMAS = (1, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 5, 5)


@pytest.fixture(scope="module")
def copper(data):
    return data / "xas" / "copper"


@pytest.fixture(scope="module")
def larch():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from larch import fitting, io, xafs
        from larch.xafs import sigma2_models
    return {"fitting": fitting, "io": io, "xafs": xafs, "sigma2": sigma2_models}


@pytest.fixture(scope="module")
def background(copper, larch):
    """χ(k) by Larch's autobk, of a temperature and an rbkg."""

    def remove(temperature, rbkg=1.0):
        name = str(copper / FILES[temperature])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if name.endswith("xdi"):
                group = larch["io"].read_xdi(name)
                group.mu = group.mutrans
            else:
                group = larch["io"].read_ascii(name, labels="energy mu")
            larch["xafs"].autobk(group, rbkg=rbkg, kweight=1)
        return group

    return remove


@pytest.fixture(scope="module")
def feffit(larch):
    """Larch's fit of one spectrum."""

    def fit(group, parameters, paths, **transform):
        x = larch["xafs"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = {k: larch["fitting"].guess(v) for k, v in parameters.items()}
            made = [x.feffpath(str(file), **said) for file, said in paths]
            settings = {"kmin": 3, "kmax": 17, "kw": 2, "dk": 4, "rmin": 1.4, "rmax": 3.0}
            settings |= {"window": "kaiser"} | transform
            noise = settings.pop("epsilon_k", None)
            data = x.feffit_dataset(
                data=group,
                pathlist=made,
                transform=x.feffit_transform(**settings),
                epsilon_k=noise,
            )
            return x.feffit(larch["fitting"].param_group(**values), data)

    return fit


def one_shell(copper, feffit, group, **transform):
    start = {"amp": 1.0, "de": 0.1, "dr": 0.0, "ss": 0.005}
    said = {"s02": "amp", "e0": "de", "deltar": "dr", "sigma2": "ss"}
    return feffit(group, start, [(copper / "feffcu01.dat", said)], **transform)


def agree(results, expected, names, value=0.02, error=0.02):
    """Parameters to `value` uncertainties, uncertainties to a part of `error`."""
    for i, name in enumerate(names):
        parameter = expected.params[name]
        off = (results["value"][0, i] - parameter.value) / parameter.stderr
        assert abs(off) < value, name
        assert results["value_stderr"][0, i] == pytest.approx(parameter.stderr, rel=error), name


def test_one_path_is_larchs(copper, larch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = {"s02": 0.9, "e0": 3.3, "deltar": 0.02, "sigma2": 0.005}
        theirs = larch["xafs"].feffpath(
            str(copper / "feffcu01.dat"), **said, third=1e-4, fourth=2e-5, ei=-0.7
        )
        k = 0.05 * np.arange(380)
        larch["xafs"].path2chi(theirs, k=k)
    path = read_feffdat(copper / "feffcu01.dat")
    numbers = {"e0": 3.3, "delta_r": 0.02, "sigma2": 0.005, "c3": 1e-4, "c4": 2e-5, "ei": -0.7}
    ours = chi_of_path(path, k[1:], amplitude=0.9 * path.degeneracy, **numbers)
    assert np.abs(ours - theirs.chi[1:]).max() < 1e-12 * np.abs(theirs.chi).max() + 1e-13


@pytest.mark.parametrize("temperature", [293.0, 150.0])
def test_one_shell(copper, background, feffit, temperature):
    group = background(temperature)
    expected = one_shell(copper, feffit, group)
    results = Shells(**RANGES, paths=(str(copper / "feffcu01.dat"),))(
        chi_stack(group.chi, k=group.k)
    )
    agree(results, expected, ("amp", "de", "dr", "ss"), 1e-3, 1e-3)
    assert results["r_factor"][0] == pytest.approx(expected.rfactor, rel=1e-5)
    assert results["n_idp"][0] == pytest.approx(expected.n_independent)
    assert results["amplitude"][0, 0] == pytest.approx(12 * expected.params["amp"].value, rel=1e-4)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"space": "q"}, {"fitspace": "q"}),
        ({"space": "k", "r_range": (1.4, 3.0)}, {"fitspace": "k", "epsilon_k": 1e-3}),
        ({"k_weight": 3}, {"kw": 3}),
    ],
)
def test_other_spaces_and_weights(copper, background, feffit, ours, theirs):
    group = background(150.0)
    expected = one_shell(copper, feffit, group, **theirs)
    method = Shells(**RANGES | ours, paths=(str(copper / "feffcu01.dat"),))
    results = method(chi_stack(group.chi, k=group.k))
    agree(results, expected, ("amp", "de", "dr", "ss"), 2e-3, 2e-3)


def test_thirteen_paths(copper, background, feffit):
    group = background(150.0)
    files = [copper / "feff_Cu" / f"feff{i:04d}.dat" for i in range(1, 14)]
    start = {"amp": 1.0, "de": 0.1, "alpha": 1e-4} | {f"s{i}": 0.006 for i in range(1, 6)}
    said = [{"s02": "amp", "e0": "de", "deltar": "alpha*reff", "sigma2": f"s{i}"} for i in SIGMAS]
    expected = feffit(group, start, list(zip(files, said, strict=True)), rmax=5.0)
    paths = tuple(
        {"file": str(f), "s02": "amp", "e0": "de", "delta_r": "alpha*reff", "sigma2": f"s{i}"}
        for f, i in zip(files, SIGMAS, strict=True)
    )
    method = Shells(**RANGES | {"r_range": (1.4, 5.0)}, parameters=start, paths=paths)
    results = method(chi_stack(group.chi, k=group.k))
    agree(results, expected, tuple(start), 5e-3, 5e-3)


def test_einstein_and_debye_are_larchs(copper, larch):
    for number in (1, 3, 7, 13):
        file = copper / "feff_Cu" / f"feff{number:04d}.dat"
        ours = Disorder.of(read_feffdat(file))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = larch["xafs"].feffpath(str(file))
            for t in (5.0, 150.0, 600.0):
                einstein = larch["sigma2"].sigma2_eins(t, 240.0, theirs)
                debye = larch["sigma2"].sigma2_debye(t, 315.0, theirs)
                assert ours.sigma2("einstein", 240.0, t) == pytest.approx(einstein, rel=1e-9)
                # Larch keeps the constants that FEFF 6 had.
                assert ours.sigma2("debye", 315.0, t) == pytest.approx(debye, rel=1e-6)


def test_one_einstein_temperature_for_all(copper, background):
    groups = {t: background(t) for t in FILES}
    points = max(len(g.k) for g in groups.values())
    chi = np.full((len(groups), points), np.nan)
    for row, group in zip(chi, groups.values(), strict=True):
        row[: len(group.chi)] = group.chi
    stack = chi_stack(
        chi, k=0.05 * np.arange(points), temperature=Variable(np.array(list(FILES)), "K")
    )
    method = Shells(
        **RANGES,
        parameters={
            "s02": {"value": 0.9, "across": "common"},
            "e0": 0.0,
            "delta_r": 0.0,
            "theta": {"value": 200.0, "min": 10.0, "across": "common"},
        },
        paths=({"file": str(copper / "feffcu01.dat"), "sigma2": "einstein(theta, temperature)"},),
    )
    for some in (stack[:3], stack):
        results = method(some)
        common = {c["name"]: c for c in results.attrs["common"]}
        assert results.ok().all()
        assert common["theta"]["value"] == pytest.approx(233.0, abs=8.0)
        assert 0.85 < common["s02"]["value"] < 0.95
        assert np.ptp(results["value"][:, 3]) == 0.0


@pytest.mark.parametrize("temperature", [293.0, 150.0])
def test_reduced_chi_square_does_not_hang_on_rbkg(copper, background, temperature):
    # From 1.6 Å, where no spline of these reaches. From 1.4 Å what is left of the fit itself
    # changes: its R factor is 0.0027 for an rbkg of 0.9 and 0.0031 for 1.2.
    found, noise = [], []
    method = Shells(**RANGES | {"r_range": (1.6, 3.0)}, paths=(str(copper / "feffcu01.dat"),))
    for rbkg in (0.9, 1.0, 1.1, 1.2):
        group = background(temperature, rbkg)
        results = method(chi_stack(group.chi, k=group.k))
        found.append(float(results["reduced_chi_square"][0]))
        noise.append(float(results["noise"][0]))
    assert max(found) < 1.1 * min(found), found
    assert max(noise) < 1.001 * min(noise), noise


def test_a_background_is_fitted_and_paths_of_another_edge_are_refused(copper):
    chi = Background(rbkg=1.0, k_weight=1)(spectra.read(copper / FILES[293.0]))
    path = read_feffdat(copper / "feffcu01.dat")
    results = Shells(**RANGES, paths=(path,))(chi)
    assert results.ok().all()
    expected = [0.931, 4.36, -0.0060, 0.00867]
    assert (np.abs(results["value"][0] - expected) < 0.1 * results["value_stderr"][0]).all()
    iron = path.replace(atoms=(PathAtom("Fe", 26, 0, (0.0, 0.0, 0.0)), *path.atoms[1:]))
    with pytest.raises(StackError, match="the Fe K edge at 7112 eV"):
        Shells(**RANGES, paths=(iron,))(chi)
