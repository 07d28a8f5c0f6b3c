"""How processes are started, leave Ctrl-C to the process that started them, and end when it ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS_ENVIRONMENT = {
    # frames are spread over arwatch's own processes and threads; those of BLAS would compete with them for the cores
    "OPENBLAS_NUM_THREADS": "1",
    # glibc keeps a frame's memory for the next one: returning it to the kernel, which fills it with zeros before
    # it is used again, takes a tenth of a frame's time
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}
"""Environment variables of workers; the fork server's libraries read them when it starts."""


def load_ahead(cache: Path) -> None:
    """Start the fork server if none runs. It loads the heavy libraries while the caller continues.

    Parameters
    ----------
    cache
        The folder of compiled kernels.
    """
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache))
    for name, value in WORKERS_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    forkserver.set_forkserver_preload(["arwatch.work.preload"])
    # if the machine has no memory or process for it now, it is started with the first worker
    with contextlib.suppress(OSError), deaf_to_interrupts():
        forkserver.ensure_running()


@contextlib.contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Start processes in this context that ignore Ctrl-C.

    A terminal sends SIGINT to the whole process group. Only the parent shall act on it, and end the others.
    """
    resource_tracker.ensure_running()  # starting it unblocks the signal, so it must run before the signal is blocked
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends, also if that is killed.

    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_all(patience_s: float) -> list[int]:
    """Kill every process below this one and wait until it is gone; gives the ids of those that are still there.

    This is the last thing that a daemon does: systemd would have to kill what it leaves behind, and would say so in the
    journal. Only a file system that does not answer can hold a killed process. Nothing can be started afterwards.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # the children of a child that is killed become ours
    _let_go_of_the_resource_tracker()
    deadline = time.monotonic() + patience_s
    while children := _children():
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap()
        if time.monotonic() >= deadline:
            return sorted(_children())
        time.sleep(0.002)
    return []


def _children() -> set[int]:
    """Give the processes whose parent is this one (proc(5), /proc/pid/task/tid/children)."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has just ended
            found.update(map(int, path.read_text().split()))
    return found


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _let_go_of_the_resource_tracker() -> None:
    """Keep Python from waiting for its resource tracker when it exits: by then the tracker has been waited for."""
    tracker: Any = vars(resource_tracker)["_resource_tracker"]  # it has no public name
    state = vars(tracker)
    if state["_fd"] is not None:
        os.close(state["_fd"])
        state["_fd"] = state["_pid"] = None


_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
"""Source: linux/prctl.h."""


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
