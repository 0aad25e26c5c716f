"""Kill real runs with SIGKILL at random moments, workers and all, and resume them.

    python -m benchmarks.kills [--kills 50] [--workers 4] [--seed 0] [--write]

Each time a fresh process puts `xrd.Peaks` to a simulated sequence on disk and says how many
frames are safe whenever a block is; its whole group of processes is killed a random moment
after a random number of frames is safe, or while it starts. A second process resumes.
``--write`` puts the table into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import spectra
from benchmarks.harness import DOCUMENT, write_section
from spectra.provenance import digest_source
from spectra.results import Results
from spectra.xrd import Peaks

ROOT = Path(__file__).parent.parent
LINES = (22.0, 25.0, 27.5)
BLOCK_SIZE = 4
# About what a block takes, so that kills fall anywhere between and into the writes.
LONGEST_WAIT = 0.1


@dataclass(frozen=True)
class Outcome:
    """What one kill did: frames acknowledged before it, and found again on resuming."""

    acknowledged: int
    found: int
    total: int
    identical: bool

    @property
    def phase(self) -> str:
        if self.acknowledged == 0:
            return "before the first block was safe"
        if self.acknowledged < self.total:
            return "with some blocks safe"
        return "with all blocks safe"


def write_stack(path: Path, n_frames: int, n_points: int = 1000, seed: int = 0) -> None:
    """Write a simulated sequence of a few drifting lines."""
    rng = np.random.default_rng(seed)
    x = np.linspace(20.0, 30.0, n_points)
    drift = 0.05 * np.sin(np.arange(n_frames) / 40.0)[:, None]
    y = np.full((n_frames, n_points), 40.0)
    for line in LINES:
        y += 600.0 * np.exp(-(((x - line - drift) / 0.12) ** 2))
    spectra.write(path, spectra.Stack.from_arrays(x, rng.poisson(y), noise="counts"))


def work(folder: Path, output: str, workers: int, *, resume: bool) -> None:
    """Run, and say on stdout how many frames are safe."""
    spectra.run(
        folder / "stack.h5",
        Peaks(positions=LINES),
        folder / output,
        workers=workers,
        block_size=BLOCK_SIZE,
        progress=lambda done, _: print(done, flush=True),
        resume=resume,
    )


class Job:
    """A run in a group of processes of its own."""

    def __init__(self, folder: Path, output: str, workers: int, *, resume: bool) -> None:
        command = [sys.executable, "-m", "benchmarks.kills", "--job", str(folder), output]
        command += ["--workers", str(workers), *(["--resume"] if resume else [])]
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        self.seen: list[int] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def finish(self) -> None:
        """Wait for the end; it must be a good one."""
        assert self._process.wait() == 0
        self._reader.join()

    def kill(self, frames: int, seconds: float) -> None:
        """Kill all its processes some time after so many frames are safe, unless it has ended."""
        while frames and self._process.poll() is None and (not self.seen or self.seen[-1] < frames):
            time.sleep(0.001)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if line.endswith("\n"):
                    self.seen.append(int(line))


class Range:
    """Where runs are killed: a sequence on disk, and what an undisturbed run makes of it."""

    def __init__(self, folder: Path, workers: int, n_frames: int = 400) -> None:
        self._folder, self._workers, self.n_frames = folder, workers, n_frames
        write_stack(folder / "stack.h5", n_frames)
        begin = time.perf_counter()
        Job(folder, "undisturbed.h5", workers, resume=False).finish()
        self.seconds = time.perf_counter() - begin
        self._expected = self._digest("undisturbed.h5")

    def shoot(self, frames: int, seconds: float) -> Outcome:
        """Kill a run some time after so many frames are safe (0: after its start); resume it."""
        for path in self._folder.glob("killed.h5*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        victim = Job(self._folder, "killed.h5", self._workers, resume=False)
        victim.kill(frames, seconds)
        second = Job(self._folder, "killed.h5", self._workers, resume=True)
        second.finish()
        assert [p.name for p in self._folder.glob("killed.h5*")] == ["killed.h5"]
        acknowledged = victim.seen[-1] if victim.seen else 0
        # The first thing that a resumed run says is how much it found done.
        found = second.seen[0] if acknowledged else 0
        same = self._digest("killed.h5") == self._expected
        return Outcome(acknowledged, found, self.n_frames, same)

    def _digest(self, name: str) -> str:
        results = spectra.open(self._folder / name)
        assert isinstance(results, Results)
        return digest_source(results)


def table(outcomes: list[Outcome]) -> str:
    """Markdown table of what the kills did, by the phase of the run they fell into."""
    lines = [
        "| killed | kills | acknowledged frames | of them lost | resumed | same bits |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    phases = list(dict.fromkeys(o.phase for o in sorted(outcomes, key=lambda o: o.acknowledged)))
    for phase in [*phases, "in all"]:
        mine = [o for o in outcomes if phase in (o.phase, "in all")]
        frames = sum(o.acknowledged for o in mine)
        lost = sum(max(o.acknowledged - o.found, 0) for o in mine)
        same = sum(o.identical for o in mine)
        lines.append(f"| {phase} | {len(mine)} | {frames} | {lost} | {len(mine)} | {same} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill runs with SIGKILL and resume them.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        work(Path(options.job[0]), options.job[1], options.workers, resume=options.resume)
        return
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as name:
        place = Range(Path(name), options.workers)
        outcomes = []
        for _ in range(options.kills):
            frames = max(int(rng.integers(-place.n_frames // 8, place.n_frames)), 0)
            longest = LONGEST_WAIT if frames else 0.5 * place.seconds
            outcomes.append(place.shoot(frames, float(rng.uniform(0.0, longest))))
    text = (
        f"`python -m benchmarks.kills --kills {options.kills} --workers {options.workers} "
        f"--write`: `xrd.Peaks` on {place.n_frames} frames in blocks of {BLOCK_SIZE}; an "
        f"undisturbed run took {place.seconds:.1f} s.\n\n" + table(outcomes)
    )
    print(text)
    if options.write:
        write_section(DOCUMENT, "kills", text)
    assert all(o.identical and o.found >= o.acknowledged for o in outcomes)


if __name__ == "__main__":
    main()
