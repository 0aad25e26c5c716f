"""`run`: put a method to a Stack or Results, block by block, here or in worker processes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from spectra.blocks import Finished, Job, Part, Source, one_thread, work_here, work_in_processes
from spectra.cluster import Workers, check_workers, describe_workers, work_on_cluster
from spectra.correction import Correction
from spectra.errors import DamagedFileError, ReaderError, SettingError, StackError, StoreError
from spectra.integrity import check_target
from spectra.method import Method
from spectra.nexus import open_file
from spectra.progress import Progress, end_progress, make_progress
from spectra.provenance import describe_run, digest_plain, digest_table, run_identity
from spectra.results import Record, Results
from spectra.store import BlockFolder, SharedStore, Store, remove_remains

_TECHNIQUES = ("xrd", "xas", "xps", "raman")


def run(
    source: Source | str | Path,
    method: Method,
    output: str | Path | None = None,
    *,
    workers: Workers = 1,
    block_size: int | None = None,
    progress: bool | Callable[[int, int], None] | None = None,
    resume: bool = False,
) -> Results:
    """Work through all frames and return the results.

    Parameters
    ----------
    source : Stack, Results, or path of a file that holds one
    method : Method
    output : path, optional
        Where the results are written. Finished blocks are kept in ``<output>.partial`` while
        the run lasts, so that a killed run can go on.
    workers : int, str or distributed.Client
        Processes; or a Dask cluster: the address of its scheduler (``"tcp://host:8786"``), a
        client, or ``"local"`` (``"local:4"``) to start one here. The results are the same bit
        for bit, however they are worked out.
    block_size : int, optional
        Frames worked through at once; the results do not depend on it.
    progress : bool or callable, optional
        None shows a bar if stderr is a terminal; a callable is given (done, total).
    resume : bool
        Go on with what an earlier run left behind; if that had finished, its results are
        returned. Without it, what was left behind is done anew.

    Returns
    -------
    Results
        One row per frame. Frames on which the method raised, or the worker died twice, have
        the status ``bad_input`` and the reason as their message.

    Raises
    ------
    StackError, SettingError
        If the source does not suit the method.
    StoreError
        If the output cannot be written, is in use, or was left by another run.
    """
    if isinstance(source, Method) or not isinstance(method, Method):
        raise SettingError("run takes the stack or results first, then the method")
    task = _task(_load_source(source), method, workers, block_size, progress)
    try:
        with one_thread():
            return task.in_memory() if output is None else task.stored(Path(output), resume)
    finally:
        end_progress(task.show)


def run_part(
    source: Source,
    method: Method,
    output: str | Path,
    part: Part,
    *,
    workers: Workers = 1,
    block_size: int | None = None,
    progress: bool | Callable[[int, int], None] | None = None,
) -> int:
    """Work through one part of a run's blocks, and keep them where `run` will join them.

    Any number of processes, on any machines that see the same disk, may do parts at the same
    time. ``run(source, method, output, resume=True)`` then joins all blocks and does those
    that are missing; the results are bit for bit those of a single run.

    Parameters
    ----------
    source, method, output, workers, block_size, progress
        As for `run`, and the same as for it. Blocks that are there already are not done again.
    part : Part

    Returns
    -------
    int
        Frames of this part.

    Raises
    ------
    StackError, SettingError
        If the source does not suit the method.
    StoreError
        If the blocks cannot be written, or others of another run are there.
    """
    task = _task(source, method, workers, block_size, progress)
    try:
        with one_thread():
            return task.part(Path(output), part)
    finally:
        end_progress(task.show)


def list_methods() -> dict[str, type[Method]]:
    """All methods by their names, such as ``xrd.Peaks``."""
    return dict(_known(Method))


def list_corrections() -> dict[str, type[Correction]]:
    """All corrections by their names, such as ``xas.Align``."""
    return dict(_known(Correction))


def find_method(name: str) -> type[Method]:
    """Return the method class of a name such as ``xrd.Peaks``.

    Raises
    ------
    SettingError
        If there is none, naming those there are.
    """
    method: type[Method] = _chosen(list_methods(), name, "method")
    return method


def find_correction(name: str) -> type[Correction]:
    """Return the class of a correction such as ``xas.Align``.

    Raises
    ------
    SettingError
        If there is none, naming those there are.
    """
    correction: type[Correction] = _chosen(list_corrections(), name, "correction")
    return correction


def method_from_provenance(provenance: dict[str, Any]) -> Method:
    """Make the method again that some results came from.

    Raises
    ------
    SettingError
        If the provenance names no method, or one that does not exist or has other settings.
    """
    if "method" not in provenance or "settings" not in provenance:
        raise SettingError("the results do not say which method made them; run it again by hand")
    return find_method(provenance["method"]).from_settings(provenance["settings"])


def _task(
    data: Source,
    method: Method,
    workers: Workers,
    block_size: int | None,
    progress: bool | Callable[[int, int], None] | None,
) -> _Run:
    """A run whose arguments were checked."""
    size = method.block_size if block_size is None else block_size
    if len(data) == 0:
        raise StackError(f"{method.name}: there are no frames")
    check_workers(workers)
    if size < 1:
        raise SettingError(f"block_size = {size}; expected 1 or more")
    show = make_progress(progress, method.name)
    return _Run(data, method, size, workers, show, datetime.now(UTC))


@dataclass(frozen=True)
class _Run:
    """One call of `run`, after its arguments were checked."""

    data: Source
    method: Method
    size: int
    workers: Workers
    show: Progress
    started: datetime

    def in_memory(self) -> Results:
        """Work through all blocks and keep them in memory."""
        job = self._plan()
        with closing(self._work(job, {})) as finished:
            parts = dict(finished)
        ordered = (parts.pop(start) for start in sorted(parts))
        return self._conclude(Results.concatenate(ordered, len(self.data)))

    def stored(self, output: Path, resume: bool) -> Results:
        """Work through the blocks that are not in the store, and write the results."""
        check_target(output)
        identity = run_identity(self.data, self.method)
        if resume and (before := _finished(output, digest_plain(identity))) is not None:
            remove_remains(output, identity)
            self.show(len(self.data), len(self.data))
            return before
        job = self._plan()
        whole = self._identity(identity, job)
        # Blocks and the joined results stand side by side for a moment.
        room = 2 * self._row(job) * len(self.data)
        with Store(output, whole, resume=resume, expected_bytes=room) as store:
            self._fill(store, job)

            def conclude(joined: Results) -> Results:
                results = self._conclude(joined)
                return replace(
                    results, provenance={**results.provenance, "run": digest_plain(identity)}
                )

            return store.finish(job.starts(), len(self.data), conclude)

    def part(self, output: Path, part: Part) -> int:
        """Work through the blocks of one part that are not there yet."""
        job = replace(self._plan(), part=part)
        whole = self._identity(run_identity(self.data, self.method), job)
        room = self._row(job) * job.n_frames()
        self._fill(SharedStore(output, whole, expected_bytes=room), job)
        return job.n_frames()

    def _identity(self, run: dict[str, Any], job: Job) -> dict[str, Any]:
        """What must be the same for blocks to fit together."""
        table = digest_table(self.method.table(job.plan))
        return {**run, "block_size": self.size, "table": table}

    def _row(self, job: Job) -> int:
        """Bytes of a frame's results."""
        return sum(c.nbytes for c in self.method.table(job.plan).empty(1).values())

    def _fill(self, store: BlockFolder, job: Job) -> None:
        mine = set(job.starts())
        done = {start: n for start, n in store.done().items() if start in mine}
        try:
            with closing(self._work(job, done)) as finished:
                for start, results in finished:
                    store.put(start, results)
                    done[start] = len(results)
        except KeyboardInterrupt:
            safe = store.describe(sum(done.values()), job.n_frames())
            raise KeyboardInterrupt(f"stopped; {safe}") from None
        except (ReaderError, StoreError) as error:
            error.add_note(store.describe(sum(done.values()), job.n_frames()))
            raise

    def _plan(self) -> Job:
        return Job(self.data, self.method, self.method.prepare(self.data), self.size)

    def _work(self, job: Job, without: dict[int, int]) -> Finished:
        """Yield (start, results) of the blocks not done before, and show the progress."""
        done, total = sum(without.values()), job.n_frames()
        left = len(job.starts()) - len(without)
        if done:
            self.show(done, total)
        skip = dict(without)
        if not isinstance(self.workers, int):
            finished = work_on_cluster(job, skip, self.workers)
        elif self.workers == 1 or left <= 1:
            finished = work_here(job, skip)
        else:
            finished = work_in_processes(job, skip, self.workers)
        with closing(finished):
            for start, results in finished:
                yield start, results
                done += len(results)
                self.show(done, total)

    def _conclude(self, joined: Results) -> Results:
        described = describe_run(
            self.data,
            self.method,
            started=self.started,
            block_size=self.size,
            workers=describe_workers(self.workers),
        )
        return self.method.conclude(replace(joined, provenance=described))


def _finished(output: Path, run: str) -> Results | None:
    """The results of the same run, if they are complete already."""
    try:
        content = open_file(output)
    except (DamagedFileError, ReaderError):
        return None
    same = isinstance(content, Results) and content.provenance.get("run") == run
    return content if isinstance(content, Results) and same else None


@cache
def _known(kind: type[Any]) -> dict[str, type[Any]]:
    """The classes of a kind among all techniques, by names such as ``xrd.Peaks``."""
    known: dict[str, type[Any]] = {}
    for technique in _TECHNIQUES:
        package = importlib.import_module(f"spectra.{technique}")
        for attribute in package.__all__:
            value = getattr(package, attribute)
            if isinstance(value, type) and issubclass(value, kind):
                known[f"{technique}.{attribute}"] = value
    return known


def _chosen(known: dict[str, Any], name: str, what: str) -> Any:
    if name in known:
        return known[name]
    near = get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise SettingError(f"no {what} {name!r}; there are {', '.join(known) or 'none'}{hint}")


def _load_source(source: Source | str | Path) -> Source:
    """The source itself, or what a file holds: its patterns, else its only results."""
    if not isinstance(source, str | Path):
        return source
    content = open_file(source)
    if not isinstance(content, Record):
        return content
    if content.stack is not None:
        return content.stack
    if len(content.steps) == 1:
        return next(iter(content.steps.values()))
    raise StackError(
        f"{source}: holds no patterns but {len(content.steps)} steps of results "
        f"({', '.join(content.steps)}); open it and give the step that is meant"
    )
