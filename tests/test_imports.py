import subprocess
import sys

import arwatch
from arwatch import settings, sky, stars
from arwatch.ledger import library
from arwatch.output import fits
from arwatch.simulate import Scene, camera

HEAVY = ["PIL", "astropy", "numba", "numpy", "photutils", "rawpy", "scipy", "tifffile"]


def test_the_long_lived_process_stays_light():
    program = f"import sys, arwatch.cli, arwatch.daemon.service; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_found_where_they_are_promised():
    homes = {
        "Background": settings,
        "BandModel": sky,
        "Measured": stars,
        "Subtraction": sky,
        "measure": stars,
        "nights": library,
        "open": fits,
        "subtract_background": sky,
    }
    assert set(arwatch.__all__) == set(homes)
    for name, home in homes.items():
        assert getattr(arwatch, name) is getattr(home, name)


def test_photutils_is_needed_by_the_reference_only():
    program = """if True:
        import importlib, pkgutil, sys
        sys.modules["photutils"] = None
        import arwatch
        for module in pkgutil.walk_packages(arwatch.__path__, "arwatch."):
            if module.name not in {"arwatch.__main__", "arwatch.sky.reference"}:
                importlib.import_module(module.name)
    """
    subprocess.run([sys.executable, "-c", program], check=True)


def test_verify_says_what_to_do_without_photutils(tmp_path):
    (frame,) = camera(tmp_path, frames=1, scene=Scene(height=64, width=96, stars=0))
    program = "import sys; sys.modules['photutils'] = None; from arwatch.cli import main; main(['verify', sys.argv[1]])"
    done = subprocess.run([sys.executable, "-c", program, frame], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "photutils, which is not installed here; nothing else needs it" in done.stderr
    assert "pip install photutils" in done.stderr
