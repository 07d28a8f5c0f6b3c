"""Why a worker process ended."""

from __future__ import annotations

import signal
import time

from arwatch.platform import machine

ONE_KILL_S = 3.0
"""Within this time several workers may be lost by one kill for lack of memory."""
SERVER_DIED = 255
"""What multiprocessing gives for the exit code of a worker whose fork server has died."""


class MemoryKills:
    """Whether the kernel kills processes of this service for lack of memory.

    It may choose the fork server, whose workers end with it: then their exit codes do not say so.
    """

    def __init__(self) -> None:
        self._counted = machine.memory_kills()
        self._until = 0.0

    def just_now(self) -> bool:
        """Whether it has done so since a moment ago, or since this was last asked."""
        counted, now = machine.memory_kills(), time.monotonic()
        if counted > self._counted:
            self._counted, self._until = counted, now + ONE_KILL_S
        return now < self._until


def explained(exit_code: int | None, *, out_of_memory: bool) -> str:
    """Say how a worker ended.

    Parameters
    ----------
    exit_code : int or None
        As multiprocessing has it: minus the signal that killed it; None: not known.
    out_of_memory : bool
        The kernel has just killed a process of this service for lack of memory.
    """
    if out_of_memory and exit_code in {None, SERVER_DIED, -signal.SIGKILL}:
        return "was killed by the kernel for lack of memory: set [workers] count lower, or let the service use more"
    if exit_code == SERVER_DIED:
        return "ended with the process that starts workers, which was killed"
    if exit_code is None or exit_code >= 0:
        return "ended by itself"
    name = signal.Signals(-exit_code).name if -exit_code in set(signal.Signals) else f"signal {-exit_code}"
    hint = ", perhaps for lack of memory" if exit_code == -signal.SIGKILL else ", most likely a crash in the decoder"
    return f"was killed ({name}{hint})"
