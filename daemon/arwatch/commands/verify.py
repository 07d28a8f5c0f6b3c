"""`arwatch verify`: the engine against the method by photutils, on a user's own frames."""

from __future__ import annotations

import importlib.util
import multiprocessing
import resource
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from arwatch.errors import ArwatchError
from arwatch.platform import paths
from arwatch.platform.processes import deaf_to_interrupts
from arwatch.telling.text import printable

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from arwatch.model.frame import Frame
    from arwatch.settings import Background

MOST_ADU = 0.02
"""Greatest difference that counts as equal."""


class NoReferenceError(ArwatchError):
    """What the engine is to be compared with is not installed."""


class Run(NamedTuple):
    """One way's result for a frame."""

    mosaic: NDArray[np.float32]
    seconds: float
    peak_mib: float
    """Of the whole process: libraries, frame and result."""
    star_px: float | None
    """Star size in green."""


def verify(frames: list[Path], settings: Background) -> int:
    """Print a table; gives the number of frames that differ by more than `MOST_ADU` or cannot be compared.

    Raises
    ------
    NoReferenceError
        photutils is not installed.
    """
    if importlib.util.find_spec("photutils") is None:
        raise NoReferenceError(
            "this compares the engine with photutils, which is not installed here; nothing else needs it. "
            f"Install it with: {sys.executable} -m pip install photutils. "
            "Where that finds no wheel (Python 3.11 on 64-bit ARM), use Python 3.12 or later, or another computer"
        )
    import numpy as np  # noqa: PLC0415 -- heavy

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("frame", overflow="fold")
    for name in ("greatest\ndifference", "engine\ns", "photutils\ns", "times\nfaster", "engine\nMiB", "photutils\nMiB"):
        table.add_column(name, justify="right")
    console = Console()
    sizes: list[str] = []
    bad = unread = 0
    for frame in frames:
        with console.status(f"{escape(printable(frame.name))}: engine, then photutils (10 to 20 s for 24 Mpx)"):
            engine, reference = (_apart(way, frame, settings) for way in ("engine", "reference"))
        label = Text(printable(frame.name))
        if isinstance(engine, str) or isinstance(reference, str):
            unread += 1
            console.print(label, Text(printable(engine if isinstance(engine, str) else str(reference))))
            continue
        difference = float(np.max(np.abs(engine.mosaic.astype(np.float64) - reference.mosaic)))
        bad += difference > MOST_ADU
        faster = reference.seconds / engine.seconds
        numbers = (f"{difference:.5f} ADU", f"{engine.seconds:.2f}", f"{reference.seconds:.2f}", f"{faster:.0f}")
        if engine.star_px and reference.star_px:
            sizes.append(f"{printable(frame.name)}: {engine.star_px:.2f} px, photutils {reference.star_px:.2f} px")
        table.add_row(label, *numbers, f"{engine.peak_mib:.0f}", f"{reference.peak_mib:.0f}")
    if table.row_count:
        console.print(table)
    if sizes:
        console.print(
            "\n".join(["", "star size, green (photutils measures on filled-in pixels, which widens):", *sizes, ""]),
            markup=False,
            highlight=False,
        )
    counts = {"not equal": bad, "could not be read": unread}
    wrong = ", ".join(f"{count} of {len(frames)} {what}" for what, count in counts.items() if count)
    console.print(wrong or f"equal within {MOST_ADU} ADU", highlight=False)
    return bad + unread


def _apart(way: str, frame: Path, settings: Background) -> Run | str:
    """Run one way in a process of its own, so that its peak memory is its own; a text says what went wrong."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(way, frame, settings, str(paths.cache_folder()), theirs), daemon=True)
    with deaf_to_interrupts():
        process.start()
    theirs.close()
    try:
        result = ours.recv()
    except EOFError:
        result = "the process died"
    process.join()
    return result  # type: ignore[no-any-return] # pickled by _run


def _run(way: str, frame: Path, settings: Background, cache: str, pipe: Connection) -> None:
    import os  # noqa: PLC0415

    os.environ.setdefault("NUMBA_CACHE_DIR", cache)
    from arwatch import formats, sky  # noqa: PLC0415 -- after the cache's place is set
    from arwatch.errors import FrameError  # noqa: PLC0415
    from arwatch.sky.reference import subtract_background_reference  # noqa: PLC0415

    try:
        read = formats.read(frame)
        if way == "engine":
            sky.warm_up()
        subtract = sky.subtract_background if way == "engine" else subtract_background_reference
        began = time.perf_counter()
        # the libraries know the method only
        result = subtract(read.mosaic, read.colors, settings.model_copy(update={"model": "mesh"}))
        seconds = time.perf_counter() - began
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        pipe.send(Run(result.mosaic, seconds, peak_mib, _star_px(way, read)))
    except (FrameError, OSError, ValueError) as error:
        pipe.send(str(error))


def _star_px(way: str, frame: Frame) -> float | None:
    from arwatch.stars import measure  # noqa: PLC0415 -- after the cache's place is set
    from arwatch.stars.reference import star_size  # noqa: PLC0415

    if way == "reference":
        return star_size(frame.mosaic, frame.colors, frame.white_level)
    measured = measure(frame.mosaic, frame.colors, black_level=frame.black_level, white_level=frame.white_level)
    return measured.figures.green_fwhm_px
