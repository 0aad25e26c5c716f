"""A disk of a few megabytes that fills, or becomes read-only, while a run writes to it.

    unshare --user --map-root-user --mount python small_disk.py FOLDER full|read-only

Mounting needs a name space of its own; what happened is told on stdout as JSON.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from spectra import open as open_file
from spectra.provenance import digest_source

OUTPUT = "disk/results.h5"


def spectra(folder: Path, command: str) -> subprocess.Popen[str]:
    """Start the command line on the recipe, with the results on the small disk."""
    arguments = [sys.executable, "-m", "spectra", command, "recipe.toml", "-o", OUTPUT]
    return subprocess.Popen(arguments, cwd=folder, stderr=subprocess.PIPE, text=True)


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0


def wait_for_blocks(folder: Path, count: int, pattern: str = "**/block-*.h5") -> None:
    """Wait until a run has finished some blocks."""
    deadline = time.monotonic() + 120
    while len(list(folder.glob(pattern))) < count and time.monotonic() < deadline:
        time.sleep(0.002)


def fill(disk: Path) -> None:
    with (disk / "of somebody").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def main() -> None:
    folder, scenario = Path(sys.argv[1]), sys.argv[2]
    disk = folder / "disk"
    disk.mkdir()
    assert mount("-t", "tmpfs", "-o", "size=40m", "none", str(disk))
    process = spectra(folder, "run")
    wait_for_blocks(disk, 2)
    if scenario == "full":
        fill(disk)
    else:
        while not mount("-o", "remount,ro", str(disk)):
            time.sleep(0.001)  # a file is just being written
    _, message = process.communicate()
    # While nothing has changed, another attempt says the same and harms nothing.
    again = spectra(folder, "resume")
    _, second = again.communicate()
    blocks = len(list(disk.glob("**/block-*.h5")))
    if scenario == "full":
        (disk / "of somebody").unlink()
    else:
        assert mount("-o", "remount,rw", str(disk))
    resumed = spectra(folder, "resume")
    resumed.communicate()
    outcome = {
        "code": process.returncode,
        "message": message,
        "second": [again.returncode, second],
        "blocks": blocks,
        "resumed": resumed.returncode,
        "digest": digest_source(open_file(folder / OUTPUT).steps["peaks"]),
        "left": sorted(p.name for p in disk.iterdir()),
    }
    shutil.rmtree(disk, ignore_errors=True)
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
