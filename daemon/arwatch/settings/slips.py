"""Mistakes in TOML that people make who do not know it: each told with its line and its mend.

A line with such a mistake is read as it was meant, so that all mistakes of a file are found at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import tomli

MOST = 50
"""So many mistakes are told of one file."""
ASSIGNED = re.compile(r"^(\s*[\w.-]+\s*)([=:])\s*(.*?)\s*$")
"""`key = value`; the colon is YAML's."""
TRUTHS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
TYPOGRAPHIC = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"') | dict.fromkeys("\u2018\u2019", "'"))


@dataclass(slots=True)
class Reading:
    """What a file holds, and what is wrong with its form."""

    table: dict[str, Any] = field(default_factory=dict)
    slips: list[tuple[int, str]] = field(default_factory=list)
    """Line number and sentence."""


@dataclass(frozen=True, slots=True)
class Mend:
    """What is wrong with a line, and the line as it was meant."""

    text: str
    line: str


def read(text: str) -> Reading:
    """Parse TOML; what cannot be parsed is explained, and left out or read as it was meant."""
    lines = text.replace("\r\n", "\n").split("\n")
    reading = Reading()
    for _ in range(MOST):
        try:
            reading.table = tomli.loads("\n".join(lines))
        except tomli.TOMLDecodeError as error:
            number, message = _where(str(error), len(lines))
            number = _opened(lines, number) if message == "Unclosed array" else number
            mend = _mended(lines, number, message)
            if mend is None:
                reading.slips.append((number, f"{lines[number - 1].strip()}: is not valid TOML: {message}"))
                return reading
            reading.slips.append((number, mend.text))
            lines[number - 1] = mend.line
        except (ValueError, RecursionError) as error:  # numbers and tables that Python has no room for
            reading.slips.append((1, f"is not valid TOML: {error}"))
            return reading
        else:
            return reading
    return reading


def line_of(text: str, section: str, key: str | None) -> int | None:
    """Give the line in which a key (None: its section) stands; None where it is written in another form."""
    here = ""
    for number, line in enumerate(text.split("\n"), 1):
        if heading := re.match(r"\s*\[\[?\s*([\w.-]+)\s*\]", line):
            here = heading[1]
            if here == section and key is None:
                return number
        elif here == section and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
            return number
    return None


def _where(error: str, last: int) -> tuple[int, str]:
    """Take tomli's message apart: `Invalid value (at line 3, column 5)`."""
    found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", error)
    if not found:
        return 1, error
    return min(int(found[1]), last) if found[1] else last, error[: found.start()]


def _opened(lines: list[str], number: int) -> int:
    """Give the line of a list that is not closed; tomli names the one where it gave up."""
    before = (n for n in range(number, 0, -1) if lines[n - 1].strip() and (n < number or n == len(lines)))
    last = next(before, number)
    return last if re.match(r"\s*[\w.-]+\s*=\s*\[[^\]]+$", lines[last - 1]) else number


def _mended(lines: list[str], number: int, message: str) -> Mend | None:
    line = lines[number - 1]
    if "twice" in message or "mutate" in message:
        return _heading_again(lines, number)
    if line.lstrip().startswith("["):
        return _heading(line)
    assigned = ASSIGNED.match(line)
    if assigned is None:
        return None
    key, sign, value = assigned[1].strip(), assigned[2], assigned[3]
    if sign == ":":
        return Mend(f"write = between {key} and its value, not a colon", f"{key} = {value}")
    if "overwrite" in message:
        return Mend(f"{key} stands twice in its section: keep one of them", "")
    return _value(key, value)


def _heading_again(lines: list[str], number: int) -> Mend | None:
    """Read a section that is begun twice once only; the lines of the second one are left out."""
    heading = lines[number - 1].strip()
    first = next((n for n, line in enumerate(lines, 1) if line.strip() == heading), number)
    if first == number:
        return None
    end = next((n for n in range(number, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
    lines[number:end] = [""] * (end - number)
    return Mend(f"{heading} stands in line {first} already: put the keys of both under that one", "")


def _heading(line: str) -> Mend | None:
    name = re.match(r"\s*\[\s*([\w.-]+)\s*$", line.partition("#")[0])
    if name is None:
        return None
    return Mend(f"the ] of the section's heading is missing: write [{name[1]}]", f"[{name[1]}]")


def _value(key: str, value: str) -> Mend | None:
    """Explain a value that is no TOML."""
    bare = value.partition(" #")[0].strip()
    if not bare or bare.startswith("#"):
        return Mend(f"{key} has no value: write one after the =, or put # before the line to keep the default", "")
    meant = _meant(bare)
    if meant is None:
        return None
    reason, right = meant
    try:
        tomli.loads(f"x = {right}")
    except ValueError:
        return None
    return Mend(f"{key} = {bare}: {reason}: {key} = {right}", f"{key} = {right}")


def _meant(bare: str) -> tuple[str, str] | None:
    """Give the rule that a value breaks, and the value that was probably meant."""
    if (straight := bare.translate(TYPOGRAPHIC)) != bare:
        return "use the straight quotes of the keyboard", straight
    if bare.startswith("["):
        return _list_meant(bare)
    if bare[0] in "\"'":
        return _text_meant(bare)
    return _word_meant(bare)


def _word_meant(bare: str) -> tuple[str, str] | None:
    if bare.lower() in TRUTHS:
        return "write true or false, in small letters", TRUTHS[bare.lower()]
    if re.fullmatch(r"[+-]?\d+,\d+", bare):
        return "write a point, not a comma", bare.replace(",", ".")
    if unit := re.fullmatch(r"([+-]?\d+(?:\.\d+)?)\s*[A-Za-z%]{1,5}", bare):
        return "write the number without a unit", unit[1]
    return None if re.search(r"[\"\[\]{}=]", bare) else ("put quotes around a text", _quoted(bare))


def _list_meant(bare: str) -> tuple[str, str] | None:
    closed = bare if bare.endswith("]") else f"{bare}]"
    items = [item.strip() for item in closed[1:-1].split(",") if item.strip()]
    right = f"[{', '.join(_item(item) for item in items)}]"
    if "\\" in bare and '"' in bare:
        return "inside \"...\" a backslash must be doubled; inside '...' it need not be", right
    if not bare.endswith("]"):
        return "the ] of the list is missing", right
    return "put quotes around each text", right


def _item(item: str) -> str:
    if item[0] in "\"'":
        return f"'{item[1:-1]}'" if "\\" in item and item[0] == '"' and item[-1] == '"' else item
    return _quoted(item)


def _text_meant(bare: str) -> tuple[str, str] | None:
    quote, inside = bare[0], bare[1:]
    if not inside.endswith(quote):
        return f"the closing {quote} is missing", f"{bare}{quote}" if "\\" not in bare else f"'{inside}'"
    if "\\" in inside and quote == '"' and "'" not in inside:
        return "inside \"...\" a backslash must be doubled; inside '...' it need not be", f"'{inside[:-1]}'"
    return None


def _quoted(text: str) -> str:
    return f"'{text}'" if "\\" in text else f'"{text}"'
