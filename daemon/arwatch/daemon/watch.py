"""Watched folders -> sightings: events of the file system, scans, and folders that come and go."""

from __future__ import annotations

import logging
import os
import stat
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import EventDispatcher
from watchdog.observers.polling import PollingObserverVFS

from arwatch.errors import ArwatchError
from arwatch.formats.names import is_frame
from arwatch.platform.fs import file_system, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watchdog.observers.api import BaseObserver

    from arwatch.model.job import Look
    from arwatch.settings import Watch

EVENTS = [FileCreatedEvent, FileModifiedEvent, FileMovedEvent, FileClosedEvent, DirCreatedEvent, DirMovedEvent]
NETWORK = frozenset(
    {"9p", "afs", "ceph", "cifs", "davfs", "fuse.gvfsd-fuse", "fuse.rclone", "fuse.sshfs"}
    | {"glusterfs", "nfs", "nfs4", "smb3", "smbfs"}
)
"""File systems where changes made elsewhere raise no local event (watchfiles 134, watchdog 458)."""

# what watchdog says is heard by `_Alarm`; what it says while it is stopped is no line for the log
logging.getLogger("watchdog").addHandler(logging.NullHandler())


class Change(NamedTuple):
    """A watched folder came or went."""

    folder: Path
    what: Literal["started", "lost", "returned"]
    how: str
    """`native` or `polling`; why not, where it is lost."""


class Sightings(NamedTuple):
    """What was noticed since the last time."""

    frames: set[Path]
    scan: bool
    """The folders must be scanned: there may be more."""
    lost: bool
    """Because the kernel dropped events."""


@dataclass(slots=True)
class _Folder:
    path: Path
    observer: BaseObserver | None = None
    identity: tuple[int, int] | None = None
    """Device and inode of what is watched: another disk under the same name is another folder."""
    present: bool | None = None
    """What was told last."""

    def found(self, identity: tuple[int, int], how: str) -> Iterator[Change]:
        self.identity = identity
        if self.present is not True:
            yield Change(self.path, "started" if self.present is None else "returned", how)
            self.present = True

    def lost(self, why: str) -> Iterator[Change]:
        self.identity = None
        if self.present is not False:
            self.present = False
            yield Change(self.path, "lost", why)


class Watcher(FileSystemEventHandler):
    """Observes folders; collects the names of frames to look at, each once, and wakes the service.

    Parameters
    ----------
    settings : Watch
        The settings' section.
    suffix : str
        Of arwatch's own outputs, which never are frames.
    wake : callable
        Called from the observers' threads when there is something to take.
    claim : callable
        Called for a folder before it is observed; an ArwatchError keeps it from being watched.
    """

    def __init__(
        self, settings: Watch, suffix: str, *, wake: Callable[[], None], claim: Callable[[Path], None]
    ) -> None:
        self._settings = settings
        self._suffix = suffix
        self._wake = wake
        self._claim = claim
        self._folders = [_Folder(Path(name).expanduser().absolute()) for name in settings.folders]
        self._lock = threading.Lock()
        self._sighted: set[Path] = set()
        self._scan = self._lost = self._disorder = False
        self._alarm = _Alarm(self._events_lost, self._ask_for_scan)
        logging.getLogger("watchdog").addHandler(self._alarm)
        self._excepthook, threading.excepthook = threading.excepthook, self._thread_died
        # of a subfolder that it meets twice while it is being made; harmless, and no line for the log
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)

    @property
    def folders(self) -> list[Path]:
        """The watched folders, absolute."""
        return [folder.path for folder in self._folders]

    def take(self) -> Sightings:
        """Take what was noticed since the last call."""
        with self._lock:
            taken = Sightings(self._sighted, self._scan, self._lost)
            self._sighted, self._scan, self._lost = set(), False, False
        return taken

    def check(self, *, renew: bool = False) -> Iterator[Change]:
        """Watch what has (re)appeared, let go of what has vanished; tells each change once.

        With `renew`, watched folders are observed anew: a watch may be dead without a word (a disk unmounted and
        mounted again in a moment).
        """
        disorder, self._disorder = self._disorder, False
        for folder in self._folders:
            identity = _identity(folder.path)
            # polling cannot die without a word, and begins with a look at everything there is
            outdated = disorder or (renew and not isinstance(folder.observer, PollingObserverVFS))
            if identity is not None and identity == folder.identity and _alive(folder.observer) and not outdated:
                continue
            if folder.observer is not None:
                _stop(folder.observer)
                folder.observer = None
            if identity is None:
                yield from folder.lost("the folder is not there (yet): mount its disk, or check the name")
                continue
            if folder.identity not in {None, identity}:
                yield from folder.lost("another disk or folder took its place")
            if not os.access(folder.path, os.R_OK | os.X_OK):
                yield from folder.lost("it may not be read: give arwatch's user access to it")
                continue
            try:
                self._claim(folder.path)
                folder.observer, how = self._observe(folder.path)
            except ArwatchError as error:
                yield from folder.lost(str(error))
            except (OSError, RuntimeError) as error:  # RuntimeError: no room for a thread
                yield from folder.lost(_watch_limit(error))
            else:
                self._ask_for_scan()
                yield from folder.found(identity, how)

    def scan(self) -> Iterator[tuple[Path, Look]]:
        """Go through the watched folders and give every frame there, oldest first in each folder."""
        for folder in self._folders:
            if folder.identity is not None:
                yield from scan(folder.path, self.wanted, recursive=self._settings.recursive)

    def wanted(self, name: str) -> bool:
        """Whether a file of this name may be a frame."""
        return is_frame(name, self._settings.patterns, self._suffix)

    def close(self) -> None:
        """Stop observing."""
        logging.getLogger("watchdog").removeHandler(self._alarm)
        threading.excepthook = self._excepthook
        for folder in self._folders:
            if folder.observer is not None:
                _stop(folder.observer)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take note of an event (called in the observer's thread)."""
        path = Path(os.fsdecode(event.dest_path or event.src_path))
        if self._is_hidden(path):
            return
        if event.is_directory:
            if self._settings.recursive and event.event_type in {"created", "moved"}:
                self._ask_for_scan()  # its files may have been there before it was watched
        elif self.wanted(path.name):
            with self._lock:
                self._sighted.add(path)
            self._wake()

    def _is_hidden(self, path: Path) -> bool:
        """Whether it lies in a hidden folder below a watched one (`.Trash-1000`, `.stversions`)."""
        below = (path.relative_to(f.path).parts for f in self._folders if path.is_relative_to(f.path))
        return any(part.startswith(".") for parts in below for part in parts)

    def _events_lost(self) -> None:
        with self._lock:
            self._lost = True
        self._ask_for_scan()

    def _thread_died(self, _failure: threading.ExceptHookArgs) -> None:
        """Observe anew: one of watchdog's threads ended over its books (a folder renamed onto a removed one)."""
        self._disorder = True
        self._events_lost()

    def _ask_for_scan(self) -> None:
        with self._lock:
            self._scan = True
        self._wake()

    def _observe(self, path: Path) -> tuple[BaseObserver, str]:
        kind = self._settings.observer
        if kind != "polling" and not (kind == "auto" and file_system(path) in NETWORK):
            try:
                return self._started(Observer(timeout=1.0), path), "native"
            except (OSError, RuntimeError):  # the kernel's limits (see `arwatch check`)
                if kind == "native":
                    raise
        # lstat: like `scan` it follows no links to folders
        observer = PollingObserverVFS(stat=os.lstat, listdir=os.scandir, polling_interval=1.0)
        return self._started(observer, path), "polling"

    def _started(self, observer: BaseObserver, path: Path) -> BaseObserver:
        # "/.": watchdog does not follow a link that it is given, a watched folder may be one
        observer.schedule(self, f"{path}/.", recursive=self._settings.recursive, event_filter=list(EVENTS))
        try:
            observer.start()
        except BaseException:
            _stop(observer)  # its threads and descriptors do not go by themselves
            raise
        return observer


class _Alarm(logging.Handler):
    """Hears of lost events: watchdog says so in its log only (`Inotify queue overflowed`)."""

    def __init__(self, lost: Callable[[], None], scan: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._lost = lost
        self._scan = scan

    def emit(self, record: logging.LogRecord) -> None:
        """Ask for a scan, whatever it was that watchdog warns of."""
        (self._lost if "overflow" in record.getMessage() else self._scan)()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def _alive(observer: BaseObserver | None) -> bool:
    return observer is not None and observer.is_alive() and all(e.is_alive() for e in observer.emitters)


def _watch_limit(error: OSError | RuntimeError) -> str:
    if isinstance(error, RuntimeError):
        return f"cannot be watched: {error}"
    if error.errno in {24, 28}:  # EMFILE, ENOSPC: inotify's way to say so
        return "the kernel's limit is reached: raise fs.inotify.max_user_watches and max_user_instances"
    return f"cannot be watched: {error.strerror}"


def _stop(observer: BaseObserver) -> None:
    try:
        observer.stop()
    except (KeyError, OSError, AssertionError):
        # its books are in disorder; the one thread that is left of it tells nothing any more
        observer.event_queue.put(EventDispatcher.stop_event)
        if (inotify := getattr(observer, "_inotify_fd", None)) is not None:
            inotify.stop()
        return
    if observer.is_alive():
        observer.join(5.0)
