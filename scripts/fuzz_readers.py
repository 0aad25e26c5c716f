"""Feed damaged files to the readers of instruments: only ReaderError may come out.

    python scripts/fuzz_readers.py [--reader .xrdml] [--inputs 200000] [--seed 1]

Each input is one of the sample files of the tests with a few bits flipped, bytes cut, inserted or
spliced, or numbers replaced; packed files are also damaged inside and packed again. Reports inputs,
how many were read and refused, the slowest and the peak of memory; anything but frames or a
ReaderError, or more than 2 s, ends the run with the input kept.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "readers"))
from samples import PACKED, SAMPLES, damage

from spectra.errors import ReaderError
from spectra.readers.frame import list_readers

_SLOWEST = 2.0
_MEMORY = 1 << 30


def fuzz(suffix: str, inputs: int, seed: int, folder: Path) -> str:
    """Try one reader; return a line of the report."""
    rng = np.random.default_rng(seed)
    whole = SAMPLES[suffix]()
    path = folder / f"input{suffix}"
    path.write_bytes(whole)
    reader = next(r for r in list_readers() if r.sniff(whole[:8192], path))
    read, slowest = 0, 0.0
    for number in range(inputs):
        if suffix in PACKED and number % 2:
            data = PACKED[suffix](whole, lambda member: damage(member, rng))
        else:
            data = damage(whole, rng)
        path.write_bytes(data)
        begin = time.perf_counter()
        try:
            reader.read(path)
            read += 1
        except ReaderError:
            pass
        except BaseException:
            kept = Path(f"fuzz-{number}{suffix}")
            kept.write_bytes(data)
            print(f"input {number} is kept as {kept}", file=sys.stderr)
            raise
        slowest = max(slowest, time.perf_counter() - begin)
        if slowest > _SLOWEST:
            raise SystemExit(f"{suffix}: input {number} took {slowest:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{suffix:8s} {inputs} inputs: {read} read, {inputs - read} refused; "
        f"slowest {slowest * 1e3:.0f} ms, peak {peak:.0f} MiB"
    )


def main() -> None:
    """Fuzz the readers that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reader", choices=list(SAMPLES), action="append")
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    # A quarter more than what is allowed, for the interpreter and its libraries.
    soft = _MEMORY + (1 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (soft, soft))
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for suffix in options.reader or SAMPLES:
            print(fuzz(suffix, options.inputs, options.seed, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
