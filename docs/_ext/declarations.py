"""What methods and corrections declare: docstring, settings, example, columns of results."""

from __future__ import annotations

import doctest
import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, Field, dataclass, fields
from functools import cached_property
from typing import Any

from spectra.correction import Correction
from spectra.engine import list_corrections, list_methods
from spectra.method import Method
from spectra.results import Table
from spectra.settings import Settings

_HEADING = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.M)
_CHOICES = re.compile(r"\{(.+)\}")
# Of a number that is shown in full.
_DIGITS = 10


@dataclass(frozen=True)
class Setting:
    """One line of the table of settings."""

    name: str
    default: str
    unit: str
    within: str
    meaning: str


@dataclass(frozen=True)
class Declaration:
    """A method or correction as its page shows it."""

    name: str
    cls: type[Settings]

    @property
    def technique(self) -> str:
        return self.name.split(".")[0]

    @property
    def is_correction(self) -> bool:
        return issubclass(self.cls, Correction)

    @cached_property
    def _sections(self) -> dict[str, str]:
        return _split(inspect.cleandoc(self.cls.__doc__ or ""))

    @property
    def description(self) -> str:
        """What it does, with equations and sources (reStructuredText)."""
        return self._sections[""]

    @property
    def summary(self) -> str:
        """The first sentence."""
        return self.description.split("\n\n")[0].replace("\n", " ")

    @property
    def notes(self) -> str:
        return self._sections.get("Notes", "")

    @property
    def example(self) -> str:
        """The example of the docstring, empty if there is none."""
        return self._sections.get("Examples", "")

    @property
    def settings(self) -> list[Setting]:
        """The declared settings; docstrings that tell more than the declaration are taken."""
        told: dict[str, tuple[str, str]] = {}
        for base in reversed(self.cls.__mro__):
            own = vars(base).get("__doc__") or ""
            told |= _parameters(_split(inspect.cleandoc(own)).get("Parameters", ""))
        return [_setting(f, *told.get(f.name, ("", ""))) for f in fields(self.cls)]

    def run_example(self) -> Table | None:
        """Run the example; the table that the method filled in it, if it was called."""
        names = dict(vars(sys.modules[self.cls.__module__]))
        with _recorded() as tables:
            for part in doctest.DocTestParser().get_examples(self.example):
                exec(compile(part.source, f"<example of {self.name}>", "single"), names)  # noqa: S102
        return tables.get(self.name)


def declared() -> list[Declaration]:
    """All methods, then all corrections."""
    known: dict[str, Any] = {**list_methods()}
    both = [*known.items(), *list_corrections().items()]
    return [Declaration(name, cls) for name, cls in both]


@contextmanager
def _recorded() -> Iterator[dict[str, Table]]:
    """Tables of the results of all methods called meanwhile; what is shown goes nowhere."""
    tables: dict[str, Table] = {}
    call, show = Method.__call__, sys.displayhook

    def recording(self: Method, source: Any) -> Any:
        results = call(self, source)
        tables[self.name] = results.table
        return results

    Method.__call__ = recording  # type: ignore[method-assign]
    sys.displayhook = lambda value: None
    try:
        yield tables
    finally:
        Method.__call__ = call  # type: ignore[method-assign]
        sys.displayhook = show


def _split(text: str) -> dict[str, str]:
    """Sections of a numpydoc docstring by their titles, the text before under ""."""
    parts = _HEADING.split(text)
    return {"": parts[0].strip(), **dict(zip(parts[1::2], parts[2::2], strict=True))}


def _parameters(section: str) -> dict[str, tuple[str, str]]:
    """Kind and description of each parameter of a numpydoc section."""
    told = {}
    for entry in re.split(r"\n(?=\S)", section.strip()):
        head, _, body = entry.partition("\n")
        names, _, kind = head.partition(" : ")
        for name in names.split(","):
            told[name.strip()] = (kind.strip(), inspect.cleandoc(body))
    return told


def _setting(field: Field[Any], kind: str, description: str) -> Setting:
    declaration = field.metadata
    default = field.default if field.default is not MISSING else None
    choices = _CHOICES.search(kind)
    within = declaration.get("range", "") or (choices[1].replace('"', "") if choices else "")
    told = "" if description.startswith("As in") else description
    meaning = _markdown(told) or declaration.get("meaning", "")
    shown = "none" if default is None or default == () else _shown(default)
    return Setting(field.name, shown, declaration.get("unit", ""), within, meaning)


def _shown(default: Any) -> str:
    if isinstance(default, Settings):
        changed = {f.name: getattr(default, f.name) for f in fields(default) if _is_set(default, f)}
        return f"{type(default).__name__}({', '.join(f'{k}={v!r}' for k, v in changed.items())})"
    if isinstance(default, float) and len(repr(default)) > _DIGITS:
        return f"{default:.6g}…"
    return default if isinstance(default, str) and default else repr(default)


def _is_set(settings: Settings, field: Field[Any]) -> bool:
    return bool(getattr(settings, field.name) != field.default)


def _markdown(rst: str) -> str:
    """Docstrings' literals and roles in the marks of Markdown."""
    return re.sub(r"``(.+?)``", r"`\1`", " ".join(rst.split()))
