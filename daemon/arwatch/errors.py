"""What can go wrong, in classes that decide what happens next; each text is written for the user."""

from __future__ import annotations

from typing import ClassVar


class ArwatchError(Exception):
    """Something arwatch can explain. Its text says what is wrong and, where it can, what to do about it."""


class SettingsError(ArwatchError):
    """The settings cannot be used; the text names every wrong key."""


class FrameError(ArwatchError):
    """One frame cannot become a FITS file.

    `code` names the kind of failure in log, ledger and tests; `retriable` says whether another attempt on
    the same bytes can end differently.
    """

    code: ClassVar[str]
    retriable: ClassVar[bool] = False


class NotRawError(FrameError):
    """The file is no camera raw file at all (a picture, a text, an empty table)."""

    code = "not_raw"


class UnsupportedError(FrameError):
    """A raw file whose storage nobody here can decode, or that holds no colour mosaic."""

    code = "unsupported"


class IncompleteError(FrameError):
    """The file ends before the data that its own tables promise; it may still grow."""

    code = "incomplete"

    @classmethod
    def at(cls, size: int, needed: int) -> IncompleteError:
        """Explain a file of so many bytes that needs more."""
        if size == 0:
            return cls("the file is empty: the transfer never began or failed; copy it again")
        return cls(f"the file ends at {size:,} of {needed:,} bytes: the transfer was cut off; copy it again")


class DamagedError(FrameError):
    """The file has its full length, but its content is broken: unwritten, repeated or undecodable data."""

    code = "damaged"


class NoSkyError(FrameError):
    """The sky cannot be measured: nearly all samples of a band are missing or saturated."""

    code = "no_sky"


class ReadError(FrameError):
    """The file system did not give the bytes (I/O error, no permission, share gone)."""

    code = "read"
    retriable = True


class NoMemoryError(FrameError):
    """The frame needs more memory than a worker may use, or than there is now."""

    code = "memory"
    retriable = True


class WriteError(FrameError):
    """The output could not be written."""

    code = "write"
    retriable = True


class NoSpaceError(WriteError):
    """The output's file system is full."""

    code = "no_space"
