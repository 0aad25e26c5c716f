"""A small batch under the names that the documentation's sheet of samples uses."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spectra.demo import RADIUS, simulate

RECIPES = {
    "xrd": f"""
[[step]]
name = "peaks"
method = "xrd.Peaks"
[[step]]
name = "cell"
method = "xrd.Cell"
input = "peaks"
phases = ["K3V5O14"]
corrections = ["displacement"]
radius = {RADIUS}
[[step]]
name = "strain"
method = "xrd.Strain"
input = "cell"
""",
    "xanes": """
[[step]]
name = "preedge"
method = "xas.PreEdge"
[[step]]
name = "valence"
method = "xas.Valence"
input = "preedge"
standards = "V_oxides"
""",
}
LOG = """EC-Lab ASCII FILE
Nb header lines : 6

Acquisition started on : 03/01/2024 12:00:00
Electrode surface area : 1.000 cm2
mode\tox/red\ttime/s\t(Q-Qo)/mA.h\tEwe/V\t<I>/mA
"""


def write_batch(folder: Path) -> None:
    """Patterns, a cycler's log and V K edges of one sample; recipes of both techniques."""
    (folder / "recipes").mkdir()
    for name, recipe in RECIPES.items():
        (folder / f"recipes/{name}.toml").write_text(recipe)
    place = folder / "kvo1"
    place.mkdir(exist_ok=True)
    stack, _, _ = simulate(16)
    stack = stack[:5].crop(22.0, 36.0)
    for i, y in enumerate(np.asarray(stack.signal)):
        table = np.column_stack([stack.x, y, np.sqrt(np.maximum(y, 1))])
        header = f"started 2024-03-01T12:{10 * i:02d}:00\n2theta counts esd"
        np.savetxt(place / f"p{i}.xye", table, fmt="%.4f", header=header)
    (place / "soc.csv").write_text("soc\n" + "\n".join(f"{v}" for v in np.linspace(0, 1, 5)) + "\n")
    moments = np.arange(0.0, 3600.0, 60.0)
    rows = [f"1\t1\t{t:.3f}\t{t / 3600:.5f}\t{2.4 + t / 3600:.4f}\t1.0" for t in moments]
    for log in (place / "cell.mpt", folder / "cycler.mpt"):
        log.write_text(LOG + "\n".join(rows) + "\n")
