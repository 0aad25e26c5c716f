"""Paths whose amplitudes, lengths and disorder are expressions of the parameters of a fit."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError
from spectra.fit.expressions import Dual, Expression, parse_expression
from spectra.kinds import take_value
from spectra.xas.paths.path import ScatteringPath, unique_labels
from spectra.xas.shells.disorder import Disorder
from spectra.xas.shells.equation import Medium, PathCurves
from spectra.xas.shells.parameters import Parameters
from spectra.xas.shells.sources import CALCULATION, SOURCES, read_source

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

SHIFTS = ("e0", "delta_r", "sigma2", "c3", "c4", "ei")
"""What of a path is zero if nothing is said of it."""
CONSTANTS = ("reff", "degeneracy", "reduced_mass", "nleg")
"""What a path's expressions may use of the path itself."""
DISORDER = {"einstein": 2, "debye": 2}
_KEYS = (*SOURCES, *CALCULATION, "label", "only", "n", "s02", "s02n", *SHIFTS)


@dataclass(frozen=True)
class ShellPath:
    """A path and what is said of it.

    Attributes
    ----------
    path : ScatteringPath
    label : str
    curves : PathCurves
    disorder : Disorder
    expressions : mapping of str to Expression
        ``n``, ``s02`` and what of `SHIFTS` is not zero; ``s02n`` if their product was given.
    only : mapping of str to float
        Values of variables that frames must have for the path to be in them.
    """

    path: ScatteringPath
    label: str
    curves: PathCurves
    disorder: Disorder
    expressions: Mapping[str, Expression]
    only: Mapping[str, float]

    @property
    def constants(self) -> dict[str, Dual]:
        """Values of `CONSTANTS`."""
        p = self.path
        values = (p.reff, p.degeneracy, p.reduced_mass, float(p.nleg))
        return {name: Dual(np.asarray(v), {}) for name, v in zip(CONSTANTS, values, strict=True)}

    def evaluate(self, known: Mapping[str, Dual]) -> dict[str, Dual]:
        """``n``, ``s02``, ``amplitude`` and `SHIFTS` for given parameters and variables."""
        names = {**known, **self.constants}
        functions = {"einstein": self.disorder.einstein, "debye": self.disorder.debye}
        found = {k: e.evaluate(names, functions) for k, e in self.expressions.items()}
        zero = Dual(np.zeros(()), {})
        if "s02n" in found:
            found["amplitude"] = found.pop("s02n")
            found["n"] = _RATIO.evaluate({"a": found["amplitude"], "b": found["s02"]})
        else:
            found["amplitude"] = _PRODUCT.evaluate({"a": found["n"], "b": found["s02"]})
        return dict.fromkeys(SHIFTS, zero) | found


_PRODUCT = parse_expression("a*b", {"a", "b"})
_RATIO = parse_expression("a/b", {"a", "b"})


@dataclass(frozen=True)
class Model:
    """Parameters and the paths that they describe.

    Attributes
    ----------
    parameters : Parameters
    paths : tuple of ShellPath
    variables : tuple of str
        Variables of the frames that expressions use.
    restraints : tuple of Restraint
    """

    parameters: Parameters
    paths: tuple[ShellPath, ...]
    variables: tuple[str, ...]
    restraints: tuple[Restraint, ...]

    @property
    def labels(self) -> list[str]:
        """Of the paths."""
        return [p.label for p in self.paths]

    def known(self, theta: FloatArray, variables: Mapping[str, FloatArray]) -> dict[str, Dual]:
        """All parameters and variables of frames, from the slots (rows, slots)."""
        duals = {name: Dual(variables[name], {}) for name in self.variables}
        return self.parameters.evaluate(theta, duals)

    @property
    def energy_slots(self) -> BoolArray:
        """Slots that E₀ of any path depends on (slots,)."""
        theta = np.array([[p.value for p in self.parameters.slots]])
        known = self.known(theta, {name: np.ones(1) for name in self.variables})
        found = np.zeros(theta.shape[1], bool)
        for path in self.paths:
            found[list(path.evaluate(known)["e0"].slopes)] = True
        return found

    def used(self) -> BoolArray:
        """Which slots each path depends on (paths, slots), and those of the restraints (slots,)."""
        size = len(self.parameters.slots)
        theta = np.array([[p.value for p in self.parameters.slots]])
        known = self.known(theta, {name: np.ones(1) for name in self.variables})
        uses = np.zeros((len(self.paths) + 1, size), bool)
        for i, path in enumerate(self.paths):
            for dual in path.evaluate(known).values():
                uses[i, list(dual.slopes)] = True
        for restraint in self.restraints:
            uses[-1, list(restraint.expression.evaluate(known).slopes)] = True
        return uses


@dataclass(frozen=True)
class Restraint:
    """An expression of the parameters that is known from elsewhere.

    Attributes
    ----------
    expression : Expression
    value, stderr : float
    """

    expression: Expression
    value: float
    stderr: float


def make_model(
    owner: str,
    parameters: Mapping[str, Any],
    paths: tuple[Mapping[str, Any], ...],
    restraints: tuple[Mapping[str, Any], ...],
    variables: frozenset[str],
) -> Model:
    """Read the paths, and parse all expressions.

    Parameters
    ----------
    owner : str
        Name of the method, for messages.
    parameters, paths, restraints
        As `Shells` takes them.
    variables : frozenset of str
        Variables that the frames have.

    Raises
    ------
    SettingError, ReaderError
    """
    if clash := sorted(set(parameters) & (variables | {*CONSTANTS, *DISORDER})):
        raise SettingError(
            f"{owner}: {clash[0]!r} is a parameter and also {_meaning(clash[0])}; rename it"
        )
    parsed = Parameters.of(owner, parameters, variables)
    read = [_read(owner, i, dict(given)) for i, given in enumerate(paths, 1)]
    labels = unique_labels([str(p.get("label") or path.label) for path, p in read])
    shells = tuple(
        _shell_path(owner, path, label, given, parsed, variables)
        for (path, given), label in zip(read, labels, strict=True)
    )
    needed = parsed.needs.union(*(e.names for s in shells for e in s.expressions.values()))
    rules = tuple(_restraint(owner, dict(r), parsed) for r in restraints)
    model = Model(parsed, _with_shared_media(shells), tuple(sorted(needed & variables)), rules)
    idle = np.asarray(~model.used().any(axis=0))
    if idle.any():
        names = [p.name for p, no in zip(parsed.slots, idle.tolist(), strict=True) if no]
        raise SettingError(
            f"{owner}: no path depends on {', '.join(names)}; name them in paths, or leave them out"
        )
    return model


def _meaning(name: str) -> str:
    if name in CONSTANTS:
        return "what paths tell of themselves"
    return "a function" if name in DISORDER else "a variable of the frames"


def _read(owner: str, number: int, given: dict[str, Any]) -> tuple[ScatteringPath, dict[str, Any]]:
    where = f"{owner}: path {number}"
    if unknown := [key for key in given if key not in _KEYS]:
        near = difflib.get_close_matches(unknown[0], _KEYS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_KEYS)}"
        raise SettingError(f"{where} has no {unknown[0]!r}; {hint}")
    if "s02n" in given and "n" in given:
        raise SettingError(f"{where} has n and s02n; give s02n, or n and s02")
    return read_source(where, given), given


def _shell_path(
    owner: str,
    path: ScatteringPath,
    label: str,
    given: Mapping[str, Any],
    parameters: Parameters,
    variables: frozenset[str],
) -> ShellPath:
    """Parse what is said of a path; where nothing is, a parameter of the quantity's name is it."""
    texts: dict[str, Any] = {k: given[k] for k in ("n", "s02", "s02n", *SHIFTS) if k in given}
    if "s02n" not in texts:
        texts.setdefault("n", "n" if "n" in parameters.names else "degeneracy")
    texts.setdefault("s02", "s02" if "s02" in parameters.names else 1.0)
    for name in SHIFTS:
        if name in parameters.names:
            texts.setdefault(name, name)
    known = frozenset({*parameters.names, *CONSTANTS}) | variables
    expressions = {
        name: parse_expression(
            _as_text(text, f"{owner}: paths: {name} of path {label!r}"),
            known,
            f"{name} of path {label}",
            functions=DISORDER,
        )
        for name, text in texts.items()
    }
    where = f"{owner}: paths: only of path {label!r}"
    only: dict[str, float] = take_value(given.get("only", {}), Mapping[str, float], where)
    if missing := [name for name in only if name not in variables]:
        raise SettingError(
            f"{owner}: path {label!r} is only for frames of some {missing[0]!r}, a variable they "
            f"lack; they have {', '.join(sorted(variables)) or 'none'}"
        )
    return ShellPath(path, label, PathCurves.of(path), Disorder.of(path), expressions, only)


def _as_text(given: Any, where: str) -> str:
    told: float | str = take_value(given, float | str, where)
    return told if isinstance(told, str) else repr(told)


def _with_shared_media(shells: tuple[ShellPath, ...]) -> tuple[ShellPath, ...]:
    """Paths of one calculation have the same complex wavenumber: one for all, so that it shows."""
    media: dict[bytes, Medium] = {}
    out = []
    for shell in shells:
        medium = media.setdefault(shell.curves.medium.key, shell.curves.medium)
        out.append(replace(shell, curves=replace(shell.curves, medium=medium)))
    return tuple(out)


def _restraint(owner: str, given: dict[str, Any], parameters: Parameters) -> Restraint:
    if given.keys() != {"of", "value", "stderr"}:
        raise SettingError(
            f"{owner}: restraint {given!r}; expected of (an expression of parameters), value and "
            "stderr"
        )
    value, stderr = (
        float(take_value(given[k], float, f"{owner}: restraints: {k}")) for k in ("value", "stderr")
    )
    if not stderr > 0:
        raise SettingError(f"{owner}: restraint {given!r}; expected a value and a stderr above 0")
    known = frozenset(parameters.names)
    return Restraint(parse_expression(str(given["of"]), known, "a restraint"), value, stderr)
