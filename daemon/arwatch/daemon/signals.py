"""Signals as values: a handler only notes the number and wakes the loop, which acts on it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


class Signals:
    """SIGTERM, SIGINT and SIGHUP of this process, and a pipe by which they and other threads wake its loop."""

    HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def __init__(self) -> None:
        self._noted: list[int] = []
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before = {number: signal.signal(number, self._note) for number in self.HANDLED}

    def __enter__(self) -> Signals:
        """Begin; the handlers are in place already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the handlers of before back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def fileno(self) -> int:
        """Descriptor that becomes readable when the loop is to wake."""
        return self._read

    def wake(self) -> None:
        """Let the loop go on; may be called from any thread."""
        with suppress(BlockingIOError):  # a full pipe wakes as well
            os.write(self._write, b"!")

    def take(self) -> list[int]:
        """Give the signals that came since the last call, and let the loop sleep again."""
        with suppress(BlockingIOError):
            os.read(self._read, 1 << 16)
        taken = list(self._noted)
        del self._noted[: len(taken)]  # a handler may have added one meanwhile
        return taken

    def _note(self, number: int, _frame: object) -> None:
        self._noted.append(number)
        self.wake()
