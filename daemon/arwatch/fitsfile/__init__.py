"""Subtraction -> FITS and back; the only place that knows the format."""

from arwatch.fitsfile.facts import Source
from arwatch.fitsfile.reading import Band, Provenance, Subtracted, open, provenance, restore  # noqa: A004 - arwatch.open
from arwatch.fitsfile.writing import restore_file, write

__all__ = [
    "Band",
    "Provenance",
    "Source",
    "Subtracted",
    "open",
    "provenance",
    "restore",
    "restore_file",
    "write",
]
