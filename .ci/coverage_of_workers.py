"""A plugin of coverage.py: workers save what they have run before each report, because they end by SIGKILL."""

from __future__ import annotations

import os

import coverage


def coverage_init(*_: object) -> None:
    """Prepare the processes that will be forked from this one (coverage.py calls it where it starts)."""
    os.register_at_fork(after_in_child=_save_before_reports)


def _save_before_reports() -> None:
    # not above: every process that is measured loads this module
    from multiprocessing.connection import Connection  # noqa: PLC0415

    send = Connection.send

    def save_then_send(pipe: Connection, message: object) -> None:
        if (measured := coverage.Coverage.current()) is not None:
            measured.save()
        send(pipe, message)

    Connection.send = save_then_send  # type: ignore[method-assign]
