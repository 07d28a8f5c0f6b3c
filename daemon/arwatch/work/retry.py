"""What is done about a failure: a pure function of its code and of how often the frame was tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from arwatch.errors import FailureCode, Fate

if TYPE_CHECKING:
    from arwatch.settings import Workers

LONGEST_DELAY_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How much patience there is with failures that may pass."""

    attempts: int
    """At a frame, in all."""
    first_delay_s: float
    """Before the second attempt; doubles with each further one, up to `LONGEST_DELAY_S`."""
    waits: bool
    """Whether there is time for what passes by itself (a share that returns, room that is made)."""

    @classmethod
    def of_a_service(cls, settings: Workers) -> Policy:
        """Be as patient as the settings say: the night is long."""
        return cls(attempts=settings.attempts, first_delay_s=settings.retry_s, waits=True)

    @classmethod
    def of_a_command(cls, settings: Workers) -> Policy:
        """Try again at once what another worker may do better, and nothing else: somebody waits for the end."""
        return cls(attempts=settings.attempts, first_delay_s=0.0, waits=False)


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Put the frame back into the queue."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class WaitForRoom:
    """Put the frame back; nothing goes on until its output's disk has room."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The frame has failed."""


Decision: TypeAlias = TryAgain | WaitForRoom | GiveUp


def decide(code: FailureCode, attempt: int, policy: Policy) -> Decision:
    """Decide what follows on a failure.

    Parameters
    ----------
    code : FailureCode
        What went wrong.
    attempt : int
        Which attempt it was; the first one is 1.
    policy : Policy
        The patience there is.
    """
    if code.fate is Fate.WAITS_FOR_ROOM and policy.waits:
        return WaitForRoom()
    worth_it = code.fate is Fate.WORKER or (code.fate is Fate.MAY_PASS and policy.waits)
    if worth_it and attempt < policy.attempts:
        return TryAgain(min(policy.first_delay_s * 2.0 ** (attempt - 1), LONGEST_DELAY_S))
    return GiveUp()
