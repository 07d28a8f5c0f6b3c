"""Traces of mistakes and crashes, for a report: a few small files in the cache; events name them."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import platform
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from arwatch import __version__
from arwatch.platform.paths import private_folder

FOLDER = "traces"
"""Below the cache folder."""
KEPT = 10
"""Traces that are kept; older ones are removed."""
LARGEST = 1 << 16
"""Bytes of a trace, its end."""
_RUNNING = ".running"


def catch_crashes(cache: Path) -> None:
    """Let this worker write where it was, should it crash or end by an exception; `Evidence.taken` finds it."""
    with contextlib.suppress(OSError):
        path = private_folder(cache / FOLDER) / f"{os.getpid()}{_RUNNING}"
        file = path.open("w", encoding="utf-8")  # open for as long as the process lives
        faulthandler.enable(file)
        sys.excepthook = lambda *error: traceback.print_exception(*error, file=file)


class Evidence:
    """The traces that workers leave.

    Parameters
    ----------
    cache : Path
        The folder of compiled kernels, in which this user's processes may write.
    """

    def __init__(self, cache: Path) -> None:
        self._folder = cache / FOLDER
        for left in self._folder.glob(f"*{_RUNNING}"):
            if not Path("/proc", left.stem).exists():
                self.taken(int(left.stem) if left.stem.isdecimal() else 0)

    def taken(self, pid: int) -> Path | None:
        """Give the file with the trace that a worker that has ended left; None where it left none."""
        path = self._folder / f"{pid}{_RUNNING}"
        text = ""
        with contextlib.suppress(OSError):
            text = path.read_text("utf-8", "replace")
            path.unlink()
        return self.keep(text) if text else None

    def keep(self, trace: str) -> Path | None:
        """Write a trace to a file of its own; gives it, or None where the cache cannot be written."""
        now = datetime.now(UTC)  # names are in the order of time: the newest are kept
        name = f"{now:%Y%m%dT%H%M%S.%f}-{os.getpid()}.txt"
        about = f"arwatch {__version__}, Python {platform.python_version()}, {platform.platform()}"
        try:
            path = private_folder(self._folder) / name
            path.write_text(f"{about}\n\n{trace[-LARGEST:]}\n", "utf-8", "backslashreplace")
            for old in sorted(self._folder.glob("*.txt"))[:-KEPT]:
                old.unlink(missing_ok=True)
        except OSError:
            return None
        return path


def named(reason: str, trace: Path | None) -> str:
    """Add to a reason where its trace is."""
    return f"{reason}; if you report this, add the file {trace}" if trace else reason
