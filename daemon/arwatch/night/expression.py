"""What a frame must fulfil, as people write it: `fwhm_px < 1.2 * median and (stars > 100 or transparency > 80%)`.

    condition  = every { "or" every }
    every      = single { "and" single }
    single     = "not" single | "(" condition ")" | figure compare limit
    compare    = "<" | "<=" | ">" | ">=" | "==" | "!="
    limit      = number [ "*" "median" ] | "median" [ "*" number ] | number "%"

A figure is one of `arwatch.model.figures`; without a band it is green's (`fwhm_px` is `green_fwhm_px`). `120%` is
`1.2 * median`; the median is that of the frames to choose from. A text is read by this grammar and nothing else: it is
never run. What is not known is neither so nor otherwise, and a frame is kept only if it is known that it may be.
"""

from __future__ import annotations

import difflib
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from arwatch.errors import ArwatchError
from arwatch.model.figures import KINDS, MEANINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from arwatch.model.figures import Figures

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z_]\w*)|(<=|>=|==|!=|[<>()*%-]))")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_DEEPEST = 50
"""Brackets in brackets; nobody writes so many, but a program may, and Python has a bottom."""


class ExpressionError(ArwatchError):
    """The text cannot be read; it says where, and what may stand there."""


class Answer(NamedTuple):
    """Whether a condition holds for a frame."""

    holds: bool | None
    """None: not known."""
    text: str
    """Why, as a sentence without its stop."""


class Condition(Protocol):
    """What a frame must fulfil."""

    def holds(self, figures: Figures, medians: Mapping[str, float | None]) -> Answer:
        """Ask it of a frame."""

    def names(self) -> Iterator[str]:
        """Give the figures that it asks for."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure against a limit."""

    written: str
    """The figure as it was written."""
    name: str
    compare: str
    limit: float
    of_median: bool

    def names(self) -> Iterator[str]:
        """Give the figure's full name."""
        yield self.name

    def holds(self, figures: Figures, medians: Mapping[str, float | None]) -> Answer:
        """Compare a frame's figure."""
        value, middle = getattr(figures, self.name), medians.get(self.name)
        if value is None or value != value:  # noqa: PLR0124 -- not a number
            return Answer(None, f"{self.written} is not known")
        if self.of_median and middle is None:
            return Answer(None, f"the median of {self.written} is not known")
        limit = self.limit * (middle or 0.0) if self.of_median else self.limit
        holds = _COMPARE[self.compare](value, limit)
        bound = f"{limit:.4g}"
        if self.of_median:
            bound += f" ({self.limit:.4g} times the median {middle:.4g})"
        return Answer(holds, f"{self.written} is {value:.4g}, {'' if holds else 'not '}{self.compare} {bound}")


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    part: Condition

    def names(self) -> Iterator[str]:
        """Give the figures of its part."""
        return self.part.names()

    def holds(self, figures: Figures, medians: Mapping[str, float | None]) -> Answer:
        """Ask its part; what is not known is not known of the contrary either."""
        answer = self.part.holds(figures, medians)
        return Answer(None if answer.holds is None else not answer.holds, answer.text)


@dataclass(frozen=True, slots=True)
class Several:
    """Parts that must hold all, or of which one must."""

    parts: tuple[Condition, ...]
    all: bool

    def names(self) -> Iterator[str]:
        """Give the figures of its parts."""
        for part in self.parts:
            yield from part.names()

    def holds(self, figures: Figures, medians: Mapping[str, float | None]) -> Answer:
        """Ask the parts: the first one that decides is the reason, else all that are not known."""
        answers = [part.holds(figures, medians) for part in self.parts]
        deciding = [answer for answer in answers if answer.holds is (not self.all)]
        if deciding:
            return deciding[0]
        unknown = [answer for answer in answers if answer.holds is None]
        if unknown:
            return Answer(None, "; ".join(answer.text for answer in unknown))
        return Answer(self.all, "; ".join(answer.text for answer in answers))


def parse(text: str) -> Condition:
    """Read a condition; raises `ExpressionError`, which says what is wrong where."""
    return _Reader(text).whole()


def names(condition: Condition) -> frozenset[str]:
    """Give the full names of the figures that a condition asks for."""
    return frozenset(condition.names())


def figure(written: str) -> str:
    """Give a figure's full name; raises `ExpressionError` for what is no number of a frame."""
    numbers = [name for name in MEANINGS if str not in KINDS[name]]
    for name in (written, f"green_{written}"):
        if name in numbers:
            return name
    if written in MEANINGS:
        raise ExpressionError(f"{written} is a text, which has no limit; figures with numbers: {', '.join(numbers)}")
    known = [*numbers, *(name.removeprefix("green_") for name in numbers)]
    near = difflib.get_close_matches(written, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(numbers)}"
    raise ExpressionError(f"there is no figure {written!r}: {hint}")


class _Reader:
    """Reads by the grammar above, one sign of the text after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._signs: list[tuple[str, int]] = []
        """What stands there, and after how many characters."""
        place = 0
        while text[place:].strip():
            found = _TOKEN.match(text, place)
            if found is None:
                raise self._error(place + len(text[place:]) - len(text[place:].lstrip()), "this cannot stand there")
            self._signs.append((found[0].strip(), found.end() - len(found[0].strip())))
            place = found.end()
        self._next = 0

    def whole(self) -> Condition:
        condition = self._any(_DEEPEST)
        if self._next < len(self._signs):
            raise self._wanted("`and`, `or`, or the end")
        return condition

    def _any(self, depth: int) -> Condition:
        parts = [self._every(depth)]
        while self._takes("or"):
            parts.append(self._every(depth))
        return parts[0] if len(parts) == 1 else Several(tuple(parts), all=False)

    def _every(self, depth: int) -> Condition:
        parts = [self._single(depth)]
        while self._takes("and"):
            parts.append(self._single(depth))
        return parts[0] if len(parts) == 1 else Several(tuple(parts), all=True)

    def _single(self, depth: int) -> Condition:
        if depth == 0:
            raise ExpressionError("the condition has too many brackets in brackets")
        if self._takes("not"):
            return Not(self._single(depth - 1))
        if self._takes("("):
            inner = self._any(depth - 1)
            if not self._takes(")"):
                raise self._wanted("`)`")
            return inner
        written = self._sign()
        if not re.fullmatch(r"[A-Za-z_]\w*", written) or written in {"and", "or", "median"}:
            raise self._wanted("a figure, such as fwhm_px")
        name = figure(written)
        self._next += 1
        compare = self._sign()
        if compare not in _COMPARE:
            raise self._wanted("one of " + " ".join(_COMPARE))
        self._next += 1
        limit, of_median = self._limit()
        return Comparison(written, name, compare, limit, of_median)

    def _limit(self) -> tuple[float, bool]:
        if self._takes("median"):
            return (self._number(), True) if self._takes("*") else (1.0, True)
        number = self._number()
        if self._takes("%"):
            return number / 100, True
        if self._takes("*"):
            if not self._takes("median"):
                raise self._wanted("`median`")
            return number, True
        return number, False

    def _number(self) -> float:
        sign = -1.0 if self._takes("-") else 1.0
        try:
            number = float(self._sign())
        except ValueError:
            raise self._wanted("a number, a percentage, or `median`") from None
        self._next += 1
        return sign * number

    def _sign(self) -> str:
        return self._signs[self._next][0] if self._next < len(self._signs) else ""

    def _takes(self, sign: str) -> bool:
        found = self._sign().lower() == sign
        self._next += found
        return found

    def _wanted(self, what: str) -> ExpressionError:
        place = self._signs[self._next][1] if self._next < len(self._signs) else len(self._text)
        return self._error(place, f"here must stand {what}")

    def _error(self, place: int, what: str) -> ExpressionError:
        return ExpressionError(f"{what}:\n  {self._text}\n  {' ' * place}^")
