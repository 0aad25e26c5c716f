"""`run`: put a method to a Stack or Results, block by block, here or in worker processes."""

from __future__ import annotations

import hashlib
import importlib
import platform
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import spectra
from spectra.errors import SettingError, SpectraError, StackError
from spectra.method import Method
from spectra.nexus import open_file, write_file
from spectra.progress import Progress, make_progress
from spectra.results import Record, Results
from spectra.stack import Stack
from spectra.status import Status
from spectra.store import Store

Source = Stack | Results

_PACKAGES = ("numpy", "scipy", "h5py")
_TECHNIQUES = ("xrd",)


def run(
    source: Source | str | Path,
    method: Method,
    output: str | Path | None = None,
    *,
    workers: int = 1,
    block_size: int | None = None,
    progress: bool | Progress | None = None,
    resume: bool = False,
) -> Results:
    """Work through all frames and return the results.

    Parameters
    ----------
    source : Stack, Results, or path of a file that holds one
    method : Method
    output : path, optional
        Where the results are written. Finished blocks are kept beside it while the run
        lasts, so that a killed run can go on.
    workers : int
        Processes; the results are the same for any number of them.
    block_size : int, optional
        Frames worked through at once; the results do not depend on it.
    progress : bool or callable, optional
        See `spectra.progress.make_progress`.
    resume : bool
        Go on with what an earlier run left behind.

    Returns
    -------
    Results

    Raises
    ------
    StackError, SettingError
        If the source does not suit the method.
    StoreError
        If the output cannot be written.
    """
    data = _load_source(source)
    if len(data) == 0:
        raise StackError(f"{method.name}: there are no frames")
    if workers < 1:
        raise SettingError(f"workers = {workers}; expected 1 or more")
    size = block_size or method.block_size
    if size < 1:
        raise SettingError(f"block_size = {size}; expected 1 or more")
    started = datetime.now(UTC)
    show = make_progress(progress, method.name)
    with _one_thread():
        plan = method.prepare(data)
        blocks = _blocks(data, method, plan, size)
        if output is None:
            parts = dict(_work(blocks, method, workers, show, len(data), 0))
            joined = Results.concatenate([parts[k] for k in sorted(parts)])
            return method.conclude(_with_provenance(joined, data, method, started, size, workers))
        store = Store(output, _identity(data, method, size), resume=resume)
        try:
            done = store.done() if resume else {}
            todo = [b for b in blocks if b[0] not in done]
            before = len(data) - sum(len(b[1]) for b in todo)
            show(before, len(data))
            for start, results in _work(todo, method, workers, show, len(data), before):
                store.put(start, results)
            joined = _with_provenance(store.collect(), data, method, started, size, workers)
            results = method.conclude(joined)
            write_file(output, results)
            store.finish()
        finally:
            if store.folder.exists():
                store.release()
    return results


def find_method(name: str) -> type[Method]:
    """Return the method class of a name such as ``xrd.Peaks``.

    Raises
    ------
    SettingError
        If there is none, naming those there are.
    """
    technique, _, attribute = name.partition(".")
    known = [
        f"{t}.{a}" for t in _TECHNIQUES for a in importlib.import_module(f"spectra.{t}").__all__
    ]
    if name not in known:
        raise SettingError(f"no method {name!r}; there are {', '.join(known)}")
    method: type[Method] = getattr(importlib.import_module(f"spectra.{technique}"), attribute)
    return method


def method_from_provenance(provenance: dict[str, Any]) -> Method:
    """Make the method again that some results came from."""
    if "method" not in provenance:
        raise SettingError("the results do not say which method made them")
    return find_method(provenance["method"]).from_settings(provenance["settings"])


def _load_source(source: Source | str | Path) -> Source:
    if not isinstance(source, str | Path):
        return source
    content = open_file(source)
    if isinstance(content, Record):
        if content.stack is None:
            raise StackError(f"{source}: holds no patterns")
        return content.stack
    return content


def _blocks(data: Source, method: Method, plan: Any, size: int) -> list[tuple[int, Source, Any]]:
    """Start, frames (still on disk where they were) and plan of every block."""
    return [
        (start, block, method.narrow(plan, start, start + len(block)))
        for start, block in data.blocks(size)
    ]


def _work(
    blocks: list[tuple[int, Source, Any]],
    method: Method,
    workers: int,
    show: Progress,
    total: int,
    done: int,
) -> Iterator[tuple[int, Results]]:
    """Yield (start, results) of the blocks as they are finished."""
    if workers == 1 or len(blocks) <= 1:
        for start, block, plan in blocks:
            results = fit_block(method, block, plan)
            done += len(block)
            show(done, total)
            yield start, results
        return
    failures: dict[int, int] = {}
    finished = False
    todo = {b[0]: b for b in blocks}
    while todo:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            futures: dict[Future[Results], int] = {
                pool.submit(fit_block, method, block, plan): start
                for start, block, plan in todo.values()
            }
            broken = False
            for future in as_completed(futures):
                start = futures[future]
                try:
                    results = future.result()
                except BrokenProcessPool:
                    # A killed worker takes the whole pool with it, and does not say which
                    # block it was: count for all that were not finished.
                    broken = True
                    failures[start] = failures.get(start, 0) + 1
                    continue
                finished = True
                done += len(todo.pop(start)[1])
                show(done, total)
                yield start, results
        if broken and not finished:
            raise SettingError(
                f"{workers} worker processes died before they finished anything; in a script, "
                'call spectra.run below `if __name__ == "__main__":`, or use workers=1'
            )
        if broken:
            for start in [s for s in todo if failures.get(s, 0) >= 3]:
                block, plan = todo.pop(start)[1:]
                yield start, _given_up(method, block, plan, "the worker died three times here")


def fit_block(method: Method, block: Source, plan: Any) -> Results:
    """Fit a block; if that raises, its frames one by one, so that only the culprits fail."""
    loaded = block.load()
    with _one_thread():
        try:
            return method.fit(loaded, plan)
        except SpectraError:
            raise
        except (ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError) as error:
            if len(loaded) == 1:
                return _given_up(method, loaded, plan, f"{type(error).__name__}: {error}")
        return Results.concatenate(
            [
                fit_block(method, loaded[i], method.narrow_block(plan, i, i + 1))
                for i in range(len(loaded))
            ]
        )


def _given_up(method: Method, block: Source, plan: Any, why: str) -> Results:
    """Rows without numbers for frames that could not be worked on."""
    table = method.table(plan)
    n = len(block)
    return Results(
        table=table,
        columns=table.empty(n),
        status=np.full(n, Status.NOT_CONVERGED, np.int8),
        messages=(why,) * n,
        names=block.names,
        variables=block.variables,
        attrs=getattr(plan, "attrs", {}),
    )


def _with_provenance(
    results: Results, data: Source, method: Method, started: datetime, size: int, workers: int
) -> Results:
    now = datetime.now(UTC)
    provenance = {
        "program": "spectra",
        "version": spectra.__version__,
        "python": platform.python_version(),
        "packages": {n: importlib.import_module(n).__version__ for n in _PACKAGES},
        "date": started.isoformat(timespec="seconds"),
        "duration_s": round((now - started).total_seconds(), 3),
        "method": method.name,
        "settings": method.settings(),
        "n_frames": len(data),
        "block_size": size,
        "workers": workers,
        "inputs": [
            {"path": i.path, "sha256": i.sha256, "size": i.size}
            for i in getattr(data, "inputs", ())
        ],
    }
    return replace(results, provenance=provenance)


def _identity(data: Source, method: Method, size: int) -> dict[str, Any]:
    """What must be the same for a run to be the same run."""
    return {
        "version": spectra.__version__,
        "method": method.name,
        "settings": method.settings(),
        "frames": len(data),
        "block_size": size,
        "source": _digest(data),
    }


def _digest(data: Source) -> str:
    """SHA-256 of the numbers of a source."""
    digest = hashlib.sha256()
    if isinstance(data, Stack):
        digest.update(data.x.tobytes())
        for source in (data.signal, data.errors):
            if source is None:
                continue
            for start in range(0, data.n_frames, 256):
                digest.update(np.ascontiguousarray(source[start : start + 256]).tobytes())
    else:
        for name in sorted(data.columns):
            digest.update(np.ascontiguousarray(data.columns[name]).tobytes())
    digest.update(data.status.tobytes())
    return digest.hexdigest()


def _one_thread() -> Any:
    """Linear algebra in one thread: the same bits however many workers there are."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)
