"""A TOML file -> Settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tomli
from pydantic import ValidationError

from arwatch.errors import SettingsError
from arwatch.settings.explain import explain
from arwatch.settings.model import Settings

if TYPE_CHECKING:
    from pathlib import Path


def load(path: Path | None) -> Settings:
    """Read a TOML file; None gives the defaults.

    Raises
    ------
    SettingsError
        Naming every wrong key with what was expected.
    """
    if path is None:
        return Settings()
    try:
        table = tomli.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"{path}: cannot be read: {reason}") from error
    except (ValueError, RecursionError) as error:  # also numbers and tables that Python has no room for
        raise SettingsError(f"{path}: is not valid TOML: {error}") from error
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        wrong = "\n".join(f"  {explain(item)}" for item in error.errors())
        many = "1 setting" if error.error_count() == 1 else f"{error.error_count()} settings"
        raise SettingsError(f"{path}: {many} cannot be used:\n{wrong}") from error
