"""Independent parts of one frame's work, shared among threads."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Part = TypeVar("Part")


def share(work: Callable[[Part], None], parts: Iterable[Part], threads: int) -> None:
    """Do the work of every part, in the caller's thread and as many others as can be started.

    Whoever is free takes the next part. What the parts raise is raised here.
    """
    waiting = iter(list(parts))  # the iterator of a list gives each part once, whichever thread asks

    def work_off() -> None:
        for part in waiting:
            work(part)

    with ThreadPoolExecutor(threads) as pool:
        helpers: list[Future[None]] = []
        with suppress(RuntimeError):  # the bound on memory has no room for another thread's stack
            for _ in range(threads - 1):
                helpers.append(pool.submit(work_off))  # noqa: PERF401 (what was started before one failed counts)
        work_off()
    for helper in helpers:
        helper.result()
