from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from arwatch.errors import NameTakenError, NoSpaceError, WriteError
from arwatch.output.publish import PREFIX, SUFFIX, is_temporary, make_folder, published, remove_stale
from fits_support import files_end_at, names


def test_appears_complete_or_not_at_all(tmp_path: Path) -> None:
    output = tmp_path / "a.fits"
    with published(output) as file:
        file.write(b"all of it")
        (temporary,) = names(tmp_path)
        assert is_temporary(temporary)
        assert temporary.startswith(".")
    assert names(tmp_path) == ["a.fits"]
    assert output.read_bytes() == b"all of it"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, MemoryError])
def test_an_error_leaves_nothing_new(tmp_path: Path, error: type[BaseException]) -> None:
    output = tmp_path / "a.fits"
    output.write_bytes(b"old")
    with pytest.raises(error), published(output) as file:  # noqa: PT012 - it fails half-way
        file.write(b"half")
        raise error
    assert names(tmp_path) == ["a.fits"]
    assert output.read_bytes() == b"old"


def test_replaces_what_was_there(tmp_path: Path) -> None:
    output = tmp_path / "a.fits"
    output.write_bytes(b"old")
    with published(output) as file:
        file.write(b"new")
    assert output.read_bytes() == b"new"


def test_replaces_a_symbolic_link_instead_of_following_it(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    output = tmp_path / "a.fits"
    output.symlink_to(precious)
    with published(output) as file:
        file.write(b"new")
    assert precious.read_bytes() == b"precious"
    assert not output.is_symlink()


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_mode_is_what_the_umask_gives(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with published(tmp_path / "a.fits"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "a.fits").stat().st_mode & 0o777 == mode


def test_any_name_that_the_file_system_takes(tmp_path: Path) -> None:
    output = tmp_path / os.fsdecode(b"\xff\n'\x1b[31m" + b"x" * 247)
    with published(output):
        pass
    assert output.exists()


def test_a_folder_behind_a_link_out_of_the_tree_is_not_written_to(tmp_path: Path) -> None:
    inside, outside = tmp_path / "night", tmp_path / "elsewhere"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    with pytest.raises(WriteError, match="outside"), published(inside / "link" / "a.fits", within=inside):
        pass
    assert names(outside) == []


def test_a_watched_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "night").symlink_to(tmp_path / "real")
    with published(tmp_path / "night" / "deep" / "a.fits", within=tmp_path / "night"):
        pass
    assert (tmp_path / "real" / "deep" / "a.fits").exists()


def test_a_full_disk_has_its_own_error(tmp_path: Path) -> None:
    with (
        pytest.raises(NoSpaceError, match=r"a\.fits could not be written"),
        files_end_at(10_000),
        published(tmp_path / "a.fits") as file,
    ):
        file.write(b"x" * 100_000)
    assert names(tmp_path) == []


def test_what_the_file_system_refuses_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a.fits").mkdir()
    with pytest.raises(WriteError, match="directory"), published(tmp_path / "a.fits"):
        pass
    assert names(tmp_path) == ["a.fits"]
    with pytest.raises(WriteError, match="No such file"), published(tmp_path / "missing" / "a.fits"):
        pass


@pytest.mark.parametrize(
    ("name", "temporary"),
    [
        (f"{PREFIX}0123{SUFFIX}", True),
        (".arwatch-0123", False),
        ("arwatch-0123.tmp", False),
        ("DSC00001.ARW", False),
        ("", False),
    ],
)
def test_temporary_names(name: str, temporary: bool) -> None:
    assert is_temporary(name) is temporary


def test_stale_files_go_and_all_others_stay(tmp_path: Path) -> None:
    kept = {"DSC00001.ARW", ".hidden", "x.tmp", f"{PREFIX}folder{SUFFIX}", f"{PREFIX}link{SUFFIX}"}
    for name in ("DSC00001.ARW", ".hidden", "x.tmp", f"{PREFIX}1{SUFFIX}", f"{PREFIX}2{SUFFIX}"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / f"{PREFIX}folder{SUFFIX}").mkdir()
    (tmp_path / f"{PREFIX}link{SUFFIX}").symlink_to(tmp_path / "DSC00001.ARW")
    assert remove_stale(tmp_path) == 2
    assert set(names(tmp_path)) == kept


def test_what_is_being_written_is_not_stale(tmp_path: Path) -> None:
    with published(tmp_path / "a.fits"):
        assert remove_stale(tmp_path) == 0
    assert names(tmp_path) == ["a.fits"]


def test_a_missing_folder_holds_nothing_stale(tmp_path: Path) -> None:
    assert remove_stale(tmp_path / "missing") == 0


def test_a_folder_that_is_a_link_to_itself(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert remove_stale(loop) == 0
    with pytest.raises(WriteError), published(loop / "a.fits"):
        pass


def test_a_new_name_replaces_nothing(tmp_path: Path) -> None:
    """Also where somebody else takes the name while the file is written."""
    output = tmp_path / "a.fits"
    with pytest.raises(NameTakenError), published(output, new=True) as file:  # noqa: PT012 - while it is written
        file.write(b"new")
        output.write_bytes(b"the user's")
    assert names(tmp_path) == ["a.fits"]
    assert output.read_bytes() == b"the user's"
    with published(tmp_path / "b.fits", new=True) as file:
        file.write(b"new")
    assert (tmp_path / "b.fits").read_bytes() == b"new"


@contextmanager
def all_the_time(act: Callable[[], object]) -> Iterator[None]:
    """Do something in another thread again and again."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            act()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_others_that_clear_the_folder_take_nothing_away(tmp_path: Path) -> None:
    """From its first moment until it has its name, the file is not stale."""
    with all_the_time(lambda: remove_stale(tmp_path)):
        for number in range(100):
            with published(tmp_path / f"{number}.fits", new=number % 2 == 0):
                pass
    assert len(names(tmp_path)) == 100


@pytest.mark.parametrize("moment", ["fcntl.flock", "os.rename"])
def test_who_clears_the_folder_just_before_the_lock_or_the_renaming(tmp_path: Path, moment: str) -> None:
    """An audit hook acts exactly then; it cannot be removed, only be without effect."""
    acts = []

    def hook(event: str, _arguments: object) -> None:
        if waiting and event == moment:
            waiting.clear()
            acts.append(remove_stale(tmp_path))

    waiting: list[bool] = []
    sys.addaudithook(hook)
    with published(tmp_path / "first.fits"):  # also clears the folder, once
        pass
    waiting.append(True)
    with published(tmp_path / "a.fits") as file:
        file.write(b"all of it")
    assert acts == [1 if moment == "fcntl.flock" else 0]
    assert names(tmp_path) == ["a.fits", "first.fits"]
    assert (tmp_path / "a.fits").read_bytes() == b"all of it"


def test_no_file_outside_while_the_folder_is_swapped_for_a_link(tmp_path: Path) -> None:
    """Writing, making the folder and clearing it, each by itself, while a user exchanges the two all the time."""
    root, outside = tmp_path / "night", tmp_path / "outside"
    (root / "sub").mkdir(parents=True)
    outside.mkdir()
    precious = f"{PREFIX}not ours{SUFFIX}"
    (outside / precious).write_text("precious")
    (root / "link").symlink_to(outside)
    exchange, one, other = ctypes.CDLL(None).renameat2, os.fsencode(root / "sub"), os.fsencode(root / "link")
    output, ends = root / "sub" / "a.fits", {"written": 0, "refused": 0}
    with all_the_time(lambda: exchange(-100, one, -100, other, 2)):
        while min(ends.values()) < 50:
            remove_stale(output.parent, within=root)
            try:
                make_folder(output, within=root)
                with published(output, within=root):
                    pass
            except WriteError:
                ends["refused"] += 1
            else:
                ends["written"] += 1
    assert names(outside) == [precious]


def freeze(folder: Path, *, frozen: bool) -> None:
    """Let nothing be added to a folder or removed from it, or let it again; root is stopped by an attribute only."""
    if os.geteuid() != 0:
        folder.chmod(0o555 if frozen else 0o755)
    elif subprocess.run(["chattr", "+i" if frozen else "-i", folder], check=False, capture_output=True).returncode != 0:
        pytest.skip("this file system cannot freeze a folder")


def test_what_could_not_be_removed_goes_when_the_folder_is_written_to_again(tmp_path: Path) -> None:
    with published(tmp_path / "before.fits"):
        pass
    with pytest.raises(WriteError), published(tmp_path / "a.fits"):
        freeze(tmp_path, frozen=True)
    freeze(tmp_path, frozen=False)
    (left,) = (name for name in names(tmp_path) if is_temporary(name))
    with published(tmp_path / "after.fits"):
        assert left not in names(tmp_path)
    assert names(tmp_path) == ["after.fits", "before.fits"]
