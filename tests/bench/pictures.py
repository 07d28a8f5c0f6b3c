"""The pictures of README and manual: `python tests/bench/pictures.py` makes them anew in .readme/.

They are what `arwatch demo --size 4024x6024` shows, and what `scale` does, of simulated frames.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import sky_scenes
from arwatch import simulate
from arwatch.commands import models, pictures
from arwatch.commands.pictures import Panel
from arwatch.model.frame import Frame
from arwatch.settings import Background
from arwatch.sky import subtract_background
from sky_scenes import BLACK, COLOR, PATTERN, WHITE

FOLDER = Path(__file__).parents[2] / ".readme"
SMALL = 230
"""Columns of a panel of the scales."""
SCALES = (0.1, 0.17, 0.5)
LEVEL = 500.0
"""Of the green sky, ADU."""


def before_mesh_smooth(path: Path) -> None:
    """Draw a frame of 24 megapixels, and what each model leaves of it."""
    shot = simulate.render(simulate.andromeda())
    frame = Frame(mosaic=shot.mosaic, colors=PATTERN, black_level=int(BLACK), white_level=int(WHITE))
    pictures.save(path, [models.triple(models.seen(frame, Background(), 400))])


def nebula(camera: sky_scenes.Camera) -> tuple[np.ndarray, np.ndarray]:
    """Give an even sky, and a nebula over a third of the frame before it, no brighter than a tenth of it, ADU."""
    u, v = camera.x / 36, camera.y / 36
    cloud = np.exp(0.4 * camera.fractal(4.0) - ((u + 0.06) ** 2 + (1.3 * (v - 0.02)) ** 2) / 0.3**2)
    return LEVEL * camera.own(COLOR), 0.08 * LEVEL * cloud * camera.own(COLOR * [1.3, 1.0, 0.9])


def airglow(camera: sky_scenes.Camera) -> tuple[np.ndarray, np.ndarray]:
    """Give a sky with bands of airglow, mostly green and red as oxygen has it, ADU."""
    u, v = camera.x / 36, camera.y / 36
    bands = np.sin(2 * np.pi * (0.5 * u + 1.2 * v + 0.03 * camera.fractal(4.5)) / 0.6)
    glow = camera.own(COLOR) + bands * camera.own(COLOR * [0.045, 0.05, 0.025])
    return LEVEL * glow, np.zeros_like(glow)


def scales(path: Path) -> None:
    """Draw what the smooth model leaves of two skies, by its scale."""
    rows = []
    for sky_of, seed in ((nebula, 3), (airglow, 5)):
        rng = np.random.default_rng(seed)
        camera = sky_scenes.Camera(rng, (1340, 2008), 135.0, np.radians(60))
        sky, objects = sky_of(camera)
        stars = camera.stars(3000, 40.0, 1e5) * camera.own(COLOR)
        light = (sky + objects + stars) * camera.lens
        mosaic = np.clip(rng.poisson(light * 0.6) / 0.6 + rng.normal(0, 3, light.shape) + BLACK, 1, WHITE)
        rows.append(_by_scale(sky_of.__name__, np.rint(mosaic).astype(np.uint16)))
    pictures.save(path, rows)


def _by_scale(name: str, mosaic: np.ndarray) -> list[Panel]:
    """Draw a frame, and what is left of it by each scale, in one stretch."""
    levels = {"black_level": BLACK, "white_level": WHITE}
    before = pictures.binned(mosaic, PATTERN, SMALL) - BLACK
    sky = np.median(before, (0, 1))
    left = []
    for scale in SCALES:
        method = Background(model="smooth", scale=scale, red_norm=1.0, blue_norm=1.0)
        found = subtract_background(mosaic, PATTERN, method, **levels)
        left.append(pictures.binned(found.mosaic, PATTERN, SMALL) / sky)
    black, white = np.percentile((before / sky).mean(-1), (0.5, 99))
    stretch = pictures.shared_stretch(*left)
    titles = [f"scale = {scale}" for scale in SCALES]
    return [
        Panel(name, before / sky, float(black), 1.2 * float(white - black), linear=True),
        *(Panel(title, light, *stretch) for title, light in zip(titles, left, strict=True)),
    ]


def main() -> None:
    """Make both pictures."""
    FOLDER.mkdir(exist_ok=True)
    for name, draw in (("before_mesh_smooth.jpg", before_mesh_smooth), ("scale.jpg", scales)):
        (FOLDER / name).unlink(missing_ok=True)
        draw(FOLDER / name)
        print(f"{FOLDER / name}: {(FOLDER / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
