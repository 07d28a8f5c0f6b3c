"""The method by photutils and astropy, step for step: slow, and what the fast engine is compared with."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from astropy.convolution import Gaussian2DKernel, interpolate_replace_nans
from astropy.stats import SigmaClip
from astropy.utils.exceptions import AstropyUserWarning
from photutils.background import (
    Background2D,
    MeanBackground,
    MedianBackground,
    ModeEstimatorBackground,
    SExtractorBackground,
)

from arwatch.settings import Background
from arwatch.sky.inputs import BANDS, checked_mosaic, color_pattern, fewest_samples
from arwatch.sky.model import BandModel, Subtraction

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

REFERENCE_ESTIMATORS = {
    "mode": ModeEstimatorBackground,
    "median": MedianBackground,
    "mean": MeanBackground,
    "sextractor": SExtractorBackground,
}


def subtract_background_reference(
    mosaic: ArrayLike, colors: ArrayLike, settings: Background | None = None
) -> Subtraction:
    """Subtract the sky background from each band of a colour mosaic, by public library calls.

    Parameters, errors and meaning are those of `arwatch.subtract_background`; the mosaic of the result is
    float64, so that differences to it are not rounded.

    Returns
    -------
    Subtraction
        The mosaic (ny, nx), and the bands' meshes in ADU.

    Notes
    -----
    Source: `Background2D` (photutils), `interpolate_replace_nans` and `SigmaClip` (astropy).
    """
    settings = settings or Background()
    image = checked_mosaic(mosaic).astype(np.float64)
    pattern = color_pattern(colors, image.shape)
    repeats = [-(-size // period) for size, period in zip(image.shape, pattern.shape, strict=True)]
    color_map = np.tile(pattern, repeats)[: image.shape[0], : image.shape[1]]
    subtracted = image.copy()
    models: dict[str, BandModel] = {}
    norms = {"red": settings.red_norm, "green": 1.0, "blue": settings.blue_norm}
    for band, indices in BANDS.items():
        in_band = np.isin(color_map, indices)
        fraction = 1.0 if settings.fill else float(np.isin(pattern, indices).mean())
        fit = _fit(_filled(image, in_band, settings) if settings.fill else image, in_band, fraction, settings)
        subtracted[in_band] -= fit.background[in_band]
        subtracted[in_band] *= norms[band]
        models[band] = BandModel(mesh=fit.background_mesh, rms=fit.background_rms_mesh)
    return Subtraction(mosaic=subtracted, red=models["red"], green=models["green"], blue=models["blue"])


def _filled(image: NDArray[np.float64], in_band: NDArray[np.bool_], settings: Background) -> NDArray[np.float64]:
    """Return the band (ny, nx), ADU, with missing samples, also those of value 0, filled from its own samples."""
    band: NDArray[np.float64] = np.where(in_band & (image != 0), image, np.nan)
    with warnings.catch_warnings():
        # astropy warns that a hole wider than the kernel stays NaN; it is set to 0 below
        warnings.filterwarnings("ignore", "nan_treatment='interpolate'", AstropyUserWarning)
        band = interpolate_replace_nans(band, Gaussian2DKernel(x_stddev=settings.kernel_stddev))
    band[np.isnan(band)] = 0.0
    return band


def _fit(band: NDArray[np.float64], in_band: NDArray[np.bool_], fraction: float, settings: Background) -> Background2D:
    """Fit the band: from all pixels of the filled band, or (`fill = false`) from its own valid samples.

    `fraction` is the part of a box that can be samples; photutils' limit of 10 % refers to that part.
    """
    return Background2D(
        band,
        settings.box_size,
        mask=None if settings.fill else ~in_band | (band == 0),
        filter_size=settings.filter_size,
        exclude_percentile=_exclude_percentile(band.shape, settings.box_size, fraction),
        sigma_clip=SigmaClip(sigma=settings.sigma, maxiters=settings.max_iterations),
        bkg_estimator=REFERENCE_ESTIMATORS[settings.estimator](),
    )


def _exclude_percentile(shape: tuple[int, int], box_size: int, fraction: float) -> float:
    """Return photutils' default, 10 % of the samples, as a percentage that all its releases understand alike.

    A box that keeps exactly 90 % of its samples is excluded by photutils up to 3.0 and used by later releases
    (astropy/photutils pull request 2363). The percentage returned lies half a sample beside that limit, where
    no box can be. Example: with boxes of 100 x 100, 9000 samples are too few and 9001 enough; the result
    stands for 9000.5.
    """
    box = min(box_size, shape[0]), min(box_size, shape[1])
    return 100 * (1 - (fewest_samples(box, fraction) - 0.5) / (box[0] * box[1]))
