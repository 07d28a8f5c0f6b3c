"""How processes are started and ended together: libraries loaded ahead, Ctrl-C left to the parent, no orphans."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from multiprocessing import forkserver, resource_tracker
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKERS_ENVIRONMENT = {
    # frames are spread over our own processes and threads: BLAS's would only fight with them
    "OPENBLAS_NUM_THREADS": "1",
    # glibc: keep a frame's memory for the next one; to give it back and have it zeroed anew costs a tenth of the time
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}
"""Read by the fork server's libraries when it starts."""


def load_ahead(cache: Path) -> None:
    """Start the fork server if there is none: it loads the heavy libraries while its caller goes on.

    Parameters
    ----------
    cache
        Where compiled kernels are kept.
    """
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache))
    for name, value in WORKERS_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    forkserver.set_forkserver_preload(["arwatch.work.preload"])
    # where the machine has no room for it now, it is started with the first worker
    with contextlib.suppress(OSError), deaf_to_interrupts():
        forkserver.ensure_running()


@contextlib.contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Let processes that are started here not hear Ctrl-C, which reaches the whole group: their parent decides."""
    resource_tracker.ensure_running()  # whoever starts it unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with_parent() -> None:
    """End this process when the one that started it does, however that ends (prctl(2))."""
    pr_set_pdeathsig = 1
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
