"""Frames as they come: files that appear in a folder, HDF5 files that grow.

A file is looked at again and again. What cannot be read yet is waited for, at growing
intervals; what stays so is told with file, frame and remedy, and still looked at.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from spectra.errors import ReaderError, SettingError, SpectraWarning
from spectra.readers.assemble import make_integrator, stack_of, with_facts
from spectra.readers.files import find_files, head_of
from spectra.readers.frame import Frame
from spectra.readers.items import Item, read_items
from spectra.readers.nexus_foreign import Growth, read_growing
from spectra.readers.tables import Selection
from spectra.recipe import Recipe, listed
from spectra.stack import Stack
from spectra.status import Status

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0
_MOST_AT_ONCE = 64
_HDF5 = b"\x89HDF\r\n\x1a\n"
# Points at zero counts come and go; of a frame cut short more than these are missing.
_UNWRITTEN_SHARE = 0.05
_KEPT_SHARES = 64


@dataclass(frozen=True)
class Key:
    """Which frame: of which file, as it was then, and its number in it.

    Parameters
    ----------
    file : str
    frame : int
    state : tuple of int
        Size and time of modification (ns) of a file that was read whole; of one that grows,
        how often it was begun anew.
    """

    file: str
    frame: int
    state: tuple[int, ...]


@dataclass(frozen=True)
class Arrival:
    """A frame that can be worked on, or why it cannot.

    Parameters
    ----------
    key : Key
    item : Item
    absent : float
        When it was last seen not to be there yet (s of the watch's clock).
    flagged : str
        What is wrong with it; it is then not worked on.
    """

    key: Key
    item: Item
    absent: float
    flagged: str = ""


@dataclass
class _Patience:
    """How long something has been waited for."""

    since: float
    wait: float = _FIRST_WAIT
    due: float = 0.0

    def postpone(self, now: float) -> None:
        """Look again later, each time after twice as long."""
        self.due = now + self.wait
        self.wait = min(2 * self.wait, _LONGEST_WAIT)


@dataclass
class _Source:
    """One file and what is known of it."""

    path: Path
    seen: float
    growing: bool | None = None
    state: tuple[int, int] = (-1, -1)
    read_in: tuple[int, int] | None = None
    done: int = 0
    begun: int = 0
    inode: int = -1
    patience: _Patience | None = None
    shares: list[float] = field(default_factory=list)
    problem: str = ""
    note: str = ""


class Arrivals:
    """The frames of a recipe's files, each once and in the order they come.

    Parameters
    ----------
    recipe : Recipe
    patience : float
        Seconds for which what cannot be read, or is half written, is waited for before it is
        flagged.
    clock : callable
        Seconds that only go forward.
    """

    def __init__(self, recipe: Recipe, patience: float, clock: Callable[[], float]) -> None:
        settings = recipe.settings.stack
        self._recipe, self._settings = recipe, settings
        self._patience, self._clock = patience, clock
        entries = tuple(filter(None, listed(settings.entry)))
        self._selection = Selection(
            settings.signal, settings.channels, settings.energy, settings.quantity, entries
        )
        poni = recipe.path_of(settings.poni) if settings.poni else None
        mask = recipe.path_of(settings.mask) if settings.mask else ""
        self._integrator = make_integrator(poni, mask, settings.n_points, settings.unit)
        self._sources: dict[str, _Source] = {}
        self._last_look = clock()
        self._anchor: Item | None = None

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong with files, by their names, as long as it is."""
        return {name: s.problem for name, s in self._sources.items() if s.problem}

    @property
    def notes(self) -> dict[str, str]:
        """What is being waited for, by the names of files."""
        return {name: s.note for name, s in self._sources.items() if s.note}

    @property
    def n_files(self) -> int:
        """How many files have been seen."""
        return len(self._sources)

    def skip(self, keys: list[Key]) -> None:
        """Take frames for done that an earlier watch has worked on."""
        for key in keys:
            source = self._source(self._recipe.path_of(key.file), self._clock())
            if len(key.state) == 1:
                source.begun = key.state[0]
                source.done = max(source.done, key.frame + 1)
            else:
                source.read_in = (key.state[0], key.state[1])

    def early(self, most: int) -> list[Arrival]:
        """Some frames that an earlier watch has worked on; those that cannot be read are not."""
        found: list[Arrival] = []
        for name, source in self._sources.items():
            with suppress(OSError, ValueError, KeyError, RuntimeError):
                found += self._again(name, source, most - len(found))
            if len(found) >= most:
                break
        return found

    def _again(self, name: str, source: _Source, most: int) -> list[Arrival]:
        if source.read_in is None:
            growth = read_growing(source.path, 0, min(most, source.done))
            frames = growth.frames if growth else []
            items = [Item(f"{source.path.name} {f.name}", f, f.note) for f in frames]
            state: tuple[int, ...] = (source.begun,)
        else:
            items, state = self._read(source.path)[:most], source.read_in
        return [
            Arrival(Key(name, i, state), item, source.seen)
            for i, item in enumerate(items)
            if item.frame is not None
        ]

    def _read(self, path: Path) -> list[Item]:
        with warnings.catch_warnings(action="ignore", category=SpectraWarning):
            return read_items(
                [path], self._settings.format, self._selection, self._integrator, None
            )[0]

    def poll(self) -> list[Arrival]:
        """The frames that have come since the last call."""
        now = self._clock()
        found: list[Arrival] = []
        for path in self._paths():
            source = self._source(path, now)
            if source.patience is None or source.patience.due <= now:
                found += self._look_at(source, now)
        there = {
            s.state: s.path
            for s in self._sources.values()
            if s.state != (-1, -1) and s.path.exists()
        }
        for source in self._sources.values():
            if not source.path.exists():
                source.problem = _vanished(source.path, there.get(source.state))
        self._last_look = now
        return found

    def stack(self, arrivals: list[Arrival]) -> Stack:
        """The frames as a stack, on the axis of the first frame that came."""
        items = [arrival.item for arrival in arrivals]
        first = next((item for item in items if item.frame is not None), None)
        self._anchor = self._anchor or first
        if self._anchor is None:
            raise ReaderError(self._settings.files[0], "no frame can be read yet")
        settings = self._settings
        # The commonest axis is that of a stack: so that of the first frame stays it.
        anchors = [self._anchor] * (len(items) + 1)
        with warnings.catch_warnings(action="ignore", category=SpectraWarning):
            whole = stack_of(
                anchors + items, axis=settings.axis, laser=settings.laser, regrid=settings.regrid
            )
            # A list has a value for each frame of the whole sequence, which nobody knows yet.
            told = {k: v for k, v in settings.variables.items() if not isinstance(v, list)}
            return with_facts(
                whole[len(anchors) :].load(),
                [],
                wavelength=settings.wavelength,
                anode=settings.anode,
                noise=settings.noise,  # type: ignore[arg-type]  # checked as it is used
                variables=told,
                metadata=settings.metadata,
                title=self._recipe.settings.title,
            )

    def _paths(self) -> list[Path]:
        paths: list[Path] = []
        for name in listed(self._settings.files):
            try:
                paths += find_files(self._recipe.path_of(name))
            except ReaderError:
                continue  # nothing there yet
        return list(dict.fromkeys(paths))

    def _source(self, path: Path, now: float) -> _Source:
        name = _name_in(self._recipe, path)
        return self._sources.setdefault(name, _Source(path, min(self._last_look, now)))

    def _look_at(self, source: _Source, now: float) -> list[Arrival]:
        try:
            stat = source.path.stat()
            state = (stat.st_size, stat.st_mtime_ns)
            if source.growing is None:
                source.growing = self._may_grow(source.path) and stat.st_size > 0
            if source.growing:
                found = self._grown(source, stat.st_ino, now)
            else:
                found = self._whole(source, state, now)
        except SettingError:
            raise  # it concerns the whole watch
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            source.growing = source.growing if source.done else None
            self._wait(source, error, now)
            return []
        source.problem = ""
        if found:
            source.patience = None
        return found

    def _may_grow(self, path: Path) -> bool:
        if self._selection or self._integrator or self._settings.format not in (None, "nexus"):
            return False
        return _HDF5 in head_of(path)[:4096] and read_growing(path, 0, 1) is not None

    def _wait(self, source: _Source, error: Exception, now: float) -> None:
        """Look again later; after a while say what is wrong."""
        source.patience = source.patience or _Patience(now)
        source.patience.postpone(now)
        waited = now - source.patience.since
        text = str(error)
        if not isinstance(error, ReaderError):
            text = str(ReaderError(source.path, f"cannot be read ({error})"))
        if waited >= self._patience:
            source.problem, source.note = f"{text} (tried for {waited:.0f} s, and still is)", ""
        else:
            source.note = f"cannot be read yet, waiting: {text}"

    # Files that are read whole

    def _whole(self, source: _Source, state: tuple[int, int], now: float) -> list[Arrival]:
        """The frames of a file, once its size and time have stayed the same for a look."""
        if state == source.read_in:
            source.note = ""
            return []
        if state != source.state:
            # Somebody is at work on it: what was wrong with it may be mended.
            source.state, source.patience = state, None
            source.seen = self._last_look if source.read_in is None else now
            return []
        items = self._read(source.path)
        name = _name_in(self._recipe, source.path)
        arrivals = [Arrival(Key(name, i, state), item, source.seen) for i, item in enumerate(items)]
        odd = self._misfits(source.path, arrivals)
        patience = source.patience or _Patience(now)
        if odd and now - patience.since < self._patience:
            raise ReaderError(source.path, "; ".join(odd.values()))
        source.read_in, source.note = state, ""
        self._anchor = self._anchor or next((i for i in items if i.frame is not None), None)
        return [replace(a, flagged=odd.get(i, "")) for i, a in enumerate(arrivals)]

    def _misfits(self, path: Path, arrivals: list[Arrival]) -> dict[int, str]:
        """Why frames do not fit those before, as those of a file that is half written."""
        if self._anchor is None or all(a.item.frame is None for a in arrivals):
            return {}
        first, stack = self.stack([replace(arrivals[0], item=self._anchor)]), self.stack(arrivals)
        usual = int(np.isfinite(first.signal[0]).sum())
        odd = {}
        for i, status in enumerate(stack.status.tolist()):
            here = int(np.isfinite(stack.signal[i]).sum())
            if arrivals[i].item.frame is None:
                continue
            why = stack.messages[i] if status == Status.BAD_INPUT else ""
            if here < (1 - _UNWRITTEN_SHARE) * usual:
                why = why or f"{here} points; expected {usual}, as in the first frame"
            if why:
                odd[i] = (
                    f"{path}, frame {i}: {why}; the file may be cut off: copy it again, or leave "
                    "it out before the final run, which takes it as it is"
                )
        return odd

    # Files that grow

    def _grown(self, source: _Source, inode: int, now: float) -> list[Arrival]:
        growth = read_growing(source.path, source.done, _MOST_AT_ONCE)
        if growth is None:
            raise ReaderError(source.path, "the file has become one of a single pattern")
        if growth.n_frames < source.done or (source.inode not in (-1, inode)):
            source.done, source.begun, source.shares = 0, source.begun + 1, []
            growth = read_growing(source.path, 0, _MOST_AT_ONCE) or growth
        source.inode = inode
        ready, note = self._ready(source, growth, now)
        source.note = note
        name = _name_in(self._recipe, source.path)
        found = []
        for i, (frame, flagged) in enumerate(ready, source.done):
            title = f"{source.path.name} frame {i}"
            item = Item(title, replace(frame, name=f"frame {i}"), frame.note)
            found.append(Arrival(Key(name, i, (source.begun,)), item, source.seen, flagged))
        source.done += len(ready)
        # More may be waiting than are read at once: those have been there for this long.
        if source.done >= growth.n_frames or not found:
            source.seen = now
        return found

    def _ready(
        self, source: _Source, growth: Growth, now: float
    ) -> tuple[list[tuple[Frame, str]], str]:
        """Frames that are complete, those flagged as never completed, and what is waited for."""
        frames = growth.frames
        shares = [_unwritten(frame, growth.fill) for frame in frames]
        at_end = source.done + len(frames) >= growth.n_frames
        allocated = len(frames)
        while at_end and frames and shares[-1] == 1.0:
            frames, shares = frames[:-1], shares[:-1]
        ahead = allocated - len(frames)
        note = f"{ahead} frames have room in the file and are not written yet" if ahead else ""
        known = source.shares or (shares if len(shares) > 2 else [])
        usual = float(np.median(known)) if known else 1.0
        limit = usual if np.isnan(growth.fill) else usual + _UNWRITTEN_SHARE
        ready: list[tuple[Frame, str]] = []
        for i, (frame, share) in enumerate(zip(frames, shares, strict=True)):
            flagged = ""
            if limit < share < 1.0:
                last = at_end and i == len(frames) - 1
                number = source.done + i
                if last and not self._is_impatient(source, now):
                    return ready, f"frame {number} is half written, waiting for the rest"
                flagged = (
                    f"{source.path}, frame {number}: half written, {share:.0%} of its points hold "
                    f"the fill value {growth.fill:g}; expected {usual:.0%} as in the other frames; "
                    "measure it again, or leave it out"
                )
            elif share < 1.0:
                source.shares = [*source.shares[1 - _KEPT_SHARES :], share]
            ready.append((frame, flagged))
        if not any(flagged for _, flagged in ready):
            source.patience = None
        return ready, note

    def _is_impatient(self, source: _Source, now: float) -> bool:
        source.patience = source.patience or _Patience(now)
        return now - source.patience.since >= self._patience


def _name_in(recipe: Recipe, path: Path) -> str:
    """What a file is called in a recipe's folder, or by its whole path outside it."""
    absolute, folder = path.absolute(), recipe.folder.absolute()
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(absolute)


def _unwritten(frame: Frame, fill: Any) -> float:
    """Share of a frame's points at which nothing seems to have been written."""
    unwritten = np.isnan(frame.y) if np.isnan(fill) else frame.y == fill
    return float(np.mean(unwritten))


def _vanished(path: Path, twin: Path | None) -> str:
    """What is said of a file that is gone; `twin` has its size and time of modification."""
    if twin is not None:
        return (
            f"{path}: the file is now called {twin.name}, it seems, and its frames stand here "
            "twice; the final run has them once"
        )
    return (
        f"{path}: the file has vanished; put it back before the watch ends: "
        "the final run reads all files again (what was measured so far stays here)"
    )
