"""What the headers say: the exposure, the equipment, the mosaic, the method, the source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from arwatch.model.figures import MEANINGS, Figures
from arwatch.model.times import clock_of, start_of
from arwatch.output.fits.cards import Fact, quoted, readable

if TYPE_CHECKING:
    from arwatch.model.frame import Exposure, Frame
    from arwatch.model.job import Source
    from arwatch.model.times import Clock
    from arwatch.output.fits.form import Form
    from arwatch.settings import Background, Camera, Settings
    from arwatch.sky import BandModel, Sky

_LETTERS = "RGBG"
_EPOCH_MJD = datetime(1858, 11, 17)  # noqa: DTZ001 - UTC, as everything in a header


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What an output is made from, and with which settings."""

    source: Source
    """The file that the frame was read from, as it was then."""
    fingerprint: str = ""
    """Digest by which the same content is known again."""
    sha256: str | None = None
    """Of the whole file, where the settings ask for it."""
    recipe: str
    """Digest of the settings that shaped the output (`arwatch.process.stages.recipe`)."""


def program() -> str:
    """Return name and version."""
    try:
        return f"arwatch {version('arwatch')}"
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "arwatch"


def now() -> str:
    """Return the UTC, for DATE."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def common_facts(frame: Frame, origin: Origin, settings: Settings) -> Iterator[Fact]:
    """Tell what both the primary and the image header carry."""
    yield "DATE", now(), "[UTC] when this file was written"
    yield "PATH", quoted(origin.source.path), "source frame"
    yield from _time_facts(frame.exposure, settings.camera)
    yield from _exposure_facts(frame.exposure, settings)
    yield from _place_facts(settings)
    yield from _source_facts(origin)
    yield "RECIPE", origin.recipe, "digest of all that shaped the pixels"
    yield "SWCREATE", program(), "program that wrote this file"
    yield "CREATOR", program(), "program that wrote this file"


def _time_facts(exposure: Exposure, camera: Camera) -> Iterator[Fact]:
    """Tell when the frame was exposed, and how that is known.

    Without TIMESYS all dates count as UTC. A clock of unknown zone is a free-running one, whose scale is LOCAL
    (FITS 4.0, 9.2.1 and table 30).
    """
    length = _positive(exposure.exposure_s, zero=True)
    yield "EXPTIME", length, "Exposure time (in seconds)"
    begin = start_of(exposure, camera)
    if begin is None:
        return
    known = begin.tzinfo is not None
    begin = begin.replace(tzinfo=None)
    clock = "[UTC] {}" if known else "{}, camera clock, time zone unknown"
    yield "TIMESYS", "UTC" if known else "LOCAL", "scale of the dates" if known else "the dates are the camera's clock"
    yield from _clock_facts(clock_of(exposure, camera))
    yield "DATE-OBS", _iso(begin), clock.format("start")
    yield "MJD-OBS", _mjd(begin), "[d] start, as DATE-OBS"
    if length is None:
        return
    try:
        end = begin + timedelta(seconds=length)
    except OverflowError:
        return
    yield "DATE-END", _iso(end), clock.format("end")
    yield "MJD-END", _mjd(end), "[d] end, as DATE-END"


def _clock_facts(clock: Clock) -> Iterator[Fact]:
    yield "CLKFROM", clock.known_from, "who knows the zone of the camera's clock"
    yield "CLKZONE", clock.zone.tzname(None) if clock.zone else None, "what the camera's clock showed"


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _mjd(moment: datetime) -> float:
    return (moment - _EPOCH_MJD) / timedelta(days=1)


def _positive(value: float | None, *, zero: bool = False) -> float | None:
    if value is None or not (value > 0 or (zero and value == 0)):
        return None
    return float(value)


def _exposure_facts(exposure: Exposure, settings: Settings) -> Iterator[Fact]:
    telescope = settings.telescope
    focal = telescope.focal_length_mm or _positive(exposure.focal_length_mm)
    ratio = _positive(exposure.f_number)
    aperture = telescope.aperture_mm or None
    if focal and aperture:
        ratio = focal / aperture
    elif focal and ratio:
        aperture = focal / ratio
    lens = readable(exposure.lens)
    yield "IMAGETYP", readable(settings.object.image_type), "kind of exposure"
    yield "OBJECT", readable(settings.object.name), "what was observed"
    yield "INSTRUME", readable(exposure.make, exposure.model), "camera"
    yield "TELESCOP", readable(telescope.name) or lens, "telescope or lens"
    yield "LENS", lens, "lens"
    yield "ISOSPEED", exposure.iso, "ISO sensitivity"
    yield "FOCALLEN", _rounded(focal), "[mm] focal length"
    yield "FOCRATIO", _rounded(ratio), "focal ratio"
    yield "APTDIA", _rounded(aperture), "[mm] aperture diameter"
    yield "CCD-TEMP", exposure.camera_temperature_c, "[deg C] camera temperature"
    yield "XPIXSZ", telescope.pixel_size_um or None, "[um] pixel size"
    yield "YPIXSZ", telescope.pixel_size_um or None, "[um] pixel size"
    yield "XBINNING", 1, "binning"
    yield "YBINNING", 1, "binning"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _place_facts(settings: Settings) -> Iterator[Fact]:
    yield "OBSERVER", readable(settings.observer.name), "observer"
    yield "SITENAME", readable(settings.site.name), "observing site"
    yield "SITELAT", settings.site.latitude_deg, "[deg] latitude, north positive"
    yield "SITELONG", settings.site.longitude_deg, "[deg] longitude, east positive"
    yield "SITEELEV", settings.site.elevation_m, "[m] elevation"


def _source_facts(origin: Origin) -> Iterator[Fact]:
    source = origin.source
    yield "SRCNAME", quoted(source.path.name), "source file"
    yield "SRCSIZE", source.size, "[byte] its size"
    yield "SRCMTIME", source.mtime_ns, "[ns] its modification time since 1970"
    yield "SRCDATE", _source_date(source.mtime_ns), "[UTC] its modification time"
    yield "SRCPRINT", quoted(origin.fingerprint) or None, "its fingerprint"
    yield "SRCSHA", origin.sha256, "its SHA-256"


def _source_date(mtime_ns: int) -> str | None:
    try:
        return _iso(datetime(1970, 1, 1) + timedelta(microseconds=mtime_ns // 1000))  # noqa: DTZ001 - UTC
    except OverflowError:
        return None


def mosaic_facts(frame: Frame, sky: Sky, form: Form, method: Background) -> Iterator[Fact]:
    """Tell about the pixels, for the image header.

    `SATURATE` is the lowest value that a saturated sample can have in this file.
    """
    yield "BUNIT", "" if form.unit_range else "adu", "unit of the samples"
    if form.unit_range:
        yield "DATAMIN", 0.0, "black of the range"
        yield "DATAMAX", 1.0, "white of the range"
    yield "ADUSCALE", form.scale, "ADU = value * ADUSCALE + PEDESTAL"
    yield "PEDESTAL", _whole(-form.pedestal), "[adu] to add for a sky at zero"
    yield from _pattern_facts(frame)
    tops = ((frame.white_level - band.highest) * norm for band, norm in zip(_bands(sky), _norms(method), strict=True))
    yield "SATURATE", round(form.stored(min(tops)), 6), "lowest value of a saturated sample"


def _pattern_facts(frame: Frame) -> Iterator[Fact]:
    letters = "".join(_LETTERS[color] for color in frame.colors.ravel())
    yield "BAYERPAT", letters, "colours from the first stored sample"
    yield "XBAYROFF", 0, "the pattern begins in the first column"
    yield "YBAYROFF", 0, "the pattern begins in the first row"
    yield "ROWORDER", "TOP-DOWN", "the first stored row is the top"
    yield "BLKLEVEL", frame.black_level, "[adu] the camera's black level"
    yield "WHTLEVEL", frame.white_level, "[adu] the camera's saturation level"


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _norms(method: Background) -> tuple[float, float, float]:
    return method.red_norm, 1.0, method.blue_norm


def _bands(sky: Sky) -> tuple[BandModel, BandModel, BandModel]:
    return sky.red, sky.green, sky.blue


def method_facts(sky: Sky, method: Background) -> Iterator[Fact]:
    """Tell every parameter that shaped the pixels."""
    yield "BKGBOX", sky.box_size or method.box_size, "[pixel] edge of the boxes"
    if sky.model == "mesh":
        yield "BKGFILT", method.filter_size, "[box] edge of the mesh's median filter"
        yield "BKGSIGMA", method.sigma, "clipping limit, standard deviations"
        yield "BKGITER", method.max_iterations, "clipping rounds at most"
        yield "BKGESTIM", method.estimator, "background of a box"
        yield "BKGFILL", method.fill, "missing samples filled in before"
        yield "BKGKERN", method.kernel_stddev, "[pixel] deviation of the filling Gaussian"
    if sky.quality is not None:
        yield "BKGMODEL", sky.model, "what the surface is: smooth, or mesh in its place"
        yield "BKGSCALE", method.scale, "least structure of sky, part of the frame"
        yield "BKGSURE", sky.quality.sure, "nothing speaks against the smooth surface"
    for letter, norm in zip("RGB", _norms(method), strict=True):
        yield f"NORM_{letter}", norm, "factor after the subtraction"


def figure_facts(figures: Figures) -> Iterator[Fact]:
    """Tell the figures that have a card; what was told before of the exposure stays as it is (see `header_of`)."""
    known = figures.known()
    for name, meaning in MEANINGS.items():
        if meaning.card:
            yield meaning.card, known.get(name), f"[{meaning.unit}] {meaning.text}" if meaning.unit else meaning.text


def history(sky: Sky, method: Background) -> list[str]:
    """Say what was done, for people."""
    box, size = sky.box_size or method.box_size, method.filter_size
    mesh = [
        f"sky in boxes of {box} x {box} pixels, clipped at {method.sigma:g} sigma, as {method.estimator};",
        f"meshes smoothed by a {size} x {size} median (MESH_R, MESH_G, MESH_B: ADU);",
        "spline surface through each mesh subtracted from the band's own samples;",
    ]
    smooth = [
        "a smooth surface under all that is not sky subtracted from the band's own samples:",
        "a cubic spline with the coefficients MESH_R, MESH_G, MESH_B (ADU), one for each box of",
        f"{box} x {box} pixels and for those of a ring around the frame, two boxes wide;",
    ]
    return [
        f"{program()} removed the sky background of each colour band:",
        *(smooth if sky.model == "smooth" else mesh),
        f"red then times {method.red_norm:g}, blue times {method.blue_norm:g}.",
        "raw = (value * ADUSCALE + PEDESTAL) / NORM + surface",
    ]
