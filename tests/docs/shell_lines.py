"""Commands of the documentation: understood by the real programs, and run where that is quick."""

from __future__ import annotations

import runpy
import shlex
import sys
import tomllib

import pytest
import typer

from conftest import ROOT
from spectra.cli import app, main

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
# They go on until a measurement or an address is there, or take long; `export` needs structures.
WAITS = (
    "demo",
    "export",
    "part",
    "--timeout",
    "watch recipe.toml  ",
    "watch recipe.toml #",
    "tcp:",
)


def understand(line: str) -> None:
    """Raise unless the program that a line names takes its arguments and options."""
    program, *words = shlex.split(line, comments=True)
    if program == "spectra":
        group = typer.main.get_command(app)
        with group.make_context("spectra", [*words]) as context:
            name, command, rest = group.resolve_command(context, words)
            command.make_context(name, rest, parent=context)
    elif program == "pip":
        for extra in words[1].removeprefix("spectra[").removesuffix("]").split(","):
            assert extra in EXTRAS, f"pyproject.toml has no extra {extra!r}"
    elif program == "sh":
        assert (ROOT / words[0]).is_file(), f"there is no {words[0]}"
    else:
        assert (ROOT / program).is_file(), f"there is no {program}"
        if program.endswith(".py"):
            runpy.run_path(str(ROOT / program))["parse"](words)


def is_run(line: str) -> bool:
    """Whether a line is run by the tests."""
    return line.startswith("spectra ") and not any(word in line for word in WAITS)


def run(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a line of `spectra` in this process; it must end well."""
    monkeypatch.setattr(sys, "argv", shlex.split(line, comments=True))
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0, line
