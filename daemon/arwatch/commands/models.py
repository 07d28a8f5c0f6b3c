"""The models of the sky on one frame: what each takes off and leaves, small enough to be looked at."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arwatch.commands.pictures import Panel, binned, shared_stretch
from arwatch.platform import machine, paths
from arwatch.sky.inputs import BANDS
from arwatch.sky.rim import rim_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from arwatch.model.frame import Frame
    from arwatch.settings import Background
    from arwatch.sky.model import Quality
    from arwatch.sky.rim import Rim

BOXES, SMALLEST = 60, 16
"""What is left is measured in so many boxes along the longer edge, if these have so many pixels along theirs."""
NOISES = 5.0
"""So many deviations above the middle, a box shows an object."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """What a model makes of a frame. Light is in parts of the band's sky, as the method measures it."""

    asked: str
    """The model of the settings."""
    used: str
    """The model whose surface was subtracted: another one where the one asked for failed."""
    quality: Quality | None
    """Of a smooth surface."""
    surface: NDArray[np.float64]
    """(rows, columns, 3): what was taken for sky, without the black level."""
    left: NDArray[np.float64]
    """(rows, columns, 3): the frame without it, before the normalisation of the bands."""
    rim: Rim | None
    """What is left at the edges of green; None: the frame is too small to say."""
    objects: float
    """Mean light of what is brighter than the sky in green, part of the sky: galaxies, nebulae, but no stars."""
    seconds: float
    """To find the sky and subtract it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """A frame as the camera took it, and what the models make of it."""

    before: NDArray[np.float64]
    """(rows, columns, 3): without the black level, in parts of the band's sky."""
    results: tuple[Result, ...]
    """One for each model, in the order of `arwatch.sky.MODELS`."""


def seen(frame: Frame, settings: Background, width: int) -> Seen:
    """Let all models work on a frame; the pictures are `width` columns wide at most.

    Raises
    ------
    ValueError
        The sky cannot be measured.
    """
    os.environ.setdefault("NUMBA_CACHE_DIR", str(paths.cache_folder()))
    from arwatch.sky import MODELS, subtract_background, warm_up  # noqa: PLC0415 -- after the cache's place is set

    warm_up()
    raw = binned(frame.mosaic, frame.colors, width)
    norms = np.array((settings.red_norm, 1.0, settings.blue_norm))
    before, sky = raw - frame.black_level, np.ones(3)
    results: list[Result] = []
    for model in MODELS:
        began = time.perf_counter()
        found = subtract_background(
            frame.mosaic,
            frame.colors,
            settings.model_copy(update={"model": model}),
            black_level=frame.black_level,
            white_level=frame.white_level,
            threads=machine.cores(),
        )
        seconds = time.perf_counter() - began
        if not results:  # the first model is the method: all light is told in parts of its sky
            bands = (found.red, found.green, found.blue)
            sky = np.array([max(band.level - frame.black_level, 1.0) for band in bands])
        left = binned(found.mosaic, frame.colors, width) / norms
        levels = _green_levels(found.mosaic, frame.colors) / sky[1]
        results.append(
            Result(
                asked=model,
                used=found.model,
                quality=found.quality,
                surface=(before - left) / sky,
                left=left / sky,
                rim=rim_of(levels),
                objects=_objects(levels),
                seconds=seconds,
            )
        )
    return Seen(before=before / sky, results=tuple(results))


def triple(seen: Seen) -> list[Panel]:
    """Put the frame as it was beside what the models left of it, these in one stretch."""
    black, white = np.percentile(seen.before.mean(-1), (0.2, 99.3))
    before = Panel("the frame", seen.before, float(black), 1.1 * max(float(white - black), 1e-3), linear=True)
    return [before, *left_of(seen.results)]


def left_of(results: Sequence[Result]) -> list[Panel]:
    """Draw what the models left, all in one stretch."""
    black, span = shared_stretch(*(result.left for result in results))
    return [Panel(title_of(result), result.left, black, span) for result in results]


def title_of(result: Result) -> str:
    """Name a model as the settings do, and say where another one took its place."""
    failed = "" if result.used == result.asked else f" failed, {result.used} in its place"
    return f'model = "{result.asked}"{failed}'


def _green_levels(mosaic: NDArray[np.floating], colors: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the median of the green samples in boxes of a frame, (my, mx); incomplete boxes are left out."""
    green = np.isin(colors, BANDS["green"])
    (ny, nx), (py, px) = mosaic.shape, colors.shape
    periods = max(SMALLEST, max(ny, nx) // BOXES) // max(py, px)
    high, wide = periods * py, periods * px
    inside = np.tile(green, (periods, periods))
    boxes = mosaic[: ny // high * high, : nx // wide * wide].reshape(ny // high, high, nx // wide, wide)
    return np.array([np.median(row.transpose(1, 0, 2)[:, inside], axis=1) for row in boxes], np.float64)


def _objects(levels: NDArray[np.float64]) -> float:
    """Return the mean light of boxes that are brighter than the middle of all by more than noise."""
    middle = np.median(levels)
    noise = 1.4826 * np.median(np.abs(levels - middle))
    return float(np.where(levels - middle > NOISES * noise, levels - middle, 0.0).mean())
