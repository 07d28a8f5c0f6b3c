"""What is done about failures: the whole policy as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arwatch.errors import FailureCode, Fate
from arwatch.settings import Workers
from arwatch.work.retry import LONGEST_DELAY_S, GiveUp, Policy, TryAgain, WaitForRoom, decide

SETTINGS = Workers(attempts=3, retry_s=5.0)
SERVICE, COMMAND = Policy.of_a_service(SETTINGS), Policy.of_a_command(SETTINGS)


@pytest.mark.parametrize(
    ("code", "attempt", "service", "command"),
    [
        (FailureCode.DAMAGED, 1, GiveUp(), GiveUp()),
        (FailureCode.NOT_RAW, 1, GiveUp(), GiveUp()),
        (FailureCode.INTERNAL, 1, GiveUp(), GiveUp()),
        (FailureCode.READ, 1, TryAgain(5.0), GiveUp()),
        (FailureCode.READ, 2, TryAgain(10.0), GiveUp()),
        (FailureCode.READ, 3, GiveUp(), GiveUp()),
        (FailureCode.WRITE, 1, TryAgain(5.0), GiveUp()),
        (FailureCode.WORKER_LOST, 1, TryAgain(5.0), TryAgain(0.0)),
        (FailureCode.TIMEOUT, 2, TryAgain(10.0), TryAgain(0.0)),
        (FailureCode.MEMORY, 3, GiveUp(), GiveUp()),
        (FailureCode.NO_SPACE, 1, WaitForRoom(), GiveUp()),
        (FailureCode.NO_SPACE, 99, WaitForRoom(), GiveUp()),
    ],
)
def test_what_follows_on_a_failure(code, attempt, service, command):
    assert decide(code, attempt, SERVICE) == service
    assert decide(code, attempt, COMMAND) == command


@given(st.sampled_from(FailureCode), st.integers(1, 200), st.integers(1, 100), st.floats(0, 1e7))
def test_patience_ends_and_delays_only_grow(code, attempt, attempts, retry_s):
    policy = Policy(attempts=attempts, first_delay_s=retry_s, waits=True)
    decision, after = decide(code, attempt, policy), decide(code, attempt + 1, policy)
    if code.fate is Fate.FINAL or (attempt >= attempts and code.fate is not Fate.WAITS_FOR_ROOM):
        assert decision == GiveUp()
    if isinstance(decision, TryAgain):
        assert 0 <= decision.delay_s <= LONGEST_DELAY_S
        if isinstance(after, TryAgain):
            assert after.delay_s >= decision.delay_s
