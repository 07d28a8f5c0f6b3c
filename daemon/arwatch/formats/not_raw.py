"""What a file is that is no raw file, for the person who wonders."""

from __future__ import annotations

_KINDS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"SIMPLE": "a FITS file",
    b"PK\x03\x04": "a ZIP archive",
    b"%PDF": "a PDF document",
    b"<": "a web page or another text",
}
"""First bytes -> what it is."""


def what_else(head: bytes) -> str:
    """Say what a file that begins with these bytes is, and what to do with it."""
    if head.startswith(b"version https://git-lfs"):
        return "the file is a Git LFS pointer, not the picture: fetch the real file (git lfs pull)"
    for magic, name in _KINDS.items():
        if head.startswith(magic):
            return f"the file is {name}, not a camera raw file: keep it out of the watched folder"
    return "the file is not a camera raw file: keep it out of the watched folder"
