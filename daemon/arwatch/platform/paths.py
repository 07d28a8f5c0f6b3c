"""In which folders arwatch keeps its state and its caches on this machine."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arwatch.settings import State


def state_folder(settings: State) -> Path:
    """Return the folder of the ledger: as set, else systemd's state directory, else the user's."""
    if settings.folder:
        return Path(settings.folder).expanduser().absolute()
    return _folder_of("STATE_DIRECTORY", "XDG_STATE_HOME", ".local/state")


def cache_folder() -> Path:
    """Return the folder of compiled kernels: NUMBA_CACHE_DIR, else systemd's cache directory, else the user's."""
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(given)
    return _folder_of("CACHE_DIRECTORY", "XDG_CACHE_HOME", ".cache")


def user_name() -> str:
    """Name of the account that this process runs as; its number where it has no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def private_folder(path: Path) -> Path:
    """Make a folder that only this user can look into, where it is missing; gives it.

    Raises
    ------
    OSError
        It cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _folder_of(systemd: str, xdg: str, default: str) -> Path:
    """Return the folder that an environment variable of systemd's names, else arwatch's own in the user's.

    systemd may name several, separated by colons; the first one counts. The user's is named by the variable
    `xdg` of the XDG Base Directory Specification, else it is `default` in the home folder.
    """
    if given := os.environ.get(systemd):
        return Path(given.split(":")[0])
    home = os.environ.get(xdg)
    return (Path(home) if home else Path.home() / default) / "arwatch"
