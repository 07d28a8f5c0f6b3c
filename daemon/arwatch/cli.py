"""The commands: arguments in, exit code out."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arwatch import __version__
from arwatch.errors import ArwatchError, SettingsError
from arwatch.telling.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.daemon.service import Service
    from arwatch.daemon.signals import Signals
    from arwatch.settings import Settings

EX_CONFIG = 78
"""sysexits.h: the settings cannot be used; systemd does not start the service again."""

CONFIG = click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings, as in config.example.toml."
)
PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))


class Size(click.ParamType[tuple[int, int]]):
    """HEIGHTxWIDTH in pixels."""

    name = "HxW"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Read `4024x6024`."""
        found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", str(value).lower())
        if not found or min(int(found[1]), int(found[2])) < SMALLEST:
            self.fail(f"{value!r} is no size: HEIGHTxWIDTH, each {SMALLEST} or more, such as 4024x6024", param, ctx)
        return int(found[1]), int(found[2])


SMALLEST = 32
SIZE = Size()


class Commands(click.Group):
    """Turns what arwatch can explain into a message and an exit code; no user sees a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            _say(str(error))
            ctx.exit(EX_CONFIG)
        except ArwatchError as error:
            _say(str(error))
            ctx.exit(1)
        except sqlite3.Error as error:
            _say(f"the ledger cannot be used: {error}")
            ctx.exit(1)
        except OSError as error:
            _say(f"{error.filename or ''}: {error.strerror or error}")
            ctx.exit(1)


def _say(text: str) -> None:
    """Explain on stderr; names in the text may hold anything, its lines stay lines."""
    click.echo("arwatch: " + "\n".join(printable(line) for line in text.split("\n")), err=True)


def _load_ahead() -> None:
    """Begin with what takes longest: the workers' libraries are loaded while the command looks at its arguments."""
    from arwatch.platform import paths, processes

    processes.load_ahead(paths.cache_folder())


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, prog_name="arwatch")
def main() -> None:
    """Watch for Sony ARW frames and remove their sky background, band by band.

    \b
    Try it without a camera:   arwatch demo
    Watch a folder:            arwatch run ~/captures
    Process a finished night:  arwatch process ~/captures/2026-11-21
    """


@main.command(short_help="Watch folders; frames become FITS files.")
@click.argument("folders", nargs=-1)  # no click.Path: it would ask a share that may not answer
@CONFIG
def run(folders: Sequence[str], config: Path | None) -> None:
    """Watch FOLDERS until SIGTERM or Ctrl-C; frames become FITS files beside them.

    Frames that are there already and have no output are processed, too.
    Without FOLDERS, those of the settings are watched.

    Outputs that are missing are made. Those made with other settings are kept
    (`arwatch process` renews them). An output belongs to one frame: another
    frame's output, or a file that is not arwatch's, is never replaced unasked;
    the new output gets a name of its own, and the log says so.

    \b
    Example: arwatch run ~/captures --config ~/arwatch.toml
    """
    from arwatch.daemon.signals import Signals
    from arwatch.platform.processes import end_all

    with Signals() as signals:  # from before the first process is started: whatever the moment, a signal ends all
        try:
            service, code = _run(folders, config, signals)
        finally:
            held = end_all(END_S)
    if service.left_behind or held:  # a usual exit would wait for what a file system holds
        os._exit(code)
    sys.exit(code)


END_S = 2.0
"""How long the end of the daemon waits for processes that it has killed."""


def _run(folders: Sequence[str], config: Path | None, signals: Signals) -> tuple[Service, int]:
    _load_ahead()
    from arwatch.daemon.service import Service
    from arwatch.settings import load
    from arwatch.telling.log import Log

    given = tuple(str(Path(folder).absolute()) for folder in folders)

    def read() -> Settings:
        settings = load(config)
        if given:
            watch = settings.watch.model_copy(update={"folders": given})
            settings = settings.model_copy(update={"watch": watch})
        if not settings.watch.folders:
            raise SettingsError("no folder to watch: name one, or set [watch] folders in a file given by --config")
        return settings

    settings = read()
    service = Service(settings, read, Log(settings.log), signals)
    return service, service.run()


@main.command(short_help="Process files and folders once.")
@PATHS
@CONFIG
@click.option("--force", is_flag=True, help="Process also where the output is up to date.")
@click.option("--keep", is_flag=True, help="Keep outputs that were made with other settings.")
@click.option("--overwrite", is_flag=True, help="Replace also files that are not the frame's own output.")
def process(paths: Sequence[Path], config: Path | None, *, force: bool, keep: bool, overwrite: bool) -> None:
    """Process files and folders once; exit code 1 if any frame failed.

    Outputs that are missing are made. Those made with other settings are
    renewed (not with --keep). An output belongs to one frame: another frame's
    output, or a file that is not arwatch's, is never replaced unasked
    (--overwrite); the new output gets a name of its own, and the table says so.

    \b
    Example: arwatch process ~/captures/2026-11-21 DSC00001.ARW
    """
    if force and keep:
        raise click.UsageError("--force makes all outputs again, --keep keeps those made with other settings: give one")
    _load_ahead()
    from arwatch.commands import process as process_frames
    from arwatch.model.job import Replace
    from arwatch.settings import load

    settings = load(config)
    replace = Replace(current=force, outdated=not keep, foreign=overwrite)
    sys.exit(1 if process_frames.process(process_frames.find(paths, settings), settings, replace) else 0)


@main.command(short_help="Be a camera: write realistic frames.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--frames", default=10, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--interval", default=5.0, show_default=True, type=click.FloatRange(0), help="Seconds between frames.")
@click.option("--size", default="4024x6024", show_default=True, type=SIZE, help="Height x width, pixels.")
@click.option("--slow", is_flag=True, help="Write in chunks over seconds, as a download does.")
@click.option("--truth", is_flag=True, help="Save each frame's true sky and stars beside it (.npz).")
def simulate(folder: Path, frames: int, interval: float, size: tuple[int, int], *, slow: bool, truth: bool) -> None:
    """Be a camera: write realistic frames into FOLDER, one after the other.

    \b
    Example: arwatch simulate ~/captures --frames 20 --interval 10 --slow
    """
    from arwatch import simulate as camera

    scene = camera.tonight(*size)
    for path in camera.camera(folder, frames=frames, interval_s=interval, scene=scene, slow=slow, truth=truth):
        click.echo(printable(str(path)))


@main.command(short_help="Show the main job without a camera.")
@click.option("--frames", default=5, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--size", default="1000x1500", show_default=True, type=SIZE, help="Height x width, pixels.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Where; a new folder otherwise.")
def demo(frames: int, size: tuple[int, int], folder: Path | None) -> None:
    """Show the main job without a camera: simulated frames, the real daemon.

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
    from arwatch.settings import load

    sys.exit(1 if checks.check(load(config)) else 0)


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
    from arwatch.settings import load

    settings = load(config)
    frames = [found.path for found in process_frames.find(paths, settings)]
    sys.exit(1 if compare.verify(frames, settings.background) else 0)


@main.command(short_help="Undo a subtraction: the raw mosaic again.")
@click.argument("fits", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Instead of FITS with .raw.fits for .fits.")
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
def restore(fits: Path, output: Path | None, *, force: bool) -> None:
    """Undo a subtraction: write the raw mosaic of an arwatch FITS file.

    \b
    Example: arwatch restore DSC00001.bkg_subtracted.fits
    """
    from arwatch.output.fits import restore_file

    stem = fits.name.removesuffix(".fz").removesuffix(".fits")
    target = output or fits.with_name(f"{stem}.raw.fits")
    if target.exists() and not force:
        raise ArwatchError(f"{target} exists already: name another file with -o, or give --force")
    if target.exists() and target.samefile(fits):
        raise ArwatchError(f"{target} cannot be restored onto itself: name another file with -o")
    restore_file(fits, target)
    click.echo(printable(str(target)))


@main.command(short_help="Let failed frames be tried again.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="All failed frames.")
@CONFIG
def retry(paths: Sequence[Path], config: Path | None, *, everything: bool) -> None:
    """Let failed frames be tried again, at the daemon's next scan or start.

    \b
    Example: arwatch retry --all
    The system's service:
      sudo -u arwatch env STATE_DIRECTORY=/var/lib/arwatch arwatch retry --all
    """
    from arwatch.ledger import store
    from arwatch.platform.paths import state_folder
    from arwatch.settings import load

    if bool(paths) == everything:
        raise click.UsageError("name the frames to try again, or give --all")
    state = state_folder(load(config).state)
    if not (state / store.NAME).exists():
        raise ArwatchError(
            f"there is no ledger in {state}: name the daemon's settings by --config; for the system's service, run"
            " this as its user with STATE_DIRECTORY=/var/lib/arwatch"
        )
    book = store.Ledger(state)
    failed = [entry.path for entry in book.entries("failed")]
    known = set(failed)
    chosen = failed if everything else [path for path in (p.absolute() for p in paths) if path in known]
    for path in chosen:
        book.forget(path)
    book.close()
    for path in () if everything else (p.absolute() for p in paths):
        if path not in known:
            _say(f"{path} is not among the failed frames of the daemon's ledger")
    click.echo(f"{len(chosen)} of {len(failed)} failed frames will be tried again ({book.path})")
    sys.exit(0 if everything or len(chosen) == len(paths) else 1)


@main.command(hidden=True)
@click.argument("pid", type=click.IntRange(2))
def reload(pid: int) -> None:
    """Let the daemon PID read its settings again: the service's ExecReload.

    Exit code 78: they cannot be used, and those of before stay in force.

    \b
    Example: systemctl reload arwatch
    """
    from arwatch.daemon import reloading

    reloading.ask(pid)


USER = click.option("--user", is_flag=True, help="The service of your own account, not the system's.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would be done, do nothing.")


@main.command()
@USER
@CONFIG
@DRY_RUN
def install_service(config: Path | None, *, user: bool, dry_run: bool) -> None:
    """Install arwatch as a systemd service.

    The settings are /etc/arwatch/arwatch.toml (with --user:
    ~/.config/arwatch/arwatch.toml); they are made if there are none. Another
    file there makes an instance: --config /etc/arwatch/north.toml makes
    arwatch@north.

    \b
    Example: sudo arwatch install-service
    """
    from arwatch.commands.install import install

    install.install(config, user=user, dry=dry_run)


@main.command(short_help="Stop the systemd service and take it away.")
@USER
@CONFIG
@DRY_RUN
def uninstall_service(config: Path | None, *, user: bool, dry_run: bool) -> None:
    """Stop the systemd service and take it away; settings and ledger stay.

    \b
    Example: sudo arwatch uninstall-service
    """
    from arwatch.commands.install import install

    install.uninstall(config, user=user, dry=dry_run)


@main.command()
@USER
@click.option("--unit", default="arwatch", show_default=True, help="Or an instance: arwatch@NAME.")
@click.option("-n", "--lines", type=click.IntRange(0), show_default="20; all with --since", help="Events of before.")
@click.option("--since", metavar="TIME", help="From then on: 21:30, yesterday, -2h, '2026-11-21 20:00'.")
@click.option(
    "-p", "--priority", type=click.Choice(["debug", "info", "warning", "error"]), help="That level and graver ones."
)
@click.option("--failed", is_flag=True, help="Only what went wrong with frames.")
@click.option("--no-follow", is_flag=True, help="End after these.")
def logs(
    unit: str, lines: int | None, since: str | None, priority: str | None, *, failed: bool, user: bool, no_follow: bool
) -> None:
    """Follow a service's journal in readable form.

    Frames that arrive or are complete are no lines of their own; with
    -p debug they are.

    \b
    Example: arwatch logs --since 20:00 --failed
    """
    from arwatch.commands import logs as journal

    wanted = journal.Wanted(unit=unit, user=user, lines=lines, since=since, priority=priority, failed=failed)
    sys.exit(journal.show(wanted, follow=not no_follow))


@main.command("help", short_help="Read the manual, or a command's help.")
@click.argument("topic", required=False)
@click.pass_context
def help_(ctx: click.Context, topic: str | None) -> None:
    """Read the manual: a page, or a command's --help; without TOPIC, the list.

    \b
    Example: arwatch help night
    """
    from arwatch.commands import manual

    if topic is None:
        formatter = ctx.make_formatter()
        with formatter.section("Pages of the manual, shown by `arwatch help PAGE`"):
            formatter.write_dl([(name, manual.summary(name)) for name in manual.TOPICS])
        formatter.write_paragraph()
        formatter.write_text("`arwatch --help` lists the commands, `arwatch help COMMAND` explains one.")
        click.echo(formatter.getvalue().rstrip())
    elif topic in manual.TOPICS:
        manual.show(topic)
    elif topic in main.commands:
        command = main.commands[topic]
        click.echo(command.get_help(click.Context(command, info_name=topic, parent=ctx.parent)))
    else:
        meant = manual.nearest(topic, [*manual.TOPICS, *main.commands])
        hint = f"did you mean `arwatch help {meant}`?" if meant else "`arwatch help` lists what there is"
        raise click.UsageError(f"there is no page and no command {topic!r}: {hint}")
