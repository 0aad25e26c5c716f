"""The demo: a simulated operando sequence with known truth, from raw files to the report.

Everything it makes is labelled as simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectra.fit.doublet import Doublet
from spectra.fit.lineshapes import get_profile
from spectra.operando import Cycler
from spectra.reference import load_phase, radiation
from spectra.results import Record
from spectra.stack import Stack, Variable
from spectra.xrd.aberrations import ABERRATIONS
from spectra.xrd.crystal.reflections import reflections
from spectra.xrd.lattice import d_spacing, volume

FloatArray = NDArray[np.float64]

N_FRAMES = 400
DEAD_FRAME = 137
DISPLACEMENT = 0.08
RADIUS = 217.5
CHANGE = 0.0011
MASS = 0.0185

_SEED = 5
_FRAME_TIME = 300.0
_START = 1_700_000_000.0
_LOW, _HIGH, _STEP = 10.0, 62.0, 0.02


@dataclass(frozen=True)
class Truth:
    """What was put in: cells (frames, 6) and volumes (frames,) of K₃V₅O₁₄."""

    cell: FloatArray
    volume: FloatArray
    displacement: float


def simulate(n_frames: int = N_FRAMES, seed: int = _SEED) -> tuple[Stack, Truth, Cycler]:
    """Simulate two cycles of K₃V₅O₁₄ whose cell volume varies by 0.11 %.

    Cu Kα doublet, pseudo-Voigt lines widening with 2θ, a displaced sample, the lines of a Be
    window, Poisson noise, a background that breathes with the charge, and one dead frame. The
    positions are those of the space group; the intensities are invented (no coordinates are
    at hand).

    Returns
    -------
    stack : Stack
    truth : Truth
    cycler : Cycler
    """
    rng = np.random.default_rng(seed)
    x = np.arange(_LOW, _HIGH, _STEP)
    state = 0.5 - 0.5 * np.cos(2.0 * np.pi * 2.0 * np.arange(n_frames) / n_frames)
    phase, window = load_phase("K3V5O14"), load_phase("Be")
    cell = np.tile(np.array(phase.cell), (n_frames, 1))
    # a and c move against each other; a is then set so that V changes by exactly CHANGE.
    cell[:, 2] *= 1.0 - 0.0012 * state
    wanted = float(volume(np.array(phase.cell))[0]) * (1.0 + CHANGE * state)
    cell[:, :2] *= np.sqrt(wanted / volume(cell)[0])[:, None]
    line = radiation("Cu")
    ratio = float(line.wavelength2 or line.wavelength) / line.wavelength
    profile = Doublet(get_profile("pseudo_voigt"), ratio, line.ratio)
    y = _background(x, state)
    lines = reflections(phase, 1.50)
    strength = 260.0 * rng.gamma(0.7, 1.0, len(lines)) * (lines.multiplicity / 6.0)
    for i in np.flatnonzero(strength > 60.0).tolist():
        d = d_spacing(lines.hkl[i : i + 1], cell)[:, 0]
        area = strength[i] * (1.0 + 0.25 * np.sin(i) * state)
        y += _line(x, d, area, line.wavelength, profile)
    steady = reflections(window, 1.50)
    for i in range(len(steady)):
        d = np.full(n_frames, steady.d[i])
        y += _line(x, d, np.full(n_frames, 150.0), line.wavelength, profile)
    counts = rng.poisson(y).astype(float)
    if n_frames > DEAD_FRAME:
        counts[DEAD_FRAME] = 0.0
    times = _START + _FRAME_TIME * np.arange(n_frames, dtype=np.float64)
    stack = Stack.from_arrays(
        x,
        counts,
        noise="counts",
        names=tuple(f"simulated_{i:04d}" for i in range(n_frames)),
        variables={"time": Variable(times, "s", "time")},
        metadata={
            "wavelength": line.wavelength,
            "wavelength2": line.wavelength2,
            "ratio": line.ratio,
            "simulated": True,
        },
        title="Simulated: K3V5O14 over two cycles",
    )
    return stack, Truth(cell, wanted, DISPLACEMENT), _cycle(n_frames)


def _line(
    x: FloatArray, d: FloatArray, area: FloatArray, wavelength: float, profile: Doublet
) -> FloatArray:
    """One reflection in all frames (frames, points)."""
    two_theta = np.degrees(2.0 * np.arcsin(wavelength / (2.0 * d)))
    shift = ABERRATIONS["displacement"].shift(two_theta, RADIUS)
    two_theta = two_theta + DISPLACEMENT * shift
    fwhm = np.full_like(d, 0.08 + 0.0012 * float(two_theta[0]))
    near = (x > two_theta.min() - 4.0) & (x < two_theta.max() + 4.0)
    out = np.zeros((len(d), len(x)))
    eta = np.full((len(d), 1), 0.45)
    shape = profile.value(x[None, near], two_theta[:, None], fwhm[:, None], eta)
    out[:, near] = area[:, None] * shape
    return out


def _background(x: FloatArray, state: FloatArray) -> FloatArray:
    """A falling background and an amorphous hump that grows with the charge (frames, points)."""
    falling = 60.0 + 240.0 * np.exp(-(x - _LOW) / 14.0)
    hump = np.exp(-(((x - 24.0) / 6.0) ** 2))
    return falling[None] + (25.0 + 30.0 * state[:, None]) * hump[None]


def _cycle(n_frames: int) -> Cycler:
    """Two galvanostatic cycles: charge and discharge at a constant current."""
    time = _START - 600.0 + np.arange(0.0, n_frames * _FRAME_TIME + 1200.0, 20.0)
    part = (time - _START) / (n_frames * _FRAME_TIME)
    sign = np.where(np.floor(4.0 * np.clip(part, 0.0, 0.9999)) % 2 == 0, 1.0, -1.0)
    sign = np.where((part < 0) | (part >= 1), 0.0, sign)
    state = 1.0 - np.abs(((4.0 * np.clip(part, 0.0, 1.0)) % 2.0) - 1.0)
    voltage = 2.4 + 1.4 * state + 0.15 * np.tanh(12.0 * (state - 0.5)) + 0.04 * sign
    return Cycler(time, voltage, 1.5e-4 * sign, None, True, "simulated")


def write_raw(folder: Path, stack: Stack, cycler: Cycler) -> None:
    """Write the sequence as a diffractometer and a cycler would: text files."""
    patterns = folder / "patterns"
    patterns.mkdir(parents=True, exist_ok=True)
    signal = np.asarray(stack.signal[:])
    stamp = np.datetime64("1970-01-01T00:00:00")
    for i, name in enumerate(stack.names):
        moment = stamp + np.timedelta64(int(stack.variables["time"].values[i]), "s")
        header = f"SIMULATED pattern of K3V5O14\nstarted {moment}\n2theta counts"
        table = np.column_stack([stack.x, signal[i]])
        np.savetxt(patterns / f"{name}.xy", table, fmt=("%.4f", "%.0f"), header=header)
    rows = np.column_stack([cycler.time, cycler.voltage, 1e3 * cycler.current])
    np.savetxt(
        folder / "cycler.csv",
        rows,
        fmt=("%.1f", "%.5f", "%.6f"),
        delimiter=",",
        header="time/s,Ewe/V,I/mA",
        comments="",
    )


RECIPE = f"""# Simulated operando XRD of K3V5O14: from raw files to a strain report.
title = "Simulated: K3V5O14 over two cycles"
output = "results.h5"

[stack]
files = "patterns/*.xy"
anode = "Cu"
metadata = {{ simulated = true }}

[electrochemistry]
file = "cycler.csv"
offset = 0.0
offset_stderr = 5.0
exposure = 300.0
mass = {MASS}
formula = "K3V5O14"
x_start = 3.0

[[step]]
name = "peaks"
method = "xrd.Peaks"
input = "stack"

[[step]]
name = "cell"
method = "xrd.Cell"
input = "peaks"
phases = ["K3V5O14"]
standards = ["Be"]
corrections = ["displacement"]
radius = {RADIUS}

[[step]]
name = "strain"
method = "xrd.Strain"
input = "cell"

[report]
file = "report.html"
tables = "tables"
figures = "figures"
"""


def compare(record: Record, truth: Truth) -> tuple[FloatArray, str]:
    """Compare the volumes found with the true ones.

    Returns
    -------
    pulls : array (frames,)
        (result − truth)/uncertainty; NaN where there is no result.
    html : str
        What the report says of it.
    """
    cell = record.steps["cell"]
    pulls = (cell["volume"][:, 0] - truth.volume) / cell["volume_stderr"][:, 0]
    good = pulls[np.isfinite(pulls)]
    verdict = record.steps["strain"].attrs["verdict"]["K3V5O14"]
    true_change = float(np.ptp(truth.volume) / truth.volume.mean())
    html = (
        "<p>This sequence is <strong>simulated</strong>, so the truth is known.</p><ul>"
        f"<li>Cell volume: (result − truth)/uncertainty over {good.size} frames has mean "
        f"{good.mean():+.3f} and width {good.std(ddof=1):.3f} (0 and 1 if the uncertainties are "
        "right).</li>"
        f"<li>Largest change of the volume: true {100 * true_change:.3f} %, found "
        f"{100 * verdict['max_change']:.3f} ± {100 * verdict['max_change_stderr']:.3f} %.</li>"
        f"<li>Sample displacement: true {truth.displacement:.4f} mm, found (median) "
        f"{np.nanmedian(cell['displacement']):.4f} mm.</li>"
        f"<li>Frame {DEAD_FRAME} was dead; it is marked "
        f"<code>{record.steps['peaks'].messages[DEAD_FRAME]}</code>.</li></ul>"
    )
    return pulls, html


def run_demo(folder: str | Path, *, workers: int = 1, progress: bool | None = None) -> Path:
    """Simulate, run the recipe, write the report, and return its path."""
    from spectra.recipe import load_recipe, run_recipe
    from spectra.report import write_outputs

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stack, truth, cycler = simulate()
    write_raw(folder, stack, cycler)
    recipe_path = folder / "recipe.toml"
    recipe_path.write_text(RECIPE, encoding="utf-8")
    recipe = load_recipe(recipe_path)
    record = run_recipe(recipe, workers=workers, progress=progress)
    _, html = compare(record, truth)
    written = write_outputs(record, recipe, extra_sections=[("Truth against result", html)])
    return written[0]
