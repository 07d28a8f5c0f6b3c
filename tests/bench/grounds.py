"""The folders of the soak: each is watched, and each has trouble of its own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from faults import failing_fs
from faults.failing_fs import SOUND, Faults, failing_folder

Spell = tuple[float, float]
"""Between so many seconds and so many."""

ALWAYS: Spell = (float("inf"), float("inf"))
DISK_MIB = 256


@dataclass
class Ground:
    """A watched folder."""

    name: str
    path: Path
    """As the daemon knows it."""
    backing: Path
    """The same folder without its trouble: what is done there is done by another machine, or by the camera."""
    trouble: Callable[[bool], None] | None = None
    """Lets the trouble begin, or end."""
    lasts: Spell = ALWAYS
    pauses: Spell = (0.0, 0.0)
    most_waiting: int = 40
    """Frames without an output, above which no more are brought."""
    most: float = float("inf")
    """Frames in all."""
    is_full: bool = False
    blind_until: float = 0.0
    """Until when nobody could see soon that a file has gone, monotonic seconds; infinite: that is so now."""
    waiting: dict[Path, float] = field(default_factory=dict)
    """Frames that no output was told of -> when they came, monotonic seconds."""


def grounds(home: Path, opened: ExitStack) -> Iterator[Ground]:
    """Give the folders that this machine allows, and say which ones it does not."""
    captures = home / "captures"
    captures.mkdir()
    yield Ground("sound", captures, captures, most_waiting=150)
    if os.geteuid() == 0:
        yield _small_disk(home / "small", opened)
    else:
        print("left out: the disk that is full now and then; a file system is mounted by root only")
    if lacking := failing_fs._lacking() or ("" if os.geteuid() == 0 else "the folders are mounted by root only"):
        print(f"left out: the slow, the failing and the hanging file system; {lacking}")
        return
    yield _fuse(home / "slow", opened, Faults(delay_s=0.025))
    yield _fuse(home / "failing", opened, Faults(fail={"*": 0.01}))
    yield _fuse(home / "hanging", opened, Faults(hangs=True), lasts=(1.0, 20.0), pauses=(5.0, 25.0))


def _small_disk(folder: Path, opened: ExitStack) -> Ground:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "arwatch-soak", folder], check=True)
    opened.callback(subprocess.run, ["umount", "--lazy", folder], check=True)

    def fill(full: bool) -> None:
        size = f"{DISK_MIB}m"
        if full:
            disk = os.statvfs(folder)
            size = str((disk.f_blocks - disk.f_bfree) * disk.f_frsize)
        # the daemon may have written more meanwhile: then it is not full this time
        done = subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=not full, capture_output=True)
        ground.is_full = full and done.returncode == 0

    ground = Ground("full now and then", folder, folder, fill, lasts=(0.5, 6.0), pauses=(3.0, 25.0), most=1500)
    return ground


def _fuse(
    folder: Path, opened: ExitStack, faults: Faults, *, lasts: Spell = ALWAYS, pauses: Spell = (0.0, 0.0)
) -> Ground:
    folder.mkdir()
    backing = folder.with_name(f".{folder.name}")
    backing.mkdir()
    mounted = opened.enter_context(failing_folder(backing, folder))

    def trouble(begins: bool) -> None:
        mounted.set(faults if begins else SOUND)
        if faults.hangs or faults.delay_s:
            ground.blind_until = float("inf") if begins else time.monotonic()

    ground = Ground(folder.name, folder, backing, trouble, lasts, pauses)
    return ground
