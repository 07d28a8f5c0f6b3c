"""Whether a ledger holds rows that nobody can read: found at the start, not when somebody asks for an old night."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from arwatch.ledger.columns import ATTEMPTS, HISTORY, QUEUE
from arwatch.ledger.database import CHECK_S
from arwatch.ledger.records import read_attempt, read_entry, read_record, read_wait

if TYPE_CHECKING:
    from arwatch.ledger.database import Database


def check_rows(db: Database) -> None:
    """Read all rows as strictly as their readers do, the newest of the history first, for `CHECK_S` at most.

    The daemon itself reads the queue and the newest row of each frame that is there. What is damaged elsewhere would
    never be set aside, and would refuse every reader of the history.

    Raises
    ------
    DamagedLedgerError
        A row holds what no ledger ever wrote.
    """
    deadline = time.monotonic() + CHECK_S
    tables = (
        (f"SELECT {', '.join(QUEUE)} FROM queue", read_entry),
        ("SELECT not_before FROM queue", lambda row: read_wait(row[0])),
        (f"SELECT {', '.join(HISTORY)} FROM history ORDER BY number DESC", read_record),
        (f"SELECT {', '.join(ATTEMPTS)} FROM attempts", read_attempt),
    )
    for statement, read in tables:
        for row in db.each(statement):
            read(row)
            if time.monotonic() > deadline:
                return
