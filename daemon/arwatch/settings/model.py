"""What can be set: one frozen value, section by section, each key with its default and its limits."""

from __future__ import annotations

import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1024)]
Names = Annotated[tuple[str, ...], Field(strict=False)]
"""TOML has lists, values that never change are tuples."""
VARIABLES = re.compile(r"(?:^|/)\$(?:\w+|\{\w+\}|\(\w+\))(?:/|$)|%[A-Za-z_]+%")
"""`$HOME`, `${HOME}`, `%USERPROFILE%`: a shell would replace these."""


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("must be odd")
    return value


def _folder(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    if any(ord(letter) < 32 for letter in value):
        raise ValueError("holds a tab or line break: inside \"...\" a backslash has a meaning; write '...' instead")
    if VARIABLES.search(value):
        raise ValueError("variables are not replaced here: write the whole path, or begin it with ~/")
    try:
        Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError("the ~ stands for no home folder that is known here") from error
    return value


def _watched(value: str) -> str:
    if not value.strip():
        raise ValueError("an empty name is no folder: write its whole path, or folders = [] for none")
    return _folder(value)


def _part_of_a_name(value: str) -> str:
    if "/" in value or not value.isprintable():
        raise ValueError("must be the end of a file name: printable, without /")
    return value


def _ends_as_fits(value: str) -> str:
    if not value.lower().endswith((".fits", ".fit", ".fts")):
        raise ValueError("must end in .fits, .fit or .fts")
    return _part_of_a_name(value)


def _picture(value: str) -> str:
    if value and not value.lower().endswith((".jpg", ".jpeg")):
        raise ValueError("must end in .jpg")
    return _folder(value)


def _zone(value: str) -> str:
    if not value or re.fullmatch(r"[+-](0\d|1[0-5]):[0-5]\d", value):
        return value
    try:
        zoneinfo.ZoneInfo(value)
    except (ValueError, KeyError, OSError) as error:  # unknown zones are KeyErrors
        raise ValueError('must be a zone such as "Europe/Berlin" or a distance such as "+02:00"') from error
    return value


Folder = Annotated[str, AfterValidator(_folder)]
WatchedFolder = Annotated[str, AfterValidator(_watched)]


class Section(BaseModel):
    """A table of the settings file: unknown keys are errors, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Watch(Section):
    """Which folders are watched, and when a file counts as complete."""

    folders: Annotated[tuple[WatchedFolder, ...], Field(strict=False)] = ()
    patterns: Names = ("*.arw",)
    recursive: bool = False
    observer: Literal["auto", "native", "polling"] = "auto"
    settle_s: Seconds = 2.0
    give_up_s: Seconds = 600.0
    rescan_s: Annotated[float, Field(ge=0.1, le=86400, allow_inf_nan=False)] = 60.0


class Background(Section):
    """How the sky is found: by which model, and the model's parameters.

    All but `model`, `scale` and the norms belong to the model "mesh" (Background2D of photutils, a band at a time).
    """

    model: Literal["mesh", "smooth"] = "mesh"
    """A surface through the median-filtered levels of boxes, or a smooth one under all that is not sky."""
    scale: Annotated[float, Field(ge=0.1, le=1, allow_inf_nan=False)] = 0.17
    """Model "smooth": how small a structure still counts as sky, part of the frame."""
    box_size: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Edge of the square boxes, pixels."""
    filter_size: Annotated[int, Field(ge=1, le=1001), AfterValidator(_odd)] = 11
    """Edge of the mesh's median filter, boxes; odd."""
    sigma: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 5.0
    """Clipping limit, standard deviations."""
    max_iterations: Annotated[int, Field(ge=1, le=1000)] = 5
    """Clipping rounds at most."""
    estimator: Literal["mode", "median", "mean", "sextractor"] = "mode"
    """What is taken from the clipped values as a box's background."""
    kernel_stddev: Annotated[float, Field(gt=0, le=20, allow_inf_nan=False)] = 1.0
    """Standard deviation of the filling Gaussian, pixels."""
    red_norm: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 1.34
    """Factor on red after the subtraction."""
    blue_norm: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 1.25
    """Factor on blue after the subtraction."""
    fill: bool = True
    """Statistics from the filled band (the method) or from the band's own samples only."""


class Measure(Section):
    """Whether the stars of each frame are measured."""

    enabled: bool = True


class Preview(Section):
    """Whether people get a small picture of each frame, and where they see the latest one."""

    enabled: bool = True
    keep_mib: Annotated[int, Field(ge=1, le=1_000_000)] = 500
    """Previews that are kept, MiB: the oldest go first."""
    latest: Annotated[str, AfterValidator(_picture)] = ""
    """The picture that always shows the latest frame; empty: latest.jpg beside the previews."""

    @property
    def folder(self) -> str:
        """Folder of the latest picture, where the settings name one, else empty."""
        return str(Path(self.latest).parent) if self.latest else ""


class Output(Section):
    """Where a frame's FITS file goes, and in which form."""

    suffix: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_ends_as_fits)] = ".bkg_subtracted.fits"
    folder: Folder = ""
    profile: Literal["notebook", "siril"] = "notebook"
    image: Literal["primary", "extension"] | None = None
    """Which HDU holds the mosaic; None = as the profile has it."""
    values: Literal["adu", "unit"] | None = None
    """ADU around the pedestal, or the same divided by 65535; None = as the profile has it."""
    pedestal_adu: Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False)] | None = None
    """Added to every sample; None = as the profile has it."""
    compress: bool = False
    sha256: bool = False


class Workers(Section):
    """How much of the machine is used; 0 = chosen from the cores."""

    count: Count = 0
    threads: Count = 0
    timeout_s: Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)] = 120.0
    memory_mib: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    renew_after: Annotated[int, Field(ge=1, le=1_000_000)] = 500
    attempts: Annotated[int, Field(ge=1, le=100)] = 5
    retry_s: Seconds = 5.0


class Disk(Section):
    """Room that is left free on the output's file system."""

    min_free_mib: Annotated[int, Field(ge=0, le=1_000_000_000)] = 500
    warn_h: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 2.0


class Service(Section):
    """The daemon's own behaviour."""

    stop_timeout_s: Seconds = 60.0


class Log(Section):
    """The form of the log events."""

    format: Literal["auto", "console", "json"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class State(Section):
    """Where the ledger is kept, and for how long."""

    folder: Folder = ""
    keep_days: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Days after which what became of a frame is forgotten; 0 = never."""


class Camera(Section):
    """What the camera's EXIF may lack."""

    timezone: Annotated[str, AfterValidator(_zone)] = ""
    """What the camera's clock shows where EXIF has no zone: "+02:00", "Europe/Berlin"; empty = unknown."""


class Observer(Section):
    """Who."""

    name: str = ""


class Telescope(Section):
    """Through what; 0 = what EXIF knows."""

    name: str = ""
    focal_length_mm: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] = 0.0
    aperture_mm: Annotated[float, Field(ge=0, le=1e5, allow_inf_nan=False)] = 0.0
    pixel_size_um: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 0.0


class Site(Section):
    """From where."""

    name: str = ""
    latitude_deg: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude_deg: Annotated[float, Field(ge=-180, le=180)] | None = None
    elevation_m: Annotated[float, Field(ge=-500, le=9000)] | None = None


class Object(Section):
    """What."""

    name: str = ""
    image_type: Literal["LIGHT", "DARK", "FLAT", "BIAS"] = "LIGHT"


class Settings(Section):
    """Everything that can be set, section by section."""

    watch: Watch = Watch()
    background: Background = Background()
    measure: Measure = Measure()
    preview: Preview = Preview()
    output: Output = Output()
    workers: Workers = Workers()
    disk: Disk = Disk()
    service: Service = Service()
    log: Log = Log()
    state: State = State()
    camera: Camera = Camera()
    observer: Observer = Observer()
    telescope: Telescope = Telescope()
    site: Site = Site()
    object: Object = Object()
