"""Small Raman lines of a few samples with a sheet and a recipe, quick to evaluate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

RECIPE = """
title = "One line"
[stack]
axis = "raman_shift"
[[step]]
name = "line"
method = "raman.Bands"
window = [450.0, 600.0]
positions = [{position}]
degree = 1
"""


def write_lines(folder: Path, name: str, centers: list[float], points: int = 60) -> None:
    """Write a file of two columns for each centre: ``<name>_<number>.txt``."""
    folder.mkdir(parents=True, exist_ok=True)
    shift = np.linspace(440.0, 610.0, points)
    for number, center in enumerate(centers):
        rng = np.random.default_rng(int(1000 * center) + number)
        line = 900.0 / (1.0 + ((shift - center) / 6.0) ** 2)
        table = np.column_stack([shift, rng.poisson(40.0 + line)])
        np.savetxt(folder / f"{name}_{number}.txt", table, fmt="%.4f")


def write_recipe(folder: Path, name: str = "raman", position: float = 520.0) -> Path:
    """Write the recipe of a technique."""
    path = folder / f"{name}.toml"
    path.write_text(RECIPE.format(position=position))
    return path


def write_samples(folder: Path, names: tuple[str, ...] = ("a", "b"), frames: int = 3) -> Path:
    """Write files, a recipe and ``samples.toml`` of some samples with two measurements each."""
    folder.mkdir(parents=True, exist_ok=True)
    write_recipe(folder)
    parts = ['title = "Lines"', "[recipes]", 'raman = "raman.toml"']
    for i, name in enumerate(names):
        parts += ["[[sample]]", f'name = "{name}"', f"mass = {1.0 + i}"]
        for k in range(2):
            own = f"{name}{k}"
            write_lines(
                folder / "data", own, [518.0 + i + 0.5 * k + 0.2 * j for j in range(frames)]
            )
            states = [0.5 * j for j in range(frames)]
            parts += [
                "[[sample.measurement]]",
                'technique = "raman"',
                f'files = "data/{own}_*.txt"',
                f"state_of_charge = {states}",
                f"temperature = {300.0 + k}",
            ]
    path = folder / "samples.toml"
    path.write_text("\n".join(parts) + "\n")
    return path
