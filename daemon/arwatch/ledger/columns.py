"""The columns of the tables, each with how its values are read: strictly, what no ledger ever wrote is a ValueError."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arwatch.ledger.schema import ENDED, QUEUED, RESULTS
from arwatch.model.figures import KINDS, Figures

if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[Any], Any]

_LATEST_S = 1e11
"""The year 5138: a time beyond it is damage."""
_LARGEST = 2**63 - 1
_LAST_NUMBER = 2**62
"""No ledger counts so far; beyond the largest whole number it could not count on."""


def key_of(path: Path) -> bytes:
    """Give a path as the ledger holds it."""
    return os.fsencode(path)


def columns_of_figures(figures: Figures) -> dict[str, Any]:
    """Give the columns of the history that follow from a frame's figures.

    What is no number or no text where it should be (the header that it comes from may be anybody's) is unknown.
    """
    sound = {name: value for name, value in figures.known().items() if _is_figure(name, value)}
    return {
        "taken": sound.get("taken"),
        "exposure_s": sound.get("exposure_s"),
        "iso": sound.get("iso"),
        "figures": json.dumps(sound),
        "work_s": Figures.of(sound).work_s or None,
    }


def _path(value: Any) -> Path:
    if type(value) is not bytes or not value.startswith(b"/") or b"\0" in value:
        raise ValueError(f"{value!r:.80}")
    return Path(os.fsdecode(value))


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError(f"{value!r:.80}")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r:.80}")
    return value


def _ordinal(value: Any) -> int:
    if type(value) is not int or not 0 < value <= _LAST_NUMBER:
        raise ValueError(f"{value!r:.80}")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r:.80}")
    return value


def _number(value: Any) -> float:
    if type(value) is not float or not math.isfinite(value):
        raise ValueError(f"{value!r:.80}")
    return value


def _moment(value: Any) -> float:
    if type(value) is not float or not abs(value) <= _LATEST_S:
        raise ValueError(f"{value!r:.80}")
    return value


def _flag(value: Any) -> bool:
    if value not in {0, 1} or type(value) is not int:
        raise ValueError(f"{value!r:.80}")
    return bool(value)


def _one_of(*words: str) -> Reader:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(f"{value!r:.80}")
        return str(value)

    return read


def _maybe(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _flag_or_none(value: Any) -> bool:
    return value is not None and _flag(value)


def _figures(value: Any) -> Figures:
    if value is None:
        return Figures()
    found = json.loads(_text(value), parse_constant=_no_number)
    if type(found) is not dict:
        raise ValueError(f"{value!r:.80}")
    for name, figure in found.items():
        if name in KINDS and not _is_figure(name, figure):
            raise ValueError(f"{value!r:.80}")
    return Figures.of(found)


def _no_number(word: str) -> float:
    raise ValueError(word)


def _is_figure(name: str, value: Any) -> bool:
    kinds = KINDS[name]
    if type(value) not in kinds:
        return False
    return abs(value) <= _LARGEST if type(value) is int else type(value) is str or math.isfinite(value)


QUEUE: dict[str, Reader] = {
    "path": _path,
    "state": _one_of(*QUEUED),
    "size": _maybe(_count),
    "mtime_ns": _maybe(_whole),
    "recipe": _maybe(_text),
    "live": _flag,
    "attempts": _count,
    "seen": _moment,
    "settled": _maybe(_moment),
    "started": _maybe(_moment),
    "output": _maybe(_path),
}
HISTORY: dict[str, Reader] = {
    "number": _ordinal,
    "path": _path,
    "state": _one_of(*ENDED),
    "size": _maybe(_count),
    "mtime_ns": _maybe(_whole),
    "taken": _maybe(_text),
    "exposure_s": _maybe(_number),
    "iso": _maybe(_whole),
    "figures": _figures,
    "recipe": _maybe(_text),
    "output": _maybe(_path),
    "output_size": _maybe(_count),
    "code": _maybe(_text),
    "reason": _maybe(_text),
    "final": _flag,
    "work_s": _maybe(_number),
    "attempts": _count,
    "live": _flag,
    "seen": _moment,
    "settled": _maybe(_moment),
    "started": _maybe(_moment),
    "ended": _maybe(_moment),
    "recorded": _moment,
    "version": _maybe(_text),
}
ATTEMPTS: dict[str, Reader] = {
    "path": _path,
    "number": _ordinal,
    "began": _maybe(_moment),
    "ended": _maybe(_moment),
    "result": _one_of(*RESULTS),
    "code": _maybe(_text),
    "reason": _maybe(_text),
    "recorded": _moment,
}
FIRST_VERSION: dict[str, Reader] = {
    "path": _path,
    "state": _one_of("seen", "settled", "working", "written", "failed", "gone"),
    "size": _maybe(_count),
    "mtime_ns": _maybe(_whole),
    "recipe": _maybe(_text),
    "live": _flag,
    "attempts": _count,
    "not_before": _number,
    "seen": _moment,
    "settled": _maybe(_moment),
    "started": _maybe(_moment),
    "ended": _maybe(_moment),
    "code": _maybe(_text),
    "reason": _maybe(_text),
    "final": _flag_or_none,
    "output": _maybe(_path),
    "output_size": _maybe(_count),
    "facts": _figures,
}
