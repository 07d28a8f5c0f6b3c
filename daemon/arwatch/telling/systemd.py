"""Talking to systemd: readiness, status, watchdog (sd_notify(3)), journal; silent where there is no systemd."""

from __future__ import annotations

import contextlib
import os
import socket
import sys

from arwatch.telling.text import printable


def notify(**state: str) -> None:
    r"""Send assignments such as READY="1" to the service manager, if one listens.

    A message is one assignment a line. Values may contain names of files, and a name may contain a line break: what is
    not printable is sent as `\n`, so that no name can tell the manager anything.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    message = "\n".join(f"{key}={printable(value)}" for key, value in state.items()).encode()
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as s:
        s.sendto(message, socket.MSG_DONTWAIT, address)


def is_a_service() -> bool:
    """Whether systemd has started this process for a unit (systemd.exec(5) on INVOCATION_ID)."""
    return "INVOCATION_ID" in os.environ


def watchdog_s() -> float | None:
    """Seconds within which the manager wants to hear from this process; None: it does not."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdecimal() and int(text) > 0 else None


def stderr_is_journal() -> bool:
    """Whether stderr leads to the journal (systemd.exec(5) on JOURNAL_STREAM)."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def write_journal(**fields: str) -> bool:
    """Write an entry with its own fields (systemd.io/JOURNAL_NATIVE_PROTOCOL); False where that was not possible."""
    message = bytearray()
    for name, value in fields.items():
        data = value.encode("utf-8", "backslashreplace")
        message += name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as s:
            s.sendto(message, socket.MSG_DONTWAIT, "/run/systemd/journal/socket")
    except OSError:
        return False
    return True
