"""What is wrong with a settings file, for the person who wrote it."""

from __future__ import annotations

import difflib
import json
from typing import Any

from pydantic import BaseModel

from arwatch.settings.model import Settings


def explain(item: Any) -> str:
    """One wrong key on one line: where it is, what it was, what was expected."""
    *where, key = (str(part) for part in item["loc"])
    section = f"[{where[0]}] " if where else ""
    if item["type"] == "extra_forbidden":
        known = _keys_of(where[0]) if where else list(Settings.model_fields)
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
        what = "no such key" if where else "no such section"
        return f"{section}{key}: {what}; {hint}" if where else f"[{key}]: {what}; {hint}"
    message = item["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    message = message.replace("valid tuple", "list of texts").replace("valid integer", "whole number")
    message = message.replace("valid string", "text").replace("valid number", "number")
    name = ".".join([*where[1:], key])
    if not where:
        return f"[{name}]: {message}"
    return f"{section}{name} = {_shown(item['input'])}: {message}"


def _keys_of(section: str) -> list[str]:
    field = Settings.model_fields.get(section)
    model = field.annotation if field else None
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:37] + "..."
