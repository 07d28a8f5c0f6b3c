"""Commands about frames: which failed, another try, and what the models of the sky make of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arwatch.commands.options import CONFIG, in_force, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.ledger.history import History


@click.command(short_help="Let failed frames be tried again.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="All failed frames.")
@CONFIG
def retry(paths: Sequence[Path], config: Path | None, *, everything: bool) -> None:
    """Let failed frames be tried again, at the daemon's next scan or start.

    With sudo it is the system's service whose frames are tried again.

    \b
    Example: arwatch retry --all
    The system's service: sudo arwatch retry --all
    """
    from arwatch.commands.failed import NONE
    from arwatch.ledger.store import Ledger
    from arwatch.platform.fs import is_absent

    if bool(paths) == everything:
        raise click.UsageError("name the frames to try again, or give --all")
    with _history(config) as history:
        failed = [record.path for record in history.failed()]
    given = [path.absolute() for path in paths]
    chosen = failed if everything else [path for path in given if path in failed]
    absent = set(filter(is_absent, chosen))
    ledger = Ledger(history.path.parent)
    for path in chosen:
        (ledger.vanished if path in absent else ledger.ask_again)(path)
    ledger.close()
    for path in absent:
        say(f"{path} is not there any more: nothing to try again")
    for path in given:
        if path not in failed:
            say(f"{path} is not among the failed frames of the daemon's ledger")
    again = len(chosen) - len(absent)
    click.echo(f"{again} of {len(failed)} failed frames will be tried again ({ledger.path})" if failed else NONE)
    sys.exit(0 if everything or again == len(paths) else 1)


@click.command(short_help="List the frames that failed.")
@click.option("--json", "as_json", is_flag=True, help="One object a line, for programs.")
@CONFIG
def failed(config: Path | None, *, as_json: bool) -> None:
    """List the frames that failed and were not dealt with since: why, and when.

    It may be asked at any time, whether the daemon runs or not. A frame leaves
    the list when it has become a FITS file, or is to be tried again.

    \b
    Example: arwatch failed --json
    The system's service: sudo arwatch failed
    """
    from arwatch.commands import failed as failures

    with _history(config) as history:
        failures.show(history, as_json=as_json)


@click.command(short_help="Measure stars and sky of frames.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One object a line, for programs.")
@CONFIG
def measure(paths: Sequence[Path], config: Path | None, *, as_json: bool) -> None:
    """Measure stars and sky of frames or outputs; nothing is written.

    The frames of one call are matched to each other by their stars, in the order
    given: dx, dy and turn say how far the stars moved and turned since the first
    frame of the field, light how transparent the sky was. Of a folder its frames
    are measured, where it has none its outputs.

    \b
    Example: arwatch measure ~/captures/2026-11-21
    For programs: arwatch measure --json DSC00001.ARW DSC00002.ARW
    """
    from arwatch.commands import measure as how

    settings, _ = in_force(config)
    sys.exit(1 if how.measure(how.find(paths, settings), settings, as_json=as_json) else 0)


@click.command(short_help="Show a night: sums, conditions, a table.")
@click.argument("when", default="last", metavar="[DATE|last]")
@click.option("--json", "form", flag_value="json", help="One object, for programs.")
@click.option("--csv", "form", flag_value="csv", help="A line a frame, for spreadsheets.")
@CONFIG
def night(when: str, config: Path | None, form: str | None) -> None:
    """Show the night that began on the evening of DATE, or the last one.

    It has the frames that `arwatch run` and `arwatch process` made outputs of:
    their figures, and what they were exposed under (arwatch help conditions).

    \b
    Example: arwatch night 2026-11-21 --csv > night.csv
    The system's service: sudo arwatch night
    """
    from arwatch.commands import night as shown
    from arwatch.commands import nights
    from arwatch.commands.state import daemons_state
    from arwatch.ledger.nights import Nights

    with Nights(daemons_state(*in_force(config))) as history:
        day, found = nights.night(history, when)
    if form == "json":
        shown.show_json(day, found)
    elif form == "csv":
        shown.show_csv(found)
    else:
        shown.show(day, found)


@click.command(short_help="Choose a night's good frames.")
@click.argument("when", default="last", metavar="[DATE|last]")
@click.option("--keep", default="", metavar="TEXT", help="What a frame must fulfil: 'fwhm_px < 3 and stars > 100'.")
@click.option("--best", default="", metavar="SHARE", help="Of those the best ones: 80%, or 40 frames.")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="A new folder for the choice.")
@CONFIG
def select(when: str, config: Path | None, keep: str, best: str, output: Path | None) -> None:
    """Choose the good frames of a night; nothing is moved or deleted.

    Each rejected frame is told with its reason. With --output a new folder gets
    the lists, a weight for each frame (what its exposure is worth), links to the
    outputs with a script for Siril, and a CSV for AstroBin.

    \b
    Example: arwatch select --keep "fwhm_px < 3 and transparency > 0.8" -o best
    The best of them: arwatch select 2026-11-21 --best 80%
    Relative limits: arwatch select --keep "fwhm_px < 1.2 * median"
    """
    from arwatch.commands import nights
    from arwatch.commands import select as how
    from arwatch.commands.state import daemons_state
    from arwatch.ledger.nights import Nights
    from arwatch.night.choose import choose

    if not keep.strip() and not best.strip():
        raise click.UsageError("say what is good: --keep 'fwhm_px < 3', or --best 80%")
    with Nights(daemons_state(*in_force(config))) as history:
        _, night = nights.night(history, when)
        choices = choose(night.frames, keep, best)
        outputs = history.outputs(choice.frame.number for choice in choices if choice.kept)
    if output is not None:
        how.write(choices, outputs, output.absolute())
    how.show(choices)


@click.command(short_help="Show both models of the sky on your frames.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FRAME...")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for the pictures, or a picture's name.")
@CONFIG
def compare(paths: Sequence[Path], config: Path | None, output: Path | None) -> None:
    """Show what both models of the sky make of your frames, and which to choose.

    For each FRAME (of a folder: all in it) a picture is written into the folder
    that you are in, as DSC00001.models.jpg; nothing is ever replaced. It shows
    above what each model takes for sky, below what it leaves. The numbers
    printed say how even the edges are. The choice is the key `model` of
    [background]; the other keys there are taken as they are.

    \b
    Example: arwatch compare ~/captures/2026-11-21/DSC01234.ARW
    """
    from arwatch.commands import compare as both
    from arwatch.commands import process as process_frames

    settings, _ = in_force(config)
    frames = [found.path for found in process_frames.find(paths, settings)]
    sys.exit(1 if both.compare(frames, output, settings.background) else 0)


def _history(config: Path | None) -> History:
    """Give the history that the daemon of these settings writes."""
    from arwatch.commands.state import daemons_state
    from arwatch.ledger.history import History

    return History(daemons_state(*in_force(config)))


COMMANDS = (retry, failed, measure, night, select, compare)
