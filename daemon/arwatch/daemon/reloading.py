"""Reading the settings again: who asked for it learns the outcome, and the log what it means.

`systemctl reload` reports what the unit's ExecReload command reports. That command (`arwatch reload`) makes a socket in
the service's runtime directory, sends the daemon SIGHUP and waits for the answer. systemd's own way for this,
`Type=notify-reload`, exists from systemd 253 on and cannot tell of a failure.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.errors import ArwatchError, SettingsError
from arwatch.platform.fs import is_mounted_read_only
from arwatch.telling.systemd import is_a_service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.settings import Settings, State

ANSWER_S = 30.0
"""How long the answer is waited for; the daemon's loop takes up signals within a second."""
_ENDING = ".reload"
_LONGEST = 60
"""Characters of a value that are shown."""
_LONGEST_ANSWER = 1 << 16


# -- what it means -------------------------------------------------------------------------------------------


def changes(old: Settings, new: Settings) -> list[str]:
    """Say which settings differ, as in `[workers] count: 1 -> 2`."""
    return [
        f"[{name}] {key}: {_shown(getattr(was, key))} -> {_shown(getattr(section, key))}"
        for name in type(new).model_fields
        for was, section in [(getattr(old, name), getattr(new, name))]
        for key in type(section).model_fields
        if getattr(was, key) != getattr(section, key)
    ]


def waits_for_restart(in_use: State, old: Settings, new: Settings) -> list[str]:
    """Say what of the new settings has no effect yet.

    Parameters
    ----------
    in_use : State
        Where the ledger was opened at the start.
    old, new : Settings
        Before and after. Only folders that are new are asked for: those of before have told already.
    """
    waits = [] if new.state.folder == in_use.folder else ["[state] folder: the ledger is another one after a restart"]
    folders = {*new.watch.folders, new.output.folder} - {*old.watch.folders, old.output.folder, ""}
    cure = "the running service may not write there; run `arwatch install-service` again and restart it"
    return waits + [
        f"{folder}: {cure}"
        for folder in sorted(folders)
        if is_a_service() and is_mounted_read_only(Path(folder).expanduser().absolute())
    ]


def on_one_line(text: str) -> str:
    """Join the lines of a settings error: JSON, as the journal has it, does not show them as lines."""
    first, *more = text.split("\n")
    return f"{first} {'; '.join(line.strip() for line in more)}".rstrip()


def _shown(value: object) -> str:
    """Write a value as TOML has it, but texts between single quotes, which JSON need not escape."""
    if isinstance(value, str):
        text = f"'{value}'"
    elif isinstance(value, tuple):
        text = f"[{', '.join(_shown(item) for item in value)}]"
    else:
        text = "unset" if value is None else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


# -- the daemon's side ---------------------------------------------------------------------------------------


def askers() -> list[Path]:
    """Give the sockets of those who wait for an answer now."""
    folder = _runtime_folder()
    if folder is None:
        return []
    with suppress(OSError):
        return [path for path in folder.iterdir() if path.name.endswith(_ENDING)]
    return []


def answer(sockets: Sequence[Path], refused: str | None) -> None:
    """Tell them the outcome; `refused`: why the settings of before stay in force."""
    message = (refused or "").encode("utf-8", "replace")[:_LONGEST_ANSWER]
    for path in sockets:
        with suppress(OSError), closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as speaker:
            try:
                speaker.sendto(message, socket.MSG_DONTWAIT, str(path))
            except ConnectionRefusedError:  # who asked was killed
                path.unlink()


# -- the asking side -----------------------------------------------------------------------------------------


class ReloadError(ArwatchError):
    """The daemon could not be asked, or did not answer."""


def ask(pid: int) -> None:
    """Let a daemon read its settings again, and wait for the outcome.

    Raises
    ------
    SettingsError
        The new settings cannot be used; those of before stay in force.
    ReloadError
        There is no runtime directory to be answered in, no such process, or no answer.
    """
    folder = _runtime_folder()
    if folder is None:
        raise ReloadError("`arwatch reload` is a part of the service; type: systemctl reload arwatch")
    path = folder / f"{secrets.token_hex(8)}{_ENDING}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.settimeout(ANSWER_S)
        try:
            listener.bind(str(path))
            os.kill(pid, signal.SIGHUP)
            refused = listener.recv(_LONGEST_ANSWER).decode()
        except TimeoutError as error:
            raise ReloadError(f"process {pid} has not read its settings again within {ANSWER_S:g} s") from error
        except OSError as error:
            raise ReloadError(f"process {pid} cannot be asked to read its settings again: {error.strerror}") from error
        finally:
            path.unlink(missing_ok=True)
    if refused:
        raise SettingsError(f"the settings of before stay in force: {refused}")


def _runtime_folder() -> Path | None:
    """Give the folder that systemd makes for the running service (RuntimeDirectory=); None: this is no service."""
    given = os.environ.get("RUNTIME_DIRECTORY")
    return Path(given.split(":")[0]) if given else None
