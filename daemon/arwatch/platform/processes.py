"""How processes are started, leave Ctrl-C to the process that started them, and end when it ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import tempfile
import time
import warnings
from multiprocessing import forkserver, process, resource_tracker, util
from typing import TYPE_CHECKING

from arwatch.platform.paths import private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILL_S = 1.0
"""How long a killed fork server is waited for."""
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
    # it is replaced; a warning would be no line of the log
    warnings.filterwarnings("ignore", "resource_tracker: process died", UserWarning)
    forkserver.set_forkserver_preload(["arwatch.work.preload"])
    # if the machine has no memory or process for it now, it is started with the first worker
    with contextlib.suppress(OSError):
        ensure_fork_server()


def ensure_fork_server() -> None:
    """Start the fork server if none runs, or if nobody can reach the one that runs.

    Programs that clean up /tmp remove its socket. A new server makes another one, in another folder if need be.

    Raises
    ------
    OSError
        The machine has no room for a process, or no folder for the socket.
    """
    address = forkserver._forkserver._forkserver_address  # type: ignore[attr-defined]  # noqa: SLF001
    if address is not None and not os.path.lexists(address):
        kill_fork_server()
    _have_folder_for_sockets()
    with deaf_to_interrupts():
        forkserver.ensure_running()


def _have_folder_for_sockets() -> None:
    """Make the folder that multiprocessing has its sockets in, where there is none of ours (any more)."""
    known = process.current_process()._config  # type: ignore[attr-defined]  # noqa: SLF001 -- has no public name
    with contextlib.suppress(OSError, TypeError):
        if os.lstat(known.get("tempdir")).st_uid == os.geteuid():
            return
    tempfile.tempdir = None  # TMPDIR itself may have gone: another place is looked for
    known["tempdir"] = folder = tempfile.mkdtemp(prefix="arwatch-")
    # multiprocessing's own tidying up would complain where the folder has gone
    util.Finalize(None, shutil.rmtree, args=(folder, True), exitpriority=0)


def kill_fork_server() -> None:
    """End the fork server, and with it its workers; the next start makes another one."""
    pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]  # noqa: SLF001 -- has no public name
    if pid is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + KILL_S
    with contextlib.suppress(ChildProcessError):
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None and time.monotonic() < deadline:
            time.sleep(0.005)


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
