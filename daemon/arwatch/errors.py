"""What can go wrong, in classes that decide what happens next; each text is written for the user."""

from __future__ import annotations

from enum import Enum, StrEnum, auto
from typing import ClassVar


class ArwatchError(Exception):
    """Something arwatch can explain. Its text says what is wrong and, where it can, what to do about it."""


class SettingsError(ArwatchError):
    """The settings cannot be used; the text names every wrong key."""


class Fate(Enum):
    """What becomes of a frame after a failure."""

    FINAL = auto()
    """Another attempt on the same bytes ends the same way."""
    MAY_PASS = auto()
    """The reason may pass with time: the frame is tried again."""
    WORKER = auto()
    """The worker did not get through, which says little about the frame: another worker tries it."""
    WAITS_FOR_ROOM = auto()
    """The frame waits until its output's disk has room; the attempt does not count."""


class FailureCode(StrEnum):
    """Every kind of failure, as log, ledger and programs name it, with the fate of its frame."""

    fate: Fate

    NOT_RAW = "not_raw", Fate.FINAL
    """The file is no camera raw file at all."""
    UNSUPPORTED = "unsupported", Fate.FINAL
    """A raw file that nobody here can decode, or that holds no colour mosaic."""
    INCOMPLETE = "incomplete", Fate.FINAL
    """The file ends before the data that its own tables promise."""
    DAMAGED = "damaged", Fate.FINAL
    """The file has its full length, but its content is broken."""
    NO_SKY = "no_sky", Fate.FINAL
    """The sky of a band cannot be measured."""
    INTERNAL = "internal", Fate.FINAL
    """A mistake in arwatch itself."""
    CHANGED = "changed", Fate.MAY_PASS
    """The file changed while it was read."""
    READ = "read", Fate.MAY_PASS
    """The file system did not give the bytes."""
    MEMORY = "memory", Fate.WORKER
    """There was not enough memory."""
    WRITE = "write", Fate.MAY_PASS
    """The output could not be written."""
    TIMEOUT = "timeout", Fate.WORKER
    """The worker took too long and was stopped."""
    WORKER_LOST = "worker_lost", Fate.WORKER
    """The worker died."""
    NO_SPACE = "no_space", Fate.WAITS_FOR_ROOM
    """The output's disk is full."""

    def __new__(cls, value: str, fate: Fate = Fate.FINAL) -> FailureCode:
        """Make a text that knows its fate."""
        code = str.__new__(cls, value)
        code._value_ = value
        code.fate = fate
        return code


class FrameError(ArwatchError):
    """One frame cannot become a FITS file; `code` says of which kind the failure is."""

    code: ClassVar[FailureCode]


class NotRawError(FrameError):
    """The file is no camera raw file at all (a picture, a text, an empty table)."""

    code = FailureCode.NOT_RAW


class UnsupportedError(FrameError):
    """A raw file whose storage nobody here can decode, or that holds no colour mosaic."""

    code = FailureCode.UNSUPPORTED


class IncompleteError(FrameError):
    """The file ends before the data that its own tables promise; it may still grow."""

    code = FailureCode.INCOMPLETE

    @classmethod
    def at(cls, size: int, needed: int) -> IncompleteError:
        """Explain a file of so many bytes that needs more."""
        if size == 0:
            return cls("the file is empty: the transfer never began or failed; copy it again")
        return cls(f"the file ends at {size:,} of {needed:,} bytes: the transfer was cut off; copy it again")


class DamagedError(FrameError):
    """The file has its full length, but its content is broken: unwritten, repeated or undecodable data."""

    code = FailureCode.DAMAGED


class NoSkyError(FrameError):
    """The sky cannot be measured: nearly all samples of a band are missing or saturated."""

    code = FailureCode.NO_SKY


class ReadError(FrameError):
    """The file system did not give the bytes (I/O error, no permission, share gone)."""

    code = FailureCode.READ


class NoMemoryError(FrameError):
    """The frame needs more memory than a worker may use, or than there is now."""

    code = FailureCode.MEMORY


class WriteError(FrameError):
    """The output could not be written."""

    code = FailureCode.WRITE


class NoSpaceError(WriteError):
    """The output's file system is full."""

    code = FailureCode.NO_SPACE


class NameTakenError(WriteError):
    """Something lies under the output's name that must not be replaced."""
