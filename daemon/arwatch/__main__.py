"""The `arwatch` program, also as `python -m arwatch`."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is being loaded ends it without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _fill_closed_streams()
    if sys.argv[1:2] == ["run"] and not os.isatty(2):
        # "read the settings again", which are still to be read; on a terminal it means that this was closed
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from arwatch.cli import main as command  # noqa: PLC0415 -- this is what takes time

    signal.signal(signal.SIGINT, signal.default_int_handler)
    command(prog_name="arwatch")


def _fill_closed_streams() -> None:
    """Open what was closed (`2>&-`) on nothing: else the next file gets its number, and what is printed."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 -- for as long as we live


if __name__ == "__main__":
    main()
