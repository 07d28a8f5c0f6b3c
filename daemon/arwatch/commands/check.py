"""`arwatch check`: are the settings valid and the machine ready; if not, what to do."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from rich.console import Console
from rich.text import Text

from arwatch import formats, simulate
from arwatch.errors import ArwatchError
from arwatch.output.naming import output_root
from arwatch.platform import machine, paths
from arwatch.platform.fs import NO_MORE_FILES
from arwatch.work.room import MIB, free_room

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arwatch.settings import Settings

INOTIFY = Path("/proc/sys/fs/inotify")
ENOUGH = {"max_user_watches": 8192, "max_user_instances": 64, "max_queued_events": 16384}


COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


class Finding(NamedTuple):
    """One thing looked at."""

    state: Literal["ok", "warn", "fail"]
    what: str
    how: str
    """What was found and, where it is not well, what to do."""


def check(settings: Settings) -> int:
    """Print all findings; gives the number of those that keep arwatch from working."""
    console = Console()
    failed = 0
    for finding in _findings(settings):
        failed += finding.state == "fail"
        line = Text(f"{finding.state if finding.state != 'fail' else 'FAIL':<4}", COLOURS[finding.state])
        console.print(line.append(f" {finding.what:<12} {finding.how}", "default"), soft_wrap=True)
    console.print("ready" if not failed else f"not ready: {failed} to mend", highlight=False)
    return failed


def _findings(settings: Settings) -> Iterator[Finding]:
    yield Finding("ok", "settings", "valid")
    if not settings.watch.folders:
        yield Finding("warn", "folders", "none in the settings: name them at `arwatch run FOLDER`")
    for name in settings.watch.folders:
        yield _writable("folder", Path(name).expanduser().absolute(), "mount it, or correct [watch] folders")
    outputs = [settings.output.folder] if settings.output.folder else settings.watch.folders
    if settings.output.folder:
        place = output_root(settings.output, Path())
        while not place.exists():
            place = place.parent  # the daemon makes what is missing
        yield _writable("outputs", place, "name another [output] folder")
    for name in outputs:
        yield _disk(Path(name).expanduser().absolute(), settings.disk.min_free_mib)
    yield _state(paths.state_folder(settings.state))
    yield from _inotify()
    workers = machine.worker_count(settings.workers)
    yield Finding("ok", "workers", f"{workers} on {machine.cores()} cores, {machine.memory_bytes() >> 30} GiB")
    yield _kernels()
    yield _decoder(settings)


def _writable(what: str, folder: Path, otherwise: str) -> Finding:
    if not folder.is_dir():
        return Finding("fail", what, f"{folder} is not there: {otherwise}")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Finding("fail", what, f"{folder} is not writable: chown or chmod it for this user")
    return Finding("ok", what, f"{folder}")


def _state(folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Finding("fail", "state", f"{folder} cannot be made ({error.strerror}): set [state] folder")
    return _writable("state", folder, "set [state] folder")


def _disk(folder: Path, min_free_mib: int) -> Finding:
    free, files = free_room(folder)
    if not files:
        return Finding("fail", "disk", f"{folder}: {NO_MORE_FILES}")
    text = f"{free / MIB / 1024:.1f} GiB free at {folder}"
    if free < min_free_mib * MIB:
        return Finding("fail", "disk", f"{text}, less than [disk] min_free_mib: make room")
    frames = (free - min_free_mib * MIB) // (100 * MIB)
    return Finding("ok" if frames > 100 else "warn", "disk", f"{text}: about {frames} frames of 24 Mpx")


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
    from arwatch.sky import kernels_cached, warm_up  # noqa: PLC0415 -- after the cache's place is set

    cached, began = kernels_cached(), time.monotonic()
    warm_up()
    done = "cached" if cached else f"compiled now in {time.monotonic() - began:.0f} s and cached"
    if not kernels_cached():
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
        subtract_background(frame.mosaic, frame.colors, settings.background)
    except (ArwatchError, ValueError, OSError) as error:
        return Finding("fail", "decoder", f"a simulated frame failed: {error}; reinstall arwatch")
    return Finding("ok", "decoder", "reads a simulated frame, and its sky was subtracted")
