"""Subtraction -> FITS and back; the only place that knows the format."""

from arwatch.output.fits.facts import Origin
from arwatch.output.fits.reading import Band, Provenance, Subtracted, asked, open, provenance, restore  # noqa: A004 - arwatch.open
from arwatch.output.fits.writing import restore_file, write

__all__ = [
    "Band",
    "Origin",
    "Provenance",
    "Subtracted",
    "asked",
    "open",
    "provenance",
    "restore",
    "restore_file",
    "write",
]
