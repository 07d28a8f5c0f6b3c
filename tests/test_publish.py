from __future__ import annotations

import os
from pathlib import Path

import pytest

from arwatch.errors import NoSpaceError, WriteError
from arwatch.output.publish import PREFIX, SUFFIX, is_temporary, published, remove_stale
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
