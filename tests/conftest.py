"""One cache of compiled kernels, no settings, no history, for the tests and their programs; a place as systemd has."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile

import pytest

from arwatch.platform import paths


def pytest_configure(config):
    os.environ["ARWATCH_CONFIG"] = os.devnull  # whatever settings this machine has
    state = tempfile.mkdtemp(prefix="arwatch-state-")
    os.environ["XDG_STATE_HOME"] = state  # not the user's own history
    config.add_cleanup(lambda: shutil.rmtree(state, ignore_errors=True))
    os.environ["NUMBA_CACHE_DIR"] = str(paths.cache_folder())
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        # else every process compiles them for itself, all at once: more than a minute on two cores
        subprocess.run(
            [sys.executable, "-c", "import arwatch.stars; from arwatch.sky import warm_up; warm_up()"], check=True
        )


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """Listen in systemd's place to what a service tells it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening
