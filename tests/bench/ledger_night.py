"""A folder of small frames, and a ledger that has frames of every fate, made by the daemon itself."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import re
import shutil
import signal
import sqlite3
from concurrent.futures import ProcessPoolExecutor

from arwatch.daemon import lease
from arwatch.ledger.store import NAME
from arwatch.output.naming import output_names
from arwatch.settings import Settings
from ledger_life import live

SOUND = ("written0", "written1", "skipped", "asked", "working", "waiting")
"""Frames that end with a FITS; the names say what the ledger has of them before it is damaged."""
UNSOUND = ("no raw", "damaged", "taken", "growing")
"""Frames that end with a failure; `taken`: files that are not arwatch's have all names of its output."""
SUFFIX = ".bkg_subtracted.fits"


class Night:
    """The folders, and the frames in them.

    `usual` is what an undamaged ledger's first life tells of frames.
    """

    def __init__(self, home, pipe):
        self.captures, self.state = home / "frames", home / "state"
        self.captures.mkdir()
        self._lent = pipe, home / "log"
        self.settings = Settings.model_validate(
            {
                "watch": {"folders": [str(self.captures)], "settle_s": 0.0, "give_up_s": 0.0, "rescan_s": 3600.0},
                "workers": {"attempts": 1},
                "disk": {"min_free_mib": 0},
                "state": {"folder": str(self.state)},
                "log": {"format": "json"},
            }
        )
        names = (*SOUND, *UNSOUND, "gone")
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:  # it loads numpy, and ends
            self._data = dict(zip(names, pool.map(_frame, range(len(names))), strict=True))
        self._data["no raw"] = b"no camera wrote this" * 100
        self._data["damaged"] = self._data["damaged"][:4096].ljust(len(self._data["damaged"]), b"\0")
        self._make_ledger()
        (self.captures / lease.NAME).unlink(missing_ok=True)
        self._files = {path: (path.read_bytes(), path.stat()) for path in self.captures.iterdir()}
        self.usual = self.lives(self.lay)[0].frames()
        self._expected = {name: _content(self.output(name)) for name in SOUND}
        assert None not in self._expected.values(), self.usual
        self.restore()

    def path(self, name):
        return self.captures / f"{name}.ARW"

    def output(self, name):
        return self.captures / f"{name}{SUFFIX}"

    # -- the sound ledger --------------------------------------------------------------------------------------

    def _make_ledger(self):
        """Bring frames one by one, so that the ledger's layout is the same each time."""
        self._bring("skipped")
        shutil.rmtree(self.state)
        taken, mark = self.path("taken"), hashlib.sha256(self._data["taken"]).hexdigest()
        for name in output_names(taken, self.settings.output, real=taken, fingerprint=mark):
            (self.captures / name).write_text("this is not arwatch's")
        for name in ("written0", "skipped", "no raw", "written1", "damaged", "gone", "taken", "asked"):
            self._bring(name)
        patient = self.settings.watch.model_copy(update={"give_up_s": 3600.0})
        life = live(self.settings.model_copy(update={"watch": patient}), *self._lent, self._interrupted)
        assert life.code == -signal.SIGKILL, life
        self._sound = {path.name: path.read_bytes() for path in self.state.glob(NAME + "*")}

    def _bring(self, name):
        self.path(name).write_bytes(self._data[name])
        life = live(self.settings, *self._lent)
        assert (life.code, life.noise) == (0, []), life

    def _interrupted(self, life):
        """Let a frame go, one be in work, one wait, one grow and one be asked for; then the power fails."""
        self.path("gone").unlink()
        while not life.has_gone(self.path("gone")):
            yield
        life.lent.hold = True
        for name, counts in (("working", (1, 0, 0)), ("waiting", (1, 1, 0)), ("growing", (1, 1, 1))):
            self.path(name).write_bytes(self._data[name][: -100 if name == "growing" else None])
            while life.counts() != counts:
                yield
        life.ask_again(self.path("asked"))
        os.kill(os.getpid(), signal.SIGKILL)

    # -- lives on a copy of it ---------------------------------------------------------------------------------

    def lay(self, *, closed=False, shm=True):
        """Put the sound ledger into the state folder: as it was when the daemon was killed, or as it is closed."""
        for name, data in self._sound.items():
            if shm or not name.endswith("-shm"):
                (self.state / name).write_bytes(data)
        if closed:
            with contextlib.closing(sqlite3.connect(self.state / NAME)) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def lives(self, prepare):
        """Let the daemon live twice on the ledger that `prepare` puts into the empty state folder."""
        shutil.rmtree(self.state)
        self.state.mkdir()
        prepare()
        return [live(self.settings, *self._lent), live(self.settings, *self._lent)]

    # -- what there is then ------------------------------------------------------------------------------------

    def made(self):
        """Give the outputs that were not there before."""
        return {path for path in self.captures.iterdir() if path.name.endswith(SUFFIX) and path not in self._files}

    def is_good(self, name):
        """Whether a frame's output is there and holds what it must."""
        path = self.output(name)
        known = self._files.get(path)
        untouched = known is not None and path.exists() and _look(path.stat()) == _look(known[1])
        return untouched or _content(path) == self._expected[name]

    def restore(self):
        """Put the folder of frames into its state of before."""
        for path in self.captures.iterdir():
            if path not in self._files:
                path.unlink()
        for path, (data, seen) in self._files.items():
            if not path.exists() or _look(path.stat()) != _look(seen):
                path.write_bytes(data)
                os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
                self._files[path] = data, path.stat()


def _frame(number):
    """Give the bytes of a small frame."""
    from arwatch.simulate import Scene, arw_bytes, render  # noqa: PLC0415 -- a process that is forked stays light

    return bytes(arw_bytes(render(Scene(height=64, width=96, stars=2), number).mosaic))


def _look(found):
    return found.st_ino, found.st_size, found.st_mtime_ns


def _content(output):
    """Give what an output holds, but for when it was made; None: it is not there."""
    try:
        return re.sub(rb"(DATE    |CHECKSUM)= .{70}", b"", output.read_bytes())
    except OSError:
        return None
