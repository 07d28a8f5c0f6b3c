"""A worker process while it is being started: in a thread, since the fork server that is asked may not answer."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from arwatch.platform.processes import deaf_to_interrupts, ensure_fork_server
from arwatch.work.worker import serve

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext

ANSWER_S = 60.0
"""A fork server that has not made a process by then is stopped or hangs (it may have to load the libraries first)."""


class Start:
    """A worker on its way into being.

    Parameters
    ----------
    context : ForkServerContext
        Makes processes.
    memory : int
        Bound on the worker's data, bytes.

    Attributes
    ----------
    pipe : Connection
        To the worker; readable also when the start has failed.
    error : Exception or None
        Why it failed; known when `running` is false.
    """

    def __init__(self, context: ForkServerContext, memory: int) -> None:
        self.pipe: Connection
        self.pipe, self._theirs = context.Pipe()
        args = (self._theirs, memory, os.environ["NUMBA_CACHE_DIR"])
        self.process = context.Process(target=serve, args=args, daemon=True, name="arwatch-worker")
        self.error: Exception | None = None
        self._overdue_at = time.monotonic() + ANSWER_S
        # the server dies with the thread that starts it (prctl(2)): that must not be ours here
        ensure_fork_server()
        self._thread = threading.Thread(target=self._run, name="arwatch-start", daemon=True)
        self._thread.start()

    def running(self) -> bool:
        """Whether the fork server has not answered yet."""
        return self._thread.is_alive()

    def overdue_s(self) -> float:
        """Seconds until the fork server counts as hanging; 0: it does."""
        return max(0.0, self._overdue_at - time.monotonic())

    def abandon(self) -> None:
        """Let nothing come of it."""
        self._thread.join(1.0)
        if self.process.pid is not None:
            self.process.kill()
        self.pipe.close()

    def _run(self) -> None:
        try:
            with deaf_to_interrupts():
                self.process.start()
        except Exception as error:  # the fork server died, or the machine has no room for a process
            self.error = error
        finally:
            self._theirs.close()
