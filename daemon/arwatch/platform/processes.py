"""How processes are started, leave Ctrl-C to the process that started them, and end when it ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from multiprocessing import forkserver, resource_tracker
from typing import TYPE_CHECKING

from arwatch.platform.paths import private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
    with contextlib.suppress(OSError):  # then kernels are compiled at each start
        private_folder(cache)
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
    pr_set_pdeathsig = 1
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
