"""The settings: one frozen value, read from TOML; every wrong key is named at once."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from arwatch.errors import SettingsError

LAYOUT = 1
"""Counts up when the same settings give other pixels or another file layout: older outputs are then renewed."""

Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1024)]
Names = Annotated[tuple[str, ...], Field(strict=False)]
"""TOML has lists, values that never change are tuples."""


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("must be odd")
    return value


def _folder(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    try:
        Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError("the ~ stands for no home folder that is known here") from error
    return value


def _part_of_a_name(value: str) -> str:
    if "/" in value or not value.isprintable():
        raise ValueError("must be the end of a file name: printable, without /")
    return value


def _ends_as_fits(value: str) -> str:
    if not value.lower().endswith((".fits", ".fit", ".fts")):
        raise ValueError("must end in .fits, .fit or .fts")
    return _part_of_a_name(value)


def _zone(value: str) -> str:
    if not value or re.fullmatch(r"[+-](0\d|1[0-5]):[0-5]\d", value):
        return value
    try:
        zoneinfo.ZoneInfo(value)
    except (ValueError, KeyError, OSError) as error:  # unknown zones are KeyErrors
        raise ValueError('must be a zone such as "Europe/Berlin" or a distance such as "+02:00"') from error
    return value


Folder = Annotated[str, AfterValidator(_folder)]


class Section(BaseModel):
    """A table of the settings file: unknown keys are errors, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Watch(Section):
    """Which folders are watched, and when a file counts as complete."""

    folders: Annotated[tuple[Folder, ...], Field(strict=False)] = ()
    patterns: Names = ("*.arw",)
    recursive: bool = False
    observer: Literal["auto", "native", "polling"] = "auto"
    settle_s: Seconds = 2.0
    give_up_s: Seconds = 600.0
    rescan_s: Annotated[float, Field(ge=0.1, le=86400, allow_inf_nan=False)] = 60.0


class Background(Section):
    """The method's parameters (Background2D of photutils, a band at a time)."""

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
    """Where the ledger is kept."""

    folder: Folder = ""


class Camera(Section):
    """What the camera's EXIF may lack."""

    timezone: Annotated[str, AfterValidator(_zone)] = ""
    """What the camera's clock shows where EXIF has no zone: "Europe/Berlin", "+02:00"; empty = unknown."""


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


def load(path: Path | None) -> Settings:
    """Read a TOML file; None gives the defaults.

    Raises
    ------
    SettingsError
        Naming every wrong key with what was expected.
    """
    if path is None:
        return Settings()
    try:
        table = tomli.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"{path}: cannot be read: {reason}") from error
    except (ValueError, RecursionError) as error:  # also numbers and tables that Python has no room for
        raise SettingsError(f"{path}: is not valid TOML: {error}") from error
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        wrong = "\n".join(f"  {_explain(item)}" for item in error.errors())
        many = "1 setting" if error.error_count() == 1 else f"{error.error_count()} settings"
        raise SettingsError(f"{path}: {many} cannot be used:\n{wrong}") from error


def recipe(settings: Settings) -> str:
    """Digest of all that shapes an output's pixels and layout; outputs of another recipe are not up to date."""
    shaping = {
        "layout": LAYOUT,
        "background": settings.background.model_dump(),
        "output": settings.output.model_dump(include={"profile", "image", "values", "pedestal_adu", "compress"}),
    }
    return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:16]


def _explain(item: Any) -> str:
    """One wrong key on one line: where it is, what it was, what was expected."""
    *where, key = (str(part) for part in item["loc"])
    section = f"[{where[0]}] " if where else ""
    if item["type"] == "extra_forbidden":
        known = _keys_of(where[0]) if where else list(Settings.model_fields)
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
        what = "no such key" if where else "no such section"
        return f"{section}{key}: {what}; {hint}" if where else f"[{key}]: {what}; {hint}"
    message = item["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    message = message.replace("valid tuple", "list of texts").replace("valid integer", "whole number")
    message = message.replace("valid string", "text").replace("valid number", "number")
    name = ".".join([*where[1:], key])
    if not where:
        return f"[{name}]: {message}"
    return f"{section}{name} = {_shown(item['input'])}: {message}"


def _keys_of(section: str) -> list[str]:
    field = Settings.model_fields.get(section)
    model = field.annotation if field else None
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:37] + "..."
