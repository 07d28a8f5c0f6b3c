"""arwatch: removes the sky background from Sony ARW frames, band by band, as they arrive.

The library calls are `subtract_background` and `measure`, which finds and measures stars; `open` reads what arwatch
wrote. All are loaded when first used, so that the daemon stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Background", "BandModel", "Measured", "Subtraction", "measure", "nights", "open", "subtract_background"]

if TYPE_CHECKING:
    from arwatch.ledger.library import nights
    from arwatch.output.fits import open  # noqa: A004 -- read as arwatch.open
    from arwatch.settings import Background
    from arwatch.sky import BandModel, Subtraction, subtract_background
    from arwatch.stars import Measured, measure

_HOMES = {
    "Background": "arwatch.settings",
    "BandModel": "arwatch.sky",
    "Measured": "arwatch.stars",
    "Subtraction": "arwatch.sky",
    "measure": "arwatch.stars",
    "nights": "arwatch.ledger.library",
    "open": "arwatch.output.fits",
    "subtract_background": "arwatch.sky",
}


def __getattr__(name: str) -> object:
    """Load a public name from where it lives (PEP 562)."""
    from importlib import import_module  # noqa: PLC0415 -- only where something is loaded

    if name not in _HOMES:
        raise AttributeError(f"module 'arwatch' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Name what there is, for completion."""
    return sorted(__all__)
