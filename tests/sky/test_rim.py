"""Dark edges are told from flat skies: how far the edges lie from the middle, against the noise of a box."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from arwatch.settings import Background
from arwatch.simulate import Dome, Lens, Scene, andromeda, render
from arwatch.sky import subtract_background
from arwatch.sky.rim import Rim, rim_of

RGGB = np.array([[0, 1], [3, 2]], np.uint8)
FLAT = Scene(height=800, width=1200, stars=0, gradient=(0, 0), vignetting=0)
SKIES = {
    "nothing but sky": (FLAT, False),
    "stars": (replace(FLAT, stars=3000), False),
    "as dense as the Milky Way": (replace(FLAT, stars=20_000), False),
    "hardly any light": (replace(FLAT, sky=(20, 30, 25)), False),
    "much light": (replace(FLAT, sky=(4000, 8000, 6000)), False),
    "M31 in a flat sky": (replace(andromeda(800, 1200), lens=None, dome=None), False),
    "a gradient of a thousandth": (replace(FLAT, gradient=(0.001, 0.001)), False),
    "a lens": (replace(FLAT, lens=Lens(rim=1.1, shift=0.8)), True),
    "a lens and stars": (replace(FLAT, lens=Lens(rim=1.3, shift=0.7), stars=3000), True),
    "corners that lose a tenth": (replace(FLAT, vignetting=0.1), True),
    "a town": (replace(FLAT, vignetting=0.2, dome=Dome(amount=(1, 1, 1), angle=90, reach=0.3)), True),
    "M31 at the edge of a town": (andromeda(800, 1200), True),
}


def rim_left(scene: Scene, **method: object) -> Rim:
    settings = Background(box_size=25, **method)
    rim = subtract_background(render(scene).mosaic, RGGB, settings).rim
    assert rim is not None
    return rim


@pytest.mark.parametrize("sky", SKIES)
def test_dark_edges_are_told_and_flat_skies_are_not(sky: str) -> None:
    scene, dark = SKIES[sky]
    rim = rim_left(scene)
    assert rim.is_dark == dark
    # far from the limit, so that it is not by luck
    assert rim.level < -2.5 * rim.noise if dark else abs(rim.level) < 0.6 * rim.noise


@pytest.mark.parametrize("seed", range(8))
def test_no_flat_sky_is_dark_by_chance(seed: int) -> None:
    assert not rim_left(replace(FLAT, seed=seed, stars=1000)).is_dark


@pytest.mark.parametrize("fill", [True, False])
def test_what_the_mesh_tells_is_what_is_left_in_the_result(fill: bool) -> None:
    shot = render(andromeda(800, 1200))
    result = subtract_background(shot.mosaic, RGGB, Background(box_size=25, fill=fill))
    green = result.mosaic[0::2, 1::2]
    ring = np.ones(green.shape, bool)
    ring[25:-25, 25:-25] = False
    middle = np.median(green[100:300, 150:450])
    assert result.rim is not None
    assert result.rim.level == pytest.approx(np.median(green[ring]) - middle, rel=0.15)


def test_a_frame_of_few_boxes_has_no_rim() -> None:
    assert subtract_background(render(FLAT).mosaic, RGGB, Background(box_size=150)).rim is None


def test_a_rim_is_told_from_noise() -> None:
    levels = np.random.default_rng(1).normal(0, 1, (40, 60))
    rim = rim_of(levels)
    assert rim is not None
    assert rim.noise == pytest.approx(1, rel=0.1)
    assert not rim.is_dark
    levels[[0, 1, -2, -1]] -= 3
    levels[:, [0, 1, -2, -1]] -= 3
    darker = rim_of(levels)
    assert darker is not None
    assert darker.is_dark
    assert darker.level == pytest.approx(-3, abs=0.3)
    assert rim_of(levels[:7]) is None


def test_boxes_that_were_not_measured_make_no_rim() -> None:
    levels = np.random.default_rng(1).normal(0, 1, (40, 60))
    levels[-1] = levels[:, -1] = np.nan
    rim = rim_of(levels)
    assert rim is not None
    assert abs(rim.level) < 0.5
    assert rim_of(np.full((40, 60), np.nan)) is None
