"""Thousands of small frames through the daemon while it is killed again and again; then everything is counted.

    python tests/bench/soak.py --frames 10000 --seed 1 --kill-every 5

Half of the frames lie there as a card's backlog, the others come while it runs. Afterwards an undisturbed life of
a quarter as many frames tells whether memory and open files stay flat. Exit code 1 if anything is not as it must be.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from arwatch.output import fits
from arwatch.output.publish import is_temporary
from arwatch.process.run import FINGERPRINT
from arwatch.simulate import Scene, arw_bytes, render

DATA = 4096
"""Where the pixels of a simulated frame begin."""
SUFFIX = ".bkg_subtracted.fits"


class Soak:
    """A folder, and the daemon's lives on it."""

    def __init__(self, home, seed):
        self.chance = random.Random(seed)
        self.captures = home / "captures"
        self.captures.mkdir()
        self.config = home / "arwatch.toml"
        self.config.write_text(
            "[watch]\nsettle_s = 0.2\nrescan_s = 2.0\n[disk]\nmin_free_mib = 0\n"
            f'[workers]\nretry_s = 0.1\n[state]\nfolder = "{home / "state"}"\n'
        )
        self.log = home / "log"
        self.models = [bytearray(arw_bytes(render(Scene(height=64, width=96, stars=2), n).mosaic)) for n in range(8)]
        self.put = 0
        self.kills = Counter()
        self.process = None

    def shoot(self, frames):
        """Bring frames; each differs from every other in its first pixels."""
        for _ in range(frames):
            data = self.models[self.put % len(self.models)]
            struct.pack_into("<HH", data, DATA, 500 + self.put % 1000, 500 + self.put // 1000)
            hidden = self.captures / ".coming"
            hidden.write_bytes(data)
            hidden.rename(self.captures / f"DSC{self.put:06}.ARW")
            self.put += 1

    def start(self):
        with self.log.open("ab") as log:
            told = log.tell()
            command = [sys.executable, "-m", "arwatch", "run", str(self.captures), "--config", str(self.config)]
            self.process = psutil.Popen(command, stderr=log)
        while b'"service.ready"' not in self.log.read_bytes()[told:]:
            assert self.process.poll() is None, self.log.read_bytes()[told:].decode()
            time.sleep(0.1)

    def kill(self):
        """End the daemon at this very moment, or now and then one of its workers."""
        children = self.process.children(recursive=True)
        workers = [child for child in children if child.ppid() != self.process.pid]
        if workers and self.chance.random() < 0.3:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.chance.choice(workers).kill()
            self.kills["workers"] += 1
            return
        self.process.kill()
        self.process.wait()
        left = psutil.wait_procs(children, 10)[1]
        self.kills["daemon"] += 1
        self.kills["processes that outlived it"] += len(left)
        self.start()

    def outputs(self):
        return sum(name.endswith(SUFFIX) for name in os.listdir(self.captures))  # noqa: PTH208 -- ten times faster

    def run(self, frames, kill_every):
        """Bring `frames` more and wait until all that there are have an output; `kill_every` 0: undisturbed."""
        last = self.put + frames
        next_kill = time.monotonic() + kill_every
        while self.outputs() < last:
            self.shoot(min(last - self.put, 10))
            if kill_every and time.monotonic() >= next_kill:
                self.kill()
                next_kill = time.monotonic() + kill_every * self.chance.uniform(0.2, 1.8)
            time.sleep(0.1)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def state(self):
        with self.process.oneshot():
            return self.process.memory_info().rss / 2**20, self.process.num_fds()

    def peak_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def count(self):
        """Compare what is there with what must be there: all but the first two must be 0."""
        names = [path.name for path in self.captures.iterdir()]
        frames = {name for name in names if name.endswith(".ARW")}
        outputs = {name for name in names if name.endswith(SUFFIX)}
        whole = {name for name in outputs if self.is_whole(name)}
        lines = self.log.read_text().splitlines()
        noise = [line for line in lines if not line.startswith("{")]
        sys.stderr.writelines(f"{line}\n" for line in noise[:20])
        written = Counter(json.loads(line)["frame"] for line in lines if '"event": "frame.written"' in line)
        return {
            "frames": len(frames),
            "done again, in work when it was killed": sum(written.values()) - len(written),
            "lost": len(frames) - len(frames & {name.replace(SUFFIX, ".ARW") for name in whole}),
            "duplicated": len(outputs - {name.replace(".ARW", SUFFIX) for name in frames}),
            "partial": len(outputs) - len(whole),
            "temporary files left": sum(map(is_temporary, names)),
            "lines in the log that are no events": len(noise),
            "processes that outlived the daemon": self.kills["processes that outlived it"],
        }

    def is_whole(self, name):
        made = fits.provenance(self.captures / name)
        source = (self.captures / name.replace(SUFFIX, ".ARW")).read_bytes()
        return made is not None and made.fingerprint == hashlib.sha256(source).hexdigest()[:FINGERPRINT]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kill-every", type=float, default=5.0, help="seconds, on average")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="arwatch-soak-") as home:
        soak = Soak(Path(home), options.seed)
        soak.shoot(options.frames // 2)
        began = time.monotonic()
        soak.start()
        soak.run(options.frames - options.frames // 2, options.kill_every)
        seconds = time.monotonic() - began
        soak.stop()
        soak.start()
        memory, files = soak.state()
        calm = time.monotonic()
        soak.run(options.frames // 4, 0)
        calm_rate = options.frames // 4 / (time.monotonic() - calm)
        memory_end, files_end = soak.state()
        peak = soak.peak_mib()
        code = soak.stop()
        found = soak.count()
    kills = f"{soak.kills['daemon']} of the daemon, {soak.kills['workers']} of workers"
    print(f"{'kill -9':40} {kills}")
    print(f"{'frames a second, killed / undisturbed':40} {options.frames / seconds:.1f} / {calm_rate:.1f}")
    print(f"{'daemon MiB, start / end / peak':40} {memory:.1f} / {memory_end:.1f} / {peak:.1f}")
    print(f"{'open files of the daemon, start / end':40} {files} / {files_end}")
    for name, number in found.items():
        print(f"{name:40} {number}")
    return int(any(list(found.values())[2:]) or code != 0)


if __name__ == "__main__":
    sys.exit(main())
