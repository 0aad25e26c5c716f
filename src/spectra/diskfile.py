"""A file under the HDF5 library that never fails in its hands.

HDF5 keeps metadata until a file is closed. If the disk is full by then, the library cannot
close the file, and the process dies of a segmentation fault at its end. So the writing is
done here: after the first failure everything goes to memory, the library closes its file in
peace, and the failure is raised afterwards.
"""

from __future__ import annotations

from pathlib import Path

Buffer = bytes | bytearray | memoryview


class DiskFile:
    """A new file, written and read back by the HDF5 library through h5py.

    Parameters
    ----------
    path : Path
        Must not exist.

    Attributes
    ----------
    error : OSError or None
        The first failure to write. Who writes much asks `check` now and then.

    Raises
    ------
    OSError
        If the file exists or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("x+b", buffering=0)
        self._position = 0
        self._size = 0
        self._kept: list[tuple[int, bytes]] = []
        self.error: OSError | None = None

    def check(self) -> None:
        """Raise the first failure, if there was one."""
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Close the file; what went to memory is lost."""
        self._file.close()
        self._kept.clear()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte, from the beginning (0), from here (1) or from the end (2)."""
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def write(self, data: Buffer) -> int:
        """Write all of `data`: to the disk, or after a failure to memory."""
        view = memoryview(data).cast("B")
        if self.error is None:
            try:
                self._write_through(view)
            except OSError as error:
                self.error = error
        if self.error is not None:
            self._kept.append((self._position, bytes(view)))
        self._position += len(view)
        self._size = max(self._size, self._position)
        return len(view)

    def readinto(self, buffer: Buffer) -> int:
        """Fill `buffer` with what was written, wherever it went; zeros elsewhere."""
        view = memoryview(buffer).cast("B")
        start = self._position
        self._file.seek(start)
        got = 0
        while got < len(view) and (n := self._file.readinto(view[got:])):
            got += n
        view[got:] = bytes(len(view) - got)
        for offset, data in self._kept:
            low, high = max(start, offset), min(start + len(view), offset + len(data))
            if low < high:
                view[low - start : high - start] = data[low - offset : high - offset]
        self._position += len(view)
        return len(view)

    def read(self, size: int) -> bytes:
        """Read `size` bytes from here."""
        buffer = bytearray(size)
        self.readinto(buffer)
        return bytes(buffer)

    def truncate(self, size: int) -> int:
        """Cut or extend the file."""
        if self.error is None:
            try:
                self._file.truncate(size)
            except OSError as error:
                self.error = error
        self._size = size
        return size

    def flush(self) -> None:
        """Nothing waits here; the sealing forces the file to the disk."""

    def _write_through(self, view: memoryview) -> None:
        self._file.seek(self._position)
        done = 0
        while done < len(view):
            # A raw write may stop half way, where the disk is nearly full.
            done += self._file.write(view[done:]) or 0
