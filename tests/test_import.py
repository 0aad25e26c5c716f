"""`import spectra` stays light."""

from __future__ import annotations

import subprocess
import sys


def test_importing_spectra_loads_nothing_heavy():
    code = "import sys, spectra; print(' '.join(sorted(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"numpy", "scipy", "h5py", "pandas", "matplotlib", "lmfit", "larch", "pyFAI", "gemmi"}
    assert heavy.isdisjoint(loaded)


def test_everything_promised_is_there():
    import spectra

    for name in spectra.__all__:
        assert getattr(spectra, name) is not None
