"""Methods of diffraction work or refuse, whatever their settings are."""

from __future__ import annotations

import pytest
from refined_patterns import refined_patterns
from simulate import X, sequence
from test_cell import tracked
from test_strain import cells
from test_williamson_hall import peaks_of

from setting_values import call_with_each
from spectra import Stack, xrd
from spectra.reference import load_phase

RUTILE = "TiO2_rutile"
LINES = tracked([load_phase(RUTILE)], [[load_phase(RUTILE).cell] * 3], sigma=0.004, noise=0.004)
# Three peaks, two of them close together.
FEW = Stack.from_arrays(X[:500], sequence(1)[0].signal[:, :500], noise="counts")
CASES = [
    (xrd.Peaks, {}, FEW),
    (xrd.Cell, {"phases": (RUTILE,)}, LINES),
    (xrd.Strain, {}, cells([1.0, 1.001, 1.002])),
    (xrd.Structure, {}, refined_patterns(frames=3)),
    (xrd.WilliamsonHall, {"phase": RUTILE}, peaks_of("lorentzian", 3, 0.01)),
]


@pytest.mark.parametrize(("kind", "needed", "source"), CASES)
def test_calls(kind, needed, source):
    assert call_with_each(kind, needed, source) > 1
