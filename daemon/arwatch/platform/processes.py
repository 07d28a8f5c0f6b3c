"""How processes are started, leave Ctrl-C to the process that started them, and end when it ends."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import tempfile
import time
import warnings
from multiprocessing import forkserver, process, resource_tracker, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arwatch.platform.paths import private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_FOLDER = 107 - len("/listener-01234567")
"""Bytes: the path of a socket has 107 at most (unix(7))."""
SOCKETS = "arwatch-sockets-"
"""What the names of folders for sockets begin with."""
NEW_S = 60.0
"""A folder that is younger may be one that its process is just about to lock."""
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
    folder = tempfile.mkdtemp(prefix=SOCKETS)
    if len(os.fsencode(folder)) > LONGEST_FOLDER:
        os.rmdir(folder)  # noqa: PTH106 -- as it was made
        folder = tempfile.mkdtemp(prefix=SOCKETS, dir="/tmp")
    known["tempdir"] = folder
    with contextlib.suppress(OSError):
        _remove_left_behind(Path(folder).parent)
        known["tempdir_held"] = _held(Path(folder))  # until this process ends, in whatever way
    # multiprocessing's own tidying up would complain where the folder has gone
    util.Finalize(None, shutil.rmtree, args=(folder, True), exitpriority=0)


def _remove_left_behind(above: Path) -> None:
    """Remove the folders for sockets of our processes that were killed: nobody holds them any more."""
    for folder in above.glob(f"{SOCKETS}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            if found.st_uid == os.geteuid() and time.time() - found.st_mtime > NEW_S:
                file = _held(folder)
                try:
                    shutil.rmtree(folder, ignore_errors=True)
                finally:
                    os.close(file)


def _held(folder: Path) -> int:
    """Lock a folder for ourselves; gives the descriptor that holds it.

    Raises
    ------
    OSError
        Another process holds it, or it is no folder.
    """
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file


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
