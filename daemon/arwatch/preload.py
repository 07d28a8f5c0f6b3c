"""What the fork server loads once, so that each worker it forks is warm at once; never imported elsewhere."""

import contextlib
import ctypes
import signal

with contextlib.suppress(OSError, AttributeError):  # a command that ends early is not outlived while this loads
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG

from arwatch import pipeline

if pipeline.is_warm():  # compiling is a worker's work, which can be told of and waited for
    pipeline.warm_up()
