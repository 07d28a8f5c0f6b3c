"""The settings: one frozen value, read from a TOML file; every wrong key is named at once."""

from arwatch.settings.files import find
from arwatch.settings.load import load
from arwatch.settings.model import (
    Background,
    Camera,
    Disk,
    Log,
    Measure,
    Object,
    Observer,
    Output,
    Preview,
    Section,
    Service,
    Settings,
    Site,
    State,
    Telescope,
    Watch,
    Workers,
)

__all__ = [
    "Background",
    "Camera",
    "Disk",
    "Log",
    "Measure",
    "Object",
    "Observer",
    "Output",
    "Preview",
    "Section",
    "Service",
    "Settings",
    "Site",
    "State",
    "Telescope",
    "Watch",
    "Workers",
    "find",
    "load",
]
