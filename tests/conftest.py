"""One cache of compiled kernels, and no settings, for the tests and the programs that they start."""

import os
import subprocess
import sys

from arwatch.platform import paths


def pytest_configure(config):
    os.environ["ARWATCH_CONFIG"] = os.devnull  # whatever settings this machine has
    os.environ["NUMBA_CACHE_DIR"] = str(paths.cache_folder())
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        # else every process compiles them for itself, all at once: more than a minute on two cores
        subprocess.run([sys.executable, "-c", "from arwatch.sky import warm_up; warm_up()"], check=True)
