"""Which groups the service may be given: those of people, never one that stands for power over the machine.

A member of `docker` or `disk` can do what root can, a member of `adm` or `systemd-journal` reads every log. What a
group stands for is written nowhere. So a group has to prove that it is only one of people: its number is in the range
in which `groupadd` makes groups for people, it may use no device and no socket, and `sudo` has no rule for it.
"""

from __future__ import annotations

import grp
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST, _LAST = 1000, 60000
"""GID_MIN and GID_MAX where /etc/login.defs does not say (login.defs(5))."""
_POWERFUL = frozenset({"admin", "docker", "incus", "incus-admin", "libvirt", "lxd", "podman", "sudo", "wheel"})
"""Groups that manuals tell people to make by hand, and that are powerful even while their programs do not run."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where this machine says what its groups are for."""

    login_defs: Path = Path("/etc/login.defs")
    nodes: tuple[Path, ...] = (Path("/dev"), Path("/run"))
    """Folders of devices and sockets."""
    sudoers: tuple[Path, ...] = (Path("/etc/sudoers"), Path("/etc/sudoers.d"))


def power_of(gid: int, machine: Machine | None = None) -> str | None:
    """Say why a service must not be given a group; None: it is one of people."""
    machine = machine or Machine()
    first, last = _range(machine.login_defs)
    name = _name(gid)
    if not first <= gid <= last:
        return f"{name} is a group of the system, not of people"
    if name in _POWERFUL:
        return f"members of {name} may do what root may do"
    if node := next((node for folder in machine.nodes for node in _owned_nodes(folder, gid)), None):
        return f"members of {name} may use {node}"
    if any(_is_named(path, name, gid) for path in machine.sudoers):
        return f"sudo gives members of {name} the rights of others"
    return None


def _name(gid: int) -> str:
    with suppress(KeyError):
        return grp.getgrgid(gid).gr_name
    return str(gid)


def _range(login_defs: Path) -> tuple[int, int]:
    text = login_defs.read_text(encoding="utf-8", errors="replace") if login_defs.is_file() else ""
    found = dict(re.findall(r"^\s*(GID_MIN|GID_MAX)\s+(\d+)", text, re.MULTILINE))
    return int(found.get("GID_MIN", _FIRST)), int(found.get("GID_MAX", _LAST))


def _owned_nodes(folder: Path, gid: int) -> Iterator[Path]:
    """Find the devices and sockets that a group may use, but for those of `_OF_USERS`."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) not in _OF_USERS]
        for name in names:
            with suppress(OSError):
                found = Path(place, name).lstat()
                kinds = (stat.S_ISBLK, stat.S_ISCHR, stat.S_ISSOCK)
                powerful = any(is_kind(found.st_mode) for is_kind in kinds) and found.st_mode & stat.S_IRWXG
                if found.st_gid == gid and powerful:
                    yield Path(place, name)


_OF_USERS = frozenset({Path("/dev/pts"), Path("/run/user")})
"""Terminals, and each user's own sockets."""


def _is_named(path: Path, name: str, gid: int) -> bool:
    """Whether sudoers(5) has rules for a group."""
    files = path.iterdir() if path.is_dir() else [path]
    of_group = re.compile(rf"(?m)^[^#\n]*%(?:{re.escape(name)}|[#]{gid})(?![\w-])")
    return any(of_group.search(file.read_text(encoding="utf-8", errors="replace")) for file in files if file.is_file())
