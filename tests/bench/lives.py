"""The daemon's lives on some folders, one after the other, and all that they tell."""

from __future__ import annotations

import contextlib
import ctypes
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import psutil

from arwatch.telling.events import EVENTS
from end_to_end.programs import ARWATCH

PATIENCE_S = 120.0
"""How long the daemon may take to begin, or to end."""
MISTAKES = {"watch.failed", "service.failed", "ledger.set_aside", "ledger.failed"}
"""Events that nothing that is done here is a reason for."""
Sizes: TypeAlias = dict[str, tuple[float, int]]
"""MiB and open files of the daemon and of the process that looks at folders."""
WARM = 300
"""Outputs after which a process has all that it needs: from then on it should not grow."""
SET_CHILD_SUBREAPER = 36
"""Of prctl(2)."""


def keep_orphans() -> None:
    """Become the parent of all processes that lose theirs below this one, and end in order on SIGTERM, too."""
    if ctypes.CDLL(None, use_errno=True).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this process cannot become the parent of orphans")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


class Lives:
    """A daemon that can be killed and started again.

    Parameters
    ----------
    home : Path
        For settings and log.
    folders : sequence of Path
        To watch.
    state : Path
        Where the ledger is kept.
    settings : str
        Sections beside `[watch]` and `[state]`.
    before : sequence of str
        A command that starts the daemon's command.
    """

    def __init__(
        self, home: Path, folders: Sequence[Path], state: Path, *, settings: str = "", before: Sequence[str] = ()
    ) -> None:
        config = home / "arwatch.toml"
        config.write_text(
            "[watch]\nsettle_s = 0.2\ngive_up_s = 2.0\nrescan_s = 2.0\n[disk]\nmin_free_mib = 0\n"
            f'[state]\nfolder = "{state}"\n{settings}'
        )
        self._command = [*before, *ARWATCH, "run", *map(str, folders), "--config", str(config)]
        self._others = _descendants()
        self._log = home / "log"
        self._log.write_bytes(b"")
        self._read = 0
        self.noise: list[str] = []
        """Lines that are no events."""
        self.told: Counter[str] = Counter()
        """How often each event was told."""
        self.mistakes: list[str] = []
        """Events that tell of a mistake in arwatch, of a ledger that broke, or of a life that could not go on."""
        self.memory: list[str] = []
        """One line for each life that has ended: outputs, and MiB at its start, after `WARM` outputs and at its end."""

    def start(self) -> None:
        """Begin another life, and wait until it is ready.

        Raises
        ------
        RuntimeError
            It ended, or takes too long.
        """
        began = self._log.stat().st_size
        with self._log.open("ab") as log:
            self.process = psutil.Popen(self._command, stderr=log)
        deadline = time.monotonic() + PATIENCE_S
        while b'"service.ready"' not in self._log.read_bytes()[began:]:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the daemon did not begin:\n{self._log.read_bytes()[began:].decode()}")
            time.sleep(0.05)
        self._written_before = self.told["frame.written"]
        self._sizes = [self.sizes()]

    def stop(self) -> int:
        """Ask it to end; gives its exit code."""
        self._note_memory()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """Let it end at this very moment."""
        self._note_memory()
        self.process.kill()
        self.process.wait()

    def news(self) -> Iterator[dict[str, Any]]:
        """Give the events since the last time."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            lines = log.read()
        whole = lines[: lines.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            event = _event(line)
            if event is None:
                self.noise.append(line.decode(errors="replace"))
                continue
            self.told[event["event"]] += 1
            was_killed = "the process that looks" in (event.get("reason") or "")
            if (event["event"] in MISTAKES and not was_killed) or event.get("code") == "internal":
                self.mistakes.append(line.decode())
            yield event
        if len(self._sizes) == 1 and self._written() >= WARM:
            self._sizes.append(self.sizes())

    def members(self) -> dict[str, list[psutil.Process]]:
        """Give the processes by what they do: the daemon, the one that looks at folders, the fork server, workers."""
        members: dict[str, list[psutil.Process]] = {
            "daemon": [self.process],
            "looker": [],
            "fork server": [],
            "worker": [],
        }
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in self.process.children():
                command = " ".join(child.cmdline())
                if "forkserver" in command:
                    members["fork server"].append(child)
                    members["worker"] += child.children()
                elif "resource_tracker" not in command:
                    members["looker"].append(child)
        return members

    def sizes(self) -> Sizes:
        """Give the MiB and the open files of the daemon and of the process that looks at folders."""
        found = {}
        for name in ("daemon", "looker"):
            for process in self.members()[name]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    found[name] = process.memory_info().rss / 2**20, process.num_fds()
        return found

    def _written(self) -> int:
        return self.told["frame.written"] - self._written_before

    def _note_memory(self) -> None:
        self._sizes.append(self.sizes())
        mib = (
            f"{name} " + " -> ".join(f"{sizes[name][0]:.1f}" for sizes in self._sizes if name in sizes)
            for name in ("daemon", "looker")
        )
        self.memory.append(f"{self._written()} outputs: {', '.join(mib)} MiB")

    def left(self) -> list[psutil.Process]:
        """Give all processes of any of the lives that there are now."""
        found = []
        for process in _descendants() - self._others:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def end_all(self) -> list[str]:
        """End what is still there, and give the commands of those that had not ended by themselves."""
        left = psutil.wait_procs(self.left(), 10.0)[1]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, 10.0)
        return [str(process) for process in left]


def _event(line: bytes) -> dict[str, Any] | None:
    """Read an event; None: it is none."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and event.get("event") in EVENTS else None


def _descendants() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))
