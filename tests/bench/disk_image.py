"""A disk in a file: it is mounted, copied at any moment as a power cut would leave it, and the copy is repaired."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE_MIB = 1024
HARSH = "noauto_da_alloc,data=writeback,commit=1"
"""Names reach the disk soon, and before their data: ext4 makes up for no missing fsync."""
TRIES = 200
CLONE_NEWNS = 0x20000
"""Of unshare(2)."""


def lacking() -> str:
    """Say what is missing for disk images here; empty: nothing."""
    missing = [tool for tool in ("mkfs.ext4", "e2fsck", "losetup", "mount", "unshare") if not shutil.which(tool)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if os.geteuid() != 0:
        return "a file system is mounted by root only"
    return "" if Path("/dev/loop-control").exists() else "there are no loop devices"


def keep_mounts_apart() -> None:
    """Have mounts of this process's own: whoever copies them (containers, systemd) would keep the disks busy."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "there are no namespaces for mounts")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def make(image: Path) -> None:
    """Make an empty disk."""
    with image.open("wb") as file:
        file.truncate(SIZE_MIB << 20)
    # nothing is left for the kernel to initialise later: that would write to the disk at any time
    options = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
    subprocess.run(["mkfs.ext4", *options, image], check=True)


@contextmanager
def attached(image: Path) -> Iterator[Path]:
    """Give the device of a disk, one for all that mount it: each then sees what the others have written."""
    found = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True)
    device = Path(found.stdout.strip())
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
        while (Path("/sys/block") / device.name / "loop").exists():  # the kernel unmounts a namespace's disks later
            time.sleep(0.01)


@contextmanager
def mounted(device: Path, folder: Path, options: str = HARSH) -> Iterator[None]:
    """Mount a disk."""
    subprocess.run(["mount", "-o", options, device, folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def copy_as_cut(image: Path, device: Path, copy: Path) -> None:
    """Copy a mounted disk as it is at one moment: what is only in the kernel's memory is not on the copy.

    The kernel may write to the disk while it is copied, though all programs are stopped; then another copy is made.

    Raises
    ------
    RuntimeError
        The kernel writes all the time.
    """
    numbers = Path("/sys/block") / device.name / "stat"
    for _ in range(TRIES):
        before = _writes(numbers)
        subprocess.run(["cp", "--sparse=always", image, copy], check=True)
        if before is not None and _writes(numbers) == before:
            return
        time.sleep(0.01)
    raise RuntimeError("the disk was written to during each attempt to copy it")


def _writes(numbers: Path) -> tuple[str, ...] | None:
    """Give how many writes a device has done; None: it is at some (Documentation/block/stat.rst)."""
    fields = numbers.read_text().split()
    return (fields[4], fields[6]) if fields[8] == "0" else None


def repair(device: Path) -> str:
    """Replay a disk's journal and repair what is left; gives what a journal should have prevented, empty: nothing."""
    checked = subprocess.run(["e2fsck", "-fy", device], check=False, capture_output=True, text=True)
    return "" if checked.returncode in {0, 1} else checked.stdout
