"""Small frames by the thousand while everything goes wrong; then each output is compared with its frame.

    python tests/bench/soak.py --minutes 30 --seed 1

For four fifths of the time the daemon, the process that looks at folders, workers and the fork server are killed, and
frames are renamed, rewritten and exchanged. Among the watched folders are a disk that is full now and then, and file
systems that are slow, that fail, and that do not answer now and then (for these: root, /dev/fuse, mfusepy). Then all
is sound again, and an undisturbed life tells whether memory and open files stay flat. The seed decides what is done;
which frame is hit depends on the machine's pace. Exit code 1 if anything is not as it must be.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from arwatch.output.publish import is_temporary
from book import Key
from camera import Agenda, Camera
from figures import Row, table
from frames import SUFFIX, is_made
from grounds import Ground, grounds
from lives import WARM, Lives, Sizes, keep_orphans

KILLED = {"daemon": 4, "worker": 3, "looker": 2, "fork server": 1}
"""How often each is killed, relative to the others."""
KILL_S = (1.0, 9.0)
PATIENCE_S = 400.0
"""How long frames may take when all is sound again; the longest pause before another attempt is 300 s."""
MOST_MIB = 5.0
"""That a process may grow by: SQLite's pages take up to 2 MiB, and Python's table of interned strings, which the parts
of each path pass through, is enlarged once or twice, by 1 to 4 MiB in all."""
MOST_FILES = 5
"""More open files than before: each folder may just be gone through."""
KNOWN_KIB = {"daemon": 0.0, "looker": 1.0}
"""What is remembered of each file that is there: its name, size, times and inode number."""


class Soak:
    """Folders, what is done in them, and the daemon's lives on them."""

    def __init__(self, home: Path, seed: int, folders: list[Ground]) -> None:
        self.chance = random.Random(seed)
        self.grounds = folders
        self.backing = {ground.path: ground.backing for ground in folders}
        paths = [ground.path for ground in folders]
        patient = "[workers]\nattempts = 100\nretry_s = 0.1\n"
        self.lives = Lives(home, paths, home / "state", settings=patient)
        self.done: Counter[str] = Counter(dict.fromkeys((f"killed: {victim}" for victim in KILLED), 0))
        self.agenda = Agenda(self.chance)
        self.camera = Camera(home / "away", self.chance, self.agenda, self.done)
        self.failed: dict[Path, str] = {}
        """Frames that nothing more will be done about, and why."""

    # -- what happens ------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """Do what is due, and hear what the daemon tells."""
        self.agenda.turn()
        for event in self.lives.news():
            if event["event"] in {"frame.written", "frame.skipped"}:
                self._told(Path(event["path"]))
            elif event["event"] == "frame.failed":
                self.failed[Path(event["path"])] = f"{event['code']}: {event['reason']}"
            elif event["event"] == "frame.settled":
                self.failed.pop(Path(event["path"]), None)
        time.sleep(0.05)

    def _told(self, path: Path) -> None:
        self.failed.pop(path, None)
        self.camera.book.told(path)
        for ground in self.grounds:
            ground.waiting.pop(path, None)

    # -- trouble -----------------------------------------------------------------------------------------------

    def begin_trouble(self, until: float) -> None:
        """Let all kinds of trouble begin, each to come again and again until a time (monotonic seconds)."""
        for ground in self.grounds:
            if ground.trouble is not None:
                self._trouble(ground, until, begins=True)
        self.agenda.later(KILL_S, lambda: self._kill(until))

    def _trouble(self, ground: Ground, until: float, *, begins: bool) -> None:
        assert ground.trouble is not None
        begins &= time.monotonic() < until
        ground.trouble(begins)
        self.done[f"spells of trouble: {ground.name}"] += begins
        spell = ground.lasts if begins else ground.pauses
        if time.monotonic() < until and spell[0] < float("inf"):
            self.agenda.later(spell, lambda: self._trouble(ground, until, begins=not begins))

    def _kill(self, until: float) -> None:
        victim = self.chance.choices(list(KILLED), list(KILLED.values()))[0]
        found = self.lives.members()[victim]
        if victim == "daemon":
            self.lives.kill()
            self.lives.start()
        elif found:
            with suppress(psutil.NoSuchProcess):
                self.chance.choice(found).kill()
        if victim in {"daemon", "looker"}:  # nobody looked until now
            self.camera.blind_until = time.monotonic()
        self.done[f"killed: {victim}"] += bool(found)
        if time.monotonic() < until:
            self.agenda.later(KILL_S, lambda: self._kill(until))

    # -- the phases --------------------------------------------------------------------------------------------

    def disturbed(self, seconds: float) -> float:
        """Work while everything goes wrong; gives frames a second."""
        began = time.monotonic()
        self.begin_trouble(began + seconds)
        while time.monotonic() < began + seconds:
            for ground in self.grounds:
                self.camera.shoot(ground)
            self.turn()
        rate = self.lives.told["frame.written"] / (time.monotonic() - began)
        while self.agenda:
            self.turn()
        for ground in self.grounds:
            if ground.trouble is not None:
                ground.trouble(False)
        return rate

    def undisturbed(self, seconds: float) -> tuple[int, float, Sizes, Sizes]:
        """Work in the sound folder while nothing goes wrong; gives frames, their rate, and sizes before and after."""
        began, frames, before = time.monotonic(), 0, self.lives.sizes()
        while time.monotonic() < began + seconds:
            if frames < WARM:
                before = self.lives.sizes()
            frames += self.camera.shoot(self.grounds[0], calm=True)
            self.turn()
        self.wait()
        rate = frames / (time.monotonic() - began)
        self.calm()
        return frames, rate, before, self.lives.sizes()

    def wait(self) -> None:
        """Wait until each frame has its output or has failed, as far as that takes no longer than it may."""
        deadline = time.monotonic() + PATIENCE_S
        missing = list(self.camera.book.untold())
        while missing and time.monotonic() < deadline:
            self.turn()
            missing = [key for key in missing if key[0] not in self.failed and not self._is_made(key)]

    def _is_made(self, key: Key) -> bool:
        return is_made(self.backing[key[0].parent], *key)

    def calm(self) -> None:
        """Wait until the daemon has told nothing for some seconds."""
        last, since = -1, time.monotonic()
        while time.monotonic() < since + 5.0:
            self.turn()
            if (told := self.lives.told.total()) != last:
                last, since = told, time.monotonic()

    def outcome(self) -> dict[str, int]:
        """Compare what is there with what must be there: all must be 0."""
        self.turn()
        names = [(ground, name) for ground in self.grounds for name in os.listdir(ground.backing)]  # noqa: PTH208
        outputs = [self.camera.frames.examine(ground.backing / name) for ground, name in names if name.endswith(SUFFIX)]
        self.done["outputs compared"] = len(outputs)
        numbers, faults = self.camera.book.compare(outputs)
        left = self.lives.end_all()
        faults += [f"failed: {path}: {why}" for path, why in self.failed.items()]
        for line in [*faults[:40], *self.lives.noise[:20], *self.lives.mistakes[:20], *left]:
            print(line, file=sys.stderr)
        return numbers | {
            "temporary files": sum(is_temporary(name) for _, name in names),
            "processes left": len(left),
            "lines in the log that are no events": len(self.lives.noise),
            "mistakes told in the log": len(self.lives.mistakes),
        }


def run(home: Path, opened: ExitStack, minutes: float, seed: int) -> int:
    """Soak, print the tables, and give the exit code."""
    soak = Soak(home, seed, list(grounds(home, opened)))
    lives = soak.lives
    opened.callback(lives.end_all)
    lives.start()
    killed_rate = soak.disturbed(minutes * 60 * 0.8)
    codes = [lives.stop()]
    lives.start()  # what failed for a reason that has passed is tried once more
    soak.calm()
    soak.wait()
    codes.append(lives.stop())
    lives.start()
    soak.calm()
    frames, calm_rate, before, after = soak.undisturbed(minutes * 60 * 0.2)
    codes.append(lives.stop())
    faults = soak.outcome() | {"ends of the daemon with an exit code": sum(code != 0 for code in codes)}

    rows = [Row(what=what, value=f"{number}") for what, number in sorted(soak.done.items())]
    rows.append(Row(what="frames a second, killed / undisturbed", value=f"{killed_rate:.1f} / {calm_rate:.1f}"))
    for name, (mib, files) in after.items():
        mib_before, files_before = before[name]
        most = MOST_MIB + frames * KNOWN_KIB[name] / 1024
        value = f"{mib_before:.1f} / {mib:.1f} MiB, {files_before} / {files} files"
        goal = f"{most:.1f} MiB more"
        rows.append(Row(what=f"{name}, {WARM} / {frames} frames undisturbed", value=value, goal=goal))
        faults[f"growth of the {name}"] = int(mib - mib_before > most or files > files_before + MOST_FILES)
    rows += [Row(what=what, value=f"{number}", goal="0") for what, number in faults.items()]
    print(f"\nMemory of each life: at the start -> after {WARM} outputs -> at the end", *lives.memory, sep="\n")
    print(table("The soak", ("what", "measured", "must be"), rows))
    return int(any(faults.values()))


def main() -> int:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="two minutes")
    parser.add_argument("--log", type=Path, help="keep what the daemon tells in this file")
    options = parser.parse_args()
    keep_orphans()
    with tempfile.TemporaryDirectory(prefix="arwatch-soak-") as home, ExitStack() as opened:
        if options.log:
            (Path(home) / "log").symlink_to(options.log.absolute())
        return run(Path(home), opened, 2.0 if options.quick else options.minutes, options.seed)


if __name__ == "__main__":
    sys.exit(main())
