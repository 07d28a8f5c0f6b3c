"""A worker process: gets warm, then does one job after the other until the service goes away."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.platform.locks import lock, open_lock
from arwatch.platform.paths import private_folder
from arwatch.platform.processes import die_with_parent
from arwatch.work.evidence import catch_crashes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

COMPILING_S = 120.0
"""How long a worker waits for another one to compile: longer than that takes on a small computer."""


@dataclass(frozen=True, slots=True)
class Compiling:
    """A worker must compile the kernels first."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has processed the test frame."""


def serve(pipe: Connection, memory: int, cache: str) -> None:
    """Be a worker: get warm, then one job after the other until the service goes away."""
    _with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the service decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    catch_crashes(Path(cache))
    try:
        _work(pipe, cache)
    except (EOFError, ConnectionError):  # the service has gone away
        pass
    except Exception:
        sys.excepthook(*sys.exc_info())
        sys.exit(1)


def _work(pipe: Connection, cache: str) -> None:
    from arwatch.process import run  # noqa: PLC0415 -- the service must not load it

    if not run.is_warm():
        with _alone(cache):
            if not run.is_warm():
                pipe.send(Compiling())
            run.warm_up()
    run.warm_up()
    pipe.send(Ready())
    _hush()
    while True:
        pipe.send(run.process(pipe.recv()))


@contextlib.contextmanager
def _alone(cache: str) -> Iterator[None]:
    """Let one worker compile; the others then find its kernels in the cache.

    Where the lock cannot be had (a cache that cannot be written, a process that keeps it), each one compiles.
    """
    with contextlib.ExitStack() as opened:
        with contextlib.suppress(OSError):
            file = open_lock(private_folder(Path(cache)) / ".arwatch.lock")
            opened.callback(os.close, file)
            lock(file, COMPILING_S)
        yield


def _hush() -> None:
    """Drop what native libraries print (LibRaw: "data corrupted at ..."): the log is the service's, line by line."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _with_parent() -> None:
    """Die when the fork server does, which dies with the service: no orphan goes on writing."""
    # the server lives as long as anybody holds this pipe: workers are given it, and a hanging one would for ever
    os.close(forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]  # noqa: SLF001
    die_with_parent()
