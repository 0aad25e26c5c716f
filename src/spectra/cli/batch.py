"""``spectra batch``: every measurement of every sample, to tables and pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spectra.cli.run import Workers

if TYPE_CHECKING:
    from spectra.batch import Batch, Outcome
    from spectra.summary import Summary

_MOST_TOLD = 10
_WRITTEN = "written.json"


def command(
    samples: Annotated[Path, typer.Argument(help="A sheet of samples (TOML, CSV or XLSX).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for all that is made.")
    ] = None,
    workers: Workers = "1",
    anew: Annotated[bool, typer.Option("--anew", help="Keep nothing of an earlier run.")] = False,
) -> int:
    """Evaluate the measurements of samples; only what has changed is done again."""
    return run_sheet(samples, output=output, workers=workers, resume=not anew)


def run_sheet(
    path: Path, *, output: Path | None = None, workers: str = "1", resume: bool = True
) -> int:
    """Evaluate the measurements of a sheet, write tables and pages, and return the exit code."""
    from spectra.batch import run_batch
    from spectra.cli.common import plain_warnings
    from spectra.cluster import parse_workers
    from spectra.samples import load_samples

    crew = parse_workers(workers)
    with plain_warnings():
        sheet = load_samples(path, output=output)
        try:
            batch = run_batch(sheet, workers=crew, resume=resume, tell=_tell)
        except KeyboardInterrupt as stopped:
            typer.echo(f"\n{stopped}", err=True)
            return 1
        counts = {s: sum(o.state == s for o in batch.outcomes) for s in _STATES}
        typer.echo(", ".join(f"{n} {s}" for s, n in counts.items() if n))
        code = _write(batch)
        _tell_left(batch)
        return code


_STATES = ("computed", "kept", "failed")


def _tell(outcome: Outcome) -> None:
    if outcome.state != "kept":
        reason = f": {outcome.reason}" if outcome.reason else ""
        typer.echo(f"{outcome.sample}, {outcome.name}: {outcome.state}{reason}")


def _tell_left(batch: Batch) -> None:
    """Name results that nothing in the sheet makes; to delete them is up to the user."""
    if not batch.left:
        return
    told = [path.as_posix() for path in batch.left[:_MOST_TOLD]]
    if len(batch.left) > len(told):
        told.append(f"and {len(batch.left) - len(told)} more")
    typer.echo(f"not in the sheet any more: {', '.join(told)} (in {batch.sheet.output})")


def _write(batch: Batch) -> int:
    """Write tables and pages, unless those of these very results are there; the exit code."""
    from spectra.report.batch import write_pages
    from spectra.report.gridfiles import write_summary
    from spectra.summary import sample_summary

    output = batch.sheet.output
    index, mark = output / "index.html", output / ".batch" / _WRITTEN
    shown = _shown(batch)
    if index.is_file() and (code := _code_of(mark, shown)) is not None:
        typer.echo(f"report: {index} (up to date)")
        return code
    summary = sample_summary(batch)
    tables = write_summary(summary, output / "tables")
    write_pages(batch, output, summary=summary)
    code = _exit_code(summary)
    mark.write_text(json.dumps({"shown": shown, "code": code}), encoding="utf-8")
    _sum_up(summary)
    typer.echo(f"tables: {tables[0].parent}")
    typer.echo(f"report: {index}")
    return code


def _sum_up(summary: Summary) -> None:
    """Print what is said of whole sequences, and what is to be checked."""
    for verdict in summary.verdicts:
        typer.echo(f"{verdict.sample}, {verdict.measurement}: {verdict.sentence}")
    for (sample, measurement), steps in summary.statuses.items():
        for step, counts in steps.items():
            if any(status != "ok" for status in counts):
                told = ", ".join(f"{n} {s}" for s, n in counts.items())
                typer.echo(f"{sample}, {measurement}, {step}: {told}")
    for note in summary.notes:
        typer.echo(f"note: {note}")


def _exit_code(summary: Summary) -> int:
    odd = any(
        status != "ok"
        for steps in summary.statuses.values()
        for counts in steps.values()
        for status in counts
    )
    return 2 if odd or summary.failures else 0


def _shown(batch: Batch) -> str:
    """SHA-256 of all that tables and pages show."""
    from spectra.provenance import code_digest, digest_plain, versions

    sheet = batch.sheet
    results = []
    for outcome in batch.outcomes:
        failed = outcome.state == "failed"
        stat = None if failed else outcome.path.stat()
        times = None if stat is None else [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        results.append([outcome.sample, outcome.technique, outcome.name, outcome.reason, times])
    samples = [[s.name, dict(s.values)] for s in sheet.samples]
    values = [dict(m.values) for _, m in sheet.measurements()]
    left = [path.as_posix() for path in batch.left]
    program = [versions(), code_digest()]
    return digest_plain([program, sheet.title, sheet.axis, samples, values, results, left])


def _code_of(mark: Path, shown: str) -> int | None:
    """The exit code of the run that wrote what is there, if it showed the same."""
    try:
        written = json.loads(mark.read_text(encoding="utf-8"))
        return int(written["code"]) if written["shown"] == shown else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
