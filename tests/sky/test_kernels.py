"""The parts, each against the library that defines it."""

import os
import subprocess
import sys
from pathlib import Path

import astropy
import numpy as np
import pytest
from astropy.convolution import Gaussian2DKernel
from astropy.stats import SigmaClip

from arwatch.sky.mesh.clipping import CHUNK, clipped_statistics
from arwatch.sky.mesh.filling import gaussian

ASTROPY = tuple(int(part) for part in astropy.__version__.split(".")[:3] if part.isdigit())


@pytest.mark.parametrize("stddev", [0.05, 0.125, 0.126, 0.5, 1, 1.1, 2, 3.3])
def test_the_gaussian_is_astropy_s(stddev):
    weights = gaussian(stddev)
    kernel = Gaussian2DKernel(x_stddev=stddev).array
    np.testing.assert_allclose(np.outer(weights, weights) / weights.sum() ** 2, kernel, rtol=1e-12)


def boxful(kind, n, seed=0):
    rng = np.random.default_rng(seed)
    values = {
        "normal": lambda: rng.normal(0, 1, n),
        "stars": lambda: rng.normal(0, 1, n) + (rng.random(n) < 0.1) * rng.pareto(1, n) * 5,
        "few levels": lambda: rng.integers(-2, 3, n).astype(float),
        "two levels": lambda: (rng.random(n) < 0.04) * 7.0,
        "constant": lambda: np.full(n, 3.5),
        "slope": lambda: np.linspace(-500, 700, n),
        "far away": lambda: rng.normal(1e9, 1, n),
        "one-sided": lambda: rng.exponential(1, n),
    }
    return values[kind]()


@pytest.mark.filterwarnings("ignore:Input data contains invalid values", "ignore:invalid value encountered")
@pytest.mark.parametrize("rounds", [1, 2, 5, 50])
@pytest.mark.parametrize("sigma", [0.4, 1.1, 2.0, 5.0])
@pytest.mark.parametrize(
    "kind", ["normal", "stars", "few levels", "two levels", "constant", "slope", "far away", "one-sided"]
)
def test_clipping_is_astropy_s(kind, sigma, rounds):
    for n in (1, 2, 3, 127, 128, 129, 1000):
        values = boxful(kind, n)
        clip = SigmaClip(sigma=sigma, maxiters=rounds)
        for readmits, result in ((True, clip(values, axis=0, masked=False)), (False, clip(values, masked=False))):
            left = result[np.isfinite(result)]
            scratch, chunks = np.empty(n + 1), np.empty((n // CHUNK + 1, 4))
            kept, median, mean, std = clipped_statistics(values, scratch, chunks, (sigma, rounds), readmits)
            if not kept and left.size and ASTROPY < (8, 0, 2):
                continue  # it warned, and gave back all of them where it had rejected all
            assert kept == left.size
            if kept:
                expected = np.median(left), left.mean(), left.std()
                np.testing.assert_allclose((median, mean, std), expected, rtol=1e-7, atol=1e-6)


def run(code, **environment):
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env={**os.environ, **environment}, check=True, capture_output=True, text=True
    ).stdout.split()


def test_the_cache_knows_when_it_is_complete(tmp_path):
    code = "from arwatch.sky import jit; print(jit.is_ready()); jit.mark_ready(); print(jit.is_ready())"
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path)) == ["False", "True"]
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path)) == ["True", "True"]


def test_code_of_another_version_is_removed(tmp_path):
    code = "from arwatch.sky import jit; print(jit.KERNELS[0].stats.cache_path)"
    folder = Path(run(code, NUMBA_CACHE_DIR=str(tmp_path))[0])
    kept, stale = folder / "clipping.clipped_statistics-1.py311.nbi", folder / "arwatch.sky-0123.sources"
    kept.touch()
    run(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert kept.exists()
    next(folder.glob("arwatch.sky-*.sources")).rename(stale)
    run(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert not kept.exists()
    assert not stale.exists()


def test_the_fast_path_loads_neither_photutils_nor_astropy():
    code = "import sys, arwatch.sky; print(*{name.split('.')[0] for name in sys.modules})"
    assert not {"photutils", "astropy", "rawpy", "tifffile"} & set(run(code))


def test_the_method_does_not_load_what_only_other_models_need():
    code = "import sys; from arwatch.sky import warm_up; warm_up(); print('scipy.optimize' in sys.modules)"
    assert run(code) == ["False"]


CAMERA_S_FRAMES = """
import numpy as np
from arwatch.sky import fit_sky, jit, render_surface, warm_up
from arwatch.settings import Background
warm_up()
before = [len(kernel.signatures) for kernel in jit.KERNELS]
rng = np.random.default_rng(0)
for shape, dead in (((300, 2100), 0), ((411, 3001), 3), ((90, 70), 1)):
    mosaic = rng.normal(1000, 30, shape).astype(np.uint16)
    mosaic[rng.integers(0, 70, dead), rng.integers(0, 70, dead)] = 0
    for fill in (True, False):
        for estimator in ("mode", "median", "mean", "sextractor"):
            settings = Background(box_size=100, filter_size=5, fill=fill, estimator=estimator)
            sky, rows = fit_sky(mosaic, np.array([[0, 1], [3, 2]], np.uint8), settings, threads=2)
            rows[:]
            render_surface(sky.green.mesh, shape, 100)
    smooth = Background(model="smooth", box_size=100, filter_size=5)
    sky, rows = fit_sky(mosaic, np.array([[0, 1], [3, 2]], np.uint8), smooth, black_level=512, white_level=16383)
    rows[:]
    render_surface(sky.green.mesh, shape, sky.box_size or 100, sky.model)
print(before == [len(kernel.signatures) for kernel in jit.KERNELS], max(before))
"""


def test_nothing_is_compiled_while_a_frame_waits():
    assert run(CAMERA_S_FRAMES) == ["True", "1"]
