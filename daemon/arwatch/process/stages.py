"""The stages of one frame, in their order, and what of the settings each of them puts into its output.

`run.py` does what is listed here. A new stage is a line here, a module beside this one, and a step in `run.py`.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arwatch.settings import Settings
    from arwatch.settings.model import Section

LAYOUT = 1
"""Counts up when the same settings give other pixels or another file layout (also when a default changes): older
outputs are then out of date."""


class Stage(NamedTuple):
    """One step of a frame's way through a worker."""

    name: str
    shaped_by: tuple[str, ...]
    """Settings that shape the output here: `section` (all of its keys) or `section.key`."""


STAGES = (
    Stage("decode", ()),
    Stage("subtract", ("background",)),
    Stage("measure", ()),
    Stage("write", ("output.profile", "output.image", "output.values", "output.pedestal_adu", "output.compress")),
    Stage("preview", ()),
)


def recipe(settings: Settings) -> str:
    """Digest of all that shapes an output's pixels and layout.

    A key at its default contributes nothing: a new key leaves the outputs of earlier versions up to date.
    """
    shaping: dict[str, Any] = {"layout": LAYOUT}
    for stage in STAGES:
        shaping |= dict(_changed(settings, stage))
    return _digest(shaping)


def is_current(made_by: str | None, settings: Settings) -> bool:
    """Whether an output with this digest is what these settings give."""
    return made_by in {recipe(settings), _recipe_before_stages(settings)}


def _changed(settings: Settings, stage: Stage) -> Iterator[tuple[str, Any]]:
    """Give the stage's keys that are not at their default, as `section.key`, with their values."""
    for place in stage.shaped_by:
        name, _, only = place.partition(".")
        section: Section = getattr(settings, name)
        for key in [only] if only else type(section).model_fields:
            value = getattr(section, key)
            if value != type(section).model_fields[key].default:
                yield f"{name}.{key}", value


_KEYS_BEFORE_STAGES = {
    "background": (
        "box_size",
        "estimator",
        "fill",
        "filter_size",
        "kernel_stddev",
        "max_iterations",
        "red_norm",
        "blue_norm",
        "sigma",
    ),
    "output": ("profile", "image", "values", "pedestal_adu", "compress"),
}


def _recipe_before_stages(settings: Settings) -> str | None:
    """Digest as outputs of before stages contributed to it have it; None where newer settings shape the output."""
    known = {f"{section}.{key}" for section, keys in _KEYS_BEFORE_STAGES.items() for key in keys}
    if any(key not in known for stage in STAGES for key, _ in _changed(settings, stage)):
        return None
    shaping = {
        section: getattr(settings, section).model_dump(include=set(keys))
        for section, keys in _KEYS_BEFORE_STAGES.items()
    }
    return _digest({"layout": 1} | shaping)


def _digest(shaping: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:16]
