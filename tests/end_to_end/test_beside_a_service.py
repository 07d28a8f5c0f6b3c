"""Commands of root and of users on a machine that has the system's service: a real systemd, real accounts."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import arwatch
from arwatch import simulate
from end_to_end import systemd_lab
from end_to_end.systemd_lab import Lab, arwatch_command

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("systemd")]

CAPTURES, LATER = Path("/srv/captures"), Path("/srv/later")
CONFIG = Path("/etc/arwatch/arwatch.toml")
SETTINGS = f"""
[watch]
folders = ["{CAPTURES}"]
settle_s = 0.3
rescan_s = 2.0
[workers]
count = 1
[disk]
min_free_mib = 10
"""


class Machine:
    """The lab, and how a user types commands there."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def types(self, *words: str | Path, user: str = "root") -> tuple[int, str]:
        """Let somebody type an arwatch command; gives exit code and output."""
        source = Path(arwatch.__file__).parents[1]
        command = [sys.executable, "-m", "arwatch", *map(str, words)]
        script = 'cd /srv; "$@" 2>&1; echo "code $?"'
        account = ["runuser", "-u", user, "--"] if user != "root" else []
        environment = ["env", f"PYTHONPATH={source}", f"HOME={'/root' if user == 'root' else f'/home/{user}'}"]
        said = self.lab.run(*account, *environment, "sh", "-c", script, "sh", *command)
        text, _, code = said.rpartition("code ")
        return int(code), text

    def owners(self, folder: str | Path) -> set[str]:
        """Give who owns what is in a folder."""
        return set(self.lab.run("find", str(folder), "-mindepth", "1", "-printf", "%u\n").split())

    def give(self, name: str, data: bytes | None = None, folder: Path = CAPTURES) -> None:
        """Put a frame (or these bytes) into a folder, as anna's camera does."""
        path = self.lab.path(folder / name)
        if data is None:
            simulate.write_arw(path, simulate.render(simulate.tonight(300, 400)).mosaic)
        else:
            path.write_bytes(data)
        self.lab.run("chown", "anna:anna", str(folder / name))


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    reason = systemd_lab.unavailable()
    if reason and os.environ.get("ARWATCH_REQUIRE_TOOLS") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with systemd_lab.booted() as lab:
        lab.run("useradd", "--create-home", "--home-dir", "/home/anna", "anna")
        for folder in (CAPTURES, LATER):
            lab.run("install", "-d", "-o", "anna", "-g", "anna", "-m", "2775", str(folder))
        lab.path("/tmp/arwatch.toml").write_text(SETTINGS, encoding="utf-8")
        lab.run(arwatch_command(), "install-service", "--config", "/tmp/arwatch.toml")
        lab.run("systemctl", "enable", "--now", "arwatch")
        yield Machine(lab)


def test_root_sees_the_folders_as_the_service_does(machine: Machine) -> None:
    code, said = machine.types("check")
    assert code == 0, said
    assert f"{CONFIG} is valid" in said
    assert "arwatch runs; what follows is how its account sees it" in said
    machine.lab.path(CONFIG).write_text(SETTINGS.replace("]\nsettle", f', "{LATER}"]\nsettle'), encoding="utf-8")
    try:
        code, said = machine.types("check")
    finally:
        machine.lab.path(CONFIG).write_text(SETTINGS, encoding="utf-8")
    assert code == 1
    cure = "sudo arwatch install-service && sudo systemctl restart arwatch"
    assert f"FAIL folder       {LATER} is read-only for the service: {cure}" in said
    assert re.search(rf"warn service      {CONFIG} was changed since it began: sudo systemctl reload arwatch", said)


def test_root_is_told_what_the_account_may_not_write(machine: Machine) -> None:
    machine.lab.run("chmod", "700", str(CAPTURES))
    try:
        code, said = machine.types("check")
    finally:
        machine.lab.run("chmod", "2775", str(CAPTURES))
    assert code == 1
    assert f"FAIL folder       {CAPTURES} is not writable: sudo chgrp arwatch {CAPTURES} && sudo chmod g+rwxs" in said
    assert machine.owners("/var/lib/arwatch") == {"arwatch"}
    assert machine.owners("/var/cache/arwatch") == {"arwatch"}


def test_one_plain_command_lets_the_service_try_again(machine: Machine) -> None:
    machine.give("DSC00001.ARW", b"not yet a frame")
    machine.lab.wait(lambda: "frame.failed" in machine.lab.journal("arwatch", "--output=cat"), "a failed frame")
    code, said = machine.types("retry", "--all", user="anna")
    assert code == 1
    assert "sudo arwatch retry --all" in said
    code, said = machine.types("retry", "--all")
    assert code == 0, said
    assert "1 of 1 failed frames will be tried again (/var/lib/arwatch/ledger.sqlite)" in said
    assert machine.owners("/var/lib/arwatch") == {"arwatch"}
    machine.lab.run("rm", str(CAPTURES / "DSC00001.ARW"))


def test_status_tells_of_the_service(machine: Machine) -> None:
    machine.lab.wait(lambda: machine.lab.show("arwatch", "ActiveState") == "active", "ready")
    code, said = machine.types("status")
    assert code == 0, said
    assert f"{CAPTURES}: watched by arwatch process {machine.lab.show('arwatch', 'MainPID')} on " in said
    assert re.search(r"frames: \d+ written, \d+ failed, 0 waiting", said)
    code, said = machine.types("status", user="anna")
    assert code == 0, said
    assert "sudo arwatch status" in said


def test_process_does_not_work_against_the_service(machine: Machine) -> None:
    machine.give("DSC00002.ARW")
    machine.lab.wait(machine.lab.path(CAPTURES / "DSC00002.bkg_subtracted.fits").exists, "an output")
    code, said = machine.types("process", CAPTURES, user="anna")
    assert code == 1
    assert f"{CAPTURES} is watched by arwatch process" in said
    assert "--output DIR" in said
    code, said = machine.types("process", CAPTURES, "--output", "/home/anna/mine", user="anna")
    assert code == 0, said
    assert machine.owners("/home/anna/mine") == {"anna"}


def test_what_root_writes_belongs_to_whom_the_folder_belongs(machine: Machine) -> None:
    machine.give("DSC00003.ARW", folder=LATER)
    code, said = machine.types("process", LATER)
    assert code == 0, said
    code, said = machine.types("restore", LATER)
    assert code == 0, said
    code, said = machine.types("process", LATER, "--output", LATER / "a" / "b")
    assert code == 0, said
    assert machine.owners(LATER) == {"anna"}
    assert machine.lab.path(LATER / "a" / "b" / "DSC00003.bkg_subtracted.fits").exists()
