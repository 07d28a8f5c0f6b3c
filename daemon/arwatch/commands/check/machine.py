"""The machine: file events, memory, kernels, decoder."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from arwatch import formats, simulate
from arwatch.commands.check.finding import Finding
from arwatch.errors import ArwatchError
from arwatch.platform import machine, paths
from arwatch.work.disk import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arwatch.settings import Settings, Workers

INOTIFY = Path("/proc/sys/fs/inotify")
ENOUGH = {"max_user_watches": 8192, "max_user_instances": 64, "max_queued_events": 16384}


FRAME_MIB = 300
"""What a worker takes for a 24-Mpx frame, as `memory_mib` counts."""
LARGE_FRAME_MIB = 460
"""The same for a frame of 61 Mpx."""
UNIT_SHARE = 0.6
"""MemoryMax of the units."""


def findings(settings: Settings, *, confined: bool) -> Iterator[Finding]:
    """Look at the machine; `confined`: with a service's share of the memory."""
    yield from _inotify()
    yield from _workers(settings.workers, int(machine.memory_bytes() * (UNIT_SHARE if confined else 1)))
    try:
        yield _kernels()
        yield _decoder(settings)
    except ImportError as error:  # bound into the unit, and closed to its account anywhere else
        if not confined:
            raise
        how = f"not looked at: the service's account may not read {error.name or 'arwatch'} outside of the service"
        yield Finding("warn", "kernels", f"{how}; a start of the service tells (arwatch logs)")


def _workers(settings: Workers, memory: int) -> Iterator[Finding]:
    workers, cores = machine.worker_count(settings), machine.cores()
    text = f"{workers} on {cores} cores, {memory / machine.GIB:.1f} GiB"
    fitting = max(1, memory // (FRAME_MIB * MIB))
    if settings.count > fitting:
        yield Finding("fail", "workers", f"{text}: not more than {fitting} fit; set [workers] count lower, or to 0")
    elif settings.count > cores:
        yield Finding("warn", "workers", f"{text}: more than cores make nothing faster; [workers] count = 0 chooses")
    else:
        yield Finding("ok", "workers", text)
    if 0 < settings.memory_mib < LARGE_FRAME_MIB:
        how = f"[workers] memory_mib = {settings.memory_mib}: a frame of 24 Mpx needs {FRAME_MIB}, one of 61 Mpx"
        state: Literal["warn", "fail"] = "fail" if settings.memory_mib < FRAME_MIB else "warn"
        yield Finding(state, "memory", f"{how} {LARGE_FRAME_MIB}; set it higher, or to 0")


def _inotify() -> Iterator[Finding]:
    for name, enough in ENOUGH.items():
        try:
            value = int((INOTIFY / name).read_text())
        except (OSError, ValueError):
            yield Finding("warn", "inotify", f"{name} is unknown here: try [watch] observer = polling")
            return
        low = value < enough
        how = f"{name} is {value}: sysctl fs.inotify.{name}={enough}" if low else f"{name} is {value}"
        yield Finding("warn" if low else "ok", "inotify", how)


def _kernels() -> Finding:
    os.environ.setdefault("NUMBA_CACHE_DIR", str(paths.cache_folder()))
    with contextlib.suppress(OSError):
        paths.private_folder(paths.cache_folder())
    from arwatch.process.run import is_warm, warm_up  # noqa: PLC0415 -- after the cache's place is set

    cached, began = is_warm(), time.monotonic()
    warm_up()
    done = "cached" if cached else f"compiled now in {time.monotonic() - began:.0f} s and cached"
    if not is_warm():
        return Finding("warn", "kernels", f"compile, but cannot be kept in {paths.cache_folder()}: make it writable")
    return Finding("ok", "kernels", f"{done} in {os.environ['NUMBA_CACHE_DIR']}")


def _decoder(settings: Settings) -> Finding:
    from arwatch.sky import subtract_background  # noqa: PLC0415

    shot = simulate.render(simulate.Scene(height=400, width=600))
    try:
        with tempfile.TemporaryDirectory(prefix="arwatch-check-") as folder:
            path = Path(folder) / "check.ARW"
            simulate.write_arw(path, shot.mosaic)
            frame = formats.read(path)
        levels = {"black_level": frame.black_level, "white_level": frame.white_level}
        subtract_background(frame.mosaic, frame.colors, settings.background, **levels)
    except (ArwatchError, ValueError, OSError) as error:
        return Finding("fail", "decoder", f"a simulated frame failed: {error}; reinstall arwatch")
    return Finding("ok", "decoder", "reads a simulated frame, and its sky was subtracted")
