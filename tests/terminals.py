"""What a terminal shows after a program has written to it: the few control sequences that arwatch uses."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PART = re.compile(r"\x1b\[K|\x1b\[\d*m|.", re.DOTALL)


def shown(written: str) -> list[str]:
    """Give the lines on the screen; the last one is that of the cursor."""
    lines, column = [""], 0
    for part in PART.findall(written):
        if part == "\r":
            column = 0
        elif part == "\n":
            lines.append("")
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:column]
        elif not part.startswith("\x1b["):
            assert part.isprintable(), f"the terminal would act on {part!r}"
            lines[-1] = lines[-1][:column].ljust(column) + part + lines[-1][column + 1 :]
            column += 1
    return lines


class Terminal:
    """A real terminal (a pty): `descriptor` is the program's end."""

    def __init__(self, ours: int, descriptor: int) -> None:
        self._ours = ours
        self._written = ""
        self.descriptor = descriptor

    @property
    def lines(self) -> list[str]:
        """What it shows now."""
        os.set_blocking(self._ours, False)
        try:
            while data := os.read(self._ours, 65536):
                self._written += data.decode()
        except BlockingIOError:  # that was all
            pass
        return shown(self._written)


@contextmanager
def terminal(columns: int = 80) -> Iterator[Terminal]:
    """Open a terminal of so many columns and 24 rows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    try:
        yield Terminal(ours, theirs)
    finally:
        os.close(theirs)
        os.close(ours)
