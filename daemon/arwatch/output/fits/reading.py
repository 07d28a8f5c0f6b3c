"""An output read back: where it came from, its meshes, and the raw mosaic that it was made of."""

from __future__ import annotations

import errno
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias

import numpy as np
from astropy.io import fits

from arwatch.errors import ReadError
from arwatch.model.figures import KINDS, MEANINGS, Figures, Value
from arwatch.model.frame import Exposure, Frame
from arwatch.output.fits.cards import unquoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

Color: TypeAlias = Literal["red", "green", "blue"]

# What astropy and the checks here raise for files that are damaged or somebody else's.
_BROKEN = (OSError, ValueError, KeyError, TypeError, EOFError, fits.VerifyError)

# Numbers of errors that tell of the file, not of its disk: gone, another user's, a link, a socket.
_OF_THE_FILE = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO}
TABLE = "SKY"
"""Name of the table whose columns are the meshes, where they are no images of their own."""

_COLORS: tuple[Color, ...] = ("red", "green", "blue")
_FIRST_LETTERS = {"R": 0, "G": 1, "B": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What an output was made from, and how."""

    name: str
    """Of the source, without folder; other bytes than UTF-8 as `os.fsdecode` has them."""
    path: Path
    """Of the source, when the output was made."""
    size: int
    """Of the source, bytes."""
    mtime_ns: int
    """Of the source, nanoseconds since 1970."""
    fingerprint: str
    """Of the source."""
    recipe: str
    """Digest of the settings that shaped the pixels (`arwatch.process.stages.recipe`)."""
    length: int
    """Of the output, bytes."""
    figures: Figures
    """As far as the headers tell them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Band:
    """A band's sky as it was found, one value a box, ADU (see `arwatch.sky.BandModel`)."""

    mesh: NDArray[np.float64]
    rms: NDArray[np.float64]
    norm: float
    """Factor after the subtraction."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subtracted:
    """An arwatch output in memory."""

    mosaic: NDArray[np.float32]
    """(ny, nx), ADU around zero in every profile."""
    colors: NDArray[np.uint8]
    """(py, px): one period of the colour pattern from the first sample on; 0 red, 1 green, 2 blue."""
    red: Band
    green: Band
    blue: Band
    box_size: int
    """Of the meshes, pixels."""
    model: str
    """What the meshes are of: "mesh" or "smooth"."""
    facts: dict[str, str | int | float | bool]
    """The header's keywords and values."""
    comments: dict[str, str]
    """What the keywords mean, with units."""

    def surface(self, color: Color) -> NDArray[np.float32]:
        """Render a band's sky surface, (ny, nx) in ADU.

        Raises
        ------
        ValueError
            There is no such band.
        """
        if color not in _COLORS:
            raise ValueError(f"color must be one of {', '.join(_COLORS)}, not {color!r}")
        from arwatch.sky.mesh.surface import render_surface  # noqa: PLC0415 - scipy, for those who ask

        band: Band = getattr(self, color)
        return render_surface(band.mesh, self.mosaic.shape, self.box_size, self.model)

    def raw(self) -> NDArray[np.uint16]:
        """Undo the subtraction: the mosaic as the camera stored it, (ny, nx) in ADU."""
        raw = np.empty(self.mosaic.shape, np.uint16)
        for band, color in enumerate(_COLORS):
            surface, norm = self.surface(color), np.float32(getattr(self, color).norm)
            for y, x in np.argwhere(self.colors == band):
                own = (slice(y, None, self.colors.shape[0]), slice(x, None, self.colors.shape[1]))
                values = np.rint(self.mosaic[own] / norm + surface[own])
                raw[own] = np.clip(values, 0, np.iinfo(np.uint16).max)
        return raw

    def frame(self) -> Frame:
        """Undo the subtraction: the frame as far as the header tells of it."""
        facts = self.facts

        def number(keyword: str) -> float | None:
            value = facts.get(keyword)
            return float(value) if isinstance(value, int | float) else None

        iso = number("ISOSPEED")
        return Frame(
            mosaic=self.raw(),
            colors=self.colors,
            black_level=int(number("BLKLEVEL") or 0),
            white_level=int(number("WHTLEVEL") or np.iinfo(np.uint16).max),
            exposure=Exposure(
                exposure_s=number("EXPTIME"),
                iso=None if iso is None else int(iso),
                focal_length_mm=number("FOCALLEN"),
            ),
        )


def provenance(output: Path) -> Provenance | None:
    """Where an output came from; None where there is no complete output of arwatch under that name.

    Only the headers are read: they promise a length, and the file must have it.
    """
    try:
        return asked(output)
    except OSError:
        return None


def asked(output: Path) -> Provenance | None:
    """Where an output came from, as `provenance` tells it; but what fails in the disk says nothing about the file.

    Raises
    ------
    OSError
        The file system did not give the bytes.
    """
    try:
        with _regular(output) as file, warnings.catch_warnings(action="ignore"):  # damaged headers
            headers = _headers(file)
            header = headers[0]
            return Provenance(
                name=unquoted(header["SRCNAME"]),
                path=Path(unquoted(header["PATH"])),
                size=int(header["SRCSIZE"]),
                mtime_ns=int(header["SRCMTIME"]),
                fingerprint=unquoted(header.get("SRCPRINT", "")),
                recipe=str(header["RECIPE"]),
                length=os.fstat(file.fileno()).st_size,
                figures=_figures(headers),
            )
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None and error.errno not in _OF_THE_FILE:
            raise
        return None


def open(path: str | os.PathLike[str]) -> Subtracted:  # noqa: A001 - the public name is arwatch.open
    """Read an arwatch output of any profile.

    Raises
    ------
    ReadError
        The file cannot be read, or is no complete output of arwatch.
    """
    try:
        with Path(path).open("rb") as file:
            _headers(file)
            file.seek(0)
            with fits.open(file, memmap=False) as hdus:
                return _subtracted(hdus)
    except (*_BROKEN, StopIteration) as error:
        raise ReadError(f"{path} is not a complete arwatch output: {error}") from error


def restore(path: Path) -> NDArray[np.uint16]:
    """Read an output and undo its subtraction: the raw mosaic, (ny, nx) in ADU.

    Raises
    ------
    ReadError
        The file cannot be read, or is no complete output of arwatch.
    """
    return open(path).raw()


def _subtracted(hdus: fits.HDUList) -> Subtracted:
    image = next(hdu for hdu in hdus if hdu.is_image and hdu.header["NAXIS"] == 2)
    header = image.header
    scale, pedestal = np.float32(header["ADUSCALE"]), np.float32(header["PEDESTAL"])
    mosaic = image.data.astype(np.float32)
    mosaic *= scale
    mosaic += pedestal
    red, green, blue = (
        Band(
            mesh=_mesh(hdus, f"MESH_{letter}"),
            rms=_mesh(hdus, f"NOISE_{letter}"),
            norm=header[f"NORM_{letter}"],
        )
        for letter in "RGB"
    )
    cards = [card for card in header.cards if card.keyword not in ("HISTORY", "")]
    return Subtracted(
        mosaic=mosaic,
        colors=_pattern(header["BAYERPAT"]),
        red=red,
        green=green,
        blue=blue,
        box_size=header["BKGBOX"],
        model=header.get("BKGMODEL", "mesh"),
        facts={card.keyword: card.value for card in cards},
        comments={card.keyword: card.comment for card in cards},
    )


def _mesh(hdus: fits.HDUList, name: str) -> NDArray[np.float64]:
    """Read a mesh from its column of the table, or from an image of its own."""
    stored = hdus[TABLE].data[name][0] if TABLE in hdus else hdus[name].data
    mesh: NDArray[np.float64] = stored.astype(np.float64)
    return mesh


def _pattern(letters: str) -> NDArray[np.uint8]:
    edge = round(len(letters) ** 0.5)
    return np.array([_FIRST_LETTERS[letter] for letter in letters], np.uint8).reshape(edge, edge)


def _regular(path: Path) -> BinaryIO:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(f"{path} is not a file")
    return os.fdopen(fd, "rb")


def _headers(file: BinaryIO) -> list[fits.Header]:
    """Read the headers of a file that is as long as they promise."""
    if file.read(6) != b"SIMPLE":
        raise OSError("it is no FITS file")
    file.seek(0)
    headers = [fits.Header.fromfile(file)]
    for _ in range(headers[0]["NEXTEND"]):
        file.seek(headers[-1].data_size_padded, os.SEEK_CUR)
        headers.append(fits.Header.fromfile(file))
    length = os.fstat(file.fileno()).st_size
    if file.tell() + headers[-1].data_size_padded != length:
        raise EOFError(f"{length} bytes are not what the headers promise")
    return headers


def _figures(headers: list[fits.Header]) -> Figures:
    """Take what the cards tell; a card of another type than the figure's is one that somebody else wrote."""
    values: dict[str, Value] = {}
    for header in headers:
        for name, meaning in MEANINGS.items():
            if meaning.card and type(value := header.get(meaning.card)) in KINDS[name]:
                values[name] = value
    if isinstance(taken := headers[0].get("DATE-OBS"), str):
        values["taken"] = taken + ("+00:00" if headers[0].get("TIMESYS") == "UTC" else "")
    return Figures.of(values)
