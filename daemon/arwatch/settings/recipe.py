"""Which settings shaped an output."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arwatch.settings.model import Settings

LAYOUT = 1
"""Counts up when the same settings give other pixels or another file layout: older outputs are then renewed."""


def recipe(settings: Settings) -> str:
    """Digest of all that shapes an output's pixels and layout; outputs of another recipe are not up to date."""
    shaping = {
        "layout": LAYOUT,
        "background": settings.background.model_dump(),
        "output": settings.output.model_dump(include={"profile", "image", "values", "pedestal_adu", "compress"}),
    }
    return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:16]
