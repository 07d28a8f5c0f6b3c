"""`arwatch install-service` and `arwatch uninstall-service`: each step is printed; a second run changes nothing."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arwatch.commands.install.groups import power_of
from arwatch.commands.install.steps import Steps
from arwatch.commands.install.unitfiles import DropIn, command, compilation, hidden, packaged
from arwatch.errors import ArwatchError
from arwatch.platform import paths
from arwatch.settings import load

if TYPE_CHECKING:
    from arwatch.settings import Settings

ACCOUNT = "arwatch"
ETC = Path("/etc/arwatch")
STATE = Path("/var/lib/arwatch")
CACHE = Path("/var/cache/arwatch")
ONCE = Path("/run/systemd/system/arwatch-kernels.service")
"""Exists while the kernels are compiled."""
WARM_UP = "from arwatch.process.run import is_warm, warm_up; is_warm() or warm_up()"


class InstallError(ArwatchError):
    """The service cannot be installed like this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Which service is meant, and where its files are."""

    unit: str
    """Name of the service without `.service`: arwatch or arwatch@NAME."""
    config: Path
    """The settings that the service reads."""
    units: Path
    """The folder of unit files."""
    user: bool
    """A service of the user who runs this, instead of the system's."""

    @property
    def source(self) -> str:
        """Name of the packaged unit file."""
        return "arwatch-user.service" if self.user else self.file.name

    @property
    def file(self) -> Path:
        """The unit file; all instances share one."""
        return self.units / f"{self.unit.partition('@')[0]}{'@' if '@' in self.unit else ''}.service"

    @property
    def drop_in(self) -> Path:
        """What `install-service` adds for this machine."""
        return self.units / f"{self.unit}.service.d" / "installation.conf"

    def systemctl(self, *words: str) -> list[str]:
        """Give a command line of systemctl for this service's manager."""
        return ["systemctl", *(["--user"] if self.user else []), *words]


def place(config: Path | None, *, user: bool) -> Installation:
    """Find out which service settings belong to: their file's name decides.

    Raises
    ------
    InstallError
        The name is none that an instance can have, or a user's service was asked for an instance.
    """
    name = config.stem if config else "arwatch"
    if config and (config.suffix != ".toml" or not re.fullmatch(r"[A-Za-z0-9_.-]+", name)):
        raise InstallError(f"{config.name}: call it NAME.toml, NAME of letters, digits, _ and -, for arwatch@NAME")
    if user:
        if name != "arwatch":
            raise InstallError("a user has one arwatch service; its settings are called arwatch.toml")
        home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        return Installation(
            unit="arwatch", config=home / "arwatch/arwatch.toml", units=home / "systemd/user", user=True
        )
    unit = "arwatch" if name == "arwatch" else f"arwatch@{name}"
    return Installation(unit=unit, config=ETC / f"{name}.toml", units=Path("/etc/systemd/system"), user=False)


def install(config: Path | None, *, user: bool, dry: bool) -> None:
    """Put the service in place; nothing is started.

    Raises
    ------
    InstallError
        Not root, no systemd, or the settings do not fit a service; the text says what to do.
    SettingsError
        The settings cannot be used.
    """
    where, steps = place(config, user=user), Steps(dry)
    _may(where, dry=dry)
    given = config if config and config.absolute() != where.config else None
    settings = load(where.config if where.config.exists() else given)
    folders = _folders(settings)
    _write_config(where, given, steps)
    if not user:
        _make_account(steps)
    groups, notes = ([], []) if user or dry else _rights(folders)
    steps.write_ours(where.file, packaged(f"systemd/{where.source}"))
    drop_in = DropIn(
        config=where.config,
        folders=folders,
        stop_timeout_s=settings.service.stop_timeout_s,
        groups=groups,
        confined=not user,
    )
    steps.write_ours(where.drop_in, drop_in.text())
    running = _runs(where)
    _compile(where, steps)
    reached = steps.run(*where.systemctl("daemon-reload"))
    for note in notes:
        click.echo(note)
    _say_next(where, folders, running=running, reached=reached)


def uninstall(config: Path | None, *, user: bool, dry: bool) -> None:
    """Stop the service and take away what `install` made and nobody edited; settings and ledger stay.

    Raises
    ------
    InstallError
        Not root, or no systemd.
    """
    where, steps = place(config, user=user), Steps(dry)
    _may(where, dry=dry)
    if not where.file.exists() and not where.drop_in.exists():
        click.echo(f"nothing to do: {where.unit} is not installed")
        return
    if steps.run(*where.systemctl("disable", "--now", f"{where.unit}.service")):
        steps.tell(f"stopped and disabled: {where.unit}")
    steps.remove_ours(where.drop_in)
    others = [d for d in where.units.glob("arwatch*.service.d/installation.conf") if d != where.drop_in]
    if "@" not in where.unit or not any("@" in other.parent.name for other in others):
        steps.remove_ours(where.file)
    steps.run(*where.systemctl("daemon-reload"))
    kept = [where.config]
    if not user:
        kept.append(STATE)
        if not others and CACHE.is_dir():
            if not dry:
                shutil.rmtree(CACHE)
            steps.tell(f"removed: {CACHE}")
    click.echo(f"kept: {', '.join(str(path) for path in kept if path.exists())}")
    if not user:
        click.echo(f"kept: the account {ACCOUNT}, which owns the FITS files (sudo userdel {ACCOUNT} removes it)")


def _may(where: Installation, *, dry: bool) -> None:
    if shutil.which("systemctl") is None:
        raise InstallError("there is no systemd here; start `arwatch run` by what this system has for services")
    if not dry and not where.user and os.geteuid():
        raise InstallError(
            f"the system's service files belong to root: sudo {command()[0]} {' '.join(sys.argv[1:])}\n"
            "(or add --user for a service of your own account)"
        )
    if where.user and os.geteuid() == 0 and "SUDO_USER" in os.environ:
        raise InstallError("--user is for your own account: run it without sudo")


def _write_config(where: Installation, given: Path | None, steps: Steps) -> None:
    text = given.read_text(encoding="utf-8") if given else packaged("config.example.toml")
    if not where.config.exists():
        steps.write(where.config, text)
    elif given and where.config.read_text(encoding="utf-8") != text:
        click.echo(f"kept: {where.config} (it differs from {given}; copy that one over it if you want its settings)")
    else:
        click.echo(f"kept: {where.config}")


def _folders(settings: Settings) -> list[Path]:
    """Give the folders that arwatch writes to."""
    names = [*settings.watch.folders, settings.output.folder, settings.state.folder, settings.preview.folder]
    folders = [Path(name) for name in dict.fromkeys(names) if name]
    for folder in folders:
        if not folder.is_absolute() or ".." in folder.parts:
            raise InstallError(f"{folder}: a service needs the whole path, beginning with /")
    return folders


def _make_account(steps: Steps) -> None:
    try:
        pwd.getpwnam(ACCOUNT)
    except KeyError:
        words = ("useradd", "--system", "--user-group", "--home-dir", str(STATE), "--no-create-home")
        if not steps.run(*words, "--shell", "/usr/sbin/nologin", ACCOUNT):
            raise InstallError(f"the account {ACCOUNT} could not be made; make it and run this again") from None
        steps.tell(f"created: the account {ACCOUNT}")
    else:
        click.echo(f"unchanged: the account {ACCOUNT}")


def _rights(folders: list[Path]) -> tuple[list[str], list[str]]:
    """Find groups that let the service write to its folders; and say what to do where there are none."""
    groups: list[str] = []
    notes: list[str] = []
    for folder in folders:
        if not folder.is_dir():
            notes.append(f"note: {folder} is not there now; if that is no disk to be plugged in later: make it")
        elif not _may_write(folder, []):
            gid = folder.stat().st_gid
            helps = _may_write(folder, [gid])
            power = power_of(gid) if helps else None
            if helps and power is None:
                groups.append(str(gid))
            else:
                name = shlex.quote(str(folder))
                allow = f"sudo chgrp {ACCOUNT} {name} && sudo chmod g+rwxs {name}"
                why = f" ({power}: the service does not become a member)" if power else ""
                notes.append(f"note: arwatch may not write to {folder}{why}; allow it with\n  {allow}")
    return sorted(set(groups)), notes


def _may_write(folder: Path, groups: list[int]) -> bool:
    """Whether the service's account could make files in a folder.

    A folder that is bound into the service is reached there whatever its parents allow, so it is asked for itself.
    """
    account = pwd.getpwnam(ACCOUNT)
    open_folder = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        path = f"/proc/self/fd/{open_folder}" if hidden(folder) else str(folder)
        test = subprocess.run(  # noqa: S603 -- a fixed command
            ["test", "-w", path, "-a", "-x", path],  # noqa: S607 -- of the system, whose path root has
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=groups,
            pass_fds=[open_folder],
            check=False,
        )
    finally:
        os.close(open_folder)
    return test.returncode == 0


def _compile(where: Installation, steps: Steps) -> None:
    """Compile as the service would: as its account, in its cache; a failure costs time at the first start, no more."""
    python = [sys.executable, "-c", WARM_UP]
    cache = paths.cache_folder() if where.user else CACHE
    if where.user:
        done = steps.run("env", f"NUMBA_CACHE_DIR={cache}", *python)
    elif not ONCE.parent.is_dir():
        done = False  # systemd is not running, as when an image is built
    else:
        if not steps.dry:
            ONCE.write_text(compilation(ACCOUNT, cache, python), encoding="utf-8")
        done = steps.run("systemctl", "daemon-reload") and steps.run("systemctl", "start", ONCE.name)
        if not steps.dry:
            ONCE.unlink()
    if done:
        steps.tell(f"compiled: the kernels, in {cache}")
    else:
        click.echo("the kernels are compiled at the first start")


def _runs(where: Installation) -> bool:
    asked = where.systemctl("is-active", "--quiet", f"{where.unit}.service")
    return subprocess.run(asked, check=False, capture_output=True).returncode == 0  # noqa: S603 -- a fixed command


def _say_next(where: Installation, folders: list[Path], *, running: bool, reached: bool) -> None:
    sudo, mine = ("", " --user") if where.user else ("sudo ", "")
    again = f"{sudo}{' '.join(command())} install-service{mine}"
    again += f" --config {where.config}" if "@" in where.unit else ""
    follow = f"{' '.join(command())} logs{mine}" + (f" --unit {where.unit}" if "@" in where.unit else "")
    lines = []
    if not folders:
        lines += [f"{sudo}nano {where.config}    # set [watch] folders", f"{again}    # once more, for these folders"]
    elif running:
        lines += [f"{sudo}systemctl{mine} restart {where.unit}"]
    else:
        lines += [f"{sudo}systemctl{mine} enable --now {where.unit}"]
        lines += ["sudo loginctl enable-linger $USER    # start before any login"] if where.user else []
    click.echo("\nWhat to type next:")
    for line in [*lines, *([follow] if folders else [])]:
        click.echo(f"  {line}")
    if not reached:
        click.echo("(systemd was not reached; it reads the new files at its next start)")
