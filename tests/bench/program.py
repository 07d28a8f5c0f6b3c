"""The program as a whole: a backlog against Siril, the daemon's idle cost, start, latency and memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from arwatch.simulate import Scene, camera
from end_to_end.programs import ARWATCH, daemon
from figures import Row, spread, table

if TYPE_CHECKING:
    from collections.abc import Iterator

MPX = {12: (2848, 4272), 24: (4024, 6024), 61: (6336, 9504)}
SIRIL = "requires 1.0.0\nconvertraw light\nseqsubsky light 1\n"


def take(folder: Path, frames: int, mpx: int) -> list[Path]:
    """Simulated frames of a size, in a folder."""
    height, width = MPX[mpx]
    return list(camera(folder, frames=frames, scene=Scene(height=height, width=width)))


def backlog(scratch: Path, frames: int, repeats: int) -> dict[str, list[float]]:
    """Seconds a frame for `arwatch process` and for siril-cli on copies of the same 24-Mpx frames, in turn."""
    originals = take(scratch / "originals", frames, 24)
    seconds: dict[str, list[float]] = {"arwatch process": [], "siril-cli": []}
    for _ in range(repeats):
        for name, times in seconds.items():
            if name == "siril-cli" and not shutil.which("siril-cli"):
                continue
            copies = scratch / "copies"
            copies.mkdir()
            for path in originals:
                shutil.copy(path, copies)
            os.sync()
            began = time.perf_counter()
            if name == "siril-cli":
                subprocess.run(
                    ["siril-cli", "-d", str(copies), "-s", "-"], input=SIRIL, text=True, check=True, capture_output=True
                )
                outputs = list(copies.glob("bkg_light_*.fit"))
            else:
                subprocess.run([*ARWATCH, "process", str(copies)], check=True, capture_output=True)
                outputs = list(copies.glob("*.bkg_subtracted.fits"))
            times.append((time.perf_counter() - began) / frames)
            assert len(outputs) == frames, f"{name} wrote {len(outputs)} of {frames}"
            shutil.rmtree(copies)
    return seconds


def starts(scratch: Path, repeats: int) -> list[float]:
    """Seconds from the command to `service.ready`, the kernels being cached."""
    times = []
    for number in range(repeats):
        home = scratch / f"start{number}"
        (home / "night").mkdir(parents=True)
        began = time.perf_counter()
        with daemon(home, home / "night"):
            times.append(time.perf_counter() - began)
    return times


def idle(scratch: Path, spell_s: float) -> tuple[float, float]:
    """Per cent of a core, and MiB, of the daemon's own process while nothing happens."""
    home = scratch / "idle"
    (home / "night").mkdir(parents=True)
    settings = "[watch]\nsettle_s = 2.0\nrescan_s = 60.0\n"
    with daemon(home, home / "night", settings=settings) as running:
        process = psutil.Process(running.process.pid)
        before = sum(process.cpu_times()[:2])
        time.sleep(spell_s)
        used = sum(process.cpu_times()[:2]) - before
        return 100 * used / spell_s, process.memory_info().rss / 2**20


def latency_and_memory(scratch: Path, mpx: int, repeats: int) -> tuple[list[float], float]:
    """Seconds from complete file to visible FITS beyond settle_s, and the worker's peak MiB, a frame at a time."""
    home = scratch / f"latency{mpx}"
    frames = take(home / "camera", repeats, mpx)
    night = home / "night"
    night.mkdir()
    settle_s, times = 0.5, []
    settings = f"[watch]\nsettle_s = {settle_s}\n[workers]\ncount = 1\n"
    with daemon(home, night, settings=settings) as running:
        for path in frames:
            output = night / f"{path.stem}.bkg_subtracted.fits"
            began = time.perf_counter()
            path.rename(night / path.name)
            while not output.exists():
                time.sleep(0.002)
            times.append(time.perf_counter() - began - settle_s)
            running.wait_for("frame.written", frame=path.name)
            output.unlink()
        workers = psutil.Process(running.process.pid).children(recursive=True)
        peak = max(_peak_mib(worker.pid) for worker in workers)
    return times, peak


def _peak_mib(pid: int) -> float:
    with Path(f"/proc/{pid}/status").open() as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def main(scratch: Path, *, quick: bool) -> None:
    """Measure and print everything."""
    head = ("what", "measured: median (least to greatest)", "goal")
    print(table("The program", head, list(rows(scratch, quick=quick))), flush=True)


def rows(scratch: Path, *, quick: bool) -> Iterator[Row]:
    """Measure one thing after the other."""
    frames, repeats, times_each = (4, 1, 3) if quick else (12, 3, 7)
    seconds = backlog(scratch, frames, repeats)
    for name, times in seconds.items():
        if times:
            yield Row(what=f"{name}, {frames} frames of 24 Mpx, a frame", value=spread(times))
    if all(seconds.values()):
        ratios = [siril / ours for ours, siril in zip(*seconds.values(), strict=True)]
        yield Row(what="Siril's time over arwatch's", value=spread(ratios, ""), goal="1 (1.5)")
    yield Row(what="start to ready, cached kernels", value=spread(starts(scratch, times_each)), goal="3 s (1.5 s)")
    cpu, mib = idle(scratch, 20.0 if quick else 60.0)
    value = f"{cpu:.2f} % of a core, {mib:.0f} MiB"
    yield Row(what="daemon process, idle", value=value, goal="1 %, 100 MiB (0.2 %, 60 MiB)")
    for mpx, most in ((24, "500 MiB (350 MiB)"), (61, "1229 MiB (800 MiB)")):
        times, peak = latency_and_memory(scratch, mpx, times_each)
        goal = "2 s (1 s)" if mpx == 24 else ""
        yield Row(what=f"complete file to visible FITS, {mpx} Mpx", value=spread(times), goal=goal)
        yield Row(what=f"worker's peak memory, {mpx} Mpx", value=f"{peak:.0f} MiB", goal=most)
