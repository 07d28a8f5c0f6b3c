"""Folders that are not left, and names that must be new, on kernels and file systems of several kinds."""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from pathlib import Path

import pytest

from arwatch.platform.beneath import open_beneath, rename_new
from fits_support import names
from kernels import KERNELS, without

AT_FDCWD, RENAME_EXCHANGE = -100, 2

on_all_kernels = pytest.mark.parametrize("calls", KERNELS.values(), ids=KERNELS)


def opened(root: Path, folder: Path, *, make: bool = False) -> Path:
    """Give the real place that was opened."""
    fd = open_beneath(root, folder, make=make)
    try:
        return Path(f"/proc/self/fd/{fd}").readlink()
    finally:
        os.close(fd)


@on_all_kernels
def test_a_folder_below_is_opened(tmp_path: Path, calls: dict[int, int]) -> None:
    (tmp_path / "night" / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("night")

    def check() -> None:
        assert opened(tmp_path / "night", tmp_path / "night" / "a" / "b") == tmp_path / "night" / "a" / "b"
        assert opened(tmp_path / "link", tmp_path / "link" / "a") == tmp_path / "night" / "a"
        assert opened(tmp_path / "night", tmp_path / "night") == tmp_path / "night"

    without(calls, check)


@on_all_kernels
@pytest.mark.parametrize(
    ("folder", "number"),
    [
        ("night/out", errno.EXDEV),
        ("night/out/below", errno.EXDEV),
        ("night/in", errno.EXDEV),
        ("night/loop", errno.EXDEV),
        ("night/a/../../outside", errno.EXDEV),
        ("outside", errno.EXDEV),
        ("night/missing", errno.ENOENT),
        ("night/file", errno.ENOTDIR),
    ],
)
def test_what_leads_out_is_refused(tmp_path: Path, calls: dict[int, int], folder: str, number: int) -> None:
    root, outside = tmp_path / "night", tmp_path / "outside"
    for place in (root / "a", outside / "below"):
        place.mkdir(parents=True)
    (root / "file").touch()
    for name, target in (("out", outside), ("in", "a"), ("loop", "loop")):
        (root / name).symlink_to(target)

    def check() -> None:
        with pytest.raises(OSError) as refused:  # noqa: PT011 - the number is what counts
            open_beneath(root, tmp_path / folder)
        assert refused.value.errno == number

    without(calls, check)


def test_missing_folders_are_made_but_not_behind_links(tmp_path: Path) -> None:
    root, outside = tmp_path / "night", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "link").symlink_to(outside)
    assert opened(root, root / "a" / "b", make=True) == root / "a" / "b"
    with pytest.raises(OSError, match="symbolic link"):
        open_beneath(root, root / "link" / "a", make=True)
    assert names(outside) == []


@pytest.mark.parametrize("name", ["this kernel", "without openat2"])
def test_a_folder_that_is_swapped_for_a_link_all_the_time(tmp_path: Path, name: str) -> None:
    """What is opened is the folder below, or nothing: never where the link leads."""
    root, outside = tmp_path / "night", tmp_path / "outside"
    (root / "sub" / "deep").mkdir(parents=True)
    (outside / "deep").mkdir(parents=True)
    (root / "link").symlink_to(outside)
    found, stop = {"below": 0, "refused": 0}, threading.Event()

    def swap() -> None:
        exchange = ctypes.CDLL(None).renameat2
        one, other = os.fsencode(root / "sub"), os.fsencode(root / "link")
        while not stop.is_set():
            exchange(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE)

    def check() -> None:
        while min(found.values()) < 200:
            try:
                fd = open_beneath(root, root / "sub" / "deep")
            except OSError:
                found["refused"] += 1
                continue
            found["below"] += 1
            inside = os.fstat(fd).st_ino == deep.st_ino
            os.close(fd)
            assert inside

    deep = (root / "sub" / "deep").stat()
    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        without(KERNELS[name], check)
    finally:
        stop.set()
        swapping.join()


@on_all_kernels
def test_a_new_name_replaces_nothing(tmp_path: Path, calls: dict[int, int]) -> None:
    (tmp_path / "there").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()

    def check() -> None:
        fd = os.open(tmp_path, os.O_RDONLY)
        try:
            for name in ("there", "link", "folder"):
                (tmp_path / "old").write_text("new")
                with pytest.raises(FileExistsError):
                    rename_new("old", name, fd)
            rename_new("old", "new", fd)
        finally:
            os.close(fd)

    without(calls, check)
    assert names(tmp_path) == ["folder", "link", "new", "there"]
    assert (tmp_path / "there").read_text() == "mine"
    assert (tmp_path / "new").read_text() == "new"
