"""What the engine costs and how well it finds the sky.

Measures on this machine, in one run: the engine against the reference on one core; two threads against
one; 12, 24 and 61 Mpx; the settings "box 35, filter 9, kernel 2"; the greatest difference to the reference;
the peak memory of a fresh process; and level and speed of `fill = true` and `fill = false` on simulated
skies. Prints medians with the smallest and the greatest value of the repeats.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from arwatch.settings import Background
from arwatch.sky import render_surface, subtract_background, warm_up
from figures import Row, spread, table
from scenes import RGGB, SKIES, scene

DEFAULT = Background()
NARROW = Background(box_size=35, filter_size=9, kernel_stddev=2.0, red_norm=1.60, blue_norm=1.39)
SIZES = {12: (2848, 4256), 24: (4024, 6024), 61: (6336, 9504)}
"""Megapixels: (ny, nx)."""
QUICK_SIZES = {1: (824, 1236), 2: (1206, 1806), 4: (1648, 2472)}


def seconds(call, repeats: int) -> list[float]:
    """Time a call some times, in wall-clock seconds."""
    times = []
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def mosaic_of(shape: tuple[int, int]) -> np.ndarray:
    """Repeat a piece of sky until the frame is full: large scenes take long to expose."""
    piece = scene("vignetting", (min(shape[0], 1000), min(shape[1], 1500))).mosaic
    repeats = [-(-size // part) for size, part in zip(shape, piece.shape, strict=True)]
    return np.ascontiguousarray(np.tile(piece, repeats)[: shape[0], : shape[1]])


def on_one_core() -> set[int]:
    """Pin this process to the last of its cores; return those it had."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    return cores


def speed(shape: tuple[int, int], repeats: int) -> list[Row]:
    """Engine, reference and settings on one core; then threads."""
    from arwatch.sky.reference import subtract_background_reference  # noqa: PLC0415

    mosaic = mosaic_of(shape)
    size = f"{mosaic.size / 1e6:.0f} Mpx"
    cores = on_one_core()
    subtract_background(mosaic, RGGB)
    rows = []
    for name, settings, goal in (
        ("defaults", DEFAULT, "15 times; aim 30"),
        ("box 35, filter 9, kernel 2", NARROW, ""),
        ("defaults, fill = false", Background(fill=False), ""),
    ):
        # one after the other, so that whatever else the machine does meets both alike
        times, ratios, difference = [], [], 0.0
        for _ in range(max(1, repeats // 3)):
            start = time.perf_counter()
            expected = subtract_background_reference(mosaic, RGGB, settings)
            slow = time.perf_counter() - start
            fast = seconds(lambda s=settings: subtract_background(mosaic, RGGB, s), 3)
            times += fast
            ratios.append(slow / statistics.median(fast))
            found = subtract_background(mosaic, RGGB, settings)
            difference = max(difference, float(np.abs(found.mosaic - expected.mosaic).max()))
            del expected, found
        rows += [
            Row(what=f"engine, one core, {size}, {name}", value=spread(times)),
            Row(what="  the reference takes so many times as long", value=spread(ratios, ""), goal=goal),
            Row(what="  greatest difference", value=f"{difference:.4f} ADU", goal="0.02; aim 0.005"),
        ]
    ratio = side_by_side(
        lambda: subtract_background(mosaic, RGGB, NARROW),
        lambda: subtract_background(mosaic, RGGB),
        repeats,
    )
    rows.append(Row(what="box 35, filter 9, kernel 2 against defaults", value=spread(ratio, ""), goal="2; aim 1.3"))
    os.sched_setaffinity(0, cores)
    gain = side_by_side(
        lambda: subtract_background(mosaic, RGGB),
        lambda: subtract_background(mosaic, RGGB, threads=2),
        repeats,
    )
    rows.append(Row(what="two threads against one, times as fast", value=spread(gain, ""), goal="1.7; aim 1.9"))
    return rows


def side_by_side(one, other, repeats: int) -> list[float]:
    """Say how many times as long as the other one takes, each pair measured one right after the other."""
    return [seconds(one, 1)[0] / seconds(other, 1)[0] for _ in range(repeats)]


def linearity(sizes: dict[int, tuple[int, int]], repeats: int) -> list[Row]:
    """Cost a pixel, one core, from small to large, once the process has the memory (as a worker has)."""
    cores = on_one_core()
    mosaics = {size: mosaic_of(shape) for size, shape in sizes.items()}
    costs: dict[int, list[float]] = {size: [] for size in sizes}
    for mosaic in mosaics.values():
        subtract_background(mosaic, RGGB)
    for _ in range(repeats):  # all sizes in turn, so that whatever else the machine does meets all alike
        for size, mosaic in mosaics.items():
            costs[size].append(seconds(lambda m=mosaic: subtract_background(m, RGGB), 1)[0] / mosaic.size * 1e9)
    os.sched_setaffinity(0, cores)
    first = statistics.median(next(iter(costs.values())))
    return [
        Row(
            what=f"one core, {size} Mpx",
            value=f"{spread(cost, ' ns a pixel')}, {statistics.median(cost) / first - 1:+.0%}",
            goal="within 15 %",
        )
        for size, cost in costs.items()
    ]


def memory(sizes: dict[int, tuple[int, int]]) -> list[Row]:
    """Peak memory of a fresh process that holds one frame and subtracts it, in all and for the engine alone."""
    goals = {24: "500 MiB; aim 350 MiB (a worker)", 61: "1.2 GiB; aim 800 MiB (a worker)"}
    code = (
        "import re, sys, numpy as np\n"
        "from arwatch.sky import subtract_background, warm_up\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) // 1024\n"
        "warm_up(); before = peak()\n"
        "frame = np.resize(np.arange(900, 1101, dtype=np.uint16), tuple(map(int, sys.argv[1:])))\n"
        "subtract_background(frame, [[0, 1], [3, 2]], threads=2)\n"
        "print(peak(), before)\n"
    )
    rows = []
    for size, shape in sizes.items():
        command = [sys.executable, "-c", code, *map(str, shape)]
        peak, before = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        rows.append(
            Row(
                what=f"peak memory, {size} Mpx, two threads, frame and result included",
                value=f"{peak} MiB ({before} before the frame)",
                goal=goals.get(size, ""),
            )
        )
    return rows


def accuracy(shape: tuple[int, int]) -> list[Row]:
    """Compare the surfaces with skies that are known, `fill = true` beside `fill = false`."""
    rows = []
    for kind in SKIES:
        known = scene(kind, shape)
        sky = {"red": known.sky[::2, ::2], "green": known.sky[::2, 1::2], "blue": known.sky[1::2, 1::2]}
        own = {"red": np.s_[::2, ::2], "green": np.s_[::2, 1::2], "blue": np.s_[1::2, 1::2]}
        for fill in (True, False):
            settings = Background(fill=fill)
            result = subtract_background(known.mosaic, RGGB, settings)
            errors = []
            for band, level in sky.items():
                surface = render_surface(getattr(result, band).mesh, shape, settings.box_size)[own[band]]
                error = surface - level
                errors.append(f"{error.mean():+6.2f} {error.std():5.2f}")
            took = seconds(lambda m=known.mosaic, s=settings: subtract_background(m, RGGB, s), 3)
            what = f"{kind}, fill = {str(fill).lower()}"
            rows.append(Row(what=what, value=" | ".join(errors), goal=f"{statistics.median(took):.2f} s"))
    return rows


def main(*, quick: bool) -> None:
    """Measure and print everything."""
    sizes = QUICK_SIZES if quick else SIZES
    repeats = 3 if quick else 6
    warm_up()
    head = ("what", "measured: median (least to greatest)", "goal")
    print(table("Speed", head, speed(list(sizes.values())[1], repeats)), flush=True)
    print(table("From small frames to large", head, linearity(sizes, repeats)), flush=True)
    print(table("Memory", head, memory(sizes)), flush=True)
    head = ("sky", "bias and rms of the surface's error: red | green | blue, ADU", "time")
    print(table("Against known skies", head, accuracy(list(sizes.values())[1])), flush=True)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
