"""A stream with lines for people and, on a terminal, one line at the bottom that is redrawn in place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

from arwatch.telling.text import plain, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

ERASE = "\r\x1b[K"
"""Back to the beginning of the line, and clear it (ECMA-48: EL)."""
WIDTH = 80
"""Columns of a terminal that does not tell, and of a stream that is none."""


class Screen:
    """Lines, and below them one that changes; each change is a single write, so that they never mix.

    Parameters
    ----------
    stream : TextIO
        Where the lines go.
    environment : mapping, optional
        TERM and NO_COLOR are looked up in it; by default the process's own.
    """

    def __init__(self, stream: TextIO, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._bottom = ""
        self.is_terminal = stream.isatty() and environment.get("TERM") != "dumb"
        """Whether escape sequences are understood."""
        self.colour = self.is_terminal and "NO_COLOR" not in environment
        """Whether lines may have colour."""
        # another screen of this process, from before a reload, may have left its bottom line
        self._drawn = self.is_terminal

    @property
    def width(self) -> int:
        """Columns, at this moment."""
        if self.is_terminal:
            try:
                return os.get_terminal_size(self._stream.fileno()).columns or WIDTH
            except (OSError, ValueError):  # it has no descriptor
                pass
        return WIDTH

    def line(self, text: str) -> None:
        """Write a line, or several, above the one at the bottom."""
        self._draw(f"{text}\n")

    def bottom(self, text: str) -> None:
        """Show this below all lines, from now on; nothing where the text is empty or the stream is no terminal."""
        if self.is_terminal and text != self._bottom:
            self._bottom = text
            self._draw("")

    def _draw(self, lines: str) -> None:
        erase = ERASE if self._drawn else ""
        bottom = self._bottom if self._bottom and self._has_the_foreground() else ""
        self._drawn = bool(bottom)
        # a line that fills the last column would wrap, and could not be erased
        text = erase + lines + shorten(bottom, max(5, self.width - 1))
        self._stream.write(plain(text, self._encoding))
        self._stream.flush()

    def _has_the_foreground(self) -> bool:
        """Whether the shell has not taken its terminal back: a line below its prompt would be in the way."""
        try:
            return os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except (OSError, ValueError):  # a terminal that belongs to no shell
            return True
