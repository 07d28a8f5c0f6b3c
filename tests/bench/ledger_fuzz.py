"""Damage the ledger in every known way, start the daemon twice on it, and count what becomes of its frames.

    python tests/bench/ledger_fuzz.py [--corruptions 20000] [--seed 0] [--processes 1]
    python tests/bench/ledger_fuzz.py [--seed 0] --only N [--keep FOLDER]

A ledger that has frames of every fate is made by the daemon itself, which is killed in the end. For each corruption it
is copied, with or without the files that SQLite keeps beside it, and damaged; of some the daemon is made to believe
that they are too large to be looked through at a start. Then the daemon lives twice: a crash loop
shows at its second start. Each life ends by SIGTERM when its queue is empty.

    set aside   the damage was told: by ledger.set_aside or ledger.created
    repaired    nothing was told, and frames were taken up that otherwise are not
    advised     as harmless, but outputs.kept was told of outputs that were made with the settings in force
    harmless    nothing was told, and all went as with the sound ledger
    loops       a life ended with another exit code than 0, with a traceback, or not at all
    lost        frames without their one FITS, or without a failure where none can be made
    false       claims, by log or ledger, of outputs that are not there or not the frame's; records nobody can read

Exit code 1 if there is any of the last three, or if a corruption could not be tried. The same seed and number are the
same damage at the same place; only times and the folder's random name differ in what lies there.

What makes this less than a start of the installed program: each life is forked from a process that has the daemon's
modules loaded, and the worker (a real one) is started once and lent from life to life, so starting and ending workers
is not repeated. All is in /dev/shm, where fsync does nothing. The service, the process that looks at folders, the
ledger and the log are the real ones. Damage comes between lives, not while the daemon runs.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from arwatch.errors import ArwatchError
from arwatch.ledger import database
from arwatch.ledger.history import History
from arwatch.ledger.store import Ledger
from arwatch.platform import paths
from arwatch.work.local_pool import LocalPool
from ledger_damage import KINDS
from ledger_night import SOUND, UNSOUND, Night

FINE = ("set aside", "repaired", "advised", "harmless")
BAD = ("loops", "lost", "false")
LARGE_SHARE = 0.5
"""Of the ledgers that were closed, so many count as large: then the daemon looks for damage in the queue only."""
SMALL = database._SMALL
TROUBLE = {"service.failed", "watch.failed", "worker.lost", "ledger.failed"}
"""Events that no damage may cause."""


def judge(night, lives, *, large):
    """Give what is not as it must be: loops, what was lost, false claims; each a list of words.

    Nobody looks for damage everywhere in a `large` ledger: readers may be refused, and a record of long ago may name
    a frame that there never was.
    """
    events = [event for life in lives for event in life.events]
    loops = [f"life {number} ended with {life.code}" for number, life in enumerate(lives, 1) if life.code != 0]
    loops += [line for life in lives for line in life.noise]
    loops += [str(event) for event in events if event["event"] in TROUBLE or event.get("code") == "internal"]
    good = {name for name in SOUND if night.is_good(name)}
    lost = [f"{name} has no FITS" for name in SOUND if name not in good]
    lost += [f"{path.name} is nobody's" for path in night.made() - set(map(night.output, SOUND))]
    failed = {event["path"] for event in events if event["event"] == "frame.failed"}
    claims = [(told["path"], told["output"]) for told in events if told["event"] in {"frame.written", "frame.skipped"}]
    false = []
    try:
        with History(night.state) as history:
            records = {record.path: record for record in history.frames()}
            waits = history.queue()
            history.failed()
            for path in records:
                history.attempts(path)
    except ArwatchError as error:
        if large:
            failed |= {str(night.path(name)) for name in UNSOUND}  # as far as anybody knows
        else:
            false.append(f"nobody can read it: {error}")
    else:
        failed |= {str(path) for path, record in records.items() if record.state == "failed"}
        done = [record for record in records.values() if record.state in {"written", "skipped"} and not large]
        claims += [(str(record.path), str(record.output)) for record in done]
        false += [f"{entry.path.name} waits for ever" for entry in waits]
    lost += [f"{name} has no failure" for name in UNSOUND if str(night.path(name)) not in failed]
    true = {(str(night.path(name)), str(night.output(name))) for name in (*good, "gone")}
    false += [f"{path} is told to be {output}" for path, output in claims if (path, output) not in true]
    return loops, lost, false


def corrupt(night, seed, number, keep=None):
    """Give the kind of damage of a corruption, its outcome, and what is to be told of it."""
    chance = random.Random(f"{seed} {number}")
    kind = chance.choice(list(KINDS))
    told, large = [], False

    def prepare():
        nonlocal large
        how = {"closed": chance.random() < 0.5, "shm": chance.random() < 0.7}
        night.lay(**how)
        done = KINDS[kind](night.state, chance)
        large = how["closed"] and chance.random() < LARGE_SHARE
        database._SMALL = -1 if large else SMALL
        told.append(f"{number}: {kind}: {done}, {how | {'large': large}}")
        if keep:
            shutil.copytree(night.state, keep, dirs_exist_ok=True)

    lives = night.lives(prepare)
    problems = judge(night, lives, large=large)
    night.restore()
    names = {event["event"] for life in lives for event in life.events}
    told += [f"    {line:.300}" for found in problems for line in found]
    if any(problems):
        outcome = next(name for name, found in zip(BAD, problems, strict=True) if found)
    elif names & {"ledger.set_aside", "ledger.created"}:
        outcome = "set aside"
    elif lives[0].frames() != night.usual:
        outcome = "repaired"
    else:
        outcome = "advised" if "outputs.kept" in names else "harmless"
    return kind, outcome, "\n".join(told)


def worker(cache):
    """Start a worker; gives the pool that holds it, and its pipe."""
    pool = LocalPool(1, timeout_s=60.0, memory_mib=0, renew_after=10**6, cache=cache)
    while not pool.free():
        list(pool.collect())
        multiprocessing.connection.wait(pool.handles(), 1.0)
    return pool, pool.handles()[0]


def fuzz(seed, numbers, keep, results):
    """Do some corruptions in this process."""
    try:
        with tempfile.TemporaryDirectory(prefix="arwatch-ledger-", dir="/dev/shm") as folder:
            Ledger(None).close()  # the tables of a sound ledger are remembered from now on
            pool, pipe = worker(paths.cache_folder())
            night = Night(Path(folder), pipe)
            gc.disable()  # a life is too short for it
            for number in numbers:
                try:
                    results.put(corrupt(night, seed, number, keep))
                except Exception:  # a mistake here, not in arwatch: the corruption counts as not tried
                    print(number, traceback.format_exc(), file=sys.stderr, flush=True)
                    night.restore()
            pool.close()
    finally:
        results.put(None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corruptions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="N", help="try the corruption of this number alone, and tell it")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="with --only: copy the damaged ledger there")
    options = parser.parse_args()
    numbers = range(options.corruptions) if options.only is None else [options.only]
    keep = options.keep if options.only is not None else None
    fork = multiprocessing.get_context("fork")
    results = fork.SimpleQueue()
    began = time.monotonic()
    running = options.processes
    for part in range(running):
        fork.Process(target=fuzz, args=(options.seed, numbers[part::running], keep, results)).start()
    counts, done = Counter(), 0
    while running:
        if (result := results.get()) is None:
            running -= 1
            continue
        kind, outcome, told = result
        counts[kind, outcome] += 1
        done += 1
        if outcome in BAD or options.only is not None:
            print(f"{outcome}: {told}", flush=True)
        if done % 200 == 0:
            print(f"{done} of {len(numbers)} after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(f"{'':20}{'all':>8}" + "".join(f"{name:>11}" for name in FINE + BAD))
    for kind in [*KINDS, "all"]:
        found = [sum(n for (k, o), n in counts.items() if o == name and kind in {k, "all"}) for name in FINE + BAD]
        print(f"{kind:20}{sum(found):>8}" + "".join(f"{count or '.':>11}" for count in found))
    print(f"{done} corruptions of seed {options.seed}, {(time.monotonic() - began) / max(done, 1):.3f} s each")
    return int(done < len(numbers) or any(counts[kind, name] for kind in KINDS for name in BAD))


if __name__ == "__main__":
    sys.exit(main())
