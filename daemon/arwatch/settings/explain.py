"""What is wrong with a settings file, for the person who wrote it."""

from __future__ import annotations

import difflib
import json
from typing import Any

from pydantic import BaseModel

from arwatch.settings.model import Settings
from arwatch.settings.slips import line_of


def explain(item: Any, text: str) -> tuple[int, str]:
    """Say of one wrong key in which line it is (0: unknown) and, on one line, what it was and what was expected.

    Parameters
    ----------
    item : dict
        One of pydantic's errors.
    text : str
        The file.
    """
    section, key, entry = (*item["loc"], None, None)[:3]
    if key is None:
        return _line(text, section, None), _section(section, item)
    return _line(text, section, key), _key(section, key, entry, item)


def _line(text: str, section: str, key: str | None) -> int:
    return line_of(text, section, key) or line_of(text, "", section) or 0


def _section(name: str, item: Any) -> str:
    """Explain a top-level name that is no section, or a section that is no table."""
    tables = isinstance(item["input"], list) and all(isinstance(entry, dict) for entry in item["input"])
    if name in Settings.model_fields:
        if tables:
            return f"[[{name}]]: write [{name}], in single brackets, and only once"
        return f"{name} = {_shown(item['input'])}: {name} is a section: write [{name}] and its keys in the lines below"
    if not tables and not isinstance(item["input"], dict):
        homes = _homes(name)
        if homes:
            return f"{name} = {_shown(item['input'])}: stands outside of its section: put it below {' or '.join(homes)}"
        return (
            f"{name}: no such key, and it stands outside of a section; {_there_are(name, list(Settings.model_fields))}"
        )
    return f"[{name}]: no such section; {_there_are(name, list(Settings.model_fields))}"


def _key(section: str, key: str, entry: int | None, item: Any) -> str:
    value = _shown(item["input"])
    if item["type"] == "extra_forbidden":
        return f"[{section}] {key}: no such key; {_hint(section, key, item['input'])}"
    message = item["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    message = message.replace("valid tuple", "list of texts").replace("valid integer", "whole number")
    message = message.replace("valid string", "text").replace("valid number", "number")
    message = message.replace("a valid boolean", "true or false")
    if item["type"] == "tuple_type" and isinstance(item["input"], str):
        message = f"{message}: {key} = [{value}]"
    place = key if entry is None else f"{key}, entry {entry + 1},"  # people count from 1
    return f"[{section}] {place} = {value}: {message}" if entry is None else f"[{section}] {place} {value}: {message}"


def _hint(section: str, key: str, value: object) -> str:
    """Say which key was probably meant."""
    known = _keys_of(section)
    homes = [home for home in _homes(key) if home != f"[{section}]"]
    close = difflib.get_close_matches(key.lower(), known, n=1)
    if close:
        values = value if isinstance(value, list) else [value]
        example = f", a list: {close[0]} = {_shown(values)}" if close[0] == f"{key}s" else ""
        return f"did you mean {close[0]}{example}?" + (f" ({key} belongs to {' or '.join(homes)})" if homes else "")
    if homes:
        return f"it belongs to {' or '.join(homes)}"
    return f"there are: {', '.join(known)}"


def _there_are(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return f"did you mean [{close[0]}]?" if close else f"there are: {', '.join(known)}"


def _homes(key: str) -> list[str]:
    """Give the sections that have such a key."""
    return [f"[{section}]" for section in Settings.model_fields if key in _keys_of(section)]


def _keys_of(section: str) -> list[str]:
    field = Settings.model_fields.get(section)
    model = field.annotation if field else None
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."
