"""MBACK: absorption brought onto the tabulated f″, and the edge step that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from spectra.errors import SettingError
from spectra.method import Method
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.stack import Stack
from spectra.status import Status
from spectra.xas.across import Across
from spectra.xas.frames import (
    SIGNIFICANT,
    Verdicts,
    alike_spectra,
    require_energies,
    screen,
    source_attrs,
    spectra_of,
)
from spectra.xas.noise import find_noise, points_together
from spectra.xas.polynomials import weighted_sums
from spectra.xas.tabulated import tabulated_edge, tabulated_f2, tabulated_line

FloatArray = NDArray[np.float64]

_FEWEST = 4
# Nearer to the edge the table is smooth, and farther off it is curved (eV).
_BESIDE = (30.0, 200.0)


@dataclass(frozen=True)
class MbackPlan:
    """What holds for all frames.

    Attributes
    ----------
    edge, line : float
        Tabulated energies of the edge and of its strongest emission line (eV).
    f2 : array (points,)
        Tabulated f″, electrons.
    step : float
        Step of the tabulated f″ at the edge.
    """

    edge: float
    line: float
    f2: FloatArray
    step: float
    table: Table
    attrs: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Mback(Method):
    """Edge steps by MBACK, which fits all of a spectrum but the edge to the tabulated f″.

    The scale s and a smooth background are such that, over the points before and after the edge,

        Σ (1/N_k) [μ(E_i) + Σ_j c_j (E_i − E₀)^j + A erfc((E_i − E_x)/ξ) − s·f″(E_i)]²

    is least, N_k counting the points of the side k that the point i is on and E_x being the
    emission line (T.-C. Weng, G. S. Waldo and J. E. Penner-Hahn, J. Synchrotron Rad. 12 (2005)
    506, eq. 2). At a given width ξ this is linear in all that is sought, and is solved for all
    spectra by linear algebra. f″ is Chantler's, from `xraydb`. The edge step is s times that of
    f″, whose two sides, 30 to 200 eV off, are drawn to the edge by straight lines: an edge that
    has another within 200 eV, as L₃ of light metals, needs `Normalize`. Uncertainties are those
    of the points alone.

    Examples
    --------
    >>> import numpy as np
    >>> import xraydb
    >>> from spectra import Stack
    >>> energy = np.arange(8800.0, 9600.0, 2.0)
    >>> mu = 0.3 + 0.1 * xraydb.f2_chantler("Cu", energy)
    >>> stack = Stack.from_arrays(energy, mu, axis_name="energy", axis_unit="eV", quantity="mu")
    >>> Mback(element="Cu")(stack)["edge_step"].round(2).tolist()
    [0.34]
    """

    name: ClassVar[str] = "xas.Mback"
    block_size: ClassVar[int] = 256

    element: str = setting("V", "absorbing element")
    edge: str = setting("K", "its edge")
    order: int = setting(2, "degree of the background polynomial", within="0 to 5")
    width: float = setting(0.0, "width ξ of the error function, 0 for none", unit="eV")
    before: float = setting(-20.0, "end of the points before the edge, from the edge", unit="eV")
    after: float = setting(40.0, "begin of the points after the edge, from the edge", unit="eV")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.order <= 5:
            raise SettingError(f"{self.name}: order = {self.order}; expected 0 to 5")
        if self.width < 0:
            raise SettingError(f"{self.name}: width = {self.width}; expected 0 or more eV")
        if not self.before < self.after:
            raise SettingError(f"{self.name}: before = {self.before} is not below {self.after}")

    def prepare(self, source: Stack) -> MbackPlan:
        """Look up f″ on the stack's axis.

        Raises
        ------
        StackError
            If the axis is not energy in eV.
        SettingError
            If the element has no such edge.
        """
        require_energies(self.name, source)
        edge = tabulated_edge(self.name, self.element, self.edge)
        line = tabulated_line(self.element, self.edge) or edge
        f2 = tabulated_f2(self.element, source.x)
        below, above = (self._drawn_to(edge, side) for side in (-1.0, 1.0))
        attrs = {**source_attrs(source), "together": points_together(source)}
        return MbackPlan(edge, line, f2, above - below, mback_table(), attrs)

    def _drawn_to(self, edge: float, side: float) -> float:
        """f″ at the edge by a straight line through its values on one side."""
        away = side * np.linspace(*_BESIDE, 15)
        values = tabulated_f2(self.element, edge + away)
        return float(np.polynomial.polynomial.polyfit(away, values, 1)[0])

    def table(self, plan: MbackPlan) -> Table:
        """Declare the table."""
        return plan.table

    def fit(self, block: Stack, plan: MbackPlan) -> Results:
        """Bring every frame of a block onto f″."""
        y, errors = spectra_of(block)
        columns, verdicts = plan.table.empty(len(block)), Verdicts(block)
        finite = screen(y, verdicts)
        groups = alike_spectra(y, errors, finite, np.flatnonzero(verdicts.good))
        for points, rows, some, sigma in groups:
            x, f2 = block.x[points], plan.f2[points]
            low, high = x < plan.edge + self.before, x > plan.edge + self.after
            if min(low.sum(), high.sum()) < _FEWEST + self.order:
                verdicts.mark(
                    rows,
                    Status.BAD_INPUT,
                    f"the scan ({x[0]:.1f} to {x[-1]:.1f} eV) has {low.sum()} points before and "
                    f"{high.sum()} after the edge at {plan.edge:.1f} eV; truncated, or another "
                    "element's",
                )
                continue
            place = np.full(len(rows), np.searchsorted(x, plan.edge))
            noise = find_noise(
                *(x, Across.of(some), sigma, block.noise, place, plan.attrs["together"])
            )
            weights = self._weights(x, f2, low, high, plan)
            step = weighted_sums(some, weights[None])[:, 0] * plan.step
            split = int(place[0])
            squares = (weights * plan.step)[None] ** 2
            variance = noise.sums(0, squares[:, :split], after=False)[:, 0]
            variance = variance + noise.sums(split, squares[:, split:], after=True)[:, 0]
            error = np.sqrt(variance)
            none = ~(step > SIGNIFICANT * error)
            verdicts.mark(rows[none], Status.NO_SIGNAL, "no edge: the step is nothing beside noise")
            columns["edge_step"][rows[~none]] = step[~none]
            columns["edge_step_stderr"][rows[~none]] = error[~none]
            columns["scale"][rows[~none]] = step[~none] / plan.step
            columns["scale_stderr"][rows[~none]] = error[~none] / plan.step
        return verdicts.results(plan.table, columns, block, plan.attrs)

    def _weights(
        self,
        x: FloatArray,
        f2: FloatArray,
        low: NDArray[np.bool_],
        high: NDArray[np.bool_],
        plan: MbackPlan,
    ) -> FloatArray:
        """Weights of the values in the scale s (points,)."""
        u = (x - plan.edge) / max(x[-1] - plan.edge, plan.edge - x[0])
        terms = [f2, *(-(u**j) for j in range(self.order + 1))]
        if self.width > 0:
            terms.append(-erfc((x - plan.line) / self.width))
        root = np.where(low, 1.0 / np.sqrt(low.sum()), 0.0) + np.where(
            high, 1.0 / np.sqrt(high.sum()), 0.0
        )
        design = np.array(terms).T * root[:, None]
        size = np.sqrt((design**2).sum(axis=0))
        # A line far below the spectrum, told by a narrow error function, leaves nothing of it.
        size = np.where(size > 0.0, size, 1.0)
        return np.asarray((np.linalg.pinv(design / size) / size[:, None])[0] * root)


def mback_table() -> Table:
    """Declare the table."""
    columns = (
        Column("edge_step", "", "edge step, in the unit of the absorption", stderr=True),
        Column("scale", "", "absorption that an electron of f'' is", stderr=True),
    )
    return Table("mback", columns, default="edge_step")
