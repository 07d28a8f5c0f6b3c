"""Pictures for people: mosaics beside each other, small, in colour, stretched so that faint sky shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from arwatch.output.pictures import band_means, block_of, stretched

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

GAP, TITLE = 8, 26
"""Pixels between panels, and of the line above each."""
QUALITY = 90
"""Of JPEG: stars stay without rings."""
STEEP = 8.0
"""Of the stretch asinh(STEEP x): the lowest tenth of the span takes three tenths of the grey levels."""


class Panel(NamedTuple):
    """One picture of several."""

    title: str
    light: NDArray[np.float64]
    """(rows, columns, 3), in parts of each band's sky, so that a sky of any colour is grey."""
    black: float
    span: float
    """What is drawn black, and how much brighter white is."""
    linear: bool = False
    """Whether grey levels are even; else faint light gets most of them."""


def binned(mosaic: NDArray[np.generic], colors: NDArray[np.uint8], width: int) -> NDArray[np.float64]:
    """Return the mean of each band, (rows, columns, 3), over blocks of whole periods; no edge is longer than `width`.

    Parameters
    ----------
    mosaic
        (ny, nx).
    colors
        (py, px): one period of LibRaw's colour indices from the first pixel on.
    width
        Pixels along the longer edge.
    """
    means = band_means(mosaic, colors, block_of(mosaic.shape, colors, width))
    return np.moveaxis(means, 0, -1).astype(np.float64)


def shared_stretch(*lights: NDArray[np.float64]) -> tuple[float, float]:
    """Return black and span in which the darkest parts of all the pictures show, and so do faint objects."""
    middle = float(np.median([np.median(light) for light in lights]))
    noise = max(float(np.percentile(light, 50) - np.percentile(light, 16)) for light in lights)
    darkest = min(float(np.percentile(light.mean(-1), 1)) for light in lights)
    dark = max(middle - darkest, 2 * noise, 1e-3)
    return middle - 1.4 * dark, 14 * dark


def save(path: Path, rows: Sequence[Sequence[Panel]]) -> None:
    """Write rows of panels of one size as a picture; the name's ending says of which kind (.png, .jpg).

    Raises
    ------
    FileExistsError
        There is a file of this name: nothing is replaced.
    """
    height, width, _ = rows[0][0].light.shape
    size = (len(rows[0]) * (width + GAP) - GAP, len(rows) * (height + TITLE + GAP) - GAP)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for y, row in enumerate(rows):
        for x, panel in enumerate(row):
            corner = (x * (width + GAP), y * (height + TITLE + GAP))
            draw.text((corner[0] + 2, corner[1] + 4), panel.title, "black", font)
            sheet.paste(Image.fromarray(_drawn(panel)), (corner[0], corner[1] + TITLE))
    with path.open("xb") as file:
        # as many samples of colour as of light: stars are points
        sheet.save(file, "PNG" if path.suffix.lower() == ".png" else "JPEG", quality=QUALITY, subsampling=0)


def _drawn(panel: Panel) -> NDArray[np.uint8]:
    if not panel.linear:
        return stretched(panel.light, panel.black, panel.span, STEEP)
    return np.asarray(np.rint(255 * np.clip((panel.light - panel.black) / panel.span, 0.0, 1.0)), np.uint8)
