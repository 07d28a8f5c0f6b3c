from __future__ import annotations

import os
from pathlib import Path

import pytest

from arwatch.platform.machine import memory_bytes, memory_kills, serial_numbers

PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
MIB = 1 << 20


@pytest.mark.parametrize(
    ("membership", "limits", "memory"),
    [
        ("0::/system.slice/arwatch.service\n", {"system.slice/arwatch.service": f"{600 * MIB}\n"}, 600 * MIB),
        ("0::/a/b\n", {"a": f"{300 * MIB}\n", "a/b": f"{600 * MIB}\n"}, 300 * MIB),
        ("0::/a\n", {"a": "max\n"}, PHYSICAL),
        ("0::/a\n", {}, PHYSICAL),
        ("0::/\n", {"": f"{300 * MIB}\n"}, 300 * MIB),
        ("4:memory:/a\n", {"a": f"{300 * MIB}\n"}, PHYSICAL),
    ],
)
def test_a_control_groups_limit_counts(tmp_path: Path, membership: str, limits: dict[str, str], memory: int) -> None:
    (tmp_path / "membership").write_text(membership)
    for group, limit in limits.items():
        folder = tmp_path / "groups" / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.max").write_text(limit)
    assert memory_bytes(tmp_path / "membership", tmp_path / "groups") == memory


def test_without_control_groups_all_memory_counts(tmp_path: Path) -> None:
    assert memory_bytes(tmp_path / "none", tmp_path / "none") == PHYSICAL


def test_serial_numbers_of_board_and_disks(tmp_path: Path) -> None:
    for place, text in {
        "proc/device-tree/serial-number": "100000003d1d1c36\0",
        "sys/block/mmcblk0/device/cid": "1b534d454231515430\n",
        "sys/block/sda/device/wwid": "t10.ATA     Samsung SSD 870 S5Y1\n",
        "sys/block/loop0/device/serial": "\n",
    }.items():
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(text)
    assert serial_numbers(tmp_path) == ("100000003d1d1c36", "1b534d454231515430", "t10.ATA     Samsung SSD 870 S5Y1")
    assert serial_numbers(tmp_path / "none") == ()


@pytest.mark.parametrize(
    ("membership", "place", "text"),
    [
        ("0::/a.slice/b\n", "a.slice/b/memory.events", "low 0\nmax 7\noom 5\noom_kill 3\noom_group_kill 9\n"),
        ("0::/\n", "memory.events", "oom_kill 3\n"),
        ("4:memory:/a\n0::/\n", "memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
        ("4:memory:/outside\n0::/\n", "memory/memory.oom_control", "oom_kill 3\n"),
    ],
)
def test_kills_for_lack_of_memory_are_counted(tmp_path: Path, membership: str, place: str, text: str) -> None:
    (tmp_path / "membership").write_text(membership)
    file = tmp_path / "groups" / place
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert memory_kills(tmp_path / "membership", tmp_path / "groups") == 3
    assert memory_kills(tmp_path / "none", tmp_path / "none") == 0
