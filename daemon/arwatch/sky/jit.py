"""How the kernels are compiled: once a machine, without the interpreter's lock, exact in the last digits that count."""

from __future__ import annotations

import hashlib
import inspect
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numba
from llvmlite.binding import get_host_cpu_name  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")

KERNELS: list[Any] = []
"""Every compiled function of the engine."""


def kernel(function: Function) -> Function:
    """Compile on first use and keep the machine code.

    The code lies where NUMBA_CACHE_DIR says, else beside the module, else (a read-only installation) in
    the user's cache folder; without any of them it lives as long as the process.

    Sums may be reordered for the vector unit ("reassoc", "contract"): they are sums of float64, of which
    the order changes digits far below those kept, and the order is fixed at compile time, so it does not
    depend on threads. "nnan" and "nsz" hold because only finite samples come in and nobody asks for the
    sign of a zero.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract", "nnan", "nsz"}}
    try:
        compiled = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder that it may write to
        compiled = numba.njit(**options)(function)
    KERNELS.append(compiled)
    return compiled  # type: ignore[no-any-return]


def discard_stale() -> None:
    """Remove machine code that other versions of the engine left behind.

    numba compares the file that a kernel is written in, but not those of the kernels that it calls.
    """
    current = _marker("sources")
    if current is None or current.exists():
        return
    names = {(function.py_func.__module__.rpartition(".")[2], function.py_func.__name__) for function in KERNELS}
    with suppress(OSError):  # whoever may not write there has no code of their own to remove either
        for pattern in ("arwatch-*", *(f"{module}.{name}-*.nbi" for module, name in names)):
            for old in current.parent.glob(pattern):
                old.unlink(missing_ok=True)
        current.touch()


def mark_ready() -> None:
    """Note beside the cached code that it is complete for this processor."""
    marker = _marker(f"{get_host_cpu_name()}.ready")
    if marker is not None:
        marker.touch()


def is_ready() -> bool:
    """Say whether the cached code of just these sources, for this processor, is complete."""
    marker = _marker(f"{get_host_cpu_name()}.ready")
    return marker is not None and marker.exists()


def _marker(what: str) -> Path | None:
    """Name a file beside the cached code that stands for these sources and this numba."""
    folder = KERNELS[0].stats.cache_path
    if folder is None:
        return None
    stamp = hashlib.sha256(numba.__version__.encode())
    for source in sorted({inspect.getfile(function.py_func) for function in KERNELS}):
        stamp.update(Path(source).read_bytes())
    return Path(folder) / f"arwatch-{stamp.hexdigest()[:16]}.{what}"
