"""The whole subtraction, by the model that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arwatch.settings import Background
from arwatch.sky import jit
from arwatch.sky.mesh import subtract as mesh
from arwatch.sky.mesh.surface import render_surface
from arwatch.sky.mesh.tiles import TILE
from arwatch.sky.model import Subtraction
from arwatch.sky.smooth.histograms import box_levels
from arwatch.sky.threads import share

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

    from arwatch.sky.model import Sky, SkyModel, SubtractedMosaic

jit.discard_stale("arwatch.sky")


def _smooth(*args: Any, **options: Any) -> tuple[Sky, SubtractedMosaic]:
    from arwatch.sky.smooth.model import fit  # noqa: PLC0415 - parts of scipy that the method does not need

    return fit(*args, **options)


MODELS: dict[str, SkyModel] = {"mesh": mesh.fit, "smooth": _smooth}
"""Every way to find the sky, by the name that the settings have for it; the first one is the method."""


def subtract_background(
    mosaic: ArrayLike,
    colors: ArrayLike,
    settings: Background | None = None,
    *,
    black_level: float | None = None,
    white_level: float | None = None,
    threads: int = 1,
) -> Subtraction:
    """Subtract the sky background from each band of a colour mosaic.

    The key `model` of the settings says how: "mesh" takes a surface through the median-filtered levels of boxes
    (`arwatch.sky.mesh.subtract.fit`), "smooth" a smooth surface under all that is not sky
    (`arwatch.sky.smooth.model.fit`).

    Parameters
    ----------
    mosaic
        (ny, nx), ADU: real numbers. 0 means that a sample is missing. NaN and infinity are refused.
    colors
        LibRaw's colour indices, 0 red, 1 and 3 green, 2 blue: the map (ny, nx) of all pixels or one period
        of it from the first pixel on ((2, 2) for Bayer patterns, (6, 6) for X-Trans).
    settings
        The model and its parameters; their defaults if None.
    black_level, white_level
        What the camera gives without light and at most, ADU: the model "smooth" needs them, "mesh" does not.
    threads
        How many threads share the work. The result does not depend on it.

    Returns
    -------
    Subtraction
        The mosaic, float32 (ny, nx) in ADU times the normalisation, and the three bands' meshes in ADU.

    Raises
    ------
    TypeError
        The mosaic holds no real numbers, or the colours are not integers.
    ValueError
        Shapes do not fit, values are not finite, colour indices are unknown or not periodic, `threads` is
        less than 1, a level is missing that the model needs, or in some band no box keeps 90 % of its samples.
    """
    sky, rows = fit_sky(mosaic, colors, settings, black_level=black_level, white_level=white_level, threads=threads)
    subtracted = np.empty(rows.shape, np.float32)
    share(lambda group: rows.compute(group, subtracted[group]), rows.groups(0, len(rows)), threads)
    return Subtraction(
        mosaic=subtracted,
        red=sky.red,
        green=sky.green,
        blue=sky.blue,
        model=sky.model,
        box_size=sky.box_size,
        quality=sky.quality,
        rim=sky.rim,
    )


def fit_sky(
    mosaic: ArrayLike,
    colors: ArrayLike,
    settings: Background | None = None,
    *,
    black_level: float | None = None,
    white_level: float | None = None,
    threads: int = 1,
) -> tuple[Sky, SubtractedMosaic]:
    """Do as `subtract_background`, but compute the subtracted mosaic only when its rows are read.

    Parameters and errors are those of `subtract_background`. The mosaic is not copied unless it must be
    converted, so it must not be changed before the rows have been read.

    Returns
    -------
    Sky
        The three bands' meshes in ADU.
    SubtractedMosaic
        The subtracted mosaic (ny, nx), float32.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    settings = settings or Background()
    fit = MODELS[settings.model]
    return fit(mosaic, colors, settings, black_level=black_level, white_level=white_level, threads=threads)


def warm_up() -> None:
    """Compile all kernels that camera frames need, or load them from the cache, and note that the cache is complete.

    Those of other packages, such as the one that measures stars, are among them if these have been imported.
    """
    # large enough that one tile does not touch the frame's edge
    frame = np.random.default_rng(0).normal(1000, 10, (3 * TILE[0] - 100, 3 * TILE[1] - 1000)).astype(np.uint16)
    frame[20, 20] = 0
    bayer = np.array([[0, 1], [1, 2]], np.uint8)
    result = subtract_background(frame, bayer, Background(box_size=TILE[0], filter_size=3))
    subtract_background(frame[:50, :50], bayer, Background(box_size=20, fill=False))
    render_surface(result.red.mesh, frame.shape, TILE[0])
    # the smooth model's only kernel; all of the model would load parts of scipy into every worker
    box_levels(frame[:40], 0, np.array([0, 40]), bayer, (0.0, 1.0, 2000), 16000.0, np.zeros((6, 3, 1)))
    for rehearse in jit.REHEARSALS:
        rehearse()
    jit.mark_ready()


def kernels_cached() -> bool:
    """Say whether `warm_up` has ended before, with these sources and on this machine, so that it would only load."""
    return jit.is_ready()
