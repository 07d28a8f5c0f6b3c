"""Doing things to the machine, and telling each."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from arwatch.commands.install.unitfiles import signed, unedited

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Steps:
    """Does things to the machine and tells each; or only tells them."""

    dry: bool

    def tell(self, what: str) -> None:
        """Print a step."""
        click.echo(f"would be {what}" if self.dry else what)

    def run(self, *words: str) -> bool:
        """Run a command; a failure is told with what the command said."""
        if self.dry:
            click.echo(f"would run: {' '.join(words)}")
            return True
        done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 -- fixed commands
        if done.returncode:
            said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
            click.echo(f"failed: {' '.join(words)}: {said}", err=True)
        return done.returncode == 0

    def write(self, path: Path, text: str) -> None:
        """Write a file, unless it has this text."""
        if path.exists() and path.read_text(encoding="utf-8") == text:
            click.echo(f"unchanged: {path}")
            return
        if not self.dry:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.tell(f"written: {path}")

    def write_ours(self, path: Path, text: str) -> None:
        """Write a file of ours, unless somebody edited it."""
        if path.exists() and not unedited(path.read_text(encoding="utf-8")):
            click.echo(f"kept, for it was edited: {path}")
        else:
            self.write(path, signed(text))

    def remove_ours(self, path: Path) -> None:
        """Remove a file of ours, unless somebody edited it; and its folder, if that is empty then."""
        if not path.exists():
            return
        if not unedited(path.read_text(encoding="utf-8")):
            click.echo(f"kept, for it was edited: {path}")
            return
        if not self.dry:
            path.unlink()
            if path.parent.name.endswith(".d") and not any(path.parent.iterdir()):
                path.parent.rmdir()
        self.tell(f"removed: {path}")
