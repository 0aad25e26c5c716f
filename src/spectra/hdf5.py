"""Reading HDF5 files without trusting them: no links out, no absurd sizes, no code."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.errors import DamagedFileError, ReaderError, StoreError
from spectra.lock import refuse_if_open_elsewhere

_MAX_INFLATION = 2000
_LARGE = 1 << 30
_MAX_JSON = 1 << 28
_MAX_DEPTH = 32


@dataclass(frozen=True)
class H5Array:
    """A dataset on disk that is read slice by slice; the file is open only while reading.

    Parameters
    ----------
    path : str
        The file, as an absolute path.
    dataset : str
        Path of the dataset in it.
    shape : tuple of int

    Raises
    ------
    ReaderError
        On reading, if the file has vanished.
    DamagedFileError
        On reading, if the dataset cannot be read or has another shape now.
    """

    path: str
    dataset: str
    shape: tuple[int, ...]

    def __getitem__(self, key: Any, /) -> NDArray[np.float64]:
        with self._open(key) as file:
            try:
                data = file[self.dataset]
                if tuple(data.shape) == self.shape:
                    return np.asarray(data[key], dtype=float)
            except (OSError, RuntimeError, KeyError) as error:
                raise DamagedFileError(
                    self.path,
                    f"cannot be read ({error})",
                    where=self._where(key),
                    remedy="restore a copy of the file",
                ) from None
            raise DamagedFileError(
                self.path,
                f"shape {tuple(data.shape)}",
                where=self.dataset,
                expected=f"{self.shape}, as when it was opened",
                remedy="the file has been replaced since: open it again",
            )

    def _open(self, key: Any) -> Any:
        try:
            return open_hdf5(Path(self.path))
        except ReaderError as error:
            remedy = error.remedy if Path(self.path).exists() else "put the file back"
            raise ReaderError(
                self.path, error.problem, where=self._where(key), remedy=remedy
            ) from None

    def _where(self, key: Any) -> str:
        if not isinstance(key, slice):
            return f"{self.dataset}[{key}]"
        start, stop, _ = key.indices(self.shape[0])
        return f"{self.dataset}, frames {start} to {stop - 1}"


def open_hdf5(path: Path) -> Any:
    """Open an HDF5 file for reading, without locking it against a writer.

    A file that is being written in the mode for that (SWMR), or that the death of its writer
    left in it, is opened as it stands.

    Raises
    ------
    ReaderError
        If it is missing or cannot be opened as HDF5.
    """
    import h5py
    import hdf5plugin  # noqa: F401 - registers the compression filters

    try:
        return h5py.File(path, "r", locking=False)
    except FileNotFoundError:
        raise ReaderError(path, "no such file", remedy="check the path") from None
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        unclosed = "already open for write" in str(error)
        if unclosed:
            with suppress(OSError, RuntimeError, ValueError, KeyError):
                return h5py.File(path, "r", locking=False, swmr=True)
        refuse_if_open_elsewhere(path)
        if unclosed:
            raise ReaderError(
                path,
                "the program that writes it has not closed it",
                remedy=f"wait until it has; if it has died, mend the file: h5clear -s {path}",
            ) from None
        raise ReaderError(
            path, f"not a readable HDF5 file ({error})", remedy="copy it again"
        ) from None


def check_links(path: Path, file: Any, *, alone: bool = False) -> None:
    """Refuse datasets that reach out of the file's folder or claim absurd sizes.

    Parameters
    ----------
    path : Path
    file : h5py.File
    alone : bool
        Refuse other files altogether, even in the same folder.

    Raises
    ------
    ReaderError
        For external storage, for links and virtual datasets that lead out of the folder, and
        for sizes that the file cannot hold.
    """
    _LinkCheck(path, alone).walk(file, 0)


def linked_files(path: Path) -> tuple[Path, ...]:
    """Other files that hold parts of an HDF5 file, by links and as sources of virtual datasets.

    Raises
    ------
    ReaderError
        If it cannot be read, or `check_links` refuses it.
    """
    with open_hdf5(path) as file:
        check = _LinkCheck(path, alone=False)
        check.walk(file, 0)
    return tuple(sorted(check.files))


class _LinkCheck:
    """One walk through a file and what it links to; each object is visited once.

    ``files`` are those found to hold parts of it.
    """

    def __init__(self, path: Path, alone: bool) -> None:
        self._path, self._alone = path, alone
        self._root = path.resolve().parent
        self._seen: set[tuple[str, int]] = set()
        self.files: set[Path] = set()

    def walk(self, group: Any, depth: int) -> None:
        import h5py

        if depth > _MAX_DEPTH:
            raise ReaderError(self._path, f"{group.name}: nested too deeply")
        for name in group:
            link = group.get(name, getlink=True)
            where = f"{group.name.rstrip('/')}/{name}"
            if isinstance(link, h5py.SoftLink):
                continue  # leads to an object that has its own hard link
            if isinstance(link, h5py.ExternalLink):
                self._inside(where, link.filename, Path(group.file.filename))
            node = group.get(name)
            if node is None or not self._is_new(node):
                continue
            if isinstance(node, h5py.Group):
                self.walk(node, depth + 1)
            elif isinstance(node, h5py.Dataset):
                self._check_dataset(where, node)

    def _is_new(self, node: Any) -> bool:
        import h5py

        # By the file's name: a linked file that is opened again gets a new number.
        key = (str(Path(node.file.filename).resolve()), int(h5py.h5o.get_info(node.id).addr))
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _inside(self, where: str, target: str, holder: Path) -> None:
        if self._alone:
            raise ReaderError(self._path, f"{where} leads to {target}; our files stand alone")
        place = (holder.resolve().parent / target).resolve()
        if not place.is_relative_to(self._root):
            raise ReaderError(
                self._path,
                f"{where} links to {target}, outside {self._root}",
                remedy="if you trust it, copy both files into one folder and link them there",
            )
        self.files |= _sources(place)

    def _check_dataset(self, where: str, node: Any) -> None:
        if node.external:
            raise ReaderError(self._path, f"{where} keeps its data in another file; refused")
        holder = Path(node.file.filename)
        files = {holder}
        if node.is_virtual:
            for name in {s.file_name for s in node.virtual_sources()} - {"."}:
                self._inside(where, name, holder)
                files |= _sources(holder.resolve().parent / name)
        size = max(sum(file.stat().st_size for file in files), 1)
        if node.nbytes > _LARGE and node.nbytes > _MAX_INFLATION * size:
            raise ReaderError(
                self._path,
                f"{where} claims {node.nbytes / 1e9:.0f} GB in a file of {size} bytes",
                remedy="do not use this file unless you know where it comes from",
            )


def _sources(place: Path) -> set[Path]:
    """Files that a virtual dataset's name of a source stands for; %b is the number of a block."""
    if "%b" not in place.name:
        return {place} if place.is_file() else set()
    folder = place.parent.iterdir() if place.parent.is_dir() else iter(())
    before, _, behind = place.name.partition("%b")
    return {
        file
        for file in folder
        if file.name.startswith(before) and file.name.endswith(behind) and file.is_file()
    }


def write_json(group: Any, name: str, value: Any) -> None:
    """Write plain data as JSON text, which every viewer shows.

    Raises
    ------
    StoreError
        If something in it is neither number, text, list, dict nor array.
    """
    try:
        text = json.dumps(value, default=to_plain).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"{group.name}/{name}: {error}") from None
    data = group.create_dataset(name, data=np.array(text, dtype=f"S{len(text)}"))
    data.attrs["content"] = "JSON"


def read_json(group: Any, name: str) -> Any:
    """Read what `write_json` wrote.

    Raises
    ------
    ValueError
        If it is not JSON or absurdly long.
    """
    data = group[name]
    if data.shape != () or data.dtype.kind != "S" or data.nbytes > _MAX_JSON:
        raise ValueError(f"{data.name}: expected JSON text of at most {_MAX_JSON >> 20} MiB")
    try:
        return json.loads(bytes(data[()]))
    except RecursionError:
        raise ValueError(f"{data.name}: nested too deeply") from None


def to_plain(value: Any) -> Any:
    """Turn arrays, numpy's numbers and paths into what JSON can hold."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(
        f"a {type(value).__name__} cannot be stored; use numbers, text, lists, dicts or arrays"
    )


def write_texts(group: Any, name: str, texts: tuple[str, ...]) -> None:
    """Write one text per frame, compressed."""
    import h5py

    # Numpy drops zero bytes at the end, and file names may hold bytes that are not UTF-8.
    encoded = [t.rstrip("\0").encode("utf-8", "surrogateescape") for t in texts]
    width = max(map(len, encoded), default=0) or 1
    values = np.array(encoded, dtype=h5py.string_dtype("utf-8", width))
    group.create_dataset(name, data=values, **packed(values))


def read_texts(group: Any, name: str) -> tuple[str, ...]:
    """Read what `write_texts` wrote."""
    values = np.asarray(group[name][()])
    if values.dtype.kind != "S" or values.ndim != 1:
        raise ValueError(f"{group[name].name}: expected one text per frame")
    return tuple(v.decode("utf-8", "surrogateescape") for v in values.tolist())


def packed(values: NDArray[Any]) -> dict[str, Any]:
    """Options for a dataset that opens anywhere and tells when it is damaged."""
    if values.size == 0:
        return {}
    return {"compression": "gzip", "shuffle": True, "fletcher32": True, "chunks": True}
