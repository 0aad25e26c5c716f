"""Lists of paths: labels, order, selection, shells and averages."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from made_paths import chi, made_path, triangle

from spectra.errors import SettingError
from spectra.xas import PathList, check_paths
from spectra.xas.paths.checks import path_misfits
from spectra.xas.paths.importance import importances
from spectra.xas.paths.merging import averaged


@pytest.fixture
def paths():
    return PathList(
        [
            made_path(distance=1.58, degeneracy=1.0),
            made_path(distance=1.88, degeneracy=2.0),
            made_path("V", 3.08, degeneracy=2.0, strength=0.5),
            triangle(),
            triangle((2.0, 0.0, 0.0), strength=0.5),
        ]
    )


def test_it_is_a_sequence_with_names(paths):
    assert len(paths) == 5
    assert paths["V-O 1.880"] is paths[1]
    assert isinstance(paths[1:3], PathList)
    assert paths[1:3].labels == ("V-O 1.880", "V-V 3.080")
    assert "V-V 3.080" in paths
    assert paths[2] in paths
    assert "Cu-Cu 2.548" not in paths
    assert paths.labels[3:] == ("V-O-O 3.414a", "V-O-O 3.414b")
    with pytest.raises(SettingError, match=r"no path 'V-O 9'; there are V-O 1.580, "):
        paths["V-O 9"]
    many = PathList(p.replace(label=f"V-O {2 + i / 10:.3f}") for i, p in enumerate([*paths] * 4))
    with pytest.raises(SettingError, match=r"there are 20, the closest V-O 2\.300, ") as error:
        many["V-O 2.30"]
    assert str(error.value).count("V-O") == 6
    with pytest.raises(SettingError, match="is no ScatteringPath"):
        PathList(["feff0001.dat"])


def test_it_travels_whole(paths):
    assert pickle.loads(pickle.dumps(paths)) == paths
    assert PathList.from_plain(paths.to_plain()) == paths
    assert hash(PathList(paths)) == hash(paths)


def test_it_shows_a_table(paths):
    shown = repr(paths)
    assert shown.splitlines()[0] == "PathList of 5 paths"
    assert "V-O-O 3.414b" in shown
    html = PathList([made_path(label="<b>&")])._repr_html_()
    assert "&lt;b&gt;&amp;" in html
    assert "<b>" not in html
    frame = paths.to_dataframe()
    assert frame.loc["V-V 3.080", "degeneracy"] == 2.0
    assert list(frame.index) == list(paths.labels)


def test_importance_is_the_area_of_the_envelope(paths):
    k = np.arange(3.0, 12.001, 0.05)
    given = importances(paths, k_weight=1, k_range=(3.0, 12.0))
    areas = []
    for path in paths:
        parts = [np.interp(k, path.k, v) for v in (path.amplitude, path.mean_free_path)]
        areas.append(
            path.degeneracy
            * np.trapezoid(parts[0] * np.exp(-2 * path.reff / parts[1]), k)
            / path.reff**2
        )
    np.testing.assert_allclose(given, 100 * np.array(areas) / max(areas), rtol=1e-12)
    assert given.max() == 100.0
    assert importances([]).size == 0


def test_ranked_puts_the_most_important_first(paths):
    ranked = paths.ranked()
    values = [path.importance for path in ranked]
    assert values == sorted(values, reverse=True)
    assert values[0] == 100.0
    heavy = paths.ranked(k_weight=3.0, k_range=(8.0, 16.0))
    assert [p.importance for p in heavy] != values
    assert set(heavy.labels) == set(paths.labels)
    with pytest.raises(SettingError, match="k_range"):
        paths.ranked(k_range=(5.0, 3.0))
    with pytest.raises(SettingError, match="the paths end at 20"):
        paths.ranked(k_range=(25.0, 30.0))


def test_selection(paths):
    assert len(paths.select(nleg=2)) == 3
    assert paths.select(max_distance=2.0).labels == ("V-O 1.580", "V-O 1.880")
    assert paths.select(min_distance=3.0, nleg=2).labels == ("V-V 3.080",)
    assert len(paths.select(scatterer="O")) == 4
    assert paths.select(scatterer="V").labels == ("V-V 3.080",)
    least = sorted(path.importance for path in paths)[2]
    assert len(paths.select(min_importance=least)) == 3
    # A part of a list keeps what its paths are called and how much they matter.
    assert paths.select(nleg=2)[2] == paths[2]


def test_joined_lists_are_ranked_together(paths):
    both = paths[:2] + PathList([made_path("V", 2.88, degeneracy=30.0)])
    assert both[0].label == "V-V 2.880"
    assert both[0].importance == 100.0
    assert both[1].importance < 100.0


def test_shells_add_degeneracies_and_average_distances():
    given = PathList(
        [
            made_path(distance=1.97, degeneracy=3.0),
            made_path(distance=2.05, degeneracy=1.0),
            made_path("V", 2.0, degeneracy=5.0),
            made_path(distance=2.30, degeneracy=2.0),
        ]
    )
    shells = given.shells(0.1)
    assert shells.labels == ("V-O 1.990", "V-V 2.000", "V-O 2.300")
    assert shells[0].degeneracy == 4.0
    assert shells[0].reff == pytest.approx(1.99)
    assert shells[0].spread == pytest.approx((3 * 0.02**2 + 0.06**2) / 4)
    assert shells[1] == given[2].replace(importance=shells[1].importance)
    assert len(given.shells(0.0)) == 4
    with pytest.raises(SettingError, match="tolerance -1"):
        given.shells(-1)


def test_a_shell_is_the_sum_of_its_paths_to_the_order_of_the_spread():
    k = np.linspace(3.0, 12.0, 200)
    offs = []
    for apart in (0.02, 0.01):
        pair = [
            made_path(distance=2.0 - apart, degeneracy=2.0),
            made_path(distance=2.0 + apart, degeneracy=2.0),
        ]
        (shell,) = PathList(pair).shells(0.2)
        damped = chi(shell, k) * np.exp(-2 * k**2 * shell.spread)
        offs.append(np.abs(damped - sum(chi(p, k) for p in pair)).max() / np.abs(damped).max())
    # The rest is of 1/R² and λ, of second order in the distances too, but without the k².
    assert offs[0] < 6e-3
    assert offs[1] < offs[0] / 1.9


def test_phases_are_averaged_on_one_branch():
    one = made_path(distance=2.0)
    other = made_path(distance=2.01, feff_phase=one.feff_phase + 2 * np.pi)
    (shell,) = PathList([one, other]).shells()
    turns = (shell.phase - one.phase) / (2 * np.pi)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-12)


def test_sites_are_averaged_by_their_shares():
    k = np.linspace(3.0, 12.0, 100)
    first = [made_path(distance=2.0, degeneracy=6.0), made_path("V", 3.0, degeneracy=2.0)]
    second = [made_path(distance=2.0, degeneracy=4.0), made_path(distance=2.2, degeneracy=2.0)]
    both = averaged([first, second], [0.25, 0.75])
    assert [(p.reff, p.degeneracy) for p in both] == [(2.0, 4.5), (2.2, 1.5), (3.0, 0.5)]
    expected = 0.25 * sum(chi(p, k) for p in first) + 0.75 * sum(chi(p, k) for p in second)
    np.testing.assert_allclose(sum(chi(p, k) for p in both), expected, atol=1e-14)


def test_two_like_paths_of_one_site_stay_two():
    site = [triangle(), triangle((2.0, 0.0, 0.0), strength=0.5)]
    both = averaged([site, site], [0.5, 0.5])
    assert [p.degeneracy for p in both] == [6.0, 6.0]
    assert both[0].feff_amplitude[5] == pytest.approx(2 * both[1].feff_amplitude[5])


def test_paths_of_other_spectra_are_told(paths):
    check_paths(paths, absorber="V", edge="K", e0=[5468.0, np.nan, 5470.0], k_max=14.0)
    assert path_misfits(paths, e0=np.nan) == ()
    with pytest.raises(SettingError, match=r"'V-O 1.580' is of V K, the spectra of Ni K"):
        check_paths(paths, absorber="Ni", edge="K")
    with pytest.raises(SettingError, match=r"V K at 5465 eV .* E0 = 8333.0 eV, .* near Ni K"):
        check_paths(paths, e0=8333.0)
    with pytest.raises(SettingError, match=r"ends at k = 20 .* the fit at 22; .*and 2 more"):
        check_paths(paths, k_max=22.0)
    mixed = PathList([paths[0], paths[1].replace(edge="L3")])
    with pytest.raises(SettingError, match="different absorbers or edges in one fit"):
        check_paths(mixed)
    with pytest.raises(SettingError, match=r"'V-O 1.880' is of V L3"):
        check_paths(mixed, edge="K")
