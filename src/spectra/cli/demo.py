"""``spectra demo``: the whole way on simulated data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to work in.")] = Path(
        "spectra-demo"
    ),
    workers: Annotated[int, typer.Option("--workers", "-j", min=1, help="Processes.")] = 1,
) -> int:
    """Simulate an operando sequence, run its recipe, and write the report."""
    from spectra.cli.common import plain_warnings, report_outcome
    from spectra.demo import run_demo
    from spectra.nexus import open_file
    from spectra.results import Record

    typer.echo("simulating two cycles of K3V5O14 (400 patterns), then running the recipe …")
    with plain_warnings():
        report = run_demo(output, workers=workers, progress=True)
    record = open_file(output / "results.h5")
    assert isinstance(record, Record)
    report_outcome(record)
    typer.echo("the dead frame is meant: the demo shows that it is noticed")
    typer.echo(str(report.resolve()))
    return 0
