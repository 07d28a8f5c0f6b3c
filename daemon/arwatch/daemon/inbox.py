"""What folders' threads post and the loop takes: bounded, so that a scan of an archive waits for the loop."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 2000
"""News that are kept; who posts more waits until some were taken."""


class Inbox:
    """A queue of news that wakes its reader.

    Parameters
    ----------
    wake : callable
        Called when the queue is no longer empty.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._news: deque[Any] = deque()
        self._room = threading.Condition()
        self._closed = False

    def post(self, news: object) -> None:
        """Put news in; waits while there is no room. After `close` they are dropped."""
        with self._room:
            while len(self._news) >= MOST and not self._closed:
                self._room.wait()
            if not self._closed:
                self._news.append(news)
        self._wake()

    def take(self) -> Any:  # whatever was posted
        """Give the oldest news, None where there are none."""
        with self._room:
            if not self._news:
                return None
            self._room.notify()
            return self._news.popleft()

    def __len__(self) -> int:
        """How many news wait."""
        return len(self._news)

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._room:
            self._closed = True
            self._room.notify_all()
