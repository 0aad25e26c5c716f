"""Temperatures of the models of disorder: kelvin, and above zero."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from spectra.errors import SettingError
from spectra.stack import Variable
from spectra.units import KELVIN, kelvin_from

_MODELS = ("einstein", "debye")


def require_kelvin(name: str, said: Any, variables: Mapping[str, Variable]) -> None:
    """Refuse a variable of the frames as a temperature if its unit is another than kelvin.

    Parameters
    ----------
    name : str
        Of the method, for messages.
    said : mapping or sequence
        Settings, whose texts are expressions.
    variables : mapping of str to Variable

    Raises
    ------
    SettingError
        Also where a frame is at or below 0 K.
    """
    for text in _texts(said):
        for given in _temperatures(text):
            if given not in variables:
                continue
            variable = variables[given]
            if variable.unit not in ("", *KELVIN):
                raise SettingError(
                    f"{name}: {text!r} takes {given!r} for a temperature in K, but it is in "
                    f"{variable.unit}; convert it, as in einstein(theta, {given} + "
                    f"{kelvin_from(0.0, 'degC'):g})"
                )
            cold = np.flatnonzero(np.asarray(variable.values, dtype=float) <= 0.0)
            if cold.size:
                raise SettingError(
                    f"{name}: {text!r} takes {given!r} for a temperature in K, but it is "
                    f"{variable.values[cold[0]]:g} in frame {cold[0]}"
                )


def _texts(said: Any) -> Iterator[str]:
    """All texts within settings that name one of the models."""
    if isinstance(said, str):
        if any(model in said for model in _MODELS):
            yield said
    elif isinstance(said, Mapping):
        for value in said.values():
            yield from _texts(value)
    elif isinstance(said, Sequence):
        for value in said:
            yield from _texts(value)


def _temperatures(text: str) -> list[str]:
    """Names that stand alone as second argument of a model."""
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        # Told where expressions are read.
        return []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            second = node.args[1] if len(node.args) > 1 else None
            if node.func.id in _MODELS and isinstance(second, ast.Name):
                found.append(second.id)
    return found
