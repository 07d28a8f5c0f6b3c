"""A night with a fault: the installed daemon on folders of its own, what was put there, and what became of it."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import psutil
import pytest

from arwatch import formats
from arwatch.output import fits
from arwatch.output.publish import is_temporary
from arwatch.settings import Background
from arwatch.simulate import Scene, render
from arwatch.sky import subtract_background
from end_to_end.programs import ARWATCH, PATIENCE_S, Daemon
from faults.failing_fs import failing_folder
from storage import FORMS

SUFFIX = ".bkg_subtracted.fits"
SETTINGS = {
    "watch": {"settle_s": 0.2, "give_up_s": 1.0, "rescan_s": 1.0},
    "workers": {"count": 1, "retry_s": 0.2},
    "disk": {"min_free_mib": 0},
}
EVENTS_ONLY = SETTINGS["watch"] | {"rescan_s": 3600.0}
"""No rescan comes to the help of events."""


@cache
def frame(number=1, form="uncompressed", height=192, width=320):
    """Give the bytes of a sound frame; another number is another frame of the same length."""
    return FORMS[form](render(Scene(height=height, width=width, stars=5), number).mosaic)


@dataclass(frozen=True)
class End:
    """What a night must end with: every frame exactly one valid FITS or one failure, and nothing else."""

    fits: int = 0
    """Frames with a FITS that reads back and equals a direct subtraction of the frame's bytes."""
    failed: dict[str, int] = field(default_factory=dict)
    """Frames without, by the failure's code."""
    lost: int = 0
    """Frames with neither."""
    twice: int = 0
    """FITS too many, and frames that the log tells more than one end of."""
    half: int = 0
    """FITS that do not read back, or are not the frame's."""
    temporary: int = 0
    """Unfinished files left behind."""


def fault(end, *, start=True, **settings):
    """Make a test of a function that causes a fault in a night: afterwards all must be as `end` has it.

    Parameters
    ----------
    end : End or None
        What the rule says; None: either a FITS or a failure for every frame.
    start : bool
        Whether the daemon runs before the fault is caused.
    settings
        Sections of the settings, instead of those in `SETTINGS`.
    """

    def test_of(cause):
        def test(tmp_path):
            night = Night(tmp_path, settings)
            try:
                if start:
                    night.start()
                cause(night)
                found = night.end()
                wanted = end or End(fits=found.fits, failed=found.failed)
                assert found == wanted, f"{found} instead of {wanted}"
            finally:
                night.close()

        test.__doc__ = cause.__doc__
        return test

    return test_of


def needs_root(test):
    """Skip a test that mounts where that is not allowed; with ARWATCH_REQUIRE_TOOLS=1 it runs and fails."""
    lacking = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode != 0
    lacking &= os.environ.get("ARWATCH_REQUIRE_TOOLS") != "1"
    return pytest.mark.skipif(lacking, reason="mounting a file system needs root's rights")(test)


@contextlib.contextmanager
def memory_group():
    """Make a control group for memory; gives it and the file of its limit. Without the right to do so: skip."""
    old = Path("/sys/fs/cgroup/memory")
    group = (old if old.is_dir() else old.parent) / f"arwatch-test-{os.getpid()}"
    limit = group / ("memory.limit_in_bytes" if old.is_dir() else "memory.max")
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made: {error.strerror}")
    try:
        if not limit.exists():
            pytest.skip("control groups do not limit memory here")
        yield group, limit
    finally:
        deadline = time.monotonic() + 10.0
        while group.exists():  # it is busy until the kernel is done with the processes that were in it
            with contextlib.suppress(OSError):
                group.rmdir()
            assert time.monotonic() < deadline, f"{group} stays busy"


class Night:
    """Folders, settings and the daemon's lives of one test."""

    def __init__(self, home, settings):
        self.home = home
        self.captures = home / "captures"
        self.captures.mkdir()
        self.folders = [self.captures]
        self.state = home / "state"
        self.config = home / "arwatch.toml"
        self.settings = SETTINGS | {"state": {"folder": str(self.state)}} | settings
        self.configure()
        self.lives = []
        self.mounts = []
        self.failing_folders = contextlib.ExitStack()
        self.frames = set()
        self.expected_ends = Counter()

    def configure(self, **sections):
        """Write the settings file; JSON's texts, numbers and truth values are TOML's, too."""
        self.settings |= sections
        lines = []
        for section, values in self.settings.items():
            lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    # -- the daemon ------------------------------------------------------------------------------------------

    def start(self, *, ready=True, before=()):
        process = subprocess.Popen(
            [*before, *ARWATCH, "run", *map(str, self.folders), "--config", str(self.config)],
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
        )
        self.lives.append(Daemon(process))
        if ready:
            self.wait("service.ready")

    @property
    def daemon(self):
        return self.lives[-1]

    def wait(self, event, count=1, **facts):
        return self.daemon.wait_for(event, count, **facts)

    def until(self, condition, what="the condition"):
        deadline = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            assert time.monotonic() < deadline, f"{what} did not come true: {self.daemon.events}"
            time.sleep(0.01)
        return found

    def send(self, number):
        self.daemon.process.send_signal(number)

    def kill(self):
        """End the daemon as a power cut does, and wait until its workers are gone, too."""
        assert not end_at_once(self.daemon.process), "workers outlive the daemon"

    def workers(self):
        """Give the worker processes (children of the fork server)."""
        servers = psutil.Process(self.daemon.process.pid).children()
        return [worker for server in servers for worker in server.children()]

    def looker(self):
        """Give the process that looks at the folders: a fork of the daemon, with its command line."""
        daemon = psutil.Process(self.daemon.process.pid)
        return next(child for child in daemon.children() if child.cmdline() == daemon.cmdline())

    def stop_workers(self):
        """Hold the workers, so that a frame stays in work; gives them."""
        workers = self.until(self.workers)
        for worker in workers:
            worker.suspend()
        return workers

    def close(self):
        self.failing_folders.close()  # no process can be ended while it waits for such a folder
        for life in self.lives:
            if life.process.poll() is None:
                end_at_once(life.process)
            life.process.stderr.close()
        for folder in self.mounts:
            subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)

    def mount(self, folder, size="4m"):
        """Mount a small file system of its own on a folder, until the night is over."""
        folder.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "arwatch-test", folder], check=True)
        self.mounts.append(folder)

    def failing(self, folder=None):
        """Put the captures (or another folder) on a file system that can be told to fail, until the night is over."""
        folder = folder or self.captures
        folder.mkdir(exist_ok=True)
        backing = Path(f"{self.home}-backing-{folder.name}")
        backing.mkdir()
        return self.failing_folders.enter_context(failing_folder(backing, folder))

    def share(self):
        """Watch a second folder, too, on a file system that can be told to fail; gives the folder and its faults."""
        share = self.home / "share"
        self.folders.append(share)
        return share, self.failing(share)

    def let_retry(self):
        """Let the time be over that frames wait for another attempt; the loop looks within a second."""
        with contextlib.closing(sqlite3.connect(self.state / "ledger.sqlite", timeout=30)) as ledger, ledger:
            ledger.execute("UPDATE queue SET not_before = 1.0 WHERE not_before > 0")

    # -- frames ----------------------------------------------------------------------------------------------

    def put(self, name, data=None, *, ends=1, taken=None, folder=None):
        """Bring a frame as a careful tool does: a temporary name, its time `taken`, then a rename.

        `ends`: so many more of them to expect; `folder`: another one than the captures.
        """
        path = (folder or self.captures) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.parent / ".coming"
        hidden.write_bytes(frame(len(self.frames) + 1) if data is None else data)
        if taken:
            os.utime(hidden, (taken, taken))
        hidden.rename(path)
        self.frames.add(path)
        self.expected_ends[path] += ends
        return path

    def rows(self):
        """Give the ledger's rows, path -> (state, attempts, code, output)."""
        if not (self.state / "ledger.sqlite").exists():
            return {}
        with contextlib.closing(sqlite3.connect(self.state / "ledger.sqlite", timeout=30)) as ledger:
            try:
                rows = ledger.execute("SELECT path, state, attempts, code, output FROM states").fetchall()
            except sqlite3.DatabaseError:  # broken or being made; the daemon has to find out
                return {}
        return {os.fsdecode(row[0]): row[1:] for row in rows}

    def state_of(self, path):
        return self.rows().get(str(path), (None,))[0]

    def ended(self):
        return all(self.state_of(path) in {"written", "skipped", "failed"} for path in self.frames)

    # -- the end ---------------------------------------------------------------------------------------------

    def end(self):
        """Wait until every frame has ended, stop the daemon, and compare what is there with what was put there."""
        self.until(self.ended, "the end of every frame")
        assert self.daemon.stop() == 0
        return self.found()

    def found(self):
        rows = self.rows()
        files = [path for path in self.home.rglob("*") if path.is_file() and not path.is_symlink()]
        outputs = {path for path in files if path.name.endswith(SUFFIX)}
        owners = {
            os.path.realpath(os.fsdecode(row[3])): path
            for path, row in rows.items()
            if row[0] in {"written", "skipped"}
        }
        good = {path for path in map(str, outputs) if path in owners and is_subtraction(owners[path], path)}
        fine = {owners[path] for path in good}
        failed = {path: row[2] for path, row in rows.items() if row[0] == "failed"}
        ends = [e for life in self.lives for e in (*life.named("frame.written"), *life.named("frame.failed"))]
        told = Counter(event["path"] for event in ends)
        again = sum(max(0, told[str(path)] - self.expected_ends[path]) for path in self.frames)
        return End(
            fits=len(fine),
            failed=dict(Counter(failed.values())),
            lost=sum(str(path) not in fine and str(path) not in failed for path in self.frames),
            twice=len(good) - len(fine) + again + len(fine & failed.keys()),
            half=len(outputs) - len(good),
            temporary=sum(is_temporary(path.name) for path in files),
        )


def end_at_once(process):
    """Kill a daemon; gives the processes that it should have taken along (they are ended, too)."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    left = psutil.wait_procs(family, 10.0)[1]
    for member in left:
        member.kill()
    return left


def is_subtraction(source, output):
    """Whether an output reads back and is what a direct subtraction of the source gives."""
    try:
        mosaic = fits.open(output).mosaic
        raw = formats.read(Path(source))
    except Exception as error:  # whatever it is, it is no valid pair
        print(f"{output}: {error!r}")
        return False
    return np.allclose(mosaic, subtract_background(raw.mosaic, raw.colors, Background()).mosaic, rtol=0, atol=1e-3)
