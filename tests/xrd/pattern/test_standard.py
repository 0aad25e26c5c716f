"""An instrument that is refined from a standard and kept."""

import numpy as np
import pytest

from spectra import Stack
from spectra.errors import ResultsError
from spectra.reference import load_phase
from spectra.xrd import Rietveld
from spectra.xrd.pattern.standard import instrument_of
from spectra.xrd.profile.instrument import write_instrument
from spectra.xrd.profile.instrument_files import read_instrument

X = np.arange(18.0, 100.0, 0.02)
SETTINGS = {
    "phases": ("LaB6",),
    "radiation": "Cu Ka1",
    "geometry": "bragg_brentano",
    "corrections": ("zero",),
    "hold": ("LaB6.a",),
    "widths": (),
    "background_degree": 1,
    "coarse_frames": 1,
}
TRUTH = {"u": 2e-3, "v": -1e-3, "w": 3e-3, "x": 0.02, "zero": 0.01}


@pytest.fixture(scope="module")
def refined():
    start = TRUTH | {"LaB6.scale": 0.02, "background0": 100.0}
    method = Rietveld(**SETTINGS, profile=("u", "v", "w", "x"), start=start)
    empty = Stack.from_arrays(X, np.ones((1, X.size)), noise="counts")
    _, model = method.first_model(empty, [load_phase("LaB6")], X, 100.0 + X)
    ones = np.ones((1, X.size))
    curve = method.objective(model, X, ones, ones, "counts").curve(model.layout.start[None])
    counts = np.random.default_rng(1).poisson(curve)
    stack = Stack.from_arrays(X, counts, noise="counts")
    return Rietveld(**SETTINGS, profile=("u", "v", "w", "x"))(stack)


def test_it_comes_back_from_its_file(refined, tmp_path):
    instrument = instrument_of(refined)
    for name, value in TRUTH.items():
        assert abs(instrument.values[name] - value) < 4 * instrument.stderr[name], name
    write_instrument(instrument, tmp_path / "mine.toml")
    again = read_instrument(tmp_path / "mine.toml")
    assert again.values == pytest.approx(instrument.values)
    assert again.stderr == pytest.approx(instrument.stderr)
    assert "LaB6" in again.source


def test_what_cannot_be_kept_is_refused(refined):
    nothing = Rietveld(**SETTINGS | {"corrections": ()})
    stack = Stack.from_arrays(X, np.full((1, X.size), 100.0) + np.sin(X), noise="counts")
    with pytest.raises(ResultsError, match="no value of the instrument was refined"):
        instrument_of(nothing(stack))
