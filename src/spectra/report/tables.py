"""CSV tables with units, meanings and provenance in their headers."""

from __future__ import annotations

import json
from pathlib import Path

from spectra.results import Record, Results


def write_csv(record: Record, folder: Path) -> list[Path]:
    """Write one table per step; comment lines begin with ``#``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, results in record.steps.items():
        path = folder / f"{name}.csv"
        path.write_text(csv_text(results), encoding="utf-8")
        paths.append(path)
    return paths


def csv_text(results: Results) -> str:
    """The table of some results as CSV text."""
    provenance = results.provenance
    lines = [
        f"spectra {provenance.get('version', '')}, {provenance.get('method', '')}, "
        f"{provenance.get('date', '')}",
        f"settings: {json.dumps(provenance.get('settings', {}))}",
        "columns: name (unit): meaning; <name>_stderr is the standard uncertainty",
    ]
    lines += [f"  {c.name} ({c.unit or '1'}): {c.meaning}" for c in results.table.columns]
    for dim, labels in results.table.coords.items():
        for key, values in labels.items():
            lines.append(f"{dim} {key}: {', '.join(map(str, values))}")
    head = "".join(f"# {' '.join(line.split())}\n" for line in lines)
    return head + str(results.to_dataframe().to_csv(index=False, float_format="%.10g"))
