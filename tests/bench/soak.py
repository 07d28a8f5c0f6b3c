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
import heapq
import itertools
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from arwatch.output.publish import is_temporary
from book import Book, Key
from figures import Row, table
from frames import SUFFIX, Frames, Shot, is_made
from grounds import Ground, Spell, grounds
from lives import Lives, keep_orphans

KILLED = {"daemon": 4, "worker": 3, "looker": 2, "fork server": 1}
"""How often each is killed, relative to the others."""
FATES = {"keep": 12, "rename": 3, "rewrite": 2, "expose_again": 1, "exchange": 2}
"""What becomes of a frame within some seconds, relative to the others."""
KILL_S, FATE_S = (1.0, 9.0), (0.0, 30.0)
ABSENT_S, LONG_ABSENT_S = (0.0, 3.0), (4.0, 8.0)
"""How long a name is free after its frame was moved away. Without a time in EXIF only the pause tells the daemon."""
OVERDUE_S = 60.0
"""A frame that is not told of for so long holds up no others: its folder may hang, or its line may be lost."""
PATIENCE_S = 400.0
"""How long frames may take when all is sound again; the longest pause before another attempt is 300 s."""
MOST_MIB = 5.0


class Soak:
    """Folders, what is done in them, and the daemon's lives on them."""

    def __init__(self, home: Path, seed: int, folders: list[Ground]) -> None:
        self.chance = random.Random(seed)
        self.away = home / "away"
        self.away.mkdir()
        self.grounds = folders
        self.backing = {ground.path: ground.backing for ground in folders}
        self.frames, self.book = Frames(), Book()
        paths = [ground.path for ground in folders]
        patient = "[workers]\nattempts = 100\nretry_s = 0.1\n"
        self.lives = Lives(home, paths, home / "state", settings=patient)
        self.done: Counter[str] = Counter(dict.fromkeys((f"killed: {victim}" for victim in KILLED), 0))
        self.failed: dict[Path, str] = {}
        """Frames that nothing more will be done about, and why."""
        self._numbers = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []

    # -- what is to be done later ------------------------------------------------------------------------------

    def later(self, spell: Spell, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (time.monotonic() + self.chance.uniform(*spell), next(self._numbers), what))

    def turn(self) -> None:
        """Do what is due, and hear what the daemon tells."""
        while self._agenda and self._agenda[0][0] <= time.monotonic():
            heapq.heappop(self._agenda)[2]()
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
        self.book.told(path)
        for ground in self.grounds:
            ground.waiting.pop(path, None)

    # -- frames ------------------------------------------------------------------------------------------------

    def shoot(self, ground: Ground, *, calm: bool = False) -> int:
        """Bring as many frames as a folder takes now; gives how many."""
        now = time.monotonic()
        waiting = sum(came > now - OVERDUE_S for came in ground.waiting.values())
        if ground.is_full or self.done[f"frames in {ground.name}"] >= ground.most:
            return 0
        count = max(0, min(ground.most_waiting - waiting, 10))
        for _ in range(count):
            path = ground.path / f"DSC{next(self._numbers):07}.ARW"
            self.bring(ground, path, self.frames.shoot(timed=self.chance.random() < 0.7))
            self.done[f"frames in {ground.name}"] += 1
            fate = self.chance.choices(list(FATES), list(FATES.values()))[0]
            if fate != "keep" and not calm:
                self.later(FATE_S, lambda path=path, fate=fate: getattr(self, fate)(ground, path))
        return count

    def bring(self, ground: Ground, path: Path, shot: Shot) -> None:
        """Let a frame appear, as a careful tool does."""
        hidden = ground.backing / ".coming"
        hidden.write_bytes(shot.data)
        hidden.rename(ground.backing / path.name)
        self.book.put(path, shot)
        ground.waiting[path] = time.monotonic()

    def rename(self, ground: Ground, path: Path) -> None:
        new = path.with_name(f"REN{path.name[3:]}")
        (ground.backing / path.name).rename(ground.backing / new.name)
        self.book.renamed(path, new)
        ground.waiting.pop(path, None)
        ground.waiting[new] = time.monotonic()
        self.done["renamed"] += 1

    def rewrite(self, ground: Ground, path: Path, *, again: bool = False) -> None:
        """Write another content of the same length into a file, in two steps."""
        before = self.book.there[path].taken
        shot = self.frames.shoot(timed=before is not None, taken=None if again else before)
        half = len(shot.data) // 2
        with (ground.backing / path.name).open("r+b") as file:
            file.write(shot.data[:half])
            file.flush()
            time.sleep(0.02)
            file.write(shot.data[half:])
        self.book.rewritten(path, shot)
        ground.waiting[path] = time.monotonic()
        self.done["rewritten"] += 1

    def expose_again(self, ground: Ground, path: Path) -> None:
        """Write another exposure into a file: the camera's counter began again, and the copy replaced the frame."""
        self.rewrite(ground, path, again=True)

    def exchange(self, ground: Ground, path: Path) -> None:
        """Move a frame away; after some seconds another one has its name."""
        shutil.move(ground.backing / path.name, self.away / f"{next(self._numbers)}.ARW")
        timed = self.book.there[path].taken is not None
        self.book.moved(path)
        ground.waiting.pop(path, None)
        self.later(ABSENT_S if timed else LONG_ABSENT_S, lambda: self.come_instead(ground, path, timed=timed))

    def come_instead(self, ground: Ground, path: Path, *, timed: bool) -> None:
        if ground.is_full:
            self.later((1.0, 1.0), lambda: self.come_instead(ground, path, timed=timed))
            return
        self.bring(ground, path, self.frames.shoot(timed=timed))
        self.done["exchanged"] += 1

    # -- trouble -----------------------------------------------------------------------------------------------

    def begin_trouble(self, until: float) -> None:
        """Let all kinds of trouble begin, each to come again and again until a time (monotonic seconds)."""
        for ground in self.grounds:
            if ground.trouble is not None:
                self._trouble(ground, until, begins=True)
        self.later(KILL_S, lambda: self._kill(until))

    def _trouble(self, ground: Ground, until: float, *, begins: bool) -> None:
        assert ground.trouble is not None
        begins &= time.monotonic() < until
        ground.trouble(begins)
        self.done[f"spells of trouble: {ground.name}"] += begins
        spell = ground.lasts if begins else ground.pauses
        if time.monotonic() < until and spell[0] < float("inf"):
            self.later(spell, lambda: self._trouble(ground, until, begins=not begins))

    def _kill(self, until: float) -> None:
        victim = self.chance.choices(list(KILLED), list(KILLED.values()))[0]
        found = self.lives.members()[victim]
        if victim == "daemon":
            self.lives.kill()
            self.lives.start()
        elif found:
            with suppress(psutil.NoSuchProcess):
                self.chance.choice(found).kill()
        self.done[f"killed: {victim}"] += bool(found)
        if time.monotonic() < until:
            self.later(KILL_S, lambda: self._kill(until))

    # -- the phases --------------------------------------------------------------------------------------------

    def disturbed(self, seconds: float) -> float:
        """Work while everything goes wrong; gives frames a second."""
        began = time.monotonic()
        self.begin_trouble(began + seconds)
        while time.monotonic() < began + seconds:
            for ground in self.grounds:
                self.shoot(ground)
            self.turn()
        rate = self.lives.told["frame.written"] / (time.monotonic() - began)
        while self._agenda:
            self.turn()
        for ground in self.grounds:
            if ground.trouble is not None:
                ground.trouble(False)
        return rate

    def undisturbed(self, seconds: float) -> float:
        """Work in the sound folder while nothing goes wrong; gives frames a second."""
        sound = self.grounds[0]
        began, frames = time.monotonic(), 0
        while time.monotonic() < began + seconds:
            frames += self.shoot(sound, calm=True)
            self.turn()
        self.wait()
        return frames / (time.monotonic() - began)

    def wait(self) -> None:
        """Wait until each frame has its output or has failed, as far as that takes no longer than it may."""
        deadline = time.monotonic() + PATIENCE_S
        missing = list(self.book.untold())
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
        outputs = [self.frames.examine(ground.backing / name) for ground, name in names if name.endswith(SUFFIX)]
        self.done["outputs compared"] = len(outputs)
        numbers, faults = self.book.compare(outputs)
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
    """Soak, print the table, and give the exit code."""
    soak = Soak(home, seed, list(grounds(home, opened)))
    opened.callback(soak.lives.end_all)
    soak.lives.start()
    killed_rate = soak.disturbed(minutes * 60 * 0.8)
    codes = [soak.lives.stop()]
    soak.lives.start()  # what failed for a reason that has passed is tried once more
    soak.calm()
    soak.wait()
    codes.append(soak.lives.stop())
    soak.lives.start()
    soak.calm()
    before = soak.lives.sizes()
    calm_rate = soak.undisturbed(minutes * 60 * 0.2)
    soak.calm()
    after, peak = soak.lives.sizes(), soak.lives.peak_mib()
    codes.append(soak.lives.stop())
    faults = soak.outcome() | {"ends of the daemon with an exit code": sum(code != 0 for code in codes)}

    done = soak.done
    rows = [Row(what=what, value=f"{number}") for what, number in sorted(done.items())]
    rows.append(Row(what="frames a second, killed / undisturbed", value=f"{killed_rate:.1f} / {calm_rate:.1f}"))
    for name, (mib, files) in after.items():
        mib_before, files_before = before[name]
        grown = mib - mib_before > MOST_MIB or files > files_before
        top = f" / {peak:.1f}" if name == "daemon" else ""
        value = f"{mib_before:.1f} / {mib:.1f}{top} MiB, {files_before} / {files} files"
        rows.append(Row(what=f"{name}, start / end{' / peak' * bool(top)}", value=value, goal="5 MiB, 0 files more"))
        faults[f"growth of the {name}"] = int(grown)
    rows += [Row(what=what, value=f"{number}", goal="0") for what, number in faults.items()]
    print(table("The soak", ("what", "measured", "must be"), rows))
    return int(any(faults.values()))


def main() -> int:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="two minutes")
    options = parser.parse_args()
    keep_orphans()
    with tempfile.TemporaryDirectory(prefix="arwatch-soak-") as home, ExitStack() as opened:
        return run(Path(home), opened, 2.0 if options.quick else options.minutes, options.seed)


if __name__ == "__main__":
    sys.exit(main())
