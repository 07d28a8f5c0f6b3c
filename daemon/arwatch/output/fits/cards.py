"""Header cards from facts of any origin: what FITS cannot hold costs a card, never the file."""

from __future__ import annotations

import math
import os
import string
import unicodedata
from collections.abc import Iterable
from typing import TypeAlias
from urllib.parse import quote_from_bytes, unquote_to_bytes

from astropy.io import fits

Fact: TypeAlias = tuple[str, str | int | float | bool | None, str]
"""Keyword, value (None: unknown, no card), comment."""

# Kept as they are in names of files; quotes and ampersands mean something where long strings are continued.
_KEPT = "".join(sorted(set(string.printable) - set(string.whitespace) - set("%'&"))) + " "
_LONGEST_TEXT = 67


def quoted(name: str | os.PathLike[str]) -> str:
    """Write a file's name or path, whatever its bytes, in printable ASCII: others as %XX, see `unquoted`."""
    text = quote_from_bytes(os.fsencode(name), safe=_KEPT)
    bare = text.rstrip(" ")  # FITS drops blanks at the end of strings
    return bare + "%20" * (len(text) - len(bare))


def unquoted(text: str) -> str:
    """Undo `quoted`."""
    return os.fsdecode(unquote_to_bytes(text))


def readable(*parts: str | None) -> str | None:
    """Put text of any origin on one card of printable ASCII: accents dropped, what is left over as '?'."""
    text = unicodedata.normalize("NFKD", " ".join(part for part in parts if part).strip("\0 "))
    plain = (c if " " <= c <= "~" else "?" for c in text if not unicodedata.combining(c))
    return "".join(plain)[:_LONGEST_TEXT].strip() or None


def header_of(facts: Iterable[Fact], history: Iterable[str] = ()) -> fits.Header:
    """Make cards of all facts that FITS can hold; a comment without room is left out.

    Of several facts with one keyword the first one counts, also if it is that nothing is known: an exposure time that
    EXIF has, but that cannot be true, must not come in as a figure.
    """
    header = fits.Header()
    told: set[str] = set()
    for keyword, value, comment in facts:
        known = _holds(value) and keyword not in told
        told.add(keyword)
        if known:
            header.append(fits.Card(keyword, value, comment if len(comment) <= _room(value) else ""))
    if any(len(card.image) > fits.Card.length for card in header.cards):
        header.insert(_after_structure(header), ("LONGSTRN", "OGIP 1.0", "long strings are continued"))
    for line in history:
        header.add_history(line)
    return header


def _holds(value: str | int | float | bool | None) -> bool:
    if value is None or isinstance(value, str):
        return value is not None
    return abs(value) < 2**63 if isinstance(value, int) else math.isfinite(value)


def _room(value: str | int | float | bool | None) -> int:
    width = len(value.replace("'", "''")) + 2 if isinstance(value, str) else 20
    return max(0, 80 - 10 - max(20, width) - 3)


def _after_structure(header: fits.Header) -> int:
    structural = ("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT")
    return sum(keyword.startswith(structural) for keyword in header)
