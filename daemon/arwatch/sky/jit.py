"""How kernels are compiled: once for each machine, and so that they run without the interpreter's lock.

A kernel is a function that numba compiles to machine code.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numba
from llvmlite.binding import get_host_cpu_name  # type: ignore[import-untyped]

Function = TypeVar("Function", bound=Callable[..., Any])

KERNELS: list[Any] = []
"""All kernels whose modules have been imported."""
REHEARSALS: list[Callable[[], object]] = []
"""What compiles kernels outside of the engine, of those modules that have been imported: it calls them."""


def kernel(function: Function) -> Function:
    """Return a function that is compiled when it is first called, and whose machine code is kept in a cache.

    The cache is the folder that NUMBA_CACHE_DIR names, else one beside the module, else (if that is read-only)
    the user's cache folder. If none of them can be written to, the code is lost when the process ends.

    The compiler may reorder sums for the vector unit ("reassoc", "contract"). They are sums of float64, whose
    order changes them by less than 1e-12 of their value. The order is fixed when the code is compiled, so that
    results do not depend on threads. The process that compiles may join other copies of the functions that a
    kernel calls than a process that loads the cache: its results can differ from later ones by as little.
    "nnan" and "nsz" are right because all samples are finite, and no result depends on the sign of a zero.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract", "nnan", "nsz"}}
    try:
        compiled = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder that it may write to
        compiled = numba.njit(**options)(function)
    KERNELS.append(compiled)
    return compiled  # type: ignore[no-any-return]


def discard_stale(package: str) -> None:
    """Remove from the cache what was compiled from other versions of a package's sources.

    numba compiles a kernel anew when the file that it is written in has changed, but not when that of a kernel
    that it calls has.
    """
    kernels = [kernel for kernel in KERNELS if kernel.py_func.__module__.startswith(f"{package}.")]
    current = _marker("sources", kernels, package)
    if current is None or current.exists():
        return
    names = {(function.py_func.__module__.rpartition(".")[2], function.py_func.__name__) for function in kernels}
    with suppress(OSError):  # a user who may not write there has no code there
        for pattern in (f"{package}-*", "*.ready", *(f"{module}.{name}-*.nbi" for module, name in names)):
            for old in current.parent.glob(pattern):
                old.unlink(missing_ok=True)
        current.touch()


def mark_ready() -> None:
    """Create a file in the cache that says: it is complete for these sources and this processor."""
    marker = _marker(f"{get_host_cpu_name()}.ready", KERNELS)
    if marker is not None:
        marker.touch()


def is_ready() -> bool:
    """Say whether the cache is complete for these sources and this processor."""
    marker = _marker(f"{get_host_cpu_name()}.ready", KERNELS)
    return marker is not None and marker.exists()


def _marker(what: str, kernels: list[Any], package: str = "arwatch") -> Path | None:
    """Return the path of a file in the cache named by kernels' sources and numba's version; None without a cache."""
    folder = kernels[0].stats.cache_path
    if folder is None:
        return None
    stamp = hashlib.sha256(numba.__version__.encode())
    for source in sorted({inspect.getfile(function.py_func) for function in kernels}):
        stamp.update(Path(source).read_bytes())
    return Path(folder) / f"{package}-{stamp.hexdigest()[:16]}.{what}"
