"""The stage for people: the subtracted mosaic -> a small picture and crops. Its failure costs the preview, no frame."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from arwatch.errors import ArwatchError
from arwatch.output.pictures import band_means, block_of, demosaiced, stretched
from arwatch.output.previews import CROPS, LATEST, keep, preview_name, show_latest
from arwatch.sky import render_surface

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arwatch.model.frame import Frame
    from arwatch.model.job import Job
    from arwatch.process.subtract import Subtracted

LONGEST = 1600
"""Pixels along the longer edge, at most."""
CROP, GAP = 200, 4
"""Edge of each of the crops, pixels of the mosaic; and what lies between them."""
QUALITY = 85
"""Of JPEG."""
ISO, FULL = 800.0, 15_871.0
"""Light is told as if every camera gave so many ADU between black and white (14 bits), and had this sensitivity."""
BLACK, SPAN, STEEP = -30.0, 6000.0, 500.0
"""What is drawn black, how much brighter white is, and how steep the stretch is at black, in such ADU. Sky, which is 0
after the subtraction, becomes a quarter of white, and a nebula of 1 % of a suburb's sky stands out from it."""
COARSER = 4.0
"""A single pixel has so much more noise than one of the small picture: crops begin so much deeper, and less steep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """What became of a frame's preview."""

    path: Path | None = None
    """The small picture; None: there is none."""
    failure: str | None = None
    """Why it, or the picture that shows the latest frame, could not be made."""


def preview(job: Job, frame: Frame, subtracted: Subtracted) -> Previewed:
    """Make a frame's preview, if the job and its settings ask for one."""
    settings = job.settings.preview
    if job.previews is None or not settings.enabled:
        return Previewed()
    source = job.source
    path = job.previews / preview_name(source.path, source.size, source.mtime_ns)
    latest = Path(settings.latest).expanduser() if settings.latest else job.previews / LATEST
    try:
        picture = _jpeg(small(frame, subtracted, job), "4:2:0")
        parts = _jpeg(crops(frame, subtracted), "4:4:4")  # as many samples of colour as of light: stars are points
        keep(job.previews, {path.name: picture, path.stem + CROPS: parts}, settings.keep_mib)
    except ArwatchError as error:
        return Previewed(failure=f"the preview was not kept: {error}")
    except Exception as error:
        return Previewed(failure=f"the preview could not be made: {error!r}")
    try:
        show_latest(latest, picture, source.mtime_ns)
    except ArwatchError as error:
        return Previewed(path=path, failure=f"the picture of the latest frame was not renewed: {error}")
    return Previewed(path=path)


def small(frame: Frame, subtracted: Subtracted, job: Job) -> NDArray[np.uint8]:
    """Draw the whole frame, (rows, columns, 3).

    The sky's surface is taken off the blocks of pixels, which is the same as taking it off the pixels at a tenth of the
    cost: it is as good as straight within a block.
    """
    background, sky = job.settings.background, subtracted.sky
    block = block_of(frame.mosaic.shape, frame.colors, LONGEST)
    light = band_means(frame.mosaic, frame.colors, block)
    picture = np.empty((*light.shape[1:], 3), np.uint8)
    norms = background.red_norm, 1.0, background.blue_norm
    for index, (band, norm) in enumerate(zip((sky.red, sky.green, sky.blue), norms, strict=True)):
        light[index] -= render_surface(
            band.mesh, frame.mosaic.shape, sky.box_size or background.box_size, sky.model, block
        )
        picture[:, :, index] = _drawn(light[index], frame, norm)
    return picture


def crops(frame: Frame, subtracted: Subtracted) -> NDArray[np.uint8]:
    """Draw the upper corners, the centre and the lower corners side by side, pixel by pixel."""
    (ny, nx), (py, px) = frame.mosaic.shape, frame.colors.shape
    high, wide = min(CROP, ny) // py * py, min(CROP, nx) // px * px
    bottom, right = (ny - high) // py * py, (nx - wide) // px * px
    middle = bottom // 2 // py * py, right // 2 // px * px
    sheet = np.full((high, 5 * (wide + GAP) - GAP, 3), 255, np.uint8)
    for number, (y, x) in enumerate(((0, 0), (0, right), middle, (bottom, 0), (bottom, right))):
        part = subtracted.rows[y : y + high][:, x : x + wide]
        left = number * (wide + GAP)
        sheet[:, left : left + wide] = _drawn(demosaiced(part, frame.colors), frame, coarser=COARSER)
    return sheet


def _drawn(light: NDArray[np.float32], frame: Frame, norm: float = 1.0, coarser: float = 1.0) -> NDArray[np.uint8]:
    """Stretch light, ADU times `norm`, by what does not change during a night: the same light is the same grey.

    Neither the sky nor the noise of the frame itself decide: clouds would then look like a clear sky. A longer exposure
    is brighter, another ISO is not.
    """
    unit = (frame.white_level - frame.black_level) / FULL * (frame.exposure.iso or ISO) / ISO / norm
    return stretched(light, coarser * BLACK * unit, SPAN * unit, STEEP / coarser)


def _jpeg(picture: NDArray[np.uint8], subsampling: str) -> bytes:
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=QUALITY, subsampling=subsampling)
    return data.getvalue()
