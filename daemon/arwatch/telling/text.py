"""Text of any origin on a terminal."""

from __future__ import annotations

import unicodedata

_PLAIN = {"✗": "X", "±": "+-", "·": "-", "…": "~"}
"""What lines for people are made of beside ASCII, and how it is written where it cannot be."""


def printable(text: str) -> str:
    r"""Replace what a terminal could act on: control characters and undecodable bytes become \x.. forms."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def plain(text: str, encoding: str) -> str:
    """Write signs such as `±` in ASCII where the encoding lacks them."""
    for sign, instead in _PLAIN.items():
        try:
            sign.encode(encoding)
        except UnicodeEncodeError:
            text = text.replace(sign, instead)
    return text


def columns(text: str) -> int:
    """Count the columns that a text takes on a terminal: 2 for a character of East Asian scripts, 0 for an accent."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def shorten(text: str, room: int) -> str:
    """Cut a name in the middle, so that its end stays readable, to at most `room` columns (5 or more)."""
    if columns(text) <= room:
        return text
    end = (room - 1) * 2 // 5
    head, tail = text[: room - 1 - end], text[-end:]
    while columns(head) + columns(tail) > room - 1:
        head, tail = (head[:-1], tail) if columns(head) >= columns(tail) else (head, tail[1:])
    return f"{head}…{tail}"
