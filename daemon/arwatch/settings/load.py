"""A TOML file -> Settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from arwatch.errors import SettingsError
from arwatch.settings.explain import explain
from arwatch.settings.model import Settings
from arwatch.settings.slips import read

if TYPE_CHECKING:
    from pathlib import Path


def load(path: Path | None) -> Settings:
    """Read a TOML file; None gives the defaults.

    Raises
    ------
    SettingsError
        Naming everything that is wrong: each with its line, and with what was expected.
    """
    if path is None:
        return Settings()
    text = _text(path)
    reading = read(text)
    wrong = list(reading.slips)
    settings = Settings()
    try:
        settings = Settings.model_validate(reading.table)
    except ValidationError as error:
        of_values = [explain(item, text) for item in error.errors()]
        # where the value is of the wrong kind, too, the mend of its form alone would lead to the next mistake
        lines = {line for line, _ in of_values}
        wrong = [slip for slip in wrong if slip[0] not in lines] + of_values
    if wrong:
        many = "1 setting" if len(wrong) == 1 else f"{len(wrong)} settings"
        told = "\n".join(f"  line {line}: {what}" if line else f"  {what}" for line, what in sorted(wrong))
        raise SettingsError(f"{path}: {many} cannot be used:\n{told}")
    return settings


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # editors on Windows put a mark before the first character
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: cannot be read: it is not UTF-8 text; save it as UTF-8 in your editor") from error
