"""The whole subtraction: three meshes from the mosaic's boxes, and three surfaces subtracted from its pixels.

The mosaic is processed in tiles of whole boxes, so that beside the mosaic and the result each thread needs
only a few megabytes. The result for a tile depends on its samples only, so it is the same, to the bit, for
any number of threads.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from arwatch.settings import Background
from arwatch.sky.inputs import BANDS, fewest_samples
from arwatch.sky.mesh import smoothing
from arwatch.sky.mesh.boxes import ESTIMATORS, BoxMethod, estimate_unfilled, fill_and_estimate, tile_statistics
from arwatch.sky.mesh.removal import SubtractedRows
from arwatch.sky.mesh.surface import BandSplines, spline_through
from arwatch.sky.mesh.tiles import BoxGrid, Tile
from arwatch.sky.model import BandModel, Sky
from arwatch.sky.rim import rim_of
from arwatch.sky.threads import share

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def fit(
    mosaic: ArrayLike,
    colors: ArrayLike,
    settings: Background | None = None,
    *,
    black_level: float | None = None,
    white_level: float | None = None,
    threads: int = 1,
) -> tuple[Sky, SubtractedRows]:
    """Fit the sky by the method (see `arwatch.sky.fit_sky`), which needs no levels.

    Per band: samples of the other bands and samples of value 0 are filled from the band's own (settings
    `fill`), level and noise are taken from sigma-clipped boxes, the mesh of boxes is median-filtered, and
    the spline surface through it is subtracted from the band's own pixels, which are then multiplied by
    the band's normalisation. `arwatch.sky.reference` is the same method by public library calls; its results,
    rounded to float32, are those of this function to within 0.005 ADU.

    Notes
    -----
    With `fill = false` the statistics come from the band's own samples that are not 0. A box is used if
    it keeps more than 90 % of the samples of this band that a whole box has on average.

    Where all samples of a box are equal, their standard deviation is 0, but photutils computes a tiny one from
    rounding errors. With limits below 2.5 standard deviations photutils can therefore clip such samples and
    exclude the box, which is used here.

    Source: `Background2D` (photutils), `interpolate_replace_nans` and `SigmaClip` (astropy).
    """
    del black_level, white_level
    grid = BoxGrid.of(mosaic, colors, settings or Background())
    statistics = np.full((3, 2, *grid.mesh_shape), np.nan)
    share(partial(_estimate_tile, grid, statistics), product(grid.tiles(0), grid.tiles(1)), threads)
    for band, levels in zip(BANDS, statistics[:, 0], strict=True):
        if np.isnan(levels).all():
            raise ValueError(
                f"no box of {grid.box[0]} x {grid.box[1]} pixels keeps 90 % of its {band} samples;"
                " the frame is mostly missing or clipped, or the box does not fit the pattern"
            )
    measured = statistics[1, 0].copy()
    meshes = statistics.reshape(6, *grid.mesh_shape)
    share(partial(smoothing.finish, filter_size=grid.settings.filter_size), meshes, threads)
    red, green, blue = (BandModel(mesh=level, rms=noise) for level, noise in statistics)
    splines = BandSplines.of(
        *(spline_through(level, grid.mosaic.shape, grid.settings.box_size) for level in statistics[:, 0])
    )
    rows = SubtractedRows.of(grid.mosaic, grid.pattern, grid.settings, splines)
    # at the middle of a box the surface is its value in the mesh, so this is what will be left there
    return Sky(red=red, green=green, blue=blue, rim=rim_of(measured - green.mesh)), rows


def _estimate_tile(grid: BoxGrid, statistics: NDArray[np.float64], boxes_of_tile: tuple[range, range]) -> None:
    """Estimate level and noise of one tile's boxes, in all bands, into `statistics` (3, 2, my, mx), ADU."""
    settings, filling = grid.settings, grid.filling
    box_rows, box_columns = boxes_of_tile
    tile = Tile.of(grid, box_rows, box_columns)
    found = np.empty((3, 2, len(tile.boxes.bounds)))
    method = BoxMethod(
        fewest=fewest_samples(grid.box, 1.0),
        sigma=settings.sigma,
        rounds=settings.max_iterations,
        estimator=ESTIMATORS.index(settings.estimator),
    )
    if not settings.fill:
        fewest = np.array([fewest_samples(grid.box, float(in_band.mean())) for in_band in filling.in_band])
        estimate_unfilled(tile.planes, filling.in_band, tile.boxes, fewest, method, found)
    elif tile.plain:
        fill_and_estimate(tile.planes, tile.extent, filling, tile.boxes, method, found)
    else:
        everywhere = np.ones(grid.pattern.shape, np.bool_)
        for band, (level, noise) in enumerate(found):
            tile_statistics(tile.filled(grid, band), everywhere, True, tile.boxes, method, level, noise)
    where = slice(box_rows[0], box_rows[-1] + 1), slice(box_columns[0], box_columns[-1] + 1)
    statistics[:, :, *where] = found.reshape(3, 2, len(box_rows), len(box_columns))
