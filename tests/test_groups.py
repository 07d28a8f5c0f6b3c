"""Which groups the service may be given; sockets are real, and belong to the group of who runs the tests."""

import os
import socket
from contextlib import closing

import pytest

from arwatch.commands.install.groups import Machine, power_of

NOBODYS = 54321


@pytest.fixture
def machine(tmp_path):
    (tmp_path / "dev").mkdir()
    (tmp_path / "sudoers.d").mkdir()
    (tmp_path / "login.defs").write_text("# GID_MIN 5\nGID_MIN\t\t 0\nGID_MAX 60000\n")
    return Machine(
        login_defs=tmp_path / "login.defs",
        nodes=(tmp_path / "dev", tmp_path / "absent"),
        sudoers=(tmp_path / "sudoers", tmp_path / "sudoers.d"),
    )


@pytest.mark.parametrize("gid", [0, 6, 999, 65534])
def test_groups_of_the_system_are_not_given(machine, gid):
    machine.login_defs.write_text("GID_MIN 1000\n")
    assert "is a group of the system" in power_of(gid, machine)
    machine.login_defs.unlink()
    assert "is a group of the system" in power_of(gid, machine)


def test_groups_of_people_are_given(machine):
    assert power_of(NOBODYS, machine) is None


@pytest.mark.parametrize(("mode", "powerful"), [(0o660, True), (0o600, False)])
def test_a_group_that_may_use_a_socket_is_not_given(machine, mode, *, powerful):
    place = machine.nodes[0] / "docker"
    place.mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(place / "docker.sock"))
        (place / "docker.sock").chmod(mode)
        os.chown(place / "docker.sock", -1, os.getegid())
        power = power_of(os.getegid(), machine)
        assert (power is not None) is powerful
        assert not powerful or power.endswith("may use " + str(place / "docker.sock"))


@pytest.mark.parametrize(
    ("rule", "powerful"),
    [
        (f"%#{NOBODYS} ALL=(ALL) NOPASSWD: ALL", True),
        (f"%{NOBODYS} ALL=(ALL) ALL", True),
        (f"anna, %{NOBODYS} ALL=(ALL) ALL", True),
        (f"# %{NOBODYS} ALL=(ALL) ALL", False),
        (f"%{NOBODYS}1 ALL=(ALL) ALL", False),
        (f"%{NOBODYS}-old ALL=(ALL) ALL", False),
    ],
)
def test_a_group_that_sudo_has_rules_for_is_not_given(machine, rule, *, powerful):
    for path in (machine.sudoers[0], machine.sudoers[1] / "astro"):
        path.write_text(f"Defaults env_reset\n{rule}\n")
        assert (power_of(NOBODYS, machine) is not None) is powerful
        path.unlink()
