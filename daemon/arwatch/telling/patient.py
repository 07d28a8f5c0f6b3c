"""A stream that waits for no reader: nobody has to read the log."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TextIO

PATIENCE_MS = 200
"""How long a reader of the log may keep the daemon waiting."""


class Patient(io.TextIOBase):
    """Lines to a descriptor, dropped where nobody takes them: a stopped terminal or a full pipe stops no night.

    Nothing is kept back: what a broken pipe leaves in Python's own buffer would make it fail again elsewhere.

    Parameters
    ----------
    descriptor : int
        An open file; it is not closed here.
    encoding : str
        What it cannot express is written as a backslash form.
    """

    def __init__(self, descriptor: int, encoding: str) -> None:
        self._descriptor = descriptor
        self._encoding = encoding
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._patience_ms = PATIENCE_MS

    def write(self, text: str) -> int:
        """Write as much as is taken."""
        data = text.encode(self._encoding, "backslashreplace")
        while data:
            ready = self._poll.poll(self._patience_ms)
            self._patience_ms = PATIENCE_MS if ready else 0  # who does not read is not waited for again
            if not ready:
                break
            data = data[os.write(self._descriptor, data[: select.PIPE_BUF]) :]
        return len(text)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """How characters become bytes."""
        return self._encoding

    def fileno(self) -> int:
        """Give the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it leads to a terminal."""
        return os.isatty(self._descriptor)


def stderr() -> TextIO:
    """Give this process's stderr, patient where it has a descriptor."""
    try:
        return Patient(sys.stderr.fileno(), sys.stderr.encoding)  # type: ignore[return-value]
    except (OSError, ValueError):  # replaced by something without a descriptor
        return sys.stderr
