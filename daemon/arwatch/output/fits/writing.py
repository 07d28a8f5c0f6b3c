"""Sky and subtracted mosaic -> FITS file, published atomically."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from astropy.io import fits

from arwatch.output.fits import facts, reading
from arwatch.output.fits.cards import Fact, header_of
from arwatch.output.fits.form import form_of
from arwatch.output.fits.hdu import BLOCK, structure, write_hdu
from arwatch.output.publish import published

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arwatch.model.figures import Figures
    from arwatch.model.frame import Frame
    from arwatch.output.fits.facts import Origin
    from arwatch.settings import Settings
    from arwatch.sky import Rows, Sky

_MESHES = 6  # extensions: level and noise of three bands

# What an output says about its pixels, and not about the frame.
_NOT_OF_THE_RAW = re.compile(
    "SIMPLE|XTENSION|BITPIX|NAXIS.*|N?EXTEND|[PG]COUNT|EXTNAME|LONGSTRN|DATE|BUNIT|DATAM..|ADUSCALE|PEDESTAL"
    "|SATURATE|BKG.*|NORM_.|RECIPE|SWCREATE|CREATOR|DATASUM|CHECKSUM"
)


def write(
    output: Path,
    frame: Frame,
    sky: Sky,
    mosaic: Rows,
    *,
    origin: Origin,
    figures: Figures,
    settings: Settings,
    within: Path | None = None,
    new: bool = False,
) -> int:
    """Write a subtracted frame; it appears complete under its name, or not at all.

    Parameters
    ----------
    output
        The file; replaced where it exists, unless `new`. With `settings.output.compress` its name ends in `.fits.fz`.
    frame
        As it was read.
    sky
        What was subtracted from it.
    mosaic
        (ny, nx), ADU: what is left. Rows are read in groups, from the first to the last.
    origin
        What the frame was read from, and the digest of what shaped the output.
    figures
        What is known of the frame: those that have a keyword become cards.
    settings
        `[output]` gives the form, the other sections cards.
    within
        The folder that the output may not leave, whatever symbolic links say (see `published`).
    new
        Replace nothing.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    NameTakenError
        With `new`, a file of that name came meanwhile.
    NoSpaceError, WriteError
        The file system refused; no temporary file is left.
    """
    form = form_of(settings.output, mosaic, frame.colors.shape)
    common = list(facts.common_facts(frame, origin, settings))
    method = settings.background
    image = [
        *common,
        *facts.mosaic_facts(frame, sky, form, method),
        *facts.method_facts(method),
        *facts.figure_facts(figures),
    ]
    history = facts.history(method)
    with published(output, within=within, new=new) as file:
        if not form.primary:
            write_hdu(file, header_of([*structure(None, extensions=1 + _MESHES), *common], history))
            image.insert(0, ("EXTNAME", "MOSAIC", "sky-subtracted colour mosaic"))
        if settings.output.compress:
            _write_compressed(file, form.store(mosaic[:]), header_of(image, history))
        else:
            cards = [*structure(mosaic, extensions=_MESHES if form.primary else None), *image]
            write_hdu(file, header_of(cards, history), mosaic, form.store)
        _write_meshes(file, sky)
        return file.tell()


def restore_file(path: Path, output: Path) -> int:
    """Write the raw mosaic of an arwatch output as a FITS file of its own (uint16, primary HDU).

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    ReadError, NoSpaceError, WriteError
    """
    subtracted = reading.open(path)
    signed = (subtracted.raw() ^ 0x8000).view(np.int16)  # FITS has no unsigned integers: BZERO
    cards: list[Fact] = [
        *structure(signed, extensions=0),
        ("BZERO", 32768, "unsigned samples"),
        ("BSCALE", 1, ""),
        ("DATE", facts.now(), "[UTC] when this file was written"),
        *(
            (keyword, value, subtracted.comments[keyword])
            for keyword, value in subtracted.facts.items()
            if not _NOT_OF_THE_RAW.fullmatch(keyword)
        ),
        ("BUNIT", "adu", "unit of the samples"),
        ("SWCREATE", facts.program(), "program that wrote this file"),
    ]
    with published(output) as file:
        write_hdu(file, header_of(cards, [f"raw mosaic restored by {facts.program()}"]), signed)
        return file.tell()


def _write_meshes(file: BinaryIO, sky: Sky) -> None:
    for letter, band in zip("RGB", (sky.red, sky.green, sky.blue), strict=True):
        for name, what, array in (("MESH", "sky level", band.mesh), ("NOISE", "sky noise", band.rms)):
            cards: list[Fact] = [
                *structure(array),
                ("EXTNAME", f"{name}_{letter}", f"{what}, one value a box"),
                ("BUNIT", "adu", "unit of the samples"),
            ]
            write_hdu(file, header_of(cards), array)


def _write_compressed(file: BinaryIO, mosaic: NDArray[np.float32], header: fits.Header) -> None:
    """Lossless: GZIP_2 sorts the bytes of floats by their weight; astropy compresses in memory."""
    hdu = fits.CompImageHDU(mosaic, header, compression_type="GZIP_2", quantize_level=0.0)
    memory = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(memory, checksum=True)
    file.write(memory.getbuffer()[BLOCK:])  # without its own empty primary HDU
