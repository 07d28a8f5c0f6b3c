"""The newest frame: does the default model leave dark edges on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from arwatch import formats
from arwatch.commands.check.finding import Finding
from arwatch.errors import ArwatchError
from arwatch.formats.names import is_frame
from arwatch.platform.fs import scan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arwatch.settings import Settings


def findings(settings: Settings) -> Iterator[Finding]:
    """Let the settings work on the newest frame of the watched folders; of frames that cannot be read, others tell."""
    path = _newest(settings)
    if path is None or settings.background.model != "mesh":
        return
    from arwatch.process.subtract import figures_of  # noqa: PLC0415 -- after the cache's place is set
    from arwatch.sky import fit_sky  # noqa: PLC0415

    try:
        frame = formats.read(path)
        sky, _ = fit_sky(frame.mosaic, frame.colors, settings.background)
    except (ArwatchError, ValueError, OSError):
        return
    figures = figures_of(sky, frame.black_level)
    if figures.sky_rim is None:
        return
    if figures.dark_rim is not None:
        far = f"{path.name} gets edges {figures.dark_rim:.1f} % darker than its middle"
        yield Finding("warn", "rim", f'{far}: [background] model = "smooth" mends it; see `arwatch compare {path}`')
    else:
        yield Finding("ok", "rim", f"{path.name} gets edges as bright as its middle")


def _newest(settings: Settings) -> Path | None:
    watch, suffix = settings.watch, settings.output.suffix
    folders = [Path(name).expanduser().absolute() for name in watch.folders]
    found = (
        (look.mtime_ns, path)
        for folder in folders
        for path, look in scan(folder, lambda name: is_frame(name, watch.patterns, suffix), recursive=watch.recursive)
    )
    return max(found, default=(0, None))[1]
