"""The group of all commands: whatever goes wrong ends in a sentence and an exit code, and a slip leads somewhere."""

from __future__ import annotations

import difflib
import sqlite3
from pathlib import Path

import click

from arwatch.commands.options import say
from arwatch.errors import ArwatchError, SettingsError
from arwatch.telling.text import printable

EX_CONFIG = 78
"""sysexits.h: the settings cannot be used; systemd does not start the service again."""
SLIPS = {
    "start": "`sudo systemctl start arwatch` starts the service,\n`arwatch run FOLDER` watches in this terminal",
    "stop": "`sudo systemctl stop arwatch` stops the service, Ctrl-C a run in a terminal",
    "restart": "`sudo systemctl restart arwatch` restarts the service",
    "reload": "`sudo systemctl reload arwatch` lets the service read its settings again",
    "enable": "`sudo systemctl enable --now arwatch` lets the service start with the machine",
    "disable": "`sudo systemctl disable --now arwatch` keeps the service from starting with the machine",
    "install": "`sudo arwatch install-service` installs the service",
    "uninstall": "`sudo arwatch uninstall-service` removes the service",
    "watch": "`arwatch run FOLDER` watches a folder",
    "undo": "`arwatch restore FILE` gives the raw mosaic again",
    "settings": "`arwatch config` prints settings to begin with,\n`arwatch config --show` those in force",
    "completion": "`arwatch install-completion` lets your shell complete arwatch's commands",
    "man": "`arwatch help` lists the pages of the manual",
}
"""What people type who do not know the commands yet, and where it leads."""


class Commands(click.Group):
    """Turns what arwatch can explain into a message and an exit code; no user sees a traceback."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; where there is none of this name, say what was probably meant."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(f"there is no command {printable(args[0])!r}:\n{self._meant(args[0])}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            say(str(error))
            ctx.exit(EX_CONFIG)
        except ArwatchError as error:
            say(str(error))
            ctx.exit(1)
        except sqlite3.Error as error:
            say(f"the ledger cannot be used: {error}")
            ctx.exit(1)
        except OSError as error:
            say(f"{error.filename or ''}: {error.strerror or error}")
            ctx.exit(1)

    def _meant(self, name: str) -> str:
        word = name.lower()
        begun = [command for command in self.commands if len(word) > 1 and command.startswith(word)]
        close = word if word in SLIPS else begun[0] if len(begun) == 1 else self._close(word)
        if close:
            return SLIPS.get(close) or f"did you mean `arwatch {close}`?"
        if Path(name).exists():
            return "`arwatch run FOLDER` watches a folder, `arwatch process PATH` works it off once"
        return "`arwatch --help` lists them"

    def _close(self, word: str) -> str:
        return next(iter(difflib.get_close_matches(word, [*self.commands, *SLIPS], 1)), "")
