"""Methods of EXAFS work or refuse, whatever their settings are."""

from __future__ import annotations

import pytest
from edge_oscillations import series
from waves import noisy

from setting_values import call_with_each
from spectra import xas

CASES = [
    (xas.Background, {}, series(2)),
    (xas.SmoothBackground, {}, series(2)),
    (xas.FourierTransform, {}, noisy(2)),
    (xas.BackTransform, {}, xas.FourierTransform()(noisy(2))),
    (xas.Wavelet, {"points": (12, 12)}, noisy(2)),
]


@pytest.mark.parametrize(("kind", "needed", "source"), CASES)
def test_calls(kind, needed, source):
    assert call_with_each(kind, needed, source) > 2
