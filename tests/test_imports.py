import subprocess
import sys

import arwatch
from arwatch import settings, sky
from arwatch.output import fits

HEAVY = ["astropy", "numba", "numpy", "photutils", "rawpy", "scipy", "tifffile"]


def test_the_long_lived_process_stays_light():
    program = f"import sys, arwatch.cli, arwatch.daemon.service; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_found_where_they_are_promised():
    homes = {"Background": settings, "BandModel": sky, "Subtraction": sky, "open": fits, "subtract_background": sky}
    assert set(arwatch.__all__) == set(homes)
    for name, home in homes.items():
        assert getattr(arwatch, name) is getattr(home, name)
