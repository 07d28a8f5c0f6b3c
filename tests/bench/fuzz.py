"""Damage ARW files in every known way and count what the reader makes of them.

    python tests/bench/fuzz.py [--count 5000] [--seed 0]

Frames of a known sky are made in every storage form; where ARWATCH_FRAMES names a folder, its frames are damaged
too. Each damaged file goes through `tables.needed_length` and `formats.read` in a child process that may crash.

    fine        the very mosaic of the sound file: the damage did not reach the picture
    incomplete  it would be waited for
    refused     it gets a reason
    accepted    a mosaic that differs from the sound file's
    escaped     an exception that nobody expects
    crashed     the process died or hung
"""

# ruff: noqa: ARG001  every kind of damage has the same arguments
from __future__ import annotations

import argparse
import collections
import hashlib
import io
import os
import resource
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import storage
from arwatch import formats
from arwatch.errors import FrameError, IncompleteError
from arwatch.formats.arw import tables
from arwatch.simulate import Scene, render

OUTCOMES = ("fine", "incomplete", "refused", "accepted", "escaped", "crashed")
OUTSIDE_SHARE = 0.03  # frames of full size take a hundred times longer
HANG_S = 60
MEMORY = 6 << 30

Damage = Callable[[bytearray, int, int, np.random.Generator], bytearray]
"""(file, start and stop of the stored picture, chance) -> damaged file"""


@dataclass(frozen=True)
class Source:
    form: str
    path: Path
    digest: str
    start: int
    stop: int


def cut_anywhere(data: bytearray, start: int, stop: int, rng: np.random.Generator) -> bytearray:
    return data[: rng.integers(start, stop)]


def last_byte(data: bytearray, start: int, stop: int, rng: np.random.Generator) -> bytearray:
    return data[: stop - 1]


def header_only(data: bytearray, start: int, stop: int, rng: np.random.Generator) -> bytearray:
    return data[: rng.integers(0, start + 1)]


def zero_tail(data: bytearray, start: int, stop: int, rng: np.random.Generator) -> bytearray:
    at = int(rng.integers(start, stop - 4096))
    data[at:stop] = bytes(stop - at)
    return data


def zero_hole(data: bytearray, start: int, stop: int, rng: np.random.Generator) -> bytearray:
    length = int(rng.choice([4096, 4097, 5000, 8192, 16384]))
    at = int(rng.integers(start, stop - length))
    data[at : at + length] = bytes(length)
    return data


def repeated_piece(data: bytearray, start: int, stop: int, rng: np.random.Generator) -> bytearray:
    length = int(rng.choice([4096, 4097, 5000, 8192, 12288]))
    source = target = start
    while abs(source - target) < length:  # nearer, it would be a shift, in which less is repeated
        source, target = (int(rng.integers(start, stop - length)) for _ in range(2))
    if rng.random() < 0.5:  # copies go wrong by whole blocks of the disk
        source, target = source & ~511 | start & 511, target & ~511 | start & 511
    data[target : target + length] = data[source : source + length]
    return data


def noise_inside(length: int) -> Damage:
    def damage(data: bytearray, start: int, stop: int, rng: np.random.Generator) -> bytearray:
        size = min(length, (stop - start) // 2)
        at = int(rng.integers(start, stop - size))
        data[at : at + size] = rng.bytes(size)
        return data

    return damage


def header_bits(data: bytearray, start: int, stop: int, rng: np.random.Generator) -> bytearray:
    used = max(data.rfind(b"\0" * 64, 0, start), 600) if start == 4096 else start
    for _ in range(int(rng.integers(1, 9))):
        data[int(rng.integers(0, used))] ^= 1 << int(rng.integers(0, 8))
    return data


def absurd_size(data: bytearray, start: int, stop: int, rng: np.random.Generator) -> bytearray:
    raw = tables.raw_image(io.BytesIO(data), len(data))
    assert raw is not None
    for value in (raw.width, raw.height):
        for kind, size in ((b"\3\0", 2), (b"\4\0", 4)):
            entry = kind + b"\1\0\0\0" + value.to_bytes(4, "little")
            at = data.find(entry, 0, start)
            if at >= 0:
                new = int(rng.choice([1, 21, 65535, 60000, 2**size * 8 - 1, value * 2, value + 32]))
                data[at + 6 : at + 6 + size] = (new % 256**size).to_bytes(size, "little")
    return data


def garbage_after_cut(data: bytearray, start: int, stop: int, rng: np.random.Generator) -> bytearray:
    at = int(rng.integers(0, stop - 16))
    return data[:at] + rng.bytes(stop - at)


KINDS: dict[str, Damage] = {
    "cut anywhere": cut_anywhere,
    "last byte cut": last_byte,
    "header only": header_only,
    "zero tail": zero_tail,
    "zero hole": zero_hole,
    "repeated piece": repeated_piece,
    "noise 64 B": noise_inside(64),
    "noise 1 kB": noise_inside(1024),
    "noise 64 kB": noise_inside(65536),
    "header bit flips": header_bits,
    "absurd size": absurd_size,
    "garbage after cut": garbage_after_cut,
}


def digest_of(path: Path) -> str:
    frame = formats.read(path)
    return hashlib.blake2b(frame.mosaic.tobytes() + frame.colors.tobytes()).hexdigest()


def sources(folder: Path) -> Iterator[Source]:
    scenes = {
        "sky": Scene(height=256, width=384, stars=30),
        "dark": Scene(height=256, width=384, sky=(0, 0, 0), stars=0, read_noise=0.6),
        "clipped": Scene(height=256, width=384, gradient=(1.9, 0), sky=(9000, 16000, 12000)),
    }
    paths = []
    for form, encode in storage.FORMS.items():
        for name, scene in scenes.items():
            path = folder / f"{form}.{name}.ARW"
            if not path.exists():
                path.write_bytes(encode(render(scene).mosaic, scene.exposure))
            paths.append((f"{form}, {name}", path))
    outside = os.environ.get("ARWATCH_FRAMES")
    if outside:
        paths += [(path.name[:24], path) for path in sorted(Path(outside).glob("*.[aA][rR][wW]"))]
    for form, path in paths:
        with path.open("rb") as file:
            raw = tables.raw_image(file, path.stat().st_size)
        assert raw is not None
        yield Source(form, path, digest_of(path), min(raw.pieces)[0], raw.end)


def case(known: list[Source], seed: int, index: int) -> tuple[Source, str, bytes]:
    rng = np.random.default_rng((seed, index))
    small = [source for source in known if source.stop < 1_000_000]
    large = [source for source in known if source.stop >= 1_000_000]
    pool = large if large and rng.random() < OUTSIDE_SHARE else small
    source = pool[int(rng.integers(len(pool)))]
    kind = list(KINDS)[int(rng.integers(len(KINDS)))]
    return source, kind, bytes(KINDS[kind](bytearray(source.path.read_bytes()), source.start, source.stop, rng))


def outcome(path: Path, source: Source) -> str:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if tables.needed_length(file, size) > size:
                return "incomplete"
        return "fine" if digest_of(path) == source.digest else "accepted"
    except IncompleteError:
        return "incomplete"
    except FrameError:
        return "refused"


def child(folder: Path, seed: int, first: int, stop: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    known = list(sources(folder))
    path = folder / "damaged.ARW"
    for index in range(first, stop):
        source, kind, data = case(known, seed, index)
        path.write_bytes(data)
        try:
            result = outcome(path, source)
        except Exception as error:
            result = "escaped"
            print(f"case {index}: {kind}, {source.form}: {error!r}", file=sys.stderr)
        if result == "accepted" and "noise" not in kind:
            print(f"case {index}: {kind}, {source.form}: accepted", file=sys.stderr)
        print(index, result, source.form, kind, sep="\t", flush=True)


def run(folder: Path, seed: int, count: int) -> Iterator[tuple[str, str, str]]:
    known = list(sources(folder))
    first = 0
    while first < count:
        command = [sys.executable, __file__, "--child", str(folder), str(seed), str(first), str(count)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            while select.select([process.stdout], [], [], HANG_S)[0] and (line := process.stdout.readline()):
                index, result, form, kind = line.rstrip("\n").split("\t")
                first = int(index) + 1
                yield result, form, kind
            process.kill()
        if first < count:
            source, kind, _ = case(known, seed, first)
            print(f"case {first}: {kind}, {source.form}: the process died or hung", file=sys.stderr)
            yield "crashed", source.form, kind
            first += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        folder, seed, first, stop = options.child
        child(Path(folder), int(seed), int(first), int(stop))
        return
    with tempfile.TemporaryDirectory() as folder:
        results = collections.Counter(run(Path(folder), options.seed, options.count))
    print(f"{'kind of damage':18} {'storage':26}" + "".join(f"{name:>11}" for name in OUTCOMES))
    for kind in KINDS:
        for form in sorted({form for _, form, _ in results}):
            counts = [results[name, form, kind] for name in OUTCOMES]
            if any(counts):
                print(f"{kind:18} {form:26}" + "".join(f"{count or '.':>11}" for count in counts))
    totals = [sum(n for (name, _, _), n in results.items() if name == wanted) for wanted in OUTCOMES]
    print(f"{'all':45}" + "".join(f"{count:>11}" for count in totals))


if __name__ == "__main__":
    main()
