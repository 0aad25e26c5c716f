"""Blocks worked through on a Dask cluster: one that runs, or one started for the occasion."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from spectra.blocks import Block, Finished, Job, fit_block, give_up, one_thread
from spectra.errors import SettingError
from spectra.method import Method
from spectra.results import Results
from spectra.stack import Stack

if TYPE_CHECKING:
    from distributed import Client

Workers: TypeAlias = "int | str | Client"
"""How blocks are worked through: 1 here, more in processes, else on a Dask cluster."""

_IN_FLIGHT_PER_THREAD = 2
_CONNECT_SECONDS = 10
_ADDRESS = re.compile(r"(tcp|tls|ucx|inproc|ws|wss)://.+")
_LOCAL = re.compile(r"local(?::(?P<count>[1-9]\d*))?")


def check_workers(workers: Workers) -> None:
    """Refuse what is neither a number of processes nor a cluster.

    Raises
    ------
    SettingError
    """
    if isinstance(workers, bool) or (isinstance(workers, int) and workers < 1):
        raise SettingError(f"workers = {workers}; expected 1 or more")
    if isinstance(workers, int):
        return
    if isinstance(workers, str):
        if not (_ADDRESS.fullmatch(workers) or _LOCAL.fullmatch(workers)):
            raise SettingError(
                f"workers = {workers!r}; expected a number of processes, the address of a Dask "
                "scheduler such as 'tcp://host:8786', or 'local' ('local:4') to start a cluster"
            )
    elif not hasattr(workers, "scheduler_info"):
        raise SettingError(
            f"workers is a {type(workers).__name__}; expected a number, an address, or a "
            "distributed.Client"
        )


def parse_workers(text: str) -> int | str:
    """Workers as the command line gives them.

    Raises
    ------
    SettingError
    """
    workers = int(text) if re.fullmatch(r"[+-]?\d+", text.strip()) else text.strip()
    check_workers(workers)
    return workers


def describe_workers(workers: Workers) -> int | str:
    """What provenance says of the workers."""
    if isinstance(workers, int | str):
        return workers
    return str(workers.scheduler_info()["address"])


def work_on_cluster(job: Job, without: dict[int, int], workers: str | Client) -> Finished:
    """Yield (start, results) of the blocks as a Dask cluster finishes them.

    The frames travel to the workers and the results back: nothing but this process writes, and
    no shared disk is needed. If a worker dies, Dask gives its blocks to others. A block that lay
    on several workers as they died is tried once more with nothing beside it, and given up only
    if it is alone with them again.

    Raises
    ------
    SettingError
        If there is no `distributed`, no such scheduler, or it has no workers.
    """
    with _client(workers) as client:
        threads = sum(
            w["nthreads"] for w in client.scheduler_info(n_workers=-1)["workers"].values()
        )
        if threads == 0:
            raise SettingError(
                f"the Dask scheduler {client.scheduler_info()['address']} has no workers; start "
                "some with `dask worker <address>`"
            )
        yield from _gather(client, job, job.blocks(without), _IN_FLIGHT_PER_THREAD * threads)


def _gather(client: Client, job: Job, blocks: Iterator[Block], most: int) -> Finished:
    from distributed import KilledWorker, as_completed

    flying: dict[Any, Block] = {}
    # Dask suspects whatever lay on a worker that died, also a block that only waited there.
    suspects: list[Block] = []
    arriving = as_completed(raise_errors=False)

    def send(block: Block) -> None:
        frames = block.frames.load() if isinstance(block.frames, Stack) else block.frames
        future = client.submit(_fit_remotely, job.method, frames, block.plan, pure=False)
        flying[future.key] = block
        arriving.add(future)

    def arrived(future: Any) -> tuple[Block, Results | None]:
        block = flying.pop(future.key)
        error = future.exception()
        if error is not None and not isinstance(error, KilledWorker):
            raise error
        found = None if error is not None else future.result()
        future.release()
        return block, found

    try:
        for block in islice(blocks, most):
            send(block)
        for future in arriving:
            block, found = arrived(future)
            if found is None:
                suspects.append(block)
            else:
                yield block.start, found
            for fresh in islice(blocks, 1):
                send(fresh)
        for suspect in suspects:
            send(suspect)
            block, found = arrived(next(arriving))
            if found is None:
                why = "several workers of the cluster died on this block (killed or out of memory)"
                found = give_up(job.method, block.frames, block.plan, why)
            yield block.start, found
    finally:
        if flying:
            client.cancel(list(flying), force=True)


def _fit_remotely(method: Method, frames: Any, plan: Any) -> Results:
    import hdf5plugin  # noqa: F401 - each process registers the compression filters itself

    with one_thread():
        return fit_block(method, frames, plan)


@contextmanager
def _client(workers: str | Client) -> Iterator[Client]:
    """A client that is closed afterwards, unless it came from outside."""
    if not isinstance(workers, str):
        yield workers
        return
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise SettingError(
            f"workers = {workers!r} needs Dask: pip install 'spectra[dask]'"
        ) from None
    if local := _LOCAL.fullmatch(workers):
        count = int(local["count"] or os.cpu_count() or 1)
        with (
            LocalCluster(
                n_workers=count, threads_per_worker=1, dashboard_address=None, silence_logs=50
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(workers, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:
        raise SettingError(
            f"no Dask scheduler answers at {workers} within {_CONNECT_SECONDS} s ({error}); start "
            "one with `dask scheduler`, check host and port, or give workers='local'"
        ) from None
    try:
        yield client
    finally:
        client.close()
