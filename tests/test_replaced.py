import os

import pytest

from arwatch.daemon.replaced import SCANS, Replaced


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.ARW"
    bring(path, b"first")
    return path


def bring(path, content):
    """Write a file beside and rename it; its time is always the same."""
    beside = path.with_suffix(".part")
    beside.write_bytes(content)
    os.utime(beside, (1.7e9, 1.7e9))
    beside.rename(path)


def mode(path):
    path.chmod(0o600)


def link(path):
    os.link(path, path.with_suffix(".link"))


def another(path):
    bring(path, b"other")


def larger(path):
    bring(path, b"larger")


@pytest.mark.parametrize(("change", "replaced"), [(mode, False), (link, False), (larger, False), (another, True)])
def test_what_counts_as_another_file(path, change, replaced):
    files = Replaced()
    files.look(path)
    change(path)
    files.look(path)
    assert files.take(path) is replaced
    assert not files.take(path)


def test_what_has_gone_is_forgotten(path, tmp_path):
    files = Replaced()
    files.look(path)
    files.begin_scan()
    path.rename(tmp_path / "b.ARW")
    files.look(tmp_path / "b.ARW")
    assert files.missed() == [path]
    assert files.has_gone(path)
    assert not files.has_gone(path)
    assert list(files._known) == [str(tmp_path / "b.ARW")]


def test_what_a_failing_disk_hides_is_remembered_for_some_scans(tmp_path):
    folder = tmp_path / "night"
    folder.mkdir()
    path = folder / "a.ARW"
    bring(path, b"first")
    files = Replaced()
    files.look(path)
    folder.rename(tmp_path / "away")
    for _ in range(SCANS):
        files.begin_scan()
        assert files.look(path) is None
        assert files.missed() == [path]
        assert not files.has_gone(path)
    (tmp_path / "away").rename(folder)
    another(path)
    files.look(path)
    assert files.take(path)
    folder.rename(tmp_path / "away")
    for _ in range(SCANS + 1):
        files.begin_scan()
    assert files.missed() == []
