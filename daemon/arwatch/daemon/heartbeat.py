"""How the daemon is: the backlog's progress for the log, the status and the watchdog's heartbeat for systemd."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from arwatch.telling import systemd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.daemon.report import Report
    from arwatch.telling.log import Log
    from arwatch.work.scheduler import Scheduler

TELL_S = 30.0
"""How often the backlog's progress is told."""
BEAT_S = 10.0
"""How often the status is renewed where systemd wants no sign of life."""
SPARE_S = 60.0
"""How much longer than a frame's time limit the workers may be silent."""
FEW = 5
"""Frames that are no backlog yet."""


class Heartbeat:
    """Tells from time to time how work goes on. The clock (monotonic seconds) is handed in.

    The heartbeat is fed by the loop that does the work, and only while workers end what they have begun: a stuck
    loop or a pool that no longer finishes frames lets it stop, and systemd starts the daemon anew.
    """

    def __init__(self, now: float) -> None:
        self._progress = now
        self._finished: deque[float] = deque(maxlen=200)
        self._tell_at = self._renew_at = now
        self._troubles: Sequence[str] = ()

    def worker_reported(self, now: float, *, finished: bool) -> None:
        """Take note that a worker reported; `finished`: the end of a frame."""
        self._progress = now
        if finished:
            self._finished.append(now)
            self._renew_at = now

    def sleep(self, now: float) -> float:
        """Seconds until there is something to tell."""
        return max(0.0, min(self._tell_at, self._renew_at) - now)

    def renew(
        self, scheduler: Scheduler, report: Report, troubles: Sequence[str], timeout_s: float, now: float
    ) -> None:
        """Tell what is due.

        Parameters
        ----------
        scheduler, report
            What goes on.
        troubles
            What is wrong with folders; told at once where it changes.
        timeout_s
            A frame's time limit.
        now
            Monotonic seconds.
        """
        if troubles != self._troubles:
            self._troubles, self._renew_at = troubles, now
        if now >= self._tell_at:
            self._tell_at = now + TELL_S
            self._tell_backlog(scheduler.waiting(), report.log, now)
        if now >= self._renew_at:
            every = systemd.watchdog_s()
            self._renew_at = now + (every / 4 if every else BEAT_S)
            if not self.is_stuck(scheduler, timeout_s, now):
                systemd.notify(WATCHDOG="1", STATUS=status(scheduler, report, troubles, now))

    def is_stuck(self, scheduler: Scheduler, timeout_s: float, now: float) -> bool:
        """Whether there is work, nothing keeps it from being done, and yet no worker has reported for too long."""
        if not scheduler.in_work and not scheduler.could_go_on():
            self._progress = now  # nothing was to be done until now
        return now - self._progress > timeout_s + SPARE_S

    def _tell_backlog(self, waiting: int, log: Log, now: float) -> None:
        recent = [when for when in self._finished if when > now - 10 * TELL_S]
        if waiting >= FEW and len(recent) >= 2 and recent[-1] > recent[0]:
            rate = (len(recent) - 1) / (recent[-1] - recent[0])
            log("backlog.progress", waiting=waiting, per_minute=round(60 * rate, 1), left_s=round(waiting / rate))


def status(scheduler: Scheduler, report: Report, troubles: Sequence[str], now: float) -> str:
    """One line for `systemctl status`: first what somebody may have to see to, last the night's last frame."""
    parts = ["disk low" if scheduler.paused else "working" if scheduler.in_work else "waiting", str(report.tonight)]
    parts += [f"{len(report.retrying)} retrying"] if report.retrying else []
    parts += troubles
    if report.last is not None:
        frame, when, sky = report.last
        parts += [f"last {frame} {ago(now - when)}", f"sky {sky}"]
    return " · ".join(parts)


def ago(seconds: float) -> str:
    """Time passed, rounded for people."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
