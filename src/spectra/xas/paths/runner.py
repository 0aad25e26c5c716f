"""Running the modules of FEFF8L that come with xraylarch."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path

from spectra.errors import FeffError

MODULES = ("rdinp", "pot", "xsph", "pathfinder", "genfmt", "ff2x")
FOLDER_VARIABLE = "SPECTRA_FEFF"
_INSTALL = (
    f"install xraylarch, whose wheel carries FEFF8L, or name a folder with its programs in "
    f"${FOLDER_VARIABLE}"
)
# What each module leaves when it is through; FEFF ends with code 0 even where it stops.
_LEAVES = {
    "rdinp": "geom.json",
    "pot": "pot.pad",
    "xsph": "phase.pad",
    "pathfinder": "paths.dat",
    "genfmt": "list.dat",
    "ff2x": "files.dat",
}
_INCOMPLETE = "path finder limit exceeded"


def feff_folder() -> Path:
    """Folder of the programs of FEFF8L: `$SPECTRA_FEFF`, or in the xraylarch package.

    Raises
    ------
    FeffError
        If there is none for this machine.
    """
    own = os.environ.get(FOLDER_VARIABLE, "")
    if own:
        return Path(own)
    # Found, not imported: importing larch takes seconds.
    spec = importlib.util.find_spec("larch")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise FeffError(f"FEFF8L was not found: there is no package larch; {_INSTALL}")
    kind = {"linux": "linux64", "darwin": "darwin64", "win32": "win64"}.get(sys.platform)
    if kind is None:
        raise FeffError(f"xraylarch has no FEFF8L for {platform.platform()}; {_INSTALL}")
    return Path(places[0]) / "bin" / kind


def feff_programs() -> dict[str, Path]:
    """The program of each module.

    Raises
    ------
    FeffError
        If one is missing or may not be executed.
    """
    folder = feff_folder()
    suffix = ".exe" if sys.platform == "win32" else ""
    programs = {module: folder / f"feff8l_{module}{suffix}" for module in MODULES}
    for program in programs.values():
        if not program.is_file():
            raise FeffError(f"FEFF8L is not complete: {program} is missing; {_INSTALL}")
        if not os.access(program, os.X_OK):
            raise FeffError(
                f"{program} may not be executed; allow it (chmod +x), install xraylarch again, "
                f"or name another folder in ${FOLDER_VARIABLE}"
            )
    return programs


def feff_version() -> str:
    """SHA-256 of the programs: what tells one FEFF from another.

    Raises
    ------
    FeffError
        As `feff_programs`.
    """
    programs = tuple(feff_programs().values())
    return _digest(tuple((p, p.stat().st_mtime_ns, p.stat().st_size) for p in programs))


@lru_cache(maxsize=4)
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _, _ in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def run_feff(text: str, folder: Path, *, timeout: float) -> bool:
    """Run FEFF8L in a folder of its own, which then holds feff.inp and all that FEFF writes.

    Parameters
    ----------
    text : str
        The input.
    folder : Path
        Existing and empty.
    timeout : float
        For all modules together (s).

    Returns
    -------
    bool
        Whether FEFF could hold all paths there are; otherwise the longest are missing.

    Raises
    ------
    FeffError
        If FEFF cannot be started, stops, or needs longer; with the last lines it wrote.
    """
    programs = feff_programs()
    (folder / "feff.inp").write_text(text, encoding="ascii", newline="\n")
    end = time.monotonic() + timeout
    complete = True
    for module, program in programs.items():
        said = _run_module(module, program, folder, max(end - time.monotonic(), 0.0), timeout)
        complete &= _INCOMPLETE not in said
    return complete


def private_folder() -> tempfile.TemporaryDirectory[str]:
    """A new folder that only this user can look into, removed afterwards."""
    return tempfile.TemporaryDirectory(prefix="spectra-feff-", ignore_cleanup_errors=True)


def _run_module(module: str, program: Path, folder: Path, left: float, timeout: float) -> str:
    """Run one module and return what it said."""
    try:
        done = subprocess.run(  # noqa: S603 - a program of a package, without a shell
            [str(program)],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=left,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FeffError(
            f"FEFF's module {module} was not through after {timeout:g} s; make the radius or the "
            "number of legs smaller, or the timeout larger"
        ) from None
    except OSError as error:
        raise FeffError(_not_started(program, error)) from None
    output = done.stdout.decode("utf-8", errors="replace")
    # Kept where the caller keeps the folder.
    (folder / f"feff8l_{module}.log").write_text(output, encoding="utf-8")
    left_file = folder / _LEAVES[module]
    complete = left_file.is_file() and left_file.stat().st_size > 0
    if done.returncode != 0 or not complete or "Fatal error" in output:
        raise FeffError(
            f"FEFF stopped in its module {module} (exit code {done.returncode}): "
            f"{_last_lines(output)}; {_hint(module)}"
        )
    return output


def _environment() -> dict[str, str]:
    """This process's environment without what changes how a Fortran program reads and writes."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GFORTRAN_", "LC_"))}
    return kept | {"LC_ALL": "C", "LANG": "C"}


def _not_started(program: Path, error: OSError) -> str:
    if error.errno == errno.ENOEXEC:
        return (
            f"{program} is no program for this machine ({platform.machine()}); build FEFF8L for "
            f"it and name its folder in ${FOLDER_VARIABLE}"
        )
    return f"{program} could not be started ({error.strerror or error}); {_INSTALL}"


def _hint(module: str) -> str:
    if module in ("pathfinder", "genfmt", "ff2x"):
        return "make the radius or the number of legs smaller"
    return "check the structure: atoms too near, too few, or an edge that the element has not"


def _last_lines(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " | ".join(lines[-5:]) or "it wrote nothing"
