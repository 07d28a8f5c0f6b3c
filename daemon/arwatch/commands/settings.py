"""`arwatch config`: settings to begin with, and those in force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import tomli

from arwatch.commands.install.unitfiles import packaged
from arwatch.settings import Settings
from arwatch.telling.text import printable

if TYPE_CHECKING:
    from pathlib import Path


def default() -> str:
    """Give the settings file that explains every key and holds its default."""
    return packaged("config.example.toml")


def show(settings: Settings, path: Path | None) -> None:
    """Print every key with its value as TOML, and beside it whether that is from the file or the default."""
    given = tomli.loads(path.read_text(encoding="utf-8-sig")) if path else {}
    click.echo(f"# settings: {printable(str(path))}" if path else "# no settings file: these are the defaults")
    for section in Settings.model_fields:
        click.echo(f"\n[{section}]")
        for key, value in getattr(settings, section).model_dump().items():
            line = f"{key} = {_toml(value)}" if value is not None else f"# {key} is not set"
            origin = "file" if key in given.get(section, {}) else "default"
            click.echo(f"{line:<50}  # {origin}" if value is not None else line)


def _toml(value: object) -> str:
    """Write a value as TOML; its texts are written as JSON's are."""
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)
