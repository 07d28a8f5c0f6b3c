"""How long it takes to ask a long history: `arwatch status` and `arwatch night` with 200,000 frames in the ledger.

    python tests/bench/history.py [--frames 200000]

The ledger is written by the daemon's own class, a night of 300 frames after the other, the last one tonight. Each
command is run five times as a user runs it; the median counts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from arwatch.ledger.store import Ledger
from arwatch.model.figures import Figures
from arwatch.model.job import Look
from arwatch.stars.model import Cells
from arwatch.stars.sighting import Sighting, StarList

A_NIGHT = 300
SIGHTING = Sighting(Cells.unknown(), StarList.none((4000, 6000))).pack() + bytes(1600)
"""As large as one with 100 stars."""
WANTED_S = {"status": 0.3, "night": 1.0}


def fill(folder: Path, frames: int) -> None:
    """Write a history of nights up to now."""
    now = datetime.now(UTC) - timedelta(minutes=1)
    taken = now  # each frame is recorded when it is taken, as the daemon does it
    with closing(Ledger(folder, [Path("/night")], lambda: taken.timestamp())) as ledger, ledger.together():  # noqa: PLW0108
        for number in range(frames):
            nights_ago, later = divmod(frames - 1 - number, A_NIGHT)
            taken = now - timedelta(days=nights_ago, seconds=30 * later)
            path = Path(f"/night/{nights_ago:04}/DSC{number % 100_000:05}.ARW")
            figures = Figures(
                taken=taken.isoformat(timespec="milliseconds"), exposure_s=30.0, iso=1600, black_level=512,
                red_level=700.5, green_level=900.5, blue_level=800.5, red_noise=9.5, green_noise=12.5, blue_noise=10.5,
                red_fwhm_px=2.6, green_fwhm_px=2.5 + 0.001 * later, blue_fwhm_px=2.7, hfd_px=2.9, axis_ratio=0.95,
                angle_deg=30.0, coherence=0.3, red_stars=700, green_stars=800, blue_stars=600, concentration=0.5,
                field=f"{nights_ago:08x}", dx_px=0.1 * later, dy_px=0.0, rotation_deg=0.0, matched=100,
                transparency=1.0, effective_s=29.0, green_pixel_noise=20.0,
            )  # fmt: skip
            ledger.saw(path, live=True)
            ledger.settled(path, Look(25_000_000, 1))
            ledger.started(path, path.with_suffix(".fits"), "recipe")
            ledger.written(path, 97_000_000, figures, sighting=SIGHTING)


def seconds(*words: str) -> float:
    """Give the median time of five runs of a command."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "arwatch", *words], capture_output=True, check=False)
        times.append(time.perf_counter() - began)
        if done.returncode not in {0, 1, 3} or not done.stdout:
            raise SystemExit(done.stderr.decode())
    return statistics.median(times)


def main() -> int:
    """Print the table; exit code 1 if a command takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200_000)
    frames = parser.parse_args().frames
    with tempfile.TemporaryDirectory(dir="/dev/shm") as home:
        os.environ.update(XDG_STATE_HOME=home, ARWATCH_CONFIG=os.devnull)
        state = Path(home) / "arwatch"
        fill(state, frames)
        print(f"{frames} frames, {sum(f.stat().st_size for f in state.iterdir()) >> 20} MiB")
        found = {"status": seconds("status", home, "--json"), "night": seconds("night")}
        for name, took in found.items():
            print(f"arwatch {name:<8} {took:.2f} s (at most {WANTED_S[name]})")
    return 1 if any(took > WANTED_S[name] for name, took in found.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
