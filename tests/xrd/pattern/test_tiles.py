"""Tiled sums of lines against every line at every point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectra.fit.lineshapes import get_profile
from spectra.xrd.pattern.lines import Lines
from spectra.xrd.pattern.tiles import Tiles

N_SLOPES = 3
# Of the largest value. A tail through few nodes is true to 2e-5 of itself, and the wider a line
# is against its tile, the more its tail stands for.
TRUE, TRUE_WIDE = 2e-7, 5e-6


def drawn(rows, count, low, high, narrow=0.04, wide=0.3, seed=0):
    """Lines anywhere between low and high."""
    rng = np.random.default_rng(seed)
    return Lines(
        rng.uniform(low, high, (rows, count)),
        rng.uniform(10.0, 500.0, (rows, count)),
        np.exp(rng.uniform(np.log(narrow), np.log(wide), (rows, count))),
        rng.uniform(0.0, 1.0, (rows, count)),
        rng.normal(size=(rows, count, 4, N_SLOPES)),
    )


def summed(x, lines):
    """Derivatives (rows, P, points) and the curve (rows, points), line by line."""
    profile = get_profile("pseudo_voigt")
    slopes = np.zeros((len(lines.center), N_SLOPES, x.size))
    curve = np.zeros((len(lines.center), x.size))
    for row in range(len(curve)):
        for k in range(lines.center.shape[1]):
            shape = (v[row, k] for v in (lines.center, lines.fwhm, lines.eta))
            g, (by_center, by_fwhm, by_eta) = profile.value_and_gradient(x, *shape)
            area = lines.area[row, k]
            four = np.array([area * by_center, g, area * by_fwhm, area * by_eta])
            slopes[row] += lines.slopes[row, k].T @ four
            curve[row] += area * g
    return slopes, curve


def tiled(tiles, lines):
    out = np.full((len(lines.center), N_SLOPES + 1, *tiles.shape), np.nan)
    tiles.curve_and_slopes(lines, out)
    assert np.isfinite(out).all()
    joined = tiles.join(out.reshape(-1, *tiles.shape)).reshape(len(out), N_SLOPES + 1, -1)
    return joined[:, :-1], joined[:, -1]


AXES = {
    "even": np.arange(10.0, 60.0, 0.02),
    "last tile of one point": np.linspace(10.0, 60.0, 128 * 6 + 1),
    "shorter than a tile": np.linspace(10.0, 12.0, 100),
    "uneven": 10.0 + 50.0 * np.linspace(0.0, 1.0, 1999) ** 1.3,
    "with a gap": np.concatenate([np.arange(10.0, 30.0, 0.02), np.arange(41.0, 60.0, 0.03)]),
}
LINES = {
    "few": drawn(2, 20, 10.0, 60.0),
    "of a hundred points": drawn(2, 8, 10.0, 60.0, 2.0, 4.0),
    "beyond the range": drawn(2, 30, 1.0, 75.0),
    "many": drawn(1, 700, 5.0, 65.0),
    "very narrow": drawn(2, 15, 10.0, 60.0, 0.005, 0.02),
}


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("kind", LINES)
def test_sums_are_those_of_every_line_at_every_point(axis, kind):
    x, lines = AXES[axis], LINES[kind]
    tiles = Tiles.of(x, min(128, x.size))
    slopes, curve = tiled(tiles, lines)
    true_slopes, true_curve = summed(x, lines)
    limit = TRUE_WIDE if kind == "of a hundred points" else TRUE
    assert np.abs(curve - true_curve).max() < limit * true_curve.max()
    for p in range(N_SLOPES):
        largest = np.abs(true_slopes[:, p]).max()
        assert np.abs(slopes[:, p] - true_slopes[:, p]).max() < limit * largest
    assert np.abs(tiles.curve(lines) - curve).max() < 1e-13 * true_curve.max()


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_pure_shapes(eta):
    x, lines = AXES["even"], LINES["few"]
    lines = replace(lines, eta=np.full_like(lines.eta, eta))
    slopes, curve = tiled(Tiles.of(x, 128), lines)
    true_slopes, true_curve = summed(x, lines)
    assert np.abs(curve - true_curve).max() < 1e-7 * true_curve.max()
    assert np.abs(slopes - true_slopes).max() < 1e-7 * np.abs(true_slopes).max()


@pytest.mark.parametrize("axis", AXES)
def test_projections_are_sums_over_the_points(axis):
    x, lines = AXES[axis], LINES["beyond the range"]
    tiles = Tiles.of(x, min(128, x.size))
    values = np.random.default_rng(3).normal(size=(2, x.size))
    found = tiles.project(lines, np.stack([tiles.cut(values), tiles.cut(2.0 * values)], axis=1))
    assert np.allclose(found[:, 1], 2.0 * found[:, 0], rtol=1e-12)
    found = found[:, 0]
    profile = get_profile("pseudo_voigt")
    for row in range(2):
        shapes = zip(lines.center[row], lines.fwhm[row], lines.eta[row], strict=True)
        true = np.array([profile.value(x, *s) @ values[row] for s in shapes])
        assert np.abs(found[row] - true).max() < 1e-6 * np.abs(true).max()


def test_rows_do_not_hang_on_their_neighbours():
    x = AXES["even"]
    tiles, lines = Tiles.of(x, 128), drawn(9, 600, 8.0, 62.0)
    values = tiles.cut(np.random.default_rng(4).normal(size=(9, x.size)))[:, None]
    slopes, curve = tiled(tiles, lines)
    sums = tiles.project(lines, values)
    for part in (slice(0, 1), slice(3, 4), slice(2, 7), slice(8, 9)):
        some = lines.take(part)
        part_slopes, part_curve = tiled(tiles, some)
        assert np.array_equal(part_slopes, slopes[part])
        assert np.array_equal(part_curve, curve[part])
        assert np.array_equal(tiles.project(some, values[part]), sums[part])


def test_values_are_cut_and_joined_again():
    x = AXES["uneven"]
    tiles = Tiles.of(x, 128)
    values = np.random.default_rng(5).normal(size=(3, x.size))
    cut = tiles.cut(values)
    assert cut.shape == (3, 16, 128)
    assert np.array_equal(tiles.join(cut), values)
    assert (cut.reshape(3, -1)[:, x.size :] == 0.0).all()
