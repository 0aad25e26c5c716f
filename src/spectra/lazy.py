"""Names of packages that are imported when they are first asked for, so that imports stay light."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any


def lazy_names(
    package: str, names: Mapping[str, str], public: Collection[str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make ``__getattr__`` and ``__dir__`` of a package (PEP 562).

    Parameters
    ----------
    package : str
        Its ``__name__``.
    names : mapping of str to str
        The module that each name is imported from, as ``module`` or, if it has another name
        there, as ``module:name``. A package within the package is a module of its own name.
    public : collection of str
        What ``dir`` shows.

    Examples
    --------
    >>> look_up, _ = lazy_names("spectra", {"Table": "spectra.results"}, ["Table"])
    >>> look_up("Table").__module__
    'spectra.results'
    """

    def look_up(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        path, _, attribute = names[name].partition(":")
        value: Any = importlib.import_module(path)
        # A module may be called as what it holds: that is meant then.
        if path != f"{package}.{name}" or hasattr(value, name):
            value = getattr(value, attribute or name)
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted(public)

    return look_up, listed
