"""One folder observed by watchdog: names of files that came, changed or went, and the doubt that there were more."""

from __future__ import annotations

import logging
import os
import threading
import traceback
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import EventDispatcher
from watchdog.observers.polling import PollingObserverVFS
from watchdog.utils import BaseThread

from arwatch.platform.fs import file_system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watchdog.observers.api import BaseObserver

EVENTS = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileClosedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]
NETWORK = frozenset(
    {"9p", "afs", "ceph", "cifs", "davfs", "fuse.gvfsd-fuse", "fuse.rclone", "fuse.sshfs"}
    | {"glusterfs", "nfs", "nfs4", "smb3", "smbfs"}
)
"""File systems where changes made elsewhere raise no local event (watchfiles 134, watchdog 458)."""


class Observation(FileSystemEventHandler):
    """A folder while it is observed.

    Parameters
    ----------
    folder : Path
        The folder, absolute.
    kind : {"auto", "native", "polling"}
        By the kernel's events, or by looking again and again; `auto`: what its file system can do.
    recursive : bool
        Its subfolders, too.
    wanted : callable
        Name -> whether it may be a frame.
    noticed : callable
        Called from other threads with the path of a file to look at, or None: there may be more in the folder than
        was told.

    Raises
    ------
    OSError, RuntimeError
        The machine has no room for it (inotify's limits, threads).
    """

    def __init__(
        self,
        folder: Path,
        kind: Literal["auto", "native", "polling"],
        *,
        recursive: bool,
        wanted: Callable[[str], bool],
        noticed: Callable[[Path | None], None],
    ) -> None:
        self._folder = folder
        self._recursive = recursive
        self._wanted = wanted
        self._noticed = noticed
        self._observer, self.how = self._observe(kind)

    def can_die_silently(self) -> bool:
        """Whether events may stop without a word (a disk unmounted and mounted again in a moment)."""
        return self.how == "native"

    def alive(self) -> bool:
        """Whether all of its threads run."""
        return self._observer.is_alive() and all(emitter.is_alive() for emitter in self._observer.emitters)

    def stop(self) -> None:
        """Stop observing."""
        _stop(self._observer)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take note of an event (called in the observer's thread)."""
        source, target = Path(os.fsdecode(event.src_path)), Path(os.fsdecode(event.dest_path or event.src_path))
        if event.is_directory:
            if self._recursive and event.event_type in {"created", "moved"} and not self._is_hidden(target):
                self._noticed(None)  # its files may have been there before it was observed
            return
        for path in dict.fromkeys((source, target)):
            if self._wanted(path.name) and not self._is_hidden(path):
                self._noticed(path)

    def _is_hidden(self, path: Path) -> bool:
        """Whether it lies in a hidden folder below the observed one (`.Trash-1000`, `.stversions`)."""
        below = path.relative_to(self._folder).parts if path.is_relative_to(self._folder) else (".",)
        return any(part.startswith(".") for part in below)

    def _observe(self, kind: str) -> tuple[BaseObserver, str]:
        if kind != "polling" and not (kind == "auto" and file_system(self._folder) in NETWORK):
            try:
                return self._started(Observer(timeout=1.0)), "native"
            except (OSError, RuntimeError):  # the kernel's limits (see `arwatch check`)
                if kind == "native":
                    raise
        # lstat: like a scan it follows no links to folders
        observer = PollingObserverVFS(stat=os.lstat, listdir=os.scandir, polling_interval=1.0)
        return self._started(observer), "polling"

    def _started(self, observer: BaseObserver) -> BaseObserver:
        # "/.": watchdog does not follow a link that it is given, a watched folder may be one
        observer.schedule(self, f"{self._folder}/.", recursive=self._recursive, event_filter=list(EVENTS))
        try:
            observer.start()
        except BaseException:
            _stop(observer)  # its threads and descriptors do not go by themselves
            raise
        return observer


def limit_reached(error: OSError | RuntimeError) -> str:
    """Explain why a folder cannot be observed, and what to do."""
    if isinstance(error, RuntimeError):
        return f"cannot be watched: {error}"
    if error.errno in {24, 28}:  # EMFILE, ENOSPC: inotify's way to say so
        return "the kernel's limit is reached: raise fs.inotify.max_user_watches and max_user_instances"
    return f"cannot be watched: {error.strerror}"


@contextmanager
def trouble(overflowed: Callable[[], None], died: Callable[[str], None]) -> Iterator[None]:
    """Learn what watchdog tells nobody else, while the block runs.

    Parameters
    ----------
    overflowed : callable
        Called from any thread when the kernel dropped events: watchdog says so in its log only.
    died : callable
        Called with the traceback when one of watchdog's threads ended by an error.
    """
    logger = logging.getLogger("watchdog")
    handlers: list[logging.Handler] = [_Overflow(overflowed), logging.NullHandler()]
    for handler in handlers:
        logger.addHandler(handler)
    before = threading.excepthook

    def hook(failure: threading.ExceptHookArgs) -> None:
        if isinstance(failure.thread, BaseThread):
            error = failure.exc_value or failure.exc_type()
            died("".join(traceback.format_exception(error)))
        else:
            before(failure)

    threading.excepthook = hook
    try:
        with warnings.catch_warnings():
            # of a subfolder that it meets twice while it is being made; harmless, and no line for the log
            warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
            yield
    finally:
        threading.excepthook = before
        for handler in handlers:
            logger.removeHandler(handler)


class _Overflow(logging.Handler):
    def __init__(self, overflowed: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._overflowed = overflowed

    def emit(self, record: logging.LogRecord) -> None:
        """Act on the one warning that means lost events."""
        if "overflow" in record.getMessage():
            self._overflowed()


def _stop(observer: BaseObserver) -> None:
    try:
        observer.stop()
    except (KeyError, OSError, AssertionError):
        # watchdog's tables no longer agree with the kernel's watches, so its stop fails half-way (KeyError in
        # InotifyFD.remove_callbacks); its dispatcher and reader are ended one by one, the emitter ends with them
        observer.event_queue.put(EventDispatcher.stop_event)
        if (inotify := getattr(observer, "_inotify_fd", None)) is not None:
            inotify.stop()
        return
    if observer.is_alive():
        observer.join(5.0)
