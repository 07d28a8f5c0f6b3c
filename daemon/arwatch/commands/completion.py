"""`arwatch install-completion`: what shells and man(1) know of arwatch, put where they look for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from arwatch.commands import manpage
from arwatch.errors import ArwatchError

if TYPE_CHECKING:
    from collections.abc import Iterator

SHELLS = ("bash", "zsh", "fish")
SYSTEM = Path("/usr/local/share")
"""For all users, where no package manager puts anything."""
FILES = {
    "bash": "bash-completion/completions/arwatch",
    "zsh": "zsh/site-functions/_arwatch",
}
"""Below a folder of shared data."""


class CompletionError(ArwatchError):
    """It is not known what to install."""


def install(root: click.Command, shell: str | None, *, dry: bool) -> None:
    """Write the completion and the manual's pages, and print each file's name and what is left to do.

    Parameters
    ----------
    root
        The group of all commands.
    shell
        One of `SHELLS`; None: root's for all of them, a user's for the shell that `SHELL` names.
    dry
        Print only.
    """
    everybody = os.geteuid() == 0
    data = SYSTEM if everybody else Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    shells = [shell] if shell else list(SHELLS) if everybody else [_mine()]
    for name in shells:
        _write(_place(name, data, everybody=everybody), _script(root, name), dry=dry)
    for page, text in manpage.pages(root):
        _write(data / "man" / f"man{page[-1]}" / page, text, dry=dry)
    for line in _next(shells, data, everybody=everybody):
        click.echo(line)


def _mine() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise CompletionError(f"there is completion for {', '.join(SHELLS)}: name yours, as in --shell bash")
    return name


def _place(shell: str, data: Path, *, everybody: bool) -> Path:
    if shell != "fish":
        return data / FILES[shell]
    # fish looks below /usr/local/share only where XDG_DATA_DIRS names it, which a console or ssh does not set
    mine = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return (Path("/etc") if everybody else mine) / "fish/completions/arwatch.fish"


def _script(root: click.Command, shell: str) -> str:
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 -- click has all of SHELLS
    complete = kind(root, {}, "arwatch", "_ARWATCH_COMPLETE")
    return complete.source_template % complete.source_vars()  # source() would start bash to ask for its version


def _write(path: Path, text: str, *, dry: bool) -> None:
    if not dry:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    click.echo(f"{'would be written' if dry else 'written'}: {path}")


def _next(shells: list[str], data: Path, *, everybody: bool) -> Iterator[str]:
    yield "It works in shells that are started from now on; `man arwatch` shows the manual."
    if not everybody and not _man_looks_into(data / "man"):
        yield f"man finds it with this line in ~/.profile: export MANPATH=':{data / 'man'}'"
    if "bash" in shells:
        yield "bash needs the package bash-completion for it."
    if "zsh" in shells and not everybody:
        folder = (data / FILES["zsh"]).parent
        yield f"zsh finds it with this line in ~/.zshrc, before compinit: fpath+=('{folder}')"


def _man_looks_into(folder: Path) -> bool:
    """Whether man finds pages there: Debian's looks into ~/.local/share/man where PATH has ~/.local/bin only."""
    manpath = shutil.which("manpath")
    if manpath is None:
        return True
    told = subprocess.run([manpath, "-q"], capture_output=True, text=True, check=False).stdout  # noqa: S603 -- man's own
    return os.path.realpath(folder) in map(os.path.realpath, told.strip().split(":"))
