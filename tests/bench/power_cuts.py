"""Power cuts: a disk is copied at random moments of the daemon's work, and the copy must be in order, then go on.

    python tests/bench/power_cuts.py --cuts 30 --seed 1

Folder and ledger are on an ext4 file system in a file (needs root, loop devices and mkfs.ext4), mounted so that it
makes up for no missing fsync. At each cut all processes are stopped, and the file is copied: what is not synced may be
missing there. On the copy every FITS under its final name must be whole and equal to its frame. Then a daemon is
started on the copy, under the same path and after a "reboot", and must make what is missing, once. The first daemon
goes on where it was stopped. Some frames are synced when they come and some are not, as by a careless download; some
are rewritten in place. Exit code 1 if anything is not as it must be.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Set
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

import disk_image
from arwatch.daemon import lease
from arwatch.output.publish import is_temporary
from figures import Row, table
from frames import SUFFIX, Frames, Made, fingerprint_of, is_made
from lives import Lives, keep_orphans

SYNCED = 0.6
"""Of the frames."""
REWRITTEN = 0.15
"""Chance, for each frame that comes, that another one is rewritten."""
PAUSE_S = (0.3, 4.0)
"""Between two cuts."""
MOST_WAITING = 60
PATIENCE_S = 60.0

Key = tuple[Path, str]
"""A frame's path and the fingerprint of its content."""


class Cuts:
    """The disk, the daemon on it, and what was found on its copies."""

    def __init__(self, home: Path, seed: int, keep: Path | None) -> None:
        self.keep = keep
        self.chance = random.Random(seed)
        self.home = home
        self.disk = home / "disk.img"
        self.point, self.look = home / "disk", home / "look"
        self.night = self.point / "night"
        self.frames = Frames()
        self.put = 0
        self.waiting: set[Path] = set()
        self.contents: dict[tuple[Path, int], str] = {}
        """Fingerprints of what was in a file at a modification time, nanoseconds since 1970."""
        self.numbers: Counter[str] = Counter(dict.fromkeys([*COUNTED, *FAULTS], 0))

    # -- the first daemon's life -------------------------------------------------------------------------------

    def begin(self, opened: ExitStack) -> None:
        for folder in (self.point, self.look):
            folder.mkdir()
        disk_image.make(self.disk)
        self.device = opened.enter_context(disk_image.attached(self.disk))
        opened.enter_context(disk_image.mounted(self.device, self.point))
        self.night.mkdir()
        self.lives = self.on_disk("first")
        opened.callback(self.lives.end_all)
        self.lives.start()

    def on_disk(self, name: str, before: tuple[str, ...] = ()) -> Lives:
        home = self.home / name
        home.mkdir()
        patient = "[workers]\ntimeout_s = 3600\n"  # the time for which processes are stopped counts, too
        return Lives(home, [self.night], self.point / "state", settings=patient, before=before)

    def work(self, seconds: float) -> None:
        """Bring frames for some seconds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if len(self.waiting) < MOST_WAITING:
                self.bring(self.night / f"DSC{self.put:06}.ARW")
                self.put += 1
                if self.chance.random() < REWRITTEN:
                    self.bring(self.night / f"DSC{self.chance.randrange(self.put):06}.ARW")
            for event in self.lives.news():
                if event["event"] in {"frame.written", "frame.skipped"}:
                    self.waiting.discard(Path(event["path"]))
            time.sleep(0.02)

    def bring(self, path: Path) -> None:
        """Write a frame, in place where there is one of that name."""
        shot = self.frames.shoot(timed=False)
        with path.open("r+b" if path.exists() else "wb") as file:
            file.write(shot.data)
            if self.chance.random() < SYNCED:
                file.flush()
                os.fsync(file.fileno())
        self.contents[path, path.stat().st_mtime_ns] = shot.fingerprint
        self.waiting.add(path)

    # -- a cut -------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Stop everything, look at what is on the disk, start there, and let the first daemon go on."""
        stopped = stop(self.lives)
        faults = self.faults()
        copy = self.home / f"cut{self.numbers['cuts'] + 1}.img"
        disk_image.copy_as_cut(self.disk, self.device, copy)
        kept = shutil.copy(copy, self.keep) if self.keep else None
        with disk_image.attached(copy) as device:
            self.after(device)
        copy.unlink()
        if kept and self.faults() == faults:
            Path(kept).unlink()
        for process in stopped:
            process.resume()
        self.numbers["cuts"] += 1

    def after(self, device: Path) -> None:
        """Hold the outputs on a copy against their frames, and let a daemon go on there."""
        if complaint := disk_image.repair(device):
            self.fault("file systems that were broken", complaint)
            return
        with disk_image.mounted(device, self.look):
            made, whole = self.outputs(), self.sources()
            # where hardware has no serial number a lease from before the cut is believed for 5 minutes: let them pass
            with suppress(FileNotFoundError):
                os.utime(self.look / "night" / lease.NAME, (0, 0))
        self.numbers["FITS on the copies"] += len(made)
        self.numbers["frames on the copies"] += len(whole)
        self.go_on(device, made.keys(), whole)

    def go_on(self, device: Path, made: Set[Key], whole: set[Key]) -> None:
        """Start a daemon on the copy, as after the cut, and see what it makes of it."""
        boot = self.home / "boot_id"
        boot.write_text(f"{uuid4()}\n")
        script = f'mount {device} {self.point} && mount --bind {boot} /proc/sys/kernel/random/boot_id && exec "$@"'
        lives = self.on_disk(f"after{self.numbers['cuts']}", ("unshare", "--mount", "sh", "-c", script, "sh"))
        try:
            lives.start()
            self.wait(Path(f"/proc/{lives.process.pid}/root{self.night}"), whole)
            code = lives.stop()
        except RuntimeError as error:
            self.fault("starts that failed", error)
            return
        finally:
            left = lives.end_all()
        written = Counter(Path(event["path"]) for event in lives.news() if event["event"] == "frame.written")
        self.numbers["frames that the copies' daemons made"] += written.total()
        with disk_image.mounted(device, self.look):
            faults = {
                "lost": whole - self.outputs().keys(),
                "frames that changed": whole - self.sources(),
                "temporary files": [path for path in (self.look / "night").iterdir() if is_temporary(path.name)],
            }
        faults |= {
            "made though it was there": {key for key in whole & made if written[key[0]]},
            "made twice": {path for path, times in written.items() if times > 1},
            "processes left": left,
            "exit codes": [code] if code else [],
            "lines that are no events": lives.noise,
            "mistakes told in the log": lives.mistakes,
        }
        for kind, evidence in faults.items():
            for what in evidence:
                self.fault(kind, what)

    def wait(self, there: Path, whole: set[Key]) -> None:
        """Wait until all frames have an output in a folder, as far as that takes no longer than it may."""
        missing, deadline = list(whole), time.monotonic() + PATIENCE_S
        while missing and time.monotonic() < deadline:
            missing = [key for key in missing if not is_made(there, *key)]
            time.sleep(0.05)

    # -- what is there -----------------------------------------------------------------------------------------

    def sources(self) -> set[Key]:
        """Give the frames on the mounted copy that are whole; take note of what the others have become.

        Without a sync the kernel may have written a file's new content before its new time: such a frame looks as if
        nothing had happened, and its output stays that of the old content.
        """
        whole = set()
        for path in (self.look / "night").glob("*.ARW"):
            key = self.night / path.name, fingerprint_of(path.read_bytes())
            looks_like = self.contents.get((key[0], path.stat().st_mtime_ns))
            if self.frames.learn(path) and looks_like in {None, key[1]}:
                whole.add(key)
        return whole

    def outputs(self) -> dict[Key, Made]:
        """Compare each output on the mounted copy with its frame."""
        self.sources()
        found: dict[Key, Made] = {}
        for path in (self.look / "night").glob(f"*{SUFFIX}"):
            made = self.frames.examine(path)
            if made.fault:
                self.fault(made.fault, made)
                continue
            key = made.source or Path(), made.fingerprint
            if key in found:
                self.fault("twice", made, found[key])
            found[key] = made
        return found

    def show(self) -> None:
        rows = [Row(what=what, value=f"{n}", goal="0" if what in FAULTS else "") for what, n in self.numbers.items()]
        print(table("Power cuts", ("what", "found", "must be"), rows), flush=True)

    def faults(self) -> int:
        return sum(self.numbers[what] for what in FAULTS)

    def fault(self, kind: str, *evidence: object) -> None:
        self.numbers[kind] += 1
        print(f"cut {self.numbers['cuts'] + 1}: {kind}:", *evidence, file=sys.stderr)


COUNTED = ("cuts", "frames on the copies", "FITS on the copies", "frames that the copies' daemons made")
FAULTS = (
    *("lost", "wrong", "half", "twice", "made twice", "made though it was there", "frames that changed"),
    *("temporary files", "processes left", "exit codes", "lines that are no events", "mistakes told in the log"),
    *("starts that failed", "file systems that were broken"),
)


def stop(lives: Lives) -> list[psutil.Process]:
    """Stop the daemon and all that it has started; gives them."""
    stopped: list[psutil.Process] = []
    while running := [process for process in lives.left() if process not in stopped]:
        for process in running:
            process.suspend()
        stopped += running
    return stopped


def main() -> int:
    """Read the arguments, cut, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cuts", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="five cuts")
    parser.add_argument("--keep", type=Path, help="an existing folder for the disks on which something was wrong")
    options = parser.parse_args()
    if lacking := disk_image.lacking():
        print(f"left out: power cuts; {lacking}")
        return 0
    keep_orphans()
    disk_image.keep_mounts_apart()
    with tempfile.TemporaryDirectory(prefix="arwatch-cuts-") as home, ExitStack() as opened:
        cuts = Cuts(Path(home), options.seed, options.keep)
        opened.callback(cuts.show)  # also where somebody ends it early
        cuts.begin(opened)
        for _ in range(5 if options.quick else options.cuts):
            cuts.work(cuts.chance.uniform(*PAUSE_S))
            cuts.cut()
        if code := cuts.lives.stop():
            cuts.fault("exit codes", f"of the first daemon: {code}")
        list(cuts.lives.news())
        for line in [*cuts.lives.noise, *cuts.lives.mistakes]:
            cuts.fault("mistakes told in the log", line)
    return int(cuts.faults() > 0)


if __name__ == "__main__":
    sys.exit(main())
