"""All measurements with one command: python tests/bench [--quick].

Engine against photutils, known skies, the program against Siril, start, idle cost, latency and memory. Takes about
8 minutes on a machine that does nothing else; needs 5 GiB of disk, and Siril's siril-cli for the comparison.

What takes longer, or needs root, has commands of its own: soak.py (everything goes wrong while frames come, and each
output is compared with its frame), power_cuts.py (the disk as a power cut leaves it), fuzz.py (damaged frames).
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import figures
import program
from arwatch.platform.processes import WORKERS_ENVIRONMENT

parser = argparse.ArgumentParser(prog="python tests/bench", description=__doc__)
parser.add_argument("--quick", action="store_true", help="few repeats and, for the engine, small frames")
quick = parser.parse_args().quick
print(figures.machine())
with tempfile.TemporaryDirectory(prefix="arwatch-bench-") as folder:
    program.main(Path(folder), quick=quick)
# the engine, and the reference beside it, with the memory settings of a worker: the C library reads them at its start
engine = [sys.executable, str(Path(__file__).with_name("engine.py")), *sys.argv[1:]]
sys.exit(subprocess.run(engine, env=os.environ | WORKERS_ENVIRONMENT, check=False).returncode)
