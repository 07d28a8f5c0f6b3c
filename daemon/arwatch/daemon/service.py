"""The daemon: signals, the clock, and one loop that waits for files, workers and time."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import ExitStack, suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from arwatch import __version__
from arwatch.daemon import lease
from arwatch.daemon.frames import Frames
from arwatch.daemon.heartbeat import TELL_S, Pulse, status
from arwatch.daemon.watch import Watcher
from arwatch.errors import ArwatchError, SettingsError
from arwatch.ledger.store import Ledger, set_aside
from arwatch.output.publish import remove_stale
from arwatch.platform import machine, paths
from arwatch.platform.fs import look
from arwatch.telling import systemd
from arwatch.telling.log import Log
from arwatch.work.local import LocalPool
from arwatch.work.pool import Done, Lost
from arwatch.work.worker import Compiling, Ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from arwatch.model.job import Look
    from arwatch.settings import Settings

EX_OK, EX_SOFTWARE, EX_TEMPFAIL = 0, 70, 75
FOLDERS_S = 3.0
"""How often folders are looked for that came or went."""
SLICE_S = 0.2
"""How long frames are taken up in one go."""


class Service:
    """One run of the daemon.

    Parameters
    ----------
    settings : Settings
        With the folders to watch.
    reread : callable
        Reads the settings again (SIGHUP); may raise SettingsError.
    log : Log
        Where events go.
    """

    def __init__(self, settings: Settings, reread: Callable[[], Settings], log: Log) -> None:
        self._settings = settings
        self._reread = reread
        self._log = log
        self._signals: list[int] = []
        self._on_terminal = os.isatty(2)  # if that is closed, SIGHUP means its end, else "read the settings again"
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stop_by: float | None = None
        self._ready = False
        self._due = dict.fromkeys(("folders", "rescan"), 0.0)
        self._scan: Iterator[tuple[Path, Look]] | None = None
        self._starting = True
        self._pool_outdated = False
        self._began = time.monotonic()
        self._pulse = Pulse(self._began)
        self._ledger_quiet_until = 0.0

    def run(self) -> int:
        """Watch until a signal ends it; gives the exit code."""
        with ExitStack() as opened:
            try:
                self._open(opened)
                while not self._ended():
                    try:
                        self._turn()
                        self._sleep()
                    except sqlite3.DatabaseError as error:
                        self._mend_ledger(error)
                self._stop()
            except (ArwatchError, OSError, sqlite3.DatabaseError) as error:
                self._log("service.failed", reason=str(error))
                return EX_TEMPFAIL if isinstance(error, lease.LeaseError) else EX_SOFTWARE
        return EX_OK

    # -- beginning and end ---------------------------------------------------------------------------------

    def _open(self, opened: ExitStack) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            opened.callback(signal.signal, number, signal.signal(number, self._on_signal))
        self._watcher = self._new_watcher()
        opened.callback(self._let_go)
        roots = self._watcher.folders
        for folder in roots:
            _claim(folder)
        ledger = self._open_ledger(roots)
        for entry in ledger.entries("working"):
            remove_stale((entry.output or entry.path).parent)
        ledger.reclaim()
        count = machine.worker_count(self._settings.workers)
        folders = [str(folder) for folder in roots]
        self._log("service.started", version=__version__, folder=folders, workers=count, pid=os.getpid())
        systemd.notify(STATUS="starting the workers")
        self._frames = Frames(self._settings, roots, ledger, self._new_pool(), self._log)
        opened.callback(self._frames.close)

    def _let_go(self) -> None:
        self._watcher.close()
        for folder in self._watcher.folders:
            lease.release(folder)

    def _new_watcher(self) -> Watcher:
        watch, suffix = self._settings.watch, self._settings.output.suffix
        return Watcher(watch, suffix, wake=self._wake, claim=_claim)

    def _new_pool(self) -> LocalPool:
        return LocalPool.from_settings(self._settings.workers, paths.cache_folder())

    def _open_ledger(self, roots: list[Path]) -> Ledger:
        folder = paths.state_folder(self._settings.state)
        try:
            ledger = Ledger(folder, roots)
        except sqlite3.DatabaseError as error:
            return self._new_ledger(folder, roots, error)
        if ledger.created:
            self._log("ledger.created", path=str(ledger.path))
        return ledger

    def _new_ledger(self, folder: Path, roots: list[Path], error: sqlite3.DatabaseError) -> Ledger:
        """Begin a new one in place of one that is damaged."""
        kept = set_aside(folder)
        self._log("ledger.set_aside", reason=f"{error}; kept as {kept.name}, rebuilt from the folders")
        return Ledger(folder, roots)

    def _mend_ledger(self, error: sqlite3.DatabaseError) -> None:
        """Go on without the ledger's word: what it missed is found out by a scan."""
        if isinstance(error, sqlite3.OperationalError):  # full disk, I/O error, locked
            now = time.monotonic()
            if now >= self._ledger_quiet_until:
                self._ledger_quiet_until = now + TELL_S
                self._log("ledger.failed", reason=f"{error}; tried again every second")
            # a new start would find the same disk: nothing here hangs
            systemd.notify(WATCHDOG="1", STATUS=f"the ledger cannot be used: {error}")
            time.sleep(1.0)  # not to be woken: a burst of frames must not become a burst of attempts
        else:
            self._frames.ledger.close()
            folder = self._frames.ledger.path.parent  # not that of settings that were changed since
            self._frames.ledger = self._new_ledger(folder, self._watcher.folders, error)
        self._due["rescan"] = 0.0

    def _ended(self) -> bool:
        if self._stop_by is None:
            return False
        return not self._frames.in_work or time.monotonic() >= self._stop_by

    def _stop(self) -> None:
        waiting = None
        with suppress(sqlite3.DatabaseError):  # the next start puts them back
            self._frames.abandon()
            waiting = self._frames.ledger.waiting() + self._frames.unsettled
        uptime_s = round(time.monotonic() - self._began)
        self._log("service.stopped", **self._frames.tally, waiting=waiting, uptime_s=uptime_s)

    # -- one turn of the loop ------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._heed_signals()
        for report in self._frames.pool.collect():
            self._hear(report)
        if self._stop_by is None:
            self._look_around()
            self._frames.settle(time.monotonic() + SLICE_S)
            if self._pool_outdated and not self._frames.in_work:
                self._frames.pool.close()
                self._frames.pool, self._pool_outdated = self._new_pool(), False
            if not self._pool_outdated:
                self._frames.dispatch()
        if self._ready:
            self._pulse.beat(self._frames, self._log, self._settings.workers.timeout_s, time.monotonic())

    def _sleep(self) -> None:
        if self._ended():
            return
        now = time.monotonic()
        naps = [self._frames.pool.sleep(), self._pulse.sleep(now) if self._ready else None]
        if self._stop_by is not None:
            naps.append(self._stop_by - now)
        else:
            naps += [self._frames.sleep(now), 0.0 if self._scan else None, *(due - now for due in self._due.values())]
        longest = max(0.0, min(nap for nap in naps if nap is not None))
        wait([*self._frames.pool.handles(), self._wake_read], longest)
        with suppress(BlockingIOError):
            os.read(self._wake_read, 1 << 16)

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # a full pipe wakes as well
            os.write(self._wake_write, b"!")

    def _on_signal(self, number: int, _frame: object) -> None:
        self._signals.append(number)
        self._wake()

    def _heed_signals(self) -> None:
        while self._signals:
            number = self._signals.pop(0)
            if number == signal.SIGHUP and (not self._on_terminal or os.isatty(2)):
                if self._stop_by is None:
                    self._reload()
            elif self._stop_by is None:
                in_work = self._frames.in_work
                self._stop_by = time.monotonic() + self._settings.service.stop_timeout_s
                self._log("service.stopping", signal=signal.Signals(number).name, in_work=in_work)
                systemd.notify(STOPPING="1", STATUS=f"finishing {in_work} frames")
            else:
                self._stop_by = time.monotonic()  # asked twice: at once

    def _reload(self) -> None:
        systemd.notify(RELOADING="1", MONOTONIC_USEC=str(time.monotonic_ns() // 1000))
        try:
            new = self._reread()
        except (SettingsError, OSError) as error:
            self._log("service.reload_failed", reason=str(error))
        else:
            self._apply(new)
            self._log("service.reloaded")
        if self._ready:
            systemd.notify(READY="1")

    def _apply(self, new: Settings) -> None:
        old, self._settings = self._settings, new
        if new.log != old.log:
            self._log = self._frames.log = Log(new.log)
        if (new.watch, new.output.suffix) != (old.watch, old.output.suffix):
            before = self._watcher.folders
            self._watcher.close()
            self._watcher = self._new_watcher()
            for folder in set(before).difference(self._watcher.folders):
                lease.release(folder)
            self._scan, self._due["rescan"] = None, 0.0
        self._pool_outdated = self._pool_outdated or new.workers != old.workers
        self._frames.apply(new, self._watcher.folders)

    def _look_around(self) -> None:
        """Notice folders that come and go, take the watcher's sightings, scan when it is time."""
        now = time.monotonic()
        rescan = self._scan is None and now >= self._due["rescan"]
        if rescan or now >= self._due["folders"]:
            self._due["folders"] = now + FOLDERS_S
            for change in self._watcher.check(renew=rescan):
                facts = {"reason" if change.what == "lost" else "how": change.how}
                self._log(f"watch.{change.what}", folder=str(change.folder), **facts)
                if change.what != "lost":
                    remove_stale(change.folder)  # it may be back from a power cut of its own
        sightings = self._watcher.take()
        if sightings.lost:
            self._log("watch.overflowed")
        for path in sightings.frames:
            if (found := look(path)) is not None:
                self._frames.sighted(path, found)
        if rescan or (sightings.scan and self._scan is None):
            self._due["rescan"] = now + self._settings.watch.rescan_s
            self._scan = self._watcher.scan()
        elif sightings.scan:
            self._due["rescan"] = now  # once more when this one is through
        self._go_on_scanning(now + SLICE_S)

    def _go_on_scanning(self, until: float) -> None:
        """Take up what a scan finds; thousands of frames are taken up in slices, work and signals between them."""
        for path, found in self._scan or ():
            if self._starting:
                self._frames.clear_away(path)
            self._frames.sighted(path, found, starting=self._starting)
            if time.monotonic() > until:
                return
        if self._scan is not None:
            self._scan, self._starting = None, False

    def _hear(self, report: Ready | Compiling | Done | Lost) -> None:
        now = time.monotonic()
        if not isinstance(report, Lost):
            self._pulse.heard(now, finished=isinstance(report, Done))
        if isinstance(report, Done):
            self._frames.finish(report.job, report.outcome)
        elif isinstance(report, Lost):
            frame = report.job.source.path.name if report.job else None
            self._log("worker.lost", frame=frame, reason=report.reason)
        elif self._ready:
            return
        elif isinstance(report, Compiling):
            self._log("service.compiling", folder=str(paths.cache_folder()))
            systemd.notify(STATUS="compiling the kernels for this machine", EXTEND_TIMEOUT_USEC=str(300 * 10**6))
        else:
            self._ready = True
            self._log("service.ready", seconds=round(now - self._began, 2))
            systemd.notify(READY="1", STATUS=status(self._frames, now))


def _claim(folder: Path) -> None:
    """Take or renew a folder's lease; where it cannot be written, nobody can quarrel over outputs there."""
    with suppress(OSError):
        lease.acquire(folder)
