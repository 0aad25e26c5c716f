"""Where results come from: what a run states about itself, and what makes it the same run."""

from __future__ import annotations

import hashlib
import importlib
import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import spectra
from spectra.hdf5 import to_plain
from spectra.layout import table_to_plain
from spectra.method import Method
from spectra.results import Results, Table
from spectra.stack import Stack

Source = Stack | Results

_PACKAGES = ("numpy", "scipy", "h5py")
_FRAMES_AT_ONCE = 256


def describe_run(
    data: Source, method: Method, *, started: datetime, block_size: int, workers: int | str
) -> dict[str, Any]:
    """What is stored with the results: program, versions, date, method, settings, inputs.

    Only ``date`` and ``duration_s`` differ between two runs of the same.
    """
    now = datetime.now(UTC)
    described = {
        "program": "spectra",
        "version": spectra.__version__,
        "python": platform.python_version(),
        "packages": _packages(),
        "date": started.isoformat(timespec="seconds"),
        "duration_s": round((now - started).total_seconds(), 3),
        "method": method.name,
        "settings": method.settings(),
        "n_frames": len(data),
        "block_size": block_size,
        "workers": workers,
        "inputs": _inputs(data),
    }
    if isinstance(data, Results):
        before = {k: data.provenance[k] for k in ("method", "settings") if k in data.provenance}
        described["source"] = {"table": data.table.name, **before}
    return described


def run_identity(data: Source, method: Method) -> dict[str, Any]:
    """What must be the same for the numbers to be the same, as plain data."""
    identity = {
        "version": spectra.__version__,
        "packages": _packages(),
        "method": method.name,
        "settings": method.settings(),
        "frames": len(data),
        "source": digest_source(data),
    }
    return dict(json.loads(plain_text(identity)))


def digest_table(table: Table) -> str:
    """SHA-256 of a table's declaration."""
    return digest_plain(table_to_plain(table))


def digest_plain(value: Any) -> str:
    """SHA-256 of plain data."""
    return hashlib.sha256(plain_text(value).encode()).hexdigest()


def plain_text(value: Any) -> str:
    """Plain data as JSON with sorted keys: equal texts are equal data, NaN included."""
    return json.dumps(value, default=to_plain, sort_keys=True)


def versions() -> dict[str, str]:
    """Versions of `spectra` and of what it calculates with."""
    return {"spectra": spectra.__version__, **_packages()}


@cache
def code_digest(without: tuple[str, ...] = ()) -> str:
    """SHA-256 of the files of `spectra` as it is installed, once for a process.

    Parameters
    ----------
    without : tuple of str
        Modules and folders of it that do not count.
    """
    return digest_files(Path(spectra.__file__).parent, without)


def digest_files(folder: Path, without: tuple[str, ...] = ()) -> str:
    """SHA-256 of the names and contents of all files in a folder but what Python compiles."""
    digest = hashlib.sha256()
    every = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    for name in sorted(every, key=Path.as_posix):
        if name.parts[0] not in without and "__pycache__" not in name.parts:
            content = hashlib.sha256(every[name].read_bytes()).hexdigest()
            digest.update(f"{name.as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


def _packages() -> dict[str, str]:
    return {n: str(importlib.import_module(n).__version__) for n in _PACKAGES}


def _inputs(data: Source) -> list[dict[str, Any]]:
    if isinstance(data, Stack):
        return [asdict(i) for i in data.inputs]
    return list(data.provenance.get("inputs", []))


def digest_source(data: Source) -> str:
    """SHA-256 of everything in a source that a method can see."""
    digest = hashlib.sha256()
    facts: dict[str, Any] = {
        "names": data.names,
        "messages": data.messages,
        "status": data.status,
        "variables": [[k, asdict(v)] for k, v in data.variables.items()],
    }
    if isinstance(data, Stack):
        facts |= {"axis": asdict(data.axis), "noise": data.noise, "metadata": dict(data.metadata)}
        facts |= {"quantity": data.quantity, "channels": list(data.channels)}
        for source in (data.signal, data.errors, *data.channels.values()):
            digest.update(b"none" if source is None else b"array")
            for start in range(0, 0 if source is None else data.n_frames, _FRAMES_AT_ONCE):
                assert source is not None
                rows = source[start : start + _FRAMES_AT_ONCE]
                digest.update(np.asarray(rows, dtype=float).tobytes())
    else:
        facts |= {"table": table_to_plain(data.table), "attrs": dict(data.attrs)}
        for name in sorted(data.columns):
            digest.update(data.columns[name].tobytes())
    digest.update(plain_text(facts).encode())
    return digest.hexdigest()
