"""What a check finds."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """One thing looked at."""

    state: Literal["ok", "warn", "fail"]
    what: str
    how: str
    """What was found and, where it is not well, what to do."""
