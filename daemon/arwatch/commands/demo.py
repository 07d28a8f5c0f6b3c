"""`arwatch demo`: a simulated camera and the real daemon on a new folder."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from arwatch import simulate
from arwatch.commands.tables import Row, outcome_table
from arwatch.errors import ArwatchError, FailureCode
from arwatch.ledger.faults import NoLedgerError
from arwatch.ledger.history import History
from arwatch.ledger.records import Record
from arwatch.model.outcome import End, Failed, Written
from arwatch.platform.processes import deaf_to_interrupts
from arwatch.settings import Background

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 300.0
"""The kernels may have to be compiled first."""
PANEL = 480
"""Columns of each of the three parts of the picture."""


def demo(folder: Path | None, frames: int, size: tuple[int, int]) -> int:
    """Show the main job once; gives the number of frames that did not become FITS.

    All that is made is made in a new folder, so that nothing of the user's is replaced or processed.
    """
    home = _new_folder(folder.absolute()) if folder else Path(tempfile.mkdtemp(prefix="arwatch-demo-"))
    captures, state, settings = home / "captures", home / "state", home / "arwatch.toml"
    captures.mkdir()
    # a small frame has few boxes of 100 pixels: smaller ones see its sky as those see that of a frame of 24 megapixels
    background = Background(box_size=max(16, min(100, size[1] // 47)))
    method = f"[watch]\nsettle_s = 1.0\n[background]\nbox_size = {background.box_size}\n[log]\nformat = 'console'\n"
    settings.write_text(f"{method}[state]\nfolder = {_quoted(state)}\n", encoding="utf-8")
    console = Console(highlight=False)
    many = "a frame" if frames == 1 else f"{frames} frames"
    console.print(f"A simulated camera takes {many} into {captures};", markup=False, soft_wrap=True)
    console.print("arwatch watches that folder. Its log, as it happens:\n")
    began = time.monotonic()
    command = [sys.executable, "-m", "arwatch", "run", str(captures), "--config", str(settings)]
    with deaf_to_interrupts():
        daemon = subprocess.Popen(command)  # noqa: S603 -- our own program
    ends: list[Record] = []
    try:
        with History(state) as history:
            _wait_for_ledger(history, daemon)
            scene = simulate.andromeda(*size)
            camera = simulate.camera(captures, frames=frames, interval_s=1.0, scene=scene, slow=True)
            _wait(history, len(list(camera)), daemon)
    finally:  # also where Ctrl-C came before
        _stop(daemon)
        with suppress(ArwatchError), History(state) as history:
            ends = _ended(history)
        rows = [Row(end.path.name, _outcome(end)) for end in ends]
        console.print()
        console.print(outcome_table(rows, time.monotonic() - began, left=frames - len(rows), paced=True))
        console.print(f"\nall of it may be deleted: {home}", markup=False, soft_wrap=True)
    console.print(f"frames and FITS files     {captures}", markup=False, soft_wrap=True)
    picture = home / "before_mesh_smooth.jpg"
    if _picture(ends, background, picture):
        console.print(f"the sky by both models    {picture}", markup=False, soft_wrap=True)
        console.print("\n`arwatch compare FRAME` shows them on frames of your own.")
    return sum(isinstance(row.outcome, Failed) for row in rows)


def _new_folder(wished: Path) -> Path:
    """Make the folder that was wished for; where that holds something, a new one in it."""
    wished.mkdir(parents=True, exist_ok=True)
    if not any(wished.iterdir()):
        return wished
    for number in itertools.count(1):
        with suppress(FileExistsError):
            folder = wished / ("arwatch-demo" if number == 1 else f"arwatch-demo-{number}")
            folder.mkdir()
            return folder
    raise AssertionError  # count() does not end


def _ended(history: History) -> list[Record]:
    """Give the frames that have ended, in their order."""
    newest = {end.path: end for end in history.frames(states=("written", "failed"))}
    return [newest[path] for path in sorted(newest)]


def _wait_for_ledger(history: History, daemon: subprocess.Popen[bytes]) -> None:
    for _ in _ticks(daemon):
        with suppress(NoLedgerError):
            history.counts()
            return
    raise ArwatchError("the daemon did not start; its log above says why")


def _wait(history: History, frames: int, daemon: subprocess.Popen[bytes]) -> None:
    for _ in _ticks(daemon):
        if len(_ended(history)) == frames:
            return
    raise ArwatchError("the daemon did not finish the frames; its log above says why")


def _stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _ticks(daemon: subprocess.Popen[bytes]) -> Iterator[None]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and daemon.poll() is None:
        yield
        time.sleep(0.1)


def _outcome(end: Record) -> End:
    """Give what the ledger tells of an ended frame."""
    if end.code is not None or end.output is None:
        return Failed(code=FailureCode(end.code or FailureCode.INTERNAL), reason=end.reason or "")
    return Written(output=end.output, size=end.output_size or 0, figures=end.figures)


def _picture(ends: list[Record], background: Background, path: Path) -> bool:
    """Show a frame before and after, by both models of the sky; gives whether there was one."""
    from arwatch import formats  # noqa: PLC0415
    from arwatch.commands import models, pictures  # noqa: PLC0415 -- heavy, and only for the last step

    done = next((end for end in ends if end.state == "written"), None)
    if done is None:
        return False
    try:
        seen = models.seen(formats.read(done.path), background, PANEL)
    except ValueError:  # too few boxes
        return False
    pictures.save(path, [models.triple(seen)])
    return True


def _quoted(path: Path) -> str:
    """A TOML string; a path may hold quotes and backslashes."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
