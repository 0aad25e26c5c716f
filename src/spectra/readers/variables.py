"""Variables that a user gives to frames: values, or what to take from their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectra.errors import SettingError
from spectra.stack import Stack, Variable

_UNITS = {"temperature": "K", "time": "s", "voltage": "V", "energy_shift": "eV"}
_NAMED = re.compile(r"(.*?)\s*\[([^\]]*)\]\s*")


def with_variables(
    stack: Stack, variables: Mapping[str, ArrayLike | str], files: Sequence[str] = ()
) -> Stack:
    r"""The stack with variables.

    Parameters
    ----------
    stack : Stack
    variables : mapping of name to values or pattern
        One value for all frames, one per frame or one per file; or a regular expression with one
        group that finds the number in a frame's name; a frame without it gets NaN. A unit may
        stand behind the name, as in ``"time [h]"``.
    files : sequence of str
        Names of the files that the frames come from, which those of the frames begin with.

    Raises
    ------
    SettingError
        If there are as many values neither as frames nor as files, or a pattern is none, or
        finds no number in any name.

    Examples
    --------
    >>> stack = Stack.from_arrays([1.0, 2.0], [[0, 1], [1, 2]], names=("A NNO+3.8", "B NNO-8.1"))
    >>> with_variables(stack, {"nno": r"NNO([+-][\d.]+)"}).variables["nno"].values
    array([ 3.8, -8.1])
    """
    made = {}
    for key, values in variables.items():
        name, unit = split_unit(key)
        if isinstance(values, str):
            array = _from_names(name, values, stack.names)
        else:
            array = np.array(values, dtype=float)
        if array.shape == ():
            array = np.full(stack.n_frames, float(array))
        elif array.shape == (len(files),) != (stack.n_frames,):
            array = array[_file_of_each(name, stack.names, files)]
        if array.shape != (stack.n_frames,):
            raise SettingError(
                f"variable {name!r} has {array.size} values for {stack.n_frames} frames; "
                "state one for each frame, one for each file, or one for all"
            )
        made[name] = Variable(array, unit, name)
    return stack.with_variables(**made) if made else stack


def split_unit(key: str) -> tuple[str, str]:
    """Name and unit of a variable, be the unit stated or the usual one.

    Examples
    --------
    >>> split_unit("time [h]"), split_unit("voltage"), split_unit("x")
    (('time', 'h'), ('voltage', 'V'), ('x', ''))
    """
    found = _NAMED.fullmatch(key)
    return (found[1], found[2]) if found else (key, _UNITS.get(key, ""))


def _file_of_each(name: str, frames: Sequence[str], files: Sequence[str]) -> NDArray[np.int_]:
    """Number of the file of each frame, whose name begins with that of its file."""
    if len(set(files)) < len(files):
        raise SettingError(
            f"variable {name!r} has {len(files)} values, one per file, for {len(frames)} frames, "
            "and files of one name; give one value per frame"
        )
    place = {file: i for i, file in enumerate(files)}
    longest = sorted(place, key=len, reverse=True)
    owners = [next((f for f in longest if frame.startswith(f)), None) for frame in frames]
    if None in owners:
        raise SettingError(
            f"variable {name!r} has {len(files)} values, one per file, for {len(frames)} frames "
            "that do not say which file they are of; give one value per frame"
        )
    return np.array([place[owner] for owner in owners if owner is not None])


def _from_names(name: str, pattern: str, names: tuple[str, ...]) -> NDArray[np.float64]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise SettingError(f"variable {name!r}: {pattern!r} is no pattern ({error})") from None
    if expression.groups != 1:
        raise SettingError(
            f"variable {name!r}: {pattern!r} has {expression.groups} groups; expected one, round "
            r"the number, as in r'NNO([+-][\d.]+)'"
        )
    values = np.array([_number(expression.search(n)) for n in names])
    if names and not np.isfinite(values).any():
        raise SettingError(
            f"variable {name!r}: {pattern!r} finds no number in the names of the frames, such as "
            f"{names[0]!r}"
        )
    return values


def _number(found: re.Match[str] | None) -> float:
    try:
        return float(found[1]) if found else np.nan
    except (TypeError, ValueError):
        return np.nan
