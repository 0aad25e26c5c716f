"""Whole patterns of known phases under the names that the documentation's snippets use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.xrd.simulated_patterns import curves, model_of

from spectra.phase import Phase
from spectra.reference import load_phase
from spectra.xrd import Rietveld

WAVELENGTH = 0.413263
# As GSAS writes an instrument: wavelength, then U V W P, X Y S/L H/L (centidegrees).
INSTRUMENT = f"""\
INS   BANK      1
INS   HTYPE   PXCR
INS  1 ICONS {WAVELENGTH:.7f}    0.0000    0.0000               0.990    0     0.500
INS  1PRCF1     3    8   0.00100
INS  1PRCF11       1.200000      -0.100000       0.100000   0.000000E+00
INS  1PRCF12       0.200000       0.000000       0.001000       0.001000
"""


def write_crystals(folder: Path) -> None:
    """Copper chromite with CuO on heating as ``OH_*.fxye``, and LaB6 as ``LaB6.xye``."""
    chromite, oxide = load_phase("CuCr2O4"), load_phase("CuO")
    (folder / "OH_00.prm").write_text(INSTRUMENT)
    for phase in (chromite, oxide):
        (folder / f"{phase.name}.cif").write_text(_cif(phase))
    x = np.arange(3.0, 17.0, 0.01)
    method = Rietveld(
        phases=(folder / "CuCr2O4.cif", folder / "CuO.cif"),
        instrument=folder / "OH_00.prm",
        widths=("strain",),
    )
    y = _counts(
        method,
        x,
        {
            "CuCr2O4.scale": 1e-6 * np.ones(2),
            "CuO.scale": 1e-6,
            "CuCr2O4.a": chromite.cell[0] * np.array([1.0, 1.001]),
            "CuCr2O4.strain": 0.05,
            "CuO.strain": 0.05,
            "background0": 300.0,
        },
    )
    for i, counts in enumerate(y):
        head = f"# Temp (K) = {20.0 + 20 * i}\nBANK 1 {len(x)} {len(x)} CONS 300.0 1.0 0 0 FXYE\n"
        rows = zip(100 * x, counts, np.sqrt(np.maximum(counts, 1)), strict=True)
        body = "".join(f"{a:.4f} {b:.1f} {c:.3f}\n" for a, b, c in rows)
        (folder / f"OH_{10 * i:02d}.fxye").write_text(head + body)
    (folder / "FePO4.cif").write_text(_cif(load_phase("LiFePO4")))
    _write_standard(folder)


def _write_standard(folder: Path) -> None:
    x = np.arange(20.0, 100.0, 0.02)
    method = Rietveld(phases="LaB6", radiation="Cu", profile=("w",), widths=())
    truth = {"LaB6.scale": 5e-3 * np.ones(1), "u": 0.004, "v": -0.002, "w": 0.006, "x": 0.02}
    (y,) = _counts(method, x, truth | {"background0": 100.0})
    rows = np.column_stack([x, y, np.sqrt(np.maximum(y, 1))])
    np.savetxt(folder / "LaB6.xye", rows, fmt="%.4f", header="2theta counts esd")


def _counts(method: Rietveld, x: np.ndarray, values: dict[str, object]) -> np.ndarray:
    """Frames of counts (frames, points) from the method's own model."""
    model = model_of(method, x, {})
    frames = max(np.size(v) for v in values.values())
    theta = np.tile(model.layout.start, (frames, 1))
    for name, value in values.items():
        theta[:, model.layout.index(name)] = value
    return np.random.default_rng(6).poisson(curves(model, x, theta)).astype(float)


def _cif(phase: Phase) -> str:
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = [f"data_{phase.name}", f"_pd_phase_name {phase.name}"]
    lines += [f"_cell_{n} {v}" for n, v in zip(names, phase.cell, strict=True)]
    lines += [f"_space_group_name_H-M_alt '{phase.space_group}'", "loop_"]
    lines += [f"_atom_site_{n}" for n in ("label", "type_symbol", "fract_x", "fract_y", "fract_z")]
    lines += ["_atom_site_U_iso_or_equiv"]
    # Labels as GSAS-II has them: an element that has one site bears no number.
    lines += [
        f"{a.label.removesuffix('1')} {a.element} {a.x} {a.y} {a.z} {a.u_iso}" for a in phase.atoms
    ]
    return "\n".join(lines) + "\n"
