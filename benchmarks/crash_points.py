"""Replay a run that dies at every single one of its acts on the disk, and resume it.

    python -m benchmarks.crash_points [--stride 1] [--write]

The run is `xrd.Peaks` on a small simulated sequence, block by block into a file. An act is
whatever changes the disk: making a file or folder, every write of the HDF5 library (of which
the first half is then on the disk), forcing to the disk, renaming, removing. After each death
what was acknowledged must be there, and resuming must give the bits of an undisturbed run.
``--write`` puts the figures into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch

import numpy as np

import spectra
from benchmarks.harness import DOCUMENT, write_section
from spectra.diskfile import DiskFile
from spectra.integrity import verify
from spectra.provenance import digest_source
from spectra.results import Results
from spectra.xrd import Peaks

# Beyond the largest process number of Linux: surely nobody's.
NOBODY = 2**22 + 1

Show = Callable[[int, int], None]
Attempt = Callable[[Path, bool, Show], Results]


class Killed(BaseException):
    """The process ends here: nothing that follows happens."""


class Reaper:
    """Kills what runs inside it at the n-th act on the disk, and refuses all that follow.

    Parameters
    ----------
    moment : int
        How many acts still succeed.
    """

    def __init__(self, moment: int) -> None:
        self.left = moment
        self._patches = ExitStack()

    def __enter__(self) -> Self:
        for name in ("fsync", "replace", "rename", "unlink", "rmdir", "mkdir"):
            self._patch(os, name, self._guard(getattr(os, name)))
        self._patch(Path, "open", self._opening(Path.open))
        self._patch(DiskFile, "_write_through", self._writing(DiskFile._write_through))
        self._patch(DiskFile, "close", self._closing(DiskFile.close))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._patches.close()

    def _patch(self, owner: object, name: str, act: Callable[..., Any]) -> None:
        self._patches.enter_context(patch.object(owner, name, act))

    def _spend(self) -> bool:
        """Whether the process is still alive for one more act."""
        alive = self.left > 0
        self.left -= alive
        return alive

    def _guard(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not self._spend():
                raise Killed
            return act(*args, **kwargs)

        return guarded

    def _opening(self, act: Callable[..., Any]) -> Callable[..., Any]:
        guarded = self._guard(act)

        def opening(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            changes = set(mode) & set("wax+")
            return (guarded if changes else act)(path, mode, *args, **kwargs)

        return opening

    def _writing(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def writing(file: DiskFile, view: memoryview) -> None:
            if self._spend():
                act(file, view)
                return
            act(file, view[: len(view) // 2])
            # Raising Killed through the HDF5 library would harm it; of a failed write it
            # never learns, what follows goes to memory, and closing the file then kills.
            raise OSError(errno.EIO, "killed")

        return writing

    def _closing(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def closing(file: DiskFile) -> None:
            act(file)  # the system closes the files of the dead
            if self.left <= 0:
                raise Killed

        return closing


def bury(output: Path) -> None:
    """Let the lock name a process that is dead: here it is still ours."""
    path = output.with_name(output.name + ".partial") / "lock"
    if path.exists() and path.read_text():
        path.write_text(json.dumps({**json.loads(path.read_text()), "process": NOBODY}))
    elif path.exists():
        os.utime(path, (0, 0))


def die_and_resume(attempt: Attempt, expected: str, folder: Path, moment: int) -> int | None:
    """Let a run die at one moment, resume it, and check that nothing was lost.

    Parameters
    ----------
    attempt : callable
        Runs into a file; is given the file, whether to resume, and where to show progress.
    expected : str
        Digest of the results of an undisturbed run.
    folder : Path
        An empty one.
    moment : int

    Returns
    -------
    int or None
        How many frames were acknowledged before the death; None if there was none.
    """
    output = folder / "r.h5"
    acknowledged = [0]
    try:
        with Reaper(moment):
            attempt(output, False, lambda done, _: acknowledged.append(done))
        survived = True
    except Killed:
        survived = False
        bury(output)
    if output.exists():
        verify(output)
    seen: list[int] = []
    resumed = attempt(output, True, lambda done, _: seen.append(done))
    assert seen[0] >= acknowledged[-1], f"moment {moment}: acknowledged frames were done again"
    for results in (resumed, spectra.open(output)):
        assert isinstance(results, Results)
        assert digest_source(results) == expected, f"moment {moment}: other bits"
    left = [p.name for p in folder.iterdir()]
    assert left == [output.name], f"moment {moment}: {left} were left behind"
    return None if survived else acknowledged[-1]


def replay(attempt: Attempt, expected: str, folder: Path, stride: int = 1) -> list[int]:
    """Let a run die at every `stride`-th moment; the frames acknowledged before each death."""
    found: list[int] = []
    while True:
        moment = stride * len(found)
        place = folder / str(moment)
        place.mkdir()
        acknowledged = die_and_resume(attempt, expected, place, moment)
        if acknowledged is None:
            return found
        found.append(acknowledged)


@dataclass(frozen=True)
class _Example:
    """Few frames of one line, in blocks."""

    n_frames: int = 12
    block_size: int = 3

    def attempt(self, output: Path, resume: bool, show: Show) -> Results:
        x = np.linspace(20.0, 30.0, 200)
        line = 900.0 * np.exp(-(((x - 25.0) / 0.15) ** 2))
        counts = np.random.default_rng(0).poisson(50.0 + line, (self.n_frames, x.size))
        stack = spectra.Stack.from_arrays(x, counts, noise="counts")
        method = Peaks(positions=(25.0,), coarse_frames=2)
        return spectra.run(
            *(stack, method, output), block_size=self.block_size, progress=show, resume=resume
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill a run at every act on the disk.")
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    example = _Example()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        undisturbed = example.attempt(folder / "undisturbed.h5", False, lambda *_: None)
        found = replay(example.attempt, digest_source(undisturbed), folder, options.stride)
    text = (
        "`python -m benchmarks.crash_points --write`: `xrd.Peaks` on "
        f"{example.n_frames} frames in blocks of {example.block_size}, into a file.\n\n"
        f"Died at {len(found)} acts on the disk (each write, sync, renaming, removal): every "
        "acknowledged block was there, resuming finished, and the results had the bits of an "
        f"undisturbed run, {len(found)} times of {len(found)} "
        f"({sum(n > 0 for n in found)} with blocks acknowledged before).\n"
    )
    print(text)
    print(f"{time.perf_counter() - begin:.0f} s")
    if options.write:
        write_section(DOCUMENT, "crash points", text)


if __name__ == "__main__":
    main()
