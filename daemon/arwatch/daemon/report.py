"""What happens -> events in the log, the counts of this run and of tonight."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from arwatch.daemon.conditions import MOST, Conditions
from arwatch.daemon.ledger_start import counts_since, dark_rim_since, latest_frames
from arwatch.daemon.tonight import OnceANight, Tonight
from arwatch.model.figures import line
from arwatch.model.outcome import Failed, Skipped, Written
from arwatch.platform.fs import NO_MORE_FILES
from arwatch.work.happenings import Ended, Happening, Postponed, RoomAgain, RoomForecast, RoomLow
from arwatch.work.pool import Lost

if TYPE_CHECKING:
    from pathlib import Path

    from arwatch.ledger.store import Ledger
    from arwatch.telling.log import Log


class Report:
    """Tells events, and remembers how many frames ended how and which one was written last."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.tonight = Tonight(lambda _since: {})
        """Across restarts, as soon as the ledger is open."""
        self.conditions = Conditions()
        """Of tonight, across restarts, as soon as the ledger is open."""
        self.dark_rim = OnceANight(lambda _since: False)
        """The same for the warning that the default model leaves dark edges."""
        self.previews = OnceANight(lambda _since: False)
        """The same for previews that cannot be made or kept."""
        self.retrying: set[Path] = set()
        """Frames of which an attempt failed, and that will get another."""
        self.counts = {"written": 0, "skipped": 0, "failed": 0, "retried": 0}
        self.last: tuple[str, float, str] | None = None
        """The last frame written, when (monotonic seconds), its sky."""

    def remember(self, ledger: Ledger) -> None:
        """Take over what a ledger knows of tonight."""
        self.tonight = Tonight(partial(counts_since, ledger))
        self.conditions = Conditions(latest_frames(ledger, MOST))
        self.dark_rim = OnceANight(partial(dark_rim_since, ledger))

    def frame(self, event: str, path: Path, **facts: object) -> None:
        """Tell an event of a frame, such as `frame.failed`, and count it."""
        kind = event.removeprefix("frame.")
        self.tonight.count(kind)
        if kind == "retried":
            self.retrying.add(path)
        else:
            self.retrying.discard(path)
        if kind in self.counts:
            self.counts[kind] += 1
        self.log(event, frame=path.name, path=str(path), **facts)

    def happened(self, happening: Happening, *, settle_s: float, waiting: int) -> None:
        """Tell what the scheduler reports; `waiting`: frames in the queue."""
        match happening:
            case Ended():
                self._ended(happening, settle_s, waiting)
            case Postponed(job=job, failure=failure, attempt=attempt, delay_s=delay_s):
                self.frame("frame.retried", job.source.path, attempt=attempt, again_in_s=delay_s, reason=failure.reason)
            case Lost(reason=reason, job=lost):
                self.log("worker.lost", frame=lost.source.path.name if lost else None, reason=reason)
            case RoomLow():
                self._room_low(happening)
            case RoomAgain(folder=folder, free=free):
                self.log("disk.resumed", folder=str(folder), free_mib=free >> 20)
            case RoomForecast(folder=folder, free=free, hours_left=hours):
                self.log("disk.forecast", folder=str(folder), free_mib=free >> 20, hours_left=hours)
            case _:  # a worker that is ready or compiles, a frame that settles again: the service acts on it
                pass

    def _room_low(self, low: RoomLow) -> None:
        reason = "frames are received but wait; make room and work goes on by itself"
        facts = {"free_mib": low.free.bytes >> 20, "wanted_mib": low.wanted.bytes >> 20}
        if low.refused is not None:
            reason, facts = f"{low.refused}; {reason}", {}  # what was free is not true any more
        elif low.free.files < low.wanted.files:
            reason = f"{NO_MORE_FILES}; {reason}"
            facts = {"free_files": low.free.files, "wanted_files": low.wanted.files}
        self.log("disk.low", folder=str(low.folder), **facts, reason=reason)

    def _tell_dark_rim(self, path: Path, rim: float) -> None:
        far = f"the edges are {rim:.1f} % darker than the middle after the subtraction"
        cure = 'model = "smooth" in [background] mends it, `arwatch compare` shows both models on a frame'
        self.log("sky.rim", frame=path.name, path=str(path), reason=f"{far}: {cure}")

    def _ended(self, end: Ended, settle_s: float, waiting: int) -> None:
        path, outcome = end.job.source.path, end.outcome
        if isinstance(outcome, Written):
            complete = (end.entry.settled or time.time()) - settle_s
            since = round(time.time() - complete, 3)
            figures = outcome.figures
            self.last = (path.stem, time.monotonic(), line(figures, status=True))
            output = str(outcome.output)
            reasons = [f"{outcome.left_alone}: this is {outcome.output.name}"] if outcome.left_alone else []
            if figures.sky_model == "mesh":
                reasons.append(f"the mesh took the place of the smooth sky: {figures.sky_doubt}")
            reasons += [outcome.not_measured] if outcome.not_measured else []
            facts = figures.known() | ({"reason": "; ".join(reasons)} if reasons else {})
            self.frame("frame.written", path, output=output, **facts, since_complete_s=since, waiting=waiting)
            self.conditions.add(end.job, outcome, time.time(), self.log)
            if figures.dark_rim is not None and self.dark_rim.is_first():
                self._tell_dark_rim(path, figures.dark_rim)
            if outcome.no_preview and self.previews.is_first():
                reason = f"{outcome.no_preview}; frames get their outputs all the same"
                self.log("preview.failed", frame=path.name, path=str(path), reason=reason)
        elif isinstance(outcome, Skipped):
            self.frame("frame.skipped", path, output=str(outcome.output), reason=outcome.reason)
        elif isinstance(outcome, Failed):
            self.frame("frame.failed", path, code=outcome.code, reason=outcome.reason)
