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
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from arwatch.model.figures import Figures
    from arwatch.model.frame import Frame
    from arwatch.output.fits.facts import Origin
    from arwatch.settings import Settings
    from arwatch.sky import Rows, Sky

_MESHES = 6  # level and noise of three bands

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
        *facts.method_facts(sky, method),
        *facts.figure_facts(figures),
    ]
    history = facts.history(sky, method)
    extensions = 1 if form.table else _MESHES
    with published(output, within=within, new=new) as file:
        if not form.primary:
            write_hdu(file, header_of([*structure(None, extensions=1 + extensions), *common], history))
            image.insert(0, ("EXTNAME", "MOSAIC", "sky-subtracted colour mosaic"))
        if settings.output.compress:
            _write_compressed(file, form.store(mosaic[:]), header_of(image, history))
        else:
            cards = [*structure(mosaic, extensions=extensions if form.primary else None), *image]
            write_hdu(file, header_of(cards, history), mosaic, form.store)
        if form.table:
            _write_table(file, sky)
        else:
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
    """Append an image extension for each mesh."""
    for name, what, mesh in _meshes(sky):
        cards: list[Fact] = [
            *structure(mesh),
            ("EXTNAME", name, f"{what}, one value a box"),
            ("BUNIT", "adu", "unit of the samples"),
        ]
        write_hdu(file, header_of(cards), mesh)


def _write_table(file: BinaryIO, sky: Sky) -> None:
    """Append all meshes as columns of one table, since Siril complains of every image beside the first one."""
    columns = [
        fits.Column(name, f"{mesh.size}D", unit="adu", dim=f"({mesh.shape[1]},{mesh.shape[0]})", array=mesh[np.newaxis])
        for name, _, mesh in _meshes(sky)
    ]
    _append(file, fits.BinTableHDU.from_columns(columns, name=reading.TABLE))


def _meshes(sky: Sky) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    for letter, band in zip("RGB", (sky.red, sky.green, sky.blue), strict=True):
        yield f"MESH_{letter}", "sky level", band.mesh
        yield f"NOISE_{letter}", "sky noise", band.rms


def _write_compressed(file: BinaryIO, mosaic: NDArray[np.float32], header: fits.Header) -> None:
    """Lossless: GZIP_2 sorts the bytes of floats by their weight; astropy compresses in memory."""
    _append(file, fits.CompImageHDU(mosaic, header, compression_type="GZIP_2", quantize_level=0.0))


def _append(file: BinaryIO, extension: fits.CompImageHDU | fits.BinTableHDU) -> None:
    memory = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), extension]).writeto(memory, checksum=True)
    file.write(memory.getbuffer()[BLOCK:])  # without the empty primary HDU
