"""A real systemd, booted as PID 1 of its own namespaces: what the tests do to it, the machine does not notice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import arwatch

SYSTEMD = Path("/lib/systemd/systemd")
UNITS = Path("/lib/systemd/system")
TOOLS = ("journalctl", "mount", "nsenter", "systemctl", "unshare", "useradd")
TARGETS = ("basic", "default", "local-fs", "multi-user", "network", "shutdown", "sockets", "sysinit", "timers")
CODE = Path(arwatch.__file__).parents[1]
"""What is tested: commands and services inside import arwatch from here, whichever one is installed."""
HIDDEN = ("/home", "/media", "/mnt", "/root", "/run", "/srv", "/tmp", "/var/cache", "/var/lib", "/var/log", "/var/tmp")
NAMESPACES = ("--pid", "--mount", "--uts", "--ipc", "--cgroup")

BOOT = r"""
set -e
mount --make-rprivate /
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "$LAB/bind"
IFS=:
for p in $LAB_KEEP; do mkdir -p "$LAB/bind$p"; mount --bind "$p" "$LAB/bind$p"; done
mount -t proc proc /proc
cp -a /etc "$LAB/etc"
rm -rf "$LAB/etc/systemd/system" "$LAB/etc/fstab"
mkdir -p "$LAB/etc/systemd/system"
mkdir -p "$LAB/etc/systemd/system.conf.d"
printf '[Manager]\nDefaultEnvironment="PYTHONPATH=%s"\n' "$LAB_CODE" > "$LAB/etc/systemd/system.conf.d/code.conf"
mount --bind "$LAB/etc" /etc
for d in $LAB_HIDDEN; do mkdir -p "$d"; mount -t tmpfs -o mode=755 tmpfs "$d"; done
chmod 1777 /tmp /var/tmp
install -d /run/lock
install -d -g systemd-journal -m 2755 /run/log/journal
for p in $LAB_KEEP; do mkdir -p "$p"; mount --bind "$LAB/bind$p" "$p"; done
mount --make-rshared /
export container=lab SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/systemd/system:$LAB/units
exec /lib/systemd/systemd --system --log-target=console --unit=multi-user.target
"""


def unavailable() -> str | None:
    """Why there can be no lab here; None: there can."""
    if os.geteuid():
        return "a systemd of one's own needs root"
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent or not SYSTEMD.exists():
        return f"not installed: {', '.join(absent) or SYSTEMD}"
    mounts = "mount -t proc proc /proc && mount -t cgroup2 cgroup2 /sys/fs/cgroup"
    tried = subprocess.run(
        ["unshare", *NAMESPACES, "--fork", "sh", "-c", mounts], capture_output=True, text=True, check=False
    )
    return f"namespaces cannot be made: {tried.stderr.strip()}" if tried.returncode else None


class Lab:
    """A booted systemd."""

    def __init__(self, init: int, folder: Path) -> None:
        self.init = init
        self._units = folder / "units"
        self.root = Path(f"/proc/{init}/root")
        """What the machine inside has as /."""

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command inside, as root; gives what it printed."""
        units = f"/etc/systemd/system:/run/systemd/system:{self._units}"
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SYSTEMD_UNIT_PATH": units}
        environment["PYTHONPATH"] = str(CODE)
        enter = ["nsenter", "-t", str(self.init), "-p", "-m", "-u", "-i", "--", *command]
        done = subprocess.run(enter, capture_output=True, text=True, env=environment, timeout=200, check=False)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def path(self, inside: str | Path) -> Path:
        """Give the path by which the test reaches a file of the machine inside."""
        return self.root / str(inside).lstrip("/")

    def show(self, unit: str, name: str) -> str:
        """Give a property of a unit."""
        return self.run("systemctl", "show", "--property", name, "--value", unit).strip()

    def journal(self, unit: str, *options: str) -> str:
        """Give what a unit's journal has."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--quiet", "--no-pager", "--unit", unit, *options)

    def events(self, unit: str) -> list[dict[str, Any]]:
        """Give arwatch's events in a unit's journal, in order."""
        lines = self.journal(unit, "--output=cat").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def wait(self, condition: Callable[[], object], what: str, unit: str = "arwatch", within_s: float = 90.0) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"after {within_s:g} s still not: {what}\n{self.journal(unit)}")
            time.sleep(0.05)


def arwatch_command() -> str:
    """Give the command as a user of this installation types it."""
    return str(Path(sysconfig.get_path("scripts")) / "arwatch")


@contextmanager
def booted() -> Iterator[Lab]:
    """Boot a systemd without any services but the journal, and end it."""
    folder = Path(tempfile.mkdtemp(prefix="arwatch-lab-", dir="/dev/shm"))
    _write_units(folder / "units")
    groups = _own_groups(folder.name)
    places = {Path(sys.prefix), Path(sys.base_prefix), CODE.parent}
    keep = [str(p) for p in sorted(places) if any(p.is_relative_to(place) for place in HIDDEN)]
    environment = os.environ | {"LAB": str(folder), "LAB_KEEP": ":".join(keep), "LAB_HIDDEN": ":".join(HIDDEN)}
    environment["LAB_CODE"] = str(CODE)
    unshare = ["unshare", *NAMESPACES, "--fork", "--kill-child", "bash", "-c", BOOT]
    enter = "".join(f'echo $$ > "{group}/cgroup.procs"; ' for group in groups)
    with (folder / "boot.log").open("wb") as file:
        outer = subprocess.Popen(
            ["bash", "-c", f'{enter}exec "$@"', "lab", *unshare],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=environment,
            start_new_session=True,
        )
    try:
        yield _when_up(outer, folder)
    finally:
        outer.kill()
        outer.wait()
        _remove(folder, groups)


def _write_units(folder: Path) -> None:
    folder.mkdir()
    for name in ("systemd-journald.service", "systemd-journald.socket", "systemd-journald-dev-log.socket"):
        shutil.copy(UNITS / name, folder)
    for name in TARGETS:  # what ordinary services order themselves against
        (folder / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n")
    (folder / "multi-user.target").write_text(
        "[Unit]\nDefaultDependencies=no\nWants=systemd-journald.service\nAfter=systemd-journald.service\n"
    )


def _own_groups(name: str) -> list[Path]:
    """Make a control group, so that the systemd inside does not touch those of the one outside."""
    for root in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (root / "cgroup.procs").exists():
            (root / name).mkdir()
            return [root / name]
    return []


def _when_up(outer: subprocess.Popen[bytes], folder: Path) -> Lab:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and outer.poll() is None:
        time.sleep(0.05)
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        if children and Path(f"/proc/{children[0]}/comm").read_text() == "systemd\n":
            lab = Lab(int(children[0]), folder)
            with suppress(AssertionError):
                lab.run("systemctl", "is-active", "multi-user.target")
                lab.run("systemctl", "log-target", "journal")
                return lab
    raise AssertionError(f"systemd did not boot:\n{(folder / 'boot.log').read_text(errors='replace')}")


def _remove(folder: Path, groups: list[Path]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for group in groups:
        for place, _, _ in os.walk(group, topdown=False):
            for _attempt in range(100):
                with suppress(OSError):
                    Path(place).rmdir()
                    break
                time.sleep(0.02)  # its last processes are just ending
