"""What normalisation knows of a whole sequence, and the table that it fills."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spectra.results import Column, Table


@dataclass(frozen=True)
class NormalizePlan:
    """What holds for all frames: the table, a common E0, the tabulated edge (eV or NaN).

    ``normalised`` says that the spectra are so already, and their lines are not fitted anew.
    """

    table: Table
    e0: float
    tabulated: float
    attrs: dict[str, Any]
    normalised: bool = False

    def only(self, *names: str) -> NormalizePlan:
        """The plan for a table of these columns alone; the others are not worked out."""
        columns = tuple(c for c in self.table.columns if c.name in names)
        return replace(self, table=replace(self.table, columns=columns))


def normalize_table(powers: int) -> Table:
    """Declare the table for polynomials of some coefficients."""
    ev, pair = "eV", ("term", "term")
    columns = (
        Column("e0", ev, "edge energy", stderr=True),
        Column("edge_step", "", "edge step, in the unit of the absorption", stderr=True),
        Column(
            "edge_half",
            ev,
            "energy at half of the edge step",
            stderr=True,
            headline="half-step energy",
        ),
        Column("edge_integral", ev, "edge energy by the integral method", stderr=True),
        Column("edge_moment", ev, "first moment of the edge", stderr=True),
        Column("step_energy", ev, "energy of the point at which the step is taken"),
        Column("pre_low", ev, "begin of the range before the edge, from E0"),
        Column("pre_high", ev, "end of the range before the edge, from E0"),
        Column("post_low", ev, "begin of the range after the edge, from E0"),
        Column("post_high", ev, "end of the range after the edge, from E0"),
        Column("post_degree", "", "degree of the polynomial after the edge").as_int(),
        Column("exponent", "", "Victoreen exponent of the line before the edge").as_int(),
        Column("line", "", "coefficients of the line before the edge", ("order",)),
        Column("polynomial", "", "coefficients of the polynomial after the edge", ("power",)),
        Column("lines_cov", "", "covariance of both sets of coefficients", pair),
        Column("noise_before", "", "scatter of the points before the edge"),
        Column("noise_after", "", "scatter of the points after the edge"),
    )
    terms = [f"line {k}" for k in range(2)] + [f"polynomial {k}" for k in range(powers)]
    coords = {
        "order": {"number": np.arange(2)},
        "power": {"number": np.arange(powers)},
        "term": {"name": np.array(terms)},
    }
    return Table("normalize", columns, coords, default="e0")
