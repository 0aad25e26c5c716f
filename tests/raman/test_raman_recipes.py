"""The recipes of the docs, on simulated and on measured spectra of glasses and of carbon."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pytest
from simulated_carbon import RATIO_AREA, RATIO_HEIGHT, two_bands
from simulated_carbon import SHIFT as CARBON

from spectra import Status
from spectra.errors import DataWarning
from spectra.recipe import load_recipe, run_recipe
from spectra.report import write_outputs

GLASS = np.arange(60.0, 1319.0, 1.25)
CENTERS, WIDTHS = (905.0, 1010.0), (85.0, 140.0)


def glass(silica: float) -> np.ndarray:
    """Two bands of Si-O stretching, of which one grows with silica, far above a luminescence."""
    heights = (2500 * (1 - silica), 2500 * silica + 800)
    y = 3000 + 0.5 * GLASS
    for center, width, height in zip(CENTERS, WIDTHS, heights, strict=True):
        y = y + height * np.exp(-4 * np.log(2) * ((GLASS - center) / width) ** 2)
    return y


def put(recipe, folder, project_root, more=""):
    """A recipe of the docs in a folder, with more said of its spectra, without its figures."""
    text = (project_root / "docs" / "recipes" / recipe).read_text(encoding="utf-8")
    path = folder / recipe
    text = text.replace("[stack]\n", f"[stack]\n{more}\n").replace('figures = "figures"\n', "")
    path.write_text(text, encoding="utf-8")
    return load_recipe(path)


@pytest.fixture(scope="module")
def glasses(tmp_path_factory, project_root):
    """Four glasses, each written with its axis rising and falling."""
    folder = tmp_path_factory.mktemp("glasses")
    (folder / "spectra").mkdir()
    rng = np.random.default_rng(6)
    for i, silica in enumerate((0.3, 0.45, 0.6, 0.75)):
        table = np.column_stack([GLASS, rng.poisson(glass(silica))])
        np.savetxt(folder / "spectra" / f"{i}_rising.txt", table, fmt="%.4f")
        np.savetxt(folder / "spectra" / f"{i}_falling.txt", table[::-1], fmt="%.4f")
    recipe = put("raman_glasses.toml", folder, project_root)
    record = run_recipe(recipe)
    write_outputs(record, recipe)
    return folder, record


def test_bands_and_background_of_glasses_are_found(glasses):
    _, record = glasses
    results = record.steps["stretching"]
    assert (results.status == Status.OK).all()
    np.testing.assert_allclose(results.table.coords["band"]["start"], CENTERS, atol=6.0)
    for name, true in (("center", CENTERS), ("fwhm", WIDTHS)):
        pull = (results[name] - true) / results[f"{name}_stderr"]
        assert np.abs(pull).max() < 4
    assert (np.diff(results["area"][::2, 1]) > 0).all()


def test_falling_axes_give_the_same_bits_as_rising_ones(glasses):
    results = glasses[1].steps["stretching"]
    assert [n.partition("_")[2] for n in results.names[:2]] == ["falling.txt", "rising.txt"]
    for name in ("center", "area", "area_stderr", "background_poly"):
        np.testing.assert_array_equal(results[name][::2], results[name][1::2])


def test_the_report_of_glasses_is_written(glasses):
    folder, _ = glasses
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Positions of the bands (stretching)" in page
    assert "No cosmic rays were found" in page or "Cosmic rays were replaced" in page
    assert list((folder / "tables").glob("*.csv"))


def test_carbon_by_its_recipe(tmp_path, project_root):
    (tmp_path / "spectra").mkdir()
    rng = np.random.default_rng(3)
    for i in range(3):
        table = np.column_stack([CARBON, rng.poisson(40 * two_bands())])
        np.savetxt(tmp_path / "spectra" / f"{i}.txt", table, fmt="%.2f")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        record = run_recipe(put("raman_carbon.toml", tmp_path, project_root, 'noise = "counts"'))
    results = record.steps["carbon"]
    assert (results["n_bands"] == 2).all()
    for name, true in (("ratio_height", RATIO_HEIGHT), ("ratio_area", RATIO_AREA)):
        assert (np.abs(results[name] - true) < 4 * results[f"{name}_stderr"]).all()
    # Four bands are not there, and nothing is quoted of them.
    assert (record.steps["four bands"].status == Status.LOST).all()


@pytest.mark.realdata
def test_all_measured_glasses_in_one_run(data, tmp_path, project_root):
    shutil.copytree(data / "raman" / "glass_batch", tmp_path / "spectra")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        record = run_recipe(put("raman_glasses.toml", tmp_path, project_root))
    results = record.steps["stretching"]
    assert len(results) == 101
    assert (results.status == Status.OK).all()
    assert np.isfinite(results["background_poly"]).all()
    strongest = np.nanargmax(results["area"], axis=1)
    center = results["center"][np.arange(101), strongest]
    assert ((center > 850) & (center < 1050)).all()
    # Files with falling axes are among them, and are no worse fitted than the others.
    falling = np.array([_falls(tmp_path / "spectra" / name) for name in results.names])
    assert 0 < falling.sum() < 101
    found = np.isfinite(results["center"]).any(axis=1)
    assert found[falling].all()
    assert found[~falling].all()


def _falls(path):
    x = np.loadtxt(path, usecols=0)
    return x[1] < x[0]


@pytest.mark.realdata
def test_measured_carbon_by_its_recipe(data, tmp_path, project_root):
    shutil.copytree(data / "raman" / "carbon", tmp_path / "spectra")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        record = run_recipe(put("raman_carbon.toml", tmp_path, project_root))
    i, j = np.triu_indices(3, 1)
    for results in record.steps.values():
        assert (results.status == Status.OK).all()
        for name in ("ratio_height", "ratio_area"):
            value, error = results[name], results[f"{name}_stderr"]
            apart = np.abs(value[i] - value[j]) / np.hypot(error[i], error[j])
            assert apart.max() < 2
