"""`PrincipalComponents`: how many species a series holds, and which may be among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.fit.uncertainty import misfit_scale
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.stack import Stack
from spectra.xas.mixture.decompose import Decomposition, decompose
from spectra.xas.mixture.frames import (
    finish,
    frames_of,
    points_of,
    row_products,
)
from spectra.xas.mixture.indicators import indicators
from spectra.xas.mixture.normalised import OnNormalised
from spectra.xas.mixture.standards import Standard, load_standards

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

CRITERIA = ("ind", "f_test", "growth", "noise")

_FEWEST_POINTS = 6
# Most eigenvalues that are recorded.
_RECORDED = 30


@dataclass(frozen=True)
class ComponentsPlan:
    """Abstract spectra (components, points), their points of the axis, and the figures."""

    table: Table
    points: IntArray
    spectra: FloatArray
    attrs: dict[str, Any]
    normalising: Any = None


@dataclass(frozen=True, kw_only=True)
class PrincipalComponents(OnNormalised):
    """Singular value decomposition of a whole stack of normalised absorption.

    Spectra are neither centred nor scaled, as Malinowski's figures suppose; these are in
    ``attrs["indicators"]``: eigenvalues, cumulative variance, real and imbedded error, indicator
    function, reduced eigenvalues and their F-test (see `indicators`). The abstract spectra are
    in ``attrs["spectra"]`` and come as a Stack from `component_spectra`. The table has the
    scores of each frame: with t_j = Σ_i y_i·v_ij, v_j the abstract spectra of unit length, the
    uncertainty is the noise given or, if none is, that of the frame's own residual.

    Targets are standards that may be among the species: each is projected on the components,
    ``attrs["targets"]`` holds its apparent error AET, the error REP that the data's own
    noise brings, RET = √(AET² − REP²) of the target itself, and SPOIL = RET/REP: below 3 the
    target is acceptable, to 6 doubtful, above it is none of the species (E. R. Malinowski, Anal.
    Chim. Acta 103 (1978) 339). Noise of the target counts against it.

    Parameters
    ----------
    components : int, optional
        How many to keep; by default the number recommended.
    criterion : {"ind", "f_test", "growth", "noise"}
        What recommends: the least indicator function; the last reduced eigenvalue that is
        significant at 5 %; the largest growth ratio; or the fewest that leave no more than the
        noise given with the data. The first two suppose independent noise, and count drifts and
        interpolated points of a long series as components; the third stands both, but
        overlooks weak components of a short series (`Indicators.suggestions`).
        No criterion is safe: compare them in ``attrs["suggestions"]``.
    targets : tuple of str
        As the standards of `LinearCombination`.
    window, normalize
        As in `OnNormalised`.

    Examples
    --------
    >>> import dataclasses
    >>> import numpy as np
    >>> from spectra import Stack
    >>> energy = np.arange(5460.0, 5520.0, 0.5)
    >>> def edge(at): return 0.5 + np.arctan((energy - at) / 1.5) / np.pi
    >>> shares = np.array([[1.0, 0.0], [0.0, 1.0], [0.7, 0.3], [0.4, 0.6]])
    >>> spectra = shares @ [edge(5480), edge(5485)]
    >>> stack = Stack.from_arrays(
    ...     energy, spectra, axis_name="energy", axis_unit="eV", quantity="norm",
    ...     names=("reduced", "oxidised", "first", "second"))
    >>> noisy = stack.signal + np.random.default_rng(0).normal(0, 0.001, stack.signal.shape)
    >>> scores = PrincipalComponents(components=2)(dataclasses.replace(stack, signal=noisy))
    >>> scores["score"].shape
    (4, 2)
    """

    name: ClassVar[str] = "xas.PrincipalComponents"
    block_size: ClassVar[int] = 512

    components: int | None = setting(None, "components kept", within="≥ 1")
    criterion: str = setting("ind", "what recommends their number", within=", ".join(CRITERIA))
    targets: tuple[str, ...] = setting((), "standards that may be among the species")

    def __post_init__(self) -> None:
        super().__post_init__()
        given: Any = self.targets
        given = (given,) if isinstance(given, str) else given
        object.__setattr__(self, "targets", tuple(str(s) for s in given))
        if self.criterion not in CRITERIA:
            raise SettingError(
                f"{self.name}: criterion = {self.criterion!r}; expected {', '.join(CRITERIA)}"
            )
        if self.components is not None and self.components < 1:
            raise SettingError(f"{self.name}: components = {self.components!r}; expected ≥ 1")

    def prepare(self, source: Stack) -> ComponentsPlan:
        """Decompose the stack.

        Raises
        ------
        StackError
            If it is not normalised, or has too few frames or points.
        SettingError
            If a target is not known, more components are asked for than there are, or the
            noise is to decide and is not given.
        """
        normalising = self.plan_normalisation(source)
        source = self.normalised(source)
        targets = load_standards(self.targets, source, self.normalised)
        covered = np.all([t.covers(source.x) for t in targets], axis=0) if targets else None
        points = points_of(source, self.window, _FEWEST_POINTS, self.name, covered)
        found = decompose(source, points, self.name)
        figures = indicators(found.eigenvalue, found.shape)
        suggestions = figures.suggestions()
        if np.isfinite(found.noise):
            suggestions["noise"] = figures.within(found.noise, found.shape)
        if self.criterion not in suggestions:
            raise SettingError(f"{self.name}: criterion 'noise' needs uncertainties of the data")
        kept = self.components or suggestions[self.criterion]
        if kept >= min(found.shape):
            raise SettingError(
                f"{self.name}: {kept} components of {found.shape[0]} frames and "
                f"{found.shape[1]} points; at most {min(found.shape) - 1}"
            )
        spectra = found.spectra[:kept]
        error = float(figures.real_error[kept - 1])
        recorded = {k: v[:_RECORDED] for k, v in figures.to_plain().items()}
        attrs = {
            "components": kept,
            "suggestions": suggestions,
            "indicators": recorded,
            "noise": error,
            "frames": found.shape[0],
            "energy": source.x[points].tolist(),
            "spectra": spectra.tolist(),
            "targets": [_transform(t, source.x[points], found, kept, error) for t in targets],
            "errors": "given" if source.noise == "given" else "residual",
            "title": source.title,
        }
        return ComponentsPlan(components_table(kept), points, spectra, attrs, normalising)

    def table(self, plan: ComponentsPlan) -> Table:
        """Declare the table."""
        return plan.table

    def fit(self, block: Stack, plan: ComponentsPlan) -> Results:
        """Scores of every frame of a block."""
        block = self.normalised_block(block, plan.normalising)
        frames = frames_of(block, plan.points, complete=True)
        turned = np.ascontiguousarray(plan.spectra.T)
        score = row_products(frames.y, turned)
        residual = frames.y - row_products(score, plan.spectra)
        square = (residual**2).sum(axis=1)
        dof = np.full(len(block), len(plan.points) - len(plan.spectra))
        if frames.known:
            with np.errstate(divide="ignore"):
                variance = np.where(frames.weight > 0, 1.0 / frames.weight, 0.0)
            chi2 = (frames.weight * residual**2).sum(axis=1)
        else:
            variance, chi2 = np.ones_like(frames.y), square
        scale = misfit_scale(chi2, dof, absolute=frames.known)
        spread = row_products(variance, np.ascontiguousarray(turned**2))
        norm = np.maximum((frames.y**2).sum(axis=1), np.finfo(float).tiny)
        columns = {
            "score": score,
            "score_stderr": np.sqrt(scale[:, None] * spread),
            "residual": np.sqrt(square / dof),
            "r_factor": square / norm,
            "chi2_reduced": chi2 / dof,
        }
        return finish(plan.table, columns, frames, block, plan.attrs)


def components_table(count: int) -> Table:
    """Declare the table of `PrincipalComponents`."""
    columns = (
        Column("score", "", "share of the abstract spectrum", ("component",), stderr=True),
        Column("residual", "", "standard deviation of what the components leave"),
        Column("r_factor", "", "sum of squared residuals over that of squared data"),
        Column("chi2_reduced", "", "χ² per degree of freedom (unit weights without errors)"),
    )
    coords = {"component": {"label": np.array([f"c{i + 1}" for i in range(count)])}}
    return Table("components", columns, coords, "score")


def component_spectra(results: Results) -> Stack:
    """Spectra of the components that `PrincipalComponents` or `CurveResolution` found.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Stack
        One frame per component over energy (eV). Those of `CurveResolution` are normalised
        absorption, with uncertainties if these were asked for; those of `PrincipalComponents`
        are abstract (quantity ``component``).

    Raises
    ------
    SettingError
        If the results hold no spectra.
    """
    attrs = results.attrs
    if "spectra" not in attrs or "energy" not in attrs:
        raise SettingError(f"results of {results.table.name!r} hold no spectra of components")
    names: Sequence[str] = [str(v) for v in results.table.coords["component"]["label"]]
    errors = attrs.get("spectra_stderr")
    return Stack.from_arrays(
        attrs["energy"],
        attrs["spectra"],
        errors,
        axis_name="energy",
        axis_unit="eV",
        names=tuple(names),
        quantity="norm" if results.table.name == "resolution" else "component",
        title=f"{attrs.get('title', '')} components".strip(),
    )


def _transform(
    target: Standard, energy: FloatArray, found: Decomposition, kept: int, error: float
) -> dict[str, Any]:
    """Test a target: its errors, SPOIL and verdict."""
    measured = target.curve()(energy)
    spectra = found.spectra[:kept]
    share = spectra @ measured
    apart = measured - share @ spectra
    freedom = max(len(energy) - kept, 1)
    apparent = float(np.sqrt((apart**2).sum() / freedom))
    predicted = float(error * np.sqrt(((share / found.singular[:kept]) ** 2).sum()))
    real = float(np.sqrt(max(apparent**2 - predicted**2, 0.0)))
    spoil = real / predicted if predicted > 0 else float("inf")
    verdict = "acceptable" if spoil < 3 else "doubtful" if spoil <= 6 else "unacceptable"
    return {
        "label": target.label,
        "aet": apparent,
        "rep": predicted,
        "ret": real,
        "spoil": spoil,
        "verdict": verdict,
        "r_factor": float((apart**2).sum() / (measured**2).sum()),
    }
