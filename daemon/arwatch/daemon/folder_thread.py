"""A folder that is looked at from a thread of its own: whatever its file system does, nothing else waits for it.

The thread asks the file system, and posts what it found to the loop. The loop never asks itself; it only notes for
how long the thread has had no answer.
"""

from __future__ import annotations

import os
import stat
import threading
import time
import traceback
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from arwatch.daemon.news import Broke, Missing, OutputFound, Present, Writable
from arwatch.output.publish import remove_stale
from arwatch.platform.access import why_not_writable
from arwatch.platform.fs import belongs_on_a_disk_that_is_away, is_mounted, look, mount_point
from arwatch.work.disk import UNKNOWN, free_room

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from arwatch.model.job import Look

CHECK_S = 3.0
"""How often it is asked whether a folder is there, and how much room it has."""

TRIES = 5
"""How often a disk that fails now and then is asked before its folder counts as missing."""

Identity: TypeAlias = tuple[int, int]
"""Device and inode: another disk under the same name is another folder."""


class FolderThread(threading.Thread):
    """A folder and its thread.

    Parameters
    ----------
    path : Path
        The folder, absolute.
    post : callable
        Takes what the loop should know; may wait while the loop has enough to do.

    Attributes
    ----------
    free : Free
        What could still be written there when it was last asked.
    """

    def __init__(self, path: Path, post: Callable[[object], None]) -> None:
        super().__init__(name=f"arwatch-{path.name}"[:15], daemon=True)  # daemon: a hanging one holds up no exit
        self.path = path
        self.free = UNKNOWN
        self._hand_over = post
        self._tasks: deque[Callable[[], None]] = deque()
        self._something = threading.Condition()
        self._stopped = False
        self._asked_at: float | None = None
        self._check_due = 0.0
        self._identity: Identity | None = None
        self._told_missing: str | None = None
        self._told_unwritable: str | None = None
        self._mount: Path | None = None
        self._before: FolderThread | None = None

    # -- what the loop calls -----------------------------------------------------------------------------------

    def start_after(self, before: FolderThread | None) -> None:
        """Start when the folder's thread of before, which was stopped, has given back what it took in the folder."""
        self._before = before
        self.start()

    def silent_s(self) -> float:
        """Seconds for which the file system has not answered; 0: nothing was asked."""
        since = self._asked_at
        return time.monotonic() - since if since is not None else 0.0

    def do(self, task: Callable[[], None]) -> None:
        """Let the thread do something that asks the file system."""
        with self._something:
            self._tasks.append(task)
            self._something.notify()

    def clear_away(self, folder: Path, root: Path) -> None:
        """Remove what a killed worker or a power cut left of unfinished outputs in a folder below `root`."""
        self.do(lambda: _ignore(remove_stale(folder, within=root)))

    def look_for_output(self, path: Path, found: Look, output: Path) -> None:
        """Post `OutputFound` for a frame."""
        self.do(lambda: self._post(OutputFound(path, found, look(output))))

    def measure(self) -> None:
        """Ask for the room on the disk now."""
        self.do(self._measure)

    def stop(self) -> None:
        """Let the thread end when its file system answers."""
        with self._something:
            self._stopped = True
            self._something.notify()

    # -- the thread --------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Look, do what was asked for, sleep, until it is stopped."""
        try:
            if self._before is not None:
                self._answered()
                self._before.join()
                self._before = None
            while not self._stopped:
                self._turn()
                self._sleep()
            while self._tasks:  # what was asked for before the end
                self._tasks.popleft()()
            self._leave()
        except Exception:
            evidence = traceback.format_exc()
            with suppress(Exception):  # whatever is wrong with it: the loop must hear of the mistake
                self._let_go()
            self._post(Broke(self.path, evidence))
        finally:
            self._asked_at = None

    def _turn(self) -> None:
        self._answered()
        if time.monotonic() >= self._check_due:
            self._check()
            self._check_due = time.monotonic() + CHECK_S
        while self._tasks and not self._stopped:
            self._tasks.popleft()()
            self._answered()

    def _sleep(self) -> None:
        self._asked_at = None
        with self._something:
            nap = self._nap(time.monotonic())
            if not self._stopped and not self._tasks and nap > 0:
                self._something.wait(nap)

    def _nap(self, now: float) -> float:
        """Seconds until something is due."""
        return max(0.0, self._check_due - now)

    def _answered(self) -> None:
        """Note that the file system has answered, and that it is asked the next thing now."""
        self._asked_at = time.monotonic()

    def _post(self, news: object) -> None:
        """Hand news to the loop; that the loop has no time for it is no silence of the file system."""
        self._asked_at = None
        self._hand_over(news)
        self._answered()

    def _leave(self) -> None:
        """Give back what was taken in the folder."""

    def _let_go(self) -> None:
        """End what would go on without this thread."""

    # -- is it there -------------------------------------------------------------------------------------------

    def _check(self) -> None:
        identity = _identity_of(self.path)
        why = self._why_missing(identity)
        if why is None and identity is not None:
            if self._identity not in {None, identity}:
                self._lose("another disk or folder took its place")
            self._arrive(identity)
            self._measure()
            self._check_writable()
        else:
            self._lose(why or "")

    def _why_missing(self, identity: Identity | None) -> str | None:
        """Say why the folder cannot be used, and what to do; None: it can."""
        if self._disk_is_away():
            return "its disk is not mounted: plug it in or mount it"
        if identity is None:
            return "the folder is not there (yet): mount its disk, make it, or check the name"
        if not os.access(self.path, os.R_OK | os.X_OK):
            return "it may not be read: give arwatch's user access to it"
        return None

    def _disk_is_away(self) -> bool:
        """Whether outputs would be written below the place where a disk belongs, not on that disk."""
        return belongs_on_a_disk_that_is_away(self.path) or (self._mount is not None and not is_mounted(self._mount))

    def _arrive(self, identity: Identity) -> None:
        if identity != self._identity:
            self._identity, self._told_missing = identity, None
            if (mount := mount_point(self.path)) != mount.parent:
                self._mount = mount  # not the root's: from now on the folder is where this disk is
            self._post(Present(self.path, ""))

    def _lose(self, why: str, *, leased: bool = False) -> None:
        self._identity = None
        if self._told_missing is None:
            self._told_missing = why
            self._post(Missing(self.path, why, leased))

    def _measure(self) -> None:
        self.free = free_room(self.path)

    def _check_writable(self) -> None:
        """Tell whether outputs can be written here, when that changes."""
        why = why_not_writable(self.path)
        if why != self._told_unwritable:
            self._told_unwritable = why
            self._post(Writable(self.path, why))


def _identity_of(path: Path) -> Identity | None:
    for _ in range(TRIES):
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        except OSError:
            continue
        return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None
    return None


def _ignore(_value: object) -> None:
    """Let a task have no value."""
