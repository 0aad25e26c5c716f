"""``spectra show``: what is in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    file: Annotated[Path, typer.Argument(help="Any file that spectra reads or wrote.")],
) -> int:
    """Say what a file holds."""
    from spectra.cli.common import plain_warnings, report_outcome
    from spectra.nexus import is_own, open_file
    from spectra.readers import read
    from spectra.results import Record, Results
    from spectra.stack import Stack

    with plain_warnings():
        content = open_file(file) if is_own(file) else read(file)
    if isinstance(content, Results):
        content = Record({content.table.name: content})
    if isinstance(content, Stack):
        _show_stack(content)
        return 0
    if content.stack is not None:
        _show_stack(content.stack)
    report_outcome(content)
    for name, results in content.steps.items():
        typer.echo(f"\n{name}")
        for column in results.table.columns:
            unit = f" ({column.unit})" if column.unit else ""
            typer.echo(f"  {column.name}{unit}: {column.meaning}")
    return 0


def _show_stack(stack: object) -> None:
    from spectra.stack import Stack

    assert isinstance(stack, Stack)
    typer.echo(repr(stack))
    for key, value in stack.metadata.items():
        typer.echo(f"  {key} = {value}")
    for name, variable in stack.variables.items():
        low, high = min(variable.values), max(variable.values)
        typer.echo(f"  {name}: {low:g} … {high:g} {variable.unit}")
    bad = [(n, m) for n, m in zip(stack.names, stack.messages, strict=True) if m]
    for name, message in bad[:20]:
        typer.echo(f"  {name}: {message}")
    if len(bad) > 20:
        typer.echo(f"  … and {len(bad) - 20} more")
