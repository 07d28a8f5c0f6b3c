"""Sony's ARW, and other raw files in a TIFF container that LibRaw decodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from arwatch.formats.arw.tables import needed_length
from arwatch.formats.format import RawFormat

if TYPE_CHECKING:
    from arwatch.model.frame import Frame


def _is_tiff(head: bytes) -> bool:
    return head[:4] in {b"II*\0", b"MM\0*"}


def _decode(file: BinaryIO) -> Frame:
    from arwatch.formats.arw.decode import decode  # noqa: PLC0415 -- LibRaw and tifffile, for workers only

    return decode(file)


ARW = RawFormat(name="ARW", sniff=_is_tiff, needed_length=needed_length, decode=_decode)
"""Raw files in a TIFF container."""
