"""What was done with frames, and which outputs there must, may and must not be in the end.

The rules are those of the manual's page of promises: each file has one output of its own; the same content under
another name is another output; a file that is rewritten in place is the same frame, unless its exposure began at
another time; an output belongs to one frame, and stays when that frame was moved away and another one has its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from frames import Made, Shot

Key = tuple[Path, str]
"""A frame's path, and the fingerprint of its content."""


class Book:
    """Frames and their outputs."""

    def __init__(self) -> None:
        self.there: dict[Path, Shot] = {}
        """The files that are there now, without their data."""
        self._told: set[Path] = set()
        self._rewritten: set[Path] = set()
        self._must_stay: set[Key] = set()
        self._may: set[Key] = set()
        self._replaced: set[Key] = set()

    def put(self, path: Path, shot: Shot) -> None:
        """A frame has come."""
        self.there[path] = Shot(b"", shot.fingerprint, shot.taken)

    def moved(self, path: Path) -> None:
        """A frame has gone; its output stays, if it was made."""
        key = path, self.there.pop(path).fingerprint
        (self._must_stay if path in self._told else self._may).add(key)
        self._told.discard(path)
        self._rewritten.add(path)

    def unnoticed(self, path: Path) -> None:
        """The daemon cannot know that a frame has gone: what comes in its place may get its output."""
        keys = {key for key in self._must_stay if key[0] == path}
        self._must_stay -= keys
        self._may |= keys

    def renamed(self, path: Path, new: Path) -> None:
        """A frame has another name now."""
        self.there[new] = self.there[path]
        self.moved(path)

    def rewritten(self, path: Path, shot: Shot) -> None:
        """A frame's file has another content."""
        before = self.there[path]
        if before.taken == shot.taken:
            self._replaced.add((path, before.fingerprint))
            del self.there[path]
        else:
            self.moved(path)
        self._rewritten.add(path)
        self.put(path, shot)

    def told(self, path: Path) -> None:
        """The daemon said that a frame's output is there; of which content is not known where that was exchanged."""
        if path in self.there and path not in self._rewritten:
            self._told.add(path)

    def untold(self) -> Iterator[Key]:
        """Give the frames whose output was not told of."""
        return ((path, shot.fingerprint) for path, shot in self.there.items() if path not in self._told)

    def compare(self, outputs: Iterable[Made]) -> tuple[dict[str, int], list[str]]:
        """Hold what was found against what must be there.

        Returns
        -------
        dict
            How many faults of each kind.
        list
            One line for each fault.
        """
        found: Counter[Key] = Counter()
        faults: list[tuple[str, object]] = []
        known = self._must_stay | self._may | self._replaced
        must = {(path, shot.fingerprint) for path, shot in self.there.items()}
        for made in outputs:
            key = made.source or Path(), made.fingerprint
            found[key] += 1
            if made.fault:
                faults.append((made.fault, made))
            elif key not in must and key not in known:
                faults.append(("wrong", made))
            elif found[key] > 1:
                faults.append(("twice", made))
        faults += [("lost", key) for key in must - found.keys()]
        faults += [("taken from a frame that was moved away", key) for key in self._must_stay - found.keys()]
        faults += [("kept though its frame was rewritten", key) for key in self._replaced & found.keys()]
        numbers = dict.fromkeys(KINDS, 0) | Counter(kind for kind, _ in faults)
        return numbers, [f"{kind}: {what}" for kind, what in faults]


KINDS = (
    "lost",
    "wrong",
    "half",
    "twice",
    "taken from a frame that was moved away",
    "kept though its frame was rewritten",
)
