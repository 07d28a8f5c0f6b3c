"""Commands of root act as the service's account, so that what they write is the service's own."""

from __future__ import annotations

import os
import pwd
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.commands.install.install import ACCOUNT, CACHE, ETC, STATE, place

if TYPE_CHECKING:
    from arwatch.commands.install.install import Installation

WRITABLE = re.compile(r'^(?:ReadWritePaths|BindPaths)="-?(.*)"$', re.MULTILINE)
GROUPS = re.compile(r"^SupplementaryGroups=(\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account of an installed service, and what the service may do."""

    service: Installation
    uid: int
    gid: int
    groups: tuple[int, ...]
    state: Path
    """Where the service keeps its ledger, unless [state] folder says otherwise."""
    writable: tuple[Path, ...]
    """Folders that the unit lets it write to, beside state and cache."""

    def become(self) -> None:
        """Give up root for the account, for the rest of this process; state and cache are the service's then."""
        os.setgroups(self.groups)
        os.setgid(self.gid)
        os.setuid(self.uid)
        os.umask(0o022)
        os.environ.update(
            HOME=str(STATE), STATE_DIRECTORY=str(self.state), CACHE_DIRECTORY=str(CACHE), NUMBA_CACHE_DIR=str(CACHE)
        )


def service_of(settings: Path | None) -> Installation | None:
    """Give the system service that reads this file; None: it is no service's, or that is not installed."""
    if settings is None or settings.absolute().parent != ETC or settings.suffix != ".toml":
        return None
    service = place(settings, user=False)
    return service if service.file.exists() else None


def account_of(settings: Path | None) -> Account | None:
    """Give the account of the system service that reads this file; None: there is none, or we are not root."""
    service = service_of(settings)
    if service is None or os.geteuid():
        return None
    try:
        found = pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None
    drop_in = service.drop_in.read_text(encoding="utf-8") if service.drop_in.exists() else ""
    groups = {*os.getgrouplist(ACCOUNT, found.pw_gid), *map(int, GROUPS.findall(drop_in))}
    return Account(
        service=service,
        uid=found.pw_uid,
        gid=found.pw_gid,
        groups=tuple(sorted(groups)),
        state=state_of(service),
        writable=tuple(Path(_unquoted(name)) for name in WRITABLE.findall(drop_in)),
    )


def state_of(service: Installation) -> Path:
    """Give the folder that systemd keeps for a service's ledger (StateDirectory of the unit)."""
    instance = service.unit.partition("@")[2]
    return STATE / instance if instance else STATE


def with_sudo(service: Installation, *words: str | Path) -> str:
    """Give the command line that does something for a system service."""
    config = ["--config", str(service.config)] if "@" in service.unit else []
    return shlex.join(["sudo", "arwatch", *map(str, words), *config])


def _unquoted(text: str) -> str:
    """Read a word that `unitfiles.quoted` wrote."""
    return re.sub(r"\\(.)", r"\1", text.replace("%%", "%"))
