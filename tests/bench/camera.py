"""What a camera and its user do in the folders of the soak: frames come, are renamed, rewritten, exchanged."""

from __future__ import annotations

import heapq
import itertools
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from book import Book
from frames import Frames, Shot
from grounds import Ground, Spell

FATES = {"keep": 12, "rename": 3, "rewrite": 2, "expose_again": 1, "exchange": 2}
"""What becomes of a frame within some seconds, relative to the others."""
FATE_S = (0.0, 30.0)
ABSENT_S, LONG_ABSENT_S = (0.0, 3.0), (4.0, 8.0)
"""How long a name is free after its frame was moved away. Without a time in EXIF only the pause tells the daemon."""
NOTICED_S = 3.5
"""Within this time a frame's absence is noticed, if all is in order with daemon and folder before and after."""
OVERDUE_S = 60.0
"""A frame that is not told of for so long holds up no others: its folder may hang, or its line may be lost."""
MOST_OVERDUE = 10
"""Times `most_waiting`: with more of these than that, none are brought; a slow machine would never get through."""


class Agenda:
    """What is to be done later.

    Parameters
    ----------
    chance : Random
        Decides when.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def __len__(self) -> int:
        return len(self._due)

    def later(self, spell: Spell, what: Callable[[], None]) -> None:
        """Have something done after a pause."""
        heapq.heappush(self._due, (time.monotonic() + self._chance.uniform(*spell), next(self._numbers), what))

    def turn(self) -> None:
        """Do what is due."""
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()


class Camera:
    """Brings frames, and does to them what people do.

    Parameters
    ----------
    away : Path
        A new folder for frames that are moved away.
    chance : Random
        Decides what is done.
    agenda : Agenda
        For what is done later.
    done : Counter
        Counts what was done.
    """

    def __init__(self, away: Path, chance: random.Random, agenda: Agenda, done: Counter[str]) -> None:
        away.mkdir()
        self._away, self._chance, self._agenda, self._done = away, chance, agenda, done
        self._numbers = itertools.count()
        self.frames, self.book = Frames(), Book()
        self.blind_until = 0.0
        """Until when no daemon looked at folders, monotonic seconds."""

    def shoot(self, ground: Ground, *, calm: bool = False) -> int:
        """Bring as many frames as a folder takes now; gives how many."""
        now = time.monotonic()
        waiting = sum(came > now - OVERDUE_S for came in ground.waiting.values())
        if ground.is_full or len(ground.waiting) > MOST_OVERDUE * ground.most_waiting:
            return 0
        if self._done[f"frames in {ground.name}"] >= ground.most:
            return 0
        count = max(0, min(ground.most_waiting - waiting, 10))
        for _ in range(count):
            path = ground.path / f"DSC{next(self._numbers):07}.ARW"
            self.bring(ground, path, self.frames.shoot(timed=self._chance.random() < 0.7))
            self._done[f"frames in {ground.name}"] += 1
            fate = self._chance.choices(list(FATES), list(FATES.values()))[0]
            if fate != "keep" and not calm:
                self._agenda.later(FATE_S, lambda path=path, fate=fate: getattr(self, fate)(ground, path))
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
        self._done["renamed"] += 1

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
        self._done["rewritten"] += 1

    def expose_again(self, ground: Ground, path: Path) -> None:
        """Write another exposure into a file: the camera's counter began again, and the copy replaced the frame."""
        self.rewrite(ground, path, again=True)

    def exchange(self, ground: Ground, path: Path) -> None:
        """Move a frame away; after some seconds another one has its name."""
        shutil.move(ground.backing / path.name, self._away / f"{next(self._numbers)}.ARW")
        timed = self.book.there[path].taken is not None
        self.book.moved(path)
        ground.waiting.pop(path, None)
        if not timed:
            since = time.monotonic() - NOTICED_S
            self._agenda.later((NOTICED_S, NOTICED_S), lambda: self._excuse(ground, path, since))
        self._agenda.later(ABSENT_S if timed else LONG_ABSENT_S, lambda: self.come_instead(ground, path, timed=timed))

    def _excuse(self, ground: Ground, path: Path, since: float) -> None:
        """Expect nothing of a daemon that could not notice that a frame was moved away."""
        if max(self.blind_until, ground.blind_until) >= since:
            self.book.unnoticed(path)
            self._done["moved away while nobody looked"] += 1

    def come_instead(self, ground: Ground, path: Path, *, timed: bool) -> None:
        if ground.is_full:
            self._agenda.later((1.0, 1.0), lambda: self.come_instead(ground, path, timed=timed))
            return
        self.bring(ground, path, self.frames.shoot(timed=timed))
        self._done["exchanged"] += 1
