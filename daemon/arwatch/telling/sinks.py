"""Which sinks a process has.

A new sink is a file with a class that has `take` and a function `make`, and a line in `COUNTERS` or `WRITERS` below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from arwatch.telling import console, journal, json_lines, progress
from arwatch.telling.limit import Limited

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from arwatch.telling.outlet import Outlet, Sink

COUNTERS: Sequence[Callable[[Outlet], Sink | None]] = (progress.make,)
"""Sinks that get every event, because they count."""
WRITERS: Sequence[Callable[[Outlet], Sink | None]] = (console.make, json_lines.make, journal.make)
"""Sinks that write a line an event; they are spared floods of noise."""


def choose(outlet: Outlet) -> list[Sink]:
    """Make the sinks that have their place here; a sink that has not is simply not there."""
    counters = [sink for make in COUNTERS if (sink := make(outlet)) is not None]
    writers = [sink for make in WRITERS if (sink := make(outlet)) is not None]
    return [*counters, *(Limited(sink) for sink in writers)]
