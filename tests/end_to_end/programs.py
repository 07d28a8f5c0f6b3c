"""The installed program as a process: start it, wait for what its log says, stop it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

PATIENCE_S = 150.0
ARWATCH = [sys.executable, "-m", "arwatch"]


def arwatch(*args, timeout=PATIENCE_S, **kwargs):
    """Run a command to its end."""
    return subprocess.run(
        [*ARWATCH, *map(str, args)], capture_output=True, text=True, timeout=timeout, check=False, **kwargs
    )


class Daemon:
    """A running `arwatch run`; its events are collected as they come."""

    def __init__(self, process):
        self.process = process
        self.events = []
        self.noise = []
        """What came on stderr that is no event: nothing should."""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            with self._news:
                if line.startswith("{"):
                    self.events.append(json.loads(line))
                else:
                    self.noise.append(line)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def named(self, event, **facts):
        return [e for e in list(self.events) if e["event"] == event and facts.items() <= e.items()]

    def wait_for(self, event, count=1, **facts):
        """Wait until the log has `count` such events; gives them."""
        deadline = time.monotonic() + PATIENCE_S
        with self._news:
            while len(found := self.named(event, **facts)) < count:
                left = deadline - time.monotonic()
                assert left > 0, f"no {count} {event} {facts} within {PATIENCE_S} s: {self.events}"
                assert self._reader.is_alive(), f"the daemon ended: {self.events}"
                self._news.wait(left)
        return found

    def stop(self, number=signal.SIGTERM):
        """Send a signal; gives the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        assert self.noise == [], self.noise
        return code


@contextmanager
def daemon(tmp_path, *folders, settings="", ready=True):
    """Run the daemon on folders, with a state folder of its own."""
    config = tmp_path / "arwatch.toml"
    if "[watch]" not in settings:
        settings = "[watch]\nsettle_s = 0.3\nrescan_s = 2.0\n" + settings
    config.write_text(f'{settings}\n[state]\nfolder = "{tmp_path / "state"}"\n', encoding="utf-8")
    process = subprocess.Popen(
        [*ARWATCH, "run", *map(str, folders), "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
    )
    running = Daemon(process)
    try:
        if ready:
            running.wait_for("service.ready")
        yield running
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        running._reader.join(PATIENCE_S)
        process.stderr.close()
