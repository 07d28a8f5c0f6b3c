"""The text of the service's unit files: the packaged ones, and the drop-in that says what this machine has."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import arwatch
from arwatch.errors import ArwatchError

if TYPE_CHECKING:
    from collections.abc import Iterable

MARK = "# arwatch install-service "
"""Begins the last line of a file of ours; the digest after it tells whether somebody edited the file."""
UNSEEN = tuple(Path(place) for place in ("/home", "/root", "/run/user", "/tmp", "/var/tmp"))  # noqa: S108 -- not used
"""What the system service has empty folders for (ProtectHome, PrivateTmp)."""
SOFT = frozenset({"nofail", "noauto", "x-systemd.automount"})
"""Options in fstab of a file system that the machine starts without."""
HEAD = """\
# What depends on this machine, written by `arwatch install-service`: run it again after a change of the folders.

"""


class UnitError(ArwatchError):
    """A unit file cannot be made."""


def packaged(name: str) -> str:
    """Read a file that belongs to arwatch: from the installed package, or from the checkout it runs in."""
    package = Path(arwatch.__file__).parent
    for folder in (package / "data", package.parents[1]):
        if (folder / "systemd").is_dir():
            return (folder / name).read_text(encoding="utf-8")
    raise UnitError(f"{name} is missing from this installation of arwatch: install it again")


def signed(text: str) -> str:
    """Add the line by which `unedited` knows the text again."""
    return f"{text}{MARK}{_digest(text)}\n"


def unedited(text: str) -> bool:
    """Whether a file is as `signed` made it."""
    body, mark, digest = text.rpartition(MARK)
    return bool(mark) and digest == f"{_digest(body)}\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def installation() -> list[Path]:
    """Give the folders that the interpreter and the packages of this arwatch are read from."""
    places = {Path(sys.prefix), Path(sys.base_prefix), Path(arwatch.__file__).parents[1]}
    return sorted(p for p in places if not any(p != q and p.is_relative_to(q) for q in places))


def command() -> list[str]:
    """Give the absolute command line of this arwatch."""
    script = Path(sysconfig.get_path("scripts")) / "arwatch"
    return [str(script)] if script.exists() else [sys.executable, "-m", "arwatch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropIn:
    """What a unit has to know of this machine."""

    config: Path
    """The settings."""
    folders: list[Path]
    """Where frames are and outputs go."""
    stop_timeout_s: float
    """Time for frames in work when the service is stopped, seconds."""
    groups: list[str]
    """Numbers of those groups whose members may write to the folders."""
    confined: bool
    """Whether the unit sees the system read-only and no homes; a user's service does not."""

    def text(self, fstab: Path = Path("/etc/fstab")) -> str:
        """Render it."""
        unit = [] if not self.confined else list(_mounts(self.folders, fstab))
        start = " ".join(quoted(word, dollar=True) for word in [*command(), "run", "--config", str(self.config)])
        reload = " ".join(quoted(word, dollar=True) for word in [*command(), "reload"])
        service = ["ExecStart=", f"ExecStart={start}", "ExecReload=", f"ExecReload={reload} $MAINPID"]
        service += [f"TimeoutStopSec={self.stop_timeout_s + 30:.0f}"]
        if self.confined:
            # "-": a folder on a disk that is plugged in later keeps nothing from starting
            service += _bound_installation()
            service += [
                f"{'BindPaths' if hidden(path) else 'ReadWritePaths'}={quoted(f'-{path}')}" for path in self.folders
            ]
            service += [f"SupplementaryGroups={group}" for group in self.groups]
        sections = [*(["[Unit]", *unit, ""] if unit else []), "[Service]", *service]
        return HEAD + "\n".join(sections) + "\n"


def compilation(account: str, cache: Path, command: list[str]) -> str:
    """Give a unit that fills the cache as the service's account, where arwatch is as the service finds it."""
    lines = ["[Service]", "Type=oneshot", f"User={account}", f"CacheDirectory={cache.name}", "CacheDirectoryMode=0700"]
    lines += ["ProtectHome=tmpfs", "PrivateTmp=yes", *_bound_installation(), f"Environment=NUMBA_CACHE_DIR={cache}"]
    return "\n".join([*lines, f"ExecStart={' '.join(quoted(word, dollar=True) for word in command)}"]) + "\n"


def _bound_installation() -> list[str]:
    return [f"BindReadOnlyPaths={quoted(path)}" for path in installation() if hidden(path)]


def hidden(path: Path) -> bool:
    """Whether the system service sees an empty folder in this place unless the path is bound in."""
    return any(path.is_relative_to(place) for place in UNSEEN)


def quoted(text: str | Path, *, dollar: bool = False) -> str:
    """Write a word so that systemd reads it as it is (systemd.syntax(7), systemd.service(5))."""
    word = str(text)
    if not word.isprintable():
        raise UnitError(f"{word!r}: systemd cannot be given a name with such characters; rename the folder")
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{word.replace("$", "$$") if dollar else word}"'


def _mounts(folders: Iterable[Path], fstab: Path) -> Iterable[str]:
    """Wait for the folders' disks, but only for those that the machine itself does not start without."""
    soft: dict[Path, bool] = {}
    if fstab.exists():
        for line in fstab.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            fields = line.split()
            if len(fields) >= 4 and not line.lstrip().startswith("#"):
                # fstab(5) writes a space as \040
                soft[Path(fields[1].replace("\\040", " "))] = not SOFT.isdisjoint(fields[3].split(","))
    for folder in folders:
        mount = max((p for p in soft if folder.is_relative_to(p)), key=lambda p: len(p.parts), default=None)
        if mount is None or not soft[mount]:
            yield f"RequiresMountsFor={quoted(folder)}"
        else:
            # with Requires, a disk that is pulled out would take the service with it
            escape = ["systemd-escape", "--path", "--suffix=mount", str(mount)]
            name = subprocess.run(escape, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603
            yield f"After={name}"
