"""Parts of a frame's work, shared among threads that may not all be there."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from arwatch.sky.threads import share


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 100])
def test_each_part_is_done_once(threads, count):
    done = []
    share(done.append, range(count), threads)
    assert sorted(done) == list(range(count))


def test_two_threads_work_at_once():
    both = threading.Barrier(2, timeout=30)
    share(lambda _: both.wait(), range(2), 2)


def test_what_a_part_raises_is_raised_here():
    for threads in (1, 3):
        with pytest.raises(ZeroDivisionError):
            share(lambda part: 1 / (part - 50), range(100), threads)


def test_the_work_is_done_where_no_other_thread_can_be_started():
    done = np.zeros(100)

    def work(part):
        done[part] += 1

    before = threading.stack_size(1 << 44)  # more than any machine has
    try:
        with pytest.raises(RuntimeError), ThreadPoolExecutor(1) as pool:
            pool.submit(print)
        share(work, range(100), 4)
    finally:
        threading.stack_size(before)
    assert (done == 1).all()
