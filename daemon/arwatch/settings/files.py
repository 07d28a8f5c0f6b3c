"""Which settings file a command reads where none is named."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "ARWATCH_CONFIG"
"""Environment variable that names the settings file, as --config does."""
SYSTEM = Path("/etc/arwatch/arwatch.toml")
"""Where `install-service` puts the settings of the system's service."""


def user_file() -> Path:
    """Give the place of the user's own settings, where `install-service --user` puts them."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "arwatch" / "arwatch.toml"


def find(given: Path | None) -> Path | None:
    """Give the settings file: the given one, else ARWATCH_CONFIG's, the user's, the system's; None: there is none.

    Root looks after the machine, so for root the system's file goes before root's own.
    """
    if given is not None:
        return given
    if named := os.environ.get(VARIABLE):
        return Path(named)
    places = [user_file(), SYSTEM]
    if os.geteuid() == 0:
        places.reverse()
    # os.path.exists: a file in a folder that may not be looked into counts as absent
    return next((place for place in places if os.path.exists(place)), None)  # noqa: PTH110
