"""All measurements with one command: python tests/bench [--quick].

Engine against photutils, known skies, the program against Siril, start, idle cost, latency and memory. Takes about
15 minutes on a machine that does nothing else; needs 5 GiB of disk, and Siril's siril-cli for the comparison.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import engine
import figures
import program

parser = argparse.ArgumentParser(prog="python tests/bench", description=__doc__)
parser.add_argument("--quick", action="store_true", help="few repeats and, for the engine, small frames")
quick = parser.parse_args().quick
print(figures.machine())
with tempfile.TemporaryDirectory(prefix="arwatch-bench-") as folder:
    program.main(Path(folder), quick=quick)
engine.main(quick=quick)
