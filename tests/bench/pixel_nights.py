"""Nights as pixels, through the real program, and whether their causes are told: python tests/bench/pixel_nights.py.

Each night is simulated frame by frame (`arwatch simulate --night`), processed by `arwatch process`, and read back from
`arwatch night --json`; what that tells is held against the truth as in nights.py. A night of 80 frames takes about half
a minute.

Seeds below 100 were looked at while the simulator was written.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from arwatch.simulate.nights import KINDS, TRUTH, night, take_night

WITHIN = 3
"""Frames by which an onset may be off."""
LEAST_MOON = 0.35
"""A Moon that brightens the sky by less need not be told."""
HIDDEN_BY = {"clouds", "dew", "obstruction", "twilight", "defocus"}
"""After which there may be too few stars: no verdict is no false alarm then."""


@dataclass(frozen=True)
class Told:
    """A condition, by the indices of its frames."""

    cause: str
    first: int
    last: int
    evidence: str


def program(*args: object, state: Path) -> str:
    """Run arwatch with a history of its own; give its output."""
    done = subprocess.run(
        [sys.executable, "-m", "arwatch", *map(str, args)],
        env=os.environ | {"XDG_STATE_HOME": str(state)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"arwatch {args[0]}: {done.stderr}{done.stdout}")
    return done.stdout


def lived(folder: Path, seed: int, frames: int, kinds: list[str] | None) -> tuple[dict, dict]:
    """Simulate a night, process it; give its truth and what is told of it."""
    captures, settings = folder / "captures", folder / "arwatch.toml"
    for _ in take_night(captures, night(seed, frames=frames, kinds=kinds), truth=True):
        pass
    truth = json.loads((captures / TRUTH).read_text())
    place = "".join(f"{key} = {value}\n" for key, value in truth["site"].items())
    settings.write_text(f"[site]\n{place}[workers]\ncount = 1\n")
    program("process", captures, "--config", settings, state=folder)
    return truth, json.loads(program("night", "--json", "--config", settings, state=folder))


def conditions(found: dict) -> list[Told]:
    """Read the conditions of a night's JSON."""
    begins = [frame["when"] for frame in found["frames"]]
    told = []
    for condition in found["conditions"]:
        first = begins.index(condition["onset"])
        last = len(begins) - 1
        if condition["end"] is not None:
            last = max(i for i, begin in enumerate(begins) if begin < condition["end"])
        told.append(Told(condition["cause"], first, last, condition["evidence"]))
    return told


def compare(truth: dict, told: list[Told]) -> tuple[list, list, list[Told]]:
    """Hold what is told against the truth: onsets that are right, those that are not, alarms about nothing."""
    names = [frame["frame"] for frame in truth["frames"]]
    events = []
    for event in truth["events"]:
        onset, noticeable = names.index(event["onset"]), names.index(event["noticeable"])
        end = len(names) if event["end"] is None else names.index(event["end"])
        events.append((event["cause"], onset, noticeable, end))
    hit, missed = [], []
    for event in events:
        cause, onset, noticeable, _ = event
        if cause == "moon" and not _is_bright(truth, onset):
            continue
        firsts = [condition.first for condition in told if condition.cause == cause]
        off = min((max(onset - first, first - noticeable, 0) for first in firsts), default=None)
        (hit if off is not None and off <= WITHIN else missed).append((event, off))
    false = [
        condition
        for condition in told
        if not any(_explains(event, condition) for event in events)
    ]  # fmt: skip
    return hit, missed, false


def _explains(event: tuple[str, int, int, int], condition: Told) -> bool:
    cause, onset, _, end = event
    if condition.cause == "no_verdict":
        return cause in HIDDEN_BY and onset - WITHIN <= condition.first <= end
    return condition.cause == cause and condition.first <= end + WITHIN and condition.last >= onset - WITHIN


def _is_bright(truth: dict, onset: int) -> bool:
    sky = [frame["sky_adu_s"]["green"] for frame in truth["frames"]]
    return sky[-1] > (1 + LEAST_MOON) * sky[onset]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=100, help="seed of the first night")
    parser.add_argument("--nights", type=int, default=10)
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--events", help=f"of each night, separated by commas: {', '.join(KINDS)}; else by chance")
    parser.add_argument("--keep", type=Path, help="folder for the truth and the history of each night")
    options = parser.parse_args()
    found, missed, false = Counter(), Counter(), Counter()
    kinds = None if options.events is None else [kind for kind in options.events.split(",") if kind]
    for seed in range(options.first, options.first + options.nights):
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="arwatch-nights-") as folder:
            truth, shown = lived(Path(folder), seed, options.frames, kinds)
            if options.keep:
                kept = options.keep / f"{seed}-{'-'.join(kinds) if kinds else 'any'}"
                shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("*.ARW", "*.fits"), dirs_exist_ok=True)
        told = conditions(shown)
        hit, miss, wrong = compare(truth, told)
        found.update(event[0] for event, _ in hit)
        missed.update(event[0] for event, _ in miss)
        false.update(condition.cause for condition in wrong)
        print(f"night {seed} ({time.perf_counter() - began:.0f} s): " + _said(hit, miss), flush=True)
        for condition in told:
            mark = " FALSE" if condition in wrong else ""
            print(f"    {condition.first}-{condition.last} {condition.cause}{mark}: {condition.evidence}", flush=True)
    print("| cause | right onset | missed | false alarms |\n|---|---|---|---|")
    for cause in sorted(found | missed | false):
        print(f"| {cause} | {found[cause]} | {missed[cause]} | {false[cause]} |")
    total = found.total() + missed.total()
    print(f"{found.total()} of {total} onsets within {WITHIN} frames; {false.total()} false alarms")
    return 0 if found.total() >= 0.95 * total and false.total() <= options.nights / 10 else 1


def _said(hit: list, missed: list) -> str:
    right = [f"{cause} {onset}/{shows}-{end} off by {off}" for (cause, onset, shows, end), off in hit]
    wrong = [f"{cause} {onset}/{shows}-{end} MISSED (off by {off})" for (cause, onset, shows, end), off in missed]
    return ", ".join([*right, *wrong]) or "quiet"


if __name__ == "__main__":
    sys.exit(main())
