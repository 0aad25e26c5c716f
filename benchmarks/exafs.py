"""How long the steps of EXAFS take, against loops of Larch.

    python -m benchmarks.exafs [background …] [--copper FOLDER] [--frames 1000] [--write]

One core, seconds of the processor's own time. Larch works through a sample of the spectra. Fits of
shells need FOLDER with `cu_150k.xmu`, `feffcu01.dat` and `feff_Cu` of Larch's examples, and are
left out without it. With ``--write`` the tables replace their sections of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.exafs_background import background
from benchmarks.exafs_shells import shells
from benchmarks.exafs_transforms import transforms, wavelets
from benchmarks.harness import DOCUMENT, write_section


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*")
    parser.add_argument("--copper", type=Path)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    known: dict[str, Callable[[int, int], str]] = {
        "background": background,
        "transforms": transforms,
        "wavelets": wavelets,
    }
    if options.copper is not None:
        known["shells"] = partial(shells, options.copper)
    if unknown := set(options.sections) - set(known):
        parser.error(f"{', '.join(sorted(unknown))}: none of {', '.join(known)}")
    for name in options.sections or known:
        text = known[name](options.frames, options.repeats)
        print(text, flush=True)
        if options.write:
            write_section(DOCUMENT, f"EXAFS: {name}", text)


if __name__ == "__main__":
    main()
