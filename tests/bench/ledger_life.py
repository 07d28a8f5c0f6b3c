"""A life of the daemon that ends when its queue is empty, in a process of its own that is forked and not started.

The service, its log and the process that looks at folders are the real ones. The worker is lent from life to life.
"""

from __future__ import annotations

import json
import os
import select
import signal
import traceback
from collections import Counter
from dataclasses import dataclass, replace

from arwatch.cli import END_S
from arwatch.daemon.service import Service
from arwatch.daemon.signals import Signals
from arwatch.model.outcome import Written
from arwatch.platform.processes import end_all
from arwatch.telling.log import Log
from arwatch.work.pool import Done
from arwatch.work.worker import Ready

LIFE_S = 30.0
"""A life that has not come to its end by then hangs."""
_ENDS = {"frame.seen", "frame.written", "frame.skipped", "frame.failed", "frame.gone"}


class Lent:
    """A pool of the one worker that all lives share; `hold`: frames stay in work."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._job = None
        self._ready = False
        self.hold = False

    def free(self):
        return int(self._ready and self._job is None)

    def busy(self):
        return [self._job] if self._job else []

    def submit(self, job):
        self._job = job
        if not self.hold:
            self._pipe.send(job)

    def handles(self):
        return [self._pipe]

    def sleep(self):
        return None if self._ready else 0.0

    def collect(self):
        if not self._ready:
            self._ready = True
            yield Ready()
        while self._job and self._pipe.poll():
            job, self._job, outcome = self._job, None, self._pipe.recv()
            if isinstance(outcome, Written):  # else the ledger's layout would depend on how quick this machine is
                figures = replace(outcome.figures, decode_s=0.001, subtract_s=0.001, write_s=0.001)
                outcome = replace(outcome, figures=figures)
            yield Done(job, outcome)

    def give_up(self, job):
        raise AssertionError(job)  # no file system stalls here

    def left_behind(self):
        return []

    def close(self):
        pass


class Daemon(Service):
    """The daemon; when it has nothing more to do it goes on with `script`, or asks itself to stop."""

    def __init__(self, settings, signals, pipe, script):
        super().__init__(settings, lambda: settings, Log(settings.log), signals)
        self.lent = Lent(pipe)
        self._script = script and script(self)
        self._scans = 1

    def _pool(self):
        return self.lent

    def _mend_ledger(self, error):
        super()._mend_ledger(error)
        self._scans = 2  # one may have been under way

    def _turn(self):
        super()._turn()
        scanned = self._arrivals.kept._gone_through
        if self._scans and scanned:
            scanned.clear()
            self._scans -= 1
            if self._scans:
                self._folders.scan_soon()
        if self.lent.hold or (self._stop_by is None and not self._scans and self._is_idle()):
            if self._script is None:
                os.kill(os.getpid(), signal.SIGTERM)
            else:
                next(self._script)

    def _is_idle(self):
        arrivals, scheduler = self._arrivals, self._scheduler
        return not (len(arrivals) or arrivals.kept._asked or scheduler.in_work or scheduler.waiting())

    def ask_again(self, path):
        self._arrivals.ledger.ask_again(path)

    def has_gone(self, path):
        return self._arrivals.ledger.had_gone(path)

    def counts(self):
        """Give how many frames are in work, wait, and grow."""
        return self._scheduler.in_work, self._scheduler.waiting(), len(self._arrivals)


@dataclass(frozen=True)
class Life:
    """What is known of a life of the daemon that has ended."""

    code: int | str
    """The exit code, negative where a signal ended it; or `hangs`."""
    events: list[dict[str, object]]
    noise: list[str]
    """Lines of the log that are no events."""

    @classmethod
    def of(cls, code, lines):
        events = [json.loads(line) for line in lines if line.startswith("{")]
        return cls(code, events, [line for line in lines if not line.startswith("{")])

    def frames(self):
        """Give what was told of frames."""
        return Counter((event["event"], event["frame"]) for event in self.events if event["event"] in _ENDS)


def live(settings, pipe, log, script=None):
    """Give a life of the daemon.

    `pipe` leads to the worker, `log` is the file for its log; `script` makes a generator of the daemon, which goes on
    whenever there is nothing to do.
    """
    with log.open("wb") as file:
        pid = os.fork()
        if pid == 0:
            _be_the_daemon(settings, pipe, script, file.fileno())
    waiter = os.pidfd_open(pid)
    hangs = not select.select([waiter], [], [], LIFE_S)[0]
    if hangs:
        os.kill(pid, signal.SIGKILL)
    os.close(waiter)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    while code != 0 and pipe.poll(1.0):
        pipe.recv()  # what that life has not heard any more
    return Life.of("hangs" if hangs else code, log.read_text(errors="replace").splitlines())


def _be_the_daemon(settings, pipe, script, log):
    """Do what `arwatch run` does, from its settings on."""
    code = 1
    try:
        os.dup2(log, 2)
        with Signals() as signals:
            try:
                code = Daemon(settings, signals, pipe, script).run()
            finally:
                end_all(END_S)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
