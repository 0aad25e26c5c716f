"""``spectra export``: refined structures as CIF, a table as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spectra.results import Record, Results


def command(
    results: Annotated[Path, typer.Argument(help="Results of `spectra run`.")],
    cif: Annotated[Path | None, typer.Option(help="Folder for one CIF per frame.")] = None,
    csv: Annotated[Path | None, typer.Option(help="CSV file for the table.")] = None,
    step: Annotated[str | None, typer.Option(help="Step; the last refinement if left out.")] = None,
    phase: Annotated[
        list[str] | None, typer.Option(help="Phase to write; all with atoms if left out.")
    ] = None,
    patterns: Annotated[
        bool, typer.Option(help="Write observed and calculated patterns into the CIFs.")
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace files that exist.")] = False,
) -> int:
    """Write results in formats that other programs read."""
    from spectra.nexus import open_file
    from spectra.results import Record, Results
    from spectra.stack import Stack

    if cif is None and csv is None:
        raise typer.BadParameter("nothing to write; give --cif FOLDER, --csv FILE or both")
    content = open_file(results)
    if isinstance(content, Stack):
        raise typer.BadParameter(f"{results} holds patterns and no results; run a method first")
    if isinstance(content, Results):
        content = Record({content.table.name: content})
    name = _step(content, results, step)
    if cif is not None:
        for path in _write_cif(content, content.steps[name], cif, phase or [], patterns, overwrite):
            typer.echo(f"cif: {path}")
    if csv is not None:
        typer.echo(f"table: {_write_csv(content.steps[name], csv, overwrite)}")
    return 0


def _step(record: Record, file: Path, wanted: str | None) -> str:
    """The step that is written."""
    if wanted is not None:
        if wanted not in record.steps:
            raise typer.BadParameter(
                f"{file} has no step {wanted!r}; there are {', '.join(record.steps)}"
            )
        return wanted
    refined = [n for n, r in record.steps.items() if r.table.name == "pattern"]
    if not record.steps:
        raise typer.BadParameter(f"{file} holds no results")
    return (refined or list(record.steps))[-1]


def _write_cif(
    record: Record,
    results: Results,
    folder: Path,
    phases: list[str],
    patterns: bool,
    overwrite: bool,
) -> list[Path]:
    from spectra.engine import method_from_provenance
    from spectra.xrd.export import export_cif
    from spectra.xrd.pattern.wholepattern import WholePattern

    if not patterns:
        return export_cif(results, folder, phases, overwrite=overwrite)
    if record.stack is None:
        raise typer.BadParameter("--patterns: the file does not hold the patterns; leave it out")
    method = method_from_provenance(dict(results.provenance))
    if not isinstance(method, WholePattern):
        raise typer.BadParameter(f"--patterns: {method.name} has no calculated patterns")
    return export_cif(
        results, folder, phases, stack=record.stack, method=method, overwrite=overwrite
    )


def _write_csv(results: Results, path: Path, overwrite: bool) -> Path:
    from spectra.errors import StoreError, reason
    from spectra.report.tables import csv_text

    if path.exists() and not overwrite:
        raise StoreError(f"{path}: exists; give another file, or --overwrite")
    try:
        path.write_text(csv_text(results), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path}: {reason(error)}") from None
    return path
