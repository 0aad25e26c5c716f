"""`Valence`: from what an edge shows, against standards, to a valence with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from spectra.errors import ResultsError, SettingError
from spectra.fit.uncertainty import misfit_scale
from spectra.method import Method
from spectra.reference import edge_set
from spectra.results import Column, Results, Table
from spectra.settings import setting
from spectra.status import Status
from spectra.xas.calibration import CURVES, Calibration, Read, Standard

FloatArray = NDArray[np.float64]

_TABLES = ("preedge", "ratio", "normalize")
_COVERAGE = 0.95
# Standards are themselves uncertain: only a sample that is this surely beyond them is flagged.
_SURE = 2.0
_APART = 3.0
# Farther beyond the standards than this it is flagged however uncertain it is.
_FAR = 0.5
# So many frames a message names where a standard is none of them.
_NAMED = 6


@dataclass(frozen=True)
class ValencePlan:
    """The calibration, and what to say of it."""

    table: Table
    calibration: Calibration
    beside: Calibration | None
    attrs: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Valence(Method):
    """Valences of samples from an indicator and standards of known valence.

    Applied to the results of `PreEdge`, `Ratio` or `Normalize`. An indicator compares only with
    standards that were measured and evaluated alike: same windows, resolution, and thickness. So
    the best standards are frames of the same results, named by patterns.

    A frame that `PreEdge` marks ``lost`` since it has no P/M has a valence by its area or centroid
    all the same, and keeps its message.

    The uncertainty of a valence has a part of its own, from the noise of the sample's spectrum,
    one that all samples share, from the standards (`Calibration`), and `scatter`. In differences
    between samples the shared part mostly cancels (`spectra.sharing`).

    Parameters
    ----------
    indicator : str
        A column of the results, e.g. ``ratio`` (P/M), ``area``, ``centroid``, ``edge_half``.
    standards : mapping, sequence or str
        ``{"V2O5*": 5, "VO2*": 4}``: valences of frames by patterns of their names (frames of one
        pattern are averaged); or dictionaries with ``name``, ``valence``, ``value``, ``stderr``
        and, where it is known, ``valence_stderr``; or the name of a set in
        ``reference_patterns/xanes``.
    curve : {"line", "monotone", "segments"}
        A straight line with the errors of both coordinates weighed; a smooth monotone curve
        through all standards; or straight pieces between them. Only the line goes on beyond
        the standards, and a valence out there is flagged.
    beside : str
        A second column that is read in the same way where the standards are frames. Intensities
        of a pre-edge hang on the coordination as much as on the valence, its centroid less (P.
        Chaurand et al., J. Phys. Chem. B 111 (2007) 5101): a sample whose two valences differ has
        another coordination than the standards, and its message says so. Empty for none.
    scatter : float
        Standard deviation by which compounds of one valence differ in the valence that the
        curve gives them, because their ligands and distances differ. It is part of the
        uncertainty of each standard and of each sample. Two standards cannot tell it; the
        residuals of several about a line can.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> from spectra.xas import PreEdge
    >>> energy = np.arange(5380.0, 5560.0, 0.5)
    >>> def spectrum(height):
    ...     edge = 0.5 + np.arctan((energy - 5480) / 1.5) / np.pi
    ...     main = 0.3 * np.exp(-(((energy - 5490) / 5) ** 2))
    ...     return edge + main + height * np.exp(-(((energy - 5470) / 1.2) ** 2))
    >>> stack = Stack.from_arrays(
    ...     energy, [spectrum(h) for h in (0.6, 0.3, 0.45)], names=("V2O5", "VO2", "sample"),
    ...     axis_name="energy", axis_unit="eV", quantity="mu")
    >>> valence = Valence(standards={"V2O5": 5, "VO2": 4})(PreEdge()(stack))
    >>> valence["valence"].round(1).tolist()
    [5.0, 4.0, 4.5]
    """

    name: ClassVar[str] = "xas.Valence"
    block_size: ClassVar[int] = 65536

    indicator: str = setting("ratio", "column that tells the valence")
    standards: str | Mapping[str, float] | tuple[Mapping[str, Any], ...] = setting(
        (), "frames and their valences, values, or the name of a set"
    )
    curve: str = setting("line", "curve of the calibration", within="line, monotone, segments")
    beside: str = setting("centroid", "second column, which should tell the same valence")
    scatter: float = setting(0.05, "scatter of compounds of one valence", within="0 or more")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.curve not in CURVES:
            raise SettingError(f"{self.name}: curve = {self.curve!r}; expected {', '.join(CURVES)}")
        if not self.scatter >= 0:
            raise SettingError(f"{self.name}: scatter = {self.scatter!r}; expected 0 or more")
        if not self.standards:
            raise SettingError(
                f"{self.name}: there are no standards; give valences of frames, e.g. "
                'standards = {"V2O5*" = 5, "VO2*" = 4}'
            )
        if isinstance(self.standards, Mapping):
            plain = {str(k): float(v) for k, v in self.standards.items()}
            object.__setattr__(self, "standards", plain)
        elif isinstance(self.standards, str):
            # Told now, and not when hours of fits are done.
            with self.naming("standards"):
                edge_set(self.standards).standards(self.indicator)
        else:
            object.__setattr__(self, "standards", tuple(dict(s) for s in self.standards))

    def prepare(self, source: Results) -> ValencePlan:
        """Draw the calibration through the standards.

        Raises
        ------
        ResultsError
            If `source` holds no such indicator, or a standard is not among its frames.
        SettingError
            If the standards do not make a curve.
        """
        if not isinstance(source, Results) or source.table.name not in _TABLES:
            raise ResultsError(
                f"{self.name} works on the results of xas.PreEdge, xas.Ratio or xas.Normalize"
            )
        column = source.table.column(self.indicator)
        if column.dims or f"{self.indicator}_stderr" not in source.columns:
            raise ResultsError(f"{self.name}: {self.indicator!r} is not one number with its error")
        standards = self._standards(source)
        try:
            calibration = CURVES[self.curve](standards)
        except SettingError as error:
            raise SettingError(f"{self.name}: {error}") from None
        beside = self._beside(source)
        attrs = {
            "indicator": self.indicator,
            "indicator_unit": column.unit,
            "curve": self.curve,
            "scatter": self.scatter,
            "set": self.standards if isinstance(self.standards, str) else "",
            "standards": [vars(s) for s in calibration.standards],
            "chi2": calibration.chi2,
            "dof": calibration.dof,
            "title": source.attrs.get("title", ""),
        }
        attrs["beside"] = "" if beside is None else self.beside
        attrs["common_covariance"] = np.eye(calibration.n_shares).tolist()
        return ValencePlan(_table(column, calibration.n_shares), calibration, beside, attrs)

    def table(self, plan: ValencePlan) -> Table:
        """Declare the table of valences."""
        return plan.table

    def fit(self, block: Results, plan: ValencePlan) -> Results:
        """Read the valence of every frame of a block off the curve."""
        value, stderr = block[self.indicator], block[f"{self.indicator}_stderr"]
        good = _has(block, self.indicator)
        value, stderr = np.where(good, value, np.nan), np.where(good, stderr, np.nan)
        read = plan.calibration.read(value, stderr)
        total = np.sqrt(read.own**2 + read.common**2 + self.scatter**2)
        reach = float(ndtri(0.5 + 0.5 * _COVERAGE)) * total
        columns = {
            self.indicator: value,
            f"{self.indicator}_stderr": stderr,
            "valence": read.valence,
            "valence_stderr": total,
            "own_stderr": read.own,
            "valence_by_common": read.shares,
            "valence_low": read.valence - reach,
            "valence_high": read.valence + reach,
            "beyond": plan.calibration.beyond(read.valence),
            "disagreement": np.full(len(block), np.nan),
        }
        status, messages = self._verdicts(block, columns, good, plan.calibration)
        if plan.beside is not None:
            second = plan.beside.read(block[self.beside], block[f"{self.beside}_stderr"])
            columns["disagreement"], said = self._compare(read, second)
            messages = tuple("; ".join(filter(None, m)) for m in zip(messages, said, strict=True))
        return Results(
            table=plan.table,
            columns=columns,
            status=status,
            messages=messages,
            names=block.names,
            variables=block.variables,
            attrs=plan.attrs,
        )

    def _beside(self, source: Results) -> Calibration | None:
        """The same curve through the second column; None where it makes none."""
        known = self.beside in source.columns and f"{self.beside}_stderr" in source.columns
        if not known or self.beside == self.indicator or not isinstance(self.standards, Mapping):
            return None
        try:
            named = self.standards.items()
            found = [self._averaged(source, p, v, self.beside) for p, v in named]
            return CURVES[self.curve](found)
        except (SettingError, ResultsError):
            return None

    def _compare(self, read: Read, second: Read) -> tuple[FloatArray, list[str]]:
        """By how many standard uncertainties two valences differ, and what to say of it."""
        parts = (read.own, read.common, second.own, second.common)
        unsure = np.sqrt(sum(np.square(p) for p in parts) + 2.0 * self.scatter**2)
        apart = np.abs(read.valence - second.valence) / unsure
        said = [""] * len(apart)
        for i in np.flatnonzero(apart > _APART).tolist():
            said[i] = (
                f"{self.indicator} tells a valence of {read.valence[i]:.2f}, {self.beside} of "
                f"{second.valence[i]:.2f}: another coordination than that of the standards?"
            )
        return apart, said

    def _standards(self, source: Results) -> list[Standard]:
        """The standards with their indicators, and `scatter` in their valences."""
        if isinstance(self.standards, Mapping):
            named = self.standards.items()
            return [self._averaged(source, p, v, self.indicator) for p, v in named]
        if isinstance(self.standards, str):
            given: Sequence[Mapping[str, Any]] = edge_set(self.standards).standards(self.indicator)
        else:
            given = self.standards
        out = []
        for s in given:
            if missing := [k for k in ("name", "valence", "value", "stderr") if k not in s]:
                raise SettingError(f"{self.name}: a standard needs {', '.join(missing)}: {s}")
            known = float(np.hypot(float(s.get("valence_stderr", 0.0)), self.scatter))
            numbers = float(s["valence"]), known, float(s["value"]), float(s["stderr"])
            out.append(Standard(str(s["name"]), *numbers))
        return out

    def _averaged(self, source: Results, pattern: str, valence: float, column: str) -> Standard:
        """One standard from all good frames whose names fit a pattern."""
        named = np.array([fnmatchcase(n, pattern) for n in source.names])
        value, stderr = source[column], source[f"{column}_stderr"]
        known = named & _has(source, column) & (stderr > 0)
        if not known.any():
            few = ", ".join(source.names[:_NAMED]) + (", …" if len(source.names) > _NAMED else "")
            why = f"no frame has such a name; there are {few}"
            if named.any():
                first = int(np.flatnonzero(named)[0])
                why = f"{source.names[first]} has no {column}: {source.messages[first]}"
            raise ResultsError(f"{self.name}: the standard {pattern!r} is not known: {why}")
        weight = stderr[known] ** -2.0
        mean = float(np.average(value[known], weights=weight))
        chi2 = (weight * (value[known] - mean) ** 2).sum()
        # Repeats that scatter by more than their noise know their mean less well.
        scale = float(misfit_scale(chi2, np.asarray(weight.size - 1), absolute=True))
        error = float(np.sqrt(scale / weight.sum()))
        return Standard(pattern, valence, self.scatter, mean, error)

    def _verdicts(
        self,
        block: Results,
        columns: Mapping[str, FloatArray],
        good: NDArray[np.bool_],
        calibration: Calibration,
    ) -> tuple[NDArray[np.int8], tuple[str, ...]]:
        """Status and message of every frame: what is beyond the standards is flagged."""
        status, messages = block.status.copy(), list(block.messages)
        status[good] = Status.OK
        low, high = calibration.valence.min(), calibration.valence.max()
        span = f"the standards ({low:g} to {high:g})"
        for i in np.flatnonzero(block.ok() & ~good).tolist():
            status[i] = Status.LOST
            messages[i] = "; ".join(filter(None, (messages[i], f"no {self.indicator}")))
        for i in np.flatnonzero(good & np.isnan(columns["valence"])).tolist():
            status[i] = Status.LOST
            said = f"{self.indicator} = {columns[self.indicator][i]:.4g} is beyond {span}"
            messages[i] = "; ".join(filter(None, (messages[i], said)))
        far = columns["beyond"] > np.minimum(_SURE * columns["valence_stderr"], _FAR)
        for i in np.flatnonzero(good & far).tolist():
            status[i] = Status.AT_BOUND
            said = f"extrapolated by {columns['beyond'][i]:.2f} beyond {span}"
            messages[i] = "; ".join(filter(None, (messages[i], said)))
        return status, tuple(messages)


def _has(source: Results, column: str) -> NDArray[np.bool_]:
    """Frames with a column: also those that lack another, as an area beside no P/M."""
    told = np.isin(source.status, (Status.OK, Status.AT_BOUND, Status.LOST))
    return np.asarray(told & np.isfinite(source[column]) & np.isfinite(source[f"{column}_stderr"]))


def _table(indicator: Column, n_shares: int) -> Table:
    columns = (
        indicator,
        Column("valence", "", "valence of the element", stderr=True, headline="valence"),
        Column("own_stderr", "", "part of it from the noise of this frame alone"),
        Column(
            *("valence_by_common", "", "what one standard uncertainty of the standards does to it"),
            dims=("deviation",),
        ),
        Column("valence_low", "", "lower end of the 95 % interval of the valence"),
        Column("valence_high", "", "upper end of the 95 % interval of the valence"),
        Column("beyond", "", "how far the valence lies outside those of the standards"),
        Column("disagreement", "", "from the valence by the second column, in uncertainties"),
    )
    coords = {"deviation": {"number": np.arange(1, n_shares + 1)}}
    return Table("valence", columns, coords, "valence", depth="bulk")
