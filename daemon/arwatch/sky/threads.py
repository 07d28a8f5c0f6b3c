"""Do independent parts of one frame's work in several threads."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Part = TypeVar("Part")


def share(work: Callable[[Part], None], parts: Iterable[Part], threads: int) -> None:
    """Call `work` for every part, in the caller's thread and in up to `threads` - 1 others.

    Each thread takes the next part when it has finished one. If no other thread can be started, for lack of
    memory, the caller's does all. An error that `work` raises is raised here, after the other threads ended.
    """
    waiting = iter(list(parts))  # threads may share the iterator of a list: it gives each part once

    def do_parts() -> None:
        for part in waiting:
            work(part)

    with ThreadPoolExecutor(threads) as pool:
        helpers: list[Future[None]] = []
        with suppress(RuntimeError):  # the limit on memory leaves no room for another thread's stack
            for _ in range(threads - 1):
                helpers.append(pool.submit(do_parts))  # noqa: PERF401 (those started before one fails are kept)
        do_parts()
    for helper in helpers:
        helper.result()
