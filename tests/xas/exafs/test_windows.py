"""Windows of Fourier transforms."""

import numpy as np
import pytest

from spectra.errors import SettingError
from spectra.xas.exafs.fourier import backward, forward, r_grid
from spectra.xas.exafs.windows import WINDOWS, make_window

K = 0.05 * np.arange(301)


@pytest.mark.parametrize("name", [*WINDOWS])
@pytest.mark.parametrize("taper", [0.5, 1.0, 4.0])
def test_window_is_that_of_larch(larch, name, taper):
    for low, high in ((3.0, 12.0), (0.0, 15.0), (2.515, 9.98)):
        theirs = larch.xafsft.ftwindow(K, xmin=low, xmax=high, dx=taper, window=name)
        np.testing.assert_allclose(
            make_window(K, low, high, taper, name), theirs, rtol=0, atol=1e-13
        )


def test_unknown_window_is_named():
    with pytest.raises(SettingError, match=r"hamming.*hanning, kaiser"):
        make_window(K, 3.0, 12.0, 1.0, "hamming")
    with pytest.raises(SettingError, match="12 to 3"):
        make_window(K, 12.0, 3.0, 1.0)


def test_transform_and_back_keep_what_lies_between():
    chi = np.exp(-0.01 * K**2) * np.sin(2 * 2.1 * K)
    window = make_window(K, 3.0, 12.0, 1.0, "hanning")
    weighted = np.stack([chi * K * window, 2 * chi * K * window])
    r = r_grid(0.05, 10.0)
    transformed = forward(weighted, 0.05, len(r))
    assert abs(r[np.abs(transformed[0]).argmax()] - 2.1) < r[1]
    # Parseval: everything is kept as long as no R is cut off.
    whole = forward(weighted, 0.05, 1024)
    back = backward(whole, 0.05, len(K)).real
    np.testing.assert_allclose(back, weighted, atol=2e-3)
    np.testing.assert_allclose(back[1], 2 * back[0], rtol=1e-12)


def test_transform_is_that_of_larch(larch):
    from larch import Group

    rng = np.random.default_rng(3)
    chi = rng.normal(size=len(K))
    group = Group(k=K, chi=chi)
    larch.xftf(group, kmin=3, kmax=12, dk=1, kweight=2, window="hanning")
    r = r_grid(0.05, 10.0)
    ours = forward(chi * K**2 * make_window(K, 3, 12, 1, "hanning"), 0.05, len(r))
    np.testing.assert_allclose(r, group.r)
    np.testing.assert_allclose(ours, group.chir, atol=1e-12 * np.abs(group.chir).max())
    larch.xftr(group, rmin=1, rmax=3, dr=0.5, window="hanning")
    full = (r[1] - r[0]) * np.arange(2048)
    window = make_window(full, 1, 3, 0.5, "hanning")[: len(r)]
    mine = backward(ours * window, 0.05, len(group.q))
    np.testing.assert_allclose(mine, group.chiq, atol=1e-12 * np.abs(group.chiq).max())
