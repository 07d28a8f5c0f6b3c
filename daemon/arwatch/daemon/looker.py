"""The process that looks at folders: its threads ask file systems, so that the daemon's own process never does.

A process whose file system does not answer cannot be ended by anything, not by SIGKILL either (the kernel waits for
the answer). The daemon must end when it is told to, so all that may wait for a file system is done elsewhere: reading
and writing frames in workers, looking and listing here. If the daemon dies, this process dies with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any, TypeAlias

from arwatch.daemon.folder import WatchedFolder
from arwatch.daemon.folder_thread import FolderThread
from arwatch.daemon.news import Broke, EventsLost, ObserverDied, State
from arwatch.daemon.watch import trouble
from arwatch.platform.processes import die_with_parent

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from arwatch.settings import Watch

STATE_S = 1.0
"""How often it is told how each folder is."""
PART_S = 2.0
"""How long folders' threads are given to end."""


@dataclass(frozen=True, slots=True)
class LookAt:
    """Begin to look at a folder; with `watch` its frames are told, too."""

    folder: Path
    watch: Watch | None = None
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Leave:
    """Do not look at a folder any more."""

    folder: Path


@dataclass(frozen=True, slots=True)
class Ask:
    """Let a folder's thread do something: the name of a method of its class, and its arguments."""

    folder: Path
    what: str
    arguments: tuple[Any, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()


Order: TypeAlias = LookAt | Leave | Ask


class Looker:
    """The process, as the daemon has it: orders go in, news come out.

    Forks, and must therefore be made while no other thread runs.
    """

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        daemon = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _be_the_looker(theirs, daemon)
        theirs.close()

    @property
    def pipe(self) -> Connection:
        """Readable when there are news, or when the process has ended."""
        return self._pipe

    def order(self, order: Order) -> None:
        """Give an order; where the process has ended, `news` tells so."""
        with contextlib.suppress(OSError):
            self._pipe.send(order)

    def news(self) -> Any:  # whatever a folder's thread posts
        """Give the oldest news, None where there are none.

        Raises
        ------
        EOFError
            The process has ended.
        """
        try:
            return self._pipe.recv() if self._pipe.poll() else None
        except OSError as error:
            raise EOFError from error

    def close(self, patience_s: float = 2 * PART_S) -> bool:
        """Let the process end; gives whether it did, or a file system holds it."""
        self._pipe.close()
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return True
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        time.sleep(0.05)
        return os.waitpid(self.pid, os.WNOHANG)[0] != 0


def _be_the_looker(pipe: Connection, daemon: int) -> None:
    """Be the process, in the child of a fork: with nothing of the daemon's but the pipe and stderr."""
    try:
        die_with_parent()
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the daemon decides
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # what it holds open would keep the daemon's workers from noticing that the daemon is gone
        os.closerange(3, pipe.fileno())
        os.closerange(pipe.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
        if os.getppid() == daemon:  # else it died before `die_with_parent`
            _Looking(pipe, daemon).serve()
    finally:
        os._exit(0)  # nothing of the daemon's is to be tidied up here


class _Looking:
    """The threads of this process, and the orders that they are given."""

    def __init__(self, pipe: Connection, daemon: int) -> None:
        self._pipe = pipe
        self._daemon = daemon
        self._threads: dict[Path, FolderThread] = {}
        self._leaving: dict[Path, FolderThread] = {}
        self._sending = threading.Lock()

    def serve(self) -> None:
        """Take orders until the daemon closes its end."""
        threading.Thread(target=self._tell_states, daemon=True).start()
        with trouble(lambda: self._post(EventsLost()), lambda evidence: self._post(ObserverDied(evidence))):
            with contextlib.suppress(EOFError, OSError):
                while True:
                    order = self._pipe.recv()
                    try:
                        self._obey(order)
                    except Exception:
                        self._post(Broke(order.folder, traceback.format_exc()))
            threads = list(self._threads.values())
            for thread in threads:
                thread.stop()
            deadline = time.monotonic() + PART_S
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _obey(self, order: Order) -> None:
        match order:
            case LookAt(folder=folder, watch=None):
                self._begin(FolderThread(folder, self._post))
            case LookAt(folder=folder, watch=watch, suffix=suffix):
                assert watch is not None  # noqa: S101 -- for the type checker
                self._begin(WatchedFolder(folder, watch, suffix, self._post, holder=self._daemon))
            case Leave(folder=folder):
                if (thread := self._threads.pop(folder, None)) is not None:
                    thread.stop()
                    self._leaving[folder] = thread
            case Ask(folder=folder, what=what, arguments=arguments, options=options):
                if (thread := self._threads.get(folder)) is not None:
                    getattr(thread, what)(*arguments, **dict(options))

    def _begin(self, thread: FolderThread) -> None:
        before = self._threads.get(thread.path)
        if before is not None and before.is_alive():  # told as broken by an order that it could not be given
            before.stop()
            self._leaving[thread.path] = before
        self._threads[thread.path] = thread
        # the lease that a new thread takes would be given back by the one of before, which is the same daemon
        thread.start_after(self._leaving.pop(thread.path, None))

    def _post(self, news: object) -> None:
        """Send news; who has more than the daemon takes waits here."""
        with self._sending, contextlib.suppress(OSError):  # the daemon has gone
            self._pipe.send(news)

    def _tell_states(self) -> None:
        while True:
            for thread in list(self._threads.values()):
                self._post(State(thread.path, thread.silent_s(), thread.free))
            time.sleep(STATE_S)
