"""How long the ledger remembers: what is older than the settings keep is removed, a bite at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arwatch.ledger.store import Ledger

EVERY_S = 3600.0
"""How often it is looked for old records."""
BITE = 500
"""Records that are removed at a time: some milliseconds of the loop."""
NEXT_BITE_S = 5.0
"""Between two bites while there may be more."""


class Retention:
    """Removes old records from the ledger once in a while."""

    def __init__(self) -> None:
        self._due = 0.0

    def apply(self, ledger: Ledger, keep_days: float, now: float) -> None:
        """Remove some records if it is time (`now`: monotonic seconds) and they are not to be kept for ever."""
        if keep_days and now >= self._due:
            removed = ledger.prune(keep_days, BITE)
            self._due = now + (NEXT_BITE_S if removed >= BITE else EVERY_S)
