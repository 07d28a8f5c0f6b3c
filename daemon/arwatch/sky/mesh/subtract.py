"""The whole subtraction: three meshes from the frame's boxes, three surfaces off the frame's pixels.

The frame is worked off in tiles of whole boxes, so that beside the frame and the result only a few
megabytes a thread are in use. What happens to a tile depends on nothing but the tile: the result is the
same, to the bit, for any number of threads.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from arwatch.settings import Background
from arwatch.sky import jit
from arwatch.sky.inputs import BANDS, fewest_samples
from arwatch.sky.mesh import boxes, smoothing
from arwatch.sky.mesh.removal import SubtractedRows
from arwatch.sky.mesh.surface import render_surface
from arwatch.sky.mesh.tiles import TILE, Frame, Tile
from arwatch.sky.model import BandModel, Sky, Subtraction
from arwatch.sky.threads import share

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

jit.discard_stale()


def subtract_background(
    mosaic: ArrayLike, colors: ArrayLike, settings: Background | None = None, *, threads: int = 1
) -> Subtraction:
    """Subtract the sky background from each band of a colour mosaic.

    Per band: samples of the other bands and samples of value 0 are filled from the band's own (settings
    `fill`), level and noise are taken from sigma-clipped boxes, the mesh of boxes is median-filtered, and
    the spline surface through it is subtracted from the band's own pixels, which are then multiplied by
    the band's normalisation. `arwatch.sky.reference` is the same method by public library calls;
    of its results these are those, rounded to float32.

    Parameters
    ----------
    mosaic
        (ny, nx), ADU: real numbers. 0 means that a sample is
        missing. NaN and infinity are refused.
    colors
        LibRaw's colour indices, 0 red, 1 and 3 green, 2 blue: the map (ny, nx) of all pixels or one period
        of it from the first pixel on ((2, 2) for Bayer patterns, (6, 6) for X-Trans).
    settings
        The method's parameters; their defaults if None.
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
        less than 1, or in some band no box keeps 90 % of its samples.

    Notes
    -----
    With `fill = false` the statistics come from the band's own samples that are not 0. A box is used if
    it keeps more than 90 % of the samples of this band that a whole box has on average.

    Where a box's samples are all equal, the library clips what its own sums leave of rounding; limits
    below 2.5 standard deviations can then exclude boxes there that are used here.

    Source: `Background2D` (photutils), `interpolate_replace_nans` and `SigmaClip` (astropy).
    """
    sky, rows = fit_sky(mosaic, colors, settings, threads=threads)
    subtracted = np.empty(rows.shape, np.float32)
    share(lambda group: rows.compute(group, subtracted[group]), rows.groups(0, len(rows)), threads)
    return Subtraction(mosaic=subtracted, red=sky.red, green=sky.green, blue=sky.blue)


def fit_sky(
    mosaic: ArrayLike, colors: ArrayLike, settings: Background | None = None, *, threads: int = 1
) -> tuple[Sky, SubtractedRows]:
    """Do as `subtract_background`, but compute the subtracted mosaic only when its rows are read.

    The mosaic is not copied where it need not be converted: it must stay as it is until then.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    frame = Frame.of(mosaic, colors, settings or Background())
    raw = np.full((3, 2, *frame.mesh_shape), np.nan)
    share(partial(_measure, frame, raw), product(frame.tiles(0), frame.tiles(1)), threads)
    for band, levels in zip(BANDS, raw[:, 0], strict=True):
        if np.isnan(levels).all():
            raise ValueError(
                f"no box of {frame.box[0]} x {frame.box[1]} pixels keeps 90 % of its {band} samples;"
                " the frame is mostly missing or clipped, or the box does not fit the pattern"
            )
    share(partial(smoothing.finish, filter_size=frame.settings.filter_size), raw.reshape(6, *frame.mesh_shape), threads)
    red, green, blue = (BandModel(mesh=level, rms=noise) for level, noise in raw)
    return Sky(red=red, green=green, blue=blue), SubtractedRows.of(frame, list(raw[:, 0]))


def _measure(frame: Frame, raw: NDArray[np.float64], boxes_of_tile: tuple[range, range]) -> None:
    """Estimate the boxes of one tile, in all bands, into `raw` (3, 2, my, mx)."""
    settings, filling = frame.settings, frame.filling
    box_rows, box_columns = boxes_of_tile
    tile = Tile.of(frame, box_rows, box_columns)
    last = box_rows[-1] + 1 == frame.mesh_shape[0] and box_columns[-1] + 1 == frame.mesh_shape[1]
    corner = last and all(n % edge for n, edge in zip(frame.mosaic.shape, frame.box, strict=True))
    place = tile.origin, corner, tile.boxes
    method = (settings.sigma, settings.max_iterations), boxes.ESTIMATORS.index(settings.estimator)
    found = np.empty((3, 2, len(tile.boxes)))
    if settings.fill and tile.plain:
        boxes.plain_tile_statistics(
            tile.planes, tile.extent, filling.own, filling.weights, filling.scale, *place,
            fewest_samples(frame.box, 1.0), *method, found,
        )  # fmt: skip
    else:
        for band, (level, noise) in enumerate(found):
            if settings.fill:
                values, used, part = tile.filled(frame, band), np.ones_like(filling.own[band]), 1.0
            else:
                values, used, part = tile.planes, filling.own[band], float(filling.own[band].mean())
            fewest = fewest_samples(frame.box, part)
            boxes.tile_statistics(values, used, settings.fill, *place, fewest, *method, level, noise)
    where = slice(box_rows[0], box_rows[-1] + 1), slice(box_columns[0], box_columns[-1] + 1)
    raw[:, :, *where] = found.reshape(3, 2, len(box_rows), len(box_columns))


def warm_up() -> None:
    """Compile all kernels that camera frames need, or load them from the cache."""
    # large enough for a tile without an edge
    frame = np.random.default_rng(0).normal(1000, 10, (3 * TILE[0] - 100, 3 * TILE[1] - 1000)).astype(np.uint16)
    frame[20, 20] = 0
    result = subtract_background(frame, [[0, 1], [1, 2]], Background(box_size=TILE[0], filter_size=3))
    subtract_background(frame[:50, :50], [[0, 1], [1, 2]], Background(box_size=20, fill=False))
    render_surface(result.red.mesh, frame.shape, TILE[0])
    jit.mark_ready()


def kernels_cached() -> bool:
    """Say whether `warm_up` would only load: it ended before with these sources, on this machine."""
    return jit.is_ready()
