"""Real and simulated raw files, if ARWATCH_FRAMES names a folder of them."""

import os
from pathlib import Path

import numpy as np
import pytest
import rawpy

from arwatch.settings import Background
from sky_support import NARROW, assert_like_reference

FRAMES = sorted(Path(os.environ.get("ARWATCH_FRAMES", "/nowhere")).glob("*.[aA][rR][wW]"))
FRAMES += sorted(Path(os.environ.get("ARWATCH_FRAMES", "/nowhere")).glob("foreign/*.nef"))
pytestmark = pytest.mark.skipif(not FRAMES, reason="ARWATCH_FRAMES names no folder of raw files")


def visible(path):
    with rawpy.imread(str(path)) as raw:
        return raw.raw_image_visible.copy(), raw.raw_colors_visible.copy()


@pytest.mark.parametrize("settings", [Background(), NARROW], ids=["default", "narrow"])
@pytest.mark.parametrize("path", FRAMES, ids=[path.stem for path in FRAMES])
def test_a_corner_of_every_frame(path, settings):
    mosaic, colors = visible(path)
    ny, nx = mosaic.shape
    corner = np.s_[max(ny - 435, 0) :, max(nx - 547, 0) :]
    assert_like_reference(mosaic[corner], colors[corner], settings, threads=2)


@pytest.mark.timeout(300)
def test_a_full_frame():
    path = max(FRAMES, key=lambda frame: frame.stat().st_size)
    mosaic, colors = visible(path)
    assert_like_reference(mosaic, colors, Background(), threads=2)
