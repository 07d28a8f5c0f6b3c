"""The commands: arguments in, exit code out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arwatch import __version__
from arwatch.commands import about, frames, services
from arwatch.commands.mistakes import Commands
from arwatch.commands.options import CONFIG, Moment, Size, in_force
from arwatch.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.daemon.service import Service
    from arwatch.daemon.signals import Signals
    from arwatch.settings import Settings

PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))


SIZE = Size()


def _load_ahead() -> None:
    """Begin with what takes longest: the workers' libraries are loaded while the command looks at its arguments."""
    from arwatch.platform import paths, processes

    processes.load_ahead(paths.cache_folder())


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, "-V", "-v", "--version", prog_name="arwatch")
def main() -> None:
    """Watch for Sony ARW frames and remove their sky background, band by band.

    \b
    Try it without a camera:   arwatch demo
    Watch a folder:            arwatch run ~/captures
    Process a finished night:  arwatch process ~/captures/2026-11-21
    """


RECURSIVE = click.option("--recursive", "-r", is_flag=True, help="Subfolders, too, whatever the settings say.")


@main.command(short_help="Watch folders; frames become FITS files.")
@click.argument("folders", nargs=-1)  # no click.Path: it would ask a share that may not answer
@CONFIG
@RECURSIVE
@click.option("--since", type=Moment(), help="Leave older frames alone: 20:30, yesterday, 2h, '2026-11-21 20:30'.")
@click.option("--new-only", is_flag=True, help="Leave frames alone that are there already.")
def run(folders: Sequence[str], config: Path | None, since: float | None, *, recursive: bool, new_only: bool) -> None:
    """Watch FOLDERS until SIGTERM or Ctrl-C; frames become FITS files beside them.

    Frames that are there already and have no output are processed, too, except
    with --since or --new-only. Without FOLDERS, those of the settings are
    watched.

    Outputs that are missing are made. Those made with other settings are kept
    (`arwatch process` renews them). An output belongs to one frame: another
    frame's output, or a file that is not arwatch's, is never replaced unasked;
    the new output gets a name of its own, and the log says so.

    \b
    Example: arwatch run ~/captures --new-only
    """
    from arwatch.daemon.signals import Signals
    from arwatch.platform.processes import end_all

    with Signals() as signals:  # from before the first process is started: whatever the moment, a signal ends all
        try:
            service, code = _run(folders, config, signals, recursive=recursive, since=since, new_only=new_only)
        finally:
            held = end_all(END_S)
    if service.left_behind or held:  # a usual exit would wait for what a file system holds
        os._exit(code)
    sys.exit(code)


END_S = 2.0
"""How long the end of the daemon waits for processes that it has killed."""


def _run(
    folders: Sequence[str],
    config: Path | None,
    signals: Signals,
    *,
    recursive: bool,
    since: float | None,
    new_only: bool,
) -> tuple[Service, int]:
    _load_ahead()
    from arwatch.daemon.first_scan import Backlog
    from arwatch.daemon.service import Service
    from arwatch.settings import find, load
    from arwatch.telling.log import Log

    path = find(config)
    changed: dict[str, object] = (
        {"folders": tuple(str(Path(folder).absolute()) for folder in folders)} if folders else {}
    )
    changed |= {"recursive": True} if recursive else {}

    def read() -> Settings:
        settings = load(path)
        settings = settings.model_copy(update={"watch": settings.watch.model_copy(update=changed)})
        if not settings.watch.folders:
            place = path or "~/.config/arwatch/arwatch.toml (`arwatch config` prints one to begin with)"
            raise SettingsError(f"no folder to watch: name one, as in `arwatch run ~/captures`, or in {place}")
        return settings

    settings = read()
    backlog = Backlog(since_ns=int(since * 1e9) if since else 0, new_only=new_only)
    service = Service(settings, read, Log(settings.log), signals, source=path, backlog=backlog)
    return service, service.run()


@main.command(short_help="Process files and folders once.")
@PATHS
@CONFIG
@RECURSIVE
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="Folder for the FITS files.")
@click.option("--force", is_flag=True, help="Process also where the output is up to date.")
@click.option("--profile", type=click.Choice(["notebook", "siril"]), help="Form of the FITS files.")
@click.option("--keep", is_flag=True, help="Keep outputs that were made with other settings.")
@click.option("--overwrite", is_flag=True, help="Replace also files that are not the frame's own output.")
def process(paths: Sequence[Path], config: Path | None, output: Path | None, profile: str | None, **how: bool) -> None:
    """Process files and folders once; exit code 1 if any frame failed.

    Outputs that are missing are made. Those made with other settings are
    renewed (not with --keep). An output belongs to one frame: another frame's
    output, or a file that is not arwatch's, is never replaced unasked
    (--overwrite); the new output gets a name of its own, and the table says so.

    Of the settings, [watch] folders play no role here: only PATHS are
    processed.

    \b
    Example: arwatch process ~/captures/2026-11-21 DSC00001.ARW
    For Siril: arwatch process ~/captures/2026-11-21 --profile siril -o lights
    """
    if how["force"] and how["keep"]:
        raise click.UsageError("--force makes all outputs again, --keep keeps those made with other settings: give one")
    _load_ahead()
    from arwatch.commands import beside
    from arwatch.commands import process as process_frames
    from arwatch.commands.remember import Memory
    from arwatch.model.job import Replace

    in_file, file = in_force(config)
    settings = in_file
    if how["recursive"]:
        settings = settings.model_copy(update={"watch": settings.watch.model_copy(update={"recursive": True})})
    given = ({"folder": str(output.absolute())} if output else {}) | ({"profile": profile} if profile else {})
    settings = settings.model_copy(update={"output": settings.output.model_copy(update=given)})
    found = process_frames.find(paths, settings)
    beside.refuse_watched(found, in_file, output)
    if output is None:
        beside.refuse_missing_folder(settings)
    replace = Replace(current=how["force"], outdated=not how["keep"], foreign=how["overwrite"])
    failed = process_frames.process(found, settings, replace, Memory(found, in_file, file))
    process_frames.tell_left_out(paths, settings)
    sys.exit(1 if failed else 0)


@main.command(short_help="Be a camera: write realistic frames.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--frames", type=click.IntRange(1), help="How many. [default: 10; of a night 300]")
@click.option("--interval", type=click.FloatRange(0), help="Seconds between frames. [default: 5; of a night 0]")
@click.option("--size", type=SIZE, help="Height x width, pixels. [default: 4024x6024; of a night 600x900]")
@click.option("--scene", default="plain", show_default=True, type=click.Choice(["plain", "andromeda"]), help="What of.")
@click.option("--slow", is_flag=True, help="Write in chunks over seconds, as a download does.")
@click.option("--truth", is_flag=True, help="Save what is truly in the frames beside them.")
@click.option("--night", is_flag=True, help="A whole night, in which something happens.")
@click.option("--events", help="What happens in the night: clouds,dew (see below); else by chance.")
@click.option("--seed", type=click.IntRange(0), help="Another night for each. [default: 1]")
def simulate(folder: Path, **options: object) -> None:
    """Be a camera: write realistic frames into FOLDER, one after the other.

    The scene "plain" is a gradient with some stars. "andromeda" is M31 before a
    135-mm lens at full aperture, at the edge of a town, with all its stars.

    With --night one field is followed through a night of last winter, with
    seeing, dithers, a meridian flip, hot pixels and satellites; its frames come
    one right after the other. Its events: clouds, cirrus, patches, dew, defocus,
    drift, wind, stray_light, cap_on, and one of obstruction, moon and twilight.

    --truth saves each frame's sky and stars as .npz; of a night, one JSON file
    with each frame's star size, transparency, place and sky, and its events.

    \b
    Example: arwatch simulate ~/captures --frames 20 --interval 10 --slow
    A night: arwatch simulate ~/night --night --events clouds,dew --truth
    """
    from arwatch.commands import simulate as cameras

    cameras.simulate(folder, **options)  # type: ignore[arg-type]  # click has made them what they are


@main.command(short_help="Show the main job without a camera.")
@click.option("--frames", default=5, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--size", default="1000x1500", show_default=True, type=SIZE, help="Height x width, pixels.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Where; a temporary one otherwise.")
def demo(frames: int, size: tuple[int, int], folder: Path | None) -> None:
    """Show the main job without a camera: simulated frames, the real daemon.

    The frames show M31 before a lens that darkens its corners, at the edge of a
    town. A picture shows one of them before and after, by both models of the
    sky.

    All is made in a new folder, which may be deleted afterwards; where FOLDER
    holds something already, that is a folder in it.

    \b
    Example: arwatch demo --frames 3
    """
    from arwatch.commands import demo as show

    sys.exit(1 if show.demo(folder, frames, size) else 0)


@main.command(short_help="Say whether settings and machine are ready.")
@CONFIG
def check(config: Path | None) -> None:
    """Say whether settings and machine are ready, and what to do if not.

    The kernels are compiled here if they are not in the cache yet.

    \b
    Example: arwatch check --config /etc/arwatch/arwatch.toml
    """
    from arwatch.commands import check as checks

    settings, path = in_force(config)
    sys.exit(1 if checks.check(settings, path) else 0)


@main.command(short_help="Compare engine and photutils on your frames.")
@PATHS
@CONFIG
def verify(paths: Sequence[Path], config: Path | None) -> None:
    """Compare engine and photutils on your own frames: difference, time, memory.

    \b
    Example: arwatch verify DSC00001.ARW
    """
    from arwatch.commands import process as process_frames
    from arwatch.commands import verify as compare

    settings, _ = in_force(config)
    frames = [found.path for found in process_frames.find(paths, settings)]
    sys.exit(1 if compare.verify(frames, settings.background) else 0)


@main.command(short_help="Undo a subtraction: the raw mosaic again.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATHS...")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File or folder; else .raw.fits beside each.")
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@CONFIG
def restore(paths: Sequence[Path], config: Path | None, output: Path | None, *, force: bool) -> None:
    """Undo a subtraction: write the raw mosaic of arwatch's FITS files.

    Of a folder, all outputs in it are restored.

    \b
    Example: arwatch restore DSC00001.bkg_subtracted.fits
    """
    from arwatch.commands import restore as undo

    settings, _ = in_force(config)
    sys.exit(1 if undo.restore(paths, output, settings.output, force=force) else 0)


for _command in (*frames.COMMANDS, *services.COMMANDS, *about.COMMANDS):
    main.add_command(_command)
