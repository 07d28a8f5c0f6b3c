"""The daemon: one loop that waits for files, workers, signals and time."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import ExitStack, suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from arwatch import __version__
from arwatch.daemon import lease, reloading
from arwatch.daemon.arrivals import Arrivals
from arwatch.daemon.first_scan import ALL, Backlog
from arwatch.daemon.folders import Folders
from arwatch.daemon.heartbeat import SPARE_S, TELL_S, Heartbeat, status
from arwatch.daemon.ledger_start import begin_anew, open_ledger
from arwatch.daemon.report import Report
from arwatch.daemon.retention import Retention
from arwatch.errors import ArwatchError, SettingsError
from arwatch.ledger.faults import DamagedLedgerError, is_passing
from arwatch.model.outcome import Skipped, Written
from arwatch.output.previews import FOLDER as PREVIEWS
from arwatch.platform import machine, paths
from arwatch.process.stages import recipe
from arwatch.telling import systemd
from arwatch.telling.log import Log
from arwatch.work.happenings import Ended, Returned
from arwatch.work.local_pool import LocalPool
from arwatch.work.pool import Lost
from arwatch.work.retry import Policy
from arwatch.work.scheduler import Scheduler
from arwatch.work.worker import Compiling, Ready

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

    from arwatch.daemon.signals import Signals
    from arwatch.settings import Settings
    from arwatch.work.happenings import Happening

EX_OK, EX_SOFTWARE, EX_TEMPFAIL = 0, 70, 75


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
    signals : Signals
        What asks the daemon to end or to read its settings again; noted since before `settings` were read.
    source : Path or None
        The settings' file; None: they are the defaults.
    backlog : Backlog
        Which of the frames that are there already are left alone.
    """

    def __init__(
        self,
        settings: Settings,
        reread: Callable[[], Settings],
        log: Log,
        signals: Signals,
        *,
        source: Path | None = None,
        backlog: Backlog = ALL,
    ) -> None:
        self._settings = settings
        self._source = str(source) if source else "none, defaults"
        self._backlog = backlog
        self._state_in_use = settings.state
        self._reread = reread
        self._signals = signals
        self._report = Report(log)
        self._on_terminal = os.isatty(2)  # if that is closed, SIGHUP means its end, else "read the settings again"
        self._stop_by: float | None = None
        self._ready = False
        self._began = time.monotonic()
        self._heartbeat = Heartbeat(self._began)
        self._ledger_quiet_until = 0.0
        self._retention = Retention()
        self.left_behind: list[str] = []
        """What the kernel has to end, since a file system does not answer: folders' threads, workers."""

    def run(self) -> int:
        """Watch until a signal ends it; gives the exit code."""
        with ExitStack() as opened:
            try:
                self._open(opened)
                while not self._ended():
                    try:
                        self._turn()
                        self._sleep()
                    except (DamagedLedgerError, sqlite3.Error) as error:
                        self._mend_ledger(error)
                self._stop()
            except (ArwatchError, OSError, sqlite3.Error) as error:
                self._log("service.failed", reason=str(error))
                return EX_TEMPFAIL if isinstance(error, lease.LeaseError) else EX_SOFTWARE
        return EX_OK

    # -- the loop ------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        for number in self._signals.take():
            self._act_on(number)
        for happening in self._scheduler.collect():
            self._happened(happening)
        if len(self._arrivals.kept) and not self._has_work():
            self._arrivals.kept.tell(self._folders.paths)
        if self._stop_by is None:
            for item in self._folders.news_of_frames(self._report):
                self._arrivals.take(item)
            self._scheduler.close_roots(self._folders.closed_roots(), self._folders.stalled_roots())
            for happening in self._scheduler.dispatch():
                self._happened(happening)
            self._retention.apply(self._arrivals.ledger, self._settings.state.keep_days, time.monotonic())
        if self._ready:
            troubles, timeout_s = self._folders.troubles(), self._settings.workers.timeout_s
            self._heartbeat.renew(self._scheduler, self._report, troubles, timeout_s, time.monotonic())

    def _sleep(self) -> None:
        if self._ended():
            return
        now = time.monotonic()
        naps = [
            self._scheduler.sleep(),
            self._heartbeat.sleep(now) if self._ready else None,
            self._folders.sleep() if self._stop_by is None else self._stop_by - now,
        ]
        handles: list[Connection | int] = [*self._scheduler.handles(), self._signals.fileno()]
        if self._stop_by is None:
            handles += self._folders.handles()
        wait(handles, max(0.0, min((nap for nap in naps if nap is not None), default=1.0)))

    def _has_work(self) -> bool:
        return bool(len(self._arrivals) or self._scheduler.in_work or self._scheduler.waiting())

    def _ended(self) -> bool:
        if self._stop_by is None:
            return False
        return not self._scheduler.in_work or time.monotonic() >= self._stop_by

    def _happened(self, happening: Happening) -> None:
        now = time.monotonic()
        if not isinstance(happening, Lost):
            self._heartbeat.worker_reported(now, finished=isinstance(happening, Ended))
        if isinstance(happening, Returned):
            self._arrivals.returned(happening.job.source.path, live=happening.entry.live)
        elif isinstance(happening, Compiling) and not self._ready:
            self._log("service.compiling", folder=str(paths.cache_folder()))
            systemd.notify(STATUS="compiling the kernels for this machine", EXTEND_TIMEOUT_USEC=str(300 * 10**6))
        elif isinstance(happening, Ready) and not self._ready:
            self._ready = True
            self._log("service.ready", seconds=round(now - self._began, 2))
            troubles = self._folders.troubles()
            systemd.notify(READY="1", STATUS=status(self._scheduler, self._report, troubles, now))
        waiting, settle_s = self._scheduler.waiting(), self._settings.watch.settle_s
        self._report.happened(happening, settle_s=settle_s, waiting=waiting)
        if isinstance(happening, Ended):
            self._arrivals.ended(happening.job.source.path)
            if isinstance(happening.outcome, Written):
                self._folders.output_written(happening.outcome.output, happening.outcome.size)
            if isinstance(happening.outcome, Skipped) and happening.outcome.outdated:
                self._arrivals.kept.answered(happening.job.source.path, kept=True)

    # -- beginning and end ---------------------------------------------------------------------------------

    def _open(self, opened: ExitStack) -> None:
        self._folders = Folders(self._settings)
        opened.callback(self._folders.close)
        self._folders.begin()
        roots = self._folders.paths
        state = paths.state_folder(self._settings.state)
        ledger = open_ledger(state, roots, self._report.log)
        self._report.remember(ledger)
        for entry in list(ledger.entries("settled")) if self._backlog != ALL else ():
            if self._backlog.leaves(entry.mtime_ns):
                ledger.gone(entry.path)  # a later run without such a wish takes it up
        workers = self._settings.workers
        folders = [str(folder) for folder in roots]
        self._log(
            "service.started",
            version=__version__,
            folder=folders,
            settings=self._source,
            workers=machine.worker_count(workers),
            pid=os.getpid(),
        )
        systemd.notify(STATUS="starting the workers")
        policy = Policy.of_a_service(workers)
        self._scheduler = Scheduler(
            self._settings,
            roots,
            ledger,
            self._pool(),
            policy=policy,
            free=self._folders.free,
            clear_away=self._folders.clear_away,
            previews=state / PREVIEWS,
        )
        opened.callback(self._scheduler.close)
        self._arrivals = Arrivals(
            self._settings, self._folders, ledger, self._scheduler.given, self._report, backlog=self._backlog
        )

    def _stop(self) -> None:
        waiting = None
        with suppress(DamagedLedgerError, sqlite3.OperationalError):  # the next start puts them back
            self._scheduler.abandon()
            waiting = self._scheduler.waiting() + len(self._arrivals)
        self.left_behind = [*map(str, self._folders.close()), *self._scheduler.left_behind()]
        left = {"left_behind": self.left_behind} if self.left_behind else {}
        uptime_s = round(time.monotonic() - self._began)
        self._log("service.stopped", **self._report.counts, waiting=waiting, uptime_s=uptime_s, **left)

    def _pool(self) -> LocalPool:
        return LocalPool.from_settings(self._settings.workers, paths.cache_folder())

    def _log(self, event: str, **facts: object) -> None:
        self._report.log(event, **facts)

    # -- signals -------------------------------------------------------------------------------------------

    def _act_on(self, number: int) -> None:
        if number == signal.SIGHUP and (not self._on_terminal or os.isatty(2)):
            if self._stop_by is None:
                self._reload()
        elif self._stop_by is None:
            in_work = self._scheduler.in_work
            self._stop_by = time.monotonic() + self._settings.service.stop_timeout_s
            self._log("service.stopping", signal=signal.Signals(number).name, in_work=in_work)
            more_s = self._settings.service.stop_timeout_s + SPARE_S  # it may have been raised since the unit was made
            status = f"finishing {in_work} frames"
            systemd.notify(STOPPING="1", EXTEND_TIMEOUT_USEC=str(int(more_s * 1e6)), STATUS=status)
        else:
            self._stop_by = time.monotonic()  # asked twice: at once

    def _reload(self) -> None:
        askers = reloading.askers()  # before the file is read: who asks later wants it read again
        systemd.notify(RELOADING="1", MONOTONIC_USEC=str(time.monotonic_ns() // 1000))
        refused = None
        try:
            new = self._reread()
        except (SettingsError, OSError) as error:
            refused = str(error)
            self._log("service.reload_failed", reason=reloading.on_one_line(refused))
        else:
            old = self._settings
            self._apply(new)
            self._log("service.reloaded", reason="; ".join(reloading.changes(old, new)) or "nothing has changed")
            if waits := reloading.waits_for_restart(self._state_in_use, old, new):
                self._log("service.restart_needed", reason="; ".join(waits))
        if self._ready:
            systemd.notify(READY="1")
        reloading.answer(askers, refused)

    def _apply(self, new: Settings) -> None:
        old, self._settings = self._settings, new
        if new.log != old.log:
            self._report.log = Log(new.log)
        anew = self._folders.apply(new)
        if new.workers != old.workers:
            self._scheduler.renew_pool(self._pool)
        self._scheduler.apply(new, self._folders.paths, Policy.of_a_service(new.workers))
        self._arrivals.apply(new, anew=anew)
        if recipe(new) != recipe(old):
            self._arrivals.kept.count_again()
            self._folders.scan_soon()

    # -- the ledger ----------------------------------------------------------------------------------------

    def _mend_ledger(self, error: DamagedLedgerError | sqlite3.Error) -> None:
        """Go on without the ledger's word: what it missed is found out by a scan."""
        if isinstance(error, DamagedLedgerError):
            folder = self._arrivals.ledger.path.parent  # not that of settings that were changed since
            self._arrivals.ledger.close()
            self._arrivals.use(begin_anew(folder, self._folders.paths, error, self._report.log))
            self._scheduler.use(self._arrivals.ledger)
        elif is_passing(error):  # full disk, I/O error, locked
            now = time.monotonic()
            if now >= self._ledger_quiet_until:
                self._ledger_quiet_until = now + TELL_S
                self._log("ledger.failed", reason=f"{error}; tried again every second")
            # a new start would find the same disk: nothing here hangs
            systemd.notify(WATCHDOG="1", STATUS=f"the ledger cannot be used: {error}")
            time.sleep(1.0)  # not to be woken: a burst of frames must not become a burst of attempts
        else:  # a mistake in arwatch: the ledger is left as it is
            raise error
        self._folders.scan_soon()
