"""A thread whose system calls fail as on an older kernel, a poorer file system, in a strict container (seccomp(2))."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

_LINKAT, _RENAMEAT2 = {"x86_64": (265, 316), "aarch64": (37, 276)}.get(os.uname().machine, (None, None))
_OPENAT2 = 437
KERNELS = {
    "this kernel": {},
    "without openat2": {_OPENAT2: errno.ENOSYS},
    "without openat2, by a filter": {_OPENAT2: errno.EPERM},
    "without renameat2": {_RENAMEAT2: errno.EINVAL},
    "without renameat2 and links": {_RENAMEAT2: errno.EINVAL, _LINKAT: errno.EPERM},
}


def without(calls: dict[int | None, int], function: Callable[[], None]) -> None:
    """Run a function in a thread in which these system calls (number -> errno) fail."""
    if not calls:
        function()
        return
    if None in calls:
        pytest.skip("the numbers of this machine's system calls are not known here")
    failures: list[BaseException] = []

    def run() -> None:
        try:
            _filter(calls)
            function()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _filter(calls: dict[int, int]) -> None:
    """Let this thread's system calls fail (linux/seccomp.h, linux/filter.h); the filter ends with the thread."""
    load, if_equal, give = 0x20, 0x15, 0x06
    program = struct.pack("HBBI", load, 0, 0, 0)  # the call's number
    for number, error in calls.items():
        program += struct.pack("HBBI", if_equal, 0, 1, number) + struct.pack("HBBI", give, 0, 0, 0x00050000 | error)
    program += struct.pack("HBBI", give, 0, 0, 0x7FFF0000)
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, seccomp, by_filter = 38, 22, 2
    for arguments in ((no_new_privileges, 1, 0, 0, 0), (seccomp, by_filter, header, 0, 0)):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
